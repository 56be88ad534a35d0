//! Black-box scenarios of Forcefield: the harness.
//!
//! A scenario starts an emulated org and the real binary before it, sends what a client would send, and asserts both
//! sides: the answer, and what the org received.

pub mod client;
pub mod collector;
pub mod pki;
pub mod proxy;
pub mod redis;
mod relay;
pub mod sdk;
mod watch;

use std::sync::OnceLock;

use argon2::password_hash::SaltString;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};

pub use client::{Client, Download, Reply};
pub use collector::{Collector, Exported};
pub use proxy::{APP_SECRET, Builder, Proxy, REFRESH, SECRET};
pub use redis::Redis;

/// The hash of [`SECRET`], made once in a test run.
pub fn secret_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| hash(SECRET))
}

/// The hash of a secret, as `forcefield hash-secret` makes it.
#[must_use]
pub fn hash(secret: &str) -> String {
    let salt = SaltString::encode_b64(b"forcefield tests").ok();
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default());
    let hash =
        salt.and_then(|salt| argon.hash_password(secret.as_bytes(), &salt).ok().map(|hash| hash.to_string()));
    hash.unwrap_or_default()
}
