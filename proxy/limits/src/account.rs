//! What one identity has spent, whatever its limits are today.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use forcefield_config::config::{Budget, Window};
use forcefield_policy::names::IdentityName;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::holding::Holding;
use crate::ring::Ring;
use crate::sync::{AtomicU32, Mutex, MutexGuard, Ordering};

/// The account of one identity: it outlives every reload of the configuration.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) identity: IdentityName,
    books: Mutex<Books>,
    in_flight: AtomicU32,
    /// Rounds with the store of several replicas that have ended.
    pub(crate) settled: watch::Sender<u64>,
}

/// A place among the requests of an account that are under way, given back when this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Place(Arc<Account>);

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
    /// What this replica may spend, where several share the budgets; `None` for the whole.
    pub(crate) holding: Option<Holding>,
}

/// What has a budget.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of<'a> {
    Rows,
    Bytes,
    Calls,
    /// Rows of an exported object, in lower case.
    Export(&'a str),
}

/// A budget that has less left than was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Short<'a> {
    pub(crate) of: Of<'a>,
    pub(crate) budget: Budget,
    pub(crate) left: u64,
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
    /// An account, of which `holding` is what may be spent where several replicas share the budgets.
    pub(crate) fn new(identity: IdentityName, holding: Option<Holding>) -> Arc<Self> {
        let books = Mutex::new(Books { holding, ..Books::default() });
        Arc::new(Self { identity, books, in_flight: AtomicU32::new(0), settled: watch::Sender::default() })
    }

    /// The books. Held for a few additions only.
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        // No code under this lock can panic half-way through a change.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place among the requests under way, if there are fewer than `most`; says `most` if not.
    pub(crate) fn enter(self: &Arc<Self>, most: Option<u32>) -> Result<Place, u32> {
        let most = most.unwrap_or(u32::MAX);
        let enter = |under_way: u32| (under_way < most).then(|| under_way.saturating_add(1));
        let entered = self.in_flight.fetch_update(Ordering::AcqRel, Ordering::Acquire, enter);
        entered.map(|_| Place(Arc::clone(self))).map_err(|_| most)
    }

    /// Requests under way.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Acquire)
    }
}

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

// === impl Books ===

impl Books {
    /// What was spent of a budget in its window, as far as it is known here.
    pub(crate) fn spent(&mut self, of: Of<'_>, window: Window, now: Duration) -> u64 {
        let total = |sums: &mut Sums| sums.purse(of).map_or(0, |purse| purse.ring(window).total(now));
        let own = total(&mut self.own);
        let elsewhere = match &self.holding {
            None => total(&mut self.others),
            Some(holding) => window_of(holding.elsewhere(of), window),
        };
        own.saturating_add(elsewhere)
    }

    /// What was spent in the last hour and in the last day.
    pub(crate) fn both(&mut self, of: Of<'_>, now: Duration) -> (u64, u64) {
        (self.spent(of, Window::Hour, now), self.spent(of, Window::Day, now))
    }

    /// What may be spent of a budget here and now.
    pub(crate) fn left(&mut self, of: Of<'_>, budget: Budget, now: Duration) -> u64 {
        let left = budget.amount.get().saturating_sub(self.spent(of, budget.window, now));
        self.holding.as_ref().map_or(left, |holding| left.min(holding.left(of, now)))
    }

    /// What is left of a budget, wherever it may be spent.
    pub(crate) fn left_in_all(&mut self, of: Of<'_>, budget: Budget, now: Duration) -> u64 {
        let free = self.holding.as_ref().map_or(0, |holding| holding.free(of));
        self.left(of, budget, now).saturating_add(free)
    }

    /// Whether so much more of each may be spent here and now; gives the first that has less.
    pub(crate) fn fits<'a>(
        &mut self,
        wanted: impl Iterator<Item = (Of<'a>, Budget, u64)>,
        now: Duration,
    ) -> Result<(), Short<'a>> {
        for (of, budget, more) in wanted {
            let left = self.left(of, budget, now);
            if more > left {
                return Err(Short { of, budget, left });
            }
        }
        Ok(())
    }

    /// When the first of what is spent comes back.
    pub(crate) fn renews(&mut self, of: Of<'_>, window: Window) -> Option<Duration> {
        let sums = [&mut self.own, &mut self.others];
        let rings = sums.into_iter().filter_map(|sums| sums.purse(of)?.ring(window).renews());
        let elsewhere = self.holding.as_ref().and_then(|holding| holding.renews(of));
        rings.chain(elsewhere).min()
    }

    /// Whether a store that has lost everything has something to learn from this replica.
    pub(crate) fn knows_something(&mut self, now: Duration) -> bool {
        let lanes = self.holding.as_ref().is_some_and(|holding| !holding.lanes.is_empty());
        lanes || [Of::Rows, Of::Bytes, Of::Calls].into_iter().any(|of| self.spent(of, Window::Day, now) > 0)
    }

    /// Counts what is spent.
    pub(crate) fn spend(&mut self, of: Of<'_>, amount: u64, now: Duration) {
        self.own.purse_or_new(of).add(now, amount);
        if let Some(holding) = &mut self.holding {
            holding.spend(of, amount, now);
        }
    }
}

// === impl Sums ===

impl Sums {
    fn purse(&mut self, of: Of<'_>) -> Option<&mut Purse> {
        match of {
            Of::Rows => Some(&mut self.rows),
            Of::Bytes => Some(&mut self.bytes),
            Of::Calls => Some(&mut self.calls),
            Of::Export(object) => self.exports.get_mut(object),
        }
    }

    fn purse_or_new(&mut self, of: Of<'_>) -> &mut Purse {
        match of {
            Of::Rows => &mut self.rows,
            Of::Bytes => &mut self.bytes,
            Of::Calls => &mut self.calls,
            Of::Export(object) => self.exports.entry(object.to_owned()).or_default(),
        }
    }

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

fn window_of((hour, day): (u64, u64), window: Window) -> u64 {
    match window {
        Window::Hour => hour,
        Window::Day => day,
    }
}

impl Default for Purse {
    fn default() -> Self {
        Self { hour: Ring::new(Window::Hour.length()), day: Ring::new(Window::Day.length()) }
    }
}
