//! Batches: records or a query, and what became of them.

use super::{
    Ask, Batch, Call, DECLARATION, Fault, Job, Json, Map, NAMESPACE, Outcome, Reply, document, elements, job,
    json, xml,
};
use crate::bulk::export::{self, Lines};
use crate::bulk::{Export, Loaded, load};
use crate::csv;
use crate::id;
use crate::wire::Payload;
use bytes::Bytes;

/// `POST /job/{id}/batch`
pub(super) fn create(call: &mut Call<'_>, id: &str, ask: &Ask) -> Outcome<Reply> {
    let found = job(call, id)?.clone();
    if found.state != "Open" {
        return Err(Fault::bad("InvalidJobState", "the job is not open"));
    }
    let is_query = found.spec.operation.starts_with("query");
    let (exported, loaded) = if is_query {
        (Some(export::run(call, ask.text().trim(), found.spec.operation == "queryAll")), Ok(Vec::new()))
    } else {
        (None, records(&found, ask).and_then(|records| load::save(call, &found.spec, records)))
    };
    let failure = match (&exported, &loaded) {
        (Some(Err(fault)), _) | (_, Err(fault)) => {
            Some(format!("InvalidBatch : {} : {}", fault.code, fault.message))
        }
        _ => None,
    };
    let split = found.chunked && is_query;
    let first = new_batch(call, ask.body.clone(), split);
    let mut batches = vec![Batch { loaded: loaded.unwrap_or_default(), failure, ..first }];
    if split {
        batches.push(new_batch(call, ask.body.clone(), false));
    }
    if let Some(last) = batches.last_mut() {
        last.export = exported.and_then(Result::ok);
    }
    let shown = batches.first().map(|batch| shown(&found, batch)).unwrap_or_default();
    job(call, id)?.batches.extend(batches);
    Ok(document(is_json(&found), 201, "batchInfo", &shown))
}

fn new_batch(call: &mut Call<'_>, request: Bytes, split: bool) -> Batch {
    let (number, polls) = (call.state.jobs.number(), call.state.jobs.polls);
    Batch {
        id: id::mint("751", number),
        result_id: id::mint("752", number),
        request,
        export: None,
        loaded: Vec::new(),
        polls,
        failure: None,
        split,
    }
}

type Records = Vec<Vec<(String, Json)>>;

/// The records of an upload in the job's own format.
fn records(job: &Job, ask: &Ask) -> Outcome<Records> {
    let bad = |message: String| Fault::bad("InvalidBatch", message);
    match job.spec.content_type.as_str() {
        "JSON" => {
            let body = ask.json().map_err(|fault| bad(fault.message))?;
            let records = body.as_array().ok_or_else(|| bad("an array of records is needed".to_owned()))?;
            let fields = records.iter().filter_map(Json::as_object);
            Ok(fields.map(|fields| fields.clone().into_iter().collect()).collect())
        }
        "XML" => {
            let root = xml::parse(&ask.body).map_err(bad)?;
            let fields = root.all("sObject").map(xml::record);
            Ok(fields.map(|fields| fields.into_iter().map(unwrapped).collect()).collect())
        }
        "CSV" => Ok(load::rows(&ask.text(), ',').into_iter().map(|row| mapped(job, row)).collect()),
        other => Err(bad(format!("content type {other} is not supported"))),
    }
}

/// `<Account><sObject><ExtId__c>7</ExtId__c></sObject></Account>` names a parent.
fn unwrapped((name, value): (String, Json)) -> (String, Json) {
    let inner = value.get("sObject").cloned();
    (name, inner.unwrap_or(value))
}

fn mapped(job: &Job, row: Vec<(String, Json)>) -> Vec<(String, Json)> {
    if job.mapping.is_empty() {
        return row;
    }
    let mut mapped: Vec<(String, Json)> = Vec::new();
    for (name, value) in row {
        let renamed = job.mapping.iter().find(|(_, column, _)| *column == name);
        mapped.push((renamed.map_or(name, |(field, _, _)| field.clone()), value));
    }
    for (field, column, constant) in &job.mapping {
        if column.is_empty() && !constant.is_empty() {
            mapped.push((field.clone(), Json::from(constant.as_str())));
        }
    }
    mapped
}

/// Batches are told of in the form of their job, whatever a request without content says that it holds: tap-salesforce
/// asks with the type of JSON, and reads XML.
fn is_json(job: &Job) -> bool {
    job.spec.content_type == "JSON"
}

fn find<'a>(job: &'a mut Job, id: &str) -> Outcome<&'a mut Batch> {
    let id = id::normalise(id).unwrap_or_default();
    let batch = job.batches.iter_mut().find(|batch| batch.id == id);
    batch.ok_or_else(|| Fault::bad("InvalidBatch", "Unable to find batch"))
}

/// `GET /job/{id}/batch`
pub(super) fn list(call: &mut Call<'_>, id: &str) -> Outcome<Reply> {
    let job = job(call, id)?;
    let shown: Vec<Map<String, Json>> = job.batches.iter().map(|batch| shown(job, batch)).collect();
    for batch in &mut job.batches {
        batch.polls = batch.polls.saturating_sub(1);
    }
    if is_json(job) {
        return Ok(Reply::new(200, "application/json", json!({ "batchInfo": shown }).to_string()));
    }
    let infos: String =
        shown.iter().map(|info| format!("<batchInfo>{}</batchInfo>", elements(info))).collect();
    let body = format!("{DECLARATION}<batchInfoList xmlns=\"{NAMESPACE}\">{infos}</batchInfoList>");
    Ok(Reply::new(200, "application/xml", body))
}

/// `GET /job/{id}/batch/{batch}`
pub(super) fn status(call: &mut Call<'_>, (id, batch): (&str, &str)) -> Outcome<Reply> {
    let job = job(call, id)?;
    let found = find(job, batch)?.clone();
    let info = shown(job, &found);
    let found = find(job, batch)?;
    found.polls = found.polls.saturating_sub(1);
    Ok(document(is_json(job), 200, "batchInfo", &info))
}

/// `GET /job/{id}/batch/{batch}/request`
pub(super) fn request(call: &mut Call<'_>, (id, batch): (&str, &str)) -> Outcome<Reply> {
    let job = job(call, id)?;
    let content_type = media_type(&job.spec.content_type);
    Ok(Reply::new(200, content_type, find(job, batch)?.request.clone()))
}

/// `GET /job/{id}/batch/{batch}/result`: result ids of a query, or what became of each record.
pub(super) fn result(call: &mut Call<'_>, (id, batch): (&str, &str)) -> Outcome<Reply> {
    let job = job(call, id)?;
    let format = job.spec.content_type.clone();
    let batch = find(job, batch)?;
    if let Some(message) = &batch.failure {
        return Err(Fault::bad("InvalidBatch", message.clone()));
    }
    if batch.polls > 0 {
        return Err(Fault::bad("InvalidBatch", "Batch not completed"));
    }
    if batch.export.is_some() {
        if format == "JSON" {
            return Ok(Reply::new(200, "application/json", json!([batch.result_id]).to_string()));
        }
        let list = format!(
            "{DECLARATION}<result-list xmlns=\"{NAMESPACE}\"><result>{}</result></result-list>",
            batch.result_id
        );
        return Ok(Reply::new(200, "application/xml", list));
    }
    Ok(saved(&format, &batch.loaded))
}

fn saved(format: &str, loaded: &[Loaded]) -> Reply {
    match format {
        "JSON" => {
            let entry = |one: &Loaded| {
                let errors: Vec<Json> = one
                    .error
                    .iter()
                    .map(|error| {
                        let code = error.split(':').next().unwrap_or_default();
                        json!({ "statusCode": code, "message": error, "fields": [] })
                    })
                    .collect();
                json!({ "success": one.error.is_none(), "created": one.created, "id": one.id, "errors": errors })
            };
            let entries: Vec<Json> = loaded.iter().map(entry).collect();
            Reply::new(200, "application/json", Json::Array(entries).to_string())
        }
        "XML" => {
            let entry = |one: &Loaded| {
                let id = one.id.as_ref().map(|id| format!("<id>{id}</id>")).unwrap_or_default();
                let errors = one
                    .error
                    .as_ref()
                    .map(|error| format!("<errors><message>{}</message></errors>", xml::escape(error)));
                let (success, created) = (one.error.is_none(), one.created);
                format!(
                    "<result>{}{id}<success>{success}</success><created>{created}</created></result>",
                    errors.unwrap_or_default()
                )
            };
            let entries: String = loaded.iter().map(entry).collect();
            Reply::new(
                200,
                "application/xml",
                format!("{DECLARATION}<results xmlns=\"{NAMESPACE}\">{entries}</results>"),
            )
        }
        _ => {
            let mut text = csv::line(["Id", "Success", "Created", "Error"].into_iter(), ',') + "\n";
            for one in loaded {
                let cells = [
                    one.id.clone().unwrap_or_default(),
                    one.error.is_none().to_string(),
                    one.created.to_string(),
                    one.error.clone().unwrap_or_default(),
                ];
                text += &(csv::line(cells.iter().map(String::as_str), ',') + "\n");
            }
            Reply::new(200, "text/csv", text)
        }
    }
}

/// `GET /job/{id}/batch/{batch}/result/{result}`
pub(super) fn rows(call: &mut Call<'_>, (id, batch, result): (&str, &str, &str)) -> Outcome<Reply> {
    let job = job(call, id)?;
    let format = job.spec.content_type.clone();
    let batch = find(job, batch)?;
    let known = id::normalise(result).is_some_and(|result| result == batch.result_id);
    let export = batch.export.clone().filter(|_| known && batch.polls == 0);
    let export = export.ok_or_else(|| Fault::bad("InvalidBatch", "Unable to find result"))?;
    call.touches.all(&export.touches);
    Ok(written(call, &format, &export))
}

fn written(call: &Call<'_>, format: &str, export: &Export) -> Reply {
    let total = export.answer.rows.len();
    let lines = Lines::new(call.state, export, (0, total), (',', "\n"));
    match format {
        "JSON" => {
            let records = lines.records(0, total);
            Reply::new(200, "application/json", Json::Array(records).to_string())
        }
        "XML" => {
            let records: String = lines
                .records(0, total)
                .iter()
                .map(|record| {
                    format!(
                        "<records xsi:type=\"sObject\">{}</records>",
                        crate::soap::values::bulk_record(record)
                    )
                })
                .collect();
            let body = format!(
                "{DECLARATION}<queryResult xmlns=\"{NAMESPACE}\" \
                 xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">{records}</queryResult>"
            );
            Reply::new(200, "application/xml", body)
        }
        _ => {
            let headers = vec![("content-type", "text/csv".to_owned())];
            Reply { status: 200, headers, payload: Payload::Stream(Box::new(lines)) }
        }
    }
}

fn shown(job: &Job, batch: &Batch) -> Map<String, Json> {
    let state = match batch {
        Batch { failure: Some(_), .. } => "Failed",
        Batch { split: true, .. } => "NotProcessed",
        Batch { polls: 0, .. } => "Completed",
        _ => "InProgress",
    };
    let exported = batch.export.as_ref().map(|export| export.answer.total);
    let failed = batch.loaded.iter().filter(|one| one.error.is_some()).count();
    let mut map = Map::new();
    for (name, value) in [
        ("id", json!(batch.id)),
        ("jobId", json!(job.id)),
        ("state", json!(state)),
        ("stateMessage", json!(batch.failure)),
        ("createdDate", json!(export::zulu(&job.created))),
        ("systemModstamp", json!(export::zulu(&job.created))),
        ("numberRecordsProcessed", exported.map_or_else(|| json!(batch.loaded.len()), |rows| json!(rows))),
        ("numberRecordsFailed", json!(failed)),
        ("totalProcessingTime", json!(10)),
        ("apiActiveProcessingTime", json!(10)),
        ("apexProcessingTime", json!(0)),
    ] {
        map.insert(name.to_owned(), value);
    }
    map
}

fn media_type(format: &str) -> &'static str {
    match format {
        "JSON" => "application/json",
        "XML" => "application/xml",
        _ => "text/csv",
    }
}
