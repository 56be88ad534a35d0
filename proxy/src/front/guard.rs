//! The bytes of an HTTP/1.1 connection, looked at before hyper reads them.
//!
//! A head passes on only when it is complete and has one reading. A head that has not is replaced by a request that
//! stands for the refusal, so that the refusal is answered and recorded in its turn, after the answers to what came
//! before it; nothing that follows is read as a request.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::framing::{Fault, Scanned, Scanner};
use super::pulse::Pulse;

/// A stream that a client's requests come by.
#[derive(Debug)]
pub(super) struct Guard<S> {
    stream: S,
    scanner: Option<Scanner>,
    /// What was read and has not passed on: `ready` bytes that may, and the start of a head.
    held: BytesMut,
    ready: usize,
    state: Reading,
    pulse: Arc<Pulse>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Open,
    /// A head was refused: nothing more passes on.
    Refused,
    /// A body was cut: reading fails from here on.
    Broken,
    /// The write side is closed; this many more bytes are read and thrown away.
    Closing(usize),
}

// === impl Guard ===

impl<S> Guard<S> {
    /// Looks at HTTP/1.1.
    pub(super) fn http1(stream: S, pulse: Arc<Pulse>) -> Self {
        Self::new(stream, Some(Scanner::default()), pulse)
    }

    /// Lets HTTP/2 pass: its frames have one reading.
    pub(super) fn http2(stream: S, pulse: Arc<Pulse>) -> Self {
        Self::new(stream, None, pulse)
    }

    fn new(stream: S, scanner: Option<Scanner>, pulse: Arc<Pulse>) -> Self {
        Self { stream, scanner, held: BytesMut::new(), ready: 0, state: Reading::Open, pulse }
    }

    /// Takes note of what a scan found. Gives how many bytes may pass on.
    fn note(&mut self, scanned: &Scanned) -> usize {
        self.pulse.heads_passed(scanned.heads);
        match scanned.fault {
            None => {}
            Some(Fault::Head(bad)) => {
                self.state = Reading::Refused;
                self.pulse.refuse(bad);
            }
            Some(Fault::Body) => self.state = Reading::Broken,
        }
        scanned.pass
    }

    /// Holds back what may not pass yet, or puts the stand-in there when it never may.
    fn hold(&mut self, pass: usize, rest: &[u8]) {
        self.ready = pass;
        match self.state {
            Reading::Open => self.held.extend_from_slice(rest),
            Reading::Refused => {
                self.held.truncate(pass);
                self.held.extend_from_slice(STAND_IN);
                self.ready += STAND_IN.len();
            }
            Reading::Broken | Reading::Closing(_) => self.held.truncate(pass),
        }
        self.pulse.head_is_arriving(self.state == Reading::Open && self.held.len() > self.ready);
    }

    fn pass_on(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.ready.min(buffer.remaining());
        buffer.put_slice(self.held.get(..length).unwrap_or_default());
        self.held.advance(length);
        self.ready -= length;
        if self.held.is_empty() {
            self.held = BytesMut::new();
        }
    }

    /// Scans what was just read into `buffer` after its first `start` bytes, and leaves there what may pass on.
    fn scan(&mut self, buffer: &mut ReadBuf<'_>, start: usize) {
        let Some(mut scanner) = self.scanner.take() else { return };
        let fresh = buffer.filled().get(start..).unwrap_or_default();
        if self.held.is_empty() {
            let scanned = scanner.feed(fresh);
            let pass = self.note(&scanned);
            self.hold(0, fresh.get(pass..).unwrap_or_default());
            buffer.set_filled(start + pass);
        } else {
            self.held.extend_from_slice(fresh);
            buffer.set_filled(start);
            let scanned = scanner.feed(&self.held);
            let pass = self.note(&scanned);
            self.hold(pass, &[]);
        }
        self.scanner = Some(scanner);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let start = buffer.filled().len();
        loop {
            if self.ready > 0 {
                self.pass_on(buffer);
                return Poll::Ready(Ok(()));
            }
            match self.state {
                Reading::Open => {}
                // An end of the stream would make hyper drop the refusal that is being answered.
                Reading::Refused | Reading::Closing(_) => return Poll::Pending,
                Reading::Broken => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
            }
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
            if buffer.filled().len() == start {
                return Poll::Ready(Ok(()));
            }
            self.scan(buffer, start);
            if buffer.filled().len() > start {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Guard<S> {
    /// Reads and drops what the client still sends, for a while: closing a socket with unread data resets it, and
    /// the reset can overtake the answer.
    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4096];
        while let Reading::Closing(left @ 1..) = self.state {
            let mut buffer = ReadBuf::new(&mut scratch);
            let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut buffer));
            let length = buffer.filled().len();
            if read.is_err() || length == 0 {
                break;
            }
            self.state = Reading::Closing(left.saturating_sub(length));
        }
        Poll::Ready(Ok(()))
    }

    fn has_unread_data(&self) -> bool {
        let between = self.scanner.as_ref().is_none_or(Scanner::between_requests);
        self.state != Reading::Open || !between || !self.held.is_empty()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.pulse.write_is_pending(written.is_pending());
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.pulse.write_is_pending(written.is_pending());
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.pulse.write_is_pending(flushed.is_pending());
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !matches!(self.state, Reading::Closing(_)) {
            self.pulse.close();
            ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
            self.state = Reading::Closing(if self.has_unread_data() { LINGER } else { 0 });
        }
        self.poll_linger(context)
    }
}

/// What hyper reads in place of a head that is refused.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused.invalid\r\nconnection: close\r\n\r\n";
/// The most bytes that are read and dropped from a connection that is being closed.
const LINGER: usize = 1 << 20;
