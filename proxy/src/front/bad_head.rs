//! What is wrong with a request head that is not served.

use http::StatusCode;
use thiserror::Error;

/// A request head that two readers could read differently, or that is not served at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadHead {
    /// Bytes that are not a request head, or only to a lenient reader.
    #[error("the request head is malformed: {0}")]
    Malformed(&'static str),
    /// The body's length can be read in two ways, or in none.
    #[error("the length of the request body is unclear: {0}")]
    Framing(&'static str),
    /// No host, more than one, or two that differ.
    #[error("the host is unclear: {0}")]
    Host(&'static str),
    /// A header that must not be repeated.
    #[error("the header `{0}` is repeated")]
    Repeated(&'static str),
    /// A body with a method that has none.
    #[error("a request body is not accepted with GET, HEAD or DELETE")]
    Body,
    /// CONNECT, or a switch of protocols.
    #[error("{0} is not served here")]
    NotServed(&'static str),
    /// Too many bytes or too many headers.
    #[error("the request head is larger than 64 KiB or has more than 128 headers")]
    TooLarge,
    /// The connection's certificate was trusted when it was opened and is not any more.
    #[error("the client certificate is no longer trusted")]
    Untrusted,
}

impl BadHead {
    /// The status of its refusal.
    #[must_use]
    pub fn status(self) -> StatusCode {
        match self {
            Self::Malformed(_)
            | Self::Framing(_)
            | Self::Host(_)
            | Self::Repeated(_)
            | Self::Body
            | Self::NotServed(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Untrusted => StatusCode::UNAUTHORIZED,
        }
    }
}
