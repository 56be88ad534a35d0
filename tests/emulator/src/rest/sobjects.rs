//! `/sobjects/...`: what objects there are, and their records.

use super::{blob, describe, history, multipart, row};
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::schema::Object;
use crate::touch::Verb;
use crate::wire::{Ask, Reply};
use serde_json::json;

/// Anything under `/sobjects`.
pub(crate) fn answer(call: &mut Call<'_>, path: &[&str], ask: &Ask) -> Outcome<Reply> {
    let schema = call.schema();
    let Some((name, rest)) = path.split_first() else {
        return if ask.is_get() { Ok(Reply::ok(&describe::global(call))) } else { Err(not_allowed(ask)) };
    };
    if (*name, rest) == ("Global", &["describe", "layouts"]) {
        return Ok(Reply::ok(&json!({ "layouts": [] })));
    }
    let object = call.object(&schema, name)?;
    match (ask.method.as_str(), rest) {
        ("HEAD", []) => {
            call.touches.object(Verb::Describe, &object.name);
            Ok(Reply::empty(200))
        }
        ("GET", []) => about(call, object),
        ("POST", []) => create(call, object, ask),
        ("GET" | "HEAD", ["describe"]) => described(call, object, ask),
        (
            "GET" | "HEAD",
            ["describe", "layouts" | "compactLayouts" | "approvalLayouts" | "namedLayouts", ..],
        ) => {
            call.touches.object(Verb::Describe, &object.name);
            Ok(Reply::ok(
                &json!({ "layouts": [], "recordTypeMappings": [], "recordTypeSelectorRequired": [false] }),
            ))
        }
        ("GET" | "HEAD", ["eventSchema"]) if object.is_event() => {
            call.touches.object(Verb::Describe, &object.name);
            Ok(Reply::ok(
                &json!({ "name": object.name, "namespace": "com.sforce.eventbus", "type": "record" }),
            ))
        }
        ("GET" | "HEAD", ["deleted" | "updated"]) => {
            history::answer(call, object, rest.first() == Some(&"deleted"), ask)
        }
        ("GET" | "HEAD", ["quickActions" | "listviews"]) => {
            call.touches.object(Verb::Describe, &object.name);
            Ok(Reply::ok(&json!([])))
        }
        ("POST", ["Id" | "id"]) => create(call, object, ask),
        (_, [id]) => row::by_id(call, object, id, ask),
        (_, [id, "password"]) if object.name == "User" && is_id(object, id) => {
            password(call, object, id, ask)
        }
        (_, [id, name]) if is_id(object, id) => {
            match object.field(name).filter(|(_, field)| field.kind == crate::schema::Kind::Blob) {
                Some((_, field)) => blob::answer(call, object, (id, &field.name), ask),
                None => row::related(call, object, (id, &[name]), ask),
            }
        }
        (_, [id, names @ ..]) if is_id(object, id) => row::related(call, object, (id, names), ask),
        (_, [field, value]) => row::by_external_id(call, object, (field, value), ask),
        _ => Err(Fault::not_found()),
    }
}

fn is_id(object: &Object, text: &str) -> bool {
    crate::id::normalise(text).is_some_and(|id| crate::id::prefix(&id) == object.id_prefix)
}

/// A few facts, and the records looked at of late.
fn about(call: &mut Call<'_>, object: &Object) -> Outcome<Reply> {
    call.touches.object(Verb::Describe, &object.name);
    let facts = serde_json::Value::Object(describe::summary(call, object));
    let name = object.name_field().map(|field| field.name.clone());
    let fields: Vec<&str> = object.field("Id").iter().map(|_| "Id").chain(name.as_deref()).collect();
    let recent = super::misc::recent_of(call, object);
    let recent =
        if fields.is_empty() { Vec::new() } else { call.read_all(object, &recent, Some(&fields.join(",")))? };
    Ok(Reply::ok(&json!({ "objectDescribe": facts, "recentItems": recent })))
}

fn described(call: &mut Call<'_>, object: &Object, ask: &Ask) -> Outcome<Reply> {
    let unchanged = ask.header("if-modified-since").is_some();
    let body = describe::object(call, object);
    if unchanged {
        return Ok(Reply::empty(304));
    }
    Ok(Reply::ok(&body).with("last-modified", "Mon, 01 Jan 2024 00:00:00 GMT"))
}

fn create(call: &mut Call<'_>, object: &Object, ask: &Ask) -> Outcome<Reply> {
    let body = if multipart::is(ask) { blob::record(ask)? } else { row::body(ask)? };
    let id = call.create(object, &body)?;
    let location = format!("/services/data/v{}.0/sobjects/{}/{id}", call.version, object.name);
    Ok(Reply::json(201, &json!({ "id": id, "success": true, "errors": [] })).with("location", location))
}

/// `/User/{id}/password`: told, set, or reset to a new one that the answer holds.
fn password(call: &mut Call<'_>, object: &Object, id: &str, ask: &Ask) -> Outcome<Reply> {
    call.record(object, id)?;
    match ask.method.as_str() {
        "GET" | "HEAD" => {
            call.touches.object(Verb::Read, &object.name);
            Ok(Reply::ok(&json!({ "isExpired": false })))
        }
        "POST" => {
            call.touches.object(Verb::Update, &object.name);
            Ok(Reply::empty(204))
        }
        "DELETE" => {
            call.touches.object(Verb::Update, &object.name);
            Ok(Reply::ok(&json!({ "NewPassword": "CANARY-NEW-PASSWORD" })))
        }
        _ => Err(not_allowed(ask)),
    }
}

/// The refusal of a method.
pub(crate) fn not_allowed(ask: &Ask) -> Fault {
    Fault::method_not_allowed(&ask.method, "GET,HEAD,POST,PATCH,DELETE")
}
