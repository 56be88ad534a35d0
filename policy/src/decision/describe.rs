//! The requests that Forcefield makes for itself: what the org's objects are, what jobs it has, and the end of jobs
//! that their owners have deleted. What record data comes back is looked at for its columns only.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;

use super::asked::Asked;
use super::{Permit, PermitBody, Written};
use crate::id::RecordId;
use crate::names::{ApiVersion, is_api_name};
use crate::request::{Answer, Api, HandleKind, Method, Named, Needs, Operation, What};

impl Permit {
    /// The list of all objects.
    pub fn describe_list(version: ApiVersion) -> Self {
        let target = format!("/services/data/v{version}/sobjects");
        Self::own(Api::Sobject, version, Method::Get, target, PermitBody::Empty)
    }

    /// The descriptions of up to 25 objects in one call. Names that are not API names are left out.
    pub fn describe_batch(version: ApiVersion, objects: &[&str]) -> Self {
        let mut body = String::from("{\"batchRequests\":[");
        for (number, object) in objects.iter().filter(|name| is_api_name(name)).take(25).enumerate() {
            let comma = if number == 0 { "" } else { "," };
            let _ = write!(
                body,
                "{comma}{{\"method\":\"GET\",\"url\":\"v{version}/sobjects/{object}/describe\"}}"
            );
        }
        body.push_str("]}");
        let target = format!("/services/data/v{version}/composite/batch");
        Self::own(Api::Composite, version, Method::Post, target, PermitBody::Whole(vec![Bytes::from(body)]))
    }

    /// The state of a Bulk 2.0 job; `None` for a handle that is none.
    #[must_use]
    pub fn job_status(version: ApiVersion, kind: HandleKind, id: &str) -> Option<Self> {
        Self::own_job(version, Method::Get, kind, id)
    }

    /// What the org says of a Bulk 1.0 job; `None` when it cannot be named.
    #[must_use]
    pub fn classic_job(version: ApiVersion, id: &str) -> Option<Self> {
        Self::own_classic(version, id, "")
    }

    /// The list of the batches of a Bulk 1.0 job.
    #[must_use]
    pub fn classic_batches(version: ApiVersion, id: &str) -> Option<Self> {
        Self::own_classic(version, id, "/batch")
    }

    /// What was sent as a batch of a Bulk 1.0 job: the text of a query, or what to load.
    #[must_use]
    pub fn classic_batch(version: ApiVersion, id: &str, batch: &RecordId) -> Option<Self> {
        Self::own_classic(version, id, &format!("/batch/{}/request", batch.as_str()))
    }

    fn own_classic(version: ApiVersion, id: &str, rest: &str) -> Option<Self> {
        let target = format!("/services/async/{version}/job/{}{rest}", RecordId::parse(id)?.as_str());
        let permit = Self::own(Api::Bulk1, version, Method::Get, target, PermitBody::Empty);
        Some(Self { operations: Operation::Job.into(), ..permit })
    }

    /// The rows that a Bulk 2.0 ingest job could not load, under a header with the columns that were uploaded.
    #[must_use]
    pub fn failed_rows(version: ApiVersion, id: &str) -> Option<Self> {
        let permit = Self::own_job(version, Method::Get, HandleKind::IngestJob, id)?;
        let target = format!("{}/failedResults", permit.target);
        Some(Self { target, headers: Vec::new(), ..permit })
    }

    /// The deletion of a Bulk 2.0 job, whose owner deleted it a while ago; `None` for a handle that is none.
    #[must_use]
    pub fn delete_job(version: ApiVersion, kind: HandleKind, id: &str) -> Option<Self> {
        Self::own_job(version, Method::Delete, kind, id)
    }

    /// The end of an unfinished job, Bulk 2.0 or 1.0, whose owner was stopped; `None` for a handle that is none.
    #[must_use]
    pub fn abort_job(version: ApiVersion, kind: HandleKind, id: &str) -> Option<Self> {
        let body = PermitBody::Whole(vec![Bytes::from_static(br#"{"state":"Aborted"}"#)]);
        let permit = match kind {
            HandleKind::ClassicJob => {
                let target = format!("/services/async/{version}/job/{}", RecordId::parse(id)?.as_str());
                Self::own(Api::Bulk1, version, Method::Post, target, body)
            }
            kind => {
                let permit = Self::own_job(version, Method::Patch, kind, id)?;
                Self { body, ..permit }
            }
        };
        Some(Self { operations: Operation::Job.into(), ..permit })
    }

    fn own_job(version: ApiVersion, method: Method, kind: HandleKind, id: &str) -> Option<Self> {
        let jobs = match kind {
            HandleKind::QueryJob => "query",
            HandleKind::IngestJob => "ingest",
            HandleKind::Locator
            | HandleKind::ClassicJob
            | HandleKind::ReportInstance
            | HandleKind::Deployment => return None,
        };
        let id = RecordId::parse(id)?;
        let target = format!("/services/data/v{version}/jobs/{jobs}/{}", id.as_str());
        let permit = Self::own(Api::Bulk2, version, method, target, PermitBody::Empty);
        Some(Self { operations: Operation::Job.into(), ..permit })
    }

    fn own(api: Api, version: ApiVersion, method: Method, target: String, body: PermitBody) -> Self {
        let mut headers: Vec<(Box<str>, Box<str>)> = vec![("accept".into(), "application/json".into())];
        if matches!(method, Method::Post | Method::Patch) {
            headers.push(("content-type".into(), "application/json".into()));
        }
        Self {
            api,
            operations: Operation::Describe.into(),
            version: Some(version),
            method,
            target,
            headers,
            body,
            answer: Answer::PLAIN,
            export: false,
            asked: Asked::new(Needs::new(What::Named(Named::DescribeGlobal)), Arc::default()),
            job: None,
            written: Written::default(),
            handles: Vec::new(),
            narrowings: Vec::new(),
            overlooked: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_asks_for_descriptions_only() {
        let permit = Permit::describe_batch(ApiVersion::new(62), &["Account", "x/../y", "Invoice__c"]);
        let body = permit.body("unused").unwrap();
        let parsed: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let urls: Vec<&str> = parsed["batchRequests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part["url"].as_str().unwrap())
            .collect();
        assert_eq!(urls, ["v62.0/sobjects/Account/describe", "v62.0/sobjects/Invoice__c/describe"]);
        assert!(!permit.session_in_body());
    }

    #[test]
    fn jobs_are_aborted_at_their_own_door() {
        let version = ApiVersion::new(62);
        for (kind, method, target) in [
            (HandleKind::QueryJob, Method::Patch, "/services/data/v62.0/jobs/query/750R0000000zlh9"),
            (HandleKind::IngestJob, Method::Patch, "/services/data/v62.0/jobs/ingest/750R0000000zlh9"),
            (HandleKind::ClassicJob, Method::Post, "/services/async/62.0/job/750R0000000zlh9"),
        ] {
            let permit = Permit::abort_job(version, kind, "750R0000000zlh9").unwrap();
            assert_eq!((permit.method(), permit.target()), (method, target));
            assert_eq!(permit.body("unused").as_deref(), Some(&br#"{"state":"Aborted"}"#[..]));
        }
        assert!(Permit::abort_job(version, HandleKind::Locator, "750R0000000zlh9").is_none());
        assert!(Permit::abort_job(version, HandleKind::ClassicJob, "../job").is_none());
    }

    #[test]
    fn only_bulk_2_jobs_are_asked_for_and_deleted() {
        let version = ApiVersion::new(62);
        let deleted = Permit::delete_job(version, HandleKind::QueryJob, "750R0000000zlh9").unwrap();
        assert_eq!(
            (deleted.method(), deleted.target()),
            (Method::Delete, "/services/data/v62.0/jobs/query/750R0000000zlh9")
        );
        assert!(Permit::job_status(version, HandleKind::ClassicJob, "750R0000000zlh9").is_none());
        assert!(Permit::job_status(version, HandleKind::IngestJob, "../sobjects").is_none());
    }
}
