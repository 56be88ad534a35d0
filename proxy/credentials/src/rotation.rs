//! Refresh tokens that the org rotates: the newest one is on disk before anything else happens, since the one before
//! it is dead.
//!
//! One small file per identity in the state folder, readable by its owner only: a line with the SHA-256 of the
//! configured refresh token, so that a token written anew into the configuration takes over, and a line with the
//! newest token. A lock file beside it keeps a second process, as there is while one hands over to the next, from
//! spending the same token.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use forcefield_policy::names::IdentityName;

use crate::secret::Secret;

/// Where the newest refresh token of an identity is kept.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    path: PathBuf,
}

/// The right to spend the refresh token, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    path: PathBuf,
    _lock: File,
}

// === impl Rotation ===

impl Rotation {
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
    /// The newest token that grew out of the configured one of this [`mark`]; `None` when it was never rotated.
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

    /// Keeps a token. It is on disk, and found by [`Self::newest`] whatever happens, when this returns.
    pub(crate) fn keep(&self, configured: &str, token: &[u8]) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut file = private(OpenOptions::new().create(true).write(true).truncate(true)).open(&fresh)?;
        file.write_all(configured.as_bytes())?;
        file.write_all(b"\n")?;
        file.write_all(token)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        match self.path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}

/// Tells which configured refresh token a rotated one grew out of, without holding it.
pub(crate) fn mark(configured: &Secret) -> String {
    digest(&SHA256, configured.expose()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}
