//! Writing records: a bounded number of them under way, appended by whoever has one.
//!
//! A thread that writes for all costs every record two wake-ups, which is more than the write. So who has a record
//! writes it, with those of everybody who came meanwhile, unless somebody is writing already; that one writes it too.

mod desk;
mod log;
mod opening;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use forcefield_config::config::WhenFull;
use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

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
pub struct Slot(Option<OwnedSemaphorePermit>);

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
    places: usize,
    slots: Arc<Semaphore>,
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

/// A record on its way.
struct Line {
    event: Vec<u8>,
    time: Timestamp,
    done: Option<oneshot::Sender<Result<(), WriteError>>>,
    _slot: Slot,
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
            places: settings.queue,
            slots: Arc::new(Semaphore::new(settings.queue)),
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
        let place = Arc::clone(&self.shared.slots).try_acquire_owned();
        match self.shared.when_full {
            WhenFull::Count => Ok(Slot(place.ok())),
            WhenFull::Block if !self.shared.writable.load(Ordering::Acquire) => Err(Unavailable::Broken),
            WhenFull::Block => place.map(|place| Slot(Some(place))).map_err(|_| Unavailable::Full),
        }
    }

    /// Writes a record. When this returns the line survives the end of this process, so the answer may end.
    ///
    /// # Errors
    /// With `when_full: block`, the line was not written: it is counted as a gap, and the answer must be cut off.
    /// With `count` never.
    pub async fn write(&self, slot: Slot, record: &Record) -> Result<(), WriteError> {
        self.written(slot, (record.event(), record.time)).await
    }

    /// Writes what a signal found, likewise.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub async fn write_finding(&self, slot: Slot, finding: &Finding) -> Result<(), WriteError> {
        self.written(slot, (finding.event(), finding.time)).await
    }

    async fn written(&self, slot: Slot, event: (Vec<u8>, Timestamp)) -> Result<(), WriteError> {
        let (done, outcome) = oneshot::channel();
        self.send(slot, event, Some(done));
        match (outcome.await, self.shared.when_full) {
            (Ok(Ok(())), _) | (_, WhenFull::Count) => Ok(()),
            (Ok(Err(_)) | Err(_), WhenFull::Block) => Err(WriteError),
        }
    }

    /// Has a record written without waiting: for exchanges that were torn down, whose end is a `Drop`.
    pub fn submit(&self, slot: Slot, record: &Record) {
        self.send(slot, (record.event(), record.time), None);
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
            queued: shared.places.saturating_sub(shared.slots.available_permits()),
            places: shared.places,
            writes: count(&shared.writes),
            writing: Duration::from_nanos(count(&shared.writing)),
        }
    }

    fn send(
        &self,
        slot: Slot,
        (event, time): (Vec<u8>, Timestamp),
        done: Option<oneshot::Sender<Result<(), WriteError>>>,
    ) {
        if slot.0.is_none() {
            return self.shared.lose(1);
        }
        self.desk.hand_in(Line { event, time, done, _slot: slot });
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
