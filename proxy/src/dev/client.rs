//! A small HTTPS client for the sample integrations: one request a connection, one CA, nothing else.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
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
}

/// What came back.
pub(super) struct Answer {
    /// The status.
    pub(super) status: StatusCode,
    /// The body, read whole.
    pub(super) body: Bytes,
    /// The value of `X-Forcefield-Decision`.
    pub(super) decision: String,
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
        })
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
        let decision = answer.headers().get("x-forcefield-decision").and_then(|value| value.to_str().ok());
        let decision = decision.unwrap_or_default().to_owned();
        let body = Limited::new(answer.into_body(), 16 << 20).collect().await;
        connection.abort();
        let body = body.map_err(|error| anyhow::anyhow!("reading the answer: {error}"))?.to_bytes();
        Ok(Answer { status, body, decision })
    }
}
