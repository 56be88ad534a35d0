//! How often a credential asks its org for a token: the login host must survive us, and we it.

use std::time::Duration;

use tokio::time::Instant;

/// The mints that may still be made: thirty at once, then one every two seconds. Salesforce takes 3,600 logins of a user
/// in an hour, and an org may end its sessions again and again.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: u32,
    counted: Instant,
}

// === impl Allowance ===

impl Allowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self { left: BURST, counted: now }
    }

    /// Takes one mint, or says how long to wait for it.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Duration> {
        let since = now.saturating_duration_since(self.counted);
        let grown = u32::try_from(since.as_secs() / EVERY.as_secs()).unwrap_or(BURST);
        if self.left.saturating_add(grown) >= BURST {
            (self.left, self.counted) = (BURST, now);
        } else {
            self.left += grown;
            self.counted += EVERY * grown;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err((self.counted + EVERY).saturating_duration_since(now)),
        }
    }
}

/// How long to wait after so many failures in a row. `roll` is the jitter, any number: the wait is between half and
/// the whole of the step, so that a fleet does not come back all at once.
pub(crate) fn pause(failures: u32, passing: bool, roll: u8) -> Duration {
    let (first, most) = if passing { PASSING } else { LASTING };
    let step = first.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(most);
    step / 2 + step * u32::from(roll) / 510
}

/// A time around this one, a fifth of it to either side.
pub(crate) fn around(time: Duration) -> Duration {
    time * 4 / 5 + time * u32::from(roll()) * 2 / (5 * 255)
}

/// Any number, for [`pause`].
pub(crate) fn roll() -> u8 {
    let mut byte = [128];
    // Without randomness the jitter is the middle.
    let _ = aws_lc_rs::rand::fill(&mut byte);
    byte[0]
}

const BURST: u32 = 30;
const EVERY: Duration = Duration::from_secs(2);
/// The first and the longest wait when the org did not answer.
const PASSING: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// The first and the longest wait when someone has to change something.
const LASTING: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(60));

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_spent_allowance_grows_back_with_time() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        for _ in 0..BURST {
            assert_eq!(allowance.take(start), Ok(()));
        }
        assert_eq!(allowance.take(start), Err(EVERY));
        assert_eq!(allowance.take(start + EVERY / 2), Err(EVERY / 2));
        assert_eq!(allowance.take(start + EVERY), Ok(()));
        assert!(allowance.take(start + EVERY).is_err());
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..2 * BURST).filter(|_| allowance.take(later).is_ok()).count(), BURST as usize);
    }

    #[test]
    fn pauses_double_up_to_a_limit_and_differ_by_jitter() {
        assert_eq!(pause(1, true, 0), Duration::from_millis(250));
        assert_eq!(pause(1, true, 255), Duration::from_millis(500));
        assert_eq!(pause(3, true, 255), Duration::from_secs(2));
        assert_eq!(pause(4_000_000_000, true, 255), Duration::from_secs(30));
        assert_eq!(pause(1, false, 255), Duration::from_secs(5));
        assert_eq!(pause(60, false, 0), Duration::from_secs(30));
    }
}
