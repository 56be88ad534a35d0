//! The body of an answer: whole, or events as they happen.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use tokio::sync::mpsc;

/// The body of an answer.
pub struct Content(Inner);

enum Inner {
    Whole(Full<Bytes>),
    Events(mpsc::Receiver<Bytes>),
}

// === impl Content ===

impl Content {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self(Inner::Whole(Full::new(bytes)))
    }

    /// Ends when the sender does.
    pub(crate) fn events(events: mpsc::Receiver<Bytes>) -> Self {
        Self(Inner::Events(events))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            Inner::Whole(whole) => Pin::new(whole).poll_frame(cx),
            Inner::Events(events) => {
                events.poll_recv(cx).map(|event| event.map(|event| Ok(Frame::data(event))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Whole(whole) => whole.is_end_stream(),
            Inner::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(whole) => whole.size_hint(),
            Inner::Events(_) => SizeHint::default(),
        }
    }
}
