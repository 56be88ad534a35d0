//! One identity's limits as they are held: made when the configuration loads, asked by every request.

mod lease;
mod rate;
mod refusal;

use std::collections::HashMap;
use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use forcefield_config::config::{Budget, Export, Identity, Window};
use forcefield_policy::names::{IdentityName, ObjectName};

use crate::account::{Account, Of};
use crate::allowance::{Allowance, MakesRoom};
use crate::keeper::Shared;
use rate::RequestRate;

pub use lease::Lease;
pub use refusal::{Counted, CutOff, Ended, Exceeded, Spent};

/// The limits of one identity, and its account.
#[derive(Debug)]
pub struct Meter {
    account: Arc<Account>,
    /// That of all requests first.
    rates: Vec<RequestRate>,
    org: OfOrg,
    concurrent: Option<u32>,
    rows: Option<Budget>,
    bytes: Option<Budget>,
    /// By object, lower case.
    exports: HashMap<String, ExportBudget>,
}

/// What an identity may use of its org's API calls.
#[derive(Debug)]
pub(crate) struct OfOrg {
    pub(crate) allowance: Arc<Allowance>,
    pub(crate) makes_room: MakesRoom,
    /// Held while it makes room.
    slow: RequestRate,
    /// In percent.
    share: Option<f64>,
}

/// The rows of one object that may be exported.
#[derive(Clone, Debug)]
struct ExportBudget {
    object: ObjectName,
    key: String,
    rows: Budget,
}

/// What an identity has spent of what it has, for status and metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spend {
    /// Who.
    pub identity: IdentityName,
    /// Requests under way.
    pub in_flight: u32,
    /// Rows of the last hour and of the last day.
    pub rows: (u64, u64),
    /// Bytes of the last hour and of the last day.
    pub bytes: (u64, u64),
    /// The row budget; `None` for no limit.
    pub rows_budget: Option<Budget>,
    /// The byte budget; `None` for no limit.
    pub bytes_budget: Option<Budget>,
    /// API calls made for it in the last hour and in the last day.
    pub calls: (u64, u64),
    /// Its share of the org's calls; `None` for no limit.
    pub calls_budget: Option<Budget>,
    /// Objects with an export budget: the rows exported in its window, and the budget.
    pub exports: Vec<(ObjectName, u64, Budget)>,
}

// === impl Meter ===

impl Meter {
    /// The meter of an identity. An unchanged rate goes on where `before` was.
    pub(crate) fn new(
        shared: &Shared,
        identity: &Identity,
        (allowance, makes_room): (Arc<Allowance>, MakesRoom),
        before: Option<&Self>,
    ) -> Self {
        let (limits, exports) = (&identity.limits, &identity.exports);
        let known = before.map(|before| before.rates.as_slice()).unwrap_or_default();
        let slow = before.map(|before| before.org.slow.clone());
        let slow = slow.unwrap_or_else(|| RequestRate::slow(shared.time.clock()));
        let export = |export: &Export| {
            let key = export.object.as_str().to_ascii_lowercase();
            let rows = export.rows?;
            Some((key.clone(), ExportBudget { object: export.object.clone(), key, rows }))
        };
        Self {
            account: shared.account(&identity.name),
            rates: RequestRate::all(limits, known, shared.time.clock()),
            org: OfOrg { allowance, makes_room, slow, share: limits.daily_api_share },
            concurrent: limits.concurrent.map(NonZeroU32::get),
            rows: limits.rows,
            bytes: limits.bytes,
            exports: exports.iter().filter_map(export).collect(),
        }
    }

    /// The API calls of its org.
    pub(crate) fn allowance(&self) -> &Allowance {
        &self.org.allowance
    }

    /// What was spent, and what is held.
    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Every budget.
    pub(crate) fn budgets(&self) -> impl Iterator<Item = (Of<'_>, Budget)> {
        let exports = self.exports.values().map(|export| (Of::Export(&export.key), export.rows));
        let rows = self.rows.map(|budget| (Of::Rows, budget));
        let bytes = self.bytes.map(|budget| (Of::Bytes, budget));
        let calls = self.calls().map(|budget| (Of::Calls, budget));
        rows.into_iter().chain(bytes).chain(calls).chain(exports)
    }

    /// Its share of the org's calls; `None` for no limit.
    fn calls(&self) -> Option<Budget> {
        let amount = NonZeroU64::new(self.org.allowance.share(self.org.share?))?;
        Some(Budget { amount, window: Window::Day })
    }

    /// What was spent.
    pub(crate) fn spend(&self, now: Duration) -> Spend {
        let mut books = self.account.books();
        let (rows, bytes) = (books.both(Of::Rows, now), books.both(Of::Bytes, now));
        let calls = books.both(Of::Calls, now);
        let mut exports: Vec<_> = self
            .exports
            .values()
            .map(|export| {
                let spent = books.spent(Of::Export(&export.key), export.rows.window, now);
                (export.object.clone(), spent, export.rows)
            })
            .collect();
        exports.sort_by(|(one, ..), (other, ..)| one.as_str().cmp(other.as_str()));
        Spend {
            identity: self.account.identity.clone(),
            in_flight: self.account.in_flight(),
            rows,
            bytes,
            rows_budget: self.rows,
            bytes_budget: self.bytes,
            calls,
            calls_budget: self.calls(),
            exports,
        }
    }
}

// === impl Spend ===

impl Spend {
    /// The rows that are left of the budget; `None` for no limit.
    #[must_use]
    pub fn rows_left(&self) -> Option<u64> {
        self.rows_budget.map(|budget| left(budget, self.rows))
    }

    /// The bytes that are left of the budget; `None` for no limit.
    #[must_use]
    pub fn bytes_left(&self) -> Option<u64> {
        self.bytes_budget.map(|budget| left(budget, self.bytes))
    }
}

fn left(budget: Budget, (hour, day): (u64, u64)) -> u64 {
    let spent = match budget.window {
        Window::Hour => hour,
        Window::Day => day,
    };
    budget.amount.get().saturating_sub(spent)
}
