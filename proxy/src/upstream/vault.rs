//! The way to Vault: a connection for each request, since there are few.

use async_trait::async_trait;
use bytes::Bytes;
use forcefield_config::config::VaultAddress;
use forcefield_config::secret::SecretRef;
use forcefield_credentials::{Carry, FetchAnswer, FetchError, Secret, Secrets};
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1::Builder;
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::{Origin, OriginError, answer};

/// Carries requests to the configured Vault, and to nothing else: no proxy of the environment, no redirect.
pub struct VaultCarrier {
    address: VaultAddress,
    ca: Option<SecretRef>,
    own: Secrets,
}

// === impl VaultCarrier ===

impl VaultCarrier {
    /// Carries requests to this address. `own` reads `ca` anew for each connection.
    #[must_use]
    pub fn new(address: VaultAddress, ca: Option<SecretRef>, own: Secrets) -> Self {
        Self { address, ca, own }
    }

    async fn origin(&self) -> Result<Origin, FetchError> {
        let ca = match &self.ca {
            None => None,
            Some(reference) => {
                Some(Box::pin(self.own.read(reference)).await.map_err(|error| unusable(&error))?)
            }
        };
        let origin = Origin::at("vault", &self.address.place, None, ca.as_ref().map(Secret::expose), None);
        origin.map_err(|error: OriginError| unusable(&error))
    }

    async fn exchange(&self, mut request: Request<Bytes>) -> Result<FetchAnswer, FetchError> {
        let place = &self.address.place;
        let authority = HeaderValue::from_str(&format!("{}:{}", place.host, place.port));
        request.headers_mut().insert(HOST, authority.map_err(|_| FetchError::Unreachable)?);
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.address.tls {
            let dialed = Box::pin(self.origin().await?.dial(DEADLINE)).await;
            return answered(dialed?, request).await;
        }
        let stream = TcpStream::connect((place.host.as_str(), place.port)).await;
        answered(stream.map_err(|_| FetchError::Unreachable)?, request).await
    }
}

#[async_trait]
impl Carry for VaultCarrier {
    async fn carry(&self, request: Request<Bytes>) -> Result<FetchAnswer, FetchError> {
        let exchange = Box::pin(self.exchange(request));
        timeout(DEADLINE, exchange).await.unwrap_or(Err(FetchError::TimedOut))
    }
}

/// Sends one request on a connection and reads the whole answer.
async fn answered<S>(stream: S, request: Request<Bytes>) -> Result<FetchAnswer, FetchError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = Builder::new().handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| FetchError::BrokenOff)?;
    // Ends with the sender; what goes wrong on it shows in the answer.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let method = request.method().clone();
    let answer = sender.send_request(request.map(Full::new)).await.map_err(|_| FetchError::BrokenOff)?;
    answer::check(&method, &answer).map_err(|_| FetchError::BrokenOff)?;
    let status = answer.status().as_u16();
    Ok(FetchAnswer { status, body: whole(answer.into_body()).await? })
}

/// Reads a body that may hold a secret into memory that is wiped.
async fn whole(mut body: Incoming) -> Result<Zeroizing<Vec<u8>>, FetchError> {
    let told = body.size_hint().exact().and_then(|size| usize::try_from(size).ok());
    let mut bytes = Zeroizing::new(Vec::with_capacity(told.unwrap_or(USUAL).min(LARGEST)));
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| FetchError::BrokenOff)?;
        let data = frame.data_ref().map_or(&[][..], |data| data);
        if bytes.len() + data.len() > LARGEST {
            return Err(FetchError::TooLarge);
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

fn unusable(error: &dyn std::error::Error) -> FetchError {
    tracing::warn!(%error, "the settings of `vault` cannot be used");
    FetchError::Unreachable
}

/// One request, connection and answer together.
const DEADLINE: Duration = Duration::from_secs(5);
/// The most bytes of an answer: no secret that is taken is larger.
const LARGEST: usize = 1 << 20;
const USUAL: usize = 64 << 10;
