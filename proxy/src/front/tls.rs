//! What a listener shows and whom it trusts: built whole from PEM, swapped whole on reload.
//!
//! rustls does not ask a verifier again when a session is resumed, so a removed client CA would live on in old
//! sessions. Each [`TlsState`] therefore has ticket keys and a session store of its own: a session begun under one
//! state means nothing under the next. Connections that are already open compare their generation with the current
//! one and verify their certificate again when it differs.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::RootCertStore;
use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    ClientHello, ParsedCertificate, ResolvesServerCert, ServerConfig, ServerSessionMemoryCache,
    WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use tokio::sync::watch;

use super::svid::{TrustDomain, TrustDomains};

/// The TLS of one listener, replaceable while it serves.
#[derive(Debug)]
pub struct Trust {
    state: ArcSwap<TlsState>,
    generation: watch::Sender<u64>,
}

/// One complete set of certificates and trust.
pub struct TlsState {
    config: Arc<ServerConfig>,
    certificates: Arc<Certificates>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
    domains: Option<Arc<TrustDomains>>,
    shown_until: ShownUntil,
    generation: u64,
}

/// When the certificates of a listener end, in seconds since 1970; `None` for there is none, or it cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShownUntil {
    /// The one that is shown when no name fits.
    pub own: Option<u64>,
    /// The first of those that are chosen by name.
    pub named: Option<u64>,
}

/// What a listener's TLS is built from. All of it is PEM.
pub struct TlsMaterial<'a> {
    /// The chain shown when no other name fits.
    pub certificate: &'a [u8],
    /// Its private key.
    pub key: &'a [u8],
    /// The CAs of client certificates; `None` asks for none.
    pub client_ca: Option<&'a [u8]>,
    /// The trust domains of SVIDs, as far as they are known; `None` leaves SVIDs to `client_ca`.
    pub trust_domains: Option<&'a [TrustDomain]>,
    /// Further chains, chosen by SNI.
    pub named: Vec<NamedMaterial<'a>>,
}

/// A chain for names of its own, PEM.
pub struct NamedMaterial<'a> {
    /// Host names; `*.` stands for one label.
    pub names: &'a [String],
    /// The chain.
    pub certificate: &'a [u8],
    /// Its private key.
    pub key: &'a [u8],
}

/// Material that cannot be served. Holds none of it.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The chain is not PEM, or holds no certificate.
    #[error("the certificate of {0} is not PEM with at least one `CERTIFICATE` block")]
    Certificate(String),
    /// The key is not PEM, or of a kind that is not supported.
    #[error(
        "the key of {0} is not one PEM private key of a supported kind (RSA, P-256, P-384, P-521, Ed25519)"
    )]
    Key(String),
    /// The key belongs to another certificate.
    #[error("the key of {0} does not belong to its certificate")]
    Mismatch(String),
    /// The client CAs cannot be used.
    #[error("the client CA bundle holds no usable certificate")]
    ClientCa,
    /// An authority of a trust domain cannot be used.
    #[error(
        "the bundle of the trust domain `{0}` holds a certificate or a revocation list that cannot be used"
    )]
    TrustDomain(String),
    /// A name that is not a host name.
    #[error("`{0}` is not a host name; write `name.example` or `*.name.example`")]
    Name(String),
    /// One name for two certificates.
    #[error("the name `{0}` has two certificates")]
    Repeated(String),
    /// rustls refused the whole.
    #[error("the TLS settings cannot be used")]
    Rustls(#[from] rustls::Error),
}

// === impl Trust ===

impl Trust {
    /// Serves `state` until it is replaced.
    #[must_use]
    pub fn new(state: TlsState) -> Self {
        let (generation, _) = watch::channel(state.generation);
        Self { state: ArcSwap::from_pointee(state), generation }
    }

    /// Replaces everything at once. New handshakes use `next`, old sessions cannot be resumed, and open connections
    /// whose certificate it does not trust are closed.
    pub fn replace(&self, mut next: TlsState) {
        self.generation.send_modify(|generation| {
            *generation += 1;
            next.generation = *generation;
            self.state.store(Arc::new(next));
        });
    }

    /// What is served now.
    #[must_use]
    pub fn current(&self) -> Arc<TlsState> {
        self.state.load_full()
    }

    /// The generation of what is served now.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.state.load().generation
    }

    /// Wakes whenever the generation changes.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.generation.subscribe()
    }
}

// === impl TlsState ===

impl TlsState {
    /// Builds the state: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1, client certificates asked for but not required.
    ///
    /// # Errors
    /// When any of the material cannot be used.
    pub fn build(material: &TlsMaterial<'_>) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let clients = material.client_ca.map(|pem| client_verifier(pem, &provider)).transpose()?;
        let domains = match material.trust_domains {
            None => None,
            Some(domains) => Some(Arc::new(TrustDomains::new(domains, clients.clone(), &provider)?)),
        };
        let clients = domains.clone().map(|domains| domains as _).or(clients);
        let certificates = Arc::new(Certificates::new(material, &provider)?);
        let shown_until = certificates.shown_until();
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let builder = match &clients {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::clone(&certificates) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.session_storage = ServerSessionMemoryCache::new(RESUMABLE_SESSIONS);
        config.ticketer = aws_lc_rs::Ticketer::new()?;
        Ok(Self { config: Arc::new(config), certificates, clients, domains, shown_until, generation: 0 })
    }

    /// For the acceptor.
    #[must_use]
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// When what it shows ends.
    #[must_use]
    pub fn shown_until(&self) -> ShownUntil {
        self.shown_until
    }

    /// Its trust domains, each with how many of its authorities have not ended at a time in seconds since 1970.
    pub fn authorities(&self, now: u64) -> impl Iterator<Item = (&str, usize)> {
        self.domains.iter().flat_map(move |domains| domains.authorities(now))
    }

    /// Counts replacements of the listener's trust.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Whether a host, a name or an IP address without brackets, is one that its certificates are for.
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        let Ok(name) = ServerName::try_from(host) else { return false };
        let key = self.certificates.of(host).unwrap_or(&self.certificates.otherwise);
        let leaf = key.cert.first().map(ParsedCertificate::try_from);
        leaf.is_some_and(|leaf| leaf.is_ok_and(|leaf| verify_server_name(&leaf, &name).is_ok()))
    }

    /// Whether a client's chain, leaf first, is trusted now.
    #[must_use]
    pub fn trusts(&self, chain: &[CertificateDer<'static>]) -> bool {
        let (Some(verifier), Some((leaf, rest))) = (&self.clients, chain.split_first()) else { return false };
        verifier.verify_client_cert(leaf, rest, UnixTime::now()).is_ok()
    }
}

impl fmt::Debug for TlsState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsState").field("generation", &self.generation).finish_non_exhaustive()
    }
}

fn client_verifier(
    pem: &[u8],
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| TlsError::ClientCa)?;
        roots.add(certificate).map_err(|_| TlsError::ClientCa)?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .allow_unauthenticated()
        .build()
        .map_err(|_| TlsError::ClientCa)
}

/// The certificates of a listener, by the name that the client asks for.
#[derive(Debug)]
struct Certificates {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows the first label, its dot included.
    wildcard: HashMap<String, Arc<CertifiedKey>>,
    otherwise: Arc<CertifiedKey>,
}

// === impl Certificates ===

impl Certificates {
    fn new(material: &TlsMaterial<'_>, provider: &CryptoProvider) -> Result<Self, TlsError> {
        let otherwise = certified("the listener", material.certificate, material.key, provider)?;
        let mut all =
            Self { exact: HashMap::new(), wildcard: HashMap::new(), otherwise: Arc::new(otherwise) };
        for named in &material.named {
            let whose = format!("`{}`", named.names.join("`, `"));
            let key = Arc::new(certified(&whose, named.certificate, named.key, provider)?);
            for name in named.names {
                all.name(name, Arc::clone(&key))?;
            }
        }
        Ok(all)
    }

    fn name(&mut self, name: &str, key: Arc<CertifiedKey>) -> Result<(), TlsError> {
        let folded = name.to_ascii_lowercase();
        let (names, plain) = match folded.strip_prefix('*') {
            Some(suffix) => (&mut self.wildcard, suffix.strip_prefix('.').unwrap_or_default()),
            None => (&mut self.exact, folded.as_str()),
        };
        let label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        if !plain.split('.').all(label) {
            return Err(TlsError::Name(name.to_owned()));
        }
        let entry = folded.strip_prefix('*').unwrap_or(&folded).to_owned();
        match names.insert(entry, key) {
            None => Ok(()),
            Some(_) => Err(TlsError::Repeated(name.to_owned())),
        }
    }

    fn shown_until(&self) -> ShownUntil {
        let named = self.exact.values().chain(self.wildcard.values()).filter_map(|key| expiry(&key.cert));
        ShownUntil { own: expiry(&self.otherwise.cert), named: named.min() }
    }

    fn of(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        let wildcard = || self.wildcard.get(name.get(name.find('.')?..)?);
        self.exact.get(&name).or_else(wildcard)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.of(name));
        Some(Arc::clone(named.unwrap_or(&self.otherwise)))
    }
}

/// When the first certificate of a chain ends, in seconds since 1970; `None` when one cannot be read.
pub(crate) fn expiry(chain: &[CertificateDer<'_>]) -> Option<u64> {
    let end = |certificate: &CertificateDer<'_>| {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        u64::try_from(parsed.validity().not_after.timestamp()).ok()
    };
    let ends: Option<Vec<u64>> = chain.iter().map(end).collect();
    ends?.into_iter().min()
}

fn certified(
    whose: &str,
    certificate: &[u8],
    key: &[u8],
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| TlsError::Certificate(whose.to_owned()))?;
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Key(whose.to_owned()))?;
    let key = provider.key_provider.load_private_key(key).map_err(|_| TlsError::Key(whose.to_owned()))?;
    let certified = CertifiedKey::new(chain, key);
    certified.keys_match().map_err(|_| TlsError::Mismatch(whose.to_owned()))?;
    Ok(certified)
}

/// TLS 1.2 sessions that are remembered; TLS 1.3 needs none, its tickets carry them.
const RESUMABLE_SESSIONS: usize = 4096;
