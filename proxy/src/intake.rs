//! Request bodies: read whole where their meaning is in them, within one deadline and one memory for all requests;
//! else their beginning, and the rest as it comes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Where request bodies are held while they are decided.
#[derive(Clone, Debug)]
pub struct Intake {
    memory: Arc<Semaphore>,
    deadline: Duration,
}

/// A body, or as much of it as was asked for.
#[derive(Debug)]
pub struct Taken {
    /// What was read.
    pub bytes: Bytes,
    /// What is still to come, when only the beginning was asked for.
    pub rest: Option<Incoming>,
    room: Vec<OwnedSemaphorePermit>,
}

/// A body that could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum IntakeError {
    /// More than may be inspected.
    #[error("the body is larger than the {0} bytes that are inspected here")]
    TooLarge(usize),
    /// Not in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// Not to its end.
    #[error("the body broke off")]
    BrokenOff,
    /// Too many at once.
    #[error("too many large requests are being inspected; try again")]
    NoRoom,
}

impl Intake {
    /// An intake that holds so many bytes of bodies at one time, and waits so long for each.
    #[must_use]
    pub fn new(memory: usize, deadline: Duration) -> Self {
        Self { memory: Arc::new(Semaphore::new(memory / UNIT)), deadline }
    }

    /// Reads a body to its end.
    ///
    /// # Errors
    /// When it is too large, too slow, or broken off.
    pub async fn whole(&self, body: Incoming, limit: usize) -> Result<Taken, IntakeError> {
        let taken = timeout(self.deadline, self.read(body, limit, false)).await;
        taken.map_err(|_| IntakeError::TooSlow)?
    }

    /// Reads a body up to the piece that passes `limit`, or to its end.
    ///
    /// # Errors
    /// When it is too slow, or broken off.
    pub async fn start(&self, body: Incoming, limit: usize) -> Result<Taken, IntakeError> {
        let taken = timeout(self.deadline, self.read(body, limit, true)).await;
        taken.map_err(|_| IntakeError::TooSlow)?
    }

    async fn read(&self, mut body: Incoming, limit: usize, rest: bool) -> Result<Taken, IntakeError> {
        let announced = body.size_hint().lower();
        if !rest && announced > limit as u64 {
            return Err(IntakeError::TooLarge(limit));
        }
        let (mut bytes, mut room) = (BytesMut::new(), Vec::new());
        while let Some(frame) = body.frame().await {
            let Ok(piece) = frame.map_err(|_| IntakeError::BrokenOff)?.into_data() else { continue };
            let units = u32::try_from(piece.len().div_ceil(UNIT)).unwrap_or(u32::MAX);
            let permit = Arc::clone(&self.memory).try_acquire_many_owned(units);
            room.push(permit.map_err(|_| IntakeError::NoRoom)?);
            bytes.extend_from_slice(&piece);
            if bytes.len() > limit && !rest {
                return Err(IntakeError::TooLarge(limit));
            }
            if bytes.len() >= limit && rest {
                return Ok(Taken { bytes: bytes.freeze(), rest: Some(body), room });
            }
        }
        Ok(Taken { bytes: bytes.freeze(), rest: None, room })
    }
}

impl Taken {
    /// No body.
    #[must_use]
    pub fn nothing() -> Self {
        Self { bytes: Bytes::new(), rest: None, room: Vec::new() }
    }

    /// What was read and what is still to come, as one body.
    #[must_use]
    pub fn into_stream(self) -> Resumed {
        Resumed {
            first: Some(self.bytes).filter(|bytes| !bytes.is_empty()),
            rest: self.rest,
            _room: self.room,
        }
    }
}

/// A body whose beginning was read already.
pub struct Resumed {
    first: Option<Bytes>,
    rest: Option<Incoming>,
    _room: Vec<OwnedSemaphorePermit>,
}

impl Body for Resumed {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        match &mut self.rest {
            Some(rest) => Pin::new(rest).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, Bytes::len) as u64;
        let rest = self.rest.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        match rest.exact() {
            Some(exact) => SizeHint::with_exact(first + exact),
            None => SizeHint::default(),
        }
    }
}

/// Memory is handed out in pieces of this many bytes.
const UNIT: usize = 1024;
