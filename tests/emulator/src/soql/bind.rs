//! Names to places. Whatever is named is noted as touched: this is where the executor decides what it reads.

use super::ast::{Arg, Expr, Query};
use super::eval::View;
use super::functions::{Aggregate, Function};
use super::plan::{Column, ENTITY, Hop, Key, Plan, Reach, Scalar};
use crate::fault::{Fault, Outcome};
use crate::schema::{Field, Kind, Object};
use crate::touch::{Touches, Verb};
use crate::value::Value;

mod columns;
mod conditions;

/// Binds one query; a subquery gets a binder of its own.
pub(crate) struct Binder<'a> {
    pub(crate) view: View<'a>,
    pub(crate) touches: &'a mut Touches,
    object: &'a Object,
    /// Names that stand for the queried object or a parent of it.
    aliases: Vec<(String, Vec<String>)>,
    /// Names of columns, for ORDER BY and HAVING.
    labels: Vec<(String, Expr)>,
    all_rows: bool,
}

/// Binds a query over the object that its FROM names.
pub(crate) fn bind(view: View<'_>, touches: &mut Touches, query: &Query, all_rows: bool) -> Outcome<Plan> {
    let source = query.from.first().ok_or_else(|| Fault::malformed_query("nothing to select from"))?;
    let name = match source.path.as_slice() {
        [name] => name,
        _ => return Err(Fault::malformed_query("FROM needs the name of an object")),
    };
    let object = object(view, name)?;
    if object.is_event() {
        return Err(Fault::no_such_object(name));
    }
    Binder::over(view, touches, object, query, all_rows).plan(query)
}

/// The object of a name, tried first in the caller's namespace.
pub(crate) fn object<'a>(view: View<'a>, name: &str) -> Outcome<&'a Object> {
    let qualified = view.namespace.and_then(|namespace| view.schema.object(&format!("{namespace}__{name}")));
    qualified.or_else(|| view.schema.object(name)).ok_or_else(|| Fault::no_such_object(name))
}

/// The field of a name, tried first in the caller's namespace.
pub(crate) fn field<'a>(view: View<'_>, object: &'a Object, name: &str) -> Option<&'a Field> {
    let qualified = view.namespace.and_then(|namespace| object.field(&format!("{namespace}__{name}")));
    qualified.or_else(|| object.field(name)).map(|(_, field)| field)
}

// === impl Binder ===

impl<'a> Binder<'a> {
    /// A binder for a query over a known object.
    pub(crate) fn over(
        view: View<'a>,
        touches: &'a mut Touches,
        object: &'a Object,
        query: &Query,
        all_rows: bool,
    ) -> Self {
        let mut aliases: Vec<(String, Vec<String>)> = Vec::new();
        for (place, source) in query.from.iter().enumerate() {
            let path = if place == 0 {
                Vec::new()
            } else {
                let (head, tail) = match source.path.split_first() {
                    Some((head, tail)) => (head.as_str(), tail),
                    None => ("", &[][..]),
                };
                let known = aliases.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(head));
                let mut path = known.map(|(_, path)| path.clone()).unwrap_or_default();
                path.extend(tail.iter().cloned());
                path
            };
            aliases.extend(source.alias.clone().map(|alias| (alias, path)));
        }
        Self { view, touches, object, aliases, labels: Vec::new(), all_rows }
    }

    /// Binds the whole query.
    pub(crate) fn plan(mut self, query: &Query) -> Outcome<Plan> {
        let mut plan = Plan {
            object: self.object.index,
            limit: query.limit,
            offset: query.offset,
            all_rows: self.all_rows,
            marks: query.marks,
            ..Plan::default()
        };
        if query.offset > 2000 {
            return Err(Fault::bad("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"));
        }
        if let Some(filter) = &query.filter {
            plan.filter = Some(self.condition(filter)?);
        }
        if let Some(scope) = query.scope.as_deref().filter(|scope| scope.eq_ignore_ascii_case("mine")) {
            self.mine(scope, &mut plan)?;
        }
        for expr in &query.group {
            plan.group.push(self.scalar(expr)?);
        }
        self.columns(query, &mut plan)?;
        if let Some(having) = &query.having {
            plan.having = Some(self.condition(having)?);
        }
        for order in &query.order {
            let scalar = self.scalar(&order.expr)?;
            plan.order.push(Key { scalar, descending: order.descending, nulls_last: order.nulls_last });
        }
        self.touches.object(Verb::Read, &self.object.name);
        if query.marks {
            self.touches.field(Verb::Update, &self.object.name, "LastViewedDate");
        }
        Ok(plan)
    }

    /// `USING SCOPE mine` chooses rows without naming a field.
    fn mine(&self, scope: &str, plan: &mut Plan) -> Outcome<()> {
        let (_, owner) = self
            .object
            .field("OwnerId")
            .ok_or_else(|| Fault::malformed_query(format!("invalid scope: {scope}")))?;
        let left = Scalar::Field(Reach { hops: Vec::new(), field: owner.name.clone(), kind: owner.kind });
        let right = Value::text(self.view.user);
        let mine = super::plan::Test::Compare { left, operator: "=", right, exact: true };
        let parts = plan.filter.take().into_iter().chain([mine]).collect();
        plan.filter = Some(super::plan::Test::All(parts));
        Ok(())
    }

    /// Binds an expression; the name of a column stands for what is in the column.
    fn scalar(&mut self, expr: &Expr) -> Outcome<Scalar> {
        match expr {
            Expr::Path(path) => {
                if let [name] = path.as_slice()
                    && let Some((_, labelled)) =
                        self.labels.iter().find(|(label, _)| label.eq_ignore_ascii_case(name))
                    && self.object.field(name).is_none()
                {
                    let labelled = labelled.clone();
                    return self.scalar(&labelled);
                }
                Ok(Scalar::Field(self.reach(path)?))
            }
            Expr::Call { name, args } => self.call(name, args),
        }
    }

    fn call(&mut self, name: &str, args: &[Arg]) -> Outcome<Scalar> {
        if let Some(aggregate) = Aggregate::named(name) {
            return match args {
                [] if aggregate == Aggregate::Count => Ok(Scalar::Aggregate(aggregate, None)),
                [Arg::Expr(expr)] => Ok(Scalar::Aggregate(aggregate, Some(Box::new(self.scalar(expr)?)))),
                _ => Err(Fault::malformed_query(format!("{name} needs one field"))),
            };
        }
        let function = Function::named(name)
            .ok_or_else(|| Fault::malformed_query(format!("Invalid function: {name}")))?;
        if function == Function::Distance {
            return self.distance(args);
        }
        match args {
            [Arg::Expr(expr)] => Ok(Scalar::Call(function, vec![self.scalar(expr)?])),
            _ => Err(Fault::malformed_query(format!("{name} needs one field"))),
        }
    }

    /// A location becomes its two coordinates, a GEOLOCATION its two numbers.
    fn distance(&mut self, args: &[Arg]) -> Outcome<Scalar> {
        let mut parts = Vec::new();
        for arg in args {
            match arg {
                Arg::Literal(literal) => parts.push(Scalar::Constant(conditions::plain(literal))),
                Arg::Expr(Expr::Call { name, args }) if name.eq_ignore_ascii_case("GEOLOCATION") => {
                    for arg in args {
                        if let Arg::Literal(literal) = arg {
                            parts.push(Scalar::Constant(conditions::plain(literal)));
                        }
                    }
                }
                Arg::Expr(Expr::Path(path)) => {
                    let reach = self.reach(path)?;
                    for coordinate in ["Latitude", "Longitude"] {
                        let field = coordinate_field(&reach.field, coordinate);
                        parts.push(Scalar::Field(Reach {
                            field,
                            kind: Kind::Double("double"),
                            ..reach.clone()
                        }));
                    }
                }
                Arg::Expr(_) => return Err(Fault::malformed_query("DISTANCE needs locations")),
            }
        }
        if parts.len() != 5 {
            return Err(Fault::malformed_query("DISTANCE needs two locations and a unit"));
        }
        Ok(Scalar::Call(Function::Distance, parts))
    }

    /// A path without the leading name of the queried object or of an alias.
    fn relative(&self, path: &[String]) -> Vec<String> {
        let Some((head, tail)) = path.split_first().filter(|(_, tail)| !tail.is_empty()) else {
            return path.to_vec();
        };
        if let Some((_, prefix)) = self.aliases.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(head)) {
            return prefix.iter().chain(tail).cloned().collect();
        }
        let is_self = head.eq_ignore_ascii_case(&self.object.name) && self.object.parent(head).is_none();
        if is_self { tail.to_vec() } else { path.to_vec() }
    }

    /// Binds a path to a field, noting every key and the field at the end.
    pub(crate) fn reach(&mut self, path: &[String]) -> Outcome<Reach> {
        let path = self.relative(path);
        let Some((leaf, hops)) = path.split_last() else {
            return Err(Fault::malformed_query("empty path"));
        };
        let (hops, ends) = self.hops(hops)?;
        self.leaf(hops, &ends, leaf)
    }

    /// Binds the relationships of a path: the hops, and the objects where they may end.
    fn hops(&mut self, names: &[String]) -> Outcome<(Vec<Hop>, Ends<'a>)> {
        let mut hops = Vec::new();
        let mut ends = Ends { objects: vec![self.object], key: None };
        for name in names {
            let Some(object) = ends.objects.first().copied() else {
                return Err(Fault::bad("INVALID_FIELD", format!("Didn't understand relationship '{name}'")));
            };
            let field = self.parent(object, name)?;
            self.touches.field(Verb::Read, &object.name, &field.name);
            let relationship = field.relationship.clone().unwrap_or_default();
            hops.push(Hop { key: field.name.clone(), relationship });
            let known = field.targets.iter().filter_map(|target| self.view.schema.object(target));
            ends = if field.is_polymorphic() {
                let virtual_name = self.view.schema.object("Name").filter(|_| field.open_ended);
                Ends {
                    objects: virtual_name.map_or_else(|| known.collect(), |name| vec![name]),
                    key: Some(field),
                }
            } else {
                Ends { objects: known.collect(), key: None }
            };
        }
        if hops.len() > 5 {
            return Err(Fault::malformed_query("Relationships can be followed up to 5 levels"));
        }
        Ok((hops, ends))
    }

    fn parent(&self, object: &'a Object, name: &str) -> Outcome<&'a Field> {
        let qualified =
            self.view.namespace.and_then(|namespace| object.parent(&format!("{namespace}__{name}")));
        qualified.or_else(|| object.parent(name)).map(|(_, field)| field).ok_or_else(|| {
            Fault::bad(
                "INVALID_FIELD",
                format!("Didn't understand relationship '{name}' in field path of '{}'.", object.name),
            )
        })
    }

    fn leaf(&mut self, hops: Vec<Hop>, ends: &Ends<'_>, leaf: &str) -> Outcome<Reach> {
        if ends.key.is_some() && leaf.eq_ignore_ascii_case("Type") {
            return Ok(Reach { hops, field: ENTITY.to_owned(), kind: Kind::Text("string") });
        }
        let mut bound = None;
        for object in &ends.objects {
            if let Some(field) = field(self.view, object, leaf) {
                self.touches.field(Verb::Read, &object.name, &field.name);
                bound = Some(Reach { hops: hops.clone(), field: field.name.clone(), kind: field.kind });
            }
        }
        let last = ends.objects.first().map_or("Name", |object| object.name.as_str());
        bound.ok_or_else(|| Fault::no_such_field(leaf, last))
    }
}

/// Where a path has come to: the objects it may be at, and the polymorphic key it came by.
struct Ends<'a> {
    objects: Vec<&'a Object>,
    key: Option<&'a Field>,
}

/// `Loc__c` is made of `Loc__latitude__s`, `MailingAddress` of `MailingLatitude`.
fn coordinate_field(location: &str, coordinate: &str) -> String {
    match location.strip_suffix("__c") {
        Some(custom) => format!("{custom}__{}__s", coordinate.to_lowercase()),
        None => format!("{}{coordinate}", location.trim_end_matches("Address")),
    }
}

/// A column that shows a field under the parent it belongs to.
pub(crate) fn shown(reach: Reach) -> Column {
    Column::Value { hops: reach.hops.clone(), label: reach.label().to_owned(), scalar: Scalar::Field(reach) }
}
