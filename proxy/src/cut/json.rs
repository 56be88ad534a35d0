//! JSON answers.

use forcefield_policy::request::Cut;
use serde_json::Value;

use super::{CutError, Keep};

pub(super) fn cut(cut: Cut, keep: &Keep<'_>, body: &[u8]) -> Result<Vec<u8>, CutError> {
    let unreadable = |error: serde_json::Error| CutError::Unreadable(error.to_string());
    let mut answer: Value = serde_json::from_slice(body).map_err(unreadable)?;
    match cut {
        Cut::Nothing => {}
        Cut::Objects => retain(&mut answer, "sobjects", |object| keep.object(text(object, "name"))),
        Cut::Description => descriptions(&mut answer, keep),
        Cut::RecentItems => {
            retain(&mut answer, "recentItems", |_| true);
            recent_items(&mut answer, keep);
        }
        Cut::Jobs => retain(&mut answer, "records", |job| (keep.own)(text(job, "id"))),
        Cut::UiRecord => ui_records(&mut answer, keep),
    }
    serde_json::to_vec(&answer).map_err(unreadable)
}

/// Keeps the granted fields of every description in the answer: alone, in a list, or as a batch's `result`.
fn descriptions(answer: &mut Value, keep: &Keep<'_>) {
    match answer {
        Value::Array(items) => items.iter_mut().for_each(|item| descriptions(item, keep)),
        Value::Object(members) if members.get("fields").is_some_and(Value::is_array) => {
            let object = text(answer, "name").to_owned();
            retain(answer, "fields", |field| keep.field(&object, text(field, "name")));
            retain(answer, "childRelationships", |child| keep.object(text(child, "childSObject")));
        }
        Value::Object(members) => members.values_mut().for_each(|member| descriptions(member, keep)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Keeps the readable fields of recently viewed records.
fn recent_items(answer: &mut Value, keep: &Keep<'_>) {
    let Some(items) = answer.get_mut("recentItems").and_then(Value::as_array_mut) else { return };
    for item in items {
        let object = item.pointer("/attributes/type").and_then(Value::as_str).unwrap_or_default().to_owned();
        if let Some(members) = item.as_object_mut() {
            members.retain(|name, _| name == "attributes" || keep.readable(&object, name));
        }
    }
}

/// Keeps the readable fields of every record of the UI API, records inside records too.
fn ui_records(answer: &mut Value, keep: &Keep<'_>) {
    match answer {
        Value::Array(items) => items.iter_mut().for_each(|item| ui_records(item, keep)),
        Value::Object(members) => {
            let object = members.get("apiName").and_then(Value::as_str).map(str::to_owned);
            if let (Some(object), Some(Value::Object(fields))) = (object, members.get_mut("fields")) {
                let nested = |value: &Value| value.pointer("/value/fields").is_some();
                fields.retain(|name, value| nested(value) || keep.readable(&object, name));
            }
            members.values_mut().for_each(|member| ui_records(member, keep));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Keeps the members of a list that pass. A list that is not one is emptied: it is not what was expected there.
fn retain(answer: &mut Value, list: &str, mut pass: impl FnMut(&Value) -> bool) {
    match answer.get_mut(list) {
        Some(Value::Array(items)) => items.retain(|item| pass(item)),
        Some(other) => *other = Value::Array(Vec::new()),
        None => {}
    }
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}
