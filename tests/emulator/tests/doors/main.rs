//! The org through its HTTP surface, door by door.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets what it does not expect must fail there"
)]

mod bulk;
mod client;
mod composite;
mod graphql;
mod knobs;
mod login;
mod program;
mod query;
mod records;
mod search;
mod soap;
