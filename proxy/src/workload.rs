//! Trust from SPIFFE Workload APIs: followed for as long as the process runs, the last good bundles kept.
//!
//! The agent of a SPIFFE deployment (SPIRE's, for one) tells on a Unix socket which authorities a trust domain has, what
//! they have revoked, and which keys sign its JWT-SVIDs, and tells again when that changes. Each change is taken up at
//! once, as a changed file would be. While the agent is away what it said last holds, authority by authority until its own
//! end, and keys, which have none, for a day; before it has said anything, and once it refuses, nobody of the domain is
//! trusted.

mod bundles;
mod grpc;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use forcefield_config::Config;
use forcefield_config::config::{IssuerKeys, TrustSource};
use thiserror::Error;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::service::Service;
pub use bundles::Bundles;
use bundles::{JwtBundles, Told, X509Bundles};
use grpc::Updates;

/// Follows the Workload APIs of the configuration in force.
pub struct Workloads {
    service: Arc<Service>,
    bundles: Arc<Bundles>,
}

/// One call of the Workload API that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// The authorities of X.509-SVIDs.
    X509,
    /// The keys of JWT-SVIDs.
    Jwt,
}

/// Why a Workload API cannot be followed.
#[derive(Debug, Error)]
pub enum WorkloadError {
    /// No socket, or nobody behind it.
    #[error("its socket cannot be reached")]
    Unreachable(#[source] std::io::Error),
    /// Not HTTP/2.
    #[error("it does not speak HTTP/2, or broke off")]
    Http(#[from] hyper::Error),
    /// The call was refused.
    #[error("it refused with gRPC status {0}")]
    Refused(String),
    /// It says that nothing is for us, or not any more.
    #[error("it has nothing for this process; register Forcefield as a workload of the agent")]
    Withdrawn,
    /// An answer that is none.
    #[error("its answer cannot be read")]
    Unreadable,
    /// It ended the stream.
    #[error("it ended the stream")]
    Ended,
}

// === impl Workloads ===

impl Workloads {
    /// Follows into `bundles`.
    #[must_use]
    pub fn new(service: Arc<Service>, bundles: Arc<Bundles>) -> Self {
        Self { service, bundles }
    }

    /// Runs until the process ends.
    pub async fn run(self) {
        let mut followed: BTreeMap<(PathBuf, Call), tokio::task::AbortHandle> = BTreeMap::new();
        // Ends all of them with itself.
        let mut following = JoinSet::new();
        loop {
            let wanted = wanted(&self.service.live.load().config);
            followed.retain(|call, task| {
                let kept = wanted.contains(call);
                if !kept {
                    task.abort();
                    // What was said before is not believed when it is asked for again.
                    match call {
                        (socket, Call::X509) => self.bundles.away::<X509Bundles>(socket, true),
                        (socket, Call::Jwt) => self.bundles.away::<JwtBundles>(socket, true),
                    }
                }
                kept
            });
            for (socket, call) in wanted {
                let bundles = Arc::clone(&self.bundles);
                followed.entry((socket.clone(), call)).or_insert_with(|| match call {
                    Call::X509 => following.spawn(Box::pin(follow::<X509Bundles>(socket, bundles))),
                    Call::Jwt => following.spawn(Box::pin(follow::<JwtBundles>(socket, bundles))),
                });
            }
            tokio::time::sleep(ROUND).await;
        }
    }
}

/// The calls that a configuration wants to be followed, with their sockets.
#[must_use]
pub fn wanted(config: &Config) -> BTreeSet<(PathBuf, Call)> {
    let listeners = [Some(&config.listen.proxy), config.listen.control.as_ref()];
    let sources = listeners.into_iter().flatten().flat_map(|listener| listener.tls.trust_domains.values());
    let authorities = sources.filter_map(|source| match source {
        TrustSource::WorkloadApi(socket) => Some((socket.clone(), Call::X509)),
        TrustSource::Bundle(_) => None,
    });
    let keys = config.issuers.values().filter_map(|issuer| match &issuer.keys {
        IssuerKeys::WorkloadApi { socket, .. } => Some((socket.clone(), Call::Jwt)),
        IssuerKeys::Discovery { .. } | IssuerKeys::Jwks(_) => None,
    });
    authorities.chain(keys).collect()
}

/// Follows one call, and makes it again whenever the Workload API goes away.
async fn follow<T: Told>(socket: PathBuf, bundles: Arc<Bundles>) {
    let (mut pause, mut heard) = (SOONEST, Instant::now());
    loop {
        let error = match Updates::open(&socket, T::METHOD).await {
            Ok(mut updates) => loop {
                match updates.next().await.and_then(|message| T::read(&message)) {
                    Ok(told) => {
                        pause = SOONEST;
                        take_up(&socket, told, &bundles);
                    }
                    Err(error) => {
                        heard = Instant::now();
                        break error;
                    }
                }
            },
            Err(error) => error,
        };
        let withdrawn = matches!(error, WorkloadError::Withdrawn);
        let too_old = T::LASTS.is_some_and(|lasts| heard.elapsed() > lasts);
        bundles.away::<T>(&socket, withdrawn || too_old);
        let call = T::METHOD;
        if withdrawn || too_old {
            warn!(socket = %socket.display(), call, %error, too_old, "what the Workload API said is dropped");
        } else {
            warn!(socket = %socket.display(), call, %error, "the Workload API is away; what it said last holds");
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LATEST);
    }
}

fn take_up<T: Told>(socket: &Path, told: T, bundles: &Bundles) {
    let summary = told.summary();
    if bundles.replace(socket, told) {
        info!(socket = %socket.display(), call = T::METHOD, %summary, "trust bundles of the Workload API taken up");
    }
}

/// How often it is looked which Workload APIs there are.
const ROUND: Duration = Duration::from_secs(1);
/// The first and the longest wait before a Workload API is called again.
const SOONEST: Duration = Duration::from_millis(200);
const LATEST: Duration = Duration::from_secs(10);
