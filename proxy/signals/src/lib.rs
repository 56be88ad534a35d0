//! Signals: rules that tell when an integration behaves as it never did.
//!
//! Deterministic and explainable: a rule compares what an integration does with what that same integration did before,
//! and a firing names the exchanges that made it. Nothing is guessed, no integration is compared with another.
//! `docs/signals.md` tells each rule in words.
//!
//! - [`Fact`]: what happened, told by the data plane; the time is in it.
//! - [`History`]: what one integration did, and the rules over it. Pure: no clock, no I/O.
//! - [`Histories`]: those of all integrations, kept in the state folder.
//! - [`Firing`]: what a rule found, with its evidence. What is done about it is for others.

mod fact;
mod firing;
mod histories;
mod history;

pub use fact::{Asked, Fact, Look, Looks, What};
pub use firing::{Evidence, Firing, Rule};
pub use histories::Histories;
pub use history::{History, Watching};
