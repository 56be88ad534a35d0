//! One connection: its handshake, its protocol, its requests one after the other, its end.

use std::convert::Infallible;
use std::error::Error;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use forcefield_config::config::Timeouts;
use futures_util::stream::{FuturesUnordered, StreamExt};
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use tokio_rustls::server::TlsStream;

use super::framing::{LARGEST_HEAD, MOST_HEADERS};
use super::guard::Guard;
use super::hygiene::{Checked, hygiene, is_bodyless};
use super::pulse::{Multiplexed, Overdue, Paced, Pulse};
use super::{Arrival, BadHead, Trust, expiry};

/// The other end of a connection.
#[derive(Debug)]
pub struct Peer {
    /// Where it calls from.
    pub address: SocketAddr,
    /// The name it asked for in its handshake (SNI), lower case.
    pub server_name: Option<String>,
    shown: Shown,
    trust: Arc<Trust>,
    /// The generation under which the chain was last found to be trusted.
    verified: AtomicU64,
    closing: Notify,
}

/// What a connection needs to know about its listener.
pub(super) struct Terms {
    pub(super) timeouts: Timeouts,
    /// Becomes true when the listener drains.
    pub(super) drain: watch::Receiver<bool>,
}

// === impl Peer ===

impl Peer {
    pub(super) fn new<S>(
        address: SocketAddr,
        stream: &TlsStream<S>,
        trust: Arc<Trust>,
        generation: u64,
    ) -> Self {
        let (_, session) = stream.get_ref();
        Self {
            address,
            server_name: session.server_name().map(str::to_ascii_lowercase),
            shown: Shown::new(session.peer_certificates().unwrap_or_default()),
            trust,
            verified: AtomicU64::new(generation),
            closing: Notify::new(),
        }
    }

    /// The verified client certificate, DER, if it showed one.
    #[must_use]
    pub fn certificate(&self) -> Option<&CertificateDer<'static>> {
        self.shown.chain.first()
    }

    /// Closes the connection, whatever is under way on it.
    pub fn close(&self) {
        self.closing.notify_one();
    }

    /// The trust generation under which its certificate was last verified.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.verified.load(Ordering::Relaxed)
    }

    /// Whether what it showed in its handshake is good at this time, under what is trusted now.
    ///
    /// A session that is resumed brings its chain along unverified, and a connection can outlive its certificate.
    pub(super) fn is_trusted(&self, now: SystemTime) -> bool {
        if self.shown.chain.is_empty() {
            return true;
        }
        if self.shown.expires.is_none_or(|expires| now >= expires) {
            return false;
        }
        if self.trust.generation() == self.generation() {
            return true;
        }
        let current = self.trust.current();
        let trusted = current.trusts(&self.shown.chain);
        if trusted {
            self.verified.store(current.generation(), Ordering::Relaxed);
        }
        trusted
    }
}

/// The certificates that a client showed, leaf first; none when it is anonymous.
#[derive(Debug)]
struct Shown {
    chain: Vec<CertificateDer<'static>>,
    /// When the first of them ends.
    expires: Option<SystemTime>,
}

// === impl Shown ===

impl Shown {
    fn new(chain: &[CertificateDer<'_>]) -> Self {
        Self {
            chain: chain.iter().map(|certificate| certificate.clone().into_owned()).collect(),
            expires: expiry(chain).and_then(|end| UNIX_EPOCH.checked_add(Duration::from_secs(end))),
        }
    }
}

/// Serves the requests of one connection until it ends, drains, outlives a deadline, or loses its trust.
pub(super) async fn serve<S, H, F, B>(stream: TlsStream<S>, peer: Arc<Peer>, handler: H, terms: Terms)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Fn(Arrival, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let pulse = Pulse::start();
    let multiplexed = match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => Multiplexed::Yes,
        _ => Multiplexed::No,
    };
    let service = {
        let (peer, pulse) = (Arc::clone(&peer), Arc::clone(&pulse));
        service_fn(move |request| {
            let (mut parts, body) = Request::into_parts(request);
            let (active, refused) = pulse.begin();
            let head = check(&mut parts, &body, &peer, refused);
            let closes = head.is_err() && multiplexed == Multiplexed::No;
            let arrival = Arrival { peer: Arc::clone(&peer), head };
            let answer = Box::pin(handler(arrival, Request::from_parts(parts, body)));
            async move {
                let mut answer = answer.await.map(|body| Paced::new(body, active, multiplexed));
                if closes {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer)
            }
        })
    };
    match multiplexed {
        Multiplexed::No => {
            let io = TokioIo::new(Guard::http1(stream, Arc::clone(&pulse)));
            drive(http1_builder().serve_connection(io, service), &peer, &pulse, terms).await;
        }
        Multiplexed::Yes => {
            let io = TokioIo::new(Guard::http2(stream, Arc::clone(&pulse)));
            drive(http2_builder(&terms.timeouts).serve_connection(io, service), &peer, &pulse, terms).await;
        }
    }
}

/// Everything that can be wrong with a head, the worst first.
fn check(
    parts: &mut Parts,
    body: &Incoming,
    peer: &Peer,
    refused: Option<BadHead>,
) -> Result<Checked, BadHead> {
    if let Some(bad) = refused {
        return Err(bad);
    }
    if !peer.is_trusted(SystemTime::now()) {
        return Err(BadHead::Untrusted);
    }
    let checked = hygiene(parts)?;
    if is_bodyless(&parts.method) && !body.is_end_stream() {
        return Err(BadHead::Body);
    }
    Ok(checked)
}

/// How far a connection has come with a drain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drain {
    NotYet,
    /// It is new, and hyper would close it at once: its first request may be on the way, and is served until then.
    AwaitsFirst(Instant),
    /// It ends after the requests that have begun.
    Told,
}

/// What happens to a connection beside its requests.
enum Event {
    /// It has ended.
    Ended,
    /// The first request has come for which a drain waits.
    First,
    /// That request is late.
    Late,
    /// It is to be closed, whatever is under way.
    Close,
    /// Other certificates are trusted now.
    Trust,
    /// Its listener drains.
    Drain,
    /// Its deadlines are due to be looked at.
    Tick,
}

/// Runs a connection beside its deadlines.
async fn drive<C: GracefulConnection>(connection: C, peer: &Peer, pulse: &Pulse, terms: Terms) {
    let Terms { timeouts, drain: mut drains } = terms;
    let mut connection = pin!(connection);
    let mut trust = peer.trust.changes();
    let period = Pulse::tick(&timeouts);
    let mut tick = interval_at(Instant::now() + period, period);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut drain = Drain::NotYet;
    loop {
        let (waits, first_until) = match drain {
            Drain::AwaitsFirst(until) => (true, until),
            Drain::NotYet | Drain::Told => (false, Instant::now()),
        };
        // Ends with the connection, or when the first request for which a drain waits has come.
        let served = poll_fn(|context| match connection.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(Event::Ended),
            Poll::Pending if waits && pulse.has_begun() => Poll::Ready(Event::First),
            Poll::Pending => Poll::Pending,
        });
        // Asking any of these takes a lock. The set asks only after one of them has woken the task, which mostly is woken by
        // its sockets.
        let mut told: FuturesUnordered<_> = std::iter::once(async {
            tokio::select! {
                biased;
                () = peer.closing.notified() => Event::Close,
                _ = trust.changed() => Event::Trust,
                _ = drains.wait_for(|drains| *drains), if drain == Drain::NotYet => Event::Drain,
                () = sleep_until(first_until), if waits => Event::Late,
                _ = tick.tick() => Event::Tick,
            }
        })
        .collect();
        let event = tokio::select! {
            biased;
            event = served => event,
            Some(event) = told.next() => event,
        };
        drop(told);
        match event {
            Event::Ended | Event::Late | Event::Close => return,
            Event::Trust if peer.is_trusted(SystemTime::now()) => {}
            Event::Trust => return,
            Event::Drain if !pulse.has_begun() => {
                drain = Drain::AwaitsFirst(Instant::now() + FIRST_REQUEST);
            }
            Event::Drain | Event::First => {
                drain = Drain::Told;
                connection.as_mut().graceful_shutdown();
            }
            Event::Tick => match pulse.overdue(&timeouts) {
                None => {}
                Some(Overdue::Quiet) => {
                    pulse.close();
                    connection.as_mut().graceful_shutdown();
                }
                Some(Overdue::Head | Overdue::Stalled | Overdue::Closing) => return,
            },
        }
    }
}

fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // Deadlines of heads are the guard's: hyper's would also end connections between two requests.
    builder.header_read_timeout(None).max_headers(MOST_HEADERS).max_buf_size(2 * LARGEST_HEAD);
    // As Salesforce writes them: Airbyte's source looks names of headers up with their case.
    builder.title_case_headers(true);
    builder
}

fn http2_builder(timeouts: &Timeouts) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(LARGEST_HEAD as u32)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS)
        .max_send_buf_size(SEND_BUFFER)
        .keep_alive_interval(timeouts.idle / 2)
        .keep_alive_timeout(timeouts.idle / 2);
    builder
}

/// How long a drain waits for the first request of a connection that was just made.
const FIRST_REQUEST: Duration = Duration::from_secs(1);
/// Streams of one HTTP/2 connection at one time.
const STREAMS: u32 = 100;
/// Streams of one HTTP/2 connection that a client may open and reset at once, or have reset for its errors.
const RESETS: usize = 64;
/// Bytes of one answer that wait for an HTTP/2 client.
const SEND_BUFFER: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject;

    use super::*;
    use crate::testing::Authority;

    #[test]
    fn a_chain_ends_with_its_first_certificate_and_an_unreadable_one_never_holds() {
        let authority = Authority::new();
        let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let long = der(&authority.client("spiffe://corp.example/a").certificate);
        let short = der(&authority.client_until("spiffe://corp.example/b", 2030).certificate);
        let in_2030 = UNIX_EPOCH + Duration::from_secs(1_893_456_000);
        assert_eq!(Shown::new(&[long.clone(), short]).expires, Some(in_2030));
        assert!(Shown::new(std::slice::from_ref(&long)).expires > Some(in_2030));
        assert_eq!(Shown::new(&[long, CertificateDer::from(vec![1, 2, 3])]).expires, None);
    }
}
