//! The store that several replicas share, as far as rotated refresh tokens need it.

use async_trait::async_trait;
use forcefield_policy::names::IdentityName;
use thiserror::Error;

/// Records of refresh tokens, and the turns to spend them. Every call has a deadline of its own. No token is told to it
/// but sealed.
#[async_trait]
pub trait SharedTokens: Send + Sync {
    /// Takes the one turn of an identity, and gives the record as it is then. It ends by itself after 20 s.
    ///
    /// # Errors
    /// Somebody else has it, or the store is out of reach.
    async fn take(&self, shelf: &Shelf) -> Result<Taken, TokensError>;

    /// Replaces the record, if it still is what it was; when a turn is named, only while that lasts, which it then does
    /// anew. The record is kept when this returns.
    ///
    /// # Errors
    /// Another came before, or the store is out of reach.
    async fn replace(
        &self,
        shelf: &Shelf,
        turn: Option<&str>,
        before: Option<&str>,
        after: &str,
    ) -> Result<(), TokensError>;

    /// Ends a turn.
    async fn end(&self, shelf: &Shelf, turn: &str);
}

/// Where a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shelf {
    /// Whose token it is.
    pub identity: IdentityName,
    /// The SHA-256 of the configured token that it grew out of.
    pub mark: String,
}

/// A turn.
#[derive(Clone, Debug)]
pub struct Taken {
    /// Its name, which no other has.
    pub turn: String,
    /// The record, if there is one.
    pub record: Option<String>,
}

/// A record that a replica knows to have been in the store.
#[derive(Clone, Debug)]
pub struct Noted {
    /// Where.
    pub shelf: Shelf,
    /// Its number: each record has a larger one than that before it.
    pub generation: u64,
    /// What stands there, if the store has an older one or none, until the token is written anew into the configuration.
    pub lost: String,
}

/// What the store did not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokensError {
    /// It does not answer.
    #[error("the store that the replicas share is out of reach, and without it no refresh token is spent")]
    OutOfReach,
    /// Another replica has the turn.
    #[error("another replica is spending the refresh token")]
    Busy,
    /// Another replica came before.
    #[error("another replica took the turn to spend the refresh token over")]
    Overtaken,
}
