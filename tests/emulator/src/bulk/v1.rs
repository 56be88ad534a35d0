//! Bulk API 1.0: `/services/async/XX.0/job...`, in XML or JSON, whichever the client speaks.

use super::{Batch, Job, Kind, Spec};
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::wire::{Ask, Reply};
use crate::xml;
use serde_json::{Map, Value as Json, json};

mod batch;

/// Anything under a version.
pub(crate) fn answer(call: &mut Call<'_>, version: &str, ask: &Ask) -> Reply {
    let number = version.split_once('.').and_then(|(major, _)| major.parse().ok());
    match number {
        Some(number) if (31..=68).contains(&number) => call.version = number,
        _ => return fault(ask, &Fault::bad("InvalidVersion", "The API version is not supported")),
    }
    route(call, ask).unwrap_or_else(|refusal| fault(ask, &refusal))
}

fn route(call: &mut Call<'_>, ask: &Ask) -> Outcome<Reply> {
    let path = ask.segments(3);
    match (ask.method.as_str(), path.as_slice()) {
        ("POST", ["job"]) => create(call, ask),
        ("POST", ["job", id]) => change(call, id, ask),
        ("GET", ["job", id]) => Ok(document(speaks_json(ask), 200, "jobInfo", &shown(job(call, id)?))),
        ("POST", ["job", id, "batch"]) => batch::create(call, id, ask),
        ("POST", ["job", id, "spec"]) => mapping(call, id, ask),
        ("GET", ["job", id, "batch"]) => batch::list(call, id),
        ("GET", ["job", id, "batch", batch]) => batch::status(call, (id, batch)),
        ("GET", ["job", id, "batch", batch, "request"]) => batch::request(call, (id, batch)),
        ("GET", ["job", id, "batch", batch, "result"]) => batch::result(call, (id, batch)),
        ("GET", ["job", id, "batch", batch, "result", result]) => batch::rows(call, (id, batch, result)),
        _ => Err(Fault::bad("InvalidUrl", "Destination URL not reset")),
    }
}

/// A refusal in this door's shape: JSON when the request was, else XML.
pub(crate) fn fault(ask: &Ask, fault: &Fault) -> Reply {
    let code = match fault.code {
        "INVALID_SESSION_ID" => "InvalidSessionId",
        "REQUEST_LIMIT_EXCEEDED" => "ExceededQuota",
        "NOT_FOUND" => "InvalidJob",
        "INVALID_TYPE" => "InvalidEntity",
        code if code.contains('_') => "InvalidBatch",
        code => code,
    };
    let body = json!({ "exceptionCode": code, "exceptionMessage": fault.message });
    document(speaks_json(ask), 400, "error", body.as_object().unwrap_or(&Map::new()))
}

/// A document in the client's format. The content type of JSON is exact: a client compares it.
fn document(json: bool, status: u16, root: &str, fields: &Map<String, Json>) -> Reply {
    if json {
        return Reply::new(status, "application/json", Json::Object(fields.clone()).to_string());
    }
    let body = format!("{DECLARATION}<{root} xmlns=\"{NAMESPACE}\">{}</{root}>", elements(fields));
    Reply::new(status, "application/xml", body)
}

fn elements(fields: &Map<String, Json>) -> String {
    let element = |(name, value): (&String, &Json)| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if value.is_null() { String::new() } else { format!("<{name}>{}</{name}>", xml::escape(&text)) }
    };
    fields.iter().map(element).collect()
}

fn speaks_json(ask: &Ask) -> bool {
    let says = |name: &str| ask.header(name).is_some_and(|value| value.contains("json"));
    says("content-type") || (ask.header("content-type").is_none() && says("accept"))
}

/// A job of this generation; every user of the org may name it.
fn job<'a>(call: &'a mut Call<'_>, id: &str) -> Outcome<&'a mut Job> {
    let invalid = || Fault::bad("InvalidJob", format!("Unable to find object: {id}"));
    let job = call.state.jobs.find(id).map_err(|_| invalid())?;
    if job.kind == Kind::Classic { Ok(job) } else { Err(invalid()) }
}

/// The fields of a jobInfo, from either format.
fn job_info(ask: &Ask) -> Outcome<Map<String, Json>> {
    if speaks_json(ask) {
        let body = ask.json().map_err(|refusal| Fault::bad("InvalidJob", refusal.message))?;
        return body.as_object().cloned().ok_or_else(|| Fault::bad("InvalidJob", "a jobInfo is needed"));
    }
    let root = xml::parse(&ask.body).map_err(|error| Fault::bad("InvalidJob", error))?;
    Ok(xml::record(&root))
}

fn create(call: &mut Call<'_>, ask: &Ask) -> Outcome<Reply> {
    let info = job_info(ask)?;
    let text = |name: &str| info.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let mut spec = Spec {
        operation: text("operation"),
        object: text("object"),
        content_type: text("contentType"),
        external_id: Some(text("externalIdFieldName")).filter(|name| !name.is_empty()),
        delimiter: "COMMA".to_owned(),
        line_ending: "LF".to_owned(),
        query: None,
        concurrency: "Parallel".to_owned(),
    };
    if spec.content_type.is_empty() {
        spec.content_type = "XML".to_owned();
    }
    if !OPERATIONS.contains(&spec.operation.as_str()) {
        return Err(Fault::bad("InvalidJob", format!("operation {} is not known", spec.operation)));
    }
    let schema = call.schema();
    let object = schema.object(&spec.object);
    spec.object = object.ok_or_else(|| Fault::bad("InvalidEntity", spec.object.clone()))?.name.clone();
    let chunked =
        ask.header("sforce-enable-pkchunking").is_some_and(|value| !value.eq_ignore_ascii_case("false"));
    let (stamp, version, user) = (call.stamp(), call.version, call.user.clone());
    let job = call.state.jobs.open(Kind::Classic, spec, &user);
    (job.created, job.version, job.chunked) = (stamp, version, chunked);
    let info = shown(job);
    Ok(document(speaks_json(ask), 201, "jobInfo", &info))
}

fn change(call: &mut Call<'_>, id: &str, ask: &Ask) -> Outcome<Reply> {
    let info = job_info(ask)?;
    let job = job(call, id)?;
    job.state = match info.get("state").and_then(Json::as_str) {
        Some("Closed") => "Closed",
        Some("Aborted") => "Aborted",
        _ => return Err(Fault::bad("InvalidJobState", "state must be Closed or Aborted")),
    };
    let info = shown(job);
    Ok(document(speaks_json(ask), 200, "jobInfo", &info))
}

/// A transformation: which column fills which field, and which field gets a constant.
fn mapping(call: &mut Call<'_>, id: &str, ask: &Ask) -> Outcome<Reply> {
    let rows = crate::csv::parse(&ask.text(), ',').into_iter().skip(1);
    let rows = rows.map(|row| {
        let mut cells = row.into_iter();
        let mut next = || cells.next().unwrap_or_default();
        (next(), next(), next())
    });
    job(call, id)?.mapping = rows.collect();
    Ok(Reply::empty(201))
}

fn shown(job: &Job) -> Map<String, Json> {
    let complete = job.batches.iter().filter(|batch| batch.polls == 0).count();
    let loaded = job.batches.iter().flat_map(|batch| &batch.loaded);
    let (processed, failed) = (loaded.clone().count(), loaded.filter(|one| one.error.is_some()).count());
    let mut map = Map::new();
    for (name, value) in [
        ("id", json!(job.id)),
        ("operation", json!(job.spec.operation)),
        ("object", json!(job.spec.object)),
        ("createdById", json!(job.owner)),
        ("createdDate", json!(super::export::zulu(&job.created))),
        ("systemModstamp", json!(super::export::zulu(&job.created))),
        ("state", json!(job.state)),
        ("externalIdFieldName", json!(job.spec.external_id)),
        ("concurrencyMode", json!(job.spec.concurrency)),
        ("contentType", json!(job.spec.content_type)),
        ("numberBatchesQueued", json!(0)),
        ("numberBatchesInProgress", json!(job.batches.len() - complete)),
        ("numberBatchesCompleted", json!(complete)),
        ("numberBatchesFailed", json!(job.batches.iter().filter(|batch| batch.failure.is_some()).count())),
        ("numberBatchesTotal", json!(job.batches.len())),
        ("numberRecordsProcessed", json!(processed)),
        ("numberRetries", json!(0)),
        ("apiVersion", json!(f64::from(job.version))),
        ("numberRecordsFailed", json!(failed)),
        ("totalProcessingTime", json!(10)),
        ("apiActiveProcessingTime", json!(10)),
        ("apexProcessingTime", json!(0)),
    ] {
        map.insert(name.to_owned(), value);
    }
    map
}

const NAMESPACE: &str = "http://www.force.com/2009/06/asyncapi/dataload";
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
const OPERATIONS: [&str; 7] = ["insert", "update", "upsert", "delete", "hardDelete", "query", "queryAll"];
