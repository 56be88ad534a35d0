//! Refresh tokens sealed for a store that must not read them: AES-256-GCM under a key that only the replicas have.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::secret::Secret;

/// Seals and opens.
pub struct Seal {
    current: Key,
    other: Option<Key>,
}

struct Key {
    id: String,
    key: RandomizedNonceKey,
}

/// Bytes that are no key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// Too short.
    #[error("the key has {0} bytes; give at least 32 random ones, such as `openssl rand -hex 32` prints")]
    Short(usize),
    /// The cryptographic library refuses.
    #[error("the key cannot be used")]
    Refused,
}

/// What does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unopened {
    /// It was sealed with a key that this replica does not have.
    OtherKey,
    /// It is not what was sealed, or not about this.
    Broken,
}

// === impl Seal ===

impl Seal {
    /// Seals with one key, and opens with another one too: that before or that after it.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub fn new(current: &Secret, other: Option<&Secret>) -> Result<Self, KeyError> {
        Ok(Self { current: Key::new(current)?, other: other.map(Key::new).transpose()? })
    }

    /// A token for this purpose only: the id of the key, and the sealed text.
    pub(super) fn seal(&self, about: &str, token: &Secret) -> Option<(String, String)> {
        let mut text = Zeroizing::new(Vec::with_capacity(token.expose().len() + 2 * NONCE_LEN + TAG));
        text.extend_from_slice(token.expose());
        let nonce = self.current.key.seal_in_place_append_tag(Aad::from(about), &mut *text).ok()?;
        text.extend_from_slice(nonce.as_ref());
        Some((self.current.id.clone(), STANDARD_NO_PAD.encode(&*text)))
    }

    pub(super) fn open(&self, about: &str, (key, sealed): (&str, &str)) -> Result<Secret, Unopened> {
        let mut keys = std::iter::once(&self.current).chain(&self.other);
        let key = keys.find(|known| known.id == key).ok_or(Unopened::OtherKey)?;
        let mut bytes = Zeroizing::new(STANDARD_NO_PAD.decode(sealed).map_err(|_| Unopened::Broken)?);
        let length = bytes.len().checked_sub(NONCE_LEN).ok_or(Unopened::Broken)?;
        let (text, nonce) = bytes.split_at_mut_checked(length).ok_or(Unopened::Broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unopened::Broken)?;
        let opened = key.key.open_in_place(nonce, Aad::from(about), text).map_err(|_| Unopened::Broken)?;
        Ok(Secret::new(opened.to_vec()))
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(redacted)")
    }
}

// === impl Key ===

impl Key {
    /// Derived from a secret of any form, so that nothing else has the same key.
    fn new(secret: &Secret) -> Result<Self, KeyError> {
        let length = secret.expose().len();
        if length < SHORTEST {
            return Err(KeyError::Short(length));
        }
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let derived = |purpose: &str| Zeroizing::new(hmac::sign(&root, purpose.as_bytes()).as_ref().to_vec());
        let id = derived("forcefield refresh tokens 1: id");
        let key = RandomizedNonceKey::new(&AES_256_GCM, &derived("forcefield refresh tokens 1: key"));
        Ok(Self {
            id: id.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
            key: key.map_err(|_| KeyError::Refused)?,
        })
    }
}

const SHORTEST: usize = 32;
const TAG: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    fn key(letter: &str) -> Secret {
        secret(&letter.repeat(SHORTEST))
    }

    #[test]
    fn what_is_sealed_opens_with_its_key_for_its_purpose_only() {
        let (one, two) = (Seal::new(&key("a"), None).unwrap(), Seal::new(&key("b"), None).unwrap());
        let (id, sealed) = one.seal("billing", &secret("5Aep.token")).unwrap();
        assert!(!sealed.contains("5Aep"));
        assert_eq!(one.open("billing", (&id, &sealed)).unwrap().expose(), b"5Aep.token");
        assert_eq!(one.open("other", (&id, &sealed)).unwrap_err(), Unopened::Broken);
        assert_eq!(two.open("billing", (&id, &sealed)).unwrap_err(), Unopened::OtherKey);
        let forged = sealed.replacen(|_: char| true, "_", 1);
        for text in ["", "AA", &forged, &sealed.to_lowercase()] {
            assert_eq!(one.open("billing", (&id, text)).unwrap_err(), Unopened::Broken, "{text}");
        }
    }

    #[test]
    fn keys_are_changed_by_way_of_the_other_one() {
        let before = Seal::new(&key("a"), Some(&key("b"))).unwrap();
        let after = Seal::new(&key("b"), Some(&key("a"))).unwrap();
        for (sealing, opening) in [(&before, &after), (&after, &before)] {
            let (id, sealed) = sealing.seal("billing", &secret("5Aep.token")).unwrap();
            assert!(opening.open("billing", (&id, &sealed)).is_ok());
        }
    }

    #[test]
    fn a_short_key_is_none() {
        assert!(matches!(Seal::new(&secret("hunter2"), None), Err(KeyError::Short(7))));
    }
}
