//! What a login endpoint answers.

use std::fmt;

use serde_json::Value;

/// An answer to be sent as it is. Its body may hold a token of ours.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

// === impl Answer ===

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self { status, content_type: JSON, headers: no_store(), body: body.to_string() }
    }

    pub(crate) fn empty() -> Self {
        Self { status: 200, content_type: JSON, headers: no_store(), body: String::new() }
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self { status, content_type: "text/html;charset=UTF-8", headers: no_store(), body: body.to_owned() }
    }

    pub(crate) fn xml(status: u16, body: String) -> Self {
        Self { status, content_type: "text/xml; charset=utf-8", headers: no_store(), body }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({}, redacted)", self.status)
    }
}

fn no_store() -> Vec<(&'static str, String)> {
    vec![("cache-control", "no-store".to_owned()), ("pragma", "no-cache".to_owned())]
}

const JSON: &str = "application/json;charset=UTF-8";
