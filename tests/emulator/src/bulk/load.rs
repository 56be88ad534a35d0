//! Uploaded records, saved one by one; one failure does not stop the others.

use super::{Loaded, Spec};
use crate::call::Call;
use crate::csv;
use crate::fault::{Fault, Outcome};
use crate::records::{Body, Upserted};
use crate::schema::{Object, Schema};
use serde_json::{Value as Json, json};

/// Saves every record of an upload.
pub(crate) fn save(
    call: &mut Call<'_>,
    spec: &Spec,
    records: Vec<Vec<(String, Json)>>,
) -> Outcome<Vec<Loaded>> {
    let schema = call.schema();
    let object = schema.object(&spec.object).ok_or_else(|| Fault::no_such_object(&spec.object))?;
    Ok(records.into_iter().map(|record| one(call, &schema, (object, spec), record)).collect())
}

/// The records of a CSV upload.
pub(crate) fn rows(text: &str, delimiter: char) -> Vec<Vec<(String, Json)>> {
    let mut rows = csv::parse(text, delimiter).into_iter();
    let header = rows.next().unwrap_or_default();
    let cells = |row: Vec<String>| {
        let cells = header.iter().cloned().zip(row).filter(|(_, cell)| !cell.is_empty());
        cells.map(|(name, cell)| (name, if cell == "#N/A" { Json::Null } else { Json::from(cell) })).collect()
    };
    rows.map(cells).collect()
}

/// The column names of a CSV upload.
pub(crate) fn columns(text: &str, delimiter: char) -> Vec<String> {
    csv::parse(text, delimiter).into_iter().next().unwrap_or_default()
}

fn one(
    call: &mut Call<'_>,
    schema: &Schema,
    (object, spec): (&Object, &Spec),
    record: Vec<(String, Json)>,
) -> Loaded {
    let shown = record
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
    let shown = shown.collect();
    let body: Body = record.into_iter().map(|(name, value)| field(object, &name, value)).collect();
    match apply(call, schema, (object, spec), &body) {
        Ok((id, created)) => Loaded { id: Some(id), created, error: None, record: shown },
        Err(fault) => {
            let error = format!("{}:{}:{}--", fault.code, fault.message, fault.fields.join(" "));
            Loaded { id: None, created: false, error: Some(error), record: shown }
        }
    }
}

/// `Account.ExtId__c` points at a parent; `Lead:Who.Email` says of which object.
fn field(object: &Object, column: &str, value: Json) -> (String, Json) {
    let (target, path) = match column.split_once(':') {
        Some((target, path)) => (Some(target), path),
        None => (None, column),
    };
    let Some((relationship, key)) = path.split_once('.') else { return (column.to_owned(), value) };
    let mut parent = Body::new();
    if let Some(target) = target {
        parent.insert("attributes".to_owned(), json!({ "type": target }));
    }
    parent.insert(key.to_owned(), value);
    let name = object.parent(relationship).and_then(|(_, field)| field.relationship.clone());
    (name.unwrap_or_else(|| relationship.to_owned()), Json::Object(parent))
}

fn apply(
    call: &mut Call<'_>,
    schema: &Schema,
    (object, spec): (&Object, &Spec),
    body: &Body,
) -> Outcome<(String, bool)> {
    let text = |name: &str| {
        let value = body.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        value.and_then(Json::as_str).map(str::to_owned)
    };
    let missing = |name: &str| Fault::bad("MISSING_ARGUMENT", format!("{name} not specified"));
    match spec.operation.as_str() {
        "insert" => call.create(object, body).map(|id| (id, true)),
        "upsert" => {
            let key = spec.external_id.as_deref().unwrap_or("Id");
            let value = text(key).ok_or_else(|| missing(key))?;
            match call.upsert(object, (key, &value), body)? {
                Upserted::Created(id) => Ok((id, true)),
                Upserted::Updated(id) => Ok((id, false)),
                Upserted::Ambiguous(_) => Err(Fault::bad("DUPLICATE_EXTERNAL_ID", "several records match")),
            }
        }
        operation => {
            // The id decides which record is meant, whatever the job declares.
            let (object, found) = call.anywhere(schema, &text("Id").ok_or_else(|| missing("Id"))?)?;
            if found.row.deleted && operation != "hardDelete" {
                return Err(Fault::new(404, "ENTITY_IS_DELETED", "entity is deleted"));
            }
            match operation {
                "update" => {
                    let mut rest = body.clone();
                    rest.retain(|name, _| !name.eq_ignore_ascii_case("id"));
                    call.update(object, &found, &rest)?;
                }
                "delete" => call.delete(object, &found),
                "hardDelete" => call.purge(object, &found),
                _ => return Err(Fault::bad("INVALID_OPERATION", "unknown operation")),
            }
            Ok((found.id, false))
        }
    }
}
