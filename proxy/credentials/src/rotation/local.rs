//! What this replica knows of a record in the shared store: how new it is at least, and one that could not be put there
//! yet. A small file per record in the state folder, without any token but sealed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use forcefield_policy::names::IdentityName;
use serde::{Deserialize, Serialize};

use super::file::write;
use super::store::Shelf;

/// The file.
#[derive(Clone, Debug)]
pub(super) struct Local {
    path: PathBuf,
}

/// What is in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) identity: String,
    pub(super) mark: String,
    /// The number of the newest record that this replica has seen or made.
    pub(super) generation: u64,
    /// One that it made, and does not know to be in the store.
    #[serde(default)]
    pub(super) undelivered: Option<Undelivered>,
}

/// A record, and the one that it takes the place of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Undelivered {
    pub(super) before: String,
    pub(super) after: String,
}

// === impl Local ===

impl Local {
    pub(super) fn new(state: &Path, shelf: &Shelf) -> Self {
        let short: String = shelf.mark.chars().take(16).collect();
        Self { path: folder(state).join(format!("{}.{short}.{EXTENSION}", shelf.identity)) }
    }

    pub(super) fn read(&self) -> io::Result<Option<Known>> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it down. It is on disk when this returns.
    pub(super) fn write(&self, known: &Known) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        write(&self.path, &serde_json::to_vec(known)?)
    }
}

/// Everything that is known, of all records.
pub(super) fn all(state: &Path) -> io::Result<Vec<(Shelf, Known)>> {
    let files = match fs::read_dir(folder(state)) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut all = Vec::new();
    for file in files {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION)
            && let Some(known) = (Local { path }).read()?
            && let Ok(identity) = IdentityName::try_from(known.identity.as_str())
        {
            all.push((Shelf { identity, mark: known.mark.clone() }, known));
        }
    }
    Ok(all)
}

fn folder(state: &Path) -> PathBuf {
    state.join("refresh")
}

const EXTENSION: &str = "shared";
