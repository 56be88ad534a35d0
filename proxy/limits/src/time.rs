//! The time that budgets live by: seconds since 1970 that only go forward.
//!
//! The wall clock is asked once, when the state is opened, and never believed to be before what the state has seen.
//! From then on a monotonic clock counts, so a wall clock that is set back or forth neither refills a budget nor
//! freezes it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

/// Where the time comes from.
#[derive(Clone)]
pub struct Clock {
    wall: Duration,
    ticks: Arc<dyn Fn() -> Duration + Send + Sync>,
}

/// The time as the state knows it.
#[derive(Clone, Debug)]
pub(crate) struct Time {
    clock: Clock,
    /// The time when the clock's ticks were zero.
    start: Duration,
}

// === impl Clock ===

impl Clock {
    /// The machine's.
    #[must_use]
    pub fn system() -> Self {
        let start = Instant::now();
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self::new(wall, move || start.elapsed())
    }

    /// One that says `wall` (since 1970) now, and `ticks` later what `ticks` says: never less than before.
    pub fn new(wall: Duration, ticks: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        Self { wall, ticks: Arc::new(ticks) }
    }

    /// How long it has ticked.
    pub(crate) fn now(&self) -> Duration {
        (self.ticks)()
    }

    /// What the wall clock said when this was made.
    pub(crate) fn wall_seconds(&self) -> u64 {
        self.wall.as_secs()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("wall", &self.wall).finish_non_exhaustive()
    }
}

// === impl Time ===

impl Time {
    /// Goes on from what was seen before, if the wall clock is behind that.
    pub(crate) fn new(clock: Clock, seen: Duration) -> Self {
        let start = clock.wall.max(seen);
        Self { clock, start }
    }

    /// Since 1970.
    pub(crate) fn now(&self) -> Duration {
        self.start + (self.clock.ticks)()
    }

    /// What the wall clock will say at a moment of this time.
    pub(crate) fn on_the_wall(&self, moment: Duration) -> Timestamp {
        let ahead = self.start.saturating_sub(self.clock.wall);
        timestamp(moment.saturating_sub(ahead))
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// Whole seconds, the end of time if there are too many.
pub(crate) fn timestamp(since_1970: Duration) -> Timestamp {
    i64::try_from(since_1970.as_secs())
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::MAX)
}
