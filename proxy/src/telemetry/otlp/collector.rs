//! The collector: one connection at a time, one request at a time, each within a deadline.

use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use forcefield_config::config::{CollectorUrl, OrgUrl, Telemetry};
use forcefield_credentials::{Secret, Secrets};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::upstream::{Origin, UpstreamError};

/// Where things are sent.
pub(super) struct Collector {
    settings: Telemetry,
    secrets: Secrets,
    connection: Option<Connection>,
}

/// A connection, and the headers of requests on it.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    headers: HeaderMap,
}

/// Why something was not taken.
#[derive(Debug, Error)]
pub(super) enum NotTaken {
    /// It may be taken later.
    #[error("{0}")]
    Later(String),
    /// It never will: it is not understood, or too large.
    #[error("it answered {0}")]
    Never(StatusCode),
}

// === impl Collector ===

impl Collector {
    /// Not connected yet.
    #[must_use]
    pub(super) fn new(settings: &Telemetry, secrets: &Secrets) -> Self {
        Self { settings: settings.clone(), secrets: secrets.clone(), connection: None }
    }

    /// Sends a message to one of the collector's paths, such as `traces`.
    ///
    /// # Errors
    /// It was not taken, for now or for ever.
    pub(super) async fn send(&mut self, what: &str, message: Vec<u8>) -> Result<(), NotTaken> {
        let sent = match timeout(DEADLINE, Box::pin(self.try_send(what, message))).await {
            Ok(sent) => sent.map_err(|error| NotTaken::Later(format!("{error:#}"))),
            Err(_) => Err(NotTaken::Later("it did not answer in time".to_owned())),
        };
        let outcome = match sent {
            Ok(status) if status.is_success() => Ok(()),
            Ok(status @ (StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE)) => {
                Err(NotTaken::Never(status))
            }
            Ok(status) => Err(NotTaken::Later(format!("it answered {status}"))),
            Err(error) => Err(error),
        };
        if outcome.is_err() {
            // The next connection has the secrets of then.
            self.connection = None;
        }
        outcome
    }

    async fn try_send(&mut self, what: &str, message: Vec<u8>) -> Result<StatusCode> {
        let usable = self.connection.take().filter(|connection| !connection.sender.is_closed());
        let mut connection = match usable {
            Some(connection) => connection,
            None => Box::pin(self.connect()).await?,
        };
        let mut request = Request::new(Full::from(message));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::try_from(format!("{}/v1/{what}", self.settings.otlp.path))?;
        request.headers_mut().clone_from(&connection.headers);
        connection.sender.ready().await.context("the connection ended")?;
        let answer = connection.sender.send_request(request).await.context("it did not answer")?;
        let status = answer.status();
        // What it says is of no use here, but must be read for the connection to go on.
        Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|error| anyhow::anyhow!(error))?;
        self.connection = Some(connection);
        Ok(status)
    }

    async fn connect(&self) -> Result<Connection> {
        let CollectorUrl { tls, host, port, .. } = &self.settings.otlp;
        let headers = self.headers().await?;
        if !tls {
            let stream = TcpStream::connect((host.as_str(), *port)).await.context("it cannot be reached")?;
            return connection(stream, headers).await;
        }
        let ca = match &self.settings.ca {
            Some(reference) => Some(self.secrets.read(reference).await?),
            None => None,
        };
        let place = OrgUrl { host: host.clone(), port: *port };
        let origin = Origin::at("collector", &place, None, ca.as_ref().map(Secret::expose), None)?;
        let stream = origin.dial(DEADLINE).await.map_err(|error| match error {
            UpstreamError::Unreachable(error) => anyhow::Error::new(error).context("it cannot be reached"),
            _ => anyhow::anyhow!("it did not accept a connection in time"),
        });
        connection(stream?, headers).await
    }

    /// The headers of every request, with their secrets as they are now.
    async fn headers(&self) -> Result<HeaderMap> {
        let CollectorUrl { tls, host, port, .. } = &self.settings.otlp;
        let authority = if *tls && *port == HTTPS { host.clone() } else { format!("{host}:{port}") };
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::try_from(authority)?);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        for (name, reference) in &self.settings.headers {
            let secret = self.secrets.read(reference).await?;
            let value = secret.expose().trim_ascii();
            let value = HeaderValue::from_bytes(value).with_context(|| format!("the header `{name}`"));
            let mut value = value?;
            value.set_sensitive(true);
            headers.insert(HeaderName::try_from(name)?, value);
        }
        Ok(headers)
    }
}

async fn connection<S>(stream: S, headers: HeaderMap) -> Result<Connection>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, driver) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(async move {
        // Whoever has a request on the connection hears of its end.
        let _ = driver.await;
    });
    Ok(Connection { sender, headers })
}

/// For one request, connecting included.
const DEADLINE: Duration = Duration::from_secs(10);
const HTTPS: u16 = 443;
/// Bytes of an answer.
const LARGEST: usize = 64 << 10;
