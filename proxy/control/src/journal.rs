//! A journal of what people ordered: a file of lines in the state folder.
//!
//! Appended under a lock file, since two processes have it open while one hands over to the next, and on the disk when
//! a responder gets the answer. What a crash left of a line was never acknowledged: the next writer takes it off. A
//! whole line that cannot be read is an error, for it may have narrowed something. It is never rewritten: people write
//! it, by hand.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;

pub(crate) struct Journal {
    name: &'static str,
    lock: File,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    /// How far it was read.
    read: u64,
}

// === impl Journal ===

impl Journal {
    /// Opens `NAME.journal` of a state folder, to be read from its start.
    pub(crate) fn open(state: &Path, name: &'static str) -> io::Result<Self> {
        fs::create_dir_all(state)?;
        let at = |end: &str| state.join(format!("{name}.{end}"));
        let lock = private().create(true).append(true).open(at("lock"))?;
        let file = private().create(true).read(true).append(true).open(at("journal"))?;
        // The file itself must be found again after a crash, not only what is in it.
        File::open(state)?.sync_all()?;
        Ok(Self { name, lock, open: Mutex::new(Open { file, read: 0 }) })
    }

    /// Appends a line; it is on the disk when this returns.
    pub(crate) fn append(&self, event: &impl Serialize) -> io::Result<()> {
        self.append_all(std::slice::from_ref(event))
    }

    /// Appends lines with one write; all are on the disk when this returns.
    pub(crate) fn append_all(&self, events: &[impl Serialize]) -> io::Result<()> {
        let mut lines = Vec::new();
        for event in events {
            serde_json::to_writer(&mut lines, event)?;
            lines.push(b'\n');
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.lock.lock()?;
        let written = open.append(&lines);
        let unlocked = self.lock.unlock();
        written.and(unlocked)
    }

    /// What other processes appended since the last look.
    pub(crate) fn news<T>(&self, read: impl Fn(&[u8]) -> Option<T>) -> io::Result<Vec<T>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let (lines, end) = open.unread()?;
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let events = lines.map(read).collect::<Option<Vec<T>>>().ok_or_else(|| {
            let what = format!(
                "a line of `{}.journal` cannot be read, and may have narrowed something: mend the line or remove it",
                self.name
            );
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
        open.read = end;
        Ok(events)
    }
}

// === impl Open ===

impl Open {
    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut end = self.file.metadata()?.len();
        let mut rest = Vec::new();
        self.file.seek(SeekFrom::Start(self.read))?;
        (&mut self.file).take(LONGEST_NEWS).read_to_end(&mut rest)?;
        if rest.last().is_some_and(|last| *last != b'\n') {
            end = self.read + whole(&rest);
            self.file.set_len(end)?;
        }
        if let Err(error) = self.file.write_all(lines).and_then(|()| self.file.sync_data()) {
            // Half a line must not become the start of the next.
            let _ = self.file.set_len(end);
            return Err(error);
        }
        if end == self.read {
            // Nobody else wrote in between, so that there is nothing to read back.
            self.read += lines.len() as u64;
        }
        Ok(())
    }

    /// The whole lines that were not read yet, and where they end.
    fn unread(&mut self) -> io::Result<(Vec<u8>, u64)> {
        let mut bytes = Vec::new();
        if self.file.metadata()?.len() > self.read {
            self.file.seek(SeekFrom::Start(self.read))?;
            (&mut self.file).take(LONGEST_NEWS).read_to_end(&mut bytes)?;
        }
        let whole = whole(&bytes);
        bytes.truncate(usize::try_from(whole).unwrap_or(usize::MAX));
        Ok((bytes, self.read + whole))
    }
}

/// How many bytes of it are whole lines.
fn whole(bytes: &[u8]) -> u64 {
    bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1)
}

/// Readable by the owner only: reasons are not for everybody.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// More than people write.
const LONGEST_NEWS: u64 = 256 << 20;
