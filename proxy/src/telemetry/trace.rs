//! Traces: which exchanges are traced, and what is told of each.
//!
//! A share of all exchanges is traced, chosen by chance: the random part of the decision's id. A caller that sends W3C
//! trace context has its trace continued when the exchange is chosen; that it wants a trace itself (the `sampled` flag)
//! counts for some exchanges a second only, so that nobody outside decides how much is traced. The context is never sent
//! to Salesforce.
//!
//! What is told comes from closed sets: words of this program and names of the configuration, beside times and ids. An
//! exchange that is not traced costs a comparison.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use forcefield_audit::{Outcome, Record};
use http::HeaderMap;
use tokio::sync::mpsc;
use ulid::Ulid;

use super::timing::{Step, Timing};

/// Chooses exchanges, and takes what is told of them to where it is sent.
#[derive(Debug)]
pub struct Tracer {
    /// Of [`CHANCES`], how many are chosen.
    share: u64,
    start: Instant,
    /// The second since the start, and how many exchanges were traced in it since their callers wanted it.
    asked: AtomicU64,
    finished: mpsc::Sender<Box<Finished>>,
}

/// A traced exchange under way.
#[derive(Debug)]
pub struct Trace {
    ids: Ids,
    steps: Vec<Stretch>,
}

/// Where a trace belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// The trace: the caller's, or the decision's id.
    pub trace: u128,
    /// The caller's span.
    pub parent: Option<u64>,
    /// The exchange's span: of the random part of the decision's id.
    pub span: u64,
}

/// A stretch of time within an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its name.
    pub name: &'static str,
    /// When it began, after the exchange did.
    pub after: Duration,
    /// How long it took.
    pub took: Duration,
}

/// A traced exchange that has ended.
#[derive(Debug)]
pub struct Finished {
    /// Where it belongs.
    pub ids: Ids,
    /// When it began, in nanoseconds since 1970.
    pub began: u64,
    /// How long it took.
    pub took: Duration,
    /// Its steps.
    pub steps: Vec<Stretch>,
    /// The door, or `none`.
    pub door: &'static str,
    /// What it does, joined by `+`.
    pub operation: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The rule that refused or cut it.
    pub rule: Option<&'static str>,
    /// The decision's id.
    pub decision: Ulid,
    /// The integration and its org, as the configuration names them.
    pub identity: Option<(String, String)>,
    /// The status that the client got.
    pub status: u16,
}

/// The trace context of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parent {
    trace: u128,
    span: u64,
    sampled: bool,
}

// === impl Tracer ===

impl Tracer {
    /// Traces `percent` of all exchanges. What has ended waits in the queue that is given back, as long as there is room.
    #[must_use]
    pub fn new(percent: f64) -> (Self, mpsc::Receiver<Box<Finished>>) {
        let (finished, queue) = mpsc::channel(QUEUE);
        let share = (percent.clamp(0.0, 100.0) / 100.0 * CHANCES as f64) as u64;
        (Self { share, start: Instant::now(), asked: AtomicU64::new(0), finished }, queue)
    }

    /// Whether an exchange is traced, and as part of which trace.
    pub fn choose(&self, decision: Ulid, headers: &HeaderMap) -> Option<Box<Trace>> {
        let random = decision.0 as u64;
        let chosen = random % CHANCES < self.share;
        if !chosen && !headers.contains_key(TRACEPARENT) {
            return None;
        }
        let parent = Parent::read(headers);
        let wanted = || parent.is_some_and(|parent| parent.sampled) && self.may_ask(self.start.elapsed());
        if !chosen && !wanted() {
            return None;
        }
        let trace = parent.map_or(decision.0, |parent| parent.trace);
        let ids = Ids { trace, parent: parent.map(|parent| parent.span), span: random.max(1) };
        Some(Box::new(Trace { ids, steps: Vec::new() }))
    }

    /// Whether one more exchange is traced in this second since its caller wants it.
    fn may_ask(&self, now: Duration) -> bool {
        let second = now.as_secs() << 32;
        let next = |held: u64| {
            let held = if held & !LOW == second { held } else { second };
            (held & LOW < ASKED).then_some(held + 1)
        };
        self.asked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).is_ok()
    }

    /// Takes an exchange that has ended to where it is sent; gives whether there was room.
    pub fn finish(&self, trace: Trace, record: &Record, timing: &Timing) -> bool {
        let operations: Vec<&str> = record.operations.iter().map(|operation| operation.as_str()).collect();
        let Trace { ids, mut steps } = trace;
        steps.extend(timing.answering(record.duration));
        let identity = record.identity.as_ref().zip(record.org.as_ref());
        let finished = Finished {
            ids,
            began: u64::try_from(record.time.as_nanosecond()).unwrap_or_default(),
            took: record.duration,
            steps,
            door: record.door.map_or("none", |door| door.as_str()),
            operation: operations.join("+"),
            outcome: record.outcome,
            rule: record.rule,
            decision: record.decision,
            identity: identity.map(|(name, org)| (name.as_str().to_owned(), org.clone())),
            status: record.status,
        };
        self.finished.try_send(Box::new(finished)).is_ok()
    }
}

// === impl Trace ===

impl Trace {
    /// Notes a step that has ended.
    pub fn step(&mut self, step: Step, after: Duration, took: Duration) {
        self.steps.push(Stretch { name: step.as_str(), after, took });
    }
}

// === impl Parent ===

impl Parent {
    /// Reads `traceparent` (W3C Trace Context, section 3.2); `None` when there is none, or not exactly one that is one.
    fn read(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let (text, None) = (values.next()?.to_str().ok()?, values.next()) else { return None };
        let mut parts = text.splitn(5, '-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version = hex(version, 2)?;
        // Later versions may have more; this one has not.
        if version == 0xff || version == 0 && parts.next().is_some() {
            return None;
        }
        let (trace, span, flags) = (hex(trace, 32)?, u64::try_from(hex(span, 16)?).ok()?, hex(flags, 2)?);
        (trace != 0 && span != 0).then_some(Self { trace, span, sampled: flags & 1 == 1 })
    }
}

/// A number of so many lower-case hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    let plain = text.len() == digits && text.bytes().all(plain);
    plain.then(|| u128::from_str_radix(text, 16).ok())?
}

const TRACEPARENT: &str = "traceparent";
/// What a share is counted in: as many as the random part of an id has values, by the context's own rules (56 bits).
const CHANCES: u64 = 1 << 56;
/// Exchanges that are traced in one second since their callers want it.
const ASKED: u64 = 10;
const LOW: u64 = u32::MAX as u64;
/// Ended exchanges that wait to be sent: some 1 MiB.
const QUEUE: usize = 2048;

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(TRACEPARENT, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_context_is_read_strictly() {
        let read = |text: &str| Parent::read(&headers(&[text]));
        let parent = read(PARENT).unwrap();
        assert_eq!(parent.trace, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!((parent.span, parent.sampled), (0x00f0_67aa_0ba9_02b7, true));
        assert!(!read(&PARENT.replace("-01", "-00")).unwrap().sampled);
        assert!(read(&format!("{}-more", PARENT.replacen("00", "01", 1))).is_some(), "a later version");
        for wrong in [
            "",
            "00",
            &PARENT.replace("4bf9", "4BF9"),
            &PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", "00000000000000000000000000000000"),
            &PARENT.replace("00f067aa0ba902b7", "0000000000000000"),
            &PARENT.replacen("00", "ff", 1),
            &format!("{PARENT}-more"),
            &PARENT.replace("4bf9", "bf9"),
            &PARENT.replace("4bf9", "+bf9"),
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(Parent::read(&headers(&[PARENT, PARENT])), None, "one of two is not chosen");
    }

    #[test]
    fn the_configured_share_is_traced() {
        let (tracer, _queue) = Tracer::new(25.0);
        let id = |number: u64| Ulid::from(u128::from(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let chosen = (1..=10_000).filter(|number| tracer.choose(id(*number), &HeaderMap::new()).is_some());
        let chosen = chosen.count();
        assert!((2300..2700).contains(&chosen), "{chosen}");
        let (all, _queue) = Tracer::new(100.0);
        assert!((1..1000).all(|number| all.choose(id(number), &HeaderMap::new()).is_some()));
        let own = all.choose(Ulid::from((77_u128 << 64) | 5), &HeaderMap::new()).unwrap();
        assert_eq!(own.ids, Ids { trace: (77 << 64) | 5, parent: None, span: 5 });
    }

    #[test]
    fn no_more_wait_to_be_sent_than_there_is_room_for() {
        let (tracer, _queue) = Tracer::new(100.0);
        let address = ([10, 0, 0, 7], 4711).into();
        let record = Record::new(Ulid::nil(), jiff::Timestamp::UNIX_EPOCH, address, "GET");
        let finish = || {
            let trace = tracer.choose(Ulid::from(1_u128), &HeaderMap::new()).unwrap();
            tracer.finish(*trace, &record, &Timing::start(None))
        };
        assert_eq!((0..QUEUE + 5).filter(|_| finish()).count(), QUEUE);
    }

    #[test]
    fn callers_get_some_traces_a_second_and_no_more() {
        let (tracer, _queue) = Tracer::new(0.000_001);
        let unlikely = Ulid::from(u128::from(u64::MAX));
        let wanted = headers(&[PARENT]);
        let traced: Vec<_> = (0..1000).filter_map(|_| tracer.choose(unlikely, &wanted)).collect();
        assert!((10..=20).contains(&traced.len()), "{} in a moment that may span two seconds", traced.len());
        assert_eq!(traced[0].ids.parent, Some(0x00f0_67aa_0ba9_02b7));
        let unwanted = headers(&[&PARENT.replace("-01", "-00")]);
        assert!(tracer.choose(unlikely, &unwanted).is_none());
        let (tracer, _queue) = Tracer::new(0.000_001);
        let asked = |second| (0..20).filter(|_| tracer.may_ask(Duration::from_secs(second))).count();
        assert_eq!([asked(1), asked(1), asked(2)], [10, 0, 10]);
    }
}
