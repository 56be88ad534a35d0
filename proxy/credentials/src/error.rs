//! Why there is no token.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use forcefield_policy::names::IdentityName;
use thiserror::Error;

use crate::fetch::FetchError;
use crate::minted::OAuthCode;
use crate::rotation::TokensError;
use crate::secrets::SecretError;

/// No token for a request: it gets 503. Everyone who waited for the same mint gets the same error.
#[derive(Clone, Debug, Error)]
#[error("{problem}")]
pub struct CredentialError {
    /// What is wrong. Safe for a record and for responders; the client needs to know only that there is none.
    #[source]
    pub problem: Arc<Problem>,
    /// When another try will be made.
    pub retry_after: Duration,
}

/// What is wrong with a credential.
#[derive(Debug, Error)]
pub enum Problem {
    /// No such identity.
    #[error("`{0}` has no credential")]
    NoCredential(IdentityName),
    /// The configuration names an org that it does not have.
    #[error("the org of `{0}` is not in the configuration")]
    NoOrg(IdentityName),
    /// A secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The key of the JWT bearer flow cannot be used.
    #[error(
        "the key of the JWT bearer flow is not an unencrypted RSA private key of at least 2048 bits in PEM"
    )]
    Key,
    /// The clock cannot be right.
    #[error("the clock of this host stands before 1970")]
    Clock,
    /// The org did not answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The org refused.
    #[error("the org's login refused with `{code}` (status {status})")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The OAuth error code.
        code: OAuthCode,
    },
    /// An answer that is not one of a token endpoint.
    #[error("the org's login answered what is not a token: {0}")]
    Unreadable(&'static str),
    /// The token belongs to another org.
    #[error("the minted token is of another org; it was revoked")]
    OtherOrg,
    /// The token is for another host.
    #[error("the minted token is for another host than the org's; it was revoked")]
    OtherHost,
    /// The token may do too much.
    #[error("the minted token has the scope `full`; it was revoked; give the app the scope `api` only")]
    TooWide,
    /// The rotated refresh token cannot be kept.
    #[error("the rotated refresh token cannot be kept in the state folder")]
    State(#[source] io::Error),
    /// The turn to spend a refresh token that several replicas share did not come.
    #[error(transparent)]
    Tokens(#[from] TokensError),
    /// The store has an older refresh token than there was, or none.
    #[error(
        "the store that the replicas share has lost the newest refresh token, and an older one is not spent: the org \
         would take it for stolen; authorize the app anew and write its refresh token into the configuration"
    )]
    TokenLost,
    /// The answer with the newest refresh token was lost.
    #[error(
        "the org's answer with the newest refresh token was lost, and the token before it is dead; authorize the app \
         anew and write its refresh token into the configuration"
    )]
    TokenSpent,
    /// Perhaps so.
    #[error(
        "an answer of the org was lost, and the org does not say whether the refresh token is alive (status {0} of its \
         introspection); let the app introspect its tokens, or authorize it anew and write its refresh token into the \
         configuration"
    )]
    TokenInDoubt(u16),
    /// Sealed by a replica with another configuration.
    #[error(
        "the newest refresh token in the store was sealed with a key that this replica does not have; write that key to \
         `state.other_key`"
    )]
    TokenOtherKey,
    /// Changed in the store, or never sealed for this.
    #[error(
        "the newest refresh token in the store is not what a replica sealed for this identity and org: the store was \
         written to, or restored, by something else"
    )]
    TokenSealed,
    /// The org keeps refusing tokens that it minted.
    #[error("the org refuses fresh tokens too often; it is not asked for more of them for now")]
    RenewedTooOften,
    /// The process is ending, or the mint was.
    #[error("the mint was broken off")]
    BrokenOff,
}

// === impl Problem ===

impl Problem {
    /// Its kind, from a closed list, for metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NoCredential(_) | Self::NoOrg(_) | Self::Key | Self::Clock => "configuration",
            Self::Secret(_) => "secret",
            Self::Fetch(_) => "unreachable",
            Self::Refused { .. } | Self::RenewedTooOften => "refused",
            Self::Unreadable(_) => "unreadable",
            Self::OtherOrg | Self::OtherHost | Self::TooWide => "not-ours",
            Self::State(_)
            | Self::Tokens(_)
            | Self::TokenLost
            | Self::TokenSpent
            | Self::TokenInDoubt(_)
            | Self::TokenOtherKey
            | Self::TokenSealed => "state",
            Self::BrokenOff => "broken-off",
        }
    }

    /// Whether the org has certainly not ended the refresh token that was sent to it for another.
    pub(crate) fn leaves_the_token(&self) -> bool {
        match self {
            Self::Fetch(FetchError::Unreachable) => true,
            Self::Refused { status, .. } => (400..500).contains(status),
            _ => false,
        }
    }

    /// Whether it may pass by itself, so that another try soon makes sense.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Fetch(_) | Self::BrokenOff | Self::Tokens(_) => true,
            Self::Secret(error) => error.is_passing(),
            // The org's login is in trouble, and says so to this question too.
            Self::TokenInDoubt(status) => *status >= 500 || *status == 429,
            Self::Refused { status, code } => {
                *status >= 500 || *status == 429 || code.as_str() == "temporarily_unavailable"
            }
            Self::NoCredential(_)
            | Self::NoOrg(_)
            | Self::Key
            | Self::Clock
            | Self::Unreadable(_)
            | Self::OtherOrg
            | Self::OtherHost
            | Self::TooWide
            | Self::State(_)
            | Self::TokenLost
            | Self::TokenSpent
            | Self::TokenOtherKey
            | Self::TokenSealed
            | Self::RenewedTooOften => false,
        }
    }
}
