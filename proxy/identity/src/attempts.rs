//! Guessing, slowed.
//!
//! Three allowances, all of them growing back with time: of one address for one name, of one address for all names, of
//! one name for all addresses. The last is so wide that it takes many addresses to spend it: one alone can never lock
//! others out. A right guess gives back what it took, so that only failures count.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::peer::neighbourhood;

/// The failures of late. Bounded: what is forgotten first is what has nearly grown back.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    hasher: RandomState,
    spent: Mutex<HashMap<u64, Spent>>,
}

/// How much of an allowance is spent, at a time.
#[derive(Clone, Copy, Debug)]
struct Spent {
    milliseconds: i64,
    at: Timestamp,
}

/// An allowance: `burst` at once, then one `every` so many milliseconds.
#[derive(Clone, Copy)]
struct Allowance {
    burst: i64,
    every: i64,
}

// === impl Attempts ===

impl Attempts {
    /// Takes one attempt at `name` from `address`, or says how long to wait.
    pub(crate) fn take(&self, name: &str, address: IpAddr, now: Timestamp) -> Result<(), Duration> {
        let keys = self.keys(name, address);
        let mut spent = self.lock();
        let waits = keys.iter().filter_map(|(key, allowance)| {
            let left = spent.get(key).map_or(0, |spent| spent.left(now));
            u64::try_from(left + allowance.every - allowance.burst * allowance.every).ok()
        });
        if let Some(wait) = waits.filter(|wait| *wait > 0).max() {
            return Err(Duration::from_millis(wait));
        }
        if spent.len() + keys.len() > MOST {
            forget(&mut spent, now);
        }
        for (key, allowance) in keys {
            let milliseconds = spent.get(&key).map_or(0, |spent| spent.left(now)) + allowance.every;
            spent.insert(key, Spent { milliseconds, at: now });
        }
        Ok(())
    }

    /// Gives an attempt back: it was right.
    pub(crate) fn give_back(&self, name: &str, address: IpAddr, now: Timestamp) {
        let mut spent = self.lock();
        for (key, allowance) in self.keys(name, address) {
            if let Some(entry) = spent.get_mut(&key) {
                *entry = Spent { milliseconds: (entry.left(now) - allowance.every).max(0), at: now };
            }
        }
    }

    fn keys(&self, name: &str, address: IpAddr) -> [(u64, Allowance); 3] {
        let network = neighbourhood(address);
        [
            (self.hasher.hash_one((1, name, network)), ADDRESS_FOR_NAME),
            (self.hasher.hash_one((2, network)), ADDRESS),
            (self.hasher.hash_one((3, name)), NAME),
        ]
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Spent>> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spent {
    fn left(&self, now: Timestamp) -> i64 {
        let since = now.as_millisecond().saturating_sub(self.at.as_millisecond()).max(0);
        self.milliseconds.saturating_sub(since).max(0)
    }
}

/// Drops what has grown back; if that is not enough, the half that will have first.
fn forget(spent: &mut HashMap<u64, Spent>, now: Timestamp) {
    spent.retain(|_, spent| spent.left(now) > 0);
    if spent.len() > MOST / 2 {
        let mut left: Vec<i64> = spent.values().map(|spent| spent.left(now)).collect();
        let middle = left.len() / 2;
        let (_, median, _) = left.select_nth_unstable(middle);
        let median = *median;
        spent.retain(|_, spent| spent.left(now) > median);
    }
}

const ADDRESS_FOR_NAME: Allowance = Allowance { burst: 5, every: 10_000 };
const ADDRESS: Allowance = Allowance { burst: 30, every: 2_000 };
const NAME: Allowance = Allowance { burst: 100, every: 500 };
/// Entries of some 32 bytes.
const MOST: usize = 100_000;

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn address(last: u16) -> IpAddr {
        IpAddr::from([10, 0, (last >> 8) as u8, last as u8])
    }

    #[test]
    fn one_address_spends_its_attempts_and_gets_them_back_with_time() {
        let (attempts, start) = (Attempts::default(), Timestamp::UNIX_EPOCH);
        for _ in 0..5 {
            assert_eq!(attempts.take("app", address(1), start), Ok(()));
        }
        assert_eq!(attempts.take("app", address(1), start), Err(Duration::from_secs(10)));
        assert_eq!(attempts.take("other", address(1), start), Ok(()));
        let later = start + SignedDuration::from_secs(10);
        assert_eq!(attempts.take("app", address(1), later), Ok(()));
        assert!(attempts.take("app", address(1), later).is_err());
        let much_later = start + SignedDuration::from_hours(1);
        assert_eq!((0..20).filter(|_| attempts.take("app", address(1), much_later).is_ok()).count(), 5);
    }

    #[test]
    fn one_address_cannot_lock_another_out() {
        let attempts = Attempts::default();
        for second in 0..3_600 {
            let now = Timestamp::from_second(second).unwrap();
            for _ in 0..10 {
                let _ = attempts.take("app", address(1), now);
            }
        }
        assert_eq!(attempts.take("app", address(2), Timestamp::from_second(3_600).unwrap()), Ok(()));
    }

    #[test]
    fn many_addresses_together_are_slowed_too() {
        let (attempts, now) = (Attempts::default(), Timestamp::UNIX_EPOCH);
        assert_eq!((0..1_000).filter(|host| attempts.take("app", address(*host), now).is_ok()).count(), 100);
    }

    #[test]
    fn right_guesses_do_not_count() {
        let (attempts, now) = (Attempts::default(), Timestamp::UNIX_EPOCH);
        for _ in 0..1_000 {
            attempts.take("app", address(1), now).unwrap();
            attempts.give_back("app", address(1), now);
        }
    }

    #[test]
    fn memory_is_bounded_and_a_guesser_is_not_forgotten_first() {
        let (attempts, now) = (Attempts::default(), Timestamp::UNIX_EPOCH);
        for _ in 0..5 {
            attempts.take("app", address(1), now).unwrap();
        }
        for number in 0..120_000_u32 {
            let [a, b, c, d] = number.to_be_bytes();
            let _ = attempts.take(&number.to_string(), IpAddr::from([172 + a, b, c, d]), now);
        }
        assert!(attempts.lock().len() <= MOST);
        assert!(attempts.take("app", address(1), now).is_err());
    }
}
