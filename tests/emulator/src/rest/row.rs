//! One record: by id, by external id, or by way of a relationship.

use super::sobjects::not_allowed;
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::records::{Body, Upserted};
use crate::schema::Object;
use crate::store::Found;
use crate::touch::Verb;
use crate::wire::{Ask, Reply};
use serde_json::{Value as Json, json};

/// The body as fields of a record, from JSON or from XML.
pub(crate) fn body(ask: &Ask) -> Outcome<Body> {
    if ask.header("content-type").is_some_and(|kind| kind.contains("xml")) {
        let root = crate::xml::parse(&ask.body).map_err(Fault::bad_json)?;
        return Ok(crate::xml::record(&root));
    }
    match ask.json()? {
        Json::Object(body) => Ok(body),
        _ => Err(Fault::bad_json("Cannot deserialize the body: an object is needed")),
    }
}

/// `/sobjects/O/{id}`
pub(crate) fn by_id(call: &mut Call<'_>, object: &Object, id: &str, ask: &Ask) -> Outcome<Reply> {
    if object.name.ends_with("__x") && crate::id::normalise(id).is_none() {
        let (_, found) = call.by_external_id(object, "ExternalId", id)?;
        let found = found.into_iter().next().ok_or_else(Fault::not_found)?;
        return one(call, object, &found, ask);
    }
    let found = call.record(object, id)?;
    one(call, object, &found, ask)
}

/// `/sobjects/O/{field}/{value}`
pub(crate) fn by_external_id(
    call: &mut Call<'_>,
    object: &Object,
    (field, value): (&str, &str),
    ask: &Ask,
) -> Outcome<Reply> {
    if ask.method == "PATCH" {
        return upsert(call, object, (field, value), ask);
    }
    let (_, found) = call.by_external_id(object, field, value)?;
    match found.as_slice() {
        [] => Err(Fault::not_found()),
        [only] => one(call, object, only, ask),
        several => Ok(choices(call, object, several.iter().map(|found| found.id.as_str()))),
    }
}

fn upsert(call: &mut Call<'_>, object: &Object, key: (&str, &str), ask: &Ask) -> Outcome<Reply> {
    let body = body(ask)?;
    if ask.param("updateOnly") == Some("true") {
        let (_, found) = call.by_external_id(object, key.0, key.1)?;
        let found = found.into_iter().next().ok_or_else(Fault::not_found)?;
        call.update(object, &found, &body)?;
        return Ok(updated(call, &found.id));
    }
    Ok(match call.upsert(object, key, &body)? {
        Upserted::Created(id) => {
            let location = format!("/services/data/v{}.0/sobjects/{}/{id}", call.version, object.name);
            let body = json!({ "id": id, "success": true, "errors": [], "created": true });
            Reply::json(201, &body).with("location", location)
        }
        Upserted::Updated(id) => updated(call, &id),
        Upserted::Ambiguous(ids) => choices(call, object, ids.iter().map(String::as_str)),
    })
}

fn updated(call: &Call<'_>, id: &str) -> Reply {
    if call.version < 46 {
        return Reply::empty(204);
    }
    Reply::ok(&json!({ "id": id, "success": true, "errors": [], "created": false }))
}

fn choices<'a>(call: &Call<'_>, object: &Object, ids: impl Iterator<Item = &'a str>) -> Reply {
    let url = |id: &str| format!("/services/data/v{}.0/sobjects/{}/{id}", call.version, object.name);
    Reply::json(300, &ids.map(|id| json!(url(id))).collect())
}

/// What the method asks of a record that was found.
fn one(call: &mut Call<'_>, object: &Object, found: &Found, ask: &Ask) -> Outcome<Reply> {
    match ask.method.as_str() {
        "GET" | "HEAD" => {
            let fields = ask.param("fields").filter(|fields| !fields.is_empty());
            let record = call.read(object, found, fields)?;
            let modified = record.get("LastModifiedDate").and_then(Json::as_str).map(str::to_owned);
            let reply = Reply::ok(&record);
            Ok(match modified {
                Some(modified) => reply.with("etag", format!("\"{modified}\"")),
                None => reply,
            })
        }
        "PATCH" => {
            let body = body(ask)?;
            call.update(object, found, &body)?;
            Ok(Reply::empty(204))
        }
        "DELETE" => {
            call.delete(object, found);
            Ok(Reply::empty(204))
        }
        _ => Err(not_allowed(ask)),
    }
}

/// `/sobjects/O/{id}/{relationship}/...`
pub(crate) fn related(
    call: &mut Call<'_>,
    object: &Object,
    (id, names): (&str, &[&str]),
    ask: &Ask,
) -> Outcome<Reply> {
    let schema = call.schema();
    let mut object = object;
    let mut found = call.record(object, id)?;
    for (place, name) in names.iter().enumerate() {
        if let Some((at, field)) = object.parent(name) {
            call.touches.field(Verb::Read, &object.name, &field.name);
            let parent = found.row.get(at).as_str().map(str::to_owned).ok_or_else(Fault::not_found)?;
            found = call.state.store.find(&schema, &parent).ok_or_else(Fault::not_found)?;
            object = schema.at(found.object).ok_or_else(Fault::not_found)?;
        } else if place + 1 == names.len() && ask.is_get() {
            return children(call, object, (&found, name), ask);
        } else {
            return Err(Fault::not_found());
        }
    }
    one(call, object, &found, ask)
}

/// The children of a record, in the shape of a query's answer.
pub(crate) fn children(
    call: &mut Call<'_>,
    object: &Object,
    (parent, name): (&Found, &str),
    ask: &Ask,
) -> Outcome<Reply> {
    let schema = call.schema();
    let child = object.child(name).ok_or_else(Fault::not_found)?;
    call.touches.object(Verb::Read, &object.name);
    let target = schema.object(&child.object).ok_or_else(Fault::not_found)?;
    let fields = match ask.param("fields").filter(|fields| !fields.is_empty()) {
        Some(fields) => fields.to_owned(),
        None => target.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(","),
    };
    let soql = format!("SELECT {fields} FROM {} WHERE {} = '{}'", child.object, child.field, parent.id);
    Ok(Reply::ok(&call.query(&soql, false)?))
}
