//! Why a secret cannot be read from Vault, and what to do about it.

use thiserror::Error;

use crate::fetch::{FetchAnswer, FetchError};

use super::answer;

/// Why a secret cannot be read from Vault. Repeats nothing that Vault said.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum VaultProblem {
    /// No connection.
    #[error("Vault cannot be reached; look at `vault.address`, `vault.ca` and the network")]
    Unreachable,
    /// No answer in time.
    #[error("Vault did not answer in time")]
    TimedOut,
    /// Not the whole answer.
    #[error("Vault broke off its answer, or answered more than 1 MiB")]
    BrokenOff,
    /// It was away a moment ago.
    #[error("Vault was away a moment ago and is not asked again yet")]
    Away,
    /// Sealed.
    #[error("Vault is sealed; unseal it")]
    Sealed,
    /// Too many requests, or a server that cannot serve now.
    #[error("Vault cannot serve this now (status {0})")]
    Unavailable(u16),
    /// Another server should be asked.
    #[error(
        "Vault answered with a redirect; write the address of the active server, or of what stands before it, in `vault.address`"
    )]
    Redirect,
    /// A policy denies it.
    #[error(
        "permission denied; give the policy of this login `read` on `MOUNT/data/PATH`, and look at `vault.namespace`"
    )]
    Denied,
    /// No such secret.
    #[error("there is no such secret; look at its mount and path (without `data/`) and at `vault.namespace`")]
    Missing,
    /// Its newest version was deleted.
    #[error("its newest version is deleted or destroyed; undelete it, or write it anew")]
    Deleted,
    /// The mount is no KV v2 engine.
    #[error(
        "its mount is not a KV engine of version 2; enable versioning (`vault kv enable-versioning MOUNT`) or use another mount"
    )]
    NotKvTwo,
    /// The secret has no such field.
    #[error("the secret has no such field")]
    NoField,
    /// The field is not text.
    #[error("the field is not text; write the secret as a string")]
    NotText,
    /// The login was refused.
    #[error(
        "the login at `auth/{mount}` was refused (status {status}); look at the role, at what proves it, and at the mount"
    )]
    Login {
        /// The mount of the auth method.
        mount: String,
        /// The HTTP status.
        status: u16,
    },
    /// The token that was handed to us is not one, or has ended.
    #[error("the token of `vault.token` is not known to Vault, or has ended; hand out a new one")]
    Token,
    /// What the login needs cannot be read.
    #[error("the login at Vault: {0}")]
    Own(String),
    /// An answer that is none of Vault's.
    #[error("what stands at `vault.address` does not answer as Vault does")]
    Unreadable,
    /// Any other status.
    #[error("Vault refused the request (status {0})")]
    Refused(u16),
    /// A path, namespace or token that cannot stand in a request.
    #[error(
        "this cannot be sent to Vault: a path, a namespace or a token has characters that it cannot have"
    )]
    Unsendable,
}

// === impl VaultProblem ===

impl VaultProblem {
    /// What an answer means that is none of those expected.
    pub(super) fn of(answer: &FetchAnswer) -> Self {
        match answer.status {
            300..=399 => Self::Redirect,
            503 if answer::says_sealed(&answer.body) => Self::Sealed,
            412 | 429 | 472 | 473 | 500..=599 => Self::Unavailable(answer.status),
            200..=299 => Self::Unreadable,
            status => Self::Refused(status),
        }
    }

    /// Whether it may pass by itself: the server is away, not the secret.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable
            | Self::TimedOut
            | Self::BrokenOff
            | Self::Away
            | Self::Sealed
            | Self::Unavailable(_) => true,
            Self::Redirect
            | Self::Denied
            | Self::Missing
            | Self::Deleted
            | Self::NotKvTwo
            | Self::NoField
            | Self::NotText
            | Self::Login { .. }
            | Self::Token
            | Self::Own(_)
            | Self::Unreadable
            | Self::Refused(_)
            | Self::Unsendable => false,
        }
    }
}

impl From<FetchError> for VaultProblem {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::Unreachable => Self::Unreachable,
            FetchError::TimedOut => Self::TimedOut,
            FetchError::BrokenOff | FetchError::TooLarge => Self::BrokenOff,
        }
    }
}
