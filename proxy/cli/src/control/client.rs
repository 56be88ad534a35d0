//! One call of the control API over TLS.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use forcefield_control::wire::ActionRequest;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

/// A way to the control listener, as somebody.
pub(super) struct Client {
    address: String,
    name: ServerName<'static>,
    tls: Arc<ClientConfig>,
    token: Option<HeaderValue>,
}

/// How the control listener is known.
pub(super) enum Trust {
    /// By a CA, PEM, and its name.
    Authority(Zeroizing<Vec<u8>>),
    /// By its certificate itself, PEM, whatever its names and issuer.
    Exactly(Zeroizing<Vec<u8>>),
}

/// Who calls.
pub(super) enum Credential {
    Token(Zeroizing<Vec<u8>>),
    /// A chain and its key, PEM.
    Certificate(Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>),
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

// === impl Client ===

impl Client {
    /// `address` is host and port, `name` the host alone.
    pub(super) fn new(
        (address, name): (String, String),
        trust: &Trust,
        credential: Credential,
    ) -> Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions()?.dangerous();
        let builder = builder.with_custom_certificate_verifier(trust.verifier(&provider)?);
        let (tls, token) = match credential {
            Credential::Token(token) => {
                let token = token.trim_ascii();
                let bearer = Zeroizing::new([b"Bearer ", token].concat());
                let mut header =
                    HeaderValue::from_bytes(&bearer).context("the token is not one line of text")?;
                header.set_sensitive(true);
                (builder.with_no_client_auth(), Some(header))
            }
            Credential::Certificate(chain, key) => {
                let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&chain)
                    .collect::<Result<_, _>>()
                    .context("the certificate is not PEM")?;
                let key = PrivateKeyDer::from_pem_slice(&key).context("the key is not PEM")?;
                (builder.with_client_auth_cert(chain, key)?, None)
            }
        };
        let name = ServerName::try_from(name).context("the host of --control is not a name or address")?;
        Ok(Self { address, name, tls: Arc::new(tls), token })
    }

    pub(super) fn get(&self, path: &str) -> Result<Reply> {
        self.call(Method::GET, path, Bytes::new())
    }

    pub(super) fn post(&self, path: &str, request: &ActionRequest) -> Result<Reply> {
        self.call(Method::POST, path, serde_json::to_vec(request)?.into())
    }

    fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Reply> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let called =
            runtime.block_on(async { tokio::time::timeout(WHOLE, self.send(method, path, body)).await });
        called.context(
            "the control listener did not answer in time; look whether it was done, and repeat it safely",
        )?
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> Result<Reply> {
        let reaching = || format!("cannot reach the control listener at {}", self.address);
        let stream = tokio::time::timeout(CONNECT, TcpStream::connect(&self.address)).await;
        let stream = stream.with_context(reaching)?.with_context(reaching)?;
        let tls = TlsConnector::from(Arc::clone(&self.tls)).connect(self.name.clone(), stream).await;
        let io = TokioIo::new(tls.with_context(reaching)?);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await?;
        let connection = tokio::spawn(connection);
        let mut request = Request::builder().method(&method).uri(path).header(HOST, &self.address);
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        if method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let answer = sender.send_request(request.body(Full::new(body))?).await.with_context(reaching)?;
        let (head, body) = answer.into_parts();
        let Ok(body) = Limited::new(body, LARGEST).collect().await else {
            bail!("the answer broke off, or is too large");
        };
        connection.abort();
        Ok(Reply { status: head.status, body: body.to_bytes() })
    }
}

impl Reply {
    pub(super) fn is_success(&self) -> bool {
        self.status.is_success()
    }
}

// === impl Trust ===

impl Trust {
    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>> {
        match self {
            Self::Authority(pem) => {
                let mut roots = RootCertStore::empty();
                for ca in CertificateDer::pem_slice_iter(pem) {
                    roots.add(ca.context("the CA is not PEM")?)?;
                }
                let roots =
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
                Ok(roots.build().context("the CA holds no usable certificate")?)
            }
            Self::Exactly(pem) => {
                let certificate = CertificateDer::from_pem_slice(pem);
                let certificate = certificate.context("the certificate of `listen.control` is not PEM")?;
                Ok(Arc::new(Exactly { certificate, provider: Arc::clone(provider) }))
            }
        }
    }
}

/// Accepts one certificate and no other: the one that the configuration on this host names.
struct Exactly {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Exactly {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *shown == self.certificate {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl fmt::Debug for Exactly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exactly")
    }
}

const CONNECT: Duration = Duration::from_secs(10);
const WHOLE: Duration = Duration::from_secs(60);
const LARGEST: usize = 32 << 20;
