//! The JSON of the control API, version 1: what the server writes and clients read, and the other way round.

mod held;
mod widening;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use held::{Job, Jobs, Session, Sessions};
pub use widening::{Allow, GrantStatus, Proposal, Proposals, ProposedGrant};

/// The answer of `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Every integration, by name.
    pub identities: Vec<IdentityStatus>,
}

/// How one integration stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityStatus {
    /// Its name.
    pub identity: String,
    /// The org it works with.
    pub org: String,
    /// Who answers for it.
    pub owner: String,
    /// `enforce`, `observe` or `warn`.
    pub mode: String,
    /// Requests under way.
    pub in_flight: u32,
    /// Exchanges since this process started.
    pub exchanges: u64,
    /// How many of them were refused.
    pub refused: u64,
    /// The last refusal.
    pub last_refusal: Option<LastRefusal>,
    /// Rows that it read.
    pub rows: Spent,
    /// Bytes of answers that it got.
    pub bytes: Spent,
    /// API calls made for it; the budget is its share of the org's.
    pub calls: Spent,
    /// What responders have put on it, oldest first.
    pub restraints: Vec<RestraintStatus>,
    /// What it may do for a while beyond its own grants, oldest first.
    pub break_glass: Vec<GrantStatus>,
}

/// When and by which rule a request was refused last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRefusal {
    /// When.
    pub at: Timestamp,
    /// The rule, as records name it.
    pub rule: String,
}

/// What was spent, against what budget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// In the last hour.
    pub hour: u64,
    /// In the last day.
    pub day: u64,
    /// The budget in force.
    pub budget: Option<Budget>,
}

/// A budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// How much.
    pub amount: u64,
    /// In which window: `hour` or `day`.
    pub window: String,
}

/// A restraint in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestraintStatus {
    /// `throttle`, `quarantine` or `kill`.
    pub action: String,
    /// The most requests, as `1/s`, of a throttle.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub requests: Option<String>,
    /// The most rows, as `1000/hour`, of a throttle.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rows: Option<String>,
    /// The responder.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

/// The answer of `GET /v1/streams`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streams {
    /// Exchanges under way, oldest first.
    pub streams: Vec<Stream>,
}

/// An exchange under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    /// The decision's id.
    pub decision: String,
    /// Whose.
    pub identity: String,
    /// From which address.
    pub source: String,
    /// Since when.
    pub since: Timestamp,
    /// The door.
    pub door: String,
    /// The objects that it touches.
    pub objects: Vec<String>,
    /// Rows that went out so far.
    pub rows: u64,
    /// Bytes that went out so far.
    pub bytes: u64,
}

/// The event `status` of `GET /v1/events`: how everything stands, once a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tick {
    /// When.
    pub at: Timestamp,
    /// Whether every integration is told of, as at first, or only those that stand differently than before.
    pub all: bool,
    /// How they stand.
    pub identities: Vec<IdentityStatus>,
    /// Those that are no longer configured.
    pub gone: Vec<String>,
    /// Refusals of the last second that were not told of: there were too many.
    pub missed: u64,
    /// The oldest exchanges under way.
    pub streams: Vec<Stream>,
    /// How many exchanges are under way.
    pub open: usize,
    /// The open proposals, oldest first.
    pub proposals: Vec<Proposal>,
}

/// The event `refusal` of `GET /v1/events`: a request that was refused, or an answer that was cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// When it came.
    pub at: Timestamp,
    /// The decision's id.
    pub decision: String,
    /// Whose, when that is known.
    pub identity: Option<String>,
    /// From which address.
    pub source: String,
    /// The method.
    pub method: String,
    /// The path that was asked for.
    pub path: String,
    /// The objects that it would have touched.
    pub objects: Vec<String>,
    /// `refused` or `cut`.
    pub outcome: String,
    /// The rule.
    pub rule: String,
    /// Why, as the client was told.
    pub reason: String,
    /// The status that the client got; 0 for none.
    pub status: u16,
}

/// The body of `POST /v1/identities/{name}/{action}` and of `POST /v1/reload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActionRequest {
    /// Why: for the record and for whoever looks next.
    pub reason: String,
    /// For how long, as `2h`; until lifted when absent. Of throttle, quarantine, kill and, required, break-glass.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none", default)]
    pub lasting: Option<String>,
    /// The most requests, as `1/s`. Of throttle.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub requests: Option<String>,
    /// The most rows, as `1000/hour` or `20000/day`. Of throttle.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rows: Option<String>,
    /// What stands under `allow` in an integration's file. Of break-glass.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub allow: Option<Allow>,
    /// The entries of `also`. Of break-glass.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub also: Vec<String>,
}

/// The body of `POST /console/session`. Not for print: it holds a token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// The responder's token; the certificate of the connection serves when absent.
    #[serde(default)]
    pub(crate) token: Option<String>,
}

/// The answer of `/console/session`: who the page is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// The responder.
    pub responder: String,
    /// Their role.
    pub role: String,
    /// What the page puts into `X-Forcefield-Guard` when it acts.
    pub guard: String,
    /// When the session ends at the latest.
    pub ends: Timestamp,
}

/// What an action came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionAnswer {
    /// The id under which the record is found.
    pub decision: String,
    /// The action.
    pub action: String,
    /// On whom; `None` for a reload.
    pub identity: Option<String>,
    /// Whether anything is other than before: an action may be repeated safely.
    pub changed: bool,
    /// What was done.
    pub done: Vec<String>,
    /// What could not be done, and why.
    pub undone: Vec<String>,
    /// What is in force on the integration now.
    pub restraints: Vec<RestraintStatus>,
}

/// The answer of `GET /v1/audit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AuditAnswer {
    /// What all exchanges that fit come to.
    pub summary: serde_json::Value,
    /// The newest of them, oldest first.
    pub records: Vec<serde_json::Value>,
    /// Whether older ones were left out.
    pub cut: bool,
}

/// The answer of `GET /v1/audit/public-key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// The Ed25519 public key by which checkpoints and heads of the record are verified, in PEM.
    pub public_key: String,
}

/// The answer of `GET /v1/identities/{identity}/day`: what an integration read on one day, by the record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// Its name.
    pub identity: String,
    /// The day, UTC, as `2026-03-31`.
    pub date: String,
    /// How many minutes one number stands for.
    pub minutes: u32,
    /// Exchanges of the day.
    pub exchanges: u64,
    /// Rows that went out.
    pub rows: u64,
    /// Bytes that went out.
    pub bytes: u64,
    /// How many exchanges were refused.
    pub refused: Vec<u64>,
    /// Rows by the objects of an exchange, the most first.
    pub objects: Vec<Series>,
    /// Rows by door, the most first.
    pub doors: Vec<Series>,
    /// What signals found, oldest first, up to a hundred.
    pub findings: Vec<Finding>,
    /// Whether the record was too long to be read whole.
    pub cut: bool,
}

/// What a signal found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// When.
    pub at: Timestamp,
    /// The signal's rule.
    pub rule: String,
    /// What it did: `record`, `throttle` or `quarantine`.
    pub level: String,
    /// What it saw.
    pub text: String,
}

/// Rows over a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Series {
    /// Of what.
    pub name: String,
    /// How many.
    pub rows: Vec<u64>,
}

/// Every answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What is wrong and what to do.
    pub error: String,
    /// The id under which the record is found.
    pub decision: String,
}
