//! The body of an answer on its way out: whole or made as it goes, at full speed or paced, to its end or cut.

use crate::wire::Payload;
use bytes::Bytes;
use flate2::Compression as Level;
use flate2::write::GzEncoder;
use http_body::{Body, Frame, SizeHint};
use std::io::{self, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// A body that hyper can send.
pub(crate) struct Outgoing {
    chunks: Box<dyn Iterator<Item = Bytes> + Send>,
    /// Known when the whole body is.
    length: Option<u64>,
    /// Bytes left until the connection is cut.
    cut: Option<usize>,
    pause: Option<Duration>,
    sleep: Option<Pin<Box<Sleep>>>,
}

// === impl Outgoing ===

impl Outgoing {
    /// A body that is sent as it is.
    pub(crate) fn new(payload: Payload) -> Self {
        let (chunks, length): (Box<dyn Iterator<Item = Bytes> + Send>, _) = match payload {
            Payload::Whole(bytes) => {
                let length = u64::try_from(bytes.len()).ok();
                (Box::new(Some(bytes).into_iter().filter(|bytes| !bytes.is_empty())), length)
            }
            Payload::Stream(chunks) => (chunks, None),
        };
        Self { chunks, length, cut: None, pause: None, sleep: None }
    }

    /// Breaks off after half of a whole body, or after some bytes of a streamed one.
    pub(crate) fn cut(mut self) -> Self {
        let half = self.length.map_or(1024, |length| length / 2);
        self.cut = Some(usize::try_from(half).unwrap_or(1024));
        self
    }

    /// Sends so many bytes at a time, with a pause after each.
    pub(crate) fn paced(mut self, bytes: usize, pause: Duration) -> Self {
        let size = bytes.max(1);
        let chunks = self.chunks;
        self.chunks = Box::new(chunks.flat_map(move |chunk| {
            let parts = chunk.len().div_ceil(size);
            (0..parts).map(move |part| {
                let from = part * size;
                chunk.slice(from..chunk.len().min(from + size))
            })
        }));
        self.pause = Some(pause);
        self
    }

    fn next(&mut self) -> Option<io::Result<Frame<Bytes>>> {
        let Some(chunk) = self.chunks.next() else {
            // Nothing left to cut into: the end itself does not come.
            return self.cut.map(|_| Err(io::ErrorKind::ConnectionReset.into()));
        };
        let chunk = match &mut self.cut {
            Some(0) => return Some(Err(io::ErrorKind::ConnectionReset.into())),
            Some(left) => {
                let kept = chunk.len().min(*left);
                *left -= kept;
                chunk.slice(..kept)
            }
            None => chunk,
        };
        // A cut that follows at once would take along what is not sent yet.
        let pause = self.pause.or(self.cut.map(|_| LONG_ENOUGH_TO_BE_SENT));
        self.sleep = pause.map(|pause| Box::pin(tokio::time::sleep(pause)));
        Some(Ok(Frame::data(chunk)))
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(sleep) = &mut self.sleep {
            match sleep.as_mut().poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => self.sleep = None,
            }
        }
        Poll::Ready(self.next())
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

const LONG_ENOUGH_TO_BE_SENT: Duration = Duration::from_millis(20);

/// Compresses a payload, streamed ones chunk by chunk.
pub(crate) fn gzip(payload: Payload) -> Payload {
    match payload {
        Payload::Whole(bytes) => {
            let mut encoder = GzEncoder::new(Vec::new(), Level::fast());
            match encoder.write_all(&bytes).and_then(|()| encoder.finish()) {
                Ok(packed) => Payload::Whole(packed.into()),
                Err(_) => Payload::Whole(Bytes::new()),
            }
        }
        Payload::Stream(chunks) => Payload::Stream(Box::new(Packed {
            chunks,
            encoder: Some(GzEncoder::new(Vec::new(), Level::fast())),
        })),
    }
}

struct Packed {
    chunks: Box<dyn Iterator<Item = Bytes> + Send>,
    encoder: Option<GzEncoder<Vec<u8>>>,
}

impl Iterator for Packed {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        loop {
            let encoder = self.encoder.as_mut()?;
            let Some(chunk) = self.chunks.next() else {
                return self.encoder.take()?.finish().ok().map(Bytes::from);
            };
            encoder.write_all(&chunk).ok()?;
            if !encoder.get_ref().is_empty() {
                return Some(std::mem::take(encoder.get_mut()).into());
            }
        }
    }
}
