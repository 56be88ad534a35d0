//! Who signs: the pair whose private half signs checkpoints and heads, and the public halves that an auditor trusts.
//!
//! In the files it is what every tool writes: PKCS #8 and SubjectPublicKeyInfo in PEM, as `openssl genpkey -algorithm
//! ed25519` and `openssl pkey -pubout` print them.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::key::KeyError;

/// The pair that signs.
pub(crate) struct Signer(Ed25519KeyPair);

/// The public halves of pairs whose signatures count: one, or several while or after the pair is exchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicKeys(Vec<[u8; LENGTH]>);

const LENGTH: usize = 32;
/// What stands before the 32 bytes of a public key in its DER form.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

// === impl Signer ===

impl Signer {
    pub(crate) fn from_seed(seed: &[u8]) -> Result<Self, KeyError> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|_| KeyError::Refused)
    }

    pub(crate) fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let blocks = blocks(text, "PRIVATE KEY").ok_or(KeyError::NoPrivateKey)?;
        let [der] = blocks.as_slice() else { return Err(KeyError::NoPrivateKey) };
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Self).map_err(|_| KeyError::NoPrivateKey)
    }

    pub(crate) fn public(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    /// Signs something of a kind: what is of one kind is never taken for another.
    pub(crate) fn sign(&self, kind: &str, message: &[u8]) -> Vec<u8> {
        self.0.sign(&[kind.as_bytes(), message].concat()).as_ref().to_vec()
    }
}

// === impl PublicKeys ===

impl PublicKeys {
    /// Reads one public key or more, as PEM blocks.
    ///
    /// # Errors
    /// There is none, or another kind of key.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let blocks = blocks(text, "PUBLIC KEY").filter(|blocks| !blocks.is_empty());
        let key = |der: &Zeroizing<Vec<u8>>| der.strip_prefix(SPKI.as_slice())?.try_into().ok();
        let keys: Option<Vec<_>> = blocks.ok_or(KeyError::NoPublicKey)?.iter().map(key).collect();
        keys.map(Self).ok_or(KeyError::NoPublicKey)
    }

    /// The keys as PEM blocks.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let block = |key: &[u8; LENGTH]| {
            let der = STANDARD.encode([SPKI.as_slice(), key].concat());
            format!("-----BEGIN PUBLIC KEY-----\n{der}\n-----END PUBLIC KEY-----\n")
        };
        self.0.iter().map(block).collect()
    }

    /// These, and others.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    pub(crate) fn of(signer: &Signer) -> Self {
        Self(signer.public().try_into().into_iter().collect())
    }

    /// Whether one of them has signed something of a kind.
    pub(crate) fn have_signed(&self, kind: &str, message: &[u8], signature: &[u8]) -> bool {
        let message = [kind.as_bytes(), message].concat();
        let signed = |key| UnparsedPublicKey::new(&ED25519, key).verify(&message, signature).is_ok();
        self.0.iter().any(signed)
    }
}

/// The contents of all PEM blocks with this label; `None` when one cannot be read.
fn blocks(text: &[u8], label: &str) -> Option<Vec<Zeroizing<Vec<u8>>>> {
    let text = std::str::from_utf8(text).ok()?;
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    let decoded = |block: &str| {
        let (base64, _) = block.split_once(end.as_str())?;
        let base64: Zeroizing<String> = Zeroizing::new(base64.split_whitespace().collect());
        STANDARD.decode(base64.as_bytes()).ok().map(Zeroizing::new)
    };
    text.split(begin.as_str()).skip(1).map(decoded).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `openssl genpkey -algorithm ed25519`, with its public half by `openssl pkey -pubout`.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIPk1JH9F12uv957dghEzLHs0BnTbdoJ6CXrnMfFyZXa2\n-----END PRIVATE KEY-----\n";
    const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAAlykRern9F93QofaU4e7tAXzIvracdiPWenWh6+gQUE=\n-----END PUBLIC KEY-----\n";

    #[test]
    fn keys_are_those_that_openssl_writes() {
        let public = PublicKeys::of(&Signer::from_pem(PRIVATE.as_bytes()).unwrap());
        assert_eq!(public.to_pem(), PUBLIC);
        assert_eq!(PublicKeys::from_pem(PUBLIC.as_bytes()).unwrap(), public);
    }

    #[test]
    fn what_is_no_key_of_the_kind_is_refused() {
        for text in ["", "x", PUBLIC, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            assert!(Signer::from_pem(text.as_bytes()).is_err(), "{text}");
        }
        for text in ["", "x", PRIVATE, "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"] {
            assert!(PublicKeys::from_pem(text.as_bytes()).is_err(), "{text}");
        }
        assert!(Signer::from_pem(PRIVATE.repeat(2).as_bytes()).is_err(), "which of the two");
    }

    #[test]
    fn any_of_several_keys_may_have_signed_and_no_other() {
        let (old, new) = (Signer::from_seed(&[1; 32]).unwrap(), Signer::from_seed(&[2; 32]).unwrap());
        let signature = old.sign("a\n", b"message");
        assert!(PublicKeys::of(&new).and(PublicKeys::of(&old)).have_signed("a\n", b"message", &signature));
        assert!(!PublicKeys::of(&new).have_signed("a\n", b"message", &signature));
        assert!(!PublicKeys::of(&old).have_signed("b\n", b"message", &signature));
        assert!(!PublicKeys::default().have_signed("a\n", b"message", &signature));
    }
}
