//! What an org says of a job that Forcefield did not see being made, and the request that would make it now: that is
//! classified and decided as if a client had sent it, so that there is no second reading of jobs.

use serde_json::{Map, Value, json};

use super::xml::Xml;
use crate::id::RecordId;
use crate::names::ApiVersion;
use crate::request::HandleKind;

/// A job, as its org describes it.
#[derive(Debug)]
pub struct ToldJob {
    kind: HandleKind,
    fields: Map<String, Value>,
}

impl ToldJob {
    /// Reads what an org answered; `None` for what is no description of a job of this kind, and for kinds whose
    /// description does not say what they read: that of a Bulk 2.0 query job leaves its query out (reference, section
    /// 5.1).
    #[must_use]
    pub fn read(kind: HandleKind, answer: &[u8]) -> Option<Self> {
        let types = match kind {
            HandleKind::IngestJob => ["V2Ingest"],
            HandleKind::ClassicJob => ["Classic"],
            HandleKind::QueryJob
            | HandleKind::Locator
            | HandleKind::ReportInstance
            | HandleKind::Deployment => return None,
        };
        let fields = fields(answer, "jobInfo")?;
        let told = Self { kind, fields };
        told.text("jobType").is_none_or(|told| types.contains(&told)).then_some(told)
    }

    /// The user who made it.
    #[must_use]
    pub fn creator(&self) -> Option<RecordId> {
        self.text("createdById").and_then(RecordId::parse)
    }

    /// Whether nothing can be added to it any more: what was added before is not known here.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        match self.text("state") {
            Some("Closed" | "UploadComplete" | "InProgress" | "JobComplete" | "Aborted" | "Failed") => true,
            Some(_) | None => false,
        }
    }

    /// Path and body of the request that would make it.
    #[must_use]
    pub fn making(&self, version: ApiVersion) -> (String, Vec<u8>) {
        let classic = self.kind == HandleKind::ClassicJob;
        let (path, of_kind) = match classic {
            true => (format!("/services/async/{version}/job"), "contentType"),
            false => (format!("/services/data/v{version}/jobs/ingest"), "columnDelimiter"),
        };
        let mut body = Map::new();
        for name in ["operation", "object", "externalIdFieldName", of_kind] {
            if let Some(text) = self.text(name) {
                body.insert(name.to_owned(), json!(text));
            }
        }
        (path, Value::Object(body).to_string().into_bytes())
    }

    /// The content type of its batches, for Bulk 1.0.
    #[must_use]
    pub fn batch_type(&self) -> &'static str {
        match self.text("contentType") {
            Some("JSON") => "application/json",
            Some("XML") => "application/xml",
            Some(_) | None => "text/csv",
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }
}

/// The ids of the batches in the list of a Bulk 1.0 job; `None` for what is no such list.
#[must_use]
pub fn told_batches(answer: &[u8]) -> Option<Vec<RecordId>> {
    if is_xml(answer) {
        let xml = Xml::parse(answer).ok()?;
        let root = xml.root();
        let id = |batch: super::xml::Node<'_>| RecordId::parse(batch.one("id").ok()??.text().ok()?.trim());
        return (root.local() == "batchInfoList").then(|| root.children().map(id).collect())?;
    }
    let list: Value = serde_json::from_slice(answer).ok()?;
    let id = |batch: &Value| RecordId::parse(batch.get("id")?.as_str()?);
    list.get("batchInfo")?.as_array()?.iter().map(id).collect()
}

/// The fields of a document that has one level of them.
fn fields(answer: &[u8], root_name: &str) -> Option<Map<String, Value>> {
    if !is_xml(answer) {
        return serde_json::from_slice(answer).ok();
    }
    let xml = Xml::parse(answer).ok()?;
    let root = xml.root();
    root.distinct().ok()?;
    let field = |child: super::xml::Node<'_>| {
        Some((child.local().to_owned(), Value::from(child.text().ok()?.trim())))
    };
    (root.local() == root_name).then(|| root.children().map(field).collect())?
}

fn is_xml(answer: &[u8]) -> bool {
    answer.trim_ascii_start().starts_with(b"<")
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &[u8] = br#"{"id":"750R0000000zlh9IAA","operation":"upsert","object":"Contact","createdById":"005R0000000GiwjIAC",
        "state":"JobComplete","jobType":"V2Ingest","externalIdFieldName":"Ext__c","columnDelimiter":"TAB","apiVersion":60.0}"#;

    #[test]
    fn a_description_becomes_the_request_that_would_make_the_job() {
        let job = ToldJob::read(HandleKind::IngestJob, JSON).unwrap();
        assert_eq!(job.creator(), RecordId::parse("005R0000000Giwj"));
        assert!(job.is_closed());
        let (path, body) = job.making(ApiVersion::new(62));
        let body: Value = serde_json::from_slice(&body).unwrap();
        let made = json!({"operation": "upsert", "object": "Contact", "externalIdFieldName": "Ext__c", "columnDelimiter": "TAB"});
        assert_eq!((path.as_str(), body), ("/services/data/v62.0/jobs/ingest", made));
    }

    #[test]
    fn bulk_1_is_read_in_both_its_formats() {
        let xml = br#"<?xml version="1.0" encoding="UTF-8"?><jobInfo xmlns="http://www.force.com/2009/06/asyncapi/dataload">
            <id>750R0000000zlh9IAA</id><operation>query</operation><object>Contact</object><createdById>005R0000000GiwjIAC</createdById>
            <state>Open</state><contentType>CSV</contentType></jobInfo>"#;
        let job = ToldJob::read(HandleKind::ClassicJob, xml).unwrap();
        assert!(!job.is_closed());
        let (path, body) = job.making(ApiVersion::new(62));
        let body: Value = serde_json::from_slice(&body).unwrap();
        let made = json!({"operation": "query", "object": "Contact", "contentType": "CSV"});
        assert_eq!((path.as_str(), body, job.batch_type()), ("/services/async/62.0/job", made, "text/csv"));
        let ids = [RecordId::parse("751R00000000001AAA").unwrap()];
        let list = "<batchInfoList><batchInfo><id>751R00000000001AAA</id></batchInfo></batchInfoList>";
        assert_eq!(told_batches(list.as_bytes()).as_deref(), Some(&ids[..]));
        let list = br#"{"batchInfo":[{"id":"751R00000000001AAA","state":"Completed"}]}"#;
        assert_eq!(told_batches(list).as_deref(), Some(&ids[..]));
    }

    #[test]
    fn what_is_of_another_kind_or_no_description_is_none() {
        assert!(ToldJob::read(HandleKind::ClassicJob, JSON).is_none(), "its type is another");
        assert!(ToldJob::read(HandleKind::QueryJob, JSON).is_none(), "its query is not told");
        assert!(ToldJob::read(HandleKind::IngestJob, b"[]").is_none());
        for list in [&b"{}"[..], b"<jobInfo/>", br#"{"batchInfo":[{"id":"../x"}]}"#] {
            assert!(told_batches(list).is_none());
        }
    }
}
