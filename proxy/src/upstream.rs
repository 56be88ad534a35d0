//! The way to Salesforce: connections of our own, bounded, never shared between identities.
//!
//! Each pair of an org and an identity has a *lane* with a cap on its connections. Whoever finds all of them busy
//! waits in line. So Salesforce sees no more connections than configured, one slow integration cannot take another's,
//! and a connection that got out of step can only ever answer the integration that got it there.

mod alarm;
mod answer;
mod body;
mod fetch;
mod gunzip;
mod lane;
mod origin;
mod vault;
mod via;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use dashmap::DashMap;
use forcefield_config::config::Timeouts;
use http::{HeaderMap, Method, Response, StatusCode};
use thiserror::Error;

pub use body::{BoxError, SendBody, UpstreamBody};
pub use fetch::get;
use lane::Lane;
pub use origin::{Origin, OriginError};
pub use vault::VaultCarrier;

/// All connections to all orgs.
#[derive(Debug)]
pub struct Upstream {
    origins: ArcSwap<HashMap<String, Arc<Origin>>>,
    lanes: DashMap<LaneKey, Arc<Lane>>,
    rules: Rules,
    counts: Arc<Counts>,
}

/// Whose connections: nothing is shared between two keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LaneKey {
    /// The name of the org.
    pub org: String,
    /// The name of the identity whose credential travels.
    pub identity: String,
}

/// A request to send.
#[derive(Debug)]
pub struct Outgoing {
    /// The method.
    pub method: Method,
    /// Path and query string, percent-encoded.
    pub target: String,
    /// All headers but `Host` and those of the framing.
    pub headers: HeaderMap,
    /// The body.
    pub body: SendBody,
}

/// Caps and deadlines of every lane.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Connections of one lane.
    pub connections: usize,
    /// How long a connection may lie unused: less than Salesforce keeps it.
    pub unused: Duration,
    /// Waiting for a free connection, and then connecting, TLS included, each.
    pub connect: Duration,
    /// From the request sent to the answer's head.
    pub answer: Duration,
    /// Between two pieces of an answer, or of a request that streams.
    pub idle: Duration,
}

/// Why there is no answer, or not all of it. The text goes after the name of who was asked: `salesforce {error}`.
#[derive(Debug, Error)]
pub enum UpstreamError {
    /// No connection: not resolved, refused, TLS failed.
    #[error("cannot be reached")]
    Unreachable(#[source] std::io::Error),
    /// Every connection of the lane stayed busy.
    #[error("had all connections of this integration busy, and none became free")]
    Busy,
    /// Something took longer than it may.
    #[error("did not {0} in time")]
    TimedOut(Waiting),
    /// The connection ended before the answer did.
    #[error("broke off the answer")]
    CutOff(#[source] BoxError),
    /// An answer that could be read in two ways.
    #[error("gave an answer that cannot be relied upon: {0}")]
    Garbled(&'static str),
    /// The body to send broke off.
    #[error("was not sent the whole request: its body broke off")]
    RequestBody,
    /// A request that cannot be put on the wire as it was decided.
    #[error("cannot be sent the request as it was decided")]
    Unsendable,
    /// No such org.
    #[error("is not asked: the org is not configured any more")]
    UnknownOrg,
}

/// What was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// A connection, TLS included.
    Connect,
    /// The head of the answer.
    Answer,
    /// The next piece of the answer.
    Continue,
}

/// What happened on all lanes since the start.
#[derive(Debug, Default)]
pub struct Counts {
    /// Connections made.
    pub connected: AtomicU64,
    /// Connections that could not be made.
    pub unreachable: AtomicU64,
    /// Requests sent on a connection that had served another before.
    pub reused: AtomicU64,
    /// Requests sent again because a used connection had been closed.
    pub repeated: AtomicU64,
    /// Requests that waited for a connection to become free.
    pub waited: AtomicU64,
    /// Requests for which none became free in time.
    pub busy: AtomicU64,
}

/// The connections of all lanes at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Pairs of an org and an identity that have called.
    pub lanes: usize,
    /// Connections with a request on them, being made included.
    pub in_use: usize,
    /// Connections that lie unused.
    pub unused: usize,
}

// === impl Upstream ===

impl Upstream {
    /// Lanes to these orgs, with no connection yet.
    #[must_use]
    pub fn new(origins: Vec<Origin>, rules: Rules) -> Self {
        let upstream =
            Self { origins: ArcSwap::default(), lanes: DashMap::new(), rules, counts: Arc::default() };
        upstream.replace(origins);
        upstream
    }

    /// Replaces the orgs. Lanes of orgs that stay as they were keep their connections; those of the others end
    /// theirs after the requests under way.
    pub fn replace(&self, origins: Vec<Origin>) {
        let old = self.origins.load_full();
        let kept = |origin: Origin| {
            let same = old.get(origin.name()).filter(|old| old.is_same(&origin)).map(Arc::clone);
            (origin.name().to_owned(), same.unwrap_or_else(|| Arc::new(origin)))
        };
        let new: HashMap<_, _> = origins.into_iter().map(kept).collect();
        self.lanes
            .retain(|key, lane| new.get(&key.org).is_some_and(|origin| Arc::ptr_eq(origin, lane.origin())));
        self.origins.store(Arc::new(new));
    }

    /// Sends a request and waits for the head of its answer. Redirects are answers like others.
    ///
    /// # Errors
    /// Whatever kept the head from arriving. Nothing is sent twice unless Salesforce cannot have acted on it: it was
    /// not written, or it only reads.
    pub async fn send(
        &self,
        key: &LaneKey,
        outgoing: Outgoing,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        self.lane(key)?.send(outgoing).await
    }

    /// Closes the unused connections of an identity, such as one that was stopped.
    pub fn forget(&self, identity: &str) {
        self.lanes.retain(|key, _| key.identity != identity);
    }

    /// What happened since the start.
    #[must_use]
    pub fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// The connections of this moment.
    #[must_use]
    pub fn pool(&self) -> Pool {
        self.lanes.iter().fold(Pool::default(), |pool, lane| {
            let (in_use, unused) = lane.connections();
            Pool { lanes: pool.lanes + 1, in_use: pool.in_use + in_use, unused: pool.unused + unused }
        })
    }

    /// When the certificates end that are shown to orgs, in seconds since 1970, by org.
    #[must_use]
    pub fn shown_until(&self) -> Vec<(String, u64)> {
        let origins = self.origins.load();
        let until = |origin: &Arc<Origin>| Some((origin.name().to_owned(), origin.shown_until()?));
        origins.values().filter_map(until).collect()
    }

    fn lane(&self, key: &LaneKey) -> Result<Arc<Lane>, UpstreamError> {
        if let Some(lane) = self.lanes.get(key) {
            return Ok(Arc::clone(&lane));
        }
        let origin = self.origin(&key.org)?;
        let new = || Arc::new(Lane::new(origin, self.rules, Arc::clone(&self.counts)));
        Ok(Arc::clone(&self.lanes.entry(key.clone()).or_insert_with(new)))
    }

    fn origin(&self, org: &str) -> Result<Arc<Origin>, UpstreamError> {
        self.origins.load().get(org).map(Arc::clone).ok_or(UpstreamError::UnknownOrg)
    }
}

// === impl Rules ===

impl From<&Timeouts> for Rules {
    fn from(timeouts: &Timeouts) -> Self {
        let Timeouts { connect, answer, idle, .. } = *timeouts;
        Self { connections: CONNECTIONS, unused: UNUSED, connect, answer, idle }
    }
}

// === impl UpstreamError ===

impl UpstreamError {
    /// The status of its refusal: 504 when Salesforce was too slow, 502 when it failed otherwise.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Busy | Self::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
            Self::Unreachable(_) | Self::CutOff(_) | Self::Garbled(_) => StatusCode::BAD_GATEWAY,
            Self::RequestBody | Self::Unsendable => StatusCode::BAD_REQUEST,
            Self::UnknownOrg => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

impl std::fmt::Display for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Connect => "accept a connection",
            Self::Answer => "answer",
            Self::Continue => "go on with its answer",
        })
    }
}

// === impl Counts ===

impl Counts {
    fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// Salesforce allows 25 long requests at one time per org; short ones finish faster than this many could start.
const CONNECTIONS: usize = 64;
const UNUSED: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
