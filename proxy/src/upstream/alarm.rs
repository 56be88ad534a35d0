//! The deadline of what is awaited on a connection.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// One timer for the life of a connection.
///
/// It is put off only when it has run out too early, and set anew only when it would be too late. So a request costs no
/// place among the runtime's timers, which all of its threads share; and a task is woken in vain once a deadline at most.
pub(super) struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    /// Runs out first after the shortest of its deadlines.
    pub(super) fn new(shortest: Duration) -> Self {
        Self(Box::pin(sleep(shortest)))
    }

    /// Ready once it is `due`. Whoever asks is woken then, unless somebody else asks after it.
    pub(super) fn poll(&mut self, due: Instant, context: &mut Context<'_>) -> Poll<()> {
        if due < self.0.deadline() {
            self.0.as_mut().reset(due);
        }
        loop {
            ready!(self.0.as_mut().poll(context));
            if due <= self.0.deadline() {
                return Poll::Ready(());
            }
            self.0.as_mut().reset(due);
        }
    }
}
