//! Bytes: of attachments, of files, of event logs.

use super::multipart;
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::records::Body;
use crate::schema::Object;
use crate::touch::Verb;
use crate::value::Value;
use crate::wire::{Ask, Reply};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;

/// `/sobjects/O/{id}/{blobField}`
pub(crate) fn answer(
    call: &mut Call<'_>,
    object: &Object,
    (id, field): (&str, &str),
    ask: &Ask,
) -> Outcome<Reply> {
    if !ask.is_get() {
        return Err(Fault::method_not_allowed(&ask.method, "GET,HEAD"));
    }
    let found = call.record(object, id)?;
    call.touches.object(Verb::Read, &object.name);
    call.touches.field(Verb::Read, &object.name, field);
    let text =
        |name: &str| object.field(name).map(|(place, _)| found.row.get(place).display()).unwrap_or_default();
    let kind = [text("ContentType"), text("LogFileContentType")].into_iter().find(|kind| !kind.is_empty());
    let (place, _) = object.field(field).ok_or_else(Fault::not_found)?;
    match found.row.get(place) {
        Value::Blob(bytes) => {
            let kind = kind.unwrap_or_else(|| "application/octetstream".to_owned());
            Ok(Reply::new(200, &kind, bytes.clone()))
        }
        _ => Err(Fault::not_found()),
    }
}

/// The fields of a record sent as a JSON part and a binary part.
pub(crate) fn record(ask: &Ask) -> Outcome<Body> {
    let parts = multipart::parse(ask)?;
    let mut body = Body::new();
    for part in parts {
        if part.name.starts_with("entity_") {
            let fields: Json =
                serde_json::from_slice(&part.bytes).map_err(|error| Fault::bad_json(error.to_string()))?;
            if let Json::Object(fields) = fields {
                body.extend(fields);
            }
        } else {
            body.insert(part.name, Json::from(STANDARD.encode(&part.bytes)));
        }
    }
    Ok(body)
}
