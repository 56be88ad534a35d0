//! What a Salesforce request means, and whether an integration may make it.
//!
//! Pure: no clock, no I/O, no randomness. A request's head and body go in ([`classify`]), its meaning comes out
//! ([`request::Request`]), and [`decision::decide`] turns it into a [`decision::Permit`] or a denial.

pub mod classify;
pub mod decision;
pub mod explain;
pub mod grant;
pub mod id;
pub mod names;
pub mod request;
pub mod schema;
pub mod soql;
pub mod sosl;
