//! What one identity has spent, whatever its limits are today.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use forcefield_config::config::Window;
use forcefield_policy::names::IdentityName;
use serde::{Deserialize, Serialize};

use crate::ring::Ring;

/// The account of one identity: it outlives every reload of the configuration.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) identity: IdentityName,
    books: Mutex<Books>,
    in_flight: AtomicU32,
}

/// The books of an account.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// What was spent through this process.
    pub(crate) own: Sums,
    /// What was spent through other processes that still run, as last read.
    pub(crate) others: Sums,
    /// What of `own` no journal holds yet.
    pub(crate) unwritten: Amount,
    /// Whether the keeper knows that there is something to write.
    pub(crate) told: bool,
}

/// Rows, bytes and calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    pub(crate) calls: u64,
}

/// What was spent, of everything that has a budget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(crate) rows: Purse,
    pub(crate) bytes: Purse,
    /// Requests sent to the org.
    #[serde(default)]
    pub(crate) calls: Purse,
    /// Rows by exported object, lower case.
    pub(crate) exports: BTreeMap<String, Purse>,
}

/// What was spent in the last hour and in the last day. Both are kept whichever is limited, so that a changed window
/// starts with what was truly spent in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Purse {
    pub(crate) hour: Ring,
    pub(crate) day: Ring,
}

// === impl Account ===

impl Account {
    pub(crate) fn new(identity: IdentityName) -> Arc<Self> {
        Arc::new(Self { identity, books: Mutex::default(), in_flight: AtomicU32::new(0) })
    }

    /// The books. Held for a few additions only.
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        // No code under this lock can panic half-way through a change.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place among the requests under way, if there are fewer than `most`.
    pub(crate) fn enter(&self, most: Option<u32>) -> Result<(), u32> {
        let most = most.unwrap_or(u32::MAX);
        let enter = |under_way: u32| (under_way < most).then(|| under_way.saturating_add(1));
        self.in_flight.fetch_update(Ordering::AcqRel, Ordering::Acquire, enter).map(drop).map_err(|_| most)
    }

    /// Gives a place back that [`Account::enter`] gave.
    pub(crate) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
    }

    /// Requests under way.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Acquire)
    }
}

// === impl Sums ===

impl Sums {
    /// Adds what other sums hold.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.rows.merge(&other.rows);
        self.bytes.merge(&other.bytes);
        self.calls.merge(&other.calls);
        for (object, purse) in &other.exports {
            self.exports.entry(object.clone()).or_default().merge(purse);
        }
    }
}

// === impl Purse ===

impl Purse {
    pub(crate) fn ring(&mut self, window: Window) -> &mut Ring {
        match window {
            Window::Hour => &mut self.hour,
            Window::Day => &mut self.day,
        }
    }

    pub(crate) fn add(&mut self, now: Duration, amount: u64) {
        self.hour.add(now, amount);
        self.day.add(now, amount);
    }

    fn merge(&mut self, other: &Self) {
        self.hour.merge(&other.hour);
        self.day.merge(&other.day);
    }
}

impl Default for Purse {
    fn default() -> Self {
        Self { hour: Ring::new(Window::Hour.length()), day: Ring::new(Window::Day.length()) }
    }
}
