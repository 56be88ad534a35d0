//! How sending goes: counted, and said once whenever it changes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tracing::{info, warn};

use super::collector::NotTaken;
use crate::telemetry::metric::{Counter, Family, Labels, label};

/// How sending goes, of each kind of thing.
#[derive(Debug)]
pub struct Deliveries {
    /// Traced exchanges.
    pub traces: Delivery,
    /// Metrics.
    pub metrics: Delivery,
    /// Lines of the record.
    pub logs: Delivery,
}

/// How sending one kind of thing goes.
#[derive(Debug)]
pub struct Delivery {
    signal: &'static str,
    /// Whether this is sent at all.
    on: AtomicBool,
    sent: Counter,
    dropped: Counter,
    failures: Counter,
    failing: AtomicBool,
    /// Bytes of the record that wait to be sent.
    behind: AtomicU64,
}

// === impl Deliveries ===

impl Deliveries {
    /// Nothing is sent yet.
    #[must_use]
    pub fn new() -> Self {
        Self { traces: Delivery::of("traces"), metrics: Delivery::of("metrics"), logs: Delivery::of("logs") }
    }

    /// All of it.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let all = [&self.traces, &self.metrics, &self.logs];
        let each = |value: fn(&Delivery) -> u64| {
            let on = all.into_iter().filter(|delivery| delivery.on.load(Ordering::Relaxed));
            on.map(move |delivery| (label("signal", delivery.signal), value(delivery))).collect::<Vec<_>>()
        };
        let behind = self.logs.on.load(Ordering::Relaxed);
        let behind = behind.then(|| (Labels::new(), self.logs.behind.load(Ordering::Relaxed)));
        vec![
            Family::gauge("forcefield_otlp_up", "Whether the collector took what was sent last, by signal")
                .with_each(each(|delivery| u64::from(!delivery.failing.load(Ordering::Relaxed)))),
            Family::counter(
                "forcefield_otlp_sent_total",
                "What the collector took: exchanges, metrics, lines, by signal",
            )
            .with_each(each(|delivery| delivery.sent.get())),
            Family::counter("forcefield_otlp_dropped_total", "What the collector never got, by signal")
                .with_each(each(|delivery| delivery.dropped.get())),
            Family::counter(
                "forcefield_otlp_failures_total",
                "Requests that the collector did not take, by signal",
            )
            .with_each(each(|delivery| delivery.failures.get())),
            Family::gauge(
                "forcefield_otlp_behind_bytes",
                "Bytes of the record that the collector has not got yet",
            )
            .with_each(behind),
        ]
    }
}

impl Default for Deliveries {
    fn default() -> Self {
        Self::new()
    }
}

// === impl Delivery ===

impl Delivery {
    fn of(signal: &'static str) -> Self {
        Self {
            signal,
            on: AtomicBool::new(false),
            sent: Counter::default(),
            dropped: Counter::default(),
            failures: Counter::default(),
            failing: AtomicBool::new(false),
            behind: AtomicU64::new(0),
        }
    }

    /// Notes that this is sent from now on.
    pub(super) fn begin(&self) {
        self.on.store(true, Ordering::Relaxed);
    }

    /// Its path at the collector, and its name.
    pub(super) fn signal(&self) -> &'static str {
        self.signal
    }

    /// Notes what came of a request with so many things in it.
    pub(super) fn settle(&self, items: usize, outcome: &Result<(), NotTaken>) {
        match outcome {
            Ok(()) => {
                self.sent.add(items as u64);
                if self.failing.swap(false, Ordering::Relaxed) {
                    info!(signal = self.signal, "the collector takes what is sent again");
                }
            }
            Err(error) => {
                self.failures.add(1);
                if !self.failing.swap(true, Ordering::Relaxed) {
                    warn!(signal = self.signal, %error, "the collector does not take what is sent");
                }
            }
        }
    }

    /// Counts what the collector will never get.
    pub fn dropped(&self, items: u64) {
        self.dropped.add(items);
    }

    /// Notes how much waits.
    pub(super) fn behind(&self, bytes: u64) {
        self.behind.store(bytes, Ordering::Relaxed);
    }
}
