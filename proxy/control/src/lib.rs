//! The control plane: what responders may look at and do, and the restraints that they put on integrations.
//!
//! - [`wire`]: the JSON of the API, for its server and its clients.
//! - [`Api`]: the API itself: who calls, what they may, what it does. It speaks HTTP but has no listener of its own.
//! - [`Restraints`]: what is in force, durable, and asked by every request of the data plane.
//! - [`Widenings`]: what widens: proposals that wait for a second person, and break-glass grants.
//! - the web console: its files, the sessions of browsers, and what happens told as it happens.
//! - [`Running`]: what the API needs of the proxy that runs.

mod api;
mod console;
mod content;
mod feed;
mod journal;
mod openapi;
mod page;
mod restraints;
mod routes;
mod running;
mod sessions;
mod staff;
mod widenings;
pub mod wire;

pub use api::{Answer, Api, Shown};
pub use content::Content;
pub use restraints::{Admitted, Effect, Quarantined, Relay, Restraint, Restraints};
pub use running::{AuditQuery, Call, Heard, Refusals, Running, Stopped, Unrecorded};
pub use staff::{Proof, Responder, Staff, StaffError, TokenHash};
pub use widenings::{Grant, GrantText, SharedWidenings, Widenings};
