//! Bulk API 1.0: `/services/async/XX.0/job...` (reference, section 5.3).
//!
//! A batch is either data or the text of a query, on the same URL: a text that starts with `SELECT` and white space
//! is a query, and no CSV header, JSON array or XML document can. The job that it is added to, which only the ledger
//! knows, must be of the same sort; the decision sees to that, and that the query is on the job's object.
//! Transformation specifications and zipped batches hide which fields are written: refused.

mod batch;
#[cfg(test)]
mod tests;

use super::bulk::{self, Declared, Properties, about, unclear};
use super::call::Call;
use super::unclear::{Place, Unclear, UnclearKind};
use super::xml::{self, Writer, Xml};
use super::{BodyUse, doors};
use crate::names::ApiVersion;
use crate::request::{Api, Body, HandleKind, HandleUse, Method, Needs, Request, Rows};

/// How much of a body is needed: all of it.
pub(crate) fn body(call: &Call<'_>) -> BodyUse {
    match doors::whole(call) {
        BodyUse::Whole(_) => BodyUse::Whole(xml::MAX_BYTES),
        other => other,
    }
}

/// Reads a call.
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    let version: ApiVersion = names.first().copied().unwrap_or_default().parse().map_err(|_| {
        Unclear::new(UnclearKind::Door, Place::Path, "a version of Bulk 1.0 is written like `62.0`")
    })?;
    let about = |id, use_, rows| about(call, Api::Bulk1, (HandleKind::ClassicJob, id), (use_, rows), &[]);
    let mut request = match (call.method, names.get(1..).unwrap_or_default()) {
        (Method::Post, ["job"]) => job(call),
        (Method::Post, ["job", id]) => {
            let (properties, body) = document(call, &["state"])?;
            if !matches!(bulk::get(&properties, "state"), Some("Closed" | "Aborted")) {
                return Err(unclear("`state` must be `Closed` or `Aborted`"));
            }
            let mut request = about(id, HandleUse::Change, Rows::None)?;
            request.draft.body = body;
            Ok(request)
        }
        (Method::Get, ["job", id] | ["job", id, "batch"]) => about(id, HandleUse::Status, Rows::None),
        (Method::Post, ["job", id, "batch"]) => batch::read(call, id, version),
        (Method::Get, ["job", id, "batch", batch, rest @ ..]) => {
            bulk::id(call, batch, "751")?;
            match rest {
                [] => about(id, HandleUse::Status, Rows::None),
                ["request"] => about(id, HandleUse::Readback, Rows::Bulk),
                ["result"] => about(id, HandleUse::Results, Rows::None),
                ["result", result] => {
                    bulk::id(call, result, "752")?;
                    about(id, HandleUse::Results, Rows::Bulk)
                }
                _ => Err(call.unknown()),
            }
        }
        _ => Err(call.unknown()),
    }?;
    request.version = Some(version);
    Ok(request)
}

fn job(call: &Call<'_>) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    let known =
        ["operation", "object", "concurrencyMode", "contentType", "externalIdFieldName", "assignmentRuleId"];
    let (properties, body) = document(call, &known)?;
    bulk::held(&properties, "contentType", &["CSV", "XML", "JSON"])?;
    let declared = Declared::of(call, &properties)?;
    let needs = Needs::accesses(declared.accesses(call)).ok_or_else(|| call.unknown())?;
    let mut request = call.request(Api::Bulk1, declared.operation(call), needs, call.target(&parameters));
    request.draft.body = body;
    request.export = declared.origin.is_query();
    request.answer.issues = Some(HandleKind::ClassicJob);
    request.job = Some(declared.origin);
    Ok(request)
}

/// Reads a job document in either format, and gives it as it is sent.
fn document(call: &Call<'_>, known: &[&str]) -> Result<(Properties, Body), Unclear> {
    match call.content_type().map(|kind| &*kind.essence) {
        Some("application/xml" | "text/xml") => {
            let xml = Xml::parse(&call.payload()?.bytes)?;
            let root = xml.root();
            if root.local() != "jobInfo" || root.namespace() != Some(NAMESPACE) {
                return Err(root.unclear("is not a `jobInfo`"));
            }
            root.only(known)?;
            batch::bare(root)?;
            let mut properties = Properties::new();
            root.distinct()?;
            for child in root.children() {
                let text = child.text()?.trim();
                properties.push((child.local().into(), (!text.is_empty()).then(|| text.into())));
            }
            let mut writer = Writer::new(&[]);
            writer.element(root);
            Ok((properties, Body::Whole(writer.finish())))
        }
        _ => {
            let json = call.json()?;
            Ok((bulk::properties(json.root(), known)?, Body::Whole(json.as_sent())))
        }
    }
}

/// The namespace of Bulk 1.0 documents.
const NAMESPACE: &str = "http://www.force.com/2009/06/asyncapi/dataload";
