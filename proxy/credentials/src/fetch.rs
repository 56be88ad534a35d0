//! The network, as an argument.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use forcefield_config::config::Org;
use thiserror::Error;
use zeroize::Zeroizing;

/// Posts forms to an org's login endpoints. The proxy implements it on its upstream connections.
#[async_trait]
pub trait Fetch: Send + Sync + 'static {
    /// Posts `form` (`application/x-www-form-urlencoded`, with secrets in it) to `path` at the org's own URL, over
    /// TLS that is verified for that org, asking for JSON, within a deadline. Redirects are answers, not followed.
    ///
    /// # Errors
    /// Whatever kept the whole answer from arriving.
    async fn post_form(&self, org: &Org, path: &str, form: Bytes) -> Result<FetchAnswer, FetchError>;
}

/// What an org answered.
pub struct FetchAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, whole: at most 64 KiB. It may hold a token.
    pub body: Zeroizing<Vec<u8>>,
}

/// An answer that did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FetchError {
    /// No connection: refused, not resolved, TLS failed.
    #[error("the org's login host cannot be reached")]
    Unreachable,
    /// Too slow.
    #[error("the org's login host did not answer in time")]
    TimedOut,
    /// Broken off, or not HTTP.
    #[error("the org's login host broke off its answer")]
    BrokenOff,
    /// More than 64 KiB.
    #[error("the org's login host answered more than 64 KiB")]
    TooLarge,
}

impl fmt::Debug for FetchAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FetchAnswer({}, redacted)", self.status)
    }
}
