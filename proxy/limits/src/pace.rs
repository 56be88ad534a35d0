//! How often something may be taken: a place in a line that moves at a steady pace.

use crate::sync::{AtomicU64, Ordering};

/// When all that was taken is made up for, in nanoseconds of a clock.
#[derive(Debug)]
pub(crate) struct Pace(AtomicU64);

// === impl Pace ===

impl Pace {
    /// Nothing taken yet.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Takes one, which costs so many nanoseconds, of which `burst` times as many may be ahead of the clock. Says how
    /// long to wait if it is one too many; then nothing is taken.
    pub(crate) fn take(&self, now: u64, cost: u64, burst: u32) -> Result<(), u64> {
        let latest = now.saturating_add(cost.saturating_mul(burst.into()));
        let after = |made_up: u64| made_up.max(now).saturating_add(cost);
        let take = |made_up: u64| Some(after(made_up)).filter(|after| *after <= latest);
        let taken = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        taken.map(drop).map_err(|made_up| after(made_up).saturating_sub(latest))
    }
}
