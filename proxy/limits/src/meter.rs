//! One identity's limits as they are held: made when the configuration loads, asked by every request.

mod lease;
mod refusal;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use forcefield_config::config::{Budget, Export, Limits as Configured, Rate, Window};
use forcefield_policy::names::{IdentityName, ObjectName};
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::account::Account;
use crate::keeper::Shared;
use crate::time::Clock;

pub use lease::Lease;
pub use refusal::{Counted, Exceeded, Spent};

/// The limits of one identity, and its account.
#[derive(Debug)]
pub struct Meter {
    account: Arc<Account>,
    rate: Option<RequestRate>,
    concurrent: Option<u32>,
    rows: Option<Budget>,
    bytes: Option<Budget>,
    /// By object, lower case.
    exports: HashMap<String, ExportBudget>,
}

/// How often an identity may call.
#[derive(Debug)]
struct RequestRate {
    configured: (Rate, Option<NonZeroU32>),
    limiter: Arc<Limiter>,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Clock, NoOpMiddleware<Duration>>;

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
    /// Objects with an export budget: the rows exported in its window, and the budget.
    pub exports: Vec<(ObjectName, u64, Budget)>,
}

// === impl Meter ===

impl Meter {
    /// The meter of an identity. An unchanged rate goes on where `before` was.
    pub(crate) fn new(
        shared: &Shared,
        identity: &IdentityName,
        limits: &Configured,
        exports: &[Export],
        before: Option<&Self>,
    ) -> Self {
        let rate = limits.requests.map(|rate| {
            let configured = (rate, limits.burst);
            let kept = before.and_then(|before| before.rate.as_ref());
            match kept.filter(|kept| kept.configured == configured) {
                Some(kept) => RequestRate { configured, limiter: Arc::clone(&kept.limiter) },
                None => RequestRate::new(configured, shared.time.clock()),
            }
        });
        let export = |export: &Export| {
            let key = export.object.as_str().to_ascii_lowercase();
            let rows = export.rows?;
            Some((key.clone(), ExportBudget { object: export.object.clone(), key, rows }))
        };
        Self {
            account: shared.account(identity),
            rate,
            concurrent: limits.concurrent.map(NonZeroU32::get),
            rows: limits.rows,
            bytes: limits.bytes,
            exports: exports.iter().filter_map(export).collect(),
        }
    }

    /// Whether exports of any object are counted.
    pub(crate) fn counts_exports(&self) -> bool {
        !self.exports.is_empty()
    }

    /// What was spent.
    pub(crate) fn spend(&self, now: Duration) -> Spend {
        let mut books = self.account.books();
        let books = &mut *books;
        let rows = both(&mut books.own.rows, &mut books.others.rows, now);
        let bytes = both(&mut books.own.bytes, &mut books.others.bytes, now);
        let mut exports: Vec<_> = self
            .exports
            .values()
            .map(|export| {
                let spent = lease::spent(
                    books,
                    &Counted::Export(export.object.clone()),
                    &export.key,
                    export.rows,
                    now,
                );
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

/// The last hour and the last day.
fn both(own: &mut crate::account::Purse, others: &mut crate::account::Purse, now: Duration) -> (u64, u64) {
    (
        own.hour.total(now).saturating_add(others.hour.total(now)),
        own.day.total(now).saturating_add(others.day.total(now)),
    )
}

// === impl RequestRate ===

impl RequestRate {
    fn new(configured: (Rate, Option<NonZeroU32>), clock: &Clock) -> Self {
        let (rate, burst) = configured;
        let each = (rate.per / rate.requests.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(each).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        let quota = quota.allow_burst(burst.unwrap_or(rate.requests));
        Self { configured, limiter: Arc::new(Limiter::direct_with_clock(quota, clock.clone())) }
    }

    fn check(&self) -> Result<(), Exceeded> {
        self.limiter.check().map_err(|until| Exceeded::Rate {
            requests: self.configured.0,
            retry_after: until.wait_time_from(self.limiter.clock().now()),
        })
    }
}
