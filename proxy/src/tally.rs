//! How many exchanges every integration had since the start, and how many were refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use dashmap::DashMap;
use forcefield_audit::{Outcome, Record};
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;

/// The tally of all integrations.
#[derive(Debug, Default)]
pub struct Tally(DashMap<IdentityName, Counts>);

#[derive(Debug, Default)]
struct Counts {
    exchanges: AtomicU64,
    refused: AtomicU64,
    last: Mutex<Option<(Timestamp, &'static str)>>,
}

/// What the tally says of one integration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tallied {
    /// Exchanges.
    pub exchanges: u64,
    /// How many of them were refused.
    pub refused: u64,
    /// When the last one was, and by which rule.
    pub last: Option<(Timestamp, &'static str)>,
}

// === impl Tally ===

impl Tally {
    /// Counts an exchange, if it is known whose it was.
    pub fn count(&self, record: &Record) {
        let Some(identity) = &record.identity else { return };
        match self.0.get(identity) {
            Some(counts) => counts.count(record),
            None => self.0.entry(identity.clone()).or_default().count(record),
        }
    }

    /// What it says of an integration.
    #[must_use]
    pub fn of(&self, identity: &IdentityName) -> Tallied {
        let Some(counts) = self.0.get(identity) else { return Tallied::default() };
        Tallied {
            exchanges: counts.exchanges.load(Ordering::Relaxed),
            refused: counts.refused.load(Ordering::Relaxed),
            last: *counts.last.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

impl Counts {
    fn count(&self, record: &Record) {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        if record.outcome == Outcome::Refused {
            self.refused.fetch_add(1, Ordering::Relaxed);
            let last = (record.time, record.rule.unwrap_or("unknown"));
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
        }
    }
}
