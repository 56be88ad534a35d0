//! Refusals in Salesforce's shapes, so that every SDK raises its usual exception, and what is done to answers' heads.

mod form;
mod headers;
mod rewrite;

use std::time::Duration;

use forcefield_audit::Outcome;
use forcefield_control::Quarantined;
use forcefield_limits::Exceeded;
use forcefield_policy::classify::{Place, Unclear, UnclearKind};
use forcefield_policy::decision::{Denial, Reason};
use forcefield_policy::grant::Grants;
use forcefield_policy::names::IdentityName;
use forcefield_policy::request::Verb;
use http::StatusCode;
use thiserror::Error;

use crate::front::BadHead;
use crate::intake::IntakeError;
use crate::upstream::UpstreamError;

pub use form::Form;
pub use headers::{is_text, passes};
pub use rewrite::Rewriter;

/// Why a request gets no answer of Salesforce's. The text is what the client reads.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The head can be read in two ways.
    #[error(transparent)]
    Head(#[from] BadHead),
    /// Nobody we know: an unknown or expired token, no token at all.
    #[error("Session expired or invalid")]
    Unidentified(String),
    /// Somebody we know, but not from here, not by this host, or not any more.
    #[error("forcefield: {0}")]
    NotHere(String),
    /// A tunnel to a host that is not Salesforce's.
    #[error("forcefield: {0} is not reached through here, only Salesforce's hosts are")]
    Elsewhere(String),
    /// Somebody whom a responder has stopped.
    #[error("forcefield: {0} {1}")]
    Quarantined(IdentityName, Quarantined),
    /// A responder stopped them while the request was under way.
    #[error("forcefield: {0} was stopped by a responder while this request was under way")]
    Killed(IdentityName),
    /// A request that cannot be understood in exactly one way.
    #[error("forcefield: the request is not understood: {0}")]
    Unclear(Unclear),
    /// What no grant covers.
    #[error("forcefield: {0} {1}")]
    Denied(IdentityName, Denial),
    /// Too fast, too much at once, or the budget is spent.
    #[error("forcefield: {0} {1}")]
    Exceeded(IdentityName, Exceeded),
    /// The body cannot be taken in.
    #[error("forcefield: {0}")]
    Intake(#[from] IntakeError),
    /// No credential for the org.
    #[error(
        "forcefield: there is no working credential for this integration's org; the operators can see why"
    )]
    NoCredential(String, Duration),
    /// Salesforce does not answer, or not as it should.
    #[error("forcefield: salesforce {0}")]
    Upstream(#[from] UpstreamError),
    /// Salesforce answered what is not passed on.
    #[error("forcefield: salesforce answered what is not passed on: {0}")]
    NotPassed(String),
    /// State that the decision or the record needs is not available.
    #[error("forcefield: {0}")]
    Unavailable(&'static str),
}

// === impl Refusal ===

impl Refusal {
    /// The refusal of a request that is not understood. A name that the schema does not have is refused in the words
    /// of a name that is not granted, so that nobody learns which names exist.
    #[must_use]
    pub fn unclear(unclear: Unclear, grants: &Grants, method: &http::Method) -> Self {
        let UnclearKind::Name(name) = &unclear.kind else { return Self::Unclear(unclear) };
        let verb = match method.as_str() {
            "POST" => Verb::Create,
            "PATCH" => Verb::Update,
            "DELETE" => Verb::Delete,
            _ => Verb::Read,
        };
        let (object, field) = match name.split_once('.') {
            Some((object, field)) => (object.to_owned(), Some(field.to_owned())),
            None => (name.to_string(), None),
        };
        let granted = grants.schema().find(&object).is_some_and(|object| grants.on(object).is_some());
        let reason = match field {
            Some(field) if granted => Reason::Field(verb, object, field),
            field => Reason::NoGrant(verb, object, field),
        };
        Self::Denied(grants.identity().clone(), Denial { part: unclear.part, reason })
    }

    /// The status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Head(bad) => bad.status(),
            Self::Unidentified(_) => StatusCode::UNAUTHORIZED,
            Self::NotHere(_)
            | Self::Elsewhere(_)
            | Self::Denied(..)
            | Self::Quarantined(..)
            | Self::Killed(_) => StatusCode::FORBIDDEN,
            Self::Unclear(unclear) => match unclear.kind {
                UnclearKind::Door | UnclearKind::Form => StatusCode::BAD_REQUEST,
                UnclearKind::Name(_) => StatusCode::FORBIDDEN,
                UnclearKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            },
            Self::Exceeded(_, exceeded) => match exceeded {
                Exceeded::Rate { .. } | Exceeded::Concurrent { .. } | Exceeded::MakesRoom { .. } => {
                    StatusCode::TOO_MANY_REQUESTS
                }
                Exceeded::Spent(_) | Exceeded::Share { .. } => StatusCode::FORBIDDEN,
                Exceeded::Unknown | Exceeded::CutOff(_) | Exceeded::Unavailable => {
                    StatusCode::SERVICE_UNAVAILABLE
                }
            },
            Self::Intake(IntakeError::TooLarge(_)) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Intake(IntakeError::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Intake(IntakeError::BrokenOff) => StatusCode::BAD_REQUEST,
            Self::Intake(IntakeError::NoRoom) | Self::NoCredential(..) | Self::Unavailable(_) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Upstream(error) => error.status(),
            Self::NotPassed(_) => StatusCode::BAD_GATEWAY,
        }
    }

    /// Salesforce's error code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unidentified(_) | Self::Head(BadHead::Untrusted) => "INVALID_SESSION_ID",
            Self::NotHere(_)
            | Self::Elsewhere(_)
            | Self::Denied(..)
            | Self::Quarantined(..)
            | Self::Killed(_) => "INSUFFICIENT_ACCESS",
            Self::Exceeded(_, Exceeded::Unknown | Exceeded::CutOff(_) | Exceeded::Unavailable) => {
                "SERVER_UNAVAILABLE"
            }
            Self::Exceeded(..) => "REQUEST_LIMIT_EXCEEDED",
            Self::Unclear(unclear) => match &unclear.place {
                _ if matches!(unclear.kind, UnclearKind::Name(_)) => "INSUFFICIENT_ACCESS",
                Place::Parameter(name) if **name == *"q" => "MALFORMED_QUERY",
                Place::Offset(_) | Place::Pointer(_) | Place::Body => "JSON_PARSER_ERROR",
                Place::Element(_) => "XML_PARSER_ERROR",
                Place::Path | Place::Parameter(_) | Place::Header(_) => "INVALID_REQUEST",
            },
            Self::Head(_) | Self::Intake(_) => "INVALID_REQUEST",
            Self::NoCredential(..) | Self::Upstream(_) | Self::NotPassed(_) | Self::Unavailable(_) => {
                "SERVER_UNAVAILABLE"
            }
        }
    }

    /// The rule that refused, from a closed list, for records and metrics.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::Head(_) => "head",
            Self::Unidentified(_) => "unidentified",
            Self::NotHere(_) => "not-here",
            Self::Elsewhere(_) => "elsewhere",
            Self::Quarantined(..) => "quarantine",
            Self::Killed(_) => "kill",
            Self::Unclear(_) => "unclear",
            Self::Denied(_, denial) => denial.reason.rule(),
            Self::Exceeded(..) => "limit",
            Self::Intake(_) => "body",
            Self::NoCredential(..) => "credential",
            Self::Upstream(_) | Self::NotPassed(_) => "upstream",
            Self::Unavailable(_) => "unavailable",
        }
    }

    /// How the exchange ended: the fault of the org or its credential is not a refusal.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self {
            Self::Upstream(_) | Self::NotPassed(_) | Self::NoCredential(..) => Outcome::Failed,
            Self::Killed(_) => Outcome::Cut,
            _ => Outcome::Refused,
        }
    }

    /// What the record says beyond what the client is told.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        match self {
            Self::Unidentified(detail) | Self::NoCredential(detail, _) => Some(detail),
            _ => None,
        }
    }

    /// After how many seconds it makes sense to come again.
    #[must_use]
    pub fn retry_after(&self) -> Option<u64> {
        let wait = match self {
            Self::Exceeded(
                _,
                Exceeded::Rate { retry_after, .. } | Exceeded::MakesRoom { retry_after, .. },
            )
            | Self::NoCredential(_, retry_after) => *retry_after,
            Self::Exceeded(_, Exceeded::Concurrent { .. } | Exceeded::CutOff(_))
            | Self::Intake(IntakeError::NoRoom) => Duration::from_secs(1),
            _ => return None,
        };
        Some(wait.as_secs_f64().ceil().max(1.0) as u64)
    }
}

#[cfg(test)]
mod tests;
