//! The classifier: a request's head and body to what it asks of Salesforce.
//!
//! Every door has a file of its own under `classify/`. What no file recognises is refused as unknown.

use crate::request::{Head, Request};
use crate::schema::Schema;
pub use unclear::{Place, Unclear, UnclearKind};

mod unclear;

/// How much of a request's body the classifier has to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyUse {
    /// None: there may be no body.
    None,
    /// All of it, decoded, at most this many bytes; a larger one is refused.
    Whole(usize),
    /// Its beginning, at most this many bytes (the header line of a CSV upload); the rest streams through.
    Start(usize),
}

/// Says how much of the body is needed, from the head alone.
#[must_use]
pub fn body_use(_head: &Head<'_>) -> BodyUse {
    BodyUse::None
}

/// Works out what a request asks.
///
/// `body` is what [`body_use`] asked for, as it was received: content encodings are decoded here, within limits.
///
/// # Errors
/// What cannot be understood in one way only, with the place and what was expected there.
pub fn classify(_schema: &Schema, _head: &Head<'_>, _body: &[u8]) -> Result<Request, Unclear> {
    Err(Unclear::new(UnclearKind::Door, Place::Path, "a known resource"))
}
