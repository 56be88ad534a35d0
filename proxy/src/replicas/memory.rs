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
    /// The last widening of the epoch's stream that was heard.
    #[serde(default)]
    widenings: Option<String>,
    /// Ends of break-glass grants that could not be told yet.
    #[serde(default)]
    untold_ends: Vec<String>,
}

impl Memory {
    pub(super) fn open(state: &Path) -> io::Result<Self> {
        let path = state.join("replica.json");
        let kept = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let name = Ulid::new().to_string();
                let (epoch, untold, untold_ends) = (String::new(), Vec::new(), Vec::new());
                Kept { name, epoch, restraints: None, untold, widenings: None, untold_ends }
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

    /// The last restraint and the last widening that were heard, as XREAD takes them.
    pub(super) fn heard_last(&self) -> (String, String) {
        let last = |heard: &Option<String>| heard.clone().unwrap_or_else(|| "0".to_owned());
        (last(&self.kept.restraints), last(&self.kept.widenings))
    }

    /// Notes that a widening was heard.
    pub(super) fn heard_widening(&mut self, id: String) -> io::Result<()> {
        self.kept.widenings = Some(id);
        self.write()
    }

    /// Keeps the end of a grant that could not be told.
    pub(super) fn keep_untold_end(&mut self, line: &str) -> io::Result<()> {
        self.kept.untold_ends.push(line.to_owned());
        self.write()
    }

    /// Notes the epoch of the store; gives whether it is another one, whose restraints are heard from the first.
    pub(super) fn enter(&mut self, epoch: &str) -> io::Result<bool> {
        if self.kept.epoch == epoch {
            return Ok(false);
        }
        epoch.clone_into(&mut self.kept.epoch);
        (self.kept.restraints, self.kept.widenings) = (None, None);
        self.write().map(|()| true)
    }

    /// Notes that a restraint was heard.
    pub(super) fn heard(&mut self, id: String) -> io::Result<()> {
        self.kept.restraints = Some(id);
        self.write()
    }

    /// Keeps restraints that could not be told.
    pub(super) fn keep_untold(&mut self, lines: &[String]) -> io::Result<()> {
        self.kept.untold.extend_from_slice(lines);
        self.write()
    }

    /// What could not be told yet: restraints, and ends of grants.
    pub(super) fn untold(&self) -> (Vec<String>, Vec<String>) {
        (self.kept.untold.clone(), self.kept.untold_ends.clone())
    }

    /// Notes that so many of them were told.
    pub(super) fn told(&mut self, (restraints, ends): (usize, usize)) -> io::Result<()> {
        if restraints + ends == 0 {
            return Ok(());
        }
        self.kept.untold.drain(..restraints.min(self.kept.untold.len()));
        self.kept.untold_ends.drain(..ends.min(self.kept.untold_ends.len()));
        self.write()
    }

    fn write(&self) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut file = std::fs::File::create(&fresh)?;
        file.write_all(&serde_json::to_vec(&self.kept)?)?;
        file.sync_data()?;
        std::fs::rename(fresh, &self.path)
    }
}
