//! The signs of life of one connection, written by its I/O and its bodies, read by a slow tick.
//!
//! Deadlines are kept as timestamps rather than timers: a request then costs a few stores, and a connection one
//! timer, however much happens on it.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use forcefield_config::config::Timeouts;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use super::BadHead;

/// The state of one connection that its deadlines depend on.
#[derive(Debug)]
pub(super) struct Pulse {
    opened: Instant,
    /// Since when a head has been arriving.
    head: Mark,
    /// Since when the client has taken nothing of what it was sent.
    stalled: Mark,
    /// Since when no request has been under way.
    quiet: Mark,
    /// Since when the connection has been closing.
    closing: Mark,
    active: AtomicUsize,
    served: AtomicU64,
    passed: AtomicU64,
    refused: OnceLock<BadHead>,
    /// For each answer of an HTTP/2 connection: since when its next piece has waited to be taken.
    offers: Mutex<Vec<Arc<Mark>>>,
}

/// A moment in milliseconds after [`Pulse::opened`], or none.
#[derive(Debug, Default)]
struct Mark(AtomicU64);

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overdue {
    Head,
    Stalled,
    Quiet,
    Closing,
}

/// One request under way, from its head to the end of its answer.
#[derive(Debug)]
pub(super) struct Active(Arc<Pulse>);

/// An answer on its way to the client.
#[derive(Debug)]
pub struct Paced<B> {
    body: B,
    offered: Option<Arc<Mark>>,
    active: Active,
}

// === impl Pulse ===

impl Pulse {
    pub(super) fn start() -> Arc<Self> {
        let pulse = Self {
            opened: Instant::now(),
            head: Mark::default(),
            stalled: Mark::default(),
            quiet: Mark::default(),
            closing: Mark::default(),
            active: AtomicUsize::new(0),
            served: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            refused: OnceLock::new(),
            offers: Mutex::new(Vec::new()),
        };
        pulse.quiet.set(pulse.now());
        Arc::new(pulse)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// How often [`Self::overdue`] is worth asking.
    pub(super) fn tick(timeouts: &Timeouts) -> Duration {
        (timeouts.head.min(timeouts.idle) / 4).clamp(Duration::from_millis(20), Duration::from_secs(5))
    }

    /// Whether the connection has outlived one of its deadlines.
    pub(super) fn overdue(&self, timeouts: &Timeouts) -> Option<Overdue> {
        let now = self.now();
        let quiet = if self.served.load(Ordering::Relaxed) == 0 { timeouts.head } else { timeouts.idle };
        let active = self.active.load(Ordering::Relaxed) > 0;
        if self.head.is_over(now, timeouts.head) {
            Some(Overdue::Head)
        } else if self.stalled.is_over(now, timeouts.idle) || self.an_offer_is_over(now, timeouts.idle) {
            Some(Overdue::Stalled)
        } else if !active && self.closing.is_over(now, LONGEST_CLOSING) {
            Some(Overdue::Closing)
        } else if !self.closing.is_set() && self.quiet.is_over(now, quiet) {
            Some(Overdue::Quiet)
        } else {
            None
        }
    }

    fn an_offer_is_over(&self, now: u64, longest: Duration) -> bool {
        let mut offers = self.offers.lock().unwrap_or_else(PoisonError::into_inner);
        offers.retain(|offer| Arc::strong_count(offer) > 1);
        offers.iter().any(|offer| offer.is_over(now, longest))
    }

    /// A request's head has reached the service. Gives what is wrong with its bytes, if anything is.
    pub(super) fn begin(self: &Arc<Self>) -> (Active, Option<BadHead>) {
        self.active.fetch_add(1, Ordering::Relaxed);
        self.quiet.clear();
        let number = self.served.fetch_add(1, Ordering::Relaxed);
        let refused = self.refused.get().filter(|_| number >= self.passed.load(Ordering::Acquire));
        (Active(Arc::clone(self)), refused.copied())
    }

    /// Whether the connection has had a request.
    pub(super) fn has_begun(&self) -> bool {
        self.served.load(Ordering::Relaxed) > 0
    }

    /// Heads have passed on to hyper.
    pub(super) fn heads_passed(&self, heads: u64) {
        if heads > 0 {
            self.passed.fetch_add(heads, Ordering::Release);
        }
    }

    /// The head after those that passed is refused; it is the connection's last.
    pub(super) fn refuse(&self, bad: BadHead) {
        let _ = self.refused.set(bad);
        self.head.clear();
    }

    /// Whether part of a head has arrived and the rest is awaited.
    pub(super) fn head_is_arriving(&self, arriving: bool) {
        self.head.hold(arriving, || self.now());
    }

    /// Whether bytes for the client wait because it takes none.
    pub(super) fn write_is_pending(&self, pending: bool) {
        self.stalled.hold(pending, || self.now());
    }

    /// The connection is being closed.
    pub(super) fn close(&self) {
        self.closing.hold(true, || self.now());
    }
}

// === impl Mark ===

impl Mark {
    fn set(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }

    fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Sets the mark once when `holds` becomes true, clears it when it is false.
    fn hold(&self, holds: bool, now: impl FnOnce() -> u64) {
        match (self.0.load(Ordering::Relaxed), holds) {
            (0, true) => self.set(now()),
            (0, false) | (_, true) => {}
            (_, false) => self.clear(),
        }
    }

    fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    fn is_over(&self, now: u64, longest: Duration) -> bool {
        let since = self.0.load(Ordering::Relaxed);
        since != 0 && Duration::from_millis(now.saturating_sub(since)) >= longest
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        if self.0.active.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.quiet.set(self.0.now());
        }
    }
}

// === impl Paced ===

impl<B> Paced<B> {
    /// Follows an answer. `multiplexed` answers are watched one by one: a client may read one and leave another.
    pub(super) fn new(body: B, active: Active, multiplexed: Multiplexed) -> Self {
        let offered = (multiplexed == Multiplexed::Yes).then(|| {
            let mark = Arc::new(Mark::default());
            let mut offers = active.0.offers.lock().unwrap_or_else(PoisonError::into_inner);
            offers.push(Arc::clone(&mark));
            mark
        });
        Self { body, offered, active }
    }
}

/// Whether several requests share a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Multiplexed {
    Yes,
    No,
}

impl<B: Body<Data = Bytes> + Unpin> Body for Paced<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if let Some(offered) = &self.offered {
            offered.clear();
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let (Some(offered), Some(Ok(_))) = (&self.offered, &frame) {
            offered.set(self.active.0.now());
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How long a closing connection is read from, so that the answer is not lost to a reset.
const LONGEST_CLOSING: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn timeouts() -> Timeouts {
        Timeouts { head: Duration::from_secs(15), idle: Duration::from_secs(60), ..Timeouts::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_head_has_less_time_than_a_later_one() {
        let pulse = Pulse::start();
        tokio::time::advance(Duration::from_secs(16)).await;
        assert_eq!(pulse.overdue(&timeouts()), Some(Overdue::Quiet));
        let (active, _) = pulse.begin();
        drop(active);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(pulse.overdue(&timeouts()), None);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(pulse.overdue(&timeouts()), Some(Overdue::Quiet));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_under_way_is_not_quiet() {
        let pulse = Pulse::start();
        let (_active, bad) = pulse.begin();
        tokio::time::advance(Duration::from_secs(500)).await;
        assert_eq!((pulse.overdue(&timeouts()), bad), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_drips_is_overdue_from_its_first_byte() {
        let pulse = Pulse::start();
        let (_active, _) = pulse.begin();
        for _ in 0..16 {
            pulse.head_is_arriving(true);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(pulse.overdue(&timeouts()), Some(Overdue::Head));
        pulse.head_is_arriving(false);
        assert_eq!(pulse.overdue(&timeouts()), None);
    }

    #[test]
    fn only_the_request_after_those_that_passed_is_refused() {
        let pulse = Pulse::start();
        pulse.heads_passed(2);
        pulse.refuse(BadHead::Body);
        let refusals: Vec<_> = (0..3).map(|_| pulse.begin().1).collect();
        assert_eq!(refusals, [None, None, Some(BadHead::Body)]);
    }
}
