//! What the control API needs of the Forcefield that runs.

use std::net::SocketAddr;

use async_trait::async_trait;
use forcefield_config::config::Role;
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;
use jiff::civil::Date;
use thiserror::Error;
use ulid::Ulid;

use crate::widenings::GrantText;
use crate::wire::{AuditAnswer, Day, IdentityStatus, Jobs, Refusal, Session, Stream};

/// The running proxy, as far as responders look at it and act on it.
#[async_trait]
pub trait Running: Send + Sync {
    /// Whether the configuration has an integration of this name.
    fn knows(&self, identity: &IdentityName) -> bool;

    /// How every integration stands, by name; without the restraints, which the API knows itself.
    fn identities(&self) -> Vec<IdentityStatus>;

    /// The exchanges under way, oldest first.
    fn streams(&self) -> Vec<Stream>;

    /// The refusals from now on, as they happen.
    fn refusals(&self) -> Box<dyn Refusals>;

    /// Has the limits follow the throttles in force.
    fn throttles_changed(&self);

    /// Whether a break-glass grant can be read, and names what the integration's org has.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    fn grantable(&self, identity: &IdentityName, text: &GrantText) -> Result<(), String>;

    /// Has decisions follow the break-glass grants in force.
    fn grants_changed(&self);

    /// Cuts everything that an integration, which is quarantined already, has open, and revokes what it holds. `open` is
    /// how much it had open before, for the answer.
    async fn stop(&self, identity: &IdentityName, open: usize) -> Stopped;

    /// The tokens that Forcefield handed out and that work, oldest first: of all integrations, or of one.
    ///
    /// # Errors
    /// Why they are not known.
    fn sessions(&self, identity: Option<&IdentityName>) -> Result<Vec<Session>, String>;

    /// Revokes the token of a public id; gives whose it was and how many ended with it, `None` when there is none.
    ///
    /// # Errors
    /// It is revoked, but that could not be written down.
    fn revoke_session(&self, id: &str) -> Result<Option<(IdentityName, usize)>, String>;

    /// The cursors and jobs in the ledger: of all integrations, or of one.
    ///
    /// # Errors
    /// Why they are not known.
    async fn jobs(&self, identity: Option<&IdentityName>) -> Result<Jobs, String>;

    /// Takes up the configuration's files.
    ///
    /// # Errors
    /// Why not; what ran goes on.
    async fn reload(&self) -> Result<(), String>;

    /// Asks the record.
    ///
    /// # Errors
    /// Why it cannot be read.
    async fn audit(&self, asked: AuditQuery) -> Result<AuditAnswer, String>;

    /// By which the signatures of the record are verified, in PEM.
    fn public_key(&self) -> String;

    /// What the record says of one integration's day, UTC.
    ///
    /// # Errors
    /// Why it cannot be read.
    async fn day(&self, identity: &IdentityName, date: Date) -> Result<Day, String>;

    /// Whether records can be written now.
    fn can_record(&self) -> bool;

    /// Records one call.
    ///
    /// # Errors
    /// It was not written.
    async fn record(&self, call: Call) -> Result<(), Unrecorded>;
}

/// Refusals as they happen.
#[async_trait]
pub trait Refusals: Send {
    /// The next one. Nothing is lost when it is no longer waited for.
    async fn next(&mut self) -> Heard;
}

/// What is heard of refusals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// One.
    Refused(Box<Refusal>),
    /// So many that came too fast.
    Missed(u64),
}

/// What ending everything came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stopped {
    /// What was done, a sentence each.
    pub done: Vec<String>,
    /// What could not be done, and why.
    pub undone: Vec<String>,
}

/// One call of the control API, for the record.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its id.
    pub decision: Ulid,
    /// When it came.
    pub time: Timestamp,
    /// From where.
    pub source: SocketAddr,
    /// The method, as it was sent.
    pub method: String,
    /// Who, once that is known, in which role, and how they proved it: `certificate`, `token`, or
    /// `session` for a session of the console.
    pub who: Option<(String, Role, &'static str)>,
    /// What was asked for, from a closed list.
    pub action: &'static str,
    /// On whom.
    pub target: Option<String>,
    /// The reason that was given.
    pub reason: Option<String>,
    /// The status that was answered.
    pub status: u16,
    /// What was wrong, when it is no success; what an action came to, when it is one.
    pub detail: Option<String>,
}

/// Which records are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Of this integration, or responder.
    pub identity: Option<String>,
    /// Touching this object.
    pub object: Option<String>,
    /// Ended so.
    pub outcome: Option<String>,
    /// From then on.
    pub from: Option<Timestamp>,
    /// Until before then.
    pub until: Option<Timestamp>,
    /// With this id.
    pub decision: Option<String>,
    /// How many of the newest.
    pub limit: usize,
}

/// A record that was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the record of this call could not be written")]
pub struct Unrecorded;
