//! Request rates: how often an identity may call, in all, through one door, or for one verb.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use forcefield_config::config::{Limits as Configured, Rate, Rated};
use forcefield_policy::decision::Permit;
use forcefield_policy::request::{Operation, Verb};

use super::Exceeded;
use crate::holding::Among;
use crate::pace::Pace;
use crate::time::Clock;

/// How often some requests of an identity may come.
#[derive(Clone, Debug)]
pub(super) struct RequestRate {
    /// Which requests; `None` for all.
    of: Option<Rated>,
    rate: Rate,
    burst: Option<NonZeroU32>,
    clock: Clock,
    pace: Arc<Pace>,
}

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
        Self { of, rate, burst, clock: clock.clone(), pace: Arc::new(Pace::new()) }
    }

    /// Whether a request is one of those that it is for.
    pub(super) fn holds(&self, permit: &Permit) -> bool {
        match self.of {
            None => true,
            Some(Rated::Door(door)) => permit.api() == door,
            Some(Rated::Verb(verb)) => permit.operations().iter().any(|operation| asks(operation, verb)),
        }
    }

    /// Takes a request; says when to come again if it is one too many. One of several replicas has its part of the rate,
    /// so that a request costs it as many times the time as there are replicas; its burst is at least one request.
    pub(super) fn take(&self, among: Among) -> Result<(), Duration> {
        let now = nanoseconds(self.clock.now());
        let each = nanoseconds(self.rate.per / self.rate.requests.get()).max(1);
        let cost = each.saturating_mul(among.replicas.into());
        let burst = self.burst.unwrap_or(self.rate.requests).get();
        self.pace.take(now, cost, among.of(burst)).map_err(Duration::from_nanos)
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

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn a_rate_is_shared_by_the_replicas_that_an_identity_calls_through() {
        let ticks = Arc::new(AtomicU64::new(0));
        let of_test = Arc::clone(&ticks);
        let clock =
            Clock::new(Duration::ZERO, move || Duration::from_millis(of_test.load(Ordering::Relaxed)));
        let tens = Rate { requests: NonZeroU32::new(10).unwrap(), per: Duration::from_secs(1) };
        let alone = Among::default();
        let (first, second) = (Among { replicas: 2, rank: 0 }, Among { replicas: 2, rank: 1 });
        let let_in = |rate: &RequestRate, among| (0..100).filter(|_| rate.take(among).is_ok()).count();

        let rate = RequestRate::new(None, tens, None, &clock);
        assert_eq!(let_in(&rate, alone), 10, "the burst");
        assert_eq!(rate.take(alone), Err(Duration::from_millis(100)));
        assert_eq!(rate.take(first), Err(Duration::from_millis(200)), "its part comes half as fast");
        ticks.store(1000, Ordering::Relaxed);
        assert_eq!(let_in(&rate, first), 5);
        let other = RequestRate::new(None, tens, None, &clock);
        assert_eq!(let_in(&other, second), 5, "both together have the rate");
        let odd = RequestRate::new(None, tens, NonZeroU32::new(3), &clock);
        assert_eq!(let_in(&odd, first), 2);
        let odd = RequestRate::new(None, tens, NonZeroU32::new(3), &clock);
        assert_eq!(let_in(&odd, second), 1);
        let rare = Rate { requests: NonZeroU32::MIN, per: Duration::from_secs(3600) };
        let rare = RequestRate::new(None, rare, None, &clock);
        assert_eq!(let_in(&rare, second), 1, "each may serve one");
    }
}
