//! A small HTTPS client for the sample integrations: one request a connection, one CA, nothing else.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Calls one server by one name.
pub(super) struct Client {
    address: SocketAddr,
    name: ServerName<'static>,
    host: String,
    tls: TlsConnector,
    /// What it calls itself.
    agent: &'static str,
}

/// What came back.
pub(super) struct Answer {
    /// The status.
    pub(super) status: StatusCode,
    /// The body, as far as it came.
    pub(super) body: Bytes,
    /// The value of `X-Forcefield-Decision`.
    pub(super) decision: String,
    /// The value of `Sforce-Locator`.
    pub(super) locator: String,
}

impl Client {
    /// A client of `https://localhost:PORT` that trusts one CA.
    pub(super) fn new(address: SocketAddr, ca_pem: &str) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
            roots.add(certificate?)?;
        }
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self {
            address,
            name: ServerName::try_from("localhost")?,
            host: format!("localhost:{}", address.port()),
            tls: TlsConnector::from(Arc::new(config)),
            agent: "forcefield-dev/1",
        })
    }

    /// The same, calling itself something else.
    pub(super) fn acting_as(mut self, agent: &'static str) -> Self {
        self.agent = agent;
        self
    }

    /// Sends one request, with a bearer token if there is one and a body of one type if there is one.
    pub(super) async fn call(
        &self,
        method: &str,
        target: &str,
        token: Option<&str>,
        body: Option<(&str, &str)>,
    ) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(target).header(header::HOST, &self.host);
        request = request.header(header::USER_AGENT, self.agent);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut bytes = Bytes::new();
        if let Some((content_type, text)) = body {
            request = request.header(header::CONTENT_TYPE, content_type);
            bytes = Bytes::copy_from_slice(text.as_bytes());
        }
        let stream = TcpStream::connect(self.address).await.context("connecting to Forcefield")?;
        let stream = self.tls.connect(self.name.clone(), stream).await.context("the TLS handshake")?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request.body(Full::new(bytes))?).await?;
        let status = answer.status();
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let header = |name: &str| header(name).unwrap_or_default().to_owned();
        let (decision, locator) = (header("x-forcefield-decision"), header("sforce-locator"));
        let body = as_far_as_it_comes(answer.into_body()).await;
        connection.abort();
        Ok(Answer { status, body, decision, locator })
    }
}

/// The body of an answer, or what of it came before it broke off or grew too large.
async fn as_far_as_it_comes(mut body: Incoming) -> Bytes {
    let mut all = BytesMut::new();
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(piece) = frame.into_data() {
            all.extend_from_slice(&piece);
        }
        if all.len() > LARGEST {
            break;
        }
    }
    all.freeze()
}

const LARGEST: usize = 16 << 20;
