//! What is told, as the messages of OTLP 1 (`opentelemetry/proto/`): the numbers are those of its fields.

use std::time::Duration;

use forcefield_audit::{Followed, Outcome};

use super::wire::Message;
use crate::telemetry::metric::{Family, Kind, Labels, Sample, Spread, Value};
use crate::telemetry::trace::{Finished, Stretch};

/// Who tells, and since when.
#[derive(Clone, Debug)]
pub struct Teller {
    /// An id of this run of the process.
    pub instance: String,
    /// When it began, in nanoseconds since 1970.
    pub since: u64,
}

// === impl Teller ===

impl Teller {
    /// `ExportTraceServiceRequest`
    #[must_use]
    pub fn traces(&self, finished: &[Box<Finished>]) -> Vec<u8> {
        self.request(scope().messages(2, finished.iter().flat_map(|finished| spans(finished))))
    }

    /// `ExportMetricsServiceRequest`
    #[must_use]
    pub fn metrics(&self, families: &[Family], now: u64) -> Vec<u8> {
        let families = families.iter().filter(|family| !family.samples.is_empty());
        self.request(scope().messages(2, families.map(|family| self.metric(family, now))))
    }

    /// `ExportLogsServiceRequest`
    #[must_use]
    pub fn logs(&self, lines: &[Followed], now: u64) -> Vec<u8> {
        self.request(scope().messages(2, lines.iter().map(|line| log(line, now))))
    }

    /// One resource with one scope: the numbers are the same for all three.
    fn request(&self, scope: Message) -> Vec<u8> {
        let resource = Message::new().messages(
            1,
            [
                attribute("service.name", "forcefield"),
                attribute("service.version", env!("CARGO_PKG_VERSION")),
                attribute("service.instance.id", &self.instance),
            ],
        );
        Message::new().message(1, Message::new().message(1, resource).message(2, scope)).into_bytes()
    }

    fn metric(&self, family: &Family, now: u64) -> Message {
        let unit = if family.name.contains("_seconds") { "s" } else { "1" };
        let metric = Message::new().text(1, family.name).text(2, family.help).text(3, unit);
        let points = Message::new().messages(1, family.samples.iter().map(|sample| self.point(sample, now)));
        match family.kind {
            Kind::Gauge => metric.message(5, points),
            Kind::Counter => metric.message(7, points.number(2, CUMULATIVE).number(3, 1)),
            Kind::Histogram => metric.message(9, points.number(2, CUMULATIVE)),
        }
    }

    fn point(&self, sample: &Sample, now: u64) -> Message {
        let point = Message::new().fixed(2, self.since).fixed(3, now);
        match &sample.value {
            Value::Whole(value) => point.fixed(6, *value).messages(7, labels(&sample.labels)),
            Value::Real(value) => point.double(4, *value).messages(7, labels(&sample.labels)),
            Value::Spread(Spread { bounds, buckets, sum }) => point
                .fixed(4, buckets.iter().sum())
                .double(5, *sum)
                .packed(6, buckets.iter().copied())
                .packed(7, bounds.iter().map(|bound| bound.to_bits()))
                .messages(9, labels(&sample.labels)),
        }
    }
}

/// `ScopeSpans`, `ScopeMetrics` or `ScopeLogs`, with nothing in it yet.
fn scope() -> Message {
    Message::new().message(1, Message::new().text(1, "forcefield").text(2, env!("CARGO_PKG_VERSION")))
}

/// The `Span` of an exchange, and one of each of its steps.
fn spans(finished: &Finished) -> Vec<Message> {
    let own = finished.ids.span;
    let whole = Stretch { name: finished.door, after: Duration::ZERO, took: finished.took };
    let exchange =
        span(finished, (own, finished.ids.parent), SERVER, whole).messages(9, attributes(finished));
    let exchange = match finished.outcome {
        Outcome::Failed => exchange.message(15, Message::new().number(3, FAILED)),
        Outcome::Allowed | Outcome::Refused | Outcome::Cut | Outcome::Aborted => exchange,
    };
    let steps = finished.steps.iter().zip(1_u64..);
    let steps = steps
        .map(|(step, number)| span(finished, (own.wrapping_add(number).max(1), Some(own)), INTERNAL, *step));
    std::iter::once(exchange).chain(steps).collect()
}

fn span(of: &Finished, (id, parent): (u64, Option<u64>), kind: u64, stretch: Stretch) -> Message {
    let began = of.began.saturating_add(nanoseconds(stretch.after));
    let span = Message::new().bytes(1, &of.ids.trace.to_be_bytes()).bytes(2, &id.to_be_bytes());
    let span = match parent {
        Some(parent) => span.bytes(4, &parent.to_be_bytes()),
        None => span,
    };
    let ended = began.saturating_add(nanoseconds(stretch.took));
    span.text(5, stretch.name).number(6, kind).fixed(7, began).fixed(8, ended)
}

fn attributes(finished: &Finished) -> impl Iterator<Item = Message> {
    let texts = [
        Some(("forcefield.api", finished.door)),
        Some(("forcefield.operation", finished.operation.as_str())),
        Some(("forcefield.outcome", finished.outcome.as_str())),
        finished.rule.map(|rule| ("forcefield.rule", rule)),
        finished.identity.as_ref().map(|(name, _)| ("forcefield.identity", name.as_str())),
        finished.identity.as_ref().map(|(_, org)| ("forcefield.org", org.as_str())),
    ];
    let texts = texts.into_iter().flatten().filter(|(_, text)| !text.is_empty());
    let status = Message::new().number(3, finished.status.into());
    let status = Message::new().text(1, "http.response.status_code").message(2, status);
    let decision = attribute("forcefield.decision", &finished.decision.to_string());
    texts.map(|(name, text)| attribute(name, text)).chain([status, decision])
}

/// `LogRecord`: a line of the record as it was written, its hash included.
fn log(line: &Followed, now: u64) -> Message {
    // The framework's severities as those of OTLP: informational, low, medium, high, critical, fatal.
    let severity = match line.severity {
        2 => 10,
        3 => 13,
        4 => 17,
        5 => 19,
        6 => 21,
        _ => 9,
    };
    let time = u64::try_from(line.time).unwrap_or_default().saturating_mul(NANOSECONDS);
    let body = Message::new().text(1, &line.text);
    let log = Message::new().fixed(1, time).number(2, severity).message(5, body);
    log.fixed(11, now).text(12, "forcefield.audit")
}

fn labels(labels: &Labels) -> impl Iterator<Item = Message> {
    labels.iter().map(|(name, value)| attribute(name, value))
}

/// `KeyValue` with a text.
fn attribute(name: &str, value: &str) -> Message {
    Message::new().text(1, name).message(2, Message::new().text(1, value))
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Of a millisecond.
const NANOSECONDS: u64 = 1_000_000;
/// `AGGREGATION_TEMPORALITY_CUMULATIVE`
const CUMULATIVE: u64 = 2;
/// `SPAN_KIND_INTERNAL` and `SPAN_KIND_SERVER`
const INTERNAL: u64 = 1;
const SERVER: u64 = 2;
/// `STATUS_CODE_ERROR`
const FAILED: u64 = 2;
