//! What happened in one exchange, in plain terms; `ocsf` says where each of them stands in a line.

mod ocsf;

pub(crate) use ocsf::{PRODUCT, VERSION};

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use forcefield_policy::decision::{Denial, Narrowing, Permit};
use forcefield_policy::names::{ApiVersion, IdentityName};
use forcefield_policy::request::{Api, HandleKind, Operation, Reading, Request};
use jiff::Timestamp;
use ulid::Ulid;

/// One exchange. No secret belongs in it, and no literal of a query: queries come with their literals redacted.
#[derive(Clone, Debug)]
pub struct Record {
    /// When its head had been read.
    pub time: Timestamp,
    /// The decision's id, as the answer carries it.
    pub decision: Ulid,
    /// Where it came from.
    pub source: SocketAddr,
    /// Who called, when that is known.
    pub identity: Option<IdentityName>,
    /// What proved it.
    pub proof: Option<Proof>,
    /// The org it was for.
    pub org: Option<String>,
    /// The method as it was asked.
    pub method: String,
    /// The client's own name for itself, cut at 256 characters.
    pub user_agent: Option<String>,
    /// The door, when it was understood.
    pub door: Option<Api>,
    /// What it does there.
    pub operations: Vec<Operation>,
    /// The API version that it names.
    pub version: Option<ApiVersion>,
    /// Objects and fields that it touches, once that is known; shared with the permit.
    pub reading: Option<Arc<Reading>>,
    /// Queries and searches, literals redacted.
    pub shapes: Vec<String>,
    /// How it was made narrower than it was asked.
    pub narrowings: Vec<String>,
    /// Whether it creates, pages or downloads an export.
    pub export: bool,
    /// The cursors and jobs that it uses or that its answer gives out.
    pub jobs: Vec<Job>,
    /// How it ended.
    pub outcome: Outcome,
    /// The rule that refused or cut it, from a closed list.
    pub rule: Option<&'static str>,
    /// Why, as the client was told, cut at 1024 characters.
    pub reason: Option<String>,
    /// What a responder did, when it is a call of the control plane.
    pub act: Option<Act>,
    /// The break-glass grants that were in force for the identity, by id.
    pub break_glass: Vec<String>,
    /// What would have been refused, had the identity's mode not been `observe` or `warn`.
    pub overlooked: Option<String>,
    /// The status that the client got; 0 for none.
    pub status: u16,
    /// The status that the org answered.
    pub upstream_status: Option<u16>,
    /// Rows that went to the client.
    pub rows: u64,
    /// Bytes of the answer's body that went to the client.
    pub bytes: u64,
    /// Bytes of the request's body.
    pub request_bytes: u64,
    /// From the head read to the end of the answer.
    pub duration: Duration,
    /// From the request sent to the head of the org's answer.
    pub upstream_duration: Option<Duration>,
}

/// What proved who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Its kind, from a closed list: `certificate`, `jwt`, `session`.
    pub kind: &'static str,
    /// Its name, never its secret: a SPIFFE id, a subject, a client id, a session's number.
    pub name: String,
}

/// A call of the control plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// Who, when that is known.
    pub responder: Option<String>,
    /// In which role, from a closed list.
    pub role: &'static str,
    /// What proved it: `certificate`, `token` or `nothing`.
    pub how: &'static str,
    /// What was asked for, from a closed list.
    pub action: &'static str,
    /// On which integration.
    pub target: Option<String>,
    /// The responder's reason.
    pub reason: Option<String>,
}

/// A cursor or a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// What it is.
    pub kind: HandleKind,
    /// Its id.
    pub id: String,
    /// What was done with it, from a closed list: `created`, `used`, `deleted`, `deferred`.
    pub action: &'static str,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The org's answer went to the client whole.
    Allowed,
    /// Nothing went to the org.
    Refused,
    /// The answer was cut off: a budget was spent, or a responder intervened.
    Cut,
    /// The client or the org went away.
    Aborted,
    /// The org could not be reached, or answered what cannot be passed on.
    Failed,
}

// === impl Record ===

impl Record {
    /// The record of an exchange of which nothing is known yet but that it began. It says [`Outcome::Aborted`] until
    /// it is told better.
    #[must_use]
    pub fn new(decision: Ulid, time: Timestamp, source: SocketAddr, method: &str) -> Self {
        Self {
            time,
            decision,
            source,
            identity: None,
            proof: None,
            org: None,
            method: method.to_owned(),
            user_agent: None,
            door: None,
            operations: Vec::new(),
            version: None,
            reading: None,
            shapes: Vec::new(),
            narrowings: Vec::new(),
            export: false,
            jobs: Vec::new(),
            outcome: Outcome::Aborted,
            rule: None,
            reason: None,
            act: None,
            break_glass: Vec::new(),
            overlooked: None,
            status: 0,
            upstream_status: None,
            rows: 0,
            bytes: 0,
            request_bytes: 0,
            duration: Duration::ZERO,
            upstream_duration: None,
        }
    }

    /// Takes up what was asked.
    pub fn asked(&mut self, request: &Request) {
        self.door = Some(request.api);
        self.operations = request.operations.iter().collect();
        self.version = request.version;
    }

    /// Takes up what was decided of what was asked.
    pub fn permitted(&mut self, permit: &Permit) {
        self.reading = Some(Arc::clone(permit.reading()));
        self.shapes = permit.shapes();
        self.narrowings = permit.narrowings().iter().map(narrowed).collect();
        self.export = permit.is_export();
        self.overlooked = permit.overlooked().map(ToString::to_string);
        let used = |handle: &forcefield_policy::request::Handle| Job {
            kind: handle.kind,
            id: handle.id.to_string(),
            action: "used",
        };
        self.jobs.extend(permit.handles().iter().map(used));
    }

    /// Objects that it touches.
    #[must_use]
    pub fn objects(&self) -> &[String] {
        self.reading.as_ref().map_or(&[], |reading| &reading.objects)
    }

    /// `Object.Field`; `Object.*` for all or unknown fields.
    #[must_use]
    pub fn fields(&self) -> &[String] {
        self.reading.as_ref().map_or(&[], |reading| &reading.fields)
    }

    /// Takes up that the grants do not cover it.
    pub fn denied(&mut self, denial: &Denial) {
        self.refused(denial.reason.rule(), denial.to_string());
    }

    /// Takes up that it was refused, for whatever reason.
    pub fn refused(&mut self, rule: &'static str, reason: String) {
        self.outcome = Outcome::Refused;
        self.rule = Some(rule);
        self.reason = Some(reason);
    }

    /// The line as JSON, before it is chained.
    pub(crate) fn event(&self) -> Vec<u8> {
        ocsf::event(self)
    }
}

fn narrowed(narrowing: &Narrowing) -> String {
    match narrowing {
        Narrowing::Condition(object) => format!("condition on {object}"),
        Narrowing::Rows(object, most) => format!("at most {most} rows of {object}"),
        Narrowing::Fields(object) => format!("granted fields of {object}"),
        Narrowing::NameFields => "name fields only".to_owned(),
    }
}

// === impl Outcome ===

impl Outcome {
    /// The word for it in lines and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Cut => "cut",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
        }
    }
}

#[cfg(test)]
mod tests;
