//! The SELECT list.

use super::super::ast::{Arg, Expr, Item, Query};
use super::super::plan::{Column, Plan, Scalar};
use super::{Binder, shown};
use crate::fault::{Fault, Outcome};
use crate::touch::Verb;
use std::sync::Arc;

impl Binder<'_> {
    /// Binds the SELECT list into the plan.
    pub(super) fn columns(&mut self, query: &Query, plan: &mut Plan) -> Outcome<()> {
        let mut unnamed = 0;
        for item in &query.select {
            match item {
                Item::Expr { expr: Expr::Call { name, args }, .. } if name.eq_ignore_ascii_case("FIELDS") => {
                    self.all_fields(args, query, plan)?;
                }
                Item::Expr { expr: Expr::Call { name, args }, alias: None }
                    if name.eq_ignore_ascii_case("COUNT") && args.is_empty() =>
                {
                    plan.count_only = query.select.len() == 1 && query.group.is_empty();
                    plan.aggregated = true;
                }
                Item::Expr { expr, alias } => {
                    let column = self.value_column(expr, alias.as_deref(), &mut unnamed)?;
                    plan.columns.push(column);
                }
                Item::Children { query } => {
                    let column = self.children(query)?;
                    plan.columns.push(column);
                }
                Item::TypeOf { path, when, otherwise } => {
                    let column = self.type_of(path, when, otherwise)?;
                    plan.columns.push(column);
                }
            }
        }
        let aggregates = plan
            .columns
            .iter()
            .any(|column| matches!(column, Column::Value { scalar, .. } if scalar.is_aggregate()));
        plan.aggregated |= aggregates || !plan.group.is_empty();
        if plan.aggregated { grouped_only(plan) } else { Ok(()) }
    }

    fn value_column(&mut self, expr: &Expr, alias: Option<&str>, unnamed: &mut usize) -> Outcome<Column> {
        let scalar = self.scalar(expr)?;
        if let Some(alias) = alias {
            self.labels.push((alias.to_owned(), expr.clone()));
            return Ok(Column::Value { hops: Vec::new(), label: alias.to_owned(), scalar });
        }
        if let (false, Some(reach)) = (scalar.is_aggregate(), scalar.reach()) {
            let is_date_part = matches!(expr, Expr::Call { name, .. } if !RENAMES_NOTHING.iter().any(|same| same.eq_ignore_ascii_case(name)));
            if !is_date_part {
                let (hops, label) = (reach.hops.clone(), reach.label().to_owned());
                return Ok(Column::Value { hops, label, scalar });
            }
        }
        *unnamed += 1;
        Ok(Column::Value { hops: Vec::new(), label: format!("expr{}", *unnamed - 1), scalar })
    }

    /// `FIELDS(ALL)` and its like.
    fn all_fields(&mut self, args: &[Arg], query: &Query, plan: &mut Plan) -> Outcome<()> {
        let which = match args {
            [Arg::Expr(Expr::Path(path))] => path.join(".").to_ascii_uppercase(),
            _ => return Err(Fault::malformed_query("FIELDS needs ALL, STANDARD or CUSTOM")),
        };
        if which != "STANDARD" && query.limit.is_none_or(|limit| limit > 200) {
            return Err(Fault::malformed_query("The SOQL FIELDS function must have a LIMIT of at most 200"));
        }
        for field in &self.object.fields {
            let wanted = match which.as_str() {
                "ALL" => true,
                "STANDARD" => !field.is_custom(),
                "CUSTOM" => field.is_custom(),
                _ => return Err(Fault::malformed_query("FIELDS needs ALL, STANDARD or CUSTOM")),
            };
            if wanted {
                let reach = self.reach(std::slice::from_ref(&field.name))?;
                plan.columns.push(shown(reach));
            }
        }
        Ok(())
    }

    fn children(&mut self, query: &Query) -> Outcome<Column> {
        let path = query.from.first().map(|source| self.relative(&source.path)).unwrap_or_default();
        let [name] = path.as_slice() else {
            return Err(Fault::malformed_query("a subquery needs the name of a child relationship"));
        };
        let qualified =
            self.view.namespace.and_then(|namespace| self.object.child(&format!("{namespace}__{name}")));
        let child = qualified.or_else(|| self.object.child(name)).ok_or_else(|| {
            Fault::bad(
                "INVALID_TYPE",
                format!("Didn't understand relationship '{name}' in FROM part of query call."),
            )
        })?;
        let object =
            self.view.schema.object(&child.object).ok_or_else(|| Fault::no_such_object(&child.object))?;
        self.touches.field(Verb::Read, &object.name, &child.field);
        let inner = Binder::over(self.view, self.touches, object, query, self.all_rows).plan(query)?;
        if inner.aggregated {
            return Err(Fault::malformed_query("Grouping and aggregates are not allowed in a subquery"));
        }
        Ok(Column::Children {
            name: child.relationship.clone(),
            key: child.field.clone(),
            plan: Arc::new(inner),
        })
    }

    fn type_of(
        &mut self,
        path: &[String],
        when: &[(String, Vec<Vec<String>>)],
        otherwise: &[Vec<String>],
    ) -> Outcome<Column> {
        let path = self.relative(path);
        let (hops, _) = self.hops(&path)?;
        let mut bound = Vec::new();
        for (target, paths) in when {
            let object = super::object(self.view, target)?;
            bound.push((object.index, self.at(object, paths)?));
        }
        let name = super::object(self.view, "Name")?;
        let otherwise = self.at(name, otherwise)?;
        Ok(Column::TypeOf { hops, when: bound, otherwise })
    }

    /// Binds paths that start at another object.
    fn at(&mut self, object: &crate::schema::Object, paths: &[Vec<String>]) -> Outcome<Vec<Column>> {
        let nothing = Query::default();
        let mut inner = Binder::over(self.view, self.touches, object, &nothing, self.all_rows);
        paths.iter().map(|path| inner.reach(path).map(shown)).collect()
    }
}

/// With groups, a column must be an aggregate or one of the groups.
fn grouped_only(plan: &Plan) -> Outcome<()> {
    for column in &plan.columns {
        let Column::Value { scalar, label, .. } = column else {
            return Err(Fault::malformed_query("Grouping does not go with subqueries"));
        };
        let same = |other: &Scalar| match (scalar.reach(), other.reach()) {
            (Some(a), Some(b)) => {
                a.field.eq_ignore_ascii_case(&b.field)
                    && a.hops.iter().map(|hop| &hop.key).eq(b.hops.iter().map(|hop| &hop.key))
            }
            _ => false,
        };
        if !scalar.is_aggregate() && !plan.group.iter().any(same) {
            return Err(Fault::malformed_query(format!("Field must be grouped or aggregated: {label}")));
        }
    }
    Ok(())
}

/// Functions whose column keeps the field's name.
const RENAMES_NOTHING: [&str; 3] = ["toLabel", "FORMAT", "convertCurrency"];
