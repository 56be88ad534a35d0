//! Request rates: how often an identity may call, in all, through one door, or for one verb.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use forcefield_config::config::{Limits as Configured, Rate, Rated};
use forcefield_policy::decision::Permit;
use forcefield_policy::request::{Operation, Verb};
use governor::clock::Clock as _;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use super::Exceeded;
use crate::time::Clock;

/// How often some requests of an identity may come.
#[derive(Clone, Debug)]
pub(super) struct RequestRate {
    /// Which requests; `None` for all.
    of: Option<Rated>,
    rate: Rate,
    burst: Option<NonZeroU32>,
    limiter: Arc<Limiter>,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, Clock, NoOpMiddleware<Duration>>;

/// The pace of an identity that makes room for others.
const SLOW: Rate = Rate { requests: NonZeroU32::MIN, per: Duration::from_secs(10) };

// === impl RequestRate ===

impl RequestRate {
    /// Every rate of an identity, that of all requests first. What did not change goes on where it was.
    pub(super) fn all(limits: &Configured, known: &[Self], clock: &Clock) -> Vec<Self> {
        let whole = limits.requests.map(|rate| (None, rate, limits.burst));
        let parts = limits.rates.iter().map(|(of, rate)| (Some(*of), *rate, None));
        let rate = |(of, rate, burst)| {
            let same = |known: &&Self| (known.of, known.rate, known.burst) == (of, rate, burst);
            known.iter().find(same).cloned().unwrap_or_else(|| Self::new(of, rate, burst, clock))
        };
        whole.into_iter().chain(parts).map(rate).collect()
    }

    /// The rate of an identity that makes room for others.
    pub(super) fn slow(clock: &Clock) -> Self {
        Self::new(None, SLOW, None, clock)
    }

    fn new(of: Option<Rated>, rate: Rate, burst: Option<NonZeroU32>, clock: &Clock) -> Self {
        let each = (rate.per / rate.requests.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(each).unwrap_or(Quota::per_second(NonZeroU32::MIN));
        let quota = quota.allow_burst(burst.unwrap_or(rate.requests));
        Self { of, rate, burst, limiter: Arc::new(Limiter::direct_with_clock(quota, clock.clone())) }
    }

    /// Whether a request is one of those that it is for.
    pub(super) fn holds(&self, permit: &Permit) -> bool {
        match self.of {
            None => true,
            Some(Rated::Door(door)) => permit.api() == door,
            Some(Rated::Verb(verb)) => permit.operations().iter().any(|operation| asks(operation, verb)),
        }
    }

    /// Takes a request; says when to come again if it is one too many.
    pub(super) fn take(&self) -> Result<(), Duration> {
        let taken = self.limiter.check();
        taken.map_err(|until| until.wait_time_from(self.limiter.clock().now()))
    }

    /// The refusal of a request that came too early.
    pub(super) fn exceeded(&self, retry_after: Duration) -> Exceeded {
        Exceeded::Rate { of: self.of, requests: self.rate, retry_after }
    }
}

/// Whether an operation asks for a verb.
fn asks(operation: Operation, verb: Verb) -> bool {
    match operation {
        Operation::Read | Operation::Query | Operation::Search | Operation::Export => verb == Verb::Read,
        Operation::Create => verb == Verb::Create,
        Operation::Update => verb == Verb::Update,
        Operation::Upsert | Operation::Convert => matches!(verb, Verb::Create | Verb::Update),
        Operation::Delete => verb == Verb::Delete,
        Operation::Undelete => verb == Verb::Undelete,
        Operation::Merge => verb == Verb::Merge,
        Operation::Publish => verb == Verb::Publish,
        Operation::Subscribe => verb == Verb::Subscribe,
        Operation::Describe => verb == Verb::Describe,
        Operation::Meta
        | Operation::Job
        | Operation::Execute
        | Operation::Deploy
        | Operation::Auth
        | Operation::Admin => false,
    }
}
