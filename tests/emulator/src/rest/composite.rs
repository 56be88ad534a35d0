//! `/composite` and `/composite/graph`: requests in one body, later ones made of what earlier ones returned.

use super::reference;
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::wire::{Ask, Reply};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value as Json, json};

/// Answers of the subrequests so far, by their reference id.
pub(crate) type Answers = Map<String, Json>;

/// `/composite`
pub(crate) fn answer(call: &mut Call<'_>, ask: &Ask) -> Outcome<Reply> {
    let body = ask.json()?;
    let parts = body.get("compositeRequest").and_then(Json::as_array).cloned().unwrap_or_default();
    if parts.len() > 25 {
        return Err(Fault::bad("LIMIT_EXCEEDED", "The composite request has more than 25 subrequests"));
    }
    let together = body.get("allOrNone").and_then(Json::as_bool).unwrap_or(false);
    let (answers, _) = run(call, &parts, together);
    Ok(Reply::ok(&json!({ "compositeResponse": answers })))
}

/// What `GET /composite` lists.
pub(crate) fn family(call: &Call<'_>) -> Json {
    let base = format!("/services/data/v{}.0/composite", call.version);
    json!({
        "tree": format!("{base}/tree"), "batch": format!("{base}/batch"), "sobjects": format!("{base}/sobjects"),
        "graph": format!("{base}/graph"),
    })
}

/// `/composite/graph`
pub(crate) fn graph(call: &mut Call<'_>, ask: &Ask) -> Outcome<Reply> {
    let body = ask.json()?;
    let graphs = body.get("graphs").and_then(Json::as_array).cloned().unwrap_or_default();
    if graphs.len() > 75 {
        return Err(Fault::bad("LIMIT_EXCEEDED", "The request has more than 75 graphs"));
    }
    let mut results = Vec::new();
    for graph in &graphs {
        let parts = graph.get("compositeRequest").and_then(Json::as_array).cloned().unwrap_or_default();
        let (answers, good) = run(call, &parts, true);
        results.push(json!({
            "graphId": graph.get("graphId").cloned().unwrap_or_default(),
            "graphResponse": { "compositeResponse": answers },
            "isSuccessful": good,
        }));
    }
    Ok(Reply::ok(&json!({ "graphs": results })))
}

fn run(call: &mut Call<'_>, parts: &[Json], together: bool) -> (Vec<Json>, bool) {
    let before = call.state.store.clone();
    let mut answers = Answers::new();
    let mut results: Vec<Json> = Vec::new();
    let mut failed = None;
    for (place, part) in parts.iter().enumerate() {
        let reference = part.get("referenceId").and_then(Json::as_str).unwrap_or_default().to_owned();
        let reply = match failed {
            Some(_) if together => halted(),
            _ => one(call, part, &answers),
        };
        if reply.status >= 400 && failed.is_none() {
            failed = Some(place);
        }
        answers.insert(reference.clone(), reply.body_json());
        results.push(entry(&reply, &reference));
    }
    if let (Some(failed), true) = (failed, together) {
        call.state.store = before;
        for (place, result) in results.iter_mut().enumerate().filter(|(place, _)| *place < failed) {
            let reference = parts.get(place).and_then(|part| part.get("referenceId")).and_then(Json::as_str);
            *result = entry(&halted(), reference.unwrap_or_default());
        }
    }
    (results, failed.is_none())
}

fn halted() -> Reply {
    Reply::fault(&Fault::bad(
        "PROCESSING_HALTED",
        "The transaction was rolled back since another operation in the same transaction failed.",
    ))
}

fn entry(reply: &Reply, reference: &str) -> Json {
    let mut headers = Map::new();
    for (name, shown) in [("location", "Location"), ("etag", "ETag")] {
        if let Some(value) = reply.header(name) {
            headers.insert(shown.to_owned(), json!(value));
        }
    }
    json!({
        "body": reply.body_json(),
        "httpHeaders": headers,
        "httpStatusCode": reply.status,
        "referenceId": reference,
    })
}

/// One subrequest, its references filled in from what came before.
fn one(call: &mut Call<'_>, part: &Json, answers: &Answers) -> Reply {
    let text = |name: &str| part.get(name).and_then(Json::as_str).unwrap_or_default();
    let url = match reference::fill_text(text("url"), answers) {
        Ok(url) => url,
        Err(fault) => return Reply::fault(&fault),
    };
    let body = match reference::fill(part.get("body").unwrap_or(&Json::Null), answers) {
        Ok(Json::Null) => Bytes::new(),
        Ok(body) => body.to_string().into(),
        Err(fault) => return Reply::fault(&fault),
    };
    let headers = part.get("httpHeaders").and_then(Json::as_object).cloned().unwrap_or_default();
    subrequest(call, text("method"), &url, (&headers, body))
}

/// Runs a request that stands inside another, in the session of the outer one.
pub(crate) fn subrequest(
    call: &mut Call<'_>,
    method: &str,
    url: &str,
    (headers, body): (&Map<String, Json>, Bytes),
) -> Reply {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value = value.as_str().map(HeaderValue::from_str).and_then(Result::ok);
        if let (Ok(name), Some(value)) = (name.parse::<HeaderName>(), value) {
            map.insert(name, value);
        }
    }
    let ask = Ask::new(method, url, map, body);
    let path = ask.segments(0);
    let path = match path.as_slice() {
        ["services", "data", version, ..] => version,
        [version, ..] => version,
        [] => return Reply::fault(&Fault::not_found()),
    };
    let Some(from) = ask.path.iter().position(|segment| segment == path) else {
        return Reply::fault(&Fault::not_found());
    };
    let Some(version) =
        path.trim_start_matches(['v', 'V']).split('.').next().and_then(|major| major.parse().ok())
    else {
        return Reply::fault(&Fault::not_found());
    };
    let outer = (call.version, call.namespace.clone(), call.batch);
    call.version = version;
    if let Some(namespace) = crate::route::option(ask.header("sforce-call-options"), "defaultNamespace") {
        call.namespace = Some(namespace);
    }
    let reply =
        super::resource(call, &ask.segments(from + 1), &ask).unwrap_or_else(|fault| Reply::fault(&fault));
    (call.version, call.namespace, call.batch) = outer;
    reply
}
