//! The connections of one identity to one org.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, Method, Request, Response, Uri};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::client::TlsStream;

use super::alarm::Alarm;
use super::body::{Sending, Upload, UpstreamBody};
use super::gunzip::Gunzip;
use super::{Counts, Origin, Outgoing, Rules, UpstreamError, Waiting, answer};

/// A bounded set of connections, the most recently used first.
///
/// INVARIANT: a connection is dialed only by who holds a permit and finds no unused one, so there are never more
/// connections than permits.
pub(super) struct Lane {
    origin: Arc<Origin>,
    rules: Rules,
    counts: Arc<Counts>,
    permits: Arc<Semaphore>,
    unused: Mutex<Unused>,
}

#[derive(Default)]
struct Unused {
    connections: Vec<(Instant, Connection)>,
    /// Whether a task closes those that lie unused for too long.
    tended: bool,
}

/// The right to one connection of a lane, and the connection.
pub(super) struct Lease {
    connection: Connection,
    lane: Arc<Lane>,
    permit: OwnedSemaphorePermit,
}

/// A connection. Dropping it closes it, whatever is under way on it.
///
/// It has no task of its own: who waits for something on it drives it meanwhile ([`Self::drive`]), so that a request
/// and its answer cost no wake-up of another task. While it lies unused nobody does, so it is asked for its state only
/// after it was driven.
struct Connection {
    sender: SendRequest<Sending>,
    /// `None` once it has ended. Boxed: a connection is handed from one owner to the next several times a request.
    driver: Option<Box<Driver>>,
    alarm: Alarm,
}

type Driver = http1::Connection<TokioIo<TlsStream<TcpStream>>, Sending>;

/// What became of one attempt.
enum Failed {
    /// Salesforce cannot have seen it: it can be sent again.
    Unsent(Box<Request<Sending>>),
    /// The connection was closed before anything of an answer came.
    Closed(UpstreamError),
    /// Anything else.
    Otherwise(UpstreamError),
}

// === impl Lane ===

impl Lane {
    pub(super) fn new(origin: Arc<Origin>, rules: Rules, counts: Arc<Counts>) -> Self {
        let permits = Arc::new(Semaphore::new(rules.connections.clamp(1, Semaphore::MAX_PERMITS)));
        Self { origin, rules, counts, permits, unused: Mutex::default() }
    }

    pub(super) fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    pub(super) async fn send(
        self: &Arc<Self>,
        outgoing: Outgoing,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        let request = self.request(outgoing)?;
        let permit = self.permit().await?;
        let Some(connection) = self.take_unused().await else {
            return Box::pin(self.send_anew(permit, request)).await;
        };
        let again = reads_only(request.method()).then(|| again(&request)).flatten();
        Counts::add(&self.counts.reused);
        let lease = Lease { connection, lane: Arc::clone(self), permit };
        let (permit, request) = match self.attempt(lease, request).await {
            Ok(answer) => return Ok(answer),
            Err((permit, Failed::Unsent(request))) => (permit, *request),
            Err((permit, Failed::Closed(error))) => (permit, again.ok_or(error)?),
            Err((_, Failed::Otherwise(error))) => return Err(error),
        };
        Counts::add(&self.counts.repeated);
        // Where one used connection was closed, the next one may be as well.
        drop(self.lock().connections.pop());
        Box::pin(self.send_anew(permit, request)).await
    }

    /// The right to a connection, once there is one.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, UpstreamError> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        Counts::add(&self.counts.waited);
        let permit = timeout(self.rules.connect, Arc::clone(&self.permits).acquire_owned()).await;
        permit.ok().and_then(Result::ok).ok_or_else(|| {
            Counts::add(&self.counts.busy);
            UpstreamError::Busy
        })
    }

    /// How many connections have a request on them, and how many lie unused.
    pub(super) fn connections(&self) -> (usize, usize) {
        let all = self.rules.connections.clamp(1, Semaphore::MAX_PERMITS);
        (all.saturating_sub(self.permits.available_permits()), self.lock().connections.len())
    }

    /// Sends on a new connection.
    async fn send_anew(
        self: &Arc<Self>,
        permit: OwnedSemaphorePermit,
        request: Request<Sending>,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        let connection = self.connect().await?;
        let lease = Lease { connection, lane: Arc::clone(self), permit };
        self.attempt(lease, request).await.map_err(|(_, failed)| match failed {
            Failed::Unsent(_) => UpstreamError::Unreachable(io::ErrorKind::ConnectionReset.into()),
            Failed::Closed(error) | Failed::Otherwise(error) => error,
        })
    }

    /// Sends once. A failure gives the permit back, and closes the connection.
    async fn attempt(
        &self,
        mut lease: Lease,
        request: Request<Sending>,
    ) -> Result<Response<UpstreamBody>, (OwnedSemaphorePermit, Failed)> {
        let (method, upload) = (request.method().clone(), request.body().upload().cloned());
        let began = Instant::now();
        let mut sent = pin!(lease.connection.sender.try_send_request(request));
        let answered = poll_fn(|context| {
            lease.connection.drive(context);
            if let Poll::Ready(answered) = sent.as_mut().poll(context) {
                return Poll::Ready(answered.map_err(|error| Failed::of(error, upload.as_deref())));
            }
            ready!(lease.connection.alarm.poll(self.due(began, upload.as_deref()), context));
            Poll::Ready(Err(Failed::Otherwise(UpstreamError::TimedOut(Waiting::Answer))))
        });
        let answered = answered.await;
        let checked = answered.and_then(|mut answer| {
            let gunzip = answer::check(&method, &answer).and_then(|()| Gunzip::of(answer.headers_mut()));
            match gunzip {
                Ok(gunzip) => Ok((answer, gunzip.map(Box::new))),
                Err(why) => Err(Failed::Otherwise(UpstreamError::Garbled(why))),
            }
        });
        match checked {
            Ok((answer, gunzip)) => {
                let body = |body| UpstreamBody::new(body, lease, self.rules.idle).with(upload, gunzip);
                Ok(answer.map(body))
            }
            Err(failed) => Err((lease.permit, failed)),
        }
    }

    /// When the answer is overdue. While a body streams out, only its standing still counts.
    fn due(&self, began: Instant, upload: Option<&Upload>) -> Instant {
        match upload {
            None => began + self.rules.answer,
            Some(upload) if upload.is_done() => upload.moved() + self.rules.answer,
            Some(upload) => upload.moved() + self.rules.idle,
        }
    }

    async fn connect(&self) -> Result<Connection, UpstreamError> {
        let dialed = self.origin.dial(self.rules.connect).await;
        let stream = dialed.inspect_err(|_| Counts::add(&self.counts.unreachable))?;
        // hyper reads up to 100 headers of an answer without an allocation; a cap that is set makes two for each answer.
        let handshake = Builder::new().max_buf_size(READ_BUFFER).handshake(TokioIo::new(stream)).await;
        let (sender, driver) =
            handshake.map_err(|error| UpstreamError::Unreachable(io::Error::other(error)))?;
        Counts::add(&self.counts.connected);
        let alarm = Alarm::new(self.rules.answer.min(self.rules.idle));
        Ok(Connection { sender, driver: Some(Box::new(driver)), alarm })
    }

    /// The unused connection that was used last, if one is still good.
    async fn take_unused(&self) -> Option<Connection> {
        loop {
            let (since, mut connection) = self.lock().connections.pop()?;
            if since.elapsed() >= self.rules.unused || !connection.is_open() {
                continue;
            }
            if connection.sender.is_ready() {
                return Some(connection);
            }
            // It has yet to see the end of what was sent last.
            let settled = poll_fn(|context| connection.poll_ready(context));
            if matches!(timeout(SETTLING, settled).await, Ok(Ok(()))) {
                return Some(connection);
            }
        }
    }

    fn give_back(self: &Arc<Self>, connection: Connection) {
        if connection.driver.is_none() || connection.sender.is_closed() {
            return; // whether it still is open shows when it is taken
        }
        let mut unused = self.lock();
        unused.connections.push((Instant::now(), connection));
        if !unused.tended {
            unused.tended = true;
            tokio::spawn(tend(Arc::downgrade(self), self.rules.unused));
        }
    }

    /// Closes what has lain unused for too long. Gives whether anything is left to tend.
    fn sweep(&self) -> bool {
        let mut unused = self.lock();
        let limit = self.rules.unused;
        unused.connections.retain_mut(|(since, connection)| since.elapsed() < limit && connection.is_open());
        unused.tended = !unused.connections.is_empty();
        unused.tended
    }

    #[cfg(test)]
    pub(super) fn has_open_connections(&self) -> bool {
        self.lock().connections.iter_mut().any(|(_, connection)| connection.is_open())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Unused> {
        self.unused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request as it goes out: what was decided, addressed to the org.
    fn request(&self, outgoing: Outgoing) -> Result<Request<Sending>, UpstreamError> {
        let Outgoing { method, target, headers, body } = outgoing;
        // A parser that cuts a fragment off, or adds a slash, would send something else than was decided.
        let path = PathAndQuery::try_from(target.as_str()).map_err(|_| UpstreamError::Unsendable)?;
        // All bytes are looked at rather than up to the first odd one: so the compiler takes many at a time.
        let plain =
            target.bytes().fold(target.starts_with('/'), |plain, byte| plain & byte.is_ascii_graphic());
        if !plain || path.as_str() != target || method == Method::CONNECT {
            return Err(UpstreamError::Unsendable);
        }
        let mut request = Request::new(Sending::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from(path);
        *request.headers_mut() = headers;
        clean(request.headers_mut());
        request.headers_mut().insert(HOST, self.origin.authority().clone());
        Ok(request)
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lane({:?}, {} free)", self.origin, self.permits.available_permits())
    }
}

/// Closes unused connections of a lane until none is left.
async fn tend(lane: Weak<Lane>, every: Duration) {
    loop {
        sleep(every).await;
        match lane.upgrade() {
            Some(lane) if lane.sweep() => {}
            Some(_) | None => return,
        }
    }
}

/// Framing is hyper's business: a header about it would be a second opinion.
fn clean(headers: &mut HeaderMap) {
    use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
    const FRAMING: [HeaderName; 7] =
        [CONNECTION, CONTENT_LENGTH, EXPECT, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];
    if headers.keys().any(|name| FRAMING.contains(name)) {
        FRAMING.iter().for_each(|name| drop(headers.remove(name)));
    }
}

fn reads_only(method: &Method) -> bool {
    *method == Method::GET || *method == Method::HEAD
}

fn again(request: &Request<Sending>) -> Option<Request<Sending>> {
    let mut copy = Request::new(request.body().again()?);
    copy.method_mut().clone_from(request.method());
    copy.uri_mut().clone_from(request.uri());
    copy.headers_mut().clone_from(request.headers());
    Some(copy)
}

// === impl Lease ===

impl Lease {
    /// Moves on what is under way on the connection.
    pub(super) fn drive(&mut self, context: &mut Context<'_>) {
        self.connection.drive(context);
    }

    /// Whether a time has come.
    pub(super) fn poll_due(&mut self, due: Instant, context: &mut Context<'_>) -> Poll<()> {
        self.connection.alarm.poll(due, context)
    }

    /// The connection is free for the next one in line.
    pub(super) fn give_back(self) {
        let Self { connection, lane, permit } = self;
        lane.give_back(connection);
        drop(permit);
    }
}

// === impl Connection ===

impl Connection {
    /// Reads and writes what can be. What goes wrong is told to whom it concerns, the request on it.
    fn drive(&mut self, context: &mut Context<'_>) {
        if self.driver.as_mut().is_some_and(|driver| Pin::new(driver).poll(context).is_ready()) {
            self.driver = None;
        }
    }

    /// Whether it can still be used, as far as is known at this moment.
    fn is_open(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && !self.sender.is_closed()
    }

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.drive(context);
        self.sender.poll_ready(context)
    }
}

// === impl Failed ===

impl Failed {
    fn of(mut error: TrySendError<Request<Sending>>, upload: Option<&Upload>) -> Self {
        if upload.is_some_and(Upload::is_broken) {
            return Self::Otherwise(UpstreamError::RequestBody);
        }
        if let Some(request) = error.take_message() {
            return Self::Unsent(Box::new(request));
        }
        let error = error.into_error();
        let closed =
            error.is_incomplete_message() || error.is_closed() || error.is_canceled() || is_io(&error);
        if error.is_parse() || error.is_parse_too_large() {
            return Self::Otherwise(UpstreamError::Garbled("it is not HTTP/1.1"));
        }
        let error = UpstreamError::CutOff(error.into());
        if closed { Self::Closed(error) } else { Self::Otherwise(error) }
    }
}

fn is_io(error: &hyper::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.is::<io::Error>())
}

/// The most bytes of an answer that are read ahead: what a connection costs when its client is slow.
const READ_BUFFER: usize = 128 << 10;
/// How long the end of a request may take to go out after its answer was read.
const SETTLING: Duration = Duration::from_secs(1);
