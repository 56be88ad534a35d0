//! The key of the chain, and what is derived from it: the key of the hashes and, unless there is one of its own, the pair
//! that signs checkpoints.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::{digest, hmac};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::line::Hash;
use crate::signer::{PublicKeys, Signer};

/// The key of the chain.
pub struct AuditKey {
    chain: hmac::Key,
    signing: Signer,
}

/// Bytes that are no key.
#[derive(Debug, Error)]
pub enum KeyError {
    /// Too short.
    #[error(
        "the audit key has {0} bytes; give at least 32 random ones, such as `openssl rand -hex 32` prints"
    )]
    Short(usize),
    /// No private key that can sign.
    #[error(
        "the signing key is no Ed25519 private key in PEM; `openssl genpkey -algorithm ed25519` prints one"
    )]
    NoPrivateKey,
    /// No public key.
    #[error(
        "no Ed25519 public key in PEM, which begins with `-----BEGIN PUBLIC KEY-----`; `forcefield audit public-key` prints it"
    )]
    NoPublicKey,
    /// The cryptographic library refuses.
    #[error("the audit key cannot be used")]
    Refused,
    /// The key made at the first start cannot be read or written.
    #[error("the audit key in `{path}` cannot be read or written")]
    File {
        /// Where it is.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The shortest key.
const SHORTEST: usize = 32;

// === impl AuditKey ===

impl AuditKey {
    /// Derives everything from a secret of at least 32 bytes. One line feed after it does not count.
    ///
    /// # Errors
    /// [`KeyError::Short`].
    pub fn new(secret: &[u8]) -> Result<Self, KeyError> {
        let secret = secret.strip_suffix(b"\n").filter(|secret| secret.len() >= SHORTEST).unwrap_or(secret);
        if secret.len() < SHORTEST {
            return Err(KeyError::Short(secret.len()));
        }
        let root = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derive = |purpose: &str| hmac::sign(&root, purpose.as_bytes());
        let chain = hmac::Key::new(hmac::HMAC_SHA256, derive("forcefield audit chain 1").as_ref());
        let signing = Signer::from_seed(derive("forcefield audit checkpoints 1").as_ref())?;
        Ok(Self { chain, signing })
    }

    /// Has checkpoints signed by a key of its own, in PEM: who knows the key of the chain cannot sign then.
    ///
    /// # Errors
    /// [`KeyError::NoPrivateKey`].
    pub fn signed_by(self, private_key: &[u8]) -> Result<Self, KeyError> {
        Ok(Self { signing: Signer::from_pem(private_key)?, ..self })
    }

    /// The key in a file, made at random when there is none.
    ///
    /// For a configuration without a key: it finds accidents, and edits by those who cannot read this file. Against
    /// somebody who has the whole disk only a key kept elsewhere helps.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds no key.
    pub fn kept_in(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| KeyError::File { path: path.display().to_string(), source };
        let mut secret = Zeroizing::new(Vec::new());
        match OpenOptions::new().read(true).open(path) {
            Ok(mut file) => drop(file.read_to_end(&mut secret).map_err(failed)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut random = Zeroizing::new([0_u8; SHORTEST]);
                SystemRandom::new().fill(&mut *random).map_err(|_| KeyError::Refused)?;
                random.iter().for_each(|byte| secret.extend_from_slice(format!("{byte:02x}").as_bytes()));
                let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path);
                let mut file = file.map_err(failed)?;
                file.write_all(&secret).and_then(|()| file.sync_all()).map_err(failed)?;
            }
            Err(error) => return Err(failed(error)),
        }
        Self::new(&secret)
    }

    /// The public half of the pair that signs checkpoints.
    #[must_use]
    pub fn public(&self) -> PublicKeys {
        PublicKeys::of(&self.signing)
    }

    /// The hash of the chain before the first line of a run.
    pub(crate) fn genesis(&self, run: &str) -> Hash {
        self.hash(&[b"forcefield audit run 1\n", run.as_bytes()])
    }

    /// The hash after a line, from the hash before it.
    pub(crate) fn after(&self, before: &Hash, text: &[u8]) -> Hash {
        self.hash(&[before.as_ref(), text])
    }

    /// The seal of a head.
    pub(crate) fn head(&self, run: &str, text: &[u8]) -> Hash {
        self.hash(&[b"forcefield audit head 1\n", run.as_bytes(), b"\n", text])
    }

    pub(crate) fn signer(&self) -> &Signer {
        &self.signing
    }

    fn hash(&self, parts: &[&[u8]]) -> Hash {
        let mut context = hmac::Context::with_key(&self.chain);
        parts.iter().for_each(|part| context.update(part));
        let mut hash = [0; digest::SHA256_OUTPUT_LEN];
        hash.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        Hash(hash)
    }
}

impl fmt::Debug for AuditKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuditKey(redacted)")
    }
}
