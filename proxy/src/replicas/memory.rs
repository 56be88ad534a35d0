//! What a replica knows of the store over a restart: its own name there, the epoch, how far it has heard of restraints,
//! and what it could not tell yet. A small file in the state folder.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// The memory, and the file that keeps it.
pub(super) struct Memory {
    path: PathBuf,
    kept: Kept,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    /// This replica: the same for every process that has its state folder.
    name: String,
    #[serde(default)]
    epoch: String,
    /// The last restraint of the stream that was heard.
    #[serde(default)]
    restraints: Option<String>,
    /// Restraints that could not be told yet.
    #[serde(default)]
    untold: Vec<String>,
}

impl Memory {
    pub(super) fn open(state: &Path) -> io::Result<Self> {
        let path = state.join("replica.json");
        let kept = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let name = Ulid::new().to_string();
                Kept { name, epoch: String::new(), restraints: None, untold: Vec::new() }
            }
            Err(error) => return Err(error),
        };
        let memory = Self { path, kept };
        memory.write()?;
        Ok(memory)
    }

    pub(super) fn name(&self) -> &str {
        &self.kept.name
    }

    pub(super) fn epoch(&self) -> &str {
        &self.kept.epoch
    }

    /// The last restraint that was heard, as XREAD takes it.
    pub(super) fn restraints(&self) -> &str {
        self.kept.restraints.as_deref().unwrap_or("0")
    }

    /// Notes the epoch of the store; gives whether it is another one, whose restraints are heard from the first.
    pub(super) fn enter(&mut self, epoch: &str) -> io::Result<bool> {
        if self.kept.epoch == epoch {
            return Ok(false);
        }
        epoch.clone_into(&mut self.kept.epoch);
        self.kept.restraints = None;
        self.write().map(|()| true)
    }

    /// Notes that a restraint was heard.
    pub(super) fn heard(&mut self, id: String) -> io::Result<()> {
        self.kept.restraints = Some(id);
        self.write()
    }

    /// Keeps a restraint that could not be told.
    pub(super) fn keep_untold(&mut self, line: &str) -> io::Result<()> {
        self.kept.untold.push(line.to_owned());
        self.write()
    }

    /// What could not be told yet; it is told now.
    pub(super) fn take_untold(&mut self) -> io::Result<Vec<String>> {
        let untold = std::mem::take(&mut self.kept.untold);
        if !untold.is_empty() {
            self.write()?;
        }
        Ok(untold)
    }

    fn write(&self) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut file = std::fs::File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(&self.kept)?)?;
        file.sync_data()?;
        std::fs::rename(fresh, &self.path)
    }
}
