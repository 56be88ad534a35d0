//! Where the time of one exchange goes: what it waits for others, and what is Forcefield's own.

use std::time::{Duration, Instant};

use super::trace::{Stretch, Trace};

/// The clock of one exchange.
#[derive(Debug)]
pub struct Timing {
    started: Instant,
    /// For others, before the head of the answer.
    waited: Duration,
    answered: Option<Instant>,
    /// What is told of it in more detail, when it is traced.
    trace: Option<Box<Trace>>,
}

/// A step of the walk that waits for somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// For the client's body.
    Intake,
    /// For the org's login, when a token has to be minted.
    Credential,
    /// For the head of the org's answer.
    Upstream,
}

// === impl Timing ===

impl Timing {
    /// Begins now.
    #[must_use]
    pub fn start(trace: Option<Box<Trace>>) -> Self {
        Self { started: Instant::now(), waited: Duration::ZERO, answered: None, trace }
    }

    /// Notes a step that began then and ends now; gives how long it took.
    pub fn waited(&mut self, step: Step, began: Instant) -> Duration {
        let took = began.elapsed();
        self.waited += took;
        if let Some(trace) = &mut self.trace {
            trace.step(step, began.saturating_duration_since(self.started), took);
        }
        took
    }

    /// Notes that the head of the answer is ready.
    pub fn answered(&mut self) {
        self.answered = Some(Instant::now());
    }

    /// From the start to a moment.
    #[must_use]
    pub fn until(&self, moment: Instant) -> Duration {
        moment.saturating_duration_since(self.started)
    }

    /// Forcefield's own part of the time to the head of the answer, or to the end where none was ready.
    #[must_use]
    pub fn added(&self) -> Duration {
        let whole = self.answered.map_or_else(|| self.started.elapsed(), |at| at - self.started);
        whole.saturating_sub(self.waited)
    }

    /// The trace, if the exchange is traced.
    pub fn take_trace(&mut self) -> Option<Box<Trace>> {
        self.trace.take()
    }

    /// From the head of the answer to the end of an exchange that took so long.
    #[must_use]
    pub fn answering(&self, whole: Duration) -> Option<Stretch> {
        let after = self.answered?.saturating_duration_since(self.started);
        Some(Stretch { name: "answer", after, took: whole.saturating_sub(after) })
    }
}

// === impl Step ===

impl Step {
    /// Its name in traces.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intake => "intake",
            Self::Credential => "credential",
            Self::Upstream => "upstream",
        }
    }
}
