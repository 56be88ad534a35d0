//! Trust bundles from SPIFFE Workload APIs: followed for as long as the process runs, the last good ones kept.
//!
//! The agent of a SPIFFE deployment (SPIRE's, for one) tells on a Unix socket which authorities a trust domain has, and
//! tells again when that changes. Each change is taken up by the listeners at once, as a changed file would be. While the
//! agent is away what it said last holds, authority by authority until its own end; before it has said anything, nobody
//! of the domain is trusted.

mod grpc;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use forcefield_config::Config;
use forcefield_config::config::TrustSource;
use rustls::pki_types::CertificateDer;
use thiserror::Error;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::service::Service;
use grpc::Updates;

/// The authorities of trust domains.
pub type Bundle = BTreeMap<String, Vec<CertificateDer<'static>>>;

/// What every Workload API said last, by its socket.
#[derive(Debug)]
pub struct Bundles {
    by_socket: ArcSwap<HashMap<PathBuf, Bundle>>,
    changes: watch::Sender<()>,
}

/// Follows the Workload APIs of the configuration in force.
pub struct Workloads {
    service: Arc<Service>,
    bundles: Arc<Bundles>,
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
    #[error("it refused with gRPC status {0}; register Forcefield as a workload of the agent")]
    Refused(String),
    /// An answer that is none.
    #[error("its answer cannot be read")]
    Unreadable,
    /// It ended the stream.
    #[error("it ended the stream")]
    Ended,
}

// === impl Bundles ===

impl Default for Bundles {
    fn default() -> Self {
        Self { by_socket: ArcSwap::default(), changes: watch::Sender::new(()) }
    }
}

impl Bundles {
    /// The authorities of a trust domain, as the Workload API at a socket said last; none when it said nothing.
    #[must_use]
    pub fn of(&self, socket: &Path, domain: &str) -> Vec<CertificateDer<'static>> {
        let bundles = self.by_socket.load();
        bundles.get(socket).and_then(|bundle| bundle.get(domain)).cloned().unwrap_or_default()
    }

    /// Wakes whenever something has changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Takes up what a Workload API says. Gives whether that is another bundle than before.
    fn replace(&self, socket: &Path, bundle: Bundle) -> bool {
        let mut all = HashMap::clone(&self.by_socket.load());
        let before = all.insert(socket.to_owned(), bundle);
        let changed = before.as_ref() != all.get(socket);
        self.by_socket.store(Arc::new(all));
        if changed {
            self.changes.send_replace(());
        }
        changed
    }
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
        let mut followed: BTreeMap<PathBuf, tokio::task::AbortHandle> = BTreeMap::new();
        // Ends all of them with itself.
        let mut following = JoinSet::new();
        loop {
            let wanted = sockets(&self.service.live.load().config);
            followed.retain(|socket, task| {
                let kept = wanted.contains(socket);
                if !kept {
                    task.abort();
                }
                kept
            });
            for socket in wanted {
                let bundles = Arc::clone(&self.bundles);
                followed
                    .entry(socket)
                    .or_insert_with_key(|socket| following.spawn(Box::pin(follow(socket.clone(), bundles))));
            }
            tokio::time::sleep(ROUND).await;
        }
    }
}

/// Where a configuration has the authorities of its trust domains from.
fn sources(config: &Config) -> impl Iterator<Item = (&String, &TrustSource)> {
    let listeners = [Some(&config.listen.proxy), config.listen.control.as_ref()];
    listeners.into_iter().flatten().flat_map(|listener| &listener.tls.trust_domains)
}

/// The sockets that a configuration names.
fn sockets(config: &Config) -> BTreeSet<PathBuf> {
    let socket = |(_, source): (&String, &TrustSource)| match source {
        TrustSource::WorkloadApi(socket) => Some(socket.clone()),
        TrustSource::Bundle(_) => None,
    };
    sources(config).filter_map(socket).collect()
}

/// Follows one Workload API, and calls it again whenever it goes away.
async fn follow(socket: PathBuf, bundles: Arc<Bundles>) {
    let mut pause = SOONEST;
    loop {
        let error = match Updates::open(&socket).await {
            Ok(mut updates) => loop {
                match updates.next().await.and_then(|message| read(&message)) {
                    Ok(bundle) => {
                        pause = SOONEST;
                        take_up(&socket, bundle, &bundles);
                    }
                    Err(error) => break error,
                }
            },
            Err(error) => error,
        };
        warn!(socket = %socket.display(), %error, "the Workload API is away; what it said last holds");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LATEST);
    }
}

fn take_up(socket: &Path, bundle: Bundle, bundles: &Bundles) {
    let authorities: Vec<String> =
        bundle.iter().map(|(domain, authorities)| format!("{domain}: {}", authorities.len())).collect();
    if bundles.replace(socket, bundle) {
        let authorities = authorities.join(", ");
        info!(socket = %socket.display(), %authorities, "trust bundles of the Workload API taken up");
    }
}

/// Reads an `X509BundlesResponse` of the SPIFFE Workload API: field 2 is a map from a trust domain to its authorities,
/// DER after DER. One that cannot be read makes the whole unreadable: it might have replaced another.
fn read(message: &[u8]) -> Result<Bundle, WorkloadError> {
    let mut bundle = Bundle::new();
    for (id, mut rest) in grpc::entries(message, BUNDLES).ok_or(WorkloadError::Unreadable)? {
        let domain = id.strip_prefix("spiffe://").unwrap_or(&id).to_owned();
        let mut authorities = Vec::new();
        while !rest.is_empty() {
            let before = rest;
            let (after, _) = X509Certificate::from_der(rest).map_err(|_| WorkloadError::Unreadable)?;
            let length = before.len() - after.len();
            let der = before.get(..length).ok_or(WorkloadError::Unreadable)?;
            authorities.push(CertificateDer::from(der.to_vec()));
            rest = after;
        }
        bundle.insert(domain, authorities);
    }
    Ok(bundle)
}

/// The number of the field of an `X509BundlesResponse`.
const BUNDLES: u64 = 2;
/// How often it is looked which Workload APIs there are.
const ROUND: Duration = Duration::from_secs(1);
/// The first and the longest wait before a Workload API is called again.
const SOONEST: Duration = Duration::from_millis(200);
const LATEST: Duration = Duration::from_secs(10);
