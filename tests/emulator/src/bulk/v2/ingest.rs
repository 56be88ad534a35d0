//! Ingest jobs: created, filled, closed; what became of each record.

use super::{Ask, Call, Fault, Job, Kind, Outcome, Reply, csv, job, line_end, load, rest, shown, spec};

/// `POST /jobs/ingest`; with a form of two parts, uploads and closes as well.
pub(super) fn create(call: &mut Call<'_>, ask: &Ask) -> Outcome<Reply> {
    let parts = if rest::multipart::is(ask) { rest::multipart::parse(ask)? } else { Vec::new() };
    let part = |name: &str| parts.iter().find(|part| part.name == name).map(|part| part.bytes.clone());
    let body = match part("job") {
        Some(bytes) => serde_json::from_slice(&bytes).map_err(|error| Fault::bad_json(error.to_string()))?,
        None => ask.json()?,
    };
    let mut spec = spec(&body);
    if !OPERATIONS.contains(&spec.operation.as_str()) {
        return Err(Fault::bad(
            "INVALIDJOB",
            "operation must be insert, update, upsert, delete or hardDelete",
        ));
    }
    let schema = call.schema();
    let object = schema.object(&spec.object).ok_or_else(|| Fault::no_such_object(&spec.object))?;
    spec.object.clone_from(&object.name);
    if spec.operation == "upsert" && spec.external_id.is_none() {
        return Err(Fault::bad("INVALIDJOB", "externalIdFieldName is needed"));
    }
    if csv::delimiter(&spec.delimiter).is_none() {
        return Err(Fault::bad("INVALIDJOB", "columnDelimiter is not known"));
    }
    let (stamp, version, user) = (call.stamp(), call.version, call.user.clone());
    let job = call.state.jobs.open(Kind::Ingest, spec, &user);
    (job.created, job.version) = (stamp, version);
    let id = job.id.clone();
    if let Some(content) = part("content") {
        job.upload = Some(content);
        close(call, &id)?;
    }
    Ok(Reply::ok(&shown(super::job(call, Kind::Ingest, &id)?)))
}

/// `PUT /jobs/ingest/{id}/batches`, once.
pub(super) fn upload(call: &mut Call<'_>, id: &str, ask: &Ask) -> Outcome<Reply> {
    let job = job(call, Kind::Ingest, id)?;
    if job.state != "Open" || job.upload.is_some() {
        return Err(Fault::bad("INVALIDJOBSTATE", "the job already has its data"));
    }
    job.upload = Some(ask.body.clone());
    Ok(Reply::empty(201))
}

/// Saves what was uploaded.
pub(super) fn close(call: &mut Call<'_>, id: &str) -> Outcome<()> {
    let job = job(call, Kind::Ingest, id)?;
    let (spec, delimiter) = (job.spec.clone(), job.delimiter());
    let text = String::from_utf8_lossy(&job.upload.clone().unwrap_or_default()).into_owned();
    let loaded = load::save(call, &spec, load::rows(&text, delimiter))?;
    let job = super::job(call, Kind::Ingest, id)?;
    job.loaded = loaded;
    job.state = "UploadComplete";
    Ok(())
}

/// `GET /jobs/ingest/{id}/successfulResults` and its neighbours.
pub(super) fn results(call: &mut Call<'_>, id: &str, which: &str) -> Outcome<Reply> {
    let job = job(call, Kind::Ingest, id)?;
    job.poll();
    let text = match which {
        "successfulResults" => table(job, &["sf__Id", "sf__Created"], false),
        "failedResults" => table(job, &["sf__Id", "sf__Error"], true),
        "unprocessedrecords" if job.state == "Aborted" => job.upload.clone().unwrap_or_default(),
        "unprocessedrecords" => {
            let columns = columns(job);
            (csv::line(columns.iter().map(String::as_str), job.delimiter()) + line_end(job)).into()
        }
        _ => return Err(Fault::not_found()),
    };
    Ok(Reply::new(200, "text/csv", text))
}

fn columns(job: &Job) -> Vec<String> {
    let text = String::from_utf8_lossy(&job.upload.clone().unwrap_or_default()).into_owned();
    load::columns(&text, job.delimiter())
}

/// The records that failed or did not, each with its own columns behind what the org says of it.
fn table(job: &Job, first: &[&str], failed: bool) -> bytes::Bytes {
    let columns = columns(job);
    let head = first.iter().copied().chain(columns.iter().map(String::as_str));
    let mut text = csv::line(head, job.delimiter()) + line_end(job);
    for one in job.loaded.iter().filter(|one| one.error.is_some() == failed) {
        let said = match &one.error {
            Some(error) => error.clone(),
            None => one.created.to_string(),
        };
        let cell = |column: &String| {
            let cell = one.record.iter().find(|(name, _)| name == column).map(|(_, cell)| cell.clone());
            cell.unwrap_or_default()
        };
        let cells = [one.id.clone().unwrap_or_default(), said].into_iter().chain(columns.iter().map(cell));
        let cells: Vec<String> = cells.collect();
        text += &(csv::line(cells.iter().map(String::as_str), job.delimiter()) + line_end(job));
    }
    text.into()
}

const OPERATIONS: [&str; 5] = ["insert", "update", "upsert", "delete", "hardDelete"];
