//! How many of an org's API calls are used, and how many there are: told together, so never seen apart.

use crate::sync::{AtomicU64, Ordering};

/// Calls used, and calls that there are.
#[derive(Debug)]
pub(crate) struct Usage(AtomicU64);

// === impl Usage ===

impl Usage {
    /// None used.
    pub(crate) fn of(most: u32) -> Self {
        Self(AtomicU64::new(together(0, most)))
    }

    /// Takes up what the org says.
    pub(crate) fn tell(&self, used: u32, most: u32) {
        self.0.store(together(used, most), Ordering::Release);
    }

    /// Those used, and those that there are.
    pub(crate) fn told(&self) -> (u64, u64) {
        let both = self.0.load(Ordering::Acquire);
        (both >> 32, both & u64::from(u32::MAX))
    }
}

fn together(used: u32, most: u32) -> u64 {
    u64::from(used) << 32 | u64::from(most)
}
