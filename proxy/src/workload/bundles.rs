//! What Workload APIs said last.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use arc_swap::ArcSwap;
use forcefield_identity::{InvalidKeySet, KeySet};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use tokio::sync::watch;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::{Call, WorkloadError, grpc};
use crate::front::TrustDomain;

/// What every Workload API said last.
#[derive(Debug)]
pub struct Bundles {
    x509: Said<X509Bundles>,
    jwt: Said<JwtBundles>,
    changes: watch::Sender<()>,
}

/// What is said in answer to one call, by socket.
pub(super) type Said<T> = ArcSwap<HashMap<PathBuf, Last<T>>>;

/// What one Workload API said last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Last<T> {
    told: T,
    /// Whether it would tell of a change.
    is_followed: bool,
}

/// An answer to one of the calls: each says everything there is to say.
pub(super) trait Told: Clone + Default + PartialEq + Send + Sync + 'static {
    /// The call.
    const METHOD: &'static str;
    /// For how long it holds while the Workload API is away, where nothing in it says so itself.
    const LASTS: Option<Duration>;

    /// Reads it. What cannot be read makes the whole unreadable: it might have replaced another.
    fn read(message: &[u8]) -> Result<Self, WorkloadError>;

    /// What of it, and how much, for the log.
    fn summary(&self) -> String;

    /// Where it is kept.
    fn kept(bundles: &Bundles) -> &Said<Self>;
}

/// An `X509BundlesResponse`: authorities by trust domain, and what any of them have revoked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct X509Bundles {
    authorities: BTreeMap<String, Vec<CertificateDer<'static>>>,
    revoked: Vec<CertificateRevocationListDer<'static>>,
}

/// A `JWTBundlesResponse`: JWK Sets with a usable key, by trust domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct JwtBundles(BTreeMap<String, Vec<u8>>);

// === impl Bundles ===

impl Default for Bundles {
    fn default() -> Self {
        Self { x509: Said::default(), jwt: Said::default(), changes: watch::Sender::new(()) }
    }
}

impl Bundles {
    /// A trust domain, as the Workload API at a socket told it last; without authorities when it said nothing.
    #[must_use]
    pub fn trust_domain(&self, socket: &Path, name: &str) -> TrustDomain {
        let said = self.x509.load();
        let told = said.get(socket).map(|last| &last.told);
        TrustDomain {
            name: name.to_owned(),
            authorities: told.and_then(|told| told.authorities.get(name)).cloned().unwrap_or_default(),
            revoked: told.map(|told| told.revoked.clone()).unwrap_or_default(),
        }
    }

    /// The keys of a trust domain's JWT-SVIDs, as the Workload API at a socket told them last.
    #[must_use]
    pub fn keys(&self, socket: &Path, domain: &str) -> Option<KeySet> {
        KeySet::read(self.jwt.load().get(socket)?.told.0.get(domain)?).ok()
    }

    /// Whether the Workload API at a socket would tell of a change.
    #[must_use]
    pub fn is_followed(&self, socket: &Path, call: Call) -> bool {
        match call {
            Call::X509 => self.x509.load().get(socket).is_some_and(|last| last.is_followed),
            Call::Jwt => self.jwt.load().get(socket).is_some_and(|last| last.is_followed),
        }
    }

    /// Wakes whenever something has changed.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Takes up what a Workload API says. Gives whether that is other than before.
    pub(super) fn replace<T: Told>(&self, socket: &Path, told: T) -> bool {
        self.put(socket, Last { told, is_followed: true })
    }

    /// Notes that a Workload API is away, and drops what it said if that is not to hold any longer.
    pub(super) fn away<T: Told>(&self, socket: &Path, is_dropped: bool) {
        let said = T::kept(self).load();
        let told = said.get(socket).filter(|_| !is_dropped).map(|last| last.told.clone());
        self.put(socket, Last { told: told.unwrap_or_default(), is_followed: false });
    }

    fn put<T: Told>(&self, socket: &Path, last: Last<T>) -> bool {
        let mut changed = false;
        T::kept(self).rcu(|said| {
            let before = said.get(socket).map(|before| &before.told);
            changed = before.map_or(last.told != T::default(), |before| *before != last.told);
            let mut all = HashMap::clone(said);
            all.insert(socket.to_owned(), last.clone());
            all
        });
        if changed {
            self.changes.send_replace(());
        }
        changed
    }
}

// === impl X509Bundles ===

impl Told for X509Bundles {
    const METHOD: &'static str = "FetchX509Bundles";
    /// Authorities end by themselves, and so do lists of what is revoked.
    const LASTS: Option<Duration> = None;

    fn read(message: &[u8]) -> Result<Self, WorkloadError> {
        let unreadable = || WorkloadError::Unreadable;
        let lists = grpc::values(message, REVOKED).ok_or_else(unreadable)?;
        let revoked: Vec<_> =
            lists.into_iter().map(|list| CertificateRevocationListDer::from(list.to_vec())).collect();
        let mut authorities = BTreeMap::new();
        for (id, ders) in grpc::entries(message, X509_BUNDLES).ok_or_else(unreadable)? {
            let name = domain(&id);
            let own = certificates(ders).ok_or_else(unreadable)?;
            let domain = TrustDomain { name: name.clone(), authorities: own, revoked: revoked.clone() };
            if !domain.is_usable() {
                return Err(unreadable());
            }
            authorities.insert(name, domain.authorities);
        }
        Ok(Self { authorities, revoked })
    }

    fn summary(&self) -> String {
        let count = |(domain, all): (&String, &Vec<_>)| format!("{domain}: {}", all.len());
        let authorities: Vec<String> = self.authorities.iter().map(count).collect();
        format!("{}; revocation lists: {}", authorities.join(", "), self.revoked.len())
    }

    fn kept(bundles: &Bundles) -> &Said<Self> {
        &bundles.x509
    }
}

// === impl JwtBundles ===

impl Told for JwtBundles {
    const METHOD: &'static str = "FetchJWTBundles";
    const LASTS: Option<Duration> = Some(Duration::from_secs(24 * 3600));

    fn read(message: &[u8]) -> Result<Self, WorkloadError> {
        let mut sets = BTreeMap::new();
        for (id, jwks) in grpc::entries(message, JWT_BUNDLES).ok_or(WorkloadError::Unreadable)? {
            match KeySet::read(jwks) {
                Ok(_) => {
                    sets.insert(domain(&id), jwks.to_vec());
                }
                // A trust domain that signs no JWT-SVIDs.
                Err(InvalidKeySet::NoKey) => {}
                Err(InvalidKeySet::NotASet | InvalidKeySet::TooMany) => {
                    return Err(WorkloadError::Unreadable);
                }
            }
        }
        Ok(Self(sets))
    }

    fn summary(&self) -> String {
        self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    fn kept(bundles: &Bundles) -> &Said<Self> {
        &bundles.jwt
    }
}

/// The name of a trust domain, by its SPIFFE ID.
fn domain(id: &str) -> String {
    id.strip_prefix("spiffe://").unwrap_or(id).to_owned()
}

/// Certificates, DER after DER.
fn certificates(mut rest: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let mut certificates = Vec::new();
    while !rest.is_empty() {
        let (after, _) = X509Certificate::from_der(rest).ok()?;
        let der = rest.get(..rest.len() - after.len())?;
        certificates.push(CertificateDer::from(der.to_vec()));
        rest = after;
    }
    Some(certificates)
}

/// The numbers of the fields of an `X509BundlesResponse` and of a `JWTBundlesResponse`.
const REVOKED: u64 = 1;
const X509_BUNDLES: u64 = 2;
const JWT_BUNDLES: u64 = 1;
