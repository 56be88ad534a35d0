//! What integrations hold: sessions at Forcefield, cursors and jobs at the org.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The answer of `GET /v1/sessions`, and of that of one integration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions {
    /// Those that work, oldest first.
    pub sessions: Vec<Session>,
}

/// A token that Forcefield handed out and that works, without the token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// A public id, by which it can be revoked.
    pub id: String,
    /// Whose.
    pub identity: String,
    /// `access` or `refresh`.
    pub kind: String,
    /// Since when.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// The certificate or network that it works with.
    pub bound_to: String,
}

/// The answer of `GET /v1/jobs`, and of that of one integration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jobs {
    /// The newest, oldest first.
    pub jobs: Vec<Job>,
    /// Whether older ones were left out.
    pub cut: bool,
}

/// A cursor or job that an integration created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// What it is, as records name it.
    pub kind: String,
    /// Its id at the org.
    pub id: String,
    /// Whose.
    pub identity: String,
    /// The objects that it reads or writes.
    pub objects: Vec<String>,
    /// Since when.
    pub since: Timestamp,
    /// Until when the org keeps it as evidence, when its owner has deleted it.
    pub kept_until: Option<Timestamp>,
}
