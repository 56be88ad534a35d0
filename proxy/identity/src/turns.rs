//! How many secrets are checked at once. One check takes some twenty megabytes; a flood of logins must not take them
//! all.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Turns at something costly. Whoever gets none waits, unless too many wait already.
#[derive(Debug)]
pub(crate) struct Turns {
    line: Mutex<Line>,
    moved: Condvar,
    at_once: usize,
}

/// A turn, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a>(&'a Turns);

#[derive(Debug, Default)]
struct Line {
    running: usize,
    waiting: usize,
}

// === impl Turns ===

impl Turns {
    pub(crate) fn new(at_once: usize) -> Self {
        Self { line: Mutex::default(), moved: Condvar::new(), at_once: at_once.max(1) }
    }

    /// Waits for a turn; `None` when the line is full.
    pub(crate) fn take(&self) -> Option<Turn<'_>> {
        let mut line = self.lock();
        if line.running >= self.at_once {
            if line.waiting >= LONGEST_LINE {
                return None;
            }
            line.waiting += 1;
            while line.running >= self.at_once {
                line = self.moved.wait(line).unwrap_or_else(PoisonError::into_inner);
            }
            line.waiting -= 1;
        }
        line.running += 1;
        Some(Turn(self))
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.moved.notify_one();
    }
}

/// A second or two of checks.
const LONGEST_LINE: usize = 100;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn no_more_than_so_many_run_at_once_and_everyone_in_line_gets_a_turn() {
        let (turns, running, most) = (Turns::new(2), AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    let _turn = turns.take().unwrap();
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::yield_now();
                    running.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 2);
        let line = turns.lock();
        assert_eq!((line.running, line.waiting), (0, 0));
    }

    #[test]
    fn a_full_line_takes_no_one() {
        let turns = Turns::new(1);
        turns.lock().waiting = LONGEST_LINE;
        let turn = turns.take().unwrap();
        assert!(turns.take().is_none());
        drop(turn);
        assert!(turns.take().is_some());
    }
}
