//! What an identity is told when it has no more.

use std::time::Duration;

use forcefield_config::config::{Budget, Rate, Window};
use forcefield_policy::names::ObjectName;
use jiff::Timestamp;
use thiserror::Error;

/// Why a request is not let in. The text goes after the identity's name: `billing-sync {error}`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Exceeded {
    /// It calls too often: 429 with `Retry-After`.
    #[error("sends more than its {} requests per {}", .requests.requests, period(.requests.per))]
    Rate {
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
    /// Its limits are not known: 503.
    #[error("has no limits here; the configuration does not name it")]
    Unknown,
    /// What it spends cannot be written down: 503.
    #[error("cannot be served while the state of limits cannot be written")]
    Unavailable,
}

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

fn period(per: Duration) -> String {
    match per.as_secs() {
        1 => "second".to_owned(),
        60 => "minute".to_owned(),
        3600 => "hour".to_owned(),
        _ => format!("{per:?}"),
    }
}
