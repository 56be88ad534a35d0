//! How much an integration may do, and what is its own.
//!
//! Requests per time and at once ([`Limits::admit`]), rows and bytes per sliding window, counted while an answer
//! streams ([`Lease::count`]), and the [`Ledger`] of cursors and jobs that each identity created. A [`Scanner`] counts the
//! rows of answers and finds what they give out. What was spent survives a crash and a reload of the configuration.
//!
//! Time comes from a clock type parameter; nothing on the way of a request does I/O but the ledger's durable writes
//! and, once per chunk of a large answer, one append to the journal of what was spent.

mod account;
mod allowance;
mod handles;
mod holding;
mod journal;
mod json;
mod keeper;
mod ledger;
mod limits;
mod meter;
mod pace;
mod ring;
mod rows;
mod scanner;
mod settle;
mod shared_store;
mod store;
mod sync;
mod time;
mod usage;
mod xml;

pub use allowance::OrgCalls;
pub use handles::{Format, Issued};
pub use holding::LEASE;
pub use keeper::StateStatus;
pub use ledger::{Entry, HandleKey, Learned, Ledger, LedgerError};
pub use limits::{Limits, OpenError};
pub use meter::{Counted, CutOff, Ended, Exceeded, Lease, Meter, Spend, Spent};
pub use scanner::{Found, Scanner};
pub use settle::Round;
pub use shared_store::{
    Ask, Filed, Granted, OutOfReach, Replaced, Replacement, Report, Settled, SharedStore,
};
pub use time::Clock;
