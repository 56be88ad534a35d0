//! What a rule found.

use forcefield_config::config::{SignalLevel, Signals};
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Something of the client is new.
    Fingerprint,
    /// It looks around.
    Reconnaissance,
    /// It reads far more rows an hour than it ever did.
    RowRate,
    /// It deleted an export job soon after it fetched the results.
    JobDeleted,
    /// It was there nearly every day, and then no more.
    Silent,
}

/// A rule that found what it looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// The rule.
    pub rule: Rule,
    /// What is to be done.
    pub level: SignalLevel,
    /// Of which integration.
    pub identity: IdentityName,
    /// When.
    pub at: Timestamp,
    /// What was found, in one sentence.
    pub what: String,
    /// By what: at least one exchange.
    pub evidence: Vec<Evidence>,
}

/// One exchange that made a rule fire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// When.
    pub at: Timestamp,
    /// The decision's id, by which its record is found.
    pub decision: String,
    /// What of it counts.
    pub what: String,
}

// === impl Rule, Evidence ===

impl Rule {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Fingerprint, Self::Reconnaissance, Self::RowRate, Self::JobDeleted, Self::Silent];

    /// The word for it in configuration, records and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fingerprint => "fingerprint",
            Self::Reconnaissance => "reconnaissance",
            Self::RowRate => "row_rate",
            Self::JobDeleted => "job_deleted",
            Self::Silent => "silent",
        }
    }

    /// Who puts on the restraints of it.
    #[must_use]
    pub fn signature(self) -> String {
        format!("signal:{}", self.as_str())
    }

    pub(crate) fn level(self, rules: &Signals) -> SignalLevel {
        match self {
            Self::Fingerprint => rules.fingerprint.level,
            Self::Reconnaissance => rules.reconnaissance.level,
            Self::RowRate => rules.row_rate.level,
            Self::JobDeleted => rules.job_deleted.level,
            Self::Silent => rules.silent.level,
        }
    }
}

impl Evidence {
    pub(crate) fn new(at: Timestamp, decision: Ulid, what: String) -> Self {
        Self { at, decision: decision.to_string(), what }
    }
}
