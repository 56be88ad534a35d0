//! What `/healthz` and `/readyz` answer: whether the process lives, and whether requests are served as they should be.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{PoisonError, RwLock};

/// How far the process has come with its life, and what else keeps it from serving.
pub struct Health {
    phase: AtomicU8,
    checks: RwLock<Vec<Check>>,
}

/// Looks whether something is wrong.
pub type Check = Box<dyn Fn() -> Vec<Problem> + Send + Sync>;

/// Something that is wrong. Its text names no secret and nothing of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The listener does not accept yet.
    Starting,
    /// The listener does not accept any more.
    Draining,
    /// Records cannot be written.
    Record,
    /// What is spent cannot be written down.
    State,
    /// The store that several replicas share is out of reach, for longer than what was granted by it lasts.
    Store,
    /// The certificate that integrations are shown has expired.
    Certificate,
    /// That of the control listener has: integrations are served.
    ControlCertificate,
    /// No org has described itself.
    NoSchema,
    /// One of several orgs has not described itself: the others are served.
    SchemaOf(String),
    /// A trust domain has no authority that is valid: SVIDs of others, and other proofs, are taken.
    NoAuthority(String),
    /// There are no keys of an issuer: its JWTs are refused, other proofs are taken.
    NoKeys(String),
    /// A SPIFFE Workload API is not followed: what it said last holds.
    WorkloadApi(String),
}

// === impl Health ===

impl Health {
    /// Of a process that is starting.
    #[must_use]
    pub fn starting() -> Self {
        Self { phase: AtomicU8::new(STARTING), checks: RwLock::default() }
    }

    /// The listener accepts.
    pub fn serving(&self) {
        self.phase.store(SERVING, Ordering::Relaxed);
    }

    /// The listener has stopped accepting.
    pub fn draining(&self) {
        self.phase.store(DRAINING, Ordering::Relaxed);
    }

    /// Has a check made whenever somebody asks.
    pub fn check(&self, check: Check) {
        self.checks.write().unwrap_or_else(PoisonError::into_inner).push(check);
    }

    /// What is wrong now.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        let phase = match self.phase.load(Ordering::Relaxed) {
            STARTING => Some(Problem::Starting),
            SERVING => None,
            _ => Some(Problem::Draining),
        };
        let checks = self.checks.read().unwrap_or_else(PoisonError::into_inner);
        phase.into_iter().chain(checks.iter().flat_map(|check| check())).collect()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Health").field("problems", &self.problems()).finish()
    }
}

/// Whether requests should come here, and the text that says why.
#[must_use]
pub fn verdict(problems: &[Problem]) -> (bool, String) {
    let ready = problems.iter().all(|problem| !problem.is_fatal());
    let mut text = if ready { "ready\n" } else { "not ready\n" }.to_owned();
    problems.iter().for_each(|problem| text.push_str(&format!("{problem}\n")));
    (ready, text)
}

// === impl Problem ===

impl Problem {
    /// Whether requests should not come here while it lasts.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Self::Starting
            | Self::Draining
            | Self::Record
            | Self::State
            | Self::Store
            | Self::Certificate
            | Self::NoSchema => true,
            Self::ControlCertificate
            | Self::SchemaOf(_)
            | Self::NoAuthority(_)
            | Self::NoKeys(_)
            | Self::WorkloadApi(_) => false,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("starting: the first schemas are being loaded"),
            Self::Draining => f.write_str("draining: the process was told to stop"),
            Self::Record => f.write_str("the audit record cannot be written"),
            Self::State => f.write_str("the state cannot be written"),
            Self::Store => f.write_str("the store that the replicas share is out of reach"),
            Self::Certificate => f.write_str("the certificate of `listen.proxy` has expired"),
            Self::ControlCertificate => {
                f.write_str("the certificate of `listen.control` has expired; integrations are served")
            }
            Self::NoSchema => f.write_str("no org has described its objects yet"),
            Self::SchemaOf(org) => {
                write!(f, "org `{org}` has not described its objects yet; the others are served")
            }
            Self::NoAuthority(domain) => {
                write!(f, "the trust domain `{domain}` has no valid authority; its SVIDs are refused")
            }
            Self::NoKeys(issuer) => {
                write!(f, "there are no keys of the issuer `{issuer}`; its JWTs are refused")
            }
            Self::WorkloadApi(socket) => {
                write!(f, "the SPIFFE Workload API at `{socket}` is away; what it said last holds")
            }
        }
    }
}

const STARTING: u8 = 0;
const SERVING: u8 = 1;
const DRAINING: u8 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_ready_between_its_start_and_its_drain() {
        let health = Health::starting();
        assert_eq!(health.problems(), [Problem::Starting]);
        health.serving();
        assert_eq!(verdict(&health.problems()), (true, "ready\n".to_owned()));
        health.draining();
        assert_eq!(health.problems(), [Problem::Draining]);
    }

    #[test]
    fn what_is_wrong_is_said_and_one_org_of_several_keeps_nobody_away() {
        let health = Health::starting();
        health.serving();
        health.check(Box::new(|| vec![Problem::SchemaOf("emea".to_owned())]));
        let (ready, text) = verdict(&health.problems());
        assert!(ready && text.contains("`emea`"), "{text}");
        health.check(Box::new(|| vec![Problem::Record]));
        let (ready, text) = verdict(&health.problems());
        assert!(!ready && text.starts_with("not ready\n") && text.contains("audit record"), "{text}");
    }
}
