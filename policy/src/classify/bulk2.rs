//! Bulk API 2.0: `/jobs/query...` and `/jobs/ingest...` (reference, sections 5.1 and 5.2).
//!
//! A query job is decided by its query. An ingest job is decided by object and operation when it is made, and by the
//! columns of its upload when that comes. Everything else names a job, which must be the caller's own.

use super::bulk::{self, Declared, about, unclear};
use super::call::Call;
use super::csv::{self, Header};
use super::json::{self, Document};
use super::multipart::{self, Part};
use super::unclear::Unclear;
use super::{BodyUse, doors};
use crate::names::ApiVersion;
use crate::request::{
    Access, Answer, Api, Body, Columns, Cut, Handle, HandleKind, HandleUse, Method, Named, Needs, Operation,
    Request, Rows, Template, What,
};

/// How much of a body is needed: of an upload, the header line.
pub(crate) fn body(call: &Call<'_>) -> BodyUse {
    match (call.method, call.names().as_slice()) {
        (Method::Put, ["jobs", "ingest", _, "batches"]) => BodyUse::Start(csv::HEADER_BYTES),
        _ => doors::whole(call),
    }
}

/// Reads a call.
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    match (names.get(1), names.get(2..).unwrap_or_default()) {
        (Some(&"query"), rest) => query(call, rest),
        (Some(&"ingest"), rest) => ingest(call, rest),
        _ => Err(call.unknown()),
    }
}

fn query(call: &Call<'_>, rest: &[&str]) -> Result<Request, Unclear> {
    let about = |id, use_, rows, known: &[&str]| {
        about(call, Api::Bulk2, (HandleKind::QueryJob, id), (use_, rows), known)
    };
    match (call.method, rest) {
        (Method::Post, []) => query_job(call),
        (Method::Get, []) => list(call),
        (Method::Get, [id]) => about(id, HandleUse::Status, Rows::None, &[]),
        (Method::Get, [id, "results"]) => {
            about(id, HandleUse::Results, Rows::Csv, &["maxRecords", "locator"])
        }
        (Method::Get, [id, "resultPages"]) => about(id, HandleUse::Results, Rows::None, &["locator"]),
        (Method::Patch, [id]) => {
            state(call, &["Aborted"])?;
            about(id, HandleUse::Change, Rows::None, &[])
        }
        (Method::Delete, [id]) => about(id, HandleUse::Delete, Rows::None, &[]),
        _ => Err(call.unknown()),
    }
}

fn query_job(call: &Call<'_>) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    let json = call.json()?;
    let known = ["operation", "query", "contentType", "columnDelimiter", "lineEnding"];
    let properties = bulk::properties(json.root(), &known)?;
    form(&properties)?;
    if !matches!(bulk::get(&properties, "operation"), Some("query" | "queryAll")) {
        return Err(unclear("`operation` must be `query` or `queryAll`"));
    }
    let text = json.root().required("query")?;
    let query =
        bulk::query(call, &text.string()?, version(call)?, &text.into()).map_err(Unclear::of_export)?;
    let needs = Needs::new(What::Query(Box::new(query)));
    let mut request = call.request(Api::Bulk2, Operation::Export, needs, call.target(&parameters));
    request.draft.body = Body::Whole(json.rebuilt(vec![(text.content(), json::hole(0))]));
    request.export = true;
    request.answer.issues = Some(HandleKind::QueryJob);
    Ok(request)
}

fn ingest(call: &Call<'_>, rest: &[&str]) -> Result<Request, Unclear> {
    let about = |id, use_, rows| about(call, Api::Bulk2, (HandleKind::IngestJob, id), (use_, rows), &[]);
    match (call.method, rest) {
        (Method::Post, []) => match call.content_type().map(|kind| &*kind.essence) {
            Some("multipart/form-data") => whole_job(call),
            _ => ingest_job(call),
        },
        (Method::Get, []) => list(call),
        (Method::Get, [id]) => about(id, HandleUse::Status, Rows::None),
        (Method::Put, [id, "batches"]) => upload(call, id),
        (Method::Patch, [id]) => {
            state(call, &["UploadComplete", "Aborted"])?;
            about(id, HandleUse::Change, Rows::None)
        }
        (Method::Get, [id, "successfulResults" | "failedResults" | "unprocessedrecords"]) => {
            about(id, HandleUse::Readback, Rows::Csv)
        }
        (Method::Delete, [id]) => about(id, HandleUse::Delete, Rows::None),
        _ => Err(call.unknown()),
    }
}

fn ingest_job(call: &Call<'_>) -> Result<Request, Unclear> {
    let json = call.json()?;
    let declared = declared(call, &json)?;
    job(call, &declared, declared.accesses(call), Body::Whole(json.as_sent()))
}

/// A job document and its data in one body, after which the job is closed.
fn whole_job(call: &Call<'_>) -> Result<Request, Unclear> {
    let payload = call.payload()?;
    let boundary = payload.kind.boundary.as_deref().unwrap_or_default();
    let parts = multipart::parts(&payload.bytes, boundary)?;
    let [document, content] = parts.as_slice() else {
        return Err(unclear("the parts must be `job` and `content`"));
    };
    let essence =
        |part: &Part<'_>| part.media.map(|media| media.split(';').next().unwrap_or("").trim().to_owned());
    let fits = document.name == "job"
        && essence(document).as_deref() == Some("application/json")
        && content.name == "content"
        && essence(content).as_deref() == Some("text/csv");
    if !fits {
        return Err(unclear("the parts must be `job` as application/json and `content` as text/csv"));
    }
    let json = Document::parse(document.content)?;
    let mut declared = declared(call, &json)?;
    let header = Header::parse(content.content)?;
    if header.names.len() > 1 && header.delimiter != declared.origin.delimiter {
        return Err(unclear("the delimiter of the header is not the one that the job declares"));
    }
    let mut accesses = declared.accesses(call);
    for column in &header.names {
        let touched = declared.origin.column(call.schema, column);
        accesses.extend(touched.ok_or_else(|| bulk::unknown(column))?);
    }
    declared.origin.upload(&header.names);
    let sent = [
        (Part { media: Some("application/json"), ..*document }, json.as_sent()),
        (Part { media: Some("text/csv; charset=UTF-8"), ..*content }, Template::from(content.content)),
    ];
    job(call, &declared, accesses, Body::Whole(multipart::write(boundary, sent)))
}

fn declared(call: &Call<'_>, json: &Document<'_>) -> Result<Declared, Unclear> {
    let known = [
        "object",
        "operation",
        "externalIdFieldName",
        "contentType",
        "lineEnding",
        "columnDelimiter",
        "assignmentRuleId",
    ];
    let properties = bulk::properties(json.root(), &known)?;
    form(&properties)?;
    let declared = Declared::of(call, &properties)?;
    if declared.origin.is_query() {
        return Err(unclear("queries are made under `/jobs/query`"));
    }
    Ok(declared)
}

fn job(call: &Call<'_>, declared: &Declared, accesses: Vec<Access>, body: Body) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    let needs = Needs::accesses(accesses).ok_or_else(|| call.unknown())?;
    let mut request = call.request(Api::Bulk2, declared.operation(call), needs, call.target(&parameters));
    request.draft.body = body;
    request.answer.issues = Some(HandleKind::IngestJob);
    request.job = Some(declared.origin.clone());
    Ok(request)
}

/// The rows of an ingest job: the header line says which fields they write, the rest streams through.
fn upload(call: &Call<'_>, id: &str) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    let payload = call.payload()?;
    if &*payload.kind.essence != "text/csv" {
        return Err(Unclear::form(super::Place::Header("content-type".into()), "expected `text/csv`"));
    }
    let Header { names, delimiter } = Header::parse(&payload.bytes)?;
    let handle = Handle::job(HandleKind::IngestJob, bulk::id(call, id, "750")?, HandleUse::Upload);
    let needs = Needs::new(What::Columns(Columns { handle, names, delimiter }));
    let mut request = call.request(Api::Bulk2, Operation::Job, needs, call.target(&parameters));
    request.draft = call.draft(call.target(&parameters), Body::Streamed);
    Ok(request)
}

/// The list of jobs, which is everybody's: the caller's own stay.
fn list(call: &Call<'_>) -> Result<Request, Unclear> {
    let known = ["jobType", "concurrencyMode", "isPkChunkingEnabled", "queryLocator"];
    let parameters = call.parameters(&known)?;
    let needs = Needs::new(What::Named(Named::Resources));
    let mut request = call.request(Api::Bulk2, Operation::Job, needs, call.target(&parameters));
    request.answer = Answer { cut: Cut::Jobs, ..Answer::PLAIN };
    Ok(request)
}

/// The form of the data: CSV, in lines that end in one way.
fn form(properties: &bulk::Properties) -> Result<(), Unclear> {
    bulk::held(properties, "contentType", &["CSV"])?;
    bulk::held(properties, "lineEnding", &["LF", "CRLF"])?;
    let delimiters = csv::DELIMITERS.map(|(name, _)| name);
    bulk::held(properties, "columnDelimiter", &delimiters)
}

/// Holds a change of state to what is known.
fn state(call: &Call<'_>, states: &[&str]) -> Result<(), Unclear> {
    let json = call.json()?;
    let properties = bulk::properties(json.root(), &["state"])?;
    match bulk::get(&properties, "state") {
        Some(state) if states.contains(&state) => Ok(()),
        _ => Err(unclear(format!("`state` must be one of {}", states.join(", ")))),
    }
}

fn version(call: &Call<'_>) -> Result<ApiVersion, Unclear> {
    call.version.ok_or_else(|| call.unknown())
}
