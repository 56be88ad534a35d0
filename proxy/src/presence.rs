//! The exchanges under way: who has what open, for people who look, and cut when a responder kills an integration.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use dashmap::DashMap;
use forcefield_control::{Admitted, wire};
use forcefield_policy::decision::Permit;
use forcefield_policy::names::IdentityName;
use forcefield_policy::request::Reading;
use jiff::Timestamp;
use ulid::Ulid;

use crate::front::Peer;

/// All exchanges under way.
#[derive(Debug, Default)]
pub struct Presences(DashMap<Ulid, Arc<UnderWay>>);

/// One exchange under way, listed until this is dropped.
#[derive(Debug)]
pub struct Presence {
    all: Arc<Presences>,
    this: Arc<UnderWay>,
    admitted: Admitted,
}

#[derive(Debug)]
struct UnderWay {
    decision: Ulid,
    identity: IdentityName,
    since: Timestamp,
    door: &'static str,
    reading: Arc<Reading>,
    rows: AtomicU64,
    bytes: AtomicU64,
    peer: Arc<Peer>,
}

// === impl Presences ===

impl Presences {
    /// Lists an exchange that was let in and permitted.
    #[must_use]
    pub fn enter(
        self: &Arc<Self>,
        (decision, identity): (Ulid, &IdentityName),
        permit: &Permit,
        peer: &Arc<Peer>,
        admitted: Admitted,
    ) -> Presence {
        let this = Arc::new(UnderWay {
            decision,
            identity: identity.clone(),
            since: Timestamp::now(),
            door: permit.api().as_str(),
            reading: Arc::clone(permit.reading()),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            peer: Arc::clone(peer),
        });
        self.0.insert(decision, Arc::clone(&this));
        Presence { all: Arc::clone(self), this, admitted }
    }

    /// How many an integration has.
    #[must_use]
    pub fn count(&self, identity: &IdentityName) -> usize {
        self.0.iter().filter(|under_way| under_way.identity == *identity).count()
    }

    /// How many there are.
    #[must_use]
    pub fn total(&self) -> usize {
        self.0.len()
    }

    /// Closes the connections of everything that an integration has under way: the end of those whose client does not
    /// read, which hear of no cut. Gives how many exchanges that ends.
    pub fn close(&self, identity: &IdentityName) -> usize {
        let mine = self.0.iter().filter(|under_way| under_way.identity == *identity);
        mine.map(|under_way| under_way.peer.close()).count()
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<wire::Stream> {
        let mut all: Vec<wire::Stream> = self.0.iter().map(|under_way| under_way.told()).collect();
        all.sort_by(|one, other| one.decision.cmp(&other.decision));
        all
    }
}

impl UnderWay {
    fn told(&self) -> wire::Stream {
        let source: SocketAddr = self.peer.address;
        wire::Stream {
            decision: self.decision.to_string(),
            identity: self.identity.as_str().to_owned(),
            source: source.ip().to_canonical().to_string(),
            since: self.since,
            door: self.door.to_owned(),
            objects: self.reading.objects.clone(),
            rows: self.rows.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}

// === impl Presence ===

impl Presence {
    /// Runs work to its end, or until the exchange is cut: then `None`. `work` comes pinned: what is handed from one
    /// future to the next is copied whole each time.
    pub fn unless_cut<T, W>(&mut self, work: Pin<&mut W>) -> impl Future<Output = Option<T>>
    where
        W: Future<Output = T>,
    {
        self.admitted.unless_cut(work)
    }

    /// Whether it is cut, of which `cx` is told when not yet.
    pub fn poll_cut(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.admitted.poll_cut(cx)
    }

    /// Whether it is cut.
    pub fn is_cut(&mut self) -> bool {
        self.poll_cut(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// Notes what went out so far.
    pub fn went_out(&self, rows: u64, bytes: u64) {
        self.this.rows.store(rows, Ordering::Relaxed);
        self.this.bytes.store(bytes, Ordering::Relaxed);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.all.0.remove(&self.this.decision);
    }
}
