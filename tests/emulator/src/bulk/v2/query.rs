//! Query jobs: created, read page by page.

use super::{
    Ask, Call, Fault, Job, Json, Kind, Outcome, Reply, csv_reply, export, job, json, line_end, shown, spec,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// `POST /jobs/query`
pub(super) fn create(call: &mut Call<'_>, ask: &Ask) -> Outcome<Reply> {
    let mut spec = spec(&ask.json()?);
    let all_rows = match spec.operation.as_str() {
        "query" => false,
        "queryAll" => true,
        _ => return Err(Fault::bad("INVALIDJOB", "operation must be query or queryAll")),
    };
    let soql = spec.query.clone().ok_or_else(|| Fault::bad("INVALIDJOB", "query is needed"))?;
    let export = export::run(call, &soql, all_rows)?;
    spec.object =
        call.state.schema.at(export.plan.object).map(|object| object.name.clone()).unwrap_or_default();
    let (stamp, version, user) = (call.stamp(), call.version, call.user.clone());
    let job = call.state.jobs.open(Kind::Query, spec, &user);
    (job.created, job.version, job.state, job.export) = (stamp, version, "UploadComplete", Some(export));
    Ok(Reply::ok(&shown(job)))
}

/// `GET /jobs/query/{id}/results`
pub(super) fn results(call: &mut Call<'_>, id: &str, ask: &Ask) -> Outcome<Reply> {
    let (job, export) = complete(call, id)?;
    call.touches.all(&export.touches);
    let columns = export::header(&export.plan);
    if let Some(bytes) = call.state.jobs.result_bytes {
        let lines = export::filler(&columns, bytes);
        let records = bytes / 32;
        return Ok(csv_reply(lines)
            .with("sforce-locator", "null")
            .with("sforce-numberofrecords", records.to_string()));
    }
    let from = match ask.param("locator").filter(|locator| *locator != "null" && !locator.is_empty()) {
        Some(locator) => {
            decode(locator).ok_or_else(|| Fault::bad("INVALID_QUERY_LOCATOR", locator.to_owned()))?
        }
        None => 0,
    };
    let total = export.answer.rows.len();
    let wanted = ask.param("maxRecords").and_then(|rows| rows.parse().ok()).unwrap_or(PAGE);
    let end = total.min(from.saturating_add(wanted.max(1)));
    let locator = if end < total { encode(end) } else { "null".to_owned() };
    let style = (job.delimiter(), line_end(&job));
    let lines = export::Lines::new(call.state, &export, (from, end), style);
    Ok(csv_reply(lines)
        .with("sforce-locator", locator)
        .with("sforce-numberofrecords", end.saturating_sub(from).to_string()))
}

/// `GET /jobs/query/{id}/resultPages`
pub(super) fn pages(call: &mut Call<'_>, id: &str, ask: &Ask) -> Outcome<Reply> {
    let (job, export) = complete(call, id)?;
    if job.version != call.version {
        return Err(Fault::new(409, "API_ERROR", "use the API version that the job was created with"));
    }
    let total = export.answer.rows.len();
    let from = ask.param("locator").and_then(decode).unwrap_or(0);
    let base = format!("/services/data/v{}.0/jobs/query/{}", call.version, job.id);
    let starts: Vec<u64> =
        (0..6).map(|page| from + page * PAGE).filter(|start| *start < total.max(1)).collect();
    let shown: Vec<Json> = starts
        .iter()
        .take(5)
        .map(|start| json!({ "resultUrl": format!("{base}/results?locator={}", encode(*start)) }))
        .collect();
    let next = starts.get(5).map(|start| format!("{base}/resultPages?locator={}", encode(*start)));
    Ok(Reply::ok(&json!({ "resultPages": shown, "done": next.is_none(), "nextRecordsUrl": next })))
}

fn complete(call: &mut Call<'_>, id: &str) -> Outcome<(Job, super::super::Export)> {
    let job = job(call, Kind::Query, id)?;
    job.poll();
    match (&job.export, job.state) {
        (Some(export), "JobComplete") => Ok((job.clone(), export.clone())),
        _ => {
            Err(Fault::bad("INVALIDJOBSTATE", format!("the job is {}, its results are not ready", job.state)))
        }
    }
}

fn encode(row: u64) -> String {
    STANDARD_NO_PAD.encode(row.to_string())
}

fn decode(locator: &str) -> Option<u64> {
    let bytes = STANDARD_NO_PAD.decode(locator.trim_end_matches('=')).ok()?;
    String::from_utf8(bytes).ok()?.parse().ok()
}

/// Rows per page when the client does not say.
const PAGE: u64 = 50_000;
