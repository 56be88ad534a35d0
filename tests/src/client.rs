//! An HTTPS client that shows what it got, and can misbehave where a test needs it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioExecutor;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::pki::Pem;
use crate::watch::{Watch, Watched};

/// A caller: an address, a name, and perhaps a certificate and a token, a proxy, an address of its own.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    host: String,
    tls: Arc<ClientConfig>,
    token: Option<String>,
    headers: Vec<(String, String)>,
    /// The CONNECT proxy, and what it is asked for.
    through: Option<(SocketAddr, String)>,
    /// Where it calls from.
    source: Option<IpAddr>,
    /// Who searches what it gets.
    watch: Option<Arc<Watch>>,
}

/// One connection for several requests.
pub struct Lasting {
    client: Client,
    sender: Sender,
}

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1, kept alive.
    Http1,
    /// HTTP/2.
    Http2,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body; what had come when it broke off, if it did.
    pub body: Bytes,
    /// Whether the body came to its end.
    pub complete: bool,
}

/// An answer that is read piece by piece.
pub struct Download {
    answer: http::Response<hyper::body::Incoming>,
    // The connection ends when nobody can send on it.
    _sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
}

impl Download {
    /// The status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.answer.status().as_u16()
    }

    /// The next piece: `None` at the end, an error when it broke off.
    pub async fn next(&mut self) -> Option<Result<Bytes>> {
        let frame = self.answer.body_mut().frame().await?;
        Some(frame.map(|frame| frame.into_data().unwrap_or_default()).map_err(Into::into))
    }
}

impl Client {
    /// A caller that trusts one CA and shows a certificate or none.
    ///
    /// # Errors
    /// When a PEM text cannot be used.
    pub fn new(address: SocketAddr, ca_pem: &str, certificate: Option<&Pem>) -> Result<Self> {
        let mut roots = RootCertStore::empty();
        for ca in CertificateDer::pem_slice_iter(ca_pem.as_bytes()) {
            roots.add(ca?)?;
        }
        let builder = ClientConfig::builder().with_root_certificates(roots);
        let tls = match certificate {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let chain =
                    CertificateDer::pem_slice_iter(pem.certificate.as_bytes()).collect::<Result<_, _>>()?;
                builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(pem.key.as_bytes())?)?
            }
        };
        let host = format!("localhost:{}", address.port());
        Ok(Self {
            address,
            host,
            tls: Arc::new(tls),
            token: None,
            headers: Vec::new(),
            through: None,
            source: None,
            watch: None,
        })
    }

    /// The same caller, whose answers are searched for what must not be in them.
    #[must_use]
    pub(crate) fn watched(mut self, watch: &Arc<Watch>) -> Self {
        self.watch = Some(Arc::clone(watch));
        self
    }

    /// The same caller with a bearer token.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// The same caller with one more header on every request.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same caller, naming another host.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// The same caller, in tunnels through a CONNECT proxy to `host:port`, naming that host.
    #[must_use]
    pub fn through(mut self, proxy: SocketAddr, target: &str) -> Self {
        self.host = target.trim_end_matches(":443").to_owned();
        self.through = Some((proxy, target.to_owned()));
        self
    }

    /// The same caller from another address.
    #[must_use]
    pub fn from(mut self, source: IpAddr) -> Self {
        self.source = Some(source);
        self
    }

    /// The token it holds.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// `GET`.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn get(&self, target: &str) -> Result<Reply> {
        self.send("GET", target, None).await
    }

    /// `DELETE`.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn delete(&self, target: &str) -> Result<Reply> {
        self.send("DELETE", target, None).await
    }

    /// A query of SOQL.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn query(&self, soql: &str) -> Result<Reply> {
        self.get(&format!("/services/data/v62.0/query?q={}", encode(soql))).await
    }

    /// A request with a JSON body.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn json(&self, method: &str, target: &str, body: &serde_json::Value) -> Result<Reply> {
        self.send(method, target, Some(("application/json", body.to_string().into()))).await
    }

    /// A request with a form.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn form(&self, target: &str, pairs: &[(&str, &str)]) -> Result<Reply> {
        let pairs: Vec<String> =
            pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.send("POST", target, Some(("application/x-www-form-urlencoded", pairs.join("&").into()))).await
    }

    /// Any request, over a connection of its own.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn send(&self, method: &str, target: &str, body: Option<(&str, Bytes)>) -> Result<Reply> {
        let request = self.request(method, target, body)?;
        let stream = self.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request).await.context("no answer came")?;
        let reply = Reply::read(answer, self.watch.as_deref()).await;
        connection.abort();
        Ok(reply)
    }

    /// A request with the headers given, whatever they are, and a body, over a connection of its own.
    ///
    /// # Errors
    /// When it cannot be sent, or no answer came.
    pub async fn raw(
        &self,
        method: &str,
        target: &str,
        headers: &[(String, Vec<u8>)],
        body: Bytes,
    ) -> Result<Reply> {
        let mut request = self.request(method, target, None)?.map(|_| Full::new(body));
        for (name, value) in headers {
            request.headers_mut().append(
                http::HeaderName::from_bytes(name.as_bytes())?,
                http::HeaderValue::from_bytes(value)?,
            );
        }
        let stream = self.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let answer = sender.send_request(request).await.context("no answer came")?;
        let reply = Reply::read(answer, self.watch.as_deref()).await;
        connection.abort();
        Ok(reply)
    }

    /// One connection for several requests.
    ///
    /// # Errors
    /// When there is none, or the other side does not speak the protocol.
    pub async fn open(&self, protocol: Protocol) -> Result<Lasting> {
        let mut tls = (*self.tls).clone();
        tls.alpn_protocols = match protocol {
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
            Protocol::Http2 => vec![b"h2".to_vec()],
        };
        let client = Self { tls: Arc::new(tls), ..self.clone() };
        let io = TokioIo::new(Box::pin(client.connect()).await?);
        let sender = match protocol {
            Protocol::Http1 => {
                let (sender, connection) = http1::handshake(io).await?;
                tokio::spawn(connection);
                Sender::Http1(sender)
            }
            Protocol::Http2 => {
                let (sender, connection) = Box::pin(http2::handshake(TokioExecutor::new(), io)).await?;
                tokio::spawn(connection);
                Sender::Http2(sender)
            }
        };
        Ok(Lasting { client, sender })
    }

    fn request(
        &self,
        method: &str,
        target: &str,
        body: Option<(&str, Bytes)>,
    ) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::builder().method(method).uri(target).header(header::HOST, &self.host);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let mut bytes = Bytes::new();
        if let Some((content_type, body)) = body {
            request = request.header(header::CONTENT_TYPE, content_type);
            bytes = body;
        }
        Ok(request.body(Full::new(bytes))?)
    }

    /// `GET`, to be read piece by piece.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn download(&self, target: &str) -> Result<Download> {
        let request = self.request("GET", target, None)?;
        let stream = self.connect().await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let answer = sender.send_request(request).await?;
        Ok(Download { answer, _sender: sender })
    }

    /// `GET`, counting the bytes of the answer without keeping them.
    ///
    /// # Errors
    /// When the answer is not a success, or breaks off.
    pub async fn discard(&self, target: &str) -> Result<u64> {
        let mut request = Request::builder().uri(target).header(header::HOST, &self.host);
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let stream = self.connect().await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let answer = sender.send_request(request.body(Full::new(Bytes::new()))?).await?;
        if !answer.status().is_success() {
            anyhow::bail!("answered {}", answer.status());
        }
        let (mut body, mut received) = (answer.into_body(), 0);
        while let Some(frame) = body.frame().await {
            received += frame?.data_ref().map_or(0, Bytes::len) as u64;
        }
        Ok(received)
    }

    /// A TLS connection, for requests that no well-behaved client sends.
    ///
    /// # Errors
    /// When the handshake fails.
    pub async fn connect(&self) -> Result<Watched<TlsStream<TcpStream>>> {
        let address = self.through.as_ref().map_or(self.address, |(proxy, _)| *proxy);
        let mut stream = match self.source {
            None => TcpStream::connect(address).await.context("connecting")?,
            Some(source) => {
                let socket = if source.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
                socket.bind(SocketAddr::new(source, 0))?;
                socket.connect(address).await.context("connecting")?
            }
        };
        let mut name = "localhost".to_owned();
        if let Some((_, target)) = &self.through {
            tunnel(&mut stream, target).await?;
            target.split(':').next().unwrap_or_default().clone_into(&mut name);
        }
        let name = ServerName::try_from(name)?;
        let stream = TlsConnector::from(Arc::clone(&self.tls)).connect(name, stream).await?;
        Ok(Watched::new(stream, self.watch.clone()))
    }
}

impl Lasting {
    /// `GET`.
    ///
    /// # Errors
    /// When no answer came, such as when the connection has ended.
    pub async fn get(&mut self, target: &str) -> Result<Reply> {
        let mut request = self.client.request("GET", target, None)?;
        let answer = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                *request.uri_mut() = format!("https://{}{target}", self.client.host).parse()?;
                request.headers_mut().remove(header::HOST);
                sender.ready().await?;
                sender.send_request(request).await
            }
        };
        Ok(Reply::read(answer.context("no answer came")?, self.client.watch.as_deref()).await)
    }
}

/// Opens a tunnel.
async fn tunnel(stream: &mut TcpStream, target: &str) -> Result<()> {
    stream.write_all(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.context("no answer to CONNECT")?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if head.starts_with("HTTP/1.1 200 ") { Ok(()) } else { anyhow::bail!("no tunnel: {head}") }
}

impl Reply {
    async fn read(answer: http::Response<hyper::body::Incoming>, watch: Option<&Watch>) -> Self {
        let (head, mut body) = answer.into_parts();
        let (mut received, mut complete) = (Vec::new(), true);
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => received.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
                Err(_) => complete = false,
            }
        }
        let reply =
            Self { status: head.status.as_u16(), headers: head.headers, body: received.into(), complete };
        if let Some(watch) = watch {
            watch.reply(&reply);
        }
        reply
    }

    /// The body as JSON, `null` when it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's value, empty when it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Whether the status is a success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        StatusCode::from_u16(self.status).is_ok_and(|status| status.is_success())
    }
}

/// Percent-encodes a query-string value.
#[must_use]
pub fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
