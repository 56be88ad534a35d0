//! `/ui-api`: records with their fields qualified by the object, and what objects are made of.

use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::rest::describe;
use crate::schema::{Object, Schema};
use crate::store::Found;
use crate::touch::Verb;
use crate::wire::{Ask, Reply};
use serde_json::{Map, Value as Json, json};

/// Anything under `/ui-api`.
pub(crate) fn answer(call: &mut Call<'_>, path: &[&str], ask: &Ask) -> Outcome<Reply> {
    let schema = call.schema();
    match (ask.method.as_str(), path) {
        ("GET", ["records", "batch", ids]) => {
            let mut results = Vec::new();
            for id in ids.split(',') {
                results.push(match read(call, &schema, id, ask) {
                    Ok(record) => json!({ "statusCode": 200, "result": record }),
                    Err(fault) => json!({ "statusCode": fault.status, "result": [fault.rest()] }),
                });
            }
            let failed = results.iter().any(|result| result.get("statusCode") != Some(&json!(200)));
            Ok(Reply::ok(&json!({ "hasErrors": failed, "results": results })))
        }
        ("GET", ["records", id]) => Ok(Reply::ok(&read(call, &schema, id, ask)?)),
        ("GET", ["records", id, "child-relationships", name])
        | ("GET", ["related-list-records", id, name]) => related(call, &schema, (id, name), ask),
        ("GET", ["record-ui", ids]) => {
            let mut records = Map::new();
            for id in ids.split(',') {
                records.insert(id.to_owned(), read(call, &schema, id, ask)?);
            }
            Ok(Reply::ok(&json!({ "records": records, "layouts": {}, "objectInfos": {} })))
        }
        ("POST", ["records"]) => {
            let body = ask.json()?;
            let name = body.get("apiName").and_then(Json::as_str).unwrap_or_default();
            let object = call.object(&schema, name)?;
            let id = call.create(object, &fields(&body))?;
            let found = call.record(object, &id)?;
            Ok(Reply::json(201, &shown(call, &schema, (object, &found), None)?))
        }
        ("PATCH", ["records", id]) => {
            let (object, found) = live(call, &schema, id)?;
            call.update(object, &found, &fields(&ask.json()?))?;
            let found = call.record(object, &found.id)?;
            Ok(Reply::ok(&shown(call, &schema, (object, &found), None)?))
        }
        ("DELETE", ["records", id]) => {
            let (object, found) = live(call, &schema, id)?;
            call.delete(object, &found);
            Ok(Reply::empty(204))
        }
        ("GET", ["object-info", name]) => {
            let object = call.object(&schema, name)?;
            Ok(Reply::ok(&info(call, object)))
        }
        ("GET", ["object-info"]) => {
            let names = schema.objects().iter().filter(|object| !object.is_event());
            let objects: Map<String, Json> =
                names.map(|object| (object.name.clone(), json!({ "apiName": object.name }))).collect();
            Ok(Reply::ok(&json!({ "objects": objects })))
        }
        _ => Err(Fault::not_found()),
    }
}

fn fields(body: &Json) -> Map<String, Json> {
    body.get("fields").and_then(Json::as_object).cloned().unwrap_or_default()
}

fn live<'s>(call: &Call<'_>, schema: &'s Schema, id: &str) -> Outcome<(&'s Object, Found)> {
    let (object, found) = call.anywhere(schema, id)?;
    if found.row.deleted {
        return Err(Fault::new(404, "ENTITY_IS_DELETED", "entity is deleted"));
    }
    Ok((object, found))
}

/// The record of an id: the named fields, or all of them when a layout is asked for.
fn read(call: &mut Call<'_>, schema: &Schema, id: &str, ask: &Ask) -> Outcome<Json> {
    let (object, found) = live(call, schema, id)?;
    let listed: Vec<&str> = ["fields", "optionalFields"]
        .iter()
        .filter_map(|name| ask.param(name))
        .flat_map(|list| list.split(','))
        .collect();
    if listed.is_empty()
        && ask.param("layoutTypes").is_none()
        && !ask.path.iter().any(|part| part == "record-ui")
    {
        return Err(Fault::bad("ILLEGAL_QUERY_PARAMETER_VALUE", "fields or layoutTypes is needed"));
    }
    let names = if listed.is_empty() { None } else { Some(unqualified(object, &listed)?) };
    shown(call, schema, (object, &found), names.as_deref())
}

/// `Contact.Account.Name` to `Account.Name`; every name starts with the object.
fn unqualified(object: &Object, listed: &[&str]) -> Outcome<String> {
    let bare = listed.iter().map(|name| {
        let split = name.trim().split_once('.').filter(|(head, _)| head.eq_ignore_ascii_case(&object.name));
        split
            .map(|(_, path)| path)
            .ok_or_else(|| Fault::bad("INVALID_FIELD", format!("{name} is not qualified by {}", object.name)))
    });
    Ok(bare.collect::<Outcome<Vec<_>>>()?.join(","))
}

fn shown(
    call: &mut Call<'_>,
    schema: &Schema,
    (object, found): (&Object, &Found),
    names: Option<&str>,
) -> Outcome<Json> {
    let record = call.read(object, found, names)?;
    Ok(represented(schema, &record))
}

/// A record of REST in the shape of this API.
fn represented(schema: &Schema, record: &Json) -> Json {
    let kind = record.pointer("/attributes/type").and_then(Json::as_str).unwrap_or_default();
    let id = record.pointer("/attributes/url").and_then(Json::as_str).and_then(|url| url.rsplit('/').next());
    let mut fields = Map::new();
    for (name, value) in record.as_object().into_iter().flatten().filter(|(name, _)| *name != "attributes") {
        let nested = value.get("attributes").is_some();
        let value = if nested { represented(schema, value) } else { value.clone() };
        fields.insert(name.clone(), json!({ "displayValue": null, "value": value }));
    }
    let modified = record.get("LastModifiedDate").cloned().unwrap_or_default();
    json!({
        "apiName": schema.object(kind).map(|object| object.name.as_str()),
        "childRelationships": {},
        "eTag": "0f3f1f6c8f6f1d1c5a0a6d2c9b7b4c11",
        "fields": fields,
        "id": id,
        "lastModifiedDate": modified,
        "recordTypeId": null,
        "systemModstamp": record.get("SystemModstamp").cloned().unwrap_or_default(),
    })
}

fn related(call: &mut Call<'_>, schema: &Schema, (id, name): (&str, &str), ask: &Ask) -> Outcome<Reply> {
    let (object, found) = live(call, schema, id)?;
    let child = object.child(name).ok_or_else(Fault::not_found)?;
    call.touches.object(Verb::Read, &object.name);
    let target = schema.object(&child.object).ok_or_else(Fault::not_found)?;
    let listed: Vec<&str> =
        ask.param("fields").unwrap_or_default().split(',').filter(|name| !name.is_empty()).collect();
    let names = if listed.is_empty() { "Id".to_owned() } else { unqualified(target, &listed)? };
    let soql = format!("SELECT {names} FROM {} WHERE {} = '{}'", target.name, child.field, found.id);
    let page = call.query(&soql, false)?;
    let records = page.get("records").and_then(Json::as_array).into_iter().flatten();
    let records: Vec<Json> = records.map(|record| represented(schema, record)).collect();
    Ok(Reply::ok(&json!({ "count": records.len(), "records": records, "nextPageToken": null })))
}

fn info(call: &mut Call<'_>, object: &Object) -> Json {
    let facts = describe::object(call, object);
    let listed = facts.get("fields").and_then(Json::as_array).into_iter().flatten();
    let fields: Map<String, Json> =
        listed.filter_map(|field| Some((field.get("name")?.as_str()?.to_owned(), as_info(field)))).collect();
    let mut info = copied(
        &facts,
        &[
            "label",
            "labelPlural",
            "keyPrefix",
            "custom",
            "createable",
            "updateable",
            "deletable",
            "queryable",
            "searchable",
            "childRelationships",
        ],
    );
    info.insert("apiName".to_owned(), json!(object.name));
    info.insert("fields".to_owned(), Json::Object(fields));
    info.insert("recordTypeInfos".to_owned(), json!({}));
    info.insert("defaultRecordTypeId".to_owned(), json!("012000000000000AAA"));
    Json::Object(info)
}

fn copied(facts: &Json, names: &[&str]) -> Map<String, Json> {
    names.iter().map(|name| ((*name).to_owned(), facts.get(*name).cloned().unwrap_or_default())).collect()
}

fn as_info(field: &Json) -> Json {
    let targets = field.get("referenceTo").and_then(Json::as_array).into_iter().flatten();
    let targets: Vec<Json> = targets.map(|target| json!({ "apiName": target })).collect();
    let mut info = copied(
        field,
        &[
            "label",
            "createable",
            "updateable",
            "custom",
            "relationshipName",
            "length",
            "externalId",
            "compoundFieldName",
        ],
    );
    info.insert("apiName".to_owned(), field.get("name").cloned().unwrap_or_default());
    info.insert("dataType".to_owned(), field.get("type").cloned().unwrap_or_default());
    info.insert("reference".to_owned(), json!(!targets.is_empty()));
    info.insert("referenceToInfos".to_owned(), Json::Array(targets));
    Json::Object(info)
}
