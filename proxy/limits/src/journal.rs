//! The journal of what was spent: appended with `write(2)` before the bytes that it counts go on, so that a process
//! that is killed forgets nothing; folded into the store, and so to the disk, every second.
//!
//! A line holds the sums of the newest buckets, not what was added: it may be read twice, and late. There are two
//! files per process, written in turn: what is in the store is cut off only after the next fold began. A lock on the
//! first file says that its process lives.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use forcefield_policy::names::IdentityName;
use serde::{Deserialize, Serialize};

use crate::account::{Books, Purse, Sums};

/// The journal of this process.
#[derive(Debug)]
pub(crate) struct Journal {
    files: Mutex<Files>,
    lane: String,
}

#[derive(Debug)]
struct Files {
    current: File,
    other: File,
}

/// The journal of another process.
#[derive(Debug)]
pub(crate) enum Found {
    /// It still runs.
    Alive,
    /// It has ended; nobody else takes it over while this value lives.
    Dead(Box<Ended>),
}

/// What a process that has ended left.
#[derive(Debug)]
pub(crate) struct Ended {
    /// By identity.
    pub(crate) lines: Vec<(IdentityName, Line)>,
    paths: [PathBuf; 2],
    _lock: File,
}

/// One line: the newest buckets of one identity.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    rows: Newest,
    bytes: Newest,
    #[serde(default)]
    calls: Newest,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    exports: BTreeMap<String, Newest>,
}

/// The two newest buckets of each window of a purse: the number of the newest, its sum, and the sum before it, since
/// a line may be written just after a bucket ended.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Newest {
    hour: (u64, u64, u64),
    day: (u64, u64, u64),
}

// === impl Journal ===

impl Journal {
    /// Begins the journal of the process called `lane`.
    pub(crate) fn create(folder: &Path, lane: String) -> io::Result<Self> {
        let open = |path: PathBuf| OpenOptions::new().create_new(true).read(true).append(true).open(path);
        let [first, second] = paths(folder, &lane);
        let current = open(first)?;
        current.lock()?;
        Ok(Self { files: Mutex::new(Files { current, other: open(second)? }), lane })
    }

    /// The name of this process among those that share the folder.
    pub(crate) fn lane(&self) -> &str {
        &self.lane
    }

    /// Writes down what the books hold, so that it survives the end of this process.
    pub(crate) fn append(&self, identity: &IdentityName, books: &mut Books) -> io::Result<()> {
        let mut text = serde_json::to_vec(&(identity.as_str(), Line::of(&books.own)))?;
        text.push(b'\n');
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        (&files.current).write_all(&text)?;
        books.unwritten = Default::default();
        Ok(())
    }

    /// Begins a fold: what is appended from now on goes to the other file, whose lines the store holds already.
    pub(crate) fn turn(&self) -> io::Result<()> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.other.set_len(0)?;
        let files = &mut *files;
        std::mem::swap(&mut files.current, &mut files.other);
        Ok(())
    }
}

/// The other processes that share the folder: those that run, and those that have ended without clearing up, except
/// `known` ones.
pub(crate) fn others(folder: &Path, own: &str, known: &[&str]) -> io::Result<Vec<(String, Found)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let lane = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(FIRST));
        if let Some(lane) = lane.filter(|lane| *lane != own && !known.contains(lane)) {
            found.extend(look(folder, lane)?.map(|state| (lane.to_owned(), state)));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

fn look(folder: &Path, lane: &str) -> io::Result<Option<Found>> {
    let paths = paths(folder, lane);
    let [first, second] = &paths;
    let lock = match File::open(first) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(Some(Found::Alive)),
        Err(TryLockError::Error(error)) => return Err(error),
        Ok(()) => {}
    }
    if !first.exists() {
        return Ok(None);
    }
    let mut lines = read(first)?;
    lines.extend(read(second)?);
    Ok(Some(Found::Dead(Box::new(Ended { lines, paths, _lock: lock }))))
}

/// The whole lines of one file: the last one may be torn, and then counted nothing that went on.
fn read(path: &Path) -> io::Result<Vec<(IdentityName, Line)>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        file => file?,
    };
    let mut lines = Vec::new();
    for text in BufReader::new(file).split(b'\n') {
        let Ok((identity, line)) = serde_json::from_slice::<(String, Line)>(&text?) else { continue };
        lines.extend(IdentityName::try_from(identity.as_str()).ok().map(|identity| (identity, line)));
    }
    Ok(lines)
}

fn paths(folder: &Path, lane: &str) -> [PathBuf; 2] {
    [FIRST, SECOND].map(|end| folder.join(format!("{PREFIX}{lane}{end}")))
}

const PREFIX: &str = "spent-";
const FIRST: &str = ".1.journal";
const SECOND: &str = ".2.journal";

// === impl Ended ===

impl Ended {
    /// Clears up, once the store holds everything.
    pub(crate) fn remove(self) -> io::Result<()> {
        let [first, second] = &self.paths;
        for path in [second, first] {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

// === impl Line ===

impl Line {
    fn of(sums: &Sums) -> Self {
        let exports = sums.exports.iter().map(|(object, purse)| (object.clone(), Newest::of(purse)));
        Self {
            rows: Newest::of(&sums.rows),
            bytes: Newest::of(&sums.bytes),
            calls: Newest::of(&sums.calls),
            exports: exports.collect(),
        }
    }

    /// Brings sums up to this line.
    pub(crate) fn replay(&self, sums: &mut Sums) {
        self.rows.replay(&mut sums.rows);
        self.bytes.replay(&mut sums.bytes);
        self.calls.replay(&mut sums.calls);
        for (object, newest) in &self.exports {
            newest.replay(sums.exports.entry(object.clone()).or_default());
        }
    }
}

impl Newest {
    fn of(purse: &Purse) -> Self {
        Self { hour: purse.hour.newest(), day: purse.day.newest() }
    }

    fn replay(&self, purse: &mut Purse) {
        for (ring, (number, newest, before)) in [(&mut purse.hour, self.hour), (&mut purse.day, self.day)] {
            ring.at_least(number, newest);
            ring.at_least(number.saturating_sub(1), before);
        }
    }
}
