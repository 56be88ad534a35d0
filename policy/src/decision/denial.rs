//! Why a request may not pass.

use std::fmt;

use crate::names::ApiVersion;
use crate::request::{HandleKind, Named, Never, Verb};

/// A refusal, and the part of the request that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The part of an envelope, such as `compositeRequest[2]`.
    pub part: Option<Box<str>>,
    /// Why.
    pub reason: Reason,
}

/// What is missing, or what forbids it. Names are in the schema's spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing is granted on the object.
    NoGrant(Verb, String, Option<String>),
    /// The object is granted, but not this verb.
    Verb(Verb, String),
    /// The object and verb are granted, but not this field.
    Field(Verb, String, String),
    /// The request asks for every field, and the grant has only some.
    EveryField(Verb, String),
    /// The grant has a condition that cannot be held in this form of request.
    Condition(String, &'static str),
    /// More rows of the object than the grant's `max_rows`, in a form of request that cannot be clamped.
    Rows(String, u64),
    /// A resource that `also` does not name.
    Named(Named),
    /// A door whose effects cannot be known, which `also` does not open.
    Opaque(String),
    /// Such a door, which `also` opens with other parameters.
    Parameters(String),
    /// A door that sends data out, which no line of `also` spells.
    Sends(String),
    /// Refused whatever is granted.
    Never(Never),
    /// A cursor or job that is not the caller's own.
    NotOwn(HandleKind),
    /// Rows of the object may not leave by an export.
    Export(String),
    /// The API version is outside the allowed range.
    Version(ApiVersion),
    /// A column of an upload that is not understood.
    Column(String),
    /// A job that is not for this: why.
    Job(String),
}

impl Reason {
    /// Whether `mode: observe` lets it pass. What only want of a grant refuses can be; the rest never.
    #[must_use]
    pub fn can_be_observed(&self) -> bool {
        match self {
            Self::NoGrant(..)
            | Self::Verb(..)
            | Self::Field(..)
            | Self::EveryField(..)
            | Self::Condition(..)
            | Self::Rows(..)
            | Self::Named(_)
            | Self::Opaque(_)
            | Self::Parameters(_) => true,
            Self::Sends(_)
            | Self::Never(_)
            | Self::NotOwn(_)
            | Self::Export(_)
            | Self::Version(_)
            | Self::Column(_)
            | Self::Job(_) => false,
        }
    }

    /// A short name for metrics and records, from a closed list.
    #[must_use]
    pub fn rule(&self) -> &'static str {
        match self {
            Self::NoGrant(..) => "no-grant",
            Self::Verb(..) => "verb",
            Self::Field(..) => "field",
            Self::EveryField(..) => "every-field",
            Self::Condition(..) => "condition",
            Self::Rows(..) => "max-rows",
            Self::Named(_) => "also",
            Self::Opaque(_) => "opaque",
            Self::Parameters(_) => "parameters",
            Self::Sends(_) => "sends",
            Self::Never(_) => "never",
            Self::NotOwn(_) => "not-own",
            Self::Export(_) => "export",
            Self::Version(_) => "version",
            Self::Column(_) => "column",
            Self::Job(_) => "job",
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(part) = &self.part {
            write!(f, "in {part}: ")?;
        }
        write!(f, "{}", self.reason)
    }
}

impl fmt::Display for Reason {
    /// Reads after the name of the identity: `billing-sync may not read Case.Description (no grant for Case)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoGrant(verb, object, Some(field)) => {
                write!(f, "may not {verb} {object}.{field} (no grant for {object})")
            }
            Self::NoGrant(verb, object, None) => write!(f, "may not {verb} {object} (no grant for {object})"),
            Self::Verb(verb, object) => write!(f, "may not {verb} {object} (its grant has no `{verb}`)"),
            Self::Field(verb, object, field) => {
                write!(f, "may not {verb} {object}.{field} (not among the fields it may {verb})")
            }
            Self::EveryField(verb, object) => {
                write!(f, "may not {verb} every field of {object} (name the fields it may {verb})")
            }
            Self::Condition(object, why) => {
                write!(f, "may not read {object} in this way (its grant is limited by a condition: {why})")
            }
            Self::Rows(object, most) => {
                write!(
                    f,
                    "may not read more than {most} rows of {object} (its grant's `max_rows`; ask for fewer, without paging)"
                )
            }
            Self::Named(named) => {
                write!(f, "may not use this resource (`also` does not name `{}`)", named.as_str())
            }
            Self::Opaque(door) => {
                write!(f, "may not call {door} (its effects cannot be known; `also` does not open it)")
            }
            Self::Parameters(door) => {
                write!(
                    f,
                    "may not call {door} with these parameters (`also` opens it with those that it names, and without a form)"
                )
            }
            Self::Sends(door) => {
                write!(
                    f,
                    "may not call {door} (it can send data out; `also` does not spell it without wildcards)"
                )
            }
            Self::Never(never) => write!(f, "may not do this ({})", never.reason()),
            Self::NotOwn(kind) => write!(f, "may not use this {} (it is not its own)", kind.as_str()),
            Self::Export(object) => {
                write!(f, "may not export {object} (no entry for {object} under `exports`)")
            }
            Self::Version(version) => {
                write!(f, "may not use API version {version} (outside the org's `api_versions`)")
            }
            Self::Job(why) => write!(f, "may not use the job in this way ({why})"),
            Self::Column(column) => {
                write!(f, "may not upload the column `{column}` (it is not a field of the job's object)")
            }
        }
    }
}

// === impl HandleKind ===

impl HandleKind {
    /// The word for it in messages and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Locator => "query cursor",
            Self::QueryJob => "query job",
            Self::IngestJob => "ingest job",
            Self::ClassicJob => "bulk job",
            Self::ReportInstance => "report run",
            Self::Deployment => "deployment",
        }
    }
}
