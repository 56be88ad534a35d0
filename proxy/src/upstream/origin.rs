//! One org's host: how to reach it, and how to know that it is the one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use forcefield_config::config::{Org, OrgUrl};
use http::HeaderValue;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::via::Via;
use super::{UpstreamError, Waiting};
use crate::front::expiry;

/// Where an org is reached, and the TLS that it is reached by.
///
/// Every org has TLS settings of its own, shared by its lanes, so that sessions resume.
pub struct Origin {
    name: String,
    host: String,
    port: u16,
    authority: HeaderValue,
    server_name: ServerName<'static>,
    connector: TlsConnector,
    /// The proxy that it is reached through.
    via: Option<Via>,
    /// When the certificate that is shown to it ends, in seconds since 1970.
    shown_until: Option<u64>,
    /// What it was built from, to tell a change from a reload of the same.
    fingerprint: [u8; 32],
}

/// An org whose settings cannot be used.
#[derive(Debug, Error)]
pub enum OriginError {
    /// Its host is not a name.
    #[error("the host of the org `{0}` is not a host name")]
    Host(String),
    /// Its CA bundle cannot be read.
    #[error("`ca` of the org `{0}` holds no usable certificate")]
    Ca(String),
    /// The certificate to show it cannot be read, or its key does not fit.
    #[error("`client_certificate` of the org `{0}` is not a PEM certificate with its key")]
    ClientCertificate(String),
    /// Its proxy is not one.
    #[error("`https_proxy` of the org `{0}` is not `http://`, a host and a port")]
    Proxy(String),
    /// rustls refused the whole.
    #[error("the TLS settings of the org `{0}` cannot be used")]
    Rustls(String, #[source] rustls::Error),
}

// === impl Origin ===

impl Origin {
    /// Reaches an org: `ca` in place of the public authorities, `client_certificate` as chain and key. All PEM.
    ///
    /// # Errors
    /// When any of it cannot be used.
    pub fn build(
        org: &Org,
        ca: Option<&[u8]>,
        client_certificate: Option<(&[u8], &[u8])>,
    ) -> Result<Self, OriginError> {
        Self::at(&org.name, &org.url, org.https_proxy.as_deref(), ca, client_certificate)
    }

    /// The same of what is no org.
    ///
    /// # Errors
    /// When any of it cannot be used.
    pub fn at(
        name: &str,
        url: &OrgUrl,
        proxy: Option<&str>,
        ca: Option<&[u8]>,
        client_certificate: Option<(&[u8], &[u8])>,
    ) -> Result<Self, OriginError> {
        let name = || name.to_owned();
        let roots = match ca {
            None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
            Some(pem) => bundle(pem).ok_or_else(|| OriginError::Ca(name()))?,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OriginError::Rustls(name(), error))?
            .with_root_certificates(roots);
        let mut shown_until = None;
        let mut config = match client_certificate {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(chain).collect();
                let unusable = || OriginError::ClientCertificate(name());
                let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(unusable)?;
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| unusable())?;
                shown_until = expiry(&chain);
                builder.with_client_auth_cert(chain, key).map_err(|_| unusable())?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let authority = url.authority();
        let via = proxy.map(|url| Via::parse(url).ok_or_else(|| OriginError::Proxy(name()))).transpose()?;
        Ok(Self {
            host: url.host.clone(),
            port: url.port,
            authority: HeaderValue::from_str(&authority).map_err(|_| OriginError::Host(name()))?,
            server_name: ServerName::try_from(url.host.clone()).map_err(|_| OriginError::Host(name()))?,
            connector: TlsConnector::from(Arc::new(config)),
            via,
            shown_until,
            fingerprint: fingerprint(&authority, proxy, ca, client_certificate),
            name: name(),
        })
    }

    /// The name of the org.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When the certificate that is shown to it ends, in seconds since 1970, if one is.
    pub(super) fn shown_until(&self) -> Option<u64> {
        self.shown_until
    }

    /// The `Host` header of requests.
    pub(super) fn authority(&self) -> &HeaderValue {
        &self.authority
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.name == other.name && self.fingerprint == other.fingerprint
    }

    /// A new connection, verified.
    pub(crate) async fn dial(&self, deadline: Duration) -> Result<TlsStream<TcpStream>, UpstreamError> {
        let dial = async {
            let stream = match &self.via {
                None => TcpStream::connect((self.host.as_str(), self.port)).await?,
                Some(via) => Box::pin(via.open(&self.host, self.port)).await?,
            };
            stream.set_nodelay(true)?;
            self.connector.connect(self.server_name.clone(), stream).await
        };
        match timeout(deadline, dial).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(UpstreamError::Unreachable(error)),
            Err(_) => Err(UpstreamError::TimedOut(Waiting::Connect)),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Origin({} at {:?})", self.name, self.authority)
    }
}

fn bundle(pem: &[u8]) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.ok()?).ok()?;
    }
    (!roots.is_empty()).then_some(roots)
}

/// A digest of the settings. Each part is preceded by its length, so that no two settings run together.
fn fingerprint(
    authority: &str,
    proxy: Option<&str>,
    ca: Option<&[u8]>,
    client: Option<(&[u8], &[u8])>,
) -> [u8; 32] {
    let mut digest = digest::Context::new(&digest::SHA256);
    let (chain, key) = client.unzip();
    for part in [Some(authority.as_bytes()), proxy.map(str::as_bytes), ca, chain, key] {
        digest.update(&part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
        digest.update(part.unwrap_or_default());
    }
    let mut fingerprint = [0; 32];
    fingerprint.copy_from_slice(digest.finish().as_ref());
    fingerprint
}
