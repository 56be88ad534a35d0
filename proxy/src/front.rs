//! The front: listeners, TLS, and heads that nobody can read two ways.
//!
//! A [`Front`] accepts connections up to a cap, gives each handshake one deadline as a whole, speaks HTTP/1.1 and
//! HTTP/2 on it, and hands every request to one handler: those whose head is in order and those whose is not, so
//! that a refusal is answered and recorded like any other.

mod arrivals;
mod bad_head;
mod connect;
mod connection;
mod framing;
mod guard;
mod hygiene;
mod pulse;
mod svid;
mod tls;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use forcefield_config::config::Timeouts;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

pub use arrivals::{Arrivals, HandshakeFailure};
pub use bad_head::BadHead;
pub use connect::Connect;
pub use connection::Peer;
pub use hygiene::{Checked, Host, hygiene};
pub use pulse::Paced;
pub use svid::TrustDomain;
pub(crate) use tls::expiry;
pub use tls::{NamedMaterial, ShownUntil, TlsError, TlsMaterial, TlsState, Trust};

/// A listener's rules, shared by all of its connections.
#[derive(Debug)]
pub struct Front {
    trust: Arc<Trust>,
    timeouts: Timeouts,
    connections: Arc<Semaphore>,
    arrivals: Arrivals,
    drain: watch::Sender<bool>,
}

/// A request as it arrived.
#[derive(Debug)]
pub struct Arrival {
    /// Who is at the other end.
    pub peer: Arc<Peer>,
    /// What its head says, or what is wrong with it; then the request itself means nothing.
    pub head: Result<Checked, BadHead>,
}

// === impl Front ===

impl Front {
    /// A front with nothing accepted yet.
    #[must_use]
    pub fn new(trust: Arc<Trust>, timeouts: Timeouts) -> Self {
        let cap = timeouts.connections.min(Semaphore::MAX_PERMITS);
        let (drain, _) = watch::channel(false);
        Self {
            trust,
            timeouts,
            connections: Arc::new(Semaphore::new(cap)),
            arrivals: Arrivals::default(),
            drain,
        }
    }

    /// What it shows and whom it trusts.
    #[must_use]
    pub fn trust(&self) -> &Arc<Trust> {
        &self.trust
    }

    /// Accepts connections and serves them, until [`Front::drain`] is called. `handler` answers every request.
    pub async fn accept<H, F, B>(self: Arc<Self>, listener: TcpListener, handler: H)
    where
        H: Fn(Arrival, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let front = Arc::clone(&self);
        let serve = move |stream, address| {
            let (front, handler) = (Arc::clone(&front), handler.clone());
            async move { front.serve_connection(stream, address, handler).await }
        };
        self.each(listener, serve).await;
    }

    /// Accepts connections, as many as may be at one time, and has each served, until [`Front::drain`] is called.
    pub async fn each<W, F>(&self, listener: TcpListener, serve: W)
    where
        W: Fn(TcpStream, SocketAddr) -> F,
        F: Future<Output = ()> + Send + 'static,
    {
        let mut drain = self.drain.subscribe();
        loop {
            let accepted = tokio::select! {
                biased;
                _ = drain.wait_for(|drains| *drains) => return,
                accepted = self.next(&listener) => accepted,
            };
            match accepted {
                Ok((stream, address, permit)) => {
                    let (served, drain) = (serve(stream, address), drain.clone());
                    tokio::spawn(async move {
                        served.await;
                        drop((permit, drain));
                    });
                }
                Err(error) => {
                    warn!(%error, "a connection could not be accepted");
                    sleep(AFTER_ERROR).await;
                }
            }
        }
    }

    /// The next connection, once there is room for it.
    async fn next(
        &self,
        listener: &TcpListener,
    ) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
        let permit = Arc::clone(&self.connections).acquire_owned().await.map_err(io::Error::other)?;
        let (stream, address) = listener.accept().await?;
        self.arrivals.accepted();
        stream.set_nodelay(true)?;
        Ok((stream, address, permit))
    }

    /// Serves one stream that speaks TLS, however it came here.
    pub async fn serve_connection<S, H, F, B>(&self, stream: S, address: SocketAddr, handler: H)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        H: Fn(Arrival, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
        F: Future<Output = Response<B>> + Send + 'static,
        B: Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let drain = self.drain.subscribe();
        let state = self.trust.current();
        let handshake = TlsAcceptor::from(state.config()).accept(stream);
        let stream = match timeout(self.timeouts.handshake, handshake).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                self.arrivals.failed(HandshakeFailure::of(&error));
                return debug!(%address, %error, "a handshake failed");
            }
            Err(_) => {
                self.arrivals.failed(HandshakeFailure::TooSlow);
                return debug!(%address, "a handshake took too long");
            }
        };
        let peer = Peer::new(address, &stream, Arc::clone(&self.trust), state.generation());
        let terms = connection::Terms { timeouts: self.timeouts, drain };
        Box::pin(connection::serve(stream, Arc::new(peer), handler, terms)).await;
    }

    /// Who came, and who was not let in.
    #[must_use]
    pub fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// Connections that are open, and how many may be.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        let cap = self.timeouts.connections.min(Semaphore::MAX_PERMITS);
        (cap.saturating_sub(self.connections.available_permits()), cap)
    }

    /// The deadlines of its connections.
    #[must_use]
    pub fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }

    /// Resolves when it begins to drain.
    pub async fn draining(&self) {
        let _ = self.drain.subscribe().wait_for(|drains| *drains).await;
    }

    /// Stops accepting, tells every connection to end after its requests, and waits until all have ended or the
    /// longest request would have. Gives whether all ended.
    pub async fn drain(&self) -> Drained {
        self.drain.send_replace(true);
        match timeout(self.timeouts.longest, self.drain.closed()).await {
            Ok(()) => Drained::Completely,
            Err(_) => Drained::InPart,
        }
    }
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every connection has ended.
    Completely,
    /// Some had not when the time was up.
    InPart,
}

/// How long accepting rests after an error, such as too many open files.
const AFTER_ERROR: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests;
