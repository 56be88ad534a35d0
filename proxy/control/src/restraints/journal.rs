//! The journal of restraints: a file of lines, each one put on or a lifting of all of an identity's.
//!
//! Appended under a lock file, since two processes have it open while one hands over to the next, and on the disk when
//! a responder gets the answer. What a crash left of a line was never acknowledged: the next writer takes it off. A
//! whole line that cannot be read is an error, for it may have been a quarantine. It is never rewritten: people write
//! it, by hand.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use forcefield_config::config::{Budget, Rate, Window};
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Change, Effect, Restraint};

pub(super) struct Journal {
    lock: File,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    /// How far it was read.
    read: u64,
}

/// One line. Times are milliseconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Event {
    PutOn {
        identity: String,
        effect: Kind,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        requests: Option<(std::num::NonZeroU32, u64)>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        rows: Option<(std::num::NonZeroU64, Per)>,
        by: String,
        reason: String,
        since: i64,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<i64>,
    },
    Lifted {
        identity: String,
        by: String,
        at: i64,
    },
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Throttle,
    Quarantine,
    Kill,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Per {
    Hour,
    Day,
}

// === impl Journal ===

impl Journal {
    pub(super) fn open(state: &Path) -> io::Result<(Self, Vec<Change>)> {
        fs::create_dir_all(state)?;
        let lock = private().create(true).append(true).open(state.join("restraints.lock"))?;
        let file = private().create(true).read(true).append(true).open(state.join("restraints.journal"))?;
        // The file itself must be found again after a crash, not only what is in it.
        File::open(state)?.sync_all()?;
        let journal = Self { lock, open: Mutex::new(Open { file, read: 0 }) };
        let changes = journal.news()?;
        Ok((journal, changes))
    }

    /// Appends a line; it is on the disk when this returns.
    pub(super) fn append(&self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.lock.lock()?;
        let written = open.append(&line);
        let unlocked = self.lock.unlock();
        written.and(unlocked)
    }

    /// What other processes appended since the last look.
    pub(super) fn news(&self) -> io::Result<Vec<Change>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.news()
    }
}

impl Open {
    fn append(&mut self, line: &[u8]) -> io::Result<()> {
        let mut end = self.file.metadata()?.len();
        let mut rest = Vec::new();
        self.file.seek(SeekFrom::Start(self.read))?;
        (&mut self.file).take(LONGEST_NEWS).read_to_end(&mut rest)?;
        if rest.last().is_some_and(|last| *last != b'\n') {
            end = self.read + whole(&rest);
            self.file.set_len(end)?;
        }
        if let Err(error) = self.file.write_all(line).and_then(|()| self.file.sync_data()) {
            // Half a line must not become the start of the next.
            let _ = self.file.set_len(end);
            return Err(error);
        }
        if end == self.read {
            // Nobody else wrote in between, so that there is nothing to read back.
            self.read += line.len() as u64;
        }
        Ok(())
    }

    fn news(&mut self) -> io::Result<Vec<Change>> {
        if self.file.metadata()?.len() <= self.read {
            return Ok(Vec::new());
        }
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(self.read))?;
        (&mut self.file).take(LONGEST_NEWS).read_to_end(&mut bytes)?;
        let whole = whole(&bytes);
        bytes.truncate(usize::try_from(whole).unwrap_or(usize::MAX));
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let changes = lines.map(Event::read).collect::<Option<Vec<Change>>>();
        let changes = changes.ok_or_else(|| {
            let what = "a line of `restraints.journal` cannot be read, and may be a quarantine: mend the line or remove it";
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        self.read += whole;
        Ok(changes)
    }
}

/// How many bytes of it are whole lines.
fn whole(bytes: &[u8]) -> u64 {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1)
}

// === impl Event ===

impl Event {
    pub(super) fn put_on(restraint: &Restraint) -> Self {
        let (effect, requests, rows) = match restraint.effect {
            Effect::Quarantine => (Kind::Quarantine, None, None),
            Effect::Kill => (Kind::Kill, None, None),
            Effect::Throttle { requests, rows } => (Kind::Throttle, requests, rows),
        };
        let per = |window| if window == Window::Hour { Per::Hour } else { Per::Day };
        Self::PutOn {
            identity: restraint.identity.as_str().to_owned(),
            effect,
            requests: requests.map(|rate| (rate.requests, rate.per.as_secs())),
            rows: rows.map(|rows| (rows.amount, per(rows.window))),
            by: restraint.by.clone(),
            reason: restraint.reason.clone(),
            since: restraint.since.as_millisecond(),
            until: restraint.until.map(Timestamp::as_millisecond),
        }
    }

    pub(super) fn lifted(identity: &IdentityName, by: &str, at: Timestamp) -> Self {
        let identity = identity.as_str().to_owned();
        Self::Lifted { identity, by: by.to_owned(), at: at.as_millisecond() }
    }

    fn read(line: &[u8]) -> Option<Change> {
        let name = |identity: String| IdentityName::try_from(identity.as_str()).ok();
        let event = match serde_json::from_slice(line).ok()? {
            Self::Lifted { identity, .. } => return Some(Change::Lifted(name(identity)?)),
            event @ Self::PutOn { .. } => event,
        };
        let Self::PutOn { identity, effect, requests, rows, by, reason, since, until } = event else {
            return None;
        };
        let window = |per| if matches!(per, Per::Hour) { Window::Hour } else { Window::Day };
        let effect = match effect {
            Kind::Quarantine => Effect::Quarantine,
            Kind::Kill => Effect::Kill,
            Kind::Throttle => Effect::Throttle {
                requests: requests
                    .map(|(requests, per)| Rate { requests, per: Duration::from_secs(per.max(1)) }),
                rows: rows.map(|(amount, per)| Budget { amount, window: window(per) }),
            },
        };
        let until = match until {
            None => None,
            Some(until) => Some(Timestamp::from_millisecond(until).ok()?),
        };
        let since = Timestamp::from_millisecond(since).ok()?;
        Some(Change::PutOn(Restraint { identity: name(identity)?, effect, by, reason, since, until }))
    }
}

/// Readable by the owner only: reasons are not for everybody.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// More than people write.
const LONGEST_NEWS: u64 = 256 << 20;
