//! Forcefield: an egress proxy that enforces least privilege on Salesforce API traffic.
//!
//! The way of a request is [`service`], top to bottom.

pub mod answer;
pub mod app;
pub mod cut;
#[cfg(feature = "dev")]
pub mod dev;
pub mod exchange;
pub mod front;
pub mod intake;
pub mod issuers;
pub mod live;
mod passing;
pub mod presence;
pub mod process;
pub mod replicas;
pub mod reply;
pub mod rooms;
pub mod schemas;
pub mod service;
pub mod signals;
pub mod tally;
pub mod telemetry;
pub mod tunnel;
pub mod upstream;
pub mod workload;

mod command;

pub use command::main;

#[cfg(test)]
mod testing;
