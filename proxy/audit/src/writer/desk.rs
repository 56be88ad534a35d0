//! Who writes: one at a time, everything that waits, and nobody waits for a turn.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::log::Log;
use super::{Line, WriteError};

/// The log, and the lines that wait to be written into it.
pub(super) struct Desk {
    waiting: Mutex<VecDeque<(Line, Teller)>>,
    /// INVARIANT: who lets go of it looks once more whether lines wait, or has the thread look.
    log: Mutex<Log>,
    bell: Mutex<Bell>,
    rung: Condvar,
}

/// Where it is told whether a line was written.
pub(super) type Teller = oneshot::Sender<Result<(), WriteError>>;

/// What the thread is told.
#[derive(Default)]
struct Bell {
    lines_wait: bool,
    stop: bool,
}

/// Lines in one write, at most.
const BATCH: usize = 1024;
/// Bytes in one write, at most (and one line more).
const BATCH_BYTES: usize = 1 << 20;
/// Writes that somebody does for others, before the thread takes over: a request is not to be held up for long.
const ROUNDS: usize = 4;
/// How often the head is brought up to the chain, and how soon after a failure writing is tried again.
const TICK: Duration = Duration::from_millis(100);

// === impl Desk ===

impl Desk {
    pub(super) fn new(log: Log) -> Self {
        Self { waiting: Mutex::default(), log: Mutex::new(log), bell: Mutex::default(), rung: Condvar::new() }
    }

    /// Writes a line at once. `None` when that cannot be: somebody else is writing, or lines wait that came before.
    ///
    /// The write goes to the kernel's memory, so it is short; on a disk that stands still, who writes waits here, and
    /// everybody else goes on and hears of it later.
    pub(super) fn write(&self, line: &Line) -> Option<Result<(), WriteError>> {
        if !self.is_clear() {
            return None;
        }
        let mut log = self.free()?;
        let written = log.write(line.time, &[&line.event]);
        drop(log);
        self.help();
        Some(written)
    }

    /// Takes a line, to be written by whoever is writing, or here.
    pub(super) fn hand_in(&self, line: Line, teller: Teller) {
        lock(&self.waiting).push_back((line, teller));
        self.help();
    }

    /// Writes what waits, unless somebody else is writing.
    fn help(&self) {
        for _ in 0..ROUNDS {
            if self.is_clear() {
                return;
            }
            let Some(mut log) = self.free() else { return };
            self.batch(&mut log);
        }
        if !self.is_clear() {
            self.ring(|bell| bell.lines_wait = true);
        }
    }

    /// The log, if nobody is writing.
    fn free(&self) -> Option<MutexGuard<'_, Log>> {
        match self.log.try_lock() {
            Ok(log) => Some(log),
            Err(TryLockError::Poisoned(log)) => Some(log.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Whether no line waits.
    fn is_clear(&self) -> bool {
        lock(&self.waiting).is_empty()
    }

    /// Writes some of the lines that wait, and says so to those who brought them.
    fn batch(&self, log: &mut Log) {
        let lines = self.next();
        let Some((first, _)) = lines.first() else { return }; // somebody else has written them
        let events: Vec<&[u8]> = lines.iter().map(|(line, _)| line.event.as_slice()).collect();
        let written = log.write(first.time, &events);
        for (line, teller) in lines {
            drop(line); // its place is free before anybody hears of it
            let _ = teller.send(written);
        }
    }

    /// Does what is done from time to time, and writes what others left, until told to stop.
    pub(super) fn keep(&self) {
        let mut ticked = Instant::now();
        loop {
            let Bell { lines_wait, stop } = self.listen(TICK.saturating_sub(ticked.elapsed()));
            if lines_wait {
                self.write_all();
            }
            if stop || ticked.elapsed() >= TICK {
                ticked = Instant::now();
                lock(&self.log).tick();
                self.write_all();
            }
            if stop {
                lock(&self.log).close();
                return;
            }
        }
    }

    /// Has [`Self::keep`] write what waits, and end.
    pub(super) fn stop(&self) {
        self.ring(|bell| bell.stop = true);
    }

    fn write_all(&self) {
        while !self.is_clear() {
            self.batch(&mut lock(&self.log));
        }
    }

    /// The lines of the next write.
    fn next(&self) -> Vec<(Line, Teller)> {
        let mut waiting = lock(&self.waiting);
        let (mut lines, mut bytes) = (0, 0);
        while let Some((line, _)) = waiting.get(lines).filter(|_| lines < BATCH && bytes < BATCH_BYTES) {
            bytes += line.event.len();
            lines += 1;
        }
        waiting.drain(..lines).collect()
    }

    fn ring(&self, tell: impl FnOnce(&mut Bell)) {
        tell(&mut lock(&self.bell));
        self.rung.notify_one();
    }

    /// What the bell was rung for, after `patience` at the latest.
    fn listen(&self, patience: Duration) -> Bell {
        let silent = |bell: &mut Bell| !bell.lines_wait && !bell.stop;
        let heard = self.rung.wait_timeout_while(lock(&self.bell), patience, silent);
        std::mem::take(&mut *heard.unwrap_or_else(PoisonError::into_inner).0)
    }
}

/// No code under these locks can panic half-way through a change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
