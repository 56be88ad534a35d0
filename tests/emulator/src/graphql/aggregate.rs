//! `uiapi.aggregate.{Object}(groupBy: {...})`

use super::syntax::Field;
use super::{Scope, filters, invalid, query};
use crate::call::Call;
use crate::fault::Outcome;
use crate::soql::ast::{Arg, Expr, Item, Query, Source};
use serde_json::{Map, Value as Json, json};

/// Groups as edges.
pub(super) fn connection(call: &mut Call<'_>, scope: &Scope<'_>, field: &Field) -> Outcome<Json> {
    let schema = call.schema();
    let object =
        schema.object(&field.name).ok_or_else(|| invalid(format!("Field '{}' is undefined", field.name)))?;
    let mut query = Query {
        from: vec![Source { path: vec![object.name.clone()], alias: None }],
        filter: filters::condition(&schema, object, &scope.argument(field, "where")?)?,
        order: filters::order(&scope.argument(field, "orderBy")?)?,
        limit: scope.argument(field, "first")?.as_u64(),
        ..Query::default()
    };
    for (name, how) in scope.argument(field, "groupBy")?.as_object().into_iter().flatten() {
        let path = Expr::Path(vec![name.clone()]);
        let function = how.get("function").and_then(Json::as_str);
        query.group.push(match function {
            Some(function) => Expr::Call { name: function.to_owned(), args: vec![Arg::Expr(path)] },
            None => path,
        });
    }
    let wanted = wanted(scope, field)?;
    for (place, (name, function)) in wanted.iter().enumerate() {
        let path = Expr::Path(vec![(*name).to_owned()]);
        let expr = match function {
            Some(function) => Expr::Call { name: soql_name(function)?, args: vec![Arg::Expr(path)] },
            None => path,
        };
        query.select.push(Item::Expr { expr, alias: Some(format!("c{place}")) });
    }
    let plan = call.bind(&query, false)?;
    let answer = crate::soql::run::execute(call.view(), &plan)?;
    let rows = call.write("query", |writer| writer.rows(&plan, &answer.rows, 0));
    shape(scope, field, &rows)
}

fn soql_name(function: &str) -> Outcome<String> {
    match function {
        "count" | "sum" | "avg" | "min" | "max" => Ok(function.to_owned()),
        "countDistinct" => Ok("COUNT_DISTINCT".to_owned()),
        other => Err(invalid(format!("Unknown aggregate {other}"))),
    }
}

/// The fields below `edges.node.aggregate`, in order, each with the function asked of it.
fn wanted<'a>(scope: &Scope<'a>, field: &'a Field) -> Outcome<Vec<(&'a str, Option<&'a str>)>> {
    let mut wanted = Vec::new();
    for part in fields_below(scope, field, &["edges", "node", "aggregate"])? {
        for inner in scope.fields(&part.selection)? {
            let plain = ["value", "displayValue", "label"].contains(&inner.name.as_str());
            wanted.push((part.name.as_str(), (!plain).then_some(inner.name.as_str())));
        }
    }
    if wanted.is_empty() {
        return Err(invalid("an aggregate query needs edges { node { aggregate { ... } } }"));
    }
    Ok(wanted)
}

fn fields_below<'a>(scope: &Scope<'a>, field: &'a Field, names: &[&str]) -> Outcome<Vec<&'a Field>> {
    let Some((name, rest)) = names.split_first() else { return scope.fields(&field.selection) };
    let mut fields = Vec::new();
    for part in scope.fields(&field.selection)?.into_iter().filter(|part| part.name == *name) {
        fields.extend(fields_below(scope, part, rest)?);
    }
    Ok(fields)
}

fn shape(scope: &Scope<'_>, field: &Field, rows: &[Json]) -> Outcome<Json> {
    let mut edges = Vec::new();
    for row in rows {
        let mut map = Map::new();
        let mut place = 0;
        for part in fields_below(scope, field, &["edges", "node", "aggregate"])? {
            let mut inner = Map::new();
            for function in scope.fields(&part.selection)? {
                let value = row.get(format!("c{place}")).cloned().unwrap_or_default();
                place += 1;
                let shown =
                    if function.selection.is_empty() { value } else { query::leaf(scope, function, &value)? };
                inner.insert(function.key().to_owned(), shown);
            }
            map.insert(part.key().to_owned(), Json::Object(inner));
        }
        edges.push(json!({ "node": { "aggregate": map } }));
    }
    Ok(json!({ "edges": edges, "totalCount": rows.len() }))
}
