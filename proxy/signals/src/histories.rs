//! The histories of all integrations, and the files that keep them.
//!
//! One file an integration, written when something in it has changed: at most what happened since the last
//! [`Histories::save`] is lost with the process, and a history is no evidence: the record is.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use dashmap::DashMap;
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;

use crate::fact::Fact;
use crate::firing::Firing;
use crate::history::{History, Watching};

/// The histories of all integrations.
#[derive(Debug)]
pub struct Histories {
    folder: PathBuf,
    all: DashMap<IdentityName, Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    history: History,
    changed: bool,
}

// === impl Histories ===

impl Histories {
    /// Opens the histories that a state folder keeps of these integrations. Gives also those that cannot be read,
    /// which begin anew.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open<'a>(
        state: &Path,
        identities: impl Iterator<Item = &'a IdentityName>,
    ) -> io::Result<(Self, Vec<(IdentityName, io::Error)>)> {
        let histories = Self { folder: state.join("signals"), all: DashMap::new() };
        fs::create_dir_all(&histories.folder)?;
        let mut unreadable = Vec::new();
        for identity in identities {
            let history = match fs::read(histories.file(identity)) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => Err(error),
                Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            };
            match history {
                Ok(history) => drop(histories.all.insert(identity.clone(), Kept { history, changed: false })),
                Err(error) => unreadable.push((identity.clone(), error)),
            }
        }
        Ok((histories, unreadable))
    }

    /// Takes up what an integration did, and gives what the rules find in it.
    pub fn observe(&self, watching: Watching<'_>, fact: &Fact<'_>) -> Vec<Firing> {
        let observe = |kept: &mut Kept| {
            kept.changed = true;
            kept.history.observe(watching, fact)
        };
        match self.all.get_mut(watching.identity) {
            Some(mut kept) => observe(&mut kept),
            None => observe(&mut self.all.entry(watching.identity.clone()).or_default()),
        }
    }

    /// Looks at the time that has passed for an integration.
    pub fn look(&self, watching: Watching<'_>, now: Timestamp) -> Option<Firing> {
        let mut kept = self.all.get_mut(watching.identity)?;
        let firing = kept.history.look(watching, now);
        kept.changed |= firing.is_some();
        firing
    }

    /// Writes down what has changed. Files are replaced whole.
    ///
    /// # Errors
    /// The first that cannot be written; the others are, and it is tried again the next time.
    pub fn save(&self) -> io::Result<()> {
        let mut outcome = Ok(());
        let changed: Vec<IdentityName> =
            self.all.iter().filter(|kept| kept.changed).map(|kept| kept.key().clone()).collect();
        for identity in changed {
            let Some(mut kept) = self.all.get_mut(&identity) else { continue };
            let text = serde_json::to_vec(&kept.history);
            kept.changed = false;
            drop(kept); // nobody waits for the disk
            let written = text.map_err(io::Error::from).and_then(|text| self.write(&identity, &text));
            if let Err(error) = written {
                if let Some(mut kept) = self.all.get_mut(&identity) {
                    kept.changed = true;
                }
                outcome = outcome.and(Err(error));
            }
        }
        outcome
    }

    fn write(&self, identity: &IdentityName, text: &[u8]) -> io::Result<()> {
        let file = self.file(identity);
        let next = file.with_extension("next");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(&next)?.write_all(text)?;
        fs::rename(next, file)
    }

    fn file(&self, identity: &IdentityName) -> PathBuf {
        self.folder.join(format!("{}.json", identity.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use forcefield_config::config::Signals;
    use ulid::Ulid;

    use super::*;
    use crate::fact::{Asked, Looks, What};

    #[test]
    fn histories_survive_and_what_cannot_be_read_begins_anew() {
        let state = tempfile::tempdir().unwrap();
        let (nightly, broken) =
            (IdentityName::try_from("nightly").unwrap(), IdentityName::try_from("broken").unwrap());
        let open = || Histories::open(state.path(), [&nightly, &broken].into_iter()).unwrap();
        let (histories, unreadable) = open();
        assert!(unreadable.is_empty());
        let asked = Asked {
            granted: true,
            client: Some("python-requests/2.32"),
            version: None,
            source: None,
            looks: Looks::default(),
            objects: &[],
        };
        let fact = Fact { at: Timestamp::UNIX_EPOCH, decision: Ulid::from(7_u128), what: What::Asked(asked) };
        let rules = Signals::default();
        let watching = Watching { identity: &nightly, rules: &rules, held: &|_| false };
        assert_eq!(histories.observe(watching, &fact), []);
        histories.save().unwrap();
        std::fs::write(state.path().join("signals/broken.json"), "{").unwrap();
        let (again, unreadable) = open();
        assert_eq!(again.all.get(&nightly).unwrap().history, histories.all.get(&nightly).unwrap().history);
        assert_eq!(unreadable.iter().map(|(identity, _)| identity.as_str()).collect::<Vec<_>>(), ["broken"]);
    }
}
