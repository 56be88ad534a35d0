//! On which days an integration was there, and when last.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::{DAY, is_past, number};
use crate::firing::Evidence;

/// When an integration was active.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Activity {
    /// Requests that were granted.
    requests: u64,
    /// Different days.
    days: u32,
    /// The last days, that of the last request in the lowest bit.
    recent: u32,
    /// The last request; its decision as two numbers.
    last: Option<(Timestamp, (u64, u64))>,
    /// Whether it was told that it went silent.
    told: bool,
}

impl Activity {
    pub(super) fn request(&mut self, at: Timestamp, decision: Ulid) {
        let days_passed = self.last.map(|(last, _)| number(at, DAY) - number(last, DAY));
        if days_passed != Some(0) {
            let passed = days_passed.and_then(|days| u32::try_from(days).ok()).unwrap_or(u32::BITS);
            self.recent = self.recent.checked_shl(passed).unwrap_or(0) | 1;
            self.days = self.days.saturating_add(1);
        }
        self.requests = self.requests.saturating_add(1);
        self.last = Some((at, decision.into()));
        self.told = false;
    }

    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    pub(super) fn days(&self) -> u32 {
        self.days
    }

    /// On how many of the seven days up to its last request it was active.
    pub(super) fn recent_days(&self) -> u32 {
        (self.recent & ((1 << WEEK) - 1)).count_ones()
    }

    /// Its last request, when it was active on most days of a week and has been gone for so long, and that was not told
    /// yet.
    pub(super) fn gone_silent(&self, after: Duration, now: Timestamp) -> Option<Evidence> {
        let (at, decision) = self.last?;
        let gone = !self.told && self.recent_days() >= MOST && is_past(at, after, now);
        gone.then(|| Evidence::new(at, decision.into(), "its last request".to_owned()))
    }

    pub(super) fn silence_told(&mut self) {
        self.told = true;
    }
}

/// The days that are looked at.
pub(super) const WEEK: u32 = 7;
/// On how many of them it must have been there, so that a silence means something: a working week.
const MOST: u32 = 5;
