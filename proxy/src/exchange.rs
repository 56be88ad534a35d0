//! What one request carries from its first byte to its record.

use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Instant, SystemTime};

use forcefield_audit::{Outcome, Proof, Record, Slot, Writing};
use forcefield_control::wire;
use forcefield_policy::decision::Permit;
use forcefield_policy::names::IdentityName;
use forcefield_policy::request::Request;
use http::header::USER_AGENT;
use http::request::Parts;
use jiff::Timestamp;
use ulid::Ulid;

use crate::live::Member;
use crate::reply::Refusal;
use crate::rooms::Rooms;
use crate::signals::Watched;
use crate::telemetry::timing::{Step, Timing};

/// One request on its way. Leaves exactly one record, also when it is torn down.
pub struct Exchange {
    rooms: Arc<Rooms>,
    state: State,
}

enum State {
    /// Not recorded yet. In a box, since an exchange is handed from one room to the next.
    Open(Box<Open>),
    /// Ended then; the record is being written.
    Recording(Writing, Instant),
    /// Recorded.
    Over,
}

/// An exchange that is not recorded yet.
struct Open {
    record: Record,
    /// The place that is kept for the record; `None` when records cannot be written and the exchange is refused.
    slot: Option<Slot>,
    /// The path that was asked for, for people who watch: no query string, which may hold literals and tokens.
    path: String,
    timing: Timing,
    /// What signals need of it, once it is known whose it is.
    watched: Option<Watched>,
}

/// A record that could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the record of this exchange could not be written")]
pub struct Unrecorded;

/// One decision for people who watch.
#[derive(Clone, Debug)]
pub struct Decided {
    record: Box<Record>,
    path: String,
}

// === impl Exchange ===

impl Exchange {
    /// Begins with a head that arrived.
    #[must_use]
    pub fn begin(rooms: &Arc<Rooms>, source: SocketAddr, parts: &Parts) -> Self {
        // The clock is read once, so the time within the id is that of the record.
        let now = SystemTime::now();
        let (decision, time) = (Ulid::from_datetime(now), Timestamp::try_from(now).unwrap_or(Timestamp::MAX));
        let timing = Timing::start(rooms.telemetry.trace(decision, &parts.headers));
        let mut record = Record::new(decision, time, source, parts.method.as_str());
        let user_agent = parts.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        record.user_agent = user_agent.map(|agent| cut(agent, LONGEST_AGENT).to_owned());
        let path = cut(parts.uri.path(), LONGEST_PATH).to_owned();
        let open = Open { record, slot: rooms.slot(), path, timing, watched: None };
        Self { rooms: Arc::clone(rooms), state: State::Open(Box::new(open)) }
    }

    /// The decision's id.
    #[must_use]
    pub fn id(&self) -> Ulid {
        self.open().map_or_else(Ulid::nil, |open| open.record.decision)
    }

    /// Whether its record has a place; without one it must be refused.
    #[must_use]
    pub fn can_be_recorded(&self) -> bool {
        self.open().is_some_and(|open| open.slot.is_some())
    }

    /// Notes something.
    pub fn note(&mut self, change: impl FnOnce(&mut Record)) {
        if let Some(open) = self.open_mut() {
            change(&mut open.record);
        }
    }

    /// Does a step of the walk that waits for somebody else, and notes how long that took.
    pub async fn during<T>(&mut self, step: Step, work: impl Future<Output = T>) -> T {
        let began = Instant::now();
        let done = work.await;
        self.waited(step, began);
        done
    }

    /// Notes that such a step began then and ends now.
    pub fn waited(&mut self, step: Step, began: Instant) {
        let Some(open) = self.open_mut() else { return };
        let took = open.timing.waited(step, began);
        if step == Step::Upstream {
            *open.record.upstream_duration.get_or_insert_default() += took;
        }
    }

    /// Notes that the head of the answer is ready.
    pub fn answered(&mut self) {
        if let Some(open) = self.open_mut() {
            open.timing.answered();
        }
    }

    /// Notes who asked.
    pub fn caller(&mut self, member: &Member, proof: Proof) {
        self.note(|record| {
            record.identity = Some(member.identity.name.clone());
            record.proof = Some(proof);
            record.break_glass.clone_from(&member.break_glass);
            record.org = Some(member.org.name.clone());
        });
        if let Some(open) = self.open_mut() {
            open.watched = Some(Watched::of(member));
        }
    }

    /// Notes what was asked.
    pub fn asked(&mut self, asked: &Request) {
        self.note(|record| record.asked(asked));
        if let Some(watched) = self.open_mut().and_then(|open| open.watched.as_mut()) {
            watched.asked(asked);
        }
    }

    /// Notes a login, whose it was, and why it was refused, if it was.
    pub fn login(&mut self, what: &'static str, identity: Option<IdentityName>, problem: Option<String>) {
        self.note(|record| {
            record.identity = identity;
            record.shapes = vec![what.to_owned()];
            match problem {
                None => record.outcome = Outcome::Allowed,
                Some(problem) => record.refused("login", problem),
            }
        });
    }

    /// Notes what was decided.
    pub fn permitted(&mut self, permit: &Permit) {
        self.note(|record| record.permitted(permit));
        if let State::Open(open) = &mut self.state
            && let Some(watched) = &mut open.watched
        {
            self.rooms.signals.permitted(watched, &open.record, permit);
        }
    }

    /// Notes a refusal.
    pub fn refused(&mut self, refusal: &Refusal) {
        let outcome = refusal.outcome();
        self.note(|record| {
            record
                .refused(refusal.rule(), refusal.detail().map_or_else(|| refusal.to_string(), str::to_owned));
            record.outcome = outcome;
        });
        if let (Refusal::Denied(_, denial), State::Open(open)) = (refusal, &mut self.state)
            && let Some(watched) = &mut open.watched
        {
            self.rooms.signals.denied(watched, &open.record, denial);
        }
    }

    /// Records the end. The record is with the kernel when this resolves; without it the answer must not be completed.
    ///
    /// # Errors
    /// When the record could not be written and `when_full` is `block`.
    pub async fn end(&mut self) -> Result<(), Unrecorded> {
        poll_fn(|cx| self.poll_end(cx)).await
    }

    /// Records the end, as [`Self::end`].
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unrecorded>> {
        if let State::Open(open) = &mut self.state {
            let ended = Instant::now();
            let writing = open.close(&self.rooms, ended).map(|slot| self.rooms.record(&open.record, slot));
            if writing.is_none() {
                self.rooms.telemetry.instruments().recorded(ended.elapsed());
            }
            self.state = writing.map_or(State::Over, |writing| State::Recording(writing, ended));
        }
        let State::Recording(writing, ended) = &mut self.state else { return Poll::Ready(Ok(())) };
        let written = ready!(Pin::new(writing).poll(cx));
        self.rooms.telemetry.instruments().recorded(ended.elapsed());
        self.state = State::Over;
        Poll::Ready(written.map_err(|_| Unrecorded))
    }

    fn open(&self) -> Option<&Open> {
        match &self.state {
            State::Open(open) => Some(open),
            State::Recording(..) | State::Over => None,
        }
    }

    fn open_mut(&mut self) -> Option<&mut Open> {
        match &mut self.state {
            State::Open(open) => Some(open),
            State::Recording(..) | State::Over => None,
        }
    }
}

impl Drop for Exchange {
    /// An exchange that was not ended was torn down; a no-op when it was recorded.
    fn drop(&mut self) {
        if let State::Open(open) = &mut self.state
            && let Some(slot) = open.close(&self.rooms, Instant::now())
        {
            self.rooms.record_later(&open.record, slot);
        }
    }
}

impl Open {
    /// Settles the record and tells the instruments and watchers; gives the place that was kept for it. Without one it
    /// was refused because it could not be recorded, and the gap is counted by the writer.
    fn close(&mut self, rooms: &Rooms, ended: Instant) -> Option<Slot> {
        self.record.duration = self.timing.until(ended);
        rooms.telemetry.ended(&self.record, &mut self.timing);
        rooms.tally.count(&self.record);
        if let Some(watched) = &self.watched {
            rooms.signals.ended(watched, &self.record);
        }
        // Nobody who watches can hold up a request: who is too slow misses some.
        let stopped = matches!(self.record.outcome, Outcome::Refused | Outcome::Cut);
        for (watchers, concerned) in [(&rooms.decisions, true), (&rooms.refusals, stopped)] {
            if concerned && watchers.receiver_count() > 0 {
                let record = Box::new(self.record.clone());
                let _ = watchers.send(Decided { record, path: self.path.clone() });
            }
        }
        self.slot.take()
    }
}

// === impl Decided ===

impl Decided {
    /// A refusal, for people who watch over the control plane.
    #[must_use]
    pub fn refusal(&self) -> wire::Refusal {
        let record = &self.record;
        wire::Refusal {
            at: record.time,
            decision: record.decision.to_string(),
            identity: record.identity.as_ref().map(|identity| identity.as_str().to_owned()),
            source: record.source.ip().to_canonical().to_string(),
            method: record.method.clone(),
            path: self.path.clone(),
            objects: record.objects().to_vec(),
            outcome: record.outcome.as_str().to_owned(),
            rule: record.rule.unwrap_or("unknown").to_owned(),
            reason: record.reason.clone().unwrap_or_default(),
            status: record.status,
        }
    }
}

impl fmt::Display for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = &self.record;
        let who = record.identity.as_ref().map_or("(nobody)", IdentityName::as_str);
        let mark = match record.outcome {
            Outcome::Allowed => "allowed",
            Outcome::Refused => "REFUSED",
            Outcome::Cut => "CUT    ",
            Outcome::Aborted => "ABORTED",
            Outcome::Failed => "FAILED ",
        };
        let narrowed = if record.narrowings.is_empty() { "" } else { ", narrowed" };
        let (status, rows, time) = (record.status, record.rows, record.duration.as_millis());
        write!(
            f,
            "{mark} {status} {who:<10} {} {} ({rows} rows{narrowed}, {time} ms)",
            record.method, self.path
        )?;
        if let Some(reason) = &record.reason {
            write!(f, "\n        {reason}")?;
        }
        Ok(())
    }
}

/// The first characters. Most texts have fewer bytes than that, and are not looked into.
fn cut(text: &str, most: usize) -> &str {
    let end = if text.len() <= most { None } else { text.char_indices().nth(most) };
    end.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

const LONGEST_PATH: usize = 512;
const LONGEST_AGENT: usize = 256;
