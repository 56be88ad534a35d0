//! The journal of sessions: a file of lines, each one token issued or revoked.
//!
//! Several processes may have it open, as while one hands its listeners over to the next; that is why it is not a
//! database, which would be locked by one of them. Lines are appended under a lock file; each process reads what the
//! others appended. A line that a crash cut off was never acknowledged: it is passed over. When most lines are of the
//! past, the file is written anew beside the old one and takes its place, which the others notice.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, TryLockError};

use forcefield_policy::names::IdentityName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::session::{Binding, Kind, Session};
use crate::certificate::hexadecimal;
use crate::token::TokenHash;

pub(super) struct Journal {
    path: PathBuf,
    lock: File,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    inode: u64,
    /// How far it was read.
    read: u64,
    lines: usize,
}

/// One line. Times are milliseconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Event {
    Issued {
        hash: String,
        kind: Kind,
        identity: String,
        org: Box<str>,
        family: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        client: Option<Box<str>>,
        binding: Binding,
        issued: i64,
        expires: i64,
    },
    Revoked {
        hash: String,
    },
    /// A line that is none.
    #[serde(skip)]
    Unreadable,
}

// === impl Journal ===

impl Journal {
    /// Opens the journal of a state folder, with all that is in it.
    pub(super) fn open(state: &Path) -> io::Result<(Self, Vec<Event>)> {
        fs::create_dir_all(state)?;
        let path = state.join("sessions.journal");
        let lock = private().create(true).append(true).open(state.join("sessions.lock"))?;
        lock.lock()?;
        let open = Open::new(&path).and_then(|mut open| Ok((open.news()?, open)));
        lock.unlock()?;
        let (events, open) = open?;
        Ok((Self { path, lock, open: Mutex::new(open) }, events))
    }

    /// Appends lines; they are on the disk when it returns, if that is asked for.
    pub(super) fn append(&self, events: &[Event], durable: bool) -> io::Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.lock.lock()?;
        let written = open.follow(&self.path).and_then(|()| open.append(events));
        let unlocked = self.lock.unlock();
        written?;
        if durable {
            open.file.sync_data()?;
        }
        unlocked
    }

    /// What other processes appended since the last call. Nothing while another thread is at the journal: what it
    /// writes is known already, and the next call finds the rest.
    pub(super) fn news(&self) -> io::Result<Vec<Event>> {
        let mut open = match self.open.try_lock() {
            Ok(open) => open,
            Err(TryLockError::Poisoned(open)) => open.into_inner(),
            Err(TryLockError::WouldBlock) => return Ok(Vec::new()),
        };
        open.follow(&self.path)?;
        open.news()
    }

    /// Writes the journal anew when most of its lines are of the past.
    pub(super) fn rewrite_if_long(&self, live: usize, events: impl FnOnce() -> Vec<Event>) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.lines < 10_000 || open.lines / 4 < live {
            return Ok(());
        }
        self.lock.lock()?;
        let rewritten = self.rewrite(&mut open, events);
        let unlocked = self.lock.unlock();
        rewritten.and(unlocked)
    }

    fn rewrite(&self, open: &mut Open, events: impl FnOnce() -> Vec<Event>) -> io::Result<()> {
        open.follow(&self.path)?;
        if open.file.metadata()?.len() > open.read {
            // Another process was faster; its lines are read first, and this is tried again later.
            return Ok(());
        }
        let fresh = self.path.with_extension("new");
        let mut file = private().create(true).write(true).truncate(true).open(&fresh)?;
        let events = events();
        file.write_all(&lines(&events)?)?;
        file.sync_all()?;
        fs::rename(&fresh, &self.path)?;
        *open = Open::new(&self.path)?;
        open.read = open.file.metadata()?.len();
        open.lines = events.len();
        Ok(())
    }
}

// === impl Open ===

impl Open {
    fn new(path: &Path) -> io::Result<Self> {
        let file = private().create(true).read(true).append(true).open(path)?;
        let inode = file.metadata()?.ino();
        Ok(Self { file, inode, read: 0, lines: 0 })
    }

    /// Opens the file anew when another process has replaced it; then all of it is news.
    fn follow(&mut self, path: &Path) -> io::Result<()> {
        match fs::metadata(path) {
            Ok(found) if found.ino() == self.inode => Ok(()),
            Ok(_) => Self::new(path).map(|open| *self = open),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::new(path).map(|open| *self = open),
            Err(error) => Err(error),
        }
    }

    fn append(&mut self, events: &[Event]) -> io::Result<()> {
        let end = self.file.metadata()?.len();
        let mut bytes = lines(events)?;
        if !self.ends_with_a_line(end)? {
            bytes.insert(0, b'\n');
        }
        self.file.write_all(&bytes)?;
        if end == self.read {
            // Nobody else wrote in between, so that there is nothing to read back.
            self.read += bytes.len() as u64;
            self.lines += events.len();
        }
        Ok(())
    }

    fn ends_with_a_line(&mut self, end: u64) -> io::Result<bool> {
        if end == 0 {
            return Ok(true);
        }
        let mut last = [0];
        self.file.seek(SeekFrom::Start(end - 1))?;
        self.file.read_exact(&mut last)?;
        Ok(last == *b"\n")
    }

    /// The whole lines that were not read yet.
    fn news(&mut self) -> io::Result<Vec<Event>> {
        if self.file.metadata()?.len() <= self.read {
            return Ok(Vec::new());
        }
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(self.read))?;
        self.file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(whole);
        self.read += whole as u64;
        let events: Vec<Event> =
            bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(Event::parse).collect();
        self.lines += events.len();
        Ok(events)
    }
}

// === impl Event ===

impl Event {
    pub(super) fn issued(hash: &TokenHash, session: &Session) -> Self {
        Self::Issued {
            hash: hexadecimal(&hash.0),
            kind: session.kind,
            identity: session.identity.as_str().to_owned(),
            org: session.org.clone(),
            family: session.family,
            client: session.client.clone(),
            binding: session.binding.clone(),
            issued: session.issued.as_millisecond(),
            expires: session.expires.as_millisecond(),
        }
    }

    pub(super) fn revoked(hash: &TokenHash) -> Self {
        Self::Revoked { hash: hexadecimal(&hash.0) }
    }

    pub(super) fn parse(line: &[u8]) -> Self {
        serde_json::from_slice(line).unwrap_or(Self::Unreadable)
    }

    pub(super) fn is_revoked(line: &str) -> bool {
        matches!(Self::parse(line.as_bytes()), Self::Revoked { .. })
    }

    /// Whose token it is about, with the session if it is a new one; `None` when it cannot be read.
    pub(super) fn read(self) -> Option<(TokenHash, Option<Session>)> {
        match self {
            Self::Issued { hash, kind, identity, org, family, client, binding, issued, expires } => {
                let identity = IdentityName::try_from(identity.as_str()).ok()?;
                let issued = Timestamp::from_millisecond(issued).ok()?;
                let expires = Timestamp::from_millisecond(expires).ok()?;
                let whose = (kind, identity, org);
                let session = Session::restored(whose, (family, client), binding, (issued, expires));
                Some((unhexadecimal(&hash)?, Some(session)))
            }
            Self::Revoked { hash } => Some((unhexadecimal(&hash)?, None)),
            Self::Unreadable => None,
        }
    }
}

fn lines(events: &[Event]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(events.len() * 256);
    for event in events {
        serde_json::to_writer(&mut bytes, event)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

fn unhexadecimal(text: &str) -> Option<TokenHash> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(TokenHash(hash))
}

/// Readable by the owner only: hashes are no tokens, but they say who calls from where.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}
