//! The body of an answer on its way to the client: decoded, counted, scanned, rewritten, and closed only when its
//! record is written.
//!
//! The last piece waits until the record is on disk, so that whoever has a whole answer is on record with it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use thiserror::Error;

use forcefield_audit::Outcome;
use forcefield_limits::{CutOff, Round};

use crate::exchange::{Exchange, Unrecorded};
use crate::presence::Presence;

/// What an answer's pieces go through.
pub trait Pass: Send {
    /// What a piece waits for before it is taken: more of a budget that several replicas share.
    fn short(&self, piece: &Bytes) -> Option<Round>;

    /// What goes on of a piece, and what must be done before it does.
    ///
    /// # Errors
    /// When no more may go on.
    fn piece(&mut self, piece: Bytes, exchange: &mut Exchange) -> Result<Passed, Stop>;

    /// What is left at the end.
    ///
    /// # Errors
    /// When the end is not a good one.
    fn end(&mut self, exchange: &mut Exchange) -> Result<Bytes, Stop>;
}

/// For answers of our own.
pub struct AsItIs;

impl Pass for AsItIs {
    fn short(&self, _: &Bytes) -> Option<Round> {
        None
    }

    fn piece(&mut self, piece: Bytes, _: &mut Exchange) -> Result<Passed, Stop> {
        Ok(Passed { piece, first: None, last: None })
    }

    fn end(&mut self, _: &mut Exchange) -> Result<Bytes, Stop> {
        Ok(Bytes::new())
    }
}

/// A piece that may go on.
pub struct Passed {
    /// What the client gets.
    pub piece: Bytes,
    /// What must be done first: a cursor in it must be on the ledger before the client has it.
    pub first: Option<Waiting>,
    /// Why nothing may go on after it.
    pub last: Option<Stop>,
}

/// Why an answer ends early.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Stop {
    /// The budget ended.
    #[error("{0}")]
    Spent(String),
    /// This replica may not spend now what several share.
    #[error("{0}")]
    CutOff(CutOff),
    /// It may not go any more where it goes.
    #[error("{0}")]
    Elsewhere(String),
    /// A responder killed the integration.
    #[error("a responder has stopped this integration")]
    Killed,
    /// The answer cannot be read, or a cursor in it not be kept.
    #[error("{0}")]
    Unreadable(&'static str),
}

/// The error that a client's connection ends with.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BrokenOff {
    /// Salesforce broke off.
    #[error("salesforce broke off its answer")]
    Upstream,
    /// Forcefield cut the answer.
    #[error("the answer was cut: {0}")]
    Cut(Stop),
    /// The record could not be written.
    #[error(transparent)]
    Unrecorded(#[from] Unrecorded),
}

/// The body of an answer.
pub struct AnswerBody<B> {
    source: Option<B>,
    pass: Box<dyn Pass>,
    held: Option<Bytes>,
    /// A piece that waits to be counted, and how many rounds more it may.
    short: Option<(Round, Bytes, u8)>,
    waiting: Option<(Waiting, Bytes)>,
    exchange: Option<Exchange>,
    /// The exchange, once it is being recorded.
    recording: Option<Exchange>,
    last: Option<Stop>,
    broken: Option<BrokenOff>,
    /// Whether the connection had a turn to write what it has before it is told that the answer is broken.
    written: bool,
    exact: Option<u64>,
    presence: Option<Presence>,
}

/// Rounds that a piece waits for, beyond the first.
const ROUNDS: u8 = 3;

/// Something to wait for before a piece goes on.
pub type Waiting = Pin<Box<dyn Future<Output = Result<(), Stop>> + Send>>;

impl<B> AnswerBody<B> {
    /// A body that takes what `source` gives through `pass`. `exact` is its length, where nothing changes it; with a
    /// `presence` it is listed among what is under way, and cut with it.
    pub fn new(
        source: B,
        pass: Box<dyn Pass>,
        exchange: Exchange,
        exact: Option<u64>,
        presence: Option<Presence>,
    ) -> Self {
        let exchange = Some(exchange);
        let source = Some(source);
        Self {
            source,
            pass,
            held: None,
            short: None,
            waiting: None,
            exchange,
            recording: None,
            last: None,
            broken: None,
            written: false,
            exact,
            presence,
        }
    }

    /// Begins to write the record; the pieces go on when it is written.
    fn finish(&mut self) {
        self.source = None;
        self.presence = None;
        if let Some(exchange) = self.exchange.take() {
            self.recording = Some(exchange);
        }
    }

    /// Notes that the answer did not come to its end.
    fn ended_early(&mut self, outcome: Outcome, rule: &'static str, reason: String) {
        if let Some(exchange) = &mut self.exchange {
            exchange.note(|record| {
                record.outcome = outcome;
                record.rule = Some(rule);
                record.reason = Some(reason);
            });
        }
    }

    fn cut(&mut self, stop: Stop) {
        let (outcome, rule) = match &stop {
            Stop::Spent(_) => (Outcome::Cut, "budget"),
            Stop::CutOff(_) => (Outcome::Cut, "unavailable"),
            Stop::Elsewhere(_) => (Outcome::Cut, "destination"),
            Stop::Killed => (Outcome::Cut, "kill"),
            Stop::Unreadable(_) => (Outcome::Failed, "ledger"),
        };
        self.ended_early(outcome, rule, stop.to_string());
        self.broken = Some(BrokenOff::Cut(stop));
        // The piece before the cut was counted and may go.
        self.finish();
    }

    /// Cuts the answer where it stands: what is held does not go out.
    fn kill(&mut self) {
        self.waiting = None;
        self.short = None;
        let held = self.held.take().map_or(0, |held| held.len() as u64);
        if let Some(exchange) = &mut self.exchange {
            exchange.note(|record| record.bytes = record.bytes.saturating_sub(held));
        }
        self.cut(Stop::Killed);
    }

    /// Takes a piece and gives the one that was held before it.
    fn take(&mut self, piece: Bytes) -> Option<Bytes> {
        if piece.is_empty() {
            return None;
        }
        if let Some(exchange) = &mut self.exchange {
            let length = piece.len() as u64;
            let presence = self.presence.as_ref();
            exchange.note(|record| {
                record.bytes += length;
                if let Some(presence) = presence {
                    presence.went_out(record.rows, record.bytes);
                }
            });
        }
        self.held.replace(piece)
    }

    /// Takes a piece that may go on, and ends the answer with it when nothing may go after it.
    fn went(&mut self, piece: Bytes) -> Option<Bytes> {
        let before = self.take(piece);
        if let Some(stop) = self.last.take() {
            self.cut(stop);
        }
        before
    }
}

impl<B> AnswerBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    /// Waits for the record, once the answer has ended.
    fn poll_recording(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(recording) = &mut self.recording {
            let recorded = ready!(recording.poll_end(cx));
            self.recording = None;
            if let Err(unrecorded) = recorded {
                self.held = None;
                self.broken = Some(unrecorded.into());
            }
        }
        Poll::Ready(())
    }

    /// Waits for what a piece must wait for; gives the piece before it.
    fn poll_waiting(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some((waiting, _)) = &mut self.waiting else { return Poll::Ready(None) };
        let done = ready!(waiting.as_mut().poll(cx));
        let piece = self.waiting.take().map(|(_, piece)| piece);
        match done {
            Ok(()) => Poll::Ready(piece.and_then(|piece| self.went(piece))),
            Err(stop) => {
                self.cut(stop);
                Poll::Ready(None)
            }
        }
    }

    /// Waits for what a piece needs before it is counted; gives the piece that may go on then.
    fn poll_short(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        while let Some((round, ..)) = &mut self.short {
            ready!(round.as_mut().poll(cx));
            let Some((_, piece, more)) = self.short.take() else { break };
            // Another answer of the identity may have spent first what came.
            match self.pass.short(&piece).filter(|_| more > 0) {
                Some(round) => self.short = Some((round, piece, more - 1)),
                None => return Poll::Ready(self.pass_on(piece)),
            }
        }
        Poll::Ready(None)
    }

    /// Takes a piece through; gives the one that may go on now.
    fn pass_on(&mut self, piece: Bytes) -> Option<Bytes> {
        match self.pass.piece(piece, self.exchange.as_mut()?) {
            Ok(Passed { piece, first, last }) => {
                self.last = last;
                match first {
                    Some(first) => self.waiting = Some((first, piece)),
                    None => return self.went(piece),
                }
            }
            Err(stop) => self.cut(stop),
        }
        None
    }

    /// Takes the next event of the source; gives the piece that may go on now.
    fn advance<E>(&mut self, event: Option<Result<Frame<Bytes>, E>>) -> Option<Bytes> {
        let exchange = self.exchange.as_mut()?;
        match event {
            Some(Ok(frame)) => {
                let piece = frame.into_data().ok()?;
                match self.pass.short(&piece) {
                    Some(round) => self.short = Some((round, piece, ROUNDS)),
                    None => return self.pass_on(piece),
                }
            }
            Some(Err(_)) => {
                self.broken = Some(BrokenOff::Upstream);
                self.ended_early(Outcome::Failed, "upstream", "salesforce broke off its answer".to_owned());
                self.finish();
            }
            None => match self.pass.end(exchange) {
                Ok(rest) => {
                    let before = self.take(rest);
                    self.finish();
                    return before;
                }
                Err(stop) => self.cut(stop),
            },
        }
        None
    }
}

impl<B> Drop for AnswerBody<B> {
    /// A body whose connection was closed under it by a kill was cut, not abandoned by its client.
    fn drop(&mut self) {
        if self.presence.as_mut().is_some_and(Presence::is_cut) {
            self.ended_early(Outcome::Cut, "kill", Stop::Killed.to_string());
        }
    }
}

impl<B> Body for AnswerBody<B>
where
    B: Body<Data = Bytes> + Unpin,
{
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        let this = &mut *self;
        loop {
            ready!(this.poll_recording(cx));
            if this.presence.as_mut().is_some_and(|presence| presence.poll_cut(cx).is_ready()) {
                this.kill();
                continue;
            }
            if let Some(before) = ready!(this.poll_short(cx)) {
                return Poll::Ready(Some(Ok(Frame::data(before))));
            }
            if let Some(before) = ready!(this.poll_waiting(cx)) {
                return Poll::Ready(Some(Ok(Frame::data(before))));
            }
            if this.recording.is_some() {
                continue;
            }
            let Some(source) = &mut this.source else {
                // What was held may go, and then the end: a good one, or one that the client cannot miss.
                if let Some(piece) = this.held.take() {
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                if this.broken.is_some() && !std::mem::replace(&mut this.written, true) {
                    // A connection forgets what it has not written yet when it hears of an error.
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                return Poll::Ready(this.broken.take().map(Err));
            };
            let event = ready!(Pin::new(source).poll_frame(cx));
            if let Some(before) = this.advance(event) {
                return Poll::Ready(Some(Ok(Frame::data(before))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_none() && self.recording.is_none() && self.held.is_none() && self.broken.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.exact.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
