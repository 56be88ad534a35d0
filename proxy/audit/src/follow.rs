//! Following the record: its lines in the order in which they were written, from where a follower was before.
//!
//! The folder itself is the queue: a follower that is slow or away holds nothing in memory, and finds every line when it
//! comes back. How far it has come is kept in a file beside the state, so that each line is given at least once.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::folder;
use crate::line::LONGEST;

/// Somebody who reads the record as it grows: one at a time from one position.
#[derive(Debug)]
pub struct Follower {
    dir: PathBuf,
    file: PathBuf,
    /// Held for as long as this follows.
    _lock: File,
    /// Every run that is known, by its name.
    positions: BTreeMap<String, Position>,
}

/// How far a follower has come in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// The number of the file; 0 before the first.
    file: u32,
    /// Bytes of it that were followed.
    bytes: u64,
}

/// A line of the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The line as it was written, without its line feed.
    pub text: String,
    /// When it happened, in milliseconds since 1970.
    pub time: i64,
    /// How severe it is, by the framework's numbers.
    pub severity: u32,
}

/// Lines that were not followed before, and where they end.
#[derive(Debug, Default)]
pub struct Batch {
    /// The lines.
    pub lines: Vec<Followed>,
    ends: Vec<(String, Position)>,
}

/// The parts of a line that a follower is told.
#[derive(Default, Deserialize)]
struct Event {
    time: i64,
    severity_id: u32,
}

// === impl Follower ===

impl Follower {
    /// Follows the record in `dir`, from where the position kept in `file` is; without one, from the beginning of the
    /// runs that go on. `None` while another process follows from this position.
    ///
    /// # Errors
    /// The folder or the position cannot be read.
    pub fn open(dir: &Path, file: &Path) -> io::Result<Option<Self>> {
        let lock = File::create(file.with_extension("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let positions = match std::fs::read(file) {
            Ok(text) => serde_json::from_slice(&text).map_err(io::Error::from)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => ended(dir)?,
            Err(error) => return Err(error),
        };
        Ok(Some(Self { dir: dir.to_owned(), file: file.to_owned(), _lock: lock, positions }))
    }

    /// Lines that were not followed yet: at most so many, and no more once they have so many bytes.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn next(&self, most: usize, bytes: usize) -> io::Result<Batch> {
        let (mut batch, mut size) = (Batch::default(), 0);
        for (run, number, start) in self.unfollowed()? {
            let mut reader = BufReader::new(File::open(folder::file(&self.dir, &run, number))?);
            let mut at = Position { file: number, bytes: seek(&mut reader, start)? };
            while batch.lines.len() < most && size < bytes {
                let mut text = Vec::new();
                let read = (&mut reader).take(LONGEST as u64).read_until(b'\n', &mut text)?;
                // A line without its end is being written, or was torn.
                if text.pop() != Some(b'\n') {
                    break;
                }
                at.bytes += read as u64;
                size += read;
                batch.lines.push(Followed::of(&text));
                batch.ends.push((run.clone(), at));
            }
        }
        Ok(batch)
    }

    /// Notes that the first lines of a batch are where they belong; they are not given again.
    ///
    /// # Errors
    /// That cannot be written down: they are given again after a restart.
    pub fn done(&mut self, batch: &Batch, lines: usize) -> io::Result<()> {
        self.positions.extend(batch.ends.iter().take(lines).cloned());
        let runs = folder::runs(&self.dir)?;
        self.positions.retain(|run, _| runs.contains_key(run));
        let next = self.file.with_extension("next");
        std::fs::write(&next, serde_json::to_vec(&self.positions)?)?;
        std::fs::rename(next, &self.file)
    }

    /// How many bytes of the record were not followed yet.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn behind(&self) -> io::Result<u64> {
        let mut behind = 0;
        for (run, number, start) in self.unfollowed()? {
            let length = std::fs::metadata(folder::file(&self.dir, &run, number))?.len();
            behind += length.saturating_sub(start);
        }
        Ok(behind)
    }

    /// The files that have not been followed to an end that is known to stay, each with how far it was.
    fn unfollowed(&self) -> io::Result<Vec<(String, u32, u64)>> {
        let mut files = Vec::new();
        for (run, numbers) in folder::runs(&self.dir)? {
            let at = self.positions.get(&run).copied().unwrap_or_default();
            let numbers = numbers.into_iter().filter(|number| *number >= at.file);
            let start = |number| if number == at.file { at.bytes } else { 0 };
            files.extend(numbers.map(|number| (run.clone(), number, start(number))));
        }
        Ok(files)
    }
}

/// Goes to where a line begins: where it was left off, or, when lines there were taken back since the disk was full, to
/// the beginning.
fn seek(reader: &mut BufReader<File>, start: u64) -> io::Result<u64> {
    let mut before = [b'\n'];
    if let Some(last) = start.checked_sub(1) {
        reader.seek(SeekFrom::Start(last))?;
        if reader.read(&mut before)? == 1 && before == [b'\n'] {
            return Ok(start);
        }
    }
    reader.seek(SeekFrom::Start(0))
}

/// The ends of all runs that have ended.
fn ended(dir: &Path) -> io::Result<BTreeMap<String, Position>> {
    let mut positions = BTreeMap::new();
    for (run, files) in folder::runs(dir)? {
        if let (Some(last), false) = (files.last(), folder::is_alive(dir, &run)?) {
            let bytes = std::fs::metadata(folder::file(dir, &run, *last))?.len();
            positions.insert(run, Position { file: *last, bytes });
        }
    }
    Ok(positions)
}

// === impl Followed ===

impl Followed {
    fn of(line: &[u8]) -> Self {
        // A line that cannot be read is passed on as well as it can be: whoever gets it shall see it.
        let event: Event = serde_json::from_slice(line).unwrap_or_default();
        let text = String::from_utf8_lossy(line).into_owned();
        Self { text, time: event.time, severity: event.severity_id }
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::writer::tests::{settings, write};
    use crate::{Settings, Writer};

    /// What is followed, in batches of two: the rows of records, `None` for other lines.
    fn followed(follower: &mut Follower) -> Vec<Option<u64>> {
        let mut all = Vec::new();
        loop {
            let batch = follower.next(2, usize::MAX).unwrap();
            if batch.lines.is_empty() {
                return all;
            }
            let rows = |line: &Followed| {
                let line: serde_json::Value = serde_json::from_str(&line.text).unwrap();
                line["unmapped"]["rows"].as_u64()
            };
            all.extend(batch.lines.iter().map(rows));
            follower.done(&batch, batch.lines.len()).unwrap();
        }
    }

    #[tokio::test]
    async fn every_line_is_followed_over_files_runs_and_restarts() {
        let (dir, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let position = state.path().join("otlp.position");
        let before = Writer::open(dir.path(), settings()).unwrap();
        write(&before, 90..95).await;
        drop(before);
        let small = || Settings { file_bytes: 2000, ..settings() };
        let writer = Writer::open(dir.path(), small()).unwrap();
        write(&writer, 1..4).await;
        let mut follower = Follower::open(dir.path(), &position).unwrap().unwrap();
        assert!(Follower::open(dir.path(), &position).unwrap().is_none(), "one at a time");
        assert!(follower.behind().unwrap() > 0);
        let first: Vec<_> = followed(&mut follower).into_iter().flatten().collect();
        assert_eq!(first, [1, 2, 3], "what was there before anybody followed is left alone");
        assert_eq!(follower.behind().unwrap(), 0);
        drop(follower);
        write(&writer, 4..9).await;
        drop(writer);
        let next = Writer::open(dir.path(), small()).unwrap();
        write(&next, 9..10).await;
        let mut follower = Follower::open(dir.path(), &position).unwrap().unwrap();
        let rest: Vec<_> = followed(&mut follower).into_iter().flatten().collect();
        assert_eq!(rest, (4..10).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn lines_that_were_not_taken_come_again() {
        let (dir, state) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let position = state.path().join("otlp.position");
        let writer = Writer::open(dir.path(), settings()).unwrap();
        write(&writer, 1..6).await;
        let mut follower = Follower::open(dir.path(), &position).unwrap().unwrap();
        let batch = follower.next(100, usize::MAX).unwrap();
        assert_eq!(batch.lines.len(), 6, "the first line of the run, and the records");
        follower.done(&batch, 3).unwrap();
        drop(follower);
        let mut follower = Follower::open(dir.path(), &position).unwrap().unwrap();
        assert_eq!(followed(&mut follower), [Some(3), Some(4), Some(5)]);
    }
}
