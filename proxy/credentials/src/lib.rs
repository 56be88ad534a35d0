//! Mints, caches and renews the orgs' tokens; the only reader of secrets.
//!
//! [`Secrets`] reads what the configuration only refers to. [`Credentials`] holds one credential per identity and
//! turns it into the org's [`AccessToken`], one mint at a time. A token leaves this crate inside an outgoing header
//! or body only, and only with a [`Permit`](forcefield_policy::decision::Permit). The network is an argument:
//! [`Fetch`] to orgs, [`Carry`] to Vault.

mod credential;
mod credentials;
mod error;
mod fetch;
mod flow;
mod material;
mod minted;
mod mints;
mod pace;
mod rotation;
mod secret;
mod secrets;
mod token;
mod vault;

pub use credentials::{Credentials, CredentialsError, Standing};
pub use error::{CredentialError, Problem};
pub use fetch::{Fetch, FetchAnswer, FetchError};
pub use minted::OAuthCode;
pub use rotation::{KeyError, Noted, Seal, SharedTokens, Sharing, Shelf, Taken, TokensError};
pub use secret::Secret;
pub use secrets::{SecretError, Secrets};
pub use token::{AccessToken, Blotter};
pub use vault::{Carry, VaultProblem};
