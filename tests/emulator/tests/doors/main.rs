//! The org through its HTTP surface, door by door.

mod client;
mod login;
mod query;
mod records;
