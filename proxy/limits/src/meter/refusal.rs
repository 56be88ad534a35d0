//! What an identity is told when it has no more.

use std::time::Duration;

use forcefield_config::config::{Budget, Rate, Rated, Window};
use forcefield_policy::names::ObjectName;
use jiff::Timestamp;
use thiserror::Error;

/// Why a request is not let in. The text goes after the identity's name: `billing-sync {error}`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Exceeded {
    /// It calls too often: 429 with `Retry-After`.
    #[error("sends more than its {} requests per {}{}", .requests.requests, period(.requests.per), what(.of))]
    Rate {
        /// Which requests; `None` for all.
        of: Option<Rated>,
        /// What it may.
        requests: Rate,
        /// When the next request is let in.
        retry_after: Duration,
    },
    /// It has too many requests under way: 429 with `Retry-After: 1`.
    #[error("has {limit} requests under way, and may not have more")]
    Concurrent {
        /// How many it may have.
        limit: u32,
    },
    /// A budget is spent: 403.
    #[error(transparent)]
    Spent(#[from] Spent),
    /// Its share of the org's daily API calls is used: 403.
    #[error("has made its {share} of the org's {most} API calls of 24 hours; more from {renews_at}")]
    Share {
        /// The calls that it may make in 24 hours.
        share: u64,
        /// Those that the org has.
        most: u64,
        /// When the first of them come back.
        renews_at: Timestamp,
    },
    /// The org is short of API calls, and others go first: 429 with `Retry-After`.
    #[error(
        "goes slower while {used} of the org's {most} API calls of 24 hours are used: those of a higher priority go first"
    )]
    MakesRoom {
        /// The calls that are used, by everybody.
        used: u64,
        /// Those that the org has.
        most: u64,
        /// When the next request is let in.
        retry_after: Duration,
    },
    /// Its limits are not known: 503.
    #[error("has no limits here; the configuration does not name it")]
    Unknown,
    /// This replica holds nothing of what several share, and cannot have it now: 503.
    #[error(transparent)]
    CutOff(#[from] CutOff),
    /// What it spends cannot be written down: 503.
    #[error("cannot be served while the state of limits cannot be written")]
    Unavailable,
}

/// Why a piece of an answer may not go on.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Ended {
    /// A budget is spent.
    #[error(transparent)]
    Spent(#[from] Spent),
    /// This replica holds too little of what several share, and cannot have more now.
    #[error(transparent)]
    CutOff(#[from] CutOff),
}

impl From<Ended> for Exceeded {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Spent(spent) => spent.into(),
            Ended::CutOff(cut_off) => cut_off.into(),
        }
    }
}

/// This replica holds nothing of what several share, or too little, and cannot have more now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "cannot be served now: the store that the replicas share does not answer, or is just learning what was spent"
)]
pub struct CutOff;

/// A budget is spent, or would be by more than is left of it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("has read {}; more from {}", share(.counted, .budget), .renews_at)]
pub struct Spent {
    /// What is counted.
    pub counted: Counted,
    /// How much it may be.
    pub budget: Budget,
    /// How much is left: less than was asked for.
    pub left: u64,
    /// When the first of what is spent comes back.
    pub renews_at: Timestamp,
}

/// What has a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// Rows, through every door.
    Rows,
    /// Bytes of answers, through every door.
    Bytes,
    /// Rows of exports that touch this object.
    Export(ObjectName),
}

fn share(counted: &Counted, budget: &Budget) -> String {
    let when = match budget.window {
        Window::Hour => "this hour",
        Window::Day => "today",
    };
    match counted {
        Counted::Rows => format!("its {} rows of {when}", budget.amount),
        Counted::Bytes => format!("its {} bytes of {when}", budget.amount),
        Counted::Export(object) => format!("its {} exported rows of {object} of {when}", budget.amount),
    }
}

fn what(of: &Option<Rated>) -> String {
    match of {
        None => String::new(),
        Some(Rated::Door(door)) => format!(" through `{door}`"),
        Some(Rated::Verb(verb)) => format!(" that {verb}"),
    }
}

fn period(per: Duration) -> String {
    match per.as_secs() {
        1 => "second".to_owned(),
        60 => "minute".to_owned(),
        3600 => "hour".to_owned(),
        _ => format!("{per:?}"),
    }
}
