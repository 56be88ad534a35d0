//! `/composite/tree/O`: parents with their children, created together or not at all.

use super::collections::type_of;
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::records::Body;
use crate::schema::{Object, Schema};
use crate::wire::{Ask, Reply};
use serde_json::{Value as Json, json};

/// `/composite/tree/O`
pub(crate) fn answer(call: &mut Call<'_>, object: &str, ask: &Ask) -> Outcome<Reply> {
    if ask.method != "POST" {
        return Err(Fault::method_not_allowed(&ask.method, "POST"));
    }
    let body = ask.json()?;
    let schema = call.schema();
    let object = call.object(&schema, object)?;
    let records = body.get("records").and_then(Json::as_array).cloned().unwrap_or_default();
    let before = call.state.store.clone();
    let mut grown = Grown::default();
    for record in &records {
        grow(call, &schema, (object, record, None), &mut grown);
    }
    if grown.count > 200 {
        grown.errors.push(json!({ "referenceId": "", "errors": [
            { "statusCode": "INVALID_INPUT", "message": "more than 200 records", "fields": [] }] }));
    }
    if grown.errors.is_empty() {
        return Ok(Reply::json(201, &json!({ "hasErrors": false, "results": grown.results })));
    }
    call.state.store = before;
    Ok(Reply::json(400, &json!({ "hasErrors": true, "results": grown.errors })))
}

#[derive(Default)]
struct Grown {
    results: Vec<Json>,
    errors: Vec<Json>,
    count: usize,
}

/// Creates a record, then the children that stand in it.
fn grow(
    call: &mut Call<'_>,
    schema: &Schema,
    (object, record, parent): (&Object, &Json, Option<(&str, &str)>),
    grown: &mut Grown,
) {
    let reference =
        record.pointer("/attributes/referenceId").and_then(Json::as_str).unwrap_or_default().to_owned();
    grown.count += 1;
    let (mut own, children) = split(record);
    if let Some((key, id)) = parent {
        own.insert(key.to_owned(), Json::from(id));
    }
    let created = same_type(object, &own).and_then(|()| call.create(object, &own));
    let id = match created {
        Ok(id) => id,
        Err(fault) => {
            grown.errors.push(json!({ "referenceId": reference, "errors": [fault.save_error()] }));
            return;
        }
    };
    grown.results.push(json!({ "referenceId": reference, "id": id }));
    for (name, records) in children {
        let child = object.child(&name).and_then(|child| Some((schema.object(&child.object)?, child)));
        let Some((target, child)) = child else {
            let fault = Fault::bad("INVALID_FIELD", format!("No such relationship '{name}'"));
            grown.errors.push(json!({ "referenceId": reference, "errors": [fault.save_error()] }));
            continue;
        };
        for record in &records {
            grow(call, schema, (target, record, Some((&child.field, &id))), grown);
        }
    }
}

fn same_type(object: &Object, body: &Body) -> Outcome<()> {
    let named = type_of(body)?;
    if named.eq_ignore_ascii_case(&object.name) {
        return Ok(());
    }
    Err(Fault::bad("INVALID_TYPE", format!("attributes.type {named} does not match {}", object.name)))
}

/// A record's own fields, and the records under each of its child relationships.
fn split(record: &Json) -> (Body, Vec<(String, Vec<Json>)>) {
    let mut own = Body::new();
    let mut children = Vec::new();
    for (name, value) in record.as_object().into_iter().flatten() {
        match value.get("records").and_then(Json::as_array) {
            Some(records) => children.push((name.clone(), records.clone())),
            None => {
                own.insert(name.clone(), value.clone());
            }
        }
    }
    (own, children)
}
