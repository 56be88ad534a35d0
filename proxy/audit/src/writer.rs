//! Writing records: a bounded number of them under way, appended by whoever has one.
//!
//! A thread that writes for all costs every record two wake-ups, which is more than the write. So who has a record
//! writes it, and then those of everybody who came meanwhile, unless somebody is writing already; that one writes it too.

mod desk;
mod log;
mod opening;

use std::fmt;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::thread::JoinHandle;
use std::time::Duration;

use forcefield_config::config::WhenFull;
use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::finding::Finding;
use crate::key::AuditKey;
use crate::record::Record;
use desk::Desk;

/// The longest that lines stay out of the disk's own keeping (`fdatasync`): what a crash of the machine may lose.
pub const SYNC_EVERY: Duration = Duration::from_secs(1);

/// How to write.
#[derive(Debug)]
pub struct Settings {
    /// The key of the chain.
    pub key: AuditKey,
    /// What happens to requests when records cannot be written.
    pub when_full: WhenFull,
    /// The size at which a file is followed by the next.
    pub file_bytes: u64,
    /// The age at which a file is followed by the next.
    pub file_age: Duration,
    /// Records between two checkpoints.
    pub checkpoint_records: u64,
    /// The longest that a record waits for the next checkpoint.
    pub checkpoint_age: Duration,
    /// Exchanges that may be under way: each has its place in the queue from the start.
    pub queue: usize,
}

/// The writer of the record. Dropping it writes what waits, and closes the run in order.
pub struct Writer {
    shared: Arc<Shared>,
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

/// A place in the queue for one record: who has it can have it written.
#[must_use]
#[derive(Debug)]
pub struct Slot(Option<Place>);

/// A line being written: over at once, unless somebody else is writing. It is written also when nobody waits for this.
#[must_use = "an answer must not end before its record is written"]
#[derive(Debug)]
pub struct Writing {
    when_full: WhenFull,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    Over(Result<(), WriteError>),
    Waits(oneshot::Receiver<Result<(), WriteError>>),
}

/// How the writer does, for `readyz` and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whether the last attempt to write succeeded.
    pub writable: bool,
    /// Lines written in this run.
    pub lines: u64,
    /// Bytes written in this run.
    pub bytes: u64,
    /// Records that could not be written, in this run.
    pub lost: u64,
    /// Exchanges that have their place in the queue now.
    pub queued: usize,
    /// Places in the queue.
    pub places: usize,
    /// Writes to the file in this run, each of one record or more.
    pub writes: u64,
    /// How long they took together.
    pub writing: Duration,
}

/// The folder cannot be opened.
#[derive(Debug, Error)]
#[error("the audit folder `{path}` cannot be opened")]
pub struct OpenError {
    path: String,
    #[source]
    source: io::Error,
}

/// Records cannot be written, so no request may be let in: 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Unavailable {
    /// The disk refuses.
    #[error("the audit record cannot be written")]
    Broken,
    /// As many exchanges are under way as there may be.
    #[error("the audit queue is full")]
    Full,
}

/// A record was not written: its answer must not end as if it had been.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the audit record was not written")]
pub struct WriteError;

struct Shared {
    when_full: WhenFull,
    places: Arc<Places>,
    writable: AtomicBool,
    /// Lines written.
    lines: AtomicU64,
    /// Bytes written.
    bytes: AtomicU64,
    /// Writes, and the nanoseconds that they took.
    writes: AtomicU64,
    writing: AtomicU64,
    /// Records lost.
    lost: AtomicU64,
    /// Lost records that no gap line tells of yet.
    untold: AtomicU64,
}

/// The places in the queue.
#[derive(Debug)]
struct Places {
    most: usize,
    taken: AtomicUsize,
}

/// One of them, until this is dropped.
#[derive(Debug)]
struct Place(Arc<Places>);

/// A record on its way.
struct Line {
    event: Vec<u8>,
    time: Timestamp,
    _place: Place,
}

// === impl Settings ===

impl Settings {
    /// The usual: files of 64 MiB or a day, a checkpoint every 1000 records and every minute, 16384 exchanges under way.
    #[must_use]
    pub fn new(key: AuditKey, when_full: WhenFull) -> Self {
        Self {
            key,
            when_full,
            file_bytes: 64 << 20,
            file_age: Duration::from_secs(24 * 3600),
            checkpoint_records: 1000,
            checkpoint_age: Duration::from_secs(60),
            queue: 16_384,
        }
    }
}

// === impl Writer ===

impl Writer {
    /// Begins a run in a folder, made when it is not there. What earlier runs left is looked at first: a torn last
    /// line is cut off, and what is missing is recorded.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn open(dir: &Path, settings: Settings) -> Result<Self, OpenError> {
        let failed = |source| OpenError { path: dir.display().to_string(), source };
        let shared = Arc::new(Shared {
            when_full: settings.when_full,
            places: Arc::new(Places { most: settings.queue, taken: AtomicUsize::new(0) }),
            writable: AtomicBool::new(true),
            lines: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            writing: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            untold: AtomicU64::new(0),
        });
        let log = opening::open(dir, settings, Arc::clone(&shared)).map_err(failed)?;
        let desk = Arc::new(Desk::new(log));
        let keeper = Arc::clone(&desk);
        let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || keeper.keep());
        Ok(Self { shared, desk, thread: Some(thread.map_err(failed)?) })
    }

    /// Asks for a place before anything else is done for a request.
    ///
    /// # Errors
    /// With `when_full: block`, when records cannot be written or too many are under way. With `count` never: what
    /// cannot be written then is counted, and the count recorded.
    pub fn admit(&self) -> Result<Slot, Unavailable> {
        let place = Places::take(&self.shared.places);
        match self.shared.when_full {
            WhenFull::Count => Ok(Slot(place)),
            WhenFull::Block if !self.shared.writable.load(Ordering::Acquire) => Err(Unavailable::Broken),
            WhenFull::Block => place.map(|place| Slot(Some(place))).ok_or(Unavailable::Full),
        }
    }

    /// Writes a record. When what is returned is over the line survives the end of this process, so the answer may end.
    ///
    /// It ends in an error with `when_full: block`, when the line was not written: it is counted as a gap, and the answer
    /// must be cut off. With `count` never.
    pub fn write(&self, slot: Slot, record: &Record) -> Writing {
        self.send(slot, record.event(), record.time)
    }

    /// Has a record written without waiting: for exchanges that were torn down, whose end is a `Drop`.
    pub fn submit(&self, slot: Slot, record: &Record) {
        drop(self.write(slot, record));
    }

    /// Writes what a signal found, as [`Self::write`].
    pub fn write_finding(&self, slot: Slot, finding: &Finding) -> Writing {
        self.send(slot, finding.event(), finding.time)
    }

    fn send(&self, slot: Slot, event: Vec<u8>, time: Timestamp) -> Writing {
        Writing { when_full: self.shared.when_full, progress: self.sent(slot, event, time) }
    }

    fn sent(&self, slot: Slot, event: Vec<u8>, time: Timestamp) -> Progress {
        let Some(place) = slot.0 else {
            self.shared.lose(1);
            return Progress::Over(Err(WriteError));
        };
        let line = Line { event, time, _place: place };
        if let Some(written) = self.desk.write(&line) {
            return Progress::Over(written);
        }
        let (teller, told) = oneshot::channel();
        self.desk.hand_in(line, teller);
        Progress::Waits(told)
    }

    /// How the writer does.
    #[must_use]
    pub fn status(&self) -> Status {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let shared = &self.shared;
        Status {
            writable: shared.writable.load(Ordering::Acquire),
            lines: count(&shared.lines),
            bytes: count(&shared.bytes),
            lost: count(&shared.lost),
            queued: shared.places.taken.load(Ordering::Relaxed),
            places: shared.places.most,
            writes: count(&shared.writes),
            writing: Duration::from_nanos(count(&shared.writing)),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.desk.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("status", &self.status()).finish_non_exhaustive()
    }
}

// === impl Writing ===

impl Future for Writing {
    type Output = Result<(), WriteError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let written = match &mut self.progress {
            Progress::Over(written) => *written,
            Progress::Waits(told) => ready!(Pin::new(told).poll(cx)).unwrap_or(Err(WriteError)),
        };
        Poll::Ready(match self.when_full {
            WhenFull::Block => written,
            WhenFull::Count => Ok(()),
        })
    }
}

// === impl Places ===

impl Places {
    /// One more, if there is.
    fn take(places: &Arc<Self>) -> Option<Place> {
        let next = |taken| (taken < places.most).then_some(taken + 1);
        let taken = places.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        taken.ok().map(|_| Place(Arc::clone(places)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Shared ===

impl Shared {
    /// Counts a write that succeeded.
    fn wrote(&self, bytes: usize, took: Duration) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.writes.fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.writing.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    fn lose(&self, records: u64) {
        self.lost.fetch_add(records, Ordering::Relaxed);
        self.untold.fetch_add(records, Ordering::Release);
    }
}

#[cfg(test)]
pub(crate) mod tests;
