//! OTLP by HTTP with protobuf: traces, metrics and records to a collector, from a thread of its own.
//!
//! No request waits for any of it. Traces wait in a bounded queue, and what finds no room there is dropped and counted.
//! Metrics are what they are at the moment of sending. Records are not held at all: the audit folder is read from where
//! the collector has taken it to, so that every line arrives at least once, however long the collector was away.

mod collector;
mod delivery;
pub mod messages;
pub mod wire;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use forcefield_audit::{Batch, Follower};
use forcefield_config::config;
use forcefield_credentials::Secrets;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tracing::{error, warn};
use ulid::Ulid;

use super::Telemetry;
use super::trace::Finished;
use collector::{Collector, NotTaken};
pub use delivery::{Deliveries, Delivery};
use messages::Teller;

/// What sends. Dropping it ends the sending without a last try.
#[derive(Debug)]
pub struct Exporter {
    stop: watch::Sender<bool>,
    ended: Receiver<()>,
}

/// What an exporter sends, and from where.
pub struct Outlet {
    /// The collector, and what it gets.
    pub settings: config::Telemetry,
    /// For its headers and its CA.
    pub secrets: Secrets,
    /// The metrics, and the counts of what is sent.
    pub telemetry: Arc<Telemetry>,
    /// The traced exchanges.
    pub traces: Option<mpsc::Receiver<Box<Finished>>>,
    /// The folder of the records.
    pub records: PathBuf,
    /// Where it is kept how far the records were sent.
    pub position: PathBuf,
}

/// One kind of thing on its way.
struct Sending {
    collector: Collector,
    telemetry: Arc<Telemetry>,
    teller: Teller,
    interval: Duration,
    stop: watch::Receiver<bool>,
}

// === impl Exporter ===

impl Exporter {
    /// Begins to send.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(outlet: Outlet) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let (end, ended) = channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || {
            runtime.block_on(outlet.run(stopped));
            let _ = end.send(());
        };
        std::thread::Builder::new().name("telemetry".to_owned()).spawn(run)?;
        Ok(Self { stop, ended })
    }

    /// Sends what is left, as far as that is quickly done.
    pub fn finish(self) {
        self.stop.send_replace(true);
        let _ = self.ended.recv_timeout(LAST + LAST);
    }
}

// === impl Outlet ===

impl Outlet {
    async fn run(self, stop: watch::Receiver<bool>) {
        let teller = Teller { instance: Ulid::new().to_string(), since: now() };
        let sending = || Sending {
            collector: Collector::new(&self.settings, &self.secrets),
            telemetry: Arc::clone(&self.telemetry),
            teller: teller.clone(),
            interval: self.settings.interval,
            stop: stop.clone(),
        };
        let traces = self.traces.map(|queue| sending().traces(queue));
        let metrics = self.settings.metrics.then(|| sending().metrics());
        let logs = self.settings.logs.then(|| sending().logs(&self.records, &self.position));
        tokio::join!(
            async {
                if let Some(traces) = traces {
                    Box::pin(traces).await
                }
            },
            async {
                if let Some(metrics) = metrics {
                    Box::pin(metrics).await
                }
            },
            async {
                if let Some(logs) = logs {
                    Box::pin(logs).await
                }
            },
        );
    }
}

// === impl Sending ===

impl Sending {
    /// Sends traced exchanges: once an interval, or sooner when many wait.
    async fn traces(mut self, mut queue: mpsc::Receiver<Box<Finished>>) {
        let telemetry = Arc::clone(&self.telemetry);
        let delivery = &telemetry.deliveries().traces;
        delivery.begin();
        let mut batch = Vec::with_capacity(TRACES);
        loop {
            let deadline = Instant::now() + self.interval;
            while batch.len() < TRACES {
                let room = TRACES - batch.len();
                tokio::select! {
                    received = queue.recv_many(&mut batch, room) => if received == 0 { return },
                    () = tokio::time::sleep_until(deadline) => break,
                    _ = self.stop.wait_for(|stop| *stop) => break,
                }
            }
            let last = *self.stop.borrow();
            while !batch.is_empty() {
                let message = self.teller.traces(&batch);
                match self.attempt(delivery, batch.len(), message).await {
                    // The queue goes on filling meanwhile, and then drops.
                    Err(NotTaken::Later(_)) if !last => self.rest().await,
                    Err(_) => {
                        delivery.dropped(batch.len() as u64);
                        batch.clear();
                    }
                    Ok(()) => batch.clear(),
                }
            }
            if last && queue.is_empty() {
                return;
            }
        }
    }

    /// Sends the metrics once an interval.
    async fn metrics(mut self) {
        let telemetry = Arc::clone(&self.telemetry);
        let delivery = &telemetry.deliveries().metrics;
        delivery.begin();
        let mut ticks = interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = self.stop.wait_for(|stop| *stop) => {}
            }
            let families = telemetry.families();
            let message = self.teller.metrics(&families, now());
            // What was not taken is in the next ones: they count from the start.
            let _ = self.attempt(delivery, families.len(), message).await;
            if *self.stop.borrow() {
                return;
            }
        }
    }

    /// Sends the lines of the record, in order, each until it is taken.
    async fn logs(mut self, records: &std::path::Path, position: &std::path::Path) {
        let telemetry = Arc::clone(&self.telemetry);
        let delivery = &telemetry.deliveries().logs;
        delivery.begin();
        let Some(mut follower) = self.follower(records, position).await else { return };
        let mut most = LINES;
        loop {
            let batch = follower.next(most, BYTES).unwrap_or_else(|error| {
                warn!(%error, "the record cannot be followed");
                Batch::default()
            });
            delivery.behind(follower.behind().unwrap_or_default());
            let last = *self.stop.borrow();
            if batch.lines.is_empty() {
                if last {
                    return;
                }
                most = LINES;
                self.rest().await;
                continue;
            }
            let message = self.teller.logs(&batch.lines, now());
            match self.attempt(delivery, batch.lines.len(), message).await {
                Ok(()) => done(&mut follower, &batch),
                Err(NotTaken::Never(_)) if batch.lines.len() > 1 => most = batch.lines.len() / 2,
                Err(NotTaken::Never(status)) => {
                    error!(%status, "the collector refuses a line of the record; it is left out there");
                    delivery.dropped(1);
                    done(&mut follower, &batch);
                }
                // It is kept, and sent by the next process from where this one came to.
                Err(NotTaken::Later(_)) if last => return,
                Err(NotTaken::Later(_)) => self.rest().await,
            }
        }
    }

    /// What follows the record, once no other process does. `None` when it is time to end.
    async fn follower(&mut self, records: &std::path::Path, position: &std::path::Path) -> Option<Follower> {
        loop {
            match Follower::open(records, position) {
                Ok(Some(follower)) => return Some(follower),
                // The process before this one has not ended yet.
                Ok(None) => {}
                Err(error) => warn!(%error, "the record cannot be followed"),
            }
            if *self.stop.borrow() {
                return None;
            }
            self.rest().await;
        }
    }

    /// Sends once. When it is time to end, it does not wait long.
    async fn attempt(&mut self, delivery: &Delivery, items: usize, message: Vec<u8>) -> Result<(), NotTaken> {
        let mut stop = self.stop.clone();
        let late = async {
            let _ = stop.wait_for(|stop| *stop).await;
            sleep(LAST).await;
        };
        let outcome = tokio::select! {
            outcome = self.collector.send(delivery.signal(), message) => outcome,
            () = late => Err(NotTaken::Later("it did not answer before the process ended".to_owned())),
        };
        delivery.settle(items, &outcome);
        outcome
    }

    /// Rests for an interval, or until it is time to end.
    async fn rest(&mut self) {
        let _ = timeout(self.interval, self.stop.wait_for(|stop| *stop)).await;
    }
}

fn done(follower: &mut Follower, batch: &Batch) {
    if let Err(error) = follower.done(batch, batch.lines.len()) {
        warn!(%error, "it cannot be kept how far the record was sent; lines will be sent twice");
    }
}

/// In nanoseconds since 1970.
fn now() -> u64 {
    u64::try_from(Timestamp::now().as_nanosecond()).unwrap_or_default()
}

/// Exchanges in one message.
const TRACES: usize = 512;
/// Lines of the record in one message, and bytes of them.
const LINES: usize = 512;
const BYTES: usize = 1 << 20;
/// How long the last messages may take when the process ends.
const LAST: Duration = Duration::from_millis(1500);
