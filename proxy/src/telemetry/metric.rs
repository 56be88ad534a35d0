//! Metrics as they are counted, and as they are shown.
//!
//! Counting is an atomic addition at a place that is known from the start: no name is looked up and no label is built on
//! the way of a request (an SDK's counter hashes its labels under a lock: four of them cost 245 ns a request, and these
//! some 30). What is shown is put together when somebody asks, as Prometheus text ([`super::text`]) or over OTLP.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// How long things took, in buckets.
#[derive(Debug)]
pub struct Histogram {
    /// The upper bounds of all buckets but the last, in nanoseconds.
    bounds: &'static [u64],
    buckets: Box<[AtomicU64]>,
    nanoseconds: AtomicU64,
}

/// All that one metric has to show.
#[derive(Clone, Debug, PartialEq)]
pub struct Family {
    /// Its name, unit and `_total` included.
    pub name: &'static str,
    /// What it tells, for people.
    pub help: &'static str,
    /// How its values are to be read.
    pub kind: Kind,
    /// Its values.
    pub samples: Vec<Sample>,
}

/// How the values of a metric are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from the start of the process.
    Counter,
    /// It stands at a value.
    Gauge,
    /// A distribution.
    Histogram,
}

/// One value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// What tells it from the others.
    pub labels: Labels,
    /// The value.
    pub value: Value,
}

/// Names and values from closed sets: words of this program, or names of the configuration.
pub type Labels = Vec<(&'static str, Cow<'static, str>)>;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Whole(u64),
    /// Any other.
    Real(f64),
    /// A distribution.
    Spread(Spread),
}

/// What a histogram has counted.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// The upper bounds of all buckets but the last, in seconds.
    pub bounds: Vec<f64>,
    /// How many fell into each bucket; one more than there are bounds.
    pub buckets: Vec<u64>,
    /// The sum, in seconds.
    pub sum: f64,
}

// === impl Counter ===

impl Counter {
    /// Counts.
    pub fn add(&self, number: u64) {
        self.0.fetch_add(number, Ordering::Relaxed);
    }

    /// What was counted.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

// === impl Histogram ===

impl Histogram {
    /// An empty one with these upper bounds, in nanoseconds, ascending.
    #[must_use]
    pub fn new(bounds: &'static [u64]) -> Self {
        let buckets = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, buckets, nanoseconds: AtomicU64::new(0) }
    }

    /// Takes up how long something took.
    pub fn record(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(self.bounds.partition_point(|bound| *bound < took)) {
            bucket.fetch_add(1, Ordering::Relaxed);
            self.nanoseconds.fetch_add(took, Ordering::Relaxed);
        }
    }

    /// What it has counted; `None` when that is nothing.
    #[must_use]
    pub fn spread(&self) -> Option<Spread> {
        let buckets: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let bounds = self.bounds.iter().map(|bound| seconds(*bound)).collect();
        let sum = seconds(self.nanoseconds.load(Ordering::Relaxed));
        buckets.iter().any(|count| *count > 0).then_some(Spread { bounds, buckets, sum })
    }
}

// === impl Family ===

impl Family {
    /// A metric that only grows, with no value yet.
    #[must_use]
    pub fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Counter, samples: Vec::new() }
    }

    /// A metric that stands at values, with none yet.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Gauge, samples: Vec::new() }
    }

    /// A distribution, with nothing in it yet.
    #[must_use]
    pub fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Histogram, samples: Vec::new() }
    }

    /// The same with a value without labels.
    #[must_use]
    pub fn of(self, value: impl Into<Value>) -> Self {
        self.with(Labels::new(), value)
    }

    /// The same with one more value.
    #[must_use]
    pub fn with(mut self, labels: Labels, value: impl Into<Value>) -> Self {
        self.samples.push(Sample { labels, value: value.into() });
        self
    }

    /// The same with one value each.
    #[must_use]
    pub fn with_each<V: Into<Value>>(mut self, samples: impl IntoIterator<Item = (Labels, V)>) -> Self {
        let sample = |(labels, value): (Labels, V)| Sample { labels, value: value.into() };
        self.samples.extend(samples.into_iter().map(sample));
        self
    }
}

/// Puts the values of metrics of one name together, in the order in which the names first come.
#[must_use]
pub fn merged(families: Vec<Family>) -> Vec<Family> {
    let mut merged: Vec<Family> = Vec::with_capacity(families.len());
    for family in families {
        match merged.iter_mut().find(|known| known.name == family.name) {
            Some(known) => known.samples.extend(family.samples),
            None => merged.push(family),
        }
    }
    merged
}

/// One label.
#[must_use]
pub fn label(name: &'static str, value: impl Into<Cow<'static, str>>) -> Labels {
    vec![(name, value.into())]
}

// === impl Value ===

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Self {
        Self::Whole(value as u64)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Whole(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<Duration> for Value {
    fn from(value: Duration) -> Self {
        Self::Real(value.as_secs_f64())
    }
}

impl From<Spread> for Value {
    fn from(value: Spread) -> Self {
        Self::Spread(value)
    }
}

fn seconds(nanoseconds: u64) -> f64 {
    Duration::from_nanos(nanoseconds).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_into_the_bucket_whose_bound_is_not_passed() {
        let histogram = Histogram::new(&[1_000_000, 2_000_000]);
        assert_eq!(histogram.spread(), None);
        for microseconds in [0, 1000, 1001, 2000, 2001, 9000] {
            histogram.record(Duration::from_micros(microseconds));
        }
        let spread = histogram.spread().unwrap();
        assert_eq!((spread.bounds, spread.buckets), (vec![0.001, 0.002], vec![2, 2, 2]));
        assert!((spread.sum - 0.015_002).abs() < 1e-9, "{}", spread.sum);
    }

    #[test]
    fn one_name_is_shown_once() {
        let one = |listener| Family::gauge("open", "").with(label("listener", listener), 1_u64);
        let merged = merged(vec![one("proxy"), Family::gauge("other", ""), one("control")]);
        assert_eq!(merged.iter().map(|family| family.name).collect::<Vec<_>>(), ["open", "other"]);
        assert_eq!(merged[0].samples.len(), 2);
    }
}
