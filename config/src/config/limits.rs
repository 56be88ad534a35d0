//! Rates and budgets.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use forcefield_policy::request::{Api, Verb};

/// How much an identity may do.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Requests per second (a rate `20/s`; `/m` and `/h` are turned into a period).
    pub requests: Option<Rate>,
    /// Requests at once after a quiet time; the rate's number when absent.
    pub burst: Option<NonZeroU32>,
    /// Requests under way at one time.
    pub concurrent: Option<NonZeroU32>,
    /// Rows per window.
    pub rows: Option<Budget>,
    /// Bytes of answers per window.
    pub bytes: Option<Budget>,
    /// The share of the org's daily API calls, in percent, 0 < x <= 100.
    pub daily_api_share: Option<f64>,
    /// Who is slowed first when the org nears its limit: lower is first.
    pub priority: Option<u8>,
    /// Rates of single doors and verbs, which hold beside that of all requests.
    pub rates: Vec<(Rated, Rate)>,
}

/// What a rate of its own is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rated {
    /// Requests through a door.
    Door(Api),
    /// Requests that do this, in any of their parts.
    Verb(Verb),
}

/// A number of requests per time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub requests: NonZeroU32,
    /// In which time.
    pub per: Duration,
}

/// A number of rows or bytes per window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// How many.
    pub amount: NonZeroU64,
    /// In which window.
    pub window: Window,
}

/// The windows of budgets, sliding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Window {
    /// `/hour`
    Hour,
    /// `/day`
    Day,
}

impl Window {
    /// Its length.
    #[must_use]
    pub fn length(self) -> Duration {
        match self {
            Self::Hour => Duration::from_secs(3600),
            Self::Day => Duration::from_secs(24 * 3600),
        }
    }
}
