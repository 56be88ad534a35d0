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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_deadline_is_met_as_by_a_timer_of_its_own(
            shortest in 0_u64..100, waits in proptest::collection::vec((0_u64..50, 0_u64..200), 1..10),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            runtime.unwrap().block_on(async {
                let mut alarm = Alarm::new(Duration::from_millis(shortest));
                for (idle, patience) in waits {
                    sleep(Duration::from_millis(idle)).await;
                    let (began, patience) = (Instant::now(), Duration::from_millis(patience));
                    poll_fn(|context| alarm.poll(began + patience, context)).await;
                    // The runtime's timers are good to a millisecond.
                    let took = began.elapsed();
                    assert!((patience..=patience + Duration::from_millis(1)).contains(&took), "{took:?}");
                }
            });
        }
    }
}
