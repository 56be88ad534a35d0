//! `mutation { uiapi { AccountCreate(input: {Account: {...}}) { Record { Id } } } }`

use super::syntax::Field;
use super::{Scope, invalid, query};
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::records::Body;
use crate::schema::Object;
use crate::soql::ast::{Expr, Item, Query, Source};
use serde_json::{Map, Value as Json, json};

/// Every operation, in order; unless told otherwise, one failure takes back all.
pub(super) fn run(call: &mut Call<'_>, scope: &Scope<'_>, field: &Field) -> Outcome<Json> {
    let input = scope.argument(field, "input")?;
    let together = input.get("allOrNone").and_then(Json::as_bool).unwrap_or(true);
    let before = call.state.store.clone();
    let mut map = Map::new();
    for operation in scope.fields(&field.selection)? {
        match one(call, scope, operation) {
            Ok(value) => {
                map.insert(operation.key().to_owned(), value);
            }
            Err(fault) if together => {
                call.state.store = before;
                return Err(fault);
            }
            Err(_) => {
                map.insert(operation.key().to_owned(), Json::Null);
            }
        }
    }
    Ok(Json::Object(map))
}

fn one(call: &mut Call<'_>, scope: &Scope<'_>, field: &Field) -> Outcome<Json> {
    let schema = call.schema();
    let split = ["Create", "Update", "Delete"]
        .into_iter()
        .find_map(|verb| Some((field.name.strip_suffix(verb)?, verb)));
    let named = split.and_then(|(name, verb)| Some((schema.object(name)?, verb)));
    let (object, verb) = named.ok_or_else(|| invalid(format!("Field '{}' is undefined", field.name)))?;
    let input = scope.argument(field, "input")?;
    let body: Body = input.get(&object.name).and_then(Json::as_object).cloned().unwrap_or_default();
    let given = input.get("Id").and_then(Json::as_str);
    let id = match verb {
        "Create" => call.create(object, &body)?,
        _ => {
            // The id decides, whatever the operation's name says.
            let (kind, found) = call.anywhere(&schema, given.ok_or_else(|| invalid("Id is needed"))?)?;
            if found.row.deleted {
                return Err(Fault::new(404, "ENTITY_IS_DELETED", "entity is deleted"));
            }
            if verb == "Update" {
                call.update(kind, &found, &body)?;
            } else {
                call.delete(kind, &found);
            }
            found.id
        }
    };
    let mut map = Map::new();
    for part in scope.fields(&field.selection)? {
        let value = match part.name.as_str() {
            "Record" => record(call, scope, object, (part, &id))?,
            "success" => json!(true),
            "Id" => json!(id),
            other => return Err(invalid(format!("Field '{other}' is undefined"))),
        };
        map.insert(part.key().to_owned(), value);
    }
    Ok(Json::Object(map))
}

/// The record that was written, read back.
fn record(
    call: &mut Call<'_>,
    scope: &Scope<'_>,
    object: &Object,
    (field, id): (&Field, &str),
) -> Outcome<Json> {
    let schema = call.schema();
    let found = call.record(object, id)?;
    let names = scope.fields(&field.selection)?.into_iter().map(|part| part.name.clone());
    let select = names.filter(|name| name != "__typename");
    let select = select.map(|name| Item::Expr { expr: Expr::Path(vec![name]), alias: None }).collect();
    let from = vec![Source { path: vec![object.name.clone()], alias: None }];
    let plan = call.bind(&Query { select, from, ..Query::default() }, false)?;
    let rows = call.write("query", |writer| writer.records(&plan, &[found]));
    query::node(scope, (&schema, object), &field.selection, rows.first().unwrap_or(&Json::Null))
}
