//! Reports, dashboards, their folders, and CRM Analytics.
//!
//! What a report reads is stored in the org, so its rows are an opaque export. Reference, sections 9.5 and 9.6.

use super::automation::listed;
use crate::classify::Unclear;
use crate::classify::call::Call;
use crate::id::RecordId;
use crate::request::{Answer, Api, Handle, HandleKind, HandleUse, Method, Operation, Request, Rows, What};

/// `/analytics`
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    let get = call.is_get();
    match (call.method, names.get(1..).unwrap_or_default()) {
        (_, ["reports"]) if get => listed(call, Api::Analytics, Operation::Describe),
        (
            _,
            ["report-types"] | ["report-types", _] | ["reports", _, "describe"] | ["reports", _, "fields"],
        ) if get => listed(call, Api::Analytics, Operation::Describe),
        (Method::Post, ["reports", _, "fields"]) => listed(call, Api::Analytics, Operation::Describe),
        (Method::Post, ["reports", "query"]) => export(call),
        (Method::Post, ["reports"]) => call.opaque(Api::Analytics, Operation::Execute, Vec::new()),
        (Method::Get | Method::Head | Method::Post, ["reports", report]) if is_id(report) => export(call),
        (Method::Patch | Method::Delete, ["reports", report]) if is_id(report) => {
            call.opaque(Api::Analytics, Operation::Execute, Vec::new())
        }
        (_, ["reports", report, "instances"]) if is_id(report) => instances(call),
        (_, ["reports", report, "instances", instance]) if is_id(report) => self::instance(call, instance),
        (_, ["dashboards"]) if get => export(call),
        (Method::Get | Method::Put | Method::Post, ["dashboards", dashboard]) if is_id(dashboard) => {
            export(call)
        }
        (Method::Get, ["dashboards", dashboard, "status" | "describe" | "components"])
            if is_id(dashboard) =>
        {
            export(call)
        }
        (Method::Post | Method::Patch | Method::Delete, ["dashboards", ..]) => {
            call.opaque(Api::Analytics, Operation::Execute, Vec::new())
        }
        (_, ["notifications", ..]) => call.opaque(Api::Analytics, Operation::Execute, Vec::new()),
        _ => Err(call.unknown()),
    }
}

/// `/folders`: of reports and dashboards, and whom they are shared with.
pub(crate) fn folders(call: &Call<'_>) -> Result<Request, Unclear> {
    let operation = if call.is_get() { Operation::Read } else { Operation::Execute };
    call.opaque(Api::Analytics, operation, Vec::new())
}

/// `/wave` and its kin: everything there exports, or prepares to.
pub(crate) fn wave(call: &Call<'_>) -> Result<Request, Unclear> {
    let request = call.opaque(Api::Wave, Operation::Export, Vec::new())?;
    Ok(Request { export: true, answer: Answer::rows(Rows::JsonRecords), ..request })
}

/// Rows of a report. The Excel form is chosen by a header, and is an export like the other.
fn export(call: &Call<'_>) -> Result<Request, Unclear> {
    if call.method == Method::Post {
        call.json()?;
    }
    let request = call.opaque(Api::Analytics, Operation::Export, Vec::new())?;
    let excel = call.headers.iter().any(|(name, value)| **name == *"accept" && value.contains("spreadsheet"));
    let rows = if excel { Rows::One } else { Rows::ReportRows };
    Ok(Request { export: true, answer: Answer::rows(rows), ..request })
}

/// Runs of a report that go on in the background: their results belong to who started them.
fn instances(call: &Call<'_>) -> Result<Request, Unclear> {
    if !matches!(call.method, Method::Get | Method::Post) {
        return Err(call.unknown());
    }
    let request = export(call)?;
    let issues = (call.method == Method::Post).then_some(HandleKind::ReportInstance);
    Ok(Request { answer: Answer { rows: Rows::None, issues, ..Answer::PLAIN }, ..request })
}

fn instance(call: &Call<'_>, instance: &str) -> Result<Request, Unclear> {
    let use_ = match call.method {
        Method::Get => HandleUse::Results,
        Method::Delete => HandleUse::Delete,
        Method::Head | Method::Post | Method::Patch | Method::Put => return Err(call.unknown()),
    };
    let id = RecordId::parse(instance).ok_or_else(|| call.unknown())?;
    let mut request = export(call)?;
    request.needs.push(What::Handle(Handle::job(HandleKind::ReportInstance, id, use_)));
    Ok(request)
}

fn is_id(text: &str) -> bool {
    RecordId::parse(text).is_some()
}
