//! The refresh token of a single replica: in its state folder.
//!
//! One small file per identity, readable by its owner only: a line with the SHA-256 of the configured refresh token, so
//! that a token written anew into the configuration takes over, and a line with the newest token. A lock file beside it
//! keeps a second process, as there is while one hands over to the next, from spending the same token.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use forcefield_policy::names::IdentityName;
use zeroize::Zeroizing;

use super::doubts::Doubts;
use super::file::{private, write};
use crate::secret::Secret;

/// Where the newest refresh token of an identity is kept.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    path: PathBuf,
}

/// The right to spend the refresh token, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    path: PathBuf,
    _lock: File,
}

// === impl Own ===

impl Own {
    pub(crate) fn new(state: &Path, identity: &IdentityName) -> Self {
        Self { path: state.join("refresh").join(identity.as_str()) }
    }

    /// Waits until no other process is spending the token.
    pub(crate) fn turn(&self) -> io::Result<Turn> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let lock =
            private(OpenOptions::new().create(true).append(true)).open(self.path.with_extension("lock"))?;
        lock.lock()?;
        Ok(Turn { path: self.path.clone(), _lock: lock })
    }
}

// === impl Turn ===

impl Turn {
    /// The newest token that grew out of the configured one of this [`mark`](super::mark); `None` when it was never
    /// rotated.
    pub(crate) fn newest(&self, configured: &str) -> io::Result<Option<Secret>> {
        let kept = match fs::read(&self.path) {
            Ok(bytes) => Secret::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let lines = kept.expose_text().and_then(|text| text.split_once('\n'));
        Ok(match lines {
            Some((from, token)) if from == configured && !token.is_empty() => {
                Some(Secret::new(token.as_bytes().to_vec()))
            }
            _ => None,
        })
    }

    /// What is known of the tokens that were sent.
    pub(super) fn doubts(&self) -> Doubts {
        Doubts::beside(&self.path)
    }

    /// Keeps a token. It is on disk, and found by [`Self::newest`] whatever happens, when this returns.
    pub(crate) fn keep(&self, configured: &str, token: &[u8]) -> io::Result<()> {
        let mut text = Zeroizing::new(Vec::with_capacity(configured.len() + 1 + token.len()));
        text.extend_from_slice(configured.as_bytes());
        text.push(b'\n');
        text.extend_from_slice(token);
        write(&self.path, &text)
    }
}
