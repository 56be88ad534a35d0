//! Bulk API 2.0: `/jobs/query` and `/jobs/ingest`.

use super::{Job, Kind, Spec, export, load};
use crate::call::Call;
use crate::csv;
use crate::fault::{Fault, Outcome};
use crate::rest;
use crate::wire::{Ask, Payload, Reply};
use serde_json::{Map, Value as Json, json};

mod ingest;
mod query;

/// Anything under `/jobs`.
pub(crate) fn answer(call: &mut Call<'_>, path: &[&str], ask: &Ask) -> Outcome<Reply> {
    let (kind, rest) = match path {
        ["query", rest @ ..] => (Kind::Query, rest),
        ["ingest", rest @ ..] => (Kind::Ingest, rest),
        _ => return Err(Fault::not_found()),
    };
    match (ask.method.as_str(), rest) {
        ("POST", []) if kind == Kind::Query => query::create(call, ask),
        ("POST", []) => ingest::create(call, ask),
        ("GET", []) => Ok(Reply::ok(&list(call, kind, ask))),
        ("GET", [id]) => {
            let job = job(call, kind, id)?;
            job.poll();
            Ok(Reply::ok(&shown(job)))
        }
        ("PATCH", [id]) => change(call, kind, id, ask),
        ("DELETE", [id]) => {
            let id = job(call, kind, id)?.id.clone();
            call.state.jobs.delete(&id);
            Ok(Reply::empty(204))
        }
        ("GET", [id, "results"]) if kind == Kind::Query => query::results(call, id, ask),
        ("GET", [id, "resultPages"]) if kind == Kind::Query => query::pages(call, id, ask),
        ("PUT", [id, "batches"]) if kind == Kind::Ingest => ingest::upload(call, id, ask),
        ("GET", [id, which]) if kind == Kind::Ingest => ingest::results(call, id, which),
        _ => Err(rest_not_allowed(ask)),
    }
}

fn rest_not_allowed(ask: &Ask) -> Fault {
    Fault::method_not_allowed(&ask.method, "GET,POST,PATCH,PUT,DELETE")
}

/// A job of the right generation; every user of the org may name it.
fn job<'a>(call: &'a mut Call<'_>, kind: Kind, id: &str) -> Outcome<&'a mut Job> {
    call.state.jobs.find(id).and_then(|job| if job.kind == kind { Ok(job) } else { Err(Fault::not_found()) })
}

fn list(call: &Call<'_>, kind: Kind, ask: &Ask) -> Json {
    let wanted = |job: &&Job| match ask.param("jobType") {
        Some(name) => job.kind.name() == name,
        None => job.kind == kind || job.kind == Kind::Classic,
    };
    let records: Vec<Json> = call.state.jobs.all().filter(wanted).map(shown).collect();
    json!({ "done": true, "records": records, "nextRecordsUrl": null })
}

fn change(call: &mut Call<'_>, kind: Kind, id: &str, ask: &Ask) -> Outcome<Reply> {
    let body = ask.json()?;
    let state = body.get("state").and_then(Json::as_str).unwrap_or_default().to_owned();
    let found = job(call, kind, id)?;
    match (state.as_str(), found.state) {
        ("Aborted", "Open" | "UploadComplete" | "InProgress") => found.state = "Aborted",
        ("UploadComplete", "Open") if kind == Kind::Ingest => {
            let id = found.id.clone();
            ingest::close(call, &id)?;
        }
        _ => {
            let message = format!("a job that is {} cannot become {state}", found.state);
            return Err(Fault::bad("INVALIDJOBSTATE", message));
        }
    }
    let found = job(call, kind, id)?;
    Ok(Reply::ok(&shown(found)))
}

/// What a body says of the job to create.
fn spec(body: &Json) -> Spec {
    let text = |name: &str| body.get(name).and_then(Json::as_str).map(str::to_owned);
    let or = |name: &str, default: &str| text(name).unwrap_or_else(|| default.to_owned());
    Spec {
        operation: or("operation", ""),
        object: or("object", ""),
        content_type: or("contentType", "CSV"),
        external_id: text("externalIdFieldName"),
        delimiter: or("columnDelimiter", "COMMA"),
        line_ending: or("lineEnding", "LF"),
        query: text("query"),
        concurrency: "Parallel".to_owned(),
    }
}

/// A job as JSON.
fn shown(job: &Job) -> Json {
    let mut map = Map::new();
    let mut put = |name: &str, value: Json| map.insert(name.to_owned(), value);
    put("id", json!(job.id));
    put("operation", json!(job.spec.operation));
    put("object", json!(job.spec.object));
    put("createdById", json!(job.owner));
    put("createdDate", json!(job.created));
    put("systemModstamp", json!(job.created));
    put("state", json!(job.state));
    if let Some(field) = &job.spec.external_id {
        put("externalIdFieldName", json!(field));
    }
    put("concurrencyMode", json!(job.spec.concurrency));
    put("contentType", json!(job.spec.content_type));
    put("apiVersion", json!(f64::from(job.version)));
    put("lineEnding", json!(job.spec.line_ending));
    put("columnDelimiter", json!(job.spec.delimiter));
    if job.kind == Kind::Ingest {
        put("contentUrl", json!(format!("services/data/v{}.0/jobs/ingest/{}/batches", job.version, job.id)));
    }
    if matches!(job.state, "JobComplete" | "Failed" | "Aborted") {
        put("jobType", json!(job.kind.name()));
        put("retries", json!(0));
        put("totalProcessingTime", json!(10));
        let failed = job.loaded.iter().filter(|one| one.error.is_some()).count();
        let exported = job.export.as_ref().map(|export| export.answer.total);
        put("numberRecordsProcessed", exported.map_or_else(|| json!(job.loaded.len()), |rows| json!(rows)));
        if job.kind == Kind::Ingest {
            put("numberRecordsFailed", json!(failed));
        }
    }
    Json::Object(map)
}

fn line_end(job: &Job) -> &'static str {
    if job.spec.line_ending == "CRLF" { "\r\n" } else { "\n" }
}

fn csv_reply(lines: impl Iterator<Item = bytes::Bytes> + Send + 'static) -> Reply {
    let headers = vec![("content-type", "text/csv".to_owned())];
    Reply { status: 200, headers, payload: Payload::Stream(Box::new(lines)) }
}
