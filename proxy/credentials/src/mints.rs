//! How mints went, since the start of the process.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::Problem;

/// The counts, shared by all credentials.
#[derive(Debug, Default)]
pub(crate) struct Mints {
    minted: AtomicU64,
    failed: [AtomicU64; KINDS.len()],
}

// === impl Mints ===

impl Mints {
    pub(crate) fn minted(&self) {
        self.minted.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, problem: &Problem) {
        let kind = KINDS.iter().zip(&self.failed).find(|(kind, _)| **kind == problem.kind());
        if let Some((_, count)) = kind {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// By how they went: `minted`, or the kind of the problem.
    pub(crate) fn counts(&self) -> Vec<(&'static str, u64)> {
        let failed = KINDS.iter().zip(&self.failed);
        let failed = failed.map(|(kind, count)| (*kind, count.load(Ordering::Relaxed)));
        std::iter::once(("minted", self.minted.load(Ordering::Relaxed))).chain(failed).collect()
    }
}

/// Every word that [`Problem::kind`] knows.
const KINDS: [&str; 8] =
    ["configuration", "secret", "unreachable", "refused", "unreadable", "not-ours", "state", "broken-off"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mints_are_counted_by_how_they_went() {
        let mints = Mints::default();
        mints.minted();
        mints.failed(&Problem::OtherOrg);
        mints.failed(&Problem::TooWide);
        let counts = mints.counts();
        assert_eq!((counts[0], counts[6]), (("minted", 1), ("not-ours", 2)));
        assert_eq!(counts.iter().map(|(_, count)| count).sum::<u64>(), 3);
    }
}
