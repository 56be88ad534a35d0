//! What is told of how Forcefield does: metrics as Prometheus text and over OTLP, readiness, traces.
//!
//! Metrics are counted in [`instruments`] on the way of every request, or looked up in the rooms when somebody asks
//! ([`observed`]). Labels come from closed sets only: words of this program and names of the configuration, never a
//! client's text. `docs/metrics.md` lists them all.

pub mod health;
pub mod instruments;
pub mod listener;
pub mod metric;
pub mod observed;
pub mod otlp;
pub mod text;
pub mod timing;
pub mod trace;

use std::fmt;
use std::sync::{PoisonError, RwLock};

use forcefield_audit::Record;
use http::HeaderMap;
use ulid::Ulid;

use health::Health;
use instruments::Instruments;
use metric::{Family, merged};
use otlp::Deliveries;
use timing::Timing;
use trace::{Trace, Tracer};

/// Everything that is told. One for the life of the process.
pub struct Telemetry {
    instruments: Instruments,
    health: Health,
    sources: RwLock<Vec<Source>>,
    deliveries: Deliveries,
    tracer: Option<Tracer>,
}

/// Looks up what a room has to tell, at the moment of asking.
pub type Source = Box<dyn Fn() -> Vec<Family> + Send + Sync>;

// === impl Telemetry ===

impl Telemetry {
    /// Nothing counted yet, of a process that is starting. With a tracer some exchanges are traced.
    #[must_use]
    pub fn new(tracer: Option<Tracer>) -> Self {
        Self {
            instruments: Instruments::new(),
            health: Health::starting(),
            sources: RwLock::default(),
            deliveries: Deliveries::new(),
            tracer,
        }
    }

    /// Whether an exchange is traced.
    #[must_use]
    pub fn trace(&self, decision: Ulid, headers: &HeaderMap) -> Option<Box<Trace>> {
        self.tracer.as_ref()?.choose(decision, headers)
    }

    /// Counts an exchange that has ended, and has it sent when it is traced.
    pub fn ended(&self, record: &Record, timing: &mut Timing) {
        self.instruments.ended(record, timing.added());
        if let (Some(tracer), Some(trace)) = (&self.tracer, timing.take_trace())
            && !tracer.finish(*trace, record, timing)
        {
            self.deliveries.traces.dropped(1);
        }
    }

    /// How sending to a collector goes.
    #[must_use]
    pub fn deliveries(&self) -> &Deliveries {
        &self.deliveries
    }

    /// What exchanges are counted in.
    #[must_use]
    pub fn instruments(&self) -> &Instruments {
        &self.instruments
    }

    /// Whether requests are served.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// Has more metrics looked up whenever somebody asks.
    pub fn observe(&self, source: Source) {
        self.sources.write().unwrap_or_else(PoisonError::into_inner).push(source);
    }

    /// All metrics as they stand.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let mut families = self.instruments.families();
        families.extend(self.deliveries.families());
        let sources = self.sources.read().unwrap_or_else(PoisonError::into_inner);
        families.extend(sources.iter().flat_map(|source| source()));
        merged(families)
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry").field("health", &self.health).finish_non_exhaustive()
    }
}
