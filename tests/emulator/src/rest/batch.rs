//! `/composite/batch`: independent requests, one after another, nothing rolled back.

use super::composite::subrequest;
use super::multipart;
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::wire::{Ask, Reply};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value as Json, json};

/// `/composite/batch`
pub(crate) fn answer(call: &mut Call<'_>, ask: &Ask) -> Outcome<Reply> {
    let parts = if multipart::is(ask) { multipart::parse(ask)? } else { Vec::new() };
    let body = match parts.first() {
        Some(first) => {
            serde_json::from_slice(&first.bytes).map_err(|error| Fault::bad_json(error.to_string()))?
        }
        None => ask.json()?,
    };
    let requests = body.get("batchRequests").and_then(Json::as_array).cloned().unwrap_or_default();
    if requests.len() > 25 {
        return Err(Fault::bad("LIMIT_EXCEEDED", "The batch has more than 25 subrequests"));
    }
    let halt = body.get("haltOnError").and_then(Json::as_bool).unwrap_or(false);
    let mut results: Vec<Json> = Vec::new();
    let mut failed = false;
    for request in &requests {
        let reply = if failed && halt {
            Reply::fault(&Fault::new(412, "BATCH_PROCESSING_HALTED", "The request was not processed"))
        } else {
            one(call, request, &parts)
        };
        failed |= reply.status >= 400;
        results.push(json!({ "statusCode": reply.status, "result": reply.body_json() }));
    }
    Ok(Reply::ok(&json!({ "hasErrors": failed, "results": results })))
}

fn one(call: &mut Call<'_>, request: &Json, parts: &[multipart::Part]) -> Reply {
    let text = |name: &str| request.get(name).and_then(Json::as_str).unwrap_or_default();
    let mut input = request.get("richInput").cloned().unwrap_or_default();
    let blob = parts.iter().find(|part| part.name == text("binaryPartName"));
    if let (Some(blob), Some(fields)) = (blob, input.as_object_mut()) {
        fields.insert(text("binaryPartNameAlias").to_owned(), Json::from(STANDARD.encode(&blob.bytes)));
    }
    let body = if input.is_null() { Bytes::new() } else { input.to_string().into() };
    subrequest(call, text("method"), text("url"), (&Map::new(), body))
}
