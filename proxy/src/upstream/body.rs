//! Bodies on their way to Salesforce and back.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::gunzip::{Gunzip, NotGzip};
use super::lane::Lease;
use super::{UpstreamError, Waiting};

/// Any error of a body.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The body of a request to send.
pub enum SendBody {
    /// Held whole, so that it can be sent again. Empty means none.
    Full(Bytes),
    /// Passing through, piece by piece, no faster than Salesforce takes it.
    Stream(UnsyncBoxBody<Bytes, BoxError>),
}

/// The body of an answer.
///
/// Read to its end, it gives its connection back to the lane. Dropped before, it closes the connection: what is left
/// of the answer must never be taken for the next one.
pub struct UpstreamBody {
    incoming: Incoming,
    /// `None` once the connection was given back.
    lease: Option<Lease>,
    upload: Option<Arc<Upload>>,
    /// Boxed: it is rare and large, and bodies are handed on often.
    gunzip: Option<Box<Gunzip>>,
    idle: Duration,
    /// When a piece that is awaited is overdue.
    due: Option<Instant>,
}

/// A request body as hyper takes it.
pub(super) struct Sending {
    body: SendBody,
    upload: Option<Arc<Upload>>,
}

/// How far a streaming request body has come.
#[derive(Debug)]
pub(super) struct Upload {
    started: Instant,
    /// When the last piece was taken, in milliseconds after `started`.
    moved: AtomicU64,
    /// Bytes still to come, where their number is known: hyper does not ask for the end behind the last of them.
    left: Option<AtomicU64>,
    state: AtomicU8,
}

// === impl SendBody ===

impl SendBody {
    /// No body.
    #[must_use]
    pub fn empty() -> Self {
        Self::Full(Bytes::new())
    }

    /// A body that passes through.
    pub fn stream<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::Stream(body.map_err(Into::into).boxed_unsync())
    }
}

impl fmt::Debug for SendBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

// === impl Sending ===

impl Sending {
    pub(super) fn new(body: SendBody) -> Self {
        let upload = match &body {
            SendBody::Full(_) => None,
            SendBody::Stream(stream) => Some(Upload::start(stream.size_hint().exact())),
        };
        Self { body, upload }
    }

    /// Its progress, when it streams.
    pub(super) fn upload(&self) -> Option<&Arc<Upload>> {
        self.upload.as_ref()
    }

    /// The same again, where it is held whole.
    pub(super) fn again(&self) -> Option<Self> {
        match &self.body {
            SendBody::Full(bytes) => Some(Self { body: SendBody::Full(bytes.clone()), upload: None }),
            SendBody::Stream(_) => None,
        }
    }
}

impl Body for Sending {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = match &mut self.body {
            SendBody::Full(bytes) if bytes.is_empty() => None,
            SendBody::Full(bytes) => Some(Ok(Frame::data(std::mem::take(bytes)))),
            SendBody::Stream(stream) => ready!(Pin::new(stream).poll_frame(context)),
        };
        if let Some(upload) = &self.upload {
            upload.note(&frame);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.body {
            SendBody::Full(bytes) => bytes.is_empty(),
            // Its end has to be seen by the upload.
            SendBody::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.body {
            SendBody::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            SendBody::Stream(stream) => stream.size_hint(),
        }
    }
}

// === impl Upload ===

impl Upload {
    fn start(length: Option<u64>) -> Arc<Self> {
        Arc::new(Self {
            started: Instant::now(),
            moved: AtomicU64::new(0),
            left: length.map(AtomicU64::new),
            state: AtomicU8::new(if length == Some(0) { Self::DONE } else { Self::MOVING }),
        })
    }

    fn note(&self, frame: &Option<Result<Frame<Bytes>, BoxError>>) {
        let moved = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved.store(moved, Ordering::Relaxed);
        match frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, |data| data.len() as u64);
                let is_last = |left: &AtomicU64| left.fetch_sub(length, Ordering::Relaxed) == length;
                if self.left.as_ref().is_some_and(is_last) {
                    self.state.store(Self::DONE, Ordering::Release);
                }
            }
            Some(Err(_)) => self.state.store(Self::BROKEN, Ordering::Release),
            None => self.state.store(Self::DONE, Ordering::Release),
        }
    }

    /// When something last moved.
    pub(super) fn moved(&self) -> Instant {
        self.started + Duration::from_millis(self.moved.load(Ordering::Relaxed))
    }

    pub(super) fn is_done(&self) -> bool {
        self.state.load(Ordering::Acquire) == Self::DONE
    }

    pub(super) fn is_broken(&self) -> bool {
        self.state.load(Ordering::Acquire) == Self::BROKEN
    }

    const MOVING: u8 = 0;
    const DONE: u8 = 1;
    const BROKEN: u8 = 2;
}

// === impl UpstreamBody ===

impl UpstreamBody {
    pub(super) fn new(incoming: Incoming, lease: Lease, idle: Duration) -> Self {
        Self { incoming, lease: Some(lease), upload: None, gunzip: None, idle, due: None }
    }

    /// Follows the request body that is still being sent, and unpacks what comes packed.
    pub(super) fn with(mut self, upload: Option<Arc<Upload>>, gunzip: Option<Box<Gunzip>>) -> Self {
        (self.upload, self.gunzip) = (upload, gunzip);
        if self.incoming.is_end_stream() {
            self.gunzip = None;
            self.give_back();
        }
        self
    }

    /// Reads a short rest, so that the connection can be used again; a longer one closes it.
    pub async fn discard(mut self) {
        let (deadline, mut left) = (Instant::now() + LONGEST_DISCARD, MOST_DISCARDED);
        while let Ok(Some(Ok(frame))) = timeout_at(deadline, self.frame()).await {
            let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) else { return };
            left = rest;
        }
    }

    /// The answer is complete: the connection is free, unless the request is still being sent on it.
    fn give_back(&mut self) {
        let sent = self.upload.as_ref().is_none_or(|upload| upload.is_done());
        if let Some(lease) = self.lease.take().filter(|_| sent) {
            lease.give_back();
        }
    }

    /// Whether the next piece is overdue. Without its connection none can come.
    fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let due = *self.due.get_or_insert_with(|| Instant::now() + self.idle);
        self.lease.as_mut().map_or(Poll::Ready(()), |lease| lease.poll_due(due, context))
    }
}

impl UpstreamBody {
    /// The next frame as it came.
    fn poll_incoming(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        let mut frame = Pin::new(&mut self.incoming).poll_frame(context);
        if let (Poll::Pending, Some(lease)) = (&frame, &mut self.lease) {
            lease.drive(context); // nothing has been read ahead
            frame = Pin::new(&mut self.incoming).poll_frame(context);
        }
        let Poll::Ready(frame) = frame else {
            ready!(self.poll_overdue(context));
            self.lease = None;
            return Poll::Ready(Some(Err(UpstreamError::TimedOut(Waiting::Continue))));
        };
        self.due = None;
        match &frame {
            Some(Ok(_)) if !self.incoming.is_end_stream() => {}
            Some(Ok(_)) | None => self.give_back(),
            Some(Err(_)) => self.lease = None,
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| UpstreamError::CutOff(error.into()))))
    }

    /// A plain piece from the packed ones; `None` when another of those is needed.
    fn unpack(&mut self) -> Option<Result<Frame<Bytes>, UpstreamError>> {
        let next = self.gunzip.as_mut()?.next().transpose()?;
        Some(self.plain(next))
    }

    fn plain(&mut self, piece: Result<Bytes, NotGzip>) -> Result<Frame<Bytes>, UpstreamError> {
        piece.map(Frame::data).map_err(|NotGzip| {
            self.lease = None;
            UpstreamError::Garbled("it says that it is gzip and is not")
        })
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = UpstreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        loop {
            if let Some(frame) = self.unpack() {
                return Poll::Ready(Some(frame));
            }
            let frame = ready!(self.poll_incoming(context));
            let Some(gunzip) = &mut self.gunzip else { return Poll::Ready(frame) };
            match frame {
                Some(Ok(frame)) => gunzip.feed(frame.into_data().unwrap_or_default()),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    let last = gunzip.finish().transpose();
                    return Poll::Ready(last.map(|piece| self.plain(piece)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.gunzip.is_none() && self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.gunzip.is_some() { SizeHint::default() } else { self.incoming.size_hint() }
    }
}

impl fmt::Debug for UpstreamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UpstreamBody({:?})", self.incoming.size_hint())
    }
}

/// The most that is read of an answer only to keep its connection.
const MOST_DISCARDED: usize = 64 << 10;
/// And for how long.
const LONGEST_DISCARD: Duration = Duration::from_secs(2);
