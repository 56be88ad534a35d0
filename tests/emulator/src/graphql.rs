//! `/graphql`: the query and mutation shapes of the org's GraphQL API, run over the same executor as SOQL.

use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::wire::{Ask, Reply};
use serde_json::{Map, Value as Json, json};

mod aggregate;
mod filters;
mod mutation;
mod parser;
mod query;
mod syntax;

use syntax::{Document, Field, Operation};

/// A request: always HTTP 200 once its body is JSON.
pub(crate) fn answer(call: &mut Call<'_>, ask: &Ask) -> Outcome<Reply> {
    if ask.method != "POST" {
        return Err(Fault::method_not_allowed(&ask.method, "POST"));
    }
    let body = ask.json()?;
    let text = body.get("query").and_then(Json::as_str).ok_or_else(|| Fault::bad_json("query is needed"))?;
    let variables = body.get("variables").and_then(Json::as_object).cloned().unwrap_or_default();
    let name = body.get("operationName").and_then(Json::as_str);
    Ok(Reply::ok(&match run(call, text, name, &variables) {
        Ok(data) => json!({ "data": data, "errors": [] }),
        Err(fault) => json!({
            "data": null,
            "errors": [{ "message": fault.message, "paths": [], "locations": [],
                "extensions": { "ErrorType": fault.code } }],
        }),
    }))
}

fn run(call: &mut Call<'_>, text: &str, name: Option<&str>, variables: &Map<String, Json>) -> Outcome<Json> {
    let document = parser::parse(text)?;
    let operation = chosen(&document, name)?;
    let scope = Scope { document: &document, variables: with_defaults(operation, variables) };
    let mut data = Map::new();
    for field in scope.fields(&operation.selection)? {
        let value = match field.name.as_str() {
            "uiapi" if operation.is_mutation => mutation::run(call, &scope, field)?,
            "uiapi" => uiapi(call, &scope, field)?,
            "__typename" => json!("Query"),
            "__schema" => json!({ "types": call.state.schema.objects().iter()
                .map(|object| json!({ "name": object.name })).collect::<Vec<_>>() }),
            "__type" => json!({ "name": scope.argument(field, "name")? }),
            other => return Err(invalid(format!("Field '{other}' is undefined"))),
        };
        data.insert(field.key().to_owned(), value);
    }
    Ok(Json::Object(data))
}

fn chosen<'a>(document: &'a Document, name: Option<&str>) -> Outcome<&'a Operation> {
    let mut operations = document.operations.iter();
    let found = match name {
        Some(name) => operations.find(|operation| operation.name.as_deref() == Some(name)),
        None => operations.next().filter(|_| document.operations.len() == 1),
    };
    found.ok_or_else(|| invalid("the document needs exactly one operation, or operationName must choose one"))
}

fn with_defaults(operation: &Operation, given: &Map<String, Json>) -> Map<String, Json> {
    let mut variables = given.clone();
    for (name, default) in &operation.defaults {
        let nothing = Map::new();
        let value = default.as_ref().and_then(|default| default.json(&nothing).ok());
        variables.entry(name.clone()).or_insert(value.unwrap_or_default());
    }
    variables
}

fn uiapi(call: &mut Call<'_>, scope: &Scope<'_>, field: &Field) -> Outcome<Json> {
    let mut map = Map::new();
    for part in scope.fields(&field.selection)? {
        let value = match part.name.as_str() {
            "query" => each(scope, part, |object| query::connection(call, scope, object))?,
            "aggregate" => each(scope, part, |object| aggregate::connection(call, scope, object))?,
            "objectInfos" => query::object_infos(call, scope, part)?,
            "__typename" => json!("UIAPI"),
            other => return Err(invalid(format!("Field '{other}' in type 'UIAPI' is undefined"))),
        };
        map.insert(part.key().to_owned(), value);
    }
    Ok(Json::Object(map))
}

fn each(scope: &Scope<'_>, field: &Field, mut job: impl FnMut(&Field) -> Outcome<Json>) -> Outcome<Json> {
    let mut map = Map::new();
    for object in scope.fields(&field.selection)? {
        map.insert(object.key().to_owned(), job(object)?);
    }
    Ok(Json::Object(map))
}

/// What a document's parts can refer to.
pub(crate) struct Scope<'a> {
    document: &'a Document,
    variables: Map<String, Json>,
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::bad("ValidationError", message)
}
