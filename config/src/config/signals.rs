//! What the signals watch for, and what each does when it fires.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use super::{Budget, Rate, Window};

/// The signals of one integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signals {
    /// How long it is watched before what is new of it means anything.
    pub learning: Learning,
    /// What [`SignalLevel::Throttle`] puts on.
    pub throttle: SignalThrottle,
    /// Something of its client is new.
    pub fingerprint: Fingerprint,
    /// It looks around.
    pub reconnaissance: Reconnaissance,
    /// It reads far more rows an hour than it ever did.
    pub row_rate: RowRate,
    /// It deletes an export job soon after it fetched the results.
    pub job_deleted: JobDeleted,
    /// It was there nearly every day, and then no more.
    pub silent: Silent,
}

/// What a signal does when it fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalLevel {
    /// It never fires.
    Off,
    /// It is put on record.
    Record,
    /// The integration is throttled, too.
    Throttle,
    /// The integration is quarantined, too.
    Quarantine,
}

/// How much history there must be: both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learning {
    /// Different days of activity, UTC.
    pub days: u32,
    /// Requests.
    pub requests: u32,
}

/// The throttle that signals put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalThrottle {
    /// How often the integration may call.
    pub requests: Rate,
    /// How many rows it may read.
    pub rows: Budget,
    /// For how long.
    pub lasting: Duration,
}

/// `fingerprint`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// What it does.
    pub level: SignalLevel,
    /// What is looked at.
    pub watch: Watch,
}

/// What can be new of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trait {
    /// The product that it names in `User-Agent`.
    Client,
    /// The API version.
    Version,
    /// Where it calls from.
    Network,
    /// The objects that it touches.
    Objects,
    /// The hour of the day, UTC.
    Hour,
}

/// A set of traits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch(u8);

/// `reconnaissance`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconnaissance {
    /// What it does.
    pub level: SignalLevel,
    /// Within how long three sorts of looks fire it.
    pub window: Duration,
}

/// `row_rate`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowRate {
    /// What it does.
    pub level: SignalLevel,
    /// How many times the rows of the largest hour.
    pub factor: NonZeroU32,
    /// As many rows an hour never fire it.
    pub floor: NonZeroU64,
}

/// `job_deleted`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobDeleted {
    /// What it does.
    pub level: SignalLevel,
    /// How soon after results were fetched last.
    pub within: Duration,
}

/// `silent`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Silent {
    /// What it does.
    pub level: SignalLevel,
    /// How long after the last request.
    pub after: Duration,
}

// === impl Signals ===

impl Signals {
    /// The same rules, of which none does more than to write down.
    #[must_use]
    pub fn only_recording(mut self) -> Self {
        let levels = [
            &mut self.fingerprint.level,
            &mut self.reconnaissance.level,
            &mut self.row_rate.level,
            &mut self.job_deleted.level,
            &mut self.silent.level,
        ];
        for level in levels.into_iter().filter(|level| level.acts()) {
            *level = SignalLevel::Record;
        }
        self
    }
}

impl Default for Signals {
    fn default() -> Self {
        Self {
            learning: Learning { days: 7, requests: 100 },
            throttle: SignalThrottle {
                requests: Rate { requests: NonZeroU32::MIN, per: Duration::from_secs(1) },
                rows: Budget { amount: ROWS, window: Window::Hour },
                lasting: DAY,
            },
            fingerprint: Fingerprint { level: SignalLevel::Record, watch: Watch::ALL },
            reconnaissance: Reconnaissance { level: SignalLevel::Quarantine, window: HOUR },
            row_rate: RowRate { level: SignalLevel::Throttle, factor: FACTOR, floor: ROWS },
            job_deleted: JobDeleted { level: SignalLevel::Record, within: Duration::from_secs(600) },
            silent: Silent { level: SignalLevel::Record, after: DAY.saturating_mul(3) },
        }
    }
}

impl SignalLevel {
    /// The word for it in configuration, records and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Record => "record",
            Self::Throttle => "throttle",
            Self::Quarantine => "quarantine",
        }
    }

    /// Whether it does more than to write down.
    #[must_use]
    pub fn acts(self) -> bool {
        matches!(self, Self::Throttle | Self::Quarantine)
    }
}

impl Watch {
    /// Every trait.
    pub const ALL: Self = Self(0b1_1111);

    /// Whether a trait is looked at.
    #[must_use]
    pub fn has(self, one: Trait) -> bool {
        self.0 & bit(one) != 0
    }
}

impl FromIterator<Trait> for Watch {
    fn from_iter<I: IntoIterator<Item = Trait>>(traits: I) -> Self {
        Self(traits.into_iter().fold(0, |bits, one| bits | bit(one)))
    }
}

fn bit(one: Trait) -> u8 {
    1 << one as u8
}

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const ROWS: NonZeroU64 = NonZeroU64::MIN.saturating_add(9_999);
const FACTOR: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
