//! What every exchange is counted in: by door, outcome, status class and rule, all of them closed lists.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use dashmap::DashMap;
use forcefield_audit::{Outcome, Record};
use forcefield_config::config::SignalLevel;
use forcefield_policy::request::Api;
use forcefield_signals::Rule;
use jiff::Timestamp;

use super::metric::{Counter, Family, Histogram, Labels, label};

/// The counts of all exchanges.
#[derive(Debug)]
pub struct Instruments {
    /// By door, outcome and status class.
    requests: Box<[Counter]>,
    /// By rule: words of this program, so there are few.
    rules: DashMap<&'static str, Counter>,
    /// By rule and level.
    signals: DashMap<(&'static str, &'static str), Counter>,
    durations: ByDoor<Histogram>,
    added: ByDoor<Histogram>,
    upstream: ByDoor<Histogram>,
    rows: ByDoor<Counter>,
    bytes: ByDoor<Counter>,
    recorded: Histogram,
    renewals: Counter,
    reloads: Reloads,
}

/// How taking up the configuration went.
#[derive(Debug, Default)]
struct Reloads {
    taken_up: Counter,
    refused: Counter,
    /// When it was last taken up, in seconds since 1970.
    last: AtomicU64,
}

/// One of each for every door, and one for what came to none.
#[derive(Debug)]
struct ByDoor<T>(Box<[T]>);

// === impl Instruments ===

impl Instruments {
    /// Nothing counted yet.
    #[must_use]
    pub fn new() -> Self {
        let cells = DOORS * OUTCOMES.len() * CLASSES.len();
        // There from the start: who looks at increases does not see one from nothing.
        let levels = [SignalLevel::Record, SignalLevel::Throttle, SignalLevel::Quarantine];
        let signals =
            Rule::ALL.into_iter().flat_map(|rule| levels.map(|level| (rule.as_str(), level.as_str())));
        Self {
            requests: (0..cells).map(|_| Counter::default()).collect(),
            rules: DashMap::new(),
            signals: signals.map(|signal| (signal, Counter::default())).collect(),
            durations: ByDoor::new(|| Histogram::new(&WHOLE)),
            added: ByDoor::new(|| Histogram::new(&OWN)),
            upstream: ByDoor::new(|| Histogram::new(&WHOLE)),
            rows: ByDoor::new(Counter::default),
            bytes: ByDoor::new(Counter::default),
            recorded: Histogram::new(&OWN),
            renewals: Counter::default(),
            reloads: Reloads::default(),
        }
    }

    /// Counts an exchange that has ended; `added` is what of its time was Forcefield's own.
    pub fn ended(&self, record: &Record, added: Duration) {
        let door = record.door;
        if let Some(requests) = self.requests.get(cell(door, record.outcome, record.status)) {
            requests.add(1);
        }
        if let Some(rule) = record.rule {
            match self.rules.get(rule) {
                Some(counter) => counter.add(1),
                None => self.rules.entry(rule).or_default().add(1),
            }
        }
        if let Some(durations) = self.durations.of(door) {
            durations.record(record.duration);
        }
        if let Some(own) = self.added.of(door) {
            own.record(added);
        }
        if let (Some(upstream), Some(took)) = (self.upstream.of(door), record.upstream_duration) {
            upstream.record(took);
        }
        if let Some(rows) = self.rows.of(door).filter(|_| record.rows > 0) {
            rows.add(record.rows);
        }
        if let Some(bytes) = self.bytes.of(door).filter(|_| record.bytes > 0) {
            bytes.add(record.bytes);
        }
    }

    /// Counts a signal that fired.
    pub fn signalled(&self, rule: Rule, level: SignalLevel) {
        self.signals.entry((rule.as_str(), level.as_str())).or_default().add(1);
    }

    /// Counts how long an answer waited for its record.
    pub fn recorded(&self, took: Duration) {
        self.recorded.record(took);
    }

    /// Counts a session that was renewed after a 401.
    pub fn renewed(&self) {
        self.renewals.add(1);
    }

    /// Notes that a configuration is in force from now on: the first one of the process.
    pub fn loaded(&self, now: Timestamp) {
        self.reloads.last.store(now.as_second().unsigned_abs(), Ordering::Relaxed);
    }

    /// Counts an attempt to take up a changed configuration.
    pub fn reloaded<E>(&self, outcome: &Result<(), E>, now: Timestamp) {
        match outcome {
            Ok(()) => {
                self.reloads.taken_up.add(1);
                self.loaded(now);
            }
            Err(_) => self.reloads.refused.add(1),
        }
    }

    /// All of it.
    #[must_use]
    pub fn families(&self) -> Vec<Family> {
        let rules = self.rules.iter().map(|rule| (label("rule", *rule.key()), rule.get()));
        let signals = self.signals.iter().map(|fired| {
            let (rule, level) = *fired.key();
            (vec![("rule", rule.into()), ("level", level.into())], fired.get())
        });
        let recorded = self.recorded.spread().map(|spread| (Labels::new(), spread));
        let times = |by: &ByDoor<Histogram>| by.shown(Histogram::spread);
        let counts =
            |by: &ByDoor<Counter>| by.shown(|counter| Some(counter.get()).filter(|count| *count > 0));
        vec![
            Family::counter("forcefield_requests_total", "Exchanges, by door, outcome and class of the status")
                .with_each(self.requests()),
            Family::counter("forcefield_rules_total", "Exchanges that were refused, cut or failed, by the rule")
                .with_each(rules),
            Family::counter("forcefield_signals_total", "Signals that fired, by rule and level").with_each(signals),
            Family::histogram(
                "forcefield_request_duration_seconds",
                "From the head of a request to the end of its answer, by door",
            )
            .with_each(times(&self.durations)),
            Family::histogram(
                "forcefield_added_latency_seconds",
                "Forcefield's own part of the time to the head of an answer: without waiting for the client's body, for a token, for the org",
            )
            .with_each(times(&self.added)),
            Family::histogram(
                "forcefield_upstream_duration_seconds",
                "From a request sent to the head of the org's answer, by door",
            )
            .with_each(times(&self.upstream)),
            Family::histogram("forcefield_audit_wait_seconds", "How long the end of an answer waited for its record")
                .with_each(recorded),
            Family::counter("forcefield_rows_total", "Rows of data in answers, by door").with_each(counts(&self.rows)),
            Family::counter("forcefield_answer_bytes_total", "Bytes of answers, by door")
                .with_each(counts(&self.bytes)),
            Family::counter("forcefield_session_renewals_total", "Sessions renewed after a 401 of the org")
                .of(self.renewals.get()),
            Family::counter("forcefield_config_reloads_total", "Attempts to take up a changed configuration, by result")
                .with(label("result", "taken-up"), self.reloads.taken_up.get())
                .with(label("result", "refused"), self.reloads.refused.get()),
            Family::gauge("forcefield_config_loaded_timestamp_seconds", "When the configuration in force was taken up")
                .of(self.reloads.last.load(Ordering::Relaxed)),
        ]
    }

    fn requests(&self) -> impl Iterator<Item = (Labels, u64)> {
        let labels = doors().flat_map(|door| {
            OUTCOMES.iter().flat_map(move |outcome| {
                CLASSES.iter().map(move |class| {
                    vec![
                        ("api", door.into()),
                        ("outcome", outcome.as_str().into()),
                        ("status", (*class).into()),
                    ]
                })
            })
        });
        labels.zip(self.requests.iter().map(Counter::get)).filter(|(_, count)| *count > 0)
    }
}

impl Default for Instruments {
    fn default() -> Self {
        Self::new()
    }
}

// === impl ByDoor ===

impl<T> ByDoor<T> {
    fn new(one: impl Fn() -> T) -> Self {
        Self((0..DOORS).map(|_| one()).collect())
    }

    fn of(&self, door: Option<Api>) -> Option<&T> {
        self.0.get(place(door))
    }

    fn shown<V>(&self, value: impl Fn(&T) -> Option<V>) -> Vec<(Labels, V)> {
        doors().zip(&self.0).filter_map(|(door, one)| Some((label("api", door), value(one)?))).collect()
    }
}

/// The words for the doors, in the order of their places.
fn doors() -> impl Iterator<Item = &'static str> {
    std::iter::once("none").chain(Api::ALL.iter().map(|api| api.as_str()))
}

fn place(door: Option<Api>) -> usize {
    door.map_or(0, |api| 1 + api as usize)
}

/// Where the exchanges of a door, an outcome and a status are counted.
fn cell(door: Option<Api>, outcome: Outcome, status: u16) -> usize {
    let outcome = match outcome {
        Outcome::Allowed => 0,
        Outcome::Refused => 1,
        Outcome::Cut => 2,
        Outcome::Aborted => 3,
        Outcome::Failed => 4,
    };
    let class = match status / 100 {
        2 => 1,
        3 => 2,
        4 => 3,
        5 => 4,
        _ => 0,
    };
    (place(door) * OUTCOMES.len() + outcome) * CLASSES.len() + class
}

const DOORS: usize = 1 + Api::ALL.len();
/// In the order of their places.
const OUTCOMES: [Outcome; 5] =
    [Outcome::Allowed, Outcome::Refused, Outcome::Cut, Outcome::Aborted, Outcome::Failed];
/// The classes of statuses, in the order of their places.
const CLASSES: [&str; 5] = ["none", "2xx", "3xx", "4xx", "5xx"];

/// Bounds in nanoseconds of what waits for others: half a millisecond to two minutes.
const WHOLE: [u64; 16] = [
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    120_000_000_000,
];
/// Bounds in nanoseconds of what Forcefield does itself: 25 microseconds to a second.
const OWN: [u64; 14] = [
    25_000,
    50_000,
    100_000,
    150_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    250_000_000,
    1_000_000_000,
];

#[cfg(test)]
mod tests {
    use ulid::Ulid;

    use super::*;

    fn record(door: Option<Api>, outcome: Outcome, status: u16) -> Record {
        let mut record = Record::new(Ulid::nil(), Timestamp::UNIX_EPOCH, ([10, 0, 0, 7], 1).into(), "GET");
        (record.door, record.outcome, record.status) = (door, outcome, status);
        record
    }

    #[test]
    fn every_door_outcome_and_class_has_a_place_of_its_own() {
        let instruments = Instruments::new();
        let doors = std::iter::once(None).chain(Api::ALL.iter().copied().map(Some));
        for door in doors {
            for outcome in OUTCOMES {
                for status in [0, 200, 302, 403, 502] {
                    instruments.ended(&record(door, outcome, status), Duration::ZERO);
                }
            }
        }
        assert!(instruments.requests.iter().all(|counter| counter.get() == 1));
        let instruments = Instruments::new();
        instruments.ended(&record(Some(Api::Bulk2), Outcome::Cut, 200), Duration::ZERO);
        let shown: Vec<_> = instruments.requests().collect();
        let expected = vec![("api", "bulk2".into()), ("outcome", "cut".into()), ("status", "2xx".into())];
        assert_eq!(shown, [(expected, 1)]);
    }
}
