//! The store that several replicas share, as far as this room needs it.

use std::time::Duration;

use async_trait::async_trait;
use forcefield_policy::names::IdentityName;
use serde::Serialize;
use thiserror::Error;

/// Budgets and the ledger of several replicas, in one place. Every call has a deadline of its own.
#[async_trait]
pub trait SharedStore: Send + Sync {
    /// Takes up what this replica has spent and holds of an identity's budgets, and grants it more.
    ///
    /// # Errors
    /// The store is out of reach, or has lost what it held: the same report is to be made again.
    async fn settle(&self, report: &Report) -> Result<Settled, OutOfReach>;

    /// How often the store was found to have lost what it held, counted by this replica: what was told before is to be
    /// told again.
    fn generation(&self) -> u64;

    /// Whether news of the other replicas arrive.
    fn is_current(&self) -> bool;

    /// An entry of the ledger, by the number of its kind and its id.
    ///
    /// # Errors
    /// The store is out of reach.
    async fn entry(&self, kind: u8, id: &str) -> Result<Option<String>, OutOfReach>;

    /// Replaces an entry of the ledger. It is kept when this returns.
    ///
    /// # Errors
    /// The store is out of reach.
    async fn replace(&self, change: &Replacement) -> Result<Replaced, OutOfReach>;

    /// The entries of one kind that an identity has, with their ids.
    ///
    /// # Errors
    /// The store is out of reach.
    async fn entries(&self, identity: &IdentityName, kind: u8) -> Result<Vec<(String, String)>, OutOfReach>;

    /// Kinds, ids and entries that are to be deleted at the org at a moment, in seconds since 1970, or before. They are
    /// this replica's to delete: for a while no other is told of them.
    ///
    /// # Errors
    /// The store is out of reach.
    async fn due(&self, moment: u64) -> Result<Vec<(u8, String, String)>, OutOfReach>;
}

/// The store that replicas share does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the store that the replicas share is out of reach")]
pub struct OutOfReach;

/// What this replica tells of one identity.
#[derive(Clone, Debug)]
pub struct Report {
    /// Who.
    pub identity: IdentityName,
    /// This process, among those of all replicas.
    pub lane: String,
    /// The processes of this replica that run, this one included: those that ended are part of it.
    pub living: Vec<String>,
    /// Larger with every report of this process about this identity.
    pub version: u64,
    /// Whether the identity calls through this replica: without, nothing is held.
    pub active: bool,
    /// What was spent here: JSON, by purse the buckets of the last hour (`h`, of a minute) and of the last day (`d`, of
    /// 24 minutes), each its number since 1970 and a sum; and `now`, the second since 1970 of the clock that numbers them.
    pub spent: String,
    /// The budgets.
    pub asks: Vec<Ask>,
    /// What was seen of other processes before the store lost it: lanes, and what the store said of them.
    pub restore: Vec<(String, String)>,
}

/// The question about one budget.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ask {
    /// What it is of.
    pub purse: String,
    /// `h` for the last hour, `d` for the last day.
    pub window: &'static str,
    /// How much it is.
    pub budget: u64,
    /// How much of it this replica holds and has not spent.
    pub held: u64,
    /// How much it needs to hold at least.
    pub need: u64,
}

/// The answer to a report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled {
    /// Through how many processes the identity calls.
    pub replicas: u32,
    /// The place of this one among them, from zero.
    pub rank: u32,
    /// By purse.
    pub purses: Vec<(String, Granted)>,
    /// The other processes, and what the store holds of them.
    pub lanes: Vec<(String, String)>,
}

/// The answer about one budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Granted {
    /// How much more this replica holds now; less when a budget became smaller.
    pub more: i64,
    /// What is left that nobody holds.
    pub free: u64,
    /// What others spent in the last hour and in the last day.
    pub elsewhere: (u64, u64),
    /// When the first of what is spent comes back, since 1970.
    pub renews: Duration,
}

/// A change of one entry of the ledger.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// The number of its kind.
    pub kind: u8,
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub identity: String,
    /// What it must be for the change to be made; `None` for absent.
    pub before: Option<String>,
    /// What it becomes; `None` for gone.
    pub after: Option<Filed>,
    /// How many of the kind the identity may have.
    pub most: u64,
    /// Whether the oldest makes room when there are as many.
    pub oldest_goes: bool,
}

/// An entry as it is kept.
#[derive(Clone, Debug)]
pub struct Filed {
    /// The entry.
    pub text: String,
    /// When it is forgotten, in seconds since 1970.
    pub expires: u64,
    /// When it is to be deleted at the org, if it is.
    pub deferred: Option<u64>,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaced {
    /// It is made.
    Done,
    /// The entry was another by then; look again.
    Changed,
    /// There are as many as there may be.
    Full,
}
