//! `/composite/sobjects`: many records in one request, in its six forms.

use super::{multipart, sobjects::not_allowed};
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::records::{Body, Upserted};
use crate::schema::Schema;
use crate::wire::{Ask, Reply};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

/// Any form.
pub(crate) fn answer(call: &mut Call<'_>, path: &[&str], ask: &Ask) -> Outcome<Reply> {
    match (ask.method.as_str(), path) {
        ("POST", []) => save(call, ask, create_one),
        ("PATCH", []) => save(call, ask, update_one),
        ("PATCH", [object, field]) => {
            let (object, field) = ((*object).to_owned(), (*field).to_owned());
            save(call, ask, move |call, schema, body| upsert_one(call, schema, (&object, &field), body))
        }
        ("DELETE", []) => delete(call, ask),
        ("GET" | "HEAD", [object]) => {
            let ids = ask.param("ids").unwrap_or_default().split(',').map(str::to_owned).collect();
            let fields =
                ask.param("fields").ok_or_else(|| Fault::bad("MISSING_ARGUMENT", "fields is needed"))?;
            retrieve(call, object, ids, fields)
        }
        ("POST", [object]) => {
            let body = ask.json()?;
            let fields = strings(&body, "fields").join(",");
            retrieve(call, object, strings(&body, "ids"), &fields)
        }
        _ => Err(not_allowed(ask)),
    }
}

fn strings(body: &Json, name: &str) -> Vec<String> {
    let entries = body.get(name).and_then(Json::as_array).into_iter().flatten();
    entries.filter_map(Json::as_str).map(str::to_owned).collect()
}

/// Saves each record of the body; with `allOrNone`, one failure takes back all.
fn save(
    call: &mut Call<'_>,
    ask: &Ask,
    mut one: impl FnMut(&mut Call<'_>, &Schema, &Body) -> Outcome<Json>,
) -> Outcome<Reply> {
    let (body, blobs) = envelope(ask)?;
    let records = body.get("records").and_then(Json::as_array).cloned().unwrap_or_default();
    if records.len() > 200 {
        return Err(Fault::bad(
            "EXCEEDED_ID_LIMIT",
            "record limit reached. cannot submit more than 200 records",
        ));
    }
    let schema = call.schema();
    let mut job = |call: &mut Call<'_>, record: &Json| {
        let mut fields = record.as_object().cloned().unwrap_or_default();
        attach(&mut fields, &blobs);
        one(call, &schema, &fields)
    };
    Ok(Reply::ok(&all_or_none(call, is_true(&body, "allOrNone"), &records, &mut job)))
}

/// The results of saving some things, one entry each.
fn all_or_none<T>(
    call: &mut Call<'_>,
    together: bool,
    things: &[T],
    job: &mut dyn FnMut(&mut Call<'_>, &T) -> Outcome<Json>,
) -> Json {
    let before = call.state.store.clone();
    let results: Vec<Outcome<Json>> = things.iter().map(|thing| job(call, thing)).collect();
    let failed = results.iter().any(Result::is_err);
    if failed && together {
        call.state.store = before;
    }
    let entry = |result: Outcome<Json>| match result {
        Ok(_) if failed && together => failure(&Fault::bad(
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "Record rolled back because not all records were valid and the request was using AllOrNone header",
        )),
        Ok(done) => done,
        Err(fault) => failure(&fault),
    };
    results.into_iter().map(entry).collect()
}

pub(crate) fn failure(fault: &Fault) -> Json {
    json!({ "success": false, "errors": [fault.save_error()] })
}

fn is_true(body: &Json, name: &str) -> bool {
    body.get(name).and_then(Json::as_bool).unwrap_or(false)
}

fn create_one(call: &mut Call<'_>, schema: &Schema, body: &Body) -> Outcome<Json> {
    let object = call.object(schema, type_of(body)?)?;
    let id = call.create(object, body)?;
    Ok(json!({ "id": id, "success": true, "errors": [] }))
}

/// The id decides which record is changed, whatever type is named beside it.
fn update_one(call: &mut Call<'_>, schema: &Schema, body: &Body) -> Outcome<Json> {
    let (id, body) = without_id(body)?;
    let (object, found) = call.anywhere(schema, &id)?;
    if found.row.deleted {
        return Err(Fault::new(404, "ENTITY_IS_DELETED", "entity is deleted"));
    }
    call.update(object, &found, &body)?;
    Ok(json!({ "id": found.id, "success": true, "errors": [] }))
}

fn upsert_one(
    call: &mut Call<'_>,
    schema: &Schema,
    (object, field): (&str, &str),
    body: &Body,
) -> Outcome<Json> {
    let object = call.object(schema, object)?;
    let key = body.iter().find(|(name, _)| name.eq_ignore_ascii_case(field)).map(|(_, value)| value);
    let key = match key {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => number.to_string(),
        _ => return Err(Fault::bad("MISSING_ARGUMENT", format!("{field} not specified"))),
    };
    match call.upsert(object, (field, &key), body)? {
        Upserted::Created(id) => Ok(json!({ "id": id, "success": true, "errors": [], "created": true })),
        Upserted::Updated(id) => Ok(json!({ "id": id, "success": true, "errors": [], "created": false })),
        Upserted::Ambiguous(_) => {
            Err(Fault::bad("DUPLICATE_EXTERNAL_ID", "the external id matches several records"))
        }
    }
}

/// `attributes.type`.
pub(crate) fn type_of(body: &Body) -> Outcome<&str> {
    let named = body.get("attributes").and_then(|attributes| attributes.get("type")).and_then(Json::as_str);
    named.ok_or_else(|| Fault::bad("INVALID_TYPE", "attributes.type is needed"))
}

fn without_id(body: &Body) -> Outcome<(String, Body)> {
    let id = body.iter().find(|(name, _)| name.eq_ignore_ascii_case("id")).and_then(|(_, id)| id.as_str());
    let id =
        id.ok_or_else(|| Fault::bad("MISSING_ARGUMENT", "Id not specified in an update call"))?.to_owned();
    let mut rest = body.clone();
    rest.retain(|name, _| !name.eq_ignore_ascii_case("id"));
    Ok((id, rest))
}

fn delete(call: &mut Call<'_>, ask: &Ask) -> Outcome<Reply> {
    let ids: Vec<&str> =
        ask.param("ids").unwrap_or_default().split(',').filter(|id| !id.is_empty()).collect();
    if ids.len() > 200 {
        return Err(Fault::bad("EXCEEDED_ID_LIMIT", "cannot delete more than 200 records"));
    }
    let schema = call.schema();
    let mut job = |call: &mut Call<'_>, id: &&str| {
        let (object, found) = call.anywhere(&schema, id)?;
        if found.row.deleted {
            return Err(Fault::new(404, "ENTITY_IS_DELETED", "entity is deleted"));
        }
        call.delete(object, &found);
        Ok(json!({ "id": found.id, "success": true, "errors": [] }))
    };
    let together = ask.param("allOrNone") == Some("true");
    Ok(Reply::ok(&all_or_none(call, together, &ids, &mut job)))
}

fn retrieve(call: &mut Call<'_>, object: &str, ids: Vec<String>, fields: &str) -> Outcome<Reply> {
    if ids.len() > 2000 {
        return Err(Fault::bad("EXCEEDED_ID_LIMIT", "cannot retrieve more than 2000 records"));
    }
    let schema = call.schema();
    let object = call.object(&schema, object)?;
    let mut records = Vec::new();
    for id in ids {
        let record = match call.record(object, &id) {
            Ok(found) => call.read(object, &found, Some(fields))?,
            Err(_) => Json::Null,
        };
        records.push(record);
    }
    Ok(Reply::ok(&Json::Array(records)))
}

type Blobs = Vec<multipart::Part>;

/// The JSON envelope, and the binary parts beside it.
fn envelope(ask: &Ask) -> Outcome<(Json, Blobs)> {
    if !multipart::is(ask) {
        return Ok((ask.json()?, Vec::new()));
    }
    let (json, blobs): (Vec<_>, Vec<_>) = multipart::parse(ask)?
        .into_iter()
        .partition(|part| ["collection", "entity_content"].contains(&part.name.as_str()));
    let json = json.into_iter().next().ok_or_else(|| Fault::bad_json("the collection part is missing"))?;
    let body = serde_json::from_slice(&json.bytes).map_err(|error| Fault::bad_json(error.to_string()))?;
    Ok((body, blobs))
}

/// Puts the bytes that a record's attributes name into the field they name.
fn attach(fields: &mut Body, blobs: &Blobs) {
    let text = |name: &str| {
        let value = fields.get("attributes").and_then(|attributes| attributes.get(name));
        value.and_then(Json::as_str).map(str::to_owned)
    };
    let (Some(part), Some(field)) = (text("binaryPartName"), text("binaryPartNameAlias")) else { return };
    if let Some(blob) = blobs.iter().find(|blob| blob.name == part) {
        fields.insert(field, Json::from(STANDARD.encode(&blob.bytes)));
    }
}
