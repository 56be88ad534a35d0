//! The public keys of JWT issuers. Fetching them is someone else's business.
//!
//! Each key verifies one algorithm, the one that its JWK names or that its type stands for. So a token cannot choose:
//! `none`, HMAC under a public key, and RSA-PSS under an RS256 key all find no key.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512,
    RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dashmap::{DashMap, DashSet};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

/// The keys of all issuers, by their name in the configuration.
#[derive(Debug, Default)]
pub struct IssuerKeys {
    by_issuer: DashMap<String, KeySet>,
    /// Issuers of whom a token named a key that is not here.
    missed: DashSet<String>,
}

/// The keys of a JWK Set that can be used, at least one.
#[derive(Clone, Debug)]
pub struct KeySet(Arc<[IssuerKey]>);

/// A document that is not a JWK Set with a usable key in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidKeySet {
    /// Not a JWK Set.
    #[error("not a JWK Set (RFC 7517): an object with a list `keys`")]
    NotASet,
    /// Nothing to verify with.
    #[error(
        "no key of this JWK Set can be used; RSA of 2048 bits or more, P-256, P-384, P-521 and Ed25519 can, for signatures"
    )]
    NoKey,
    /// Too many to look through.
    #[error("this JWK Set has more than 100 keys")]
    TooMany,
}

/// A public key, with the one algorithm that it verifies.
pub(crate) struct IssuerKey {
    id: Option<Box<str>>,
    algorithm: Algorithm,
    material: Material,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

enum Material {
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    Point(Vec<u8>),
}

#[derive(Deserialize)]
struct RawSet {
    keys: Vec<Value>,
}

/// A JWK (RFC 7517, 7518, 8037). Members that do not matter here are not an error.
#[derive(Deserialize)]
struct RawKey {
    kty: String,
    kid: Option<Box<str>>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

// === impl IssuerKeys ===

impl IssuerKeys {
    /// Replaces the keys of an issuer by those of a JWK Set, and gives their number.
    ///
    /// # Errors
    /// A document without a usable key: the keys stay as they were.
    pub fn replace(&self, issuer: &str, jwks: &[u8]) -> Result<usize, InvalidKeySet> {
        let keys = KeySet::read(jwks)?;
        let count = keys.0.len();
        self.put(issuer, keys);
        Ok(count)
    }

    /// Replaces the keys of an issuer.
    pub fn put(&self, issuer: &str, keys: KeySet) {
        self.by_issuer.insert(issuer.to_owned(), keys);
    }

    /// Forgets the keys of an issuer: because it is gone, or because they could not be renewed for too long.
    pub fn remove(&self, issuer: &str) {
        self.by_issuer.remove(issuer);
    }

    /// How many keys there are of an issuer.
    #[must_use]
    pub fn count(&self, issuer: &str) -> usize {
        self.by_issuer.get(issuer).map_or(0, |keys| keys.0.len())
    }

    /// The issuers of whom a token named a key that was not here, since this was last asked: they may have a new one.
    #[must_use]
    pub fn take_missed(&self) -> Vec<String> {
        let missed: Vec<String> = self.missed.iter().map(|issuer| issuer.clone()).collect();
        missed.into_iter().filter_map(|issuer| self.missed.remove(&issuer)).collect()
    }

    /// Notes that a token of a configured issuer named a key that is not here.
    pub(crate) fn miss(&self, issuer: &str) {
        if !self.missed.contains(issuer) {
            self.missed.insert(issuer.to_owned());
        }
    }

    pub(crate) fn of(&self, issuer: &str) -> Option<Arc<[IssuerKey]>> {
        self.by_issuer.get(issuer).map(|keys| Arc::clone(&keys.0))
    }
}

// === impl KeySet ===

impl KeySet {
    /// Reads a JWK Set. Keys in it that cannot be used are passed over.
    ///
    /// # Errors
    /// A document without a usable key.
    pub fn read(jwks: &[u8]) -> Result<Self, InvalidKeySet> {
        let set: RawSet = serde_json::from_slice(jwks).map_err(|_| InvalidKeySet::NotASet)?;
        if set.keys.len() > MOST {
            return Err(InvalidKeySet::TooMany);
        }
        let keys: Arc<[IssuerKey]> = set.keys.into_iter().filter_map(IssuerKey::read).collect();
        if keys.is_empty() { Err(InvalidKeySet::NoKey) } else { Ok(Self(keys)) }
    }
}

// === impl IssuerKey ===

impl IssuerKey {
    fn read(value: Value) -> Option<Self> {
        let raw: RawKey = serde_json::from_value(value).ok()?;
        if raw.usage.as_deref().is_some_and(|usage| usage != "sig" && usage != "jwt-svid") {
            return None;
        }
        let usual = match (raw.kty.as_str(), raw.crv.as_deref()) {
            ("RSA", _) => Algorithm::Rs256,
            ("EC", Some("P-256")) => Algorithm::Es256,
            ("EC", Some("P-384")) => Algorithm::Es384,
            ("EC", Some("P-521")) => Algorithm::Es512,
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            _ => return None,
        };
        let algorithm = match raw.alg.as_deref() {
            Some(name) => Algorithm::read(name)?,
            None => usual,
        };
        if algorithm.is_rsa() != usual.is_rsa() || (!usual.is_rsa() && algorithm != usual) {
            return None;
        }
        Some(Self { id: raw.kid.clone(), algorithm, material: Material::read(&raw, usual)? })
    }

    /// Whether a token with this header may be signed with this key.
    pub(crate) fn fits(&self, algorithm: &str, id: Option<&str>) -> bool {
        let is_named = id.is_none() || id == self.id.as_deref();
        is_named && Algorithm::read(algorithm) == Some(self.algorithm)
    }

    /// Whether it signed the message.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let rsa = match self.algorithm {
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
            Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
            Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
            Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
            Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
            Algorithm::Es256 => return self.point(&ECDSA_P256_SHA256_FIXED, message, signature),
            Algorithm::Es384 => return self.point(&ECDSA_P384_SHA384_FIXED, message, signature),
            Algorithm::Es512 => return self.point(&ECDSA_P521_SHA512_FIXED, message, signature),
            Algorithm::EdDsa => return self.point(&ED25519, message, signature),
        };
        match &self.material {
            Material::Rsa { modulus, exponent } => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(rsa, message, signature).is_ok()
            }
            Material::Point(_) => false,
        }
    }

    fn point(
        &self,
        algorithm: &'static dyn aws_lc_rs::signature::VerificationAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        match &self.material {
            Material::Point(point) => {
                UnparsedPublicKey::new(algorithm, point).verify(message, signature).is_ok()
            }
            Material::Rsa { .. } => false,
        }
    }
}

impl fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerKey({:?}, {:?})", self.id, self.algorithm)
    }
}

impl Material {
    fn read(raw: &RawKey, algorithm: Algorithm) -> Option<Self> {
        let member = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let point = |length: usize| {
            let (x, y) = (member(&raw.x)?, member(&raw.y)?);
            (x.len() == length && y.len() == length).then(|| Self::Point([&[4][..], &x, &y].concat()))
        };
        match algorithm {
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => {
                let (modulus, exponent) = (member(&raw.n)?, member(&raw.e)?);
                let modulus: Vec<u8> = modulus.into_iter().skip_while(|byte| *byte == 0).collect();
                (modulus.len() >= 256).then_some(Self::Rsa { modulus, exponent })
            }
            Algorithm::Es256 => point(32),
            Algorithm::Es384 => point(48),
            Algorithm::Es512 => point(66),
            Algorithm::EdDsa => member(&raw.x).filter(|x| x.len() == 32).map(Self::Point),
        }
    }
}

impl Algorithm {
    /// The algorithm of this name (RFC 7518, 8037); `None` for all that are not taken.
    fn read(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "EdDSA" => Self::EdDsa,
            _ => return None,
        })
    }

    fn is_rsa(self) -> bool {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => true,
            Self::Es256 | Self::Es384 | Self::Es512 | Self::EdDsa => false,
        }
    }
}

const MOST: usize = 100;
