//! What was spent in a sliding window, in buckets.
//!
//! A bucket leaves the window only when its youngest moment has: a window of 60 buckets holds 61. So at no moment
//! has more than the limit been spent in the window that ends there, and what is left is never told too high; it
//! comes back up to one bucket late.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What was spent in the last while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ring {
    /// The width of a bucket, in seconds.
    width: u64,
    /// The number of the newest bucket: seconds since 1970 over the width.
    newest: u64,
    /// What was spent, by the bucket's number modulo the length.
    buckets: Vec<u64>,
    /// The sum of the buckets.
    total: u64,
}

/// Buckets in a window.
const BUCKETS: u64 = 60;

impl Ring {
    /// Nothing spent, in a window of this length: a multiple of a minute.
    pub(crate) fn new(window: Duration) -> Self {
        Self { width: (window.as_secs() / BUCKETS).max(1), newest: 0, buckets: Vec::new(), total: 0 }
    }

    /// What was spent in the window that ends now, at least.
    pub(crate) fn total(&mut self, now: Duration) -> u64 {
        self.turn(now);
        self.total
    }

    /// Spends.
    pub(crate) fn add(&mut self, now: Duration, amount: u64) {
        self.turn(now);
        if amount > 0 {
            self.raise(self.newest, amount);
        }
    }

    /// When the first of what is spent comes back; `None` when nothing is spent. Seconds since 1970.
    pub(crate) fn renews(&self) -> Option<Duration> {
        let oldest = self.newest.saturating_sub(BUCKETS);
        let first = (oldest..=self.newest).find(|number| self.bucket(*number) > 0)?;
        Some(Duration::from_secs((first + BUCKETS + 1) * self.width))
    }

    /// The buckets that are not empty: the number of each, and what was spent in it.
    pub(crate) fn filled(&self) -> Vec<(u64, u64)> {
        let oldest = self.newest.saturating_sub(BUCKETS);
        let all = (oldest..=self.newest).map(|number| (number, self.bucket(number)));
        all.filter(|(_, spent)| *spent > 0).collect()
    }

    /// The newest bucket: its number, what was spent in it, and what was spent in the one before.
    pub(crate) fn newest(&self) -> (u64, u64, u64) {
        (self.newest, self.bucket(self.newest), self.bucket(self.newest.saturating_sub(1)))
    }

    /// Learns that at least so much was spent in a bucket, from a journal that may tell it twice.
    pub(crate) fn at_least(&mut self, number: u64, amount: u64) {
        if number > self.newest {
            self.turn(Duration::from_secs(number * self.width));
        }
        if number + BUCKETS >= self.newest && amount > 0 {
            let known = self.bucket(number);
            self.raise(number, amount.saturating_sub(known));
        }
    }

    /// Adds what another ring holds.
    pub(crate) fn merge(&mut self, other: &Self) {
        debug_assert_eq!(self.width, other.width, "rings of one window");
        self.turn(Duration::from_secs(other.newest * self.width));
        for number in other.newest.saturating_sub(BUCKETS)..=other.newest {
            if number + BUCKETS >= self.newest && other.bucket(number) > 0 {
                self.raise(number, other.bucket(number));
            }
        }
    }

    /// Forgets what has left the window that ends now. Time only goes forward.
    fn turn(&mut self, now: Duration) {
        let number = now.as_secs() / self.width;
        if number <= self.newest {
            return;
        }
        if self.total > 0 {
            if number - self.newest > BUCKETS {
                self.buckets.fill(0);
                self.total = 0;
            }
            for left in (self.newest + 1)..=number.min(self.newest + BUCKETS + 1) {
                if let Some(bucket) = place(&mut self.buckets, left) {
                    self.total -= std::mem::take(bucket);
                }
            }
        }
        self.newest = number;
    }

    fn raise(&mut self, number: u64, amount: u64) {
        if self.buckets.is_empty() {
            self.buckets = vec![0; LENGTH];
        }
        let Some(bucket) = place(&mut self.buckets, number) else { return };
        let amount = amount.min(u64::MAX - self.total);
        *bucket += amount;
        self.total += amount;
    }

    fn bucket(&self, number: u64) -> u64 {
        let place = usize::try_from(number % (BUCKETS + 1)).unwrap_or_default();
        self.buckets.get(place).copied().unwrap_or_default()
    }
}

/// The buckets of a ring, the one still coming in included.
const LENGTH: usize = 61;

fn place(buckets: &mut [u64], number: u64) -> Option<&mut u64> {
    buckets.get_mut(usize::try_from(number % (BUCKETS + 1)).ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn what_was_spent_comes_back_after_the_window_and_not_before() {
        let mut ring = Ring::new(HOUR);
        let start = Duration::from_secs(1_000_000_030);
        ring.add(start, 5);
        assert_eq!(ring.total(start + HOUR), 5);
        let renews = ring.renews().unwrap();
        assert_eq!(ring.total(renews - Duration::from_secs(1)), 5);
        assert_eq!(ring.total(renews), 0);
        assert!(renews - start <= HOUR + Duration::from_secs(60));
    }

    #[test]
    fn time_that_goes_back_gives_nothing_back() {
        let mut ring = Ring::new(HOUR);
        ring.add(Duration::from_secs(1_000_000_000), 5);
        assert_eq!(ring.total(Duration::from_secs(3)), 5);
        ring.add(Duration::from_secs(3), 1);
        assert_eq!(ring.total(Duration::from_secs(1_000_000_000)), 6);
    }

    #[test]
    fn ends_of_months_and_daylight_saving_are_no_moments_of_a_window() {
        // 2026-03-29 01:00 UTC, when Europe's clocks jump, and the end of February: windows are durations.
        for moment in [1_774_746_000, 1_772_323_200] {
            let mut ring = Ring::new(24 * HOUR);
            let moment = Duration::from_secs(moment);
            ring.add(moment - HOUR, 7);
            assert_eq!(ring.total(moment + 22 * HOUR), 7);
            assert_eq!(ring.total(moment + 24 * HOUR), 0);
        }
    }

    #[test]
    fn a_journal_may_be_told_twice() {
        let mut ring = Ring::new(HOUR);
        for _ in 0..2 {
            ring.at_least(100, 5);
            ring.at_least(101, 2);
            ring.at_least(30, 9);
        }
        assert_eq!(ring.total, 7, "bucket 30 left the window before");
    }

    proptest! {
        #[test]
        fn no_window_ever_holds_more_than_was_told(steps in prop::collection::vec((0_u64..2000, 0_u64..50), 1..200)) {
            let (mut ring, mut spent, mut now) = (Ring::new(HOUR), Vec::new(), 1_000_000);
            for (step, amount) in steps {
                now += step;
                ring.add(Duration::from_secs(now), amount);
                spent.push((now, amount));
                let truly: u64 = spent.iter().filter(|(at, _)| *at + 3600 > now).map(|(_, amount)| amount).sum();
                let late: u64 = spent.iter().filter(|(at, _)| *at + 3660 > now).map(|(_, amount)| amount).sum();
                let told = ring.total(Duration::from_secs(now));
                prop_assert!(truly <= told && told <= late, "{} <= {} <= {}", truly, told, late);
                prop_assert_eq!(told, ring.buckets.iter().sum::<u64>());
                let mut merged = Ring::new(HOUR);
                merged.merge(&ring);
                prop_assert_eq!(merged.total(Duration::from_secs(now)), told);
            }
        }
    }
}
