//! What one integration did, as far as the rules need it, and the rules over it.
//!
//! Bounded: every list has a length, and what was seen longest ago goes first.

mod activity;
mod fingerprint;
mod looks;
mod rows;

use std::time::Duration;

use forcefield_config::config::{Learning, SignalLevel, Signals};
use forcefield_policy::names::IdentityName;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use crate::fact::{Asked, Fact, Look, What};
use crate::firing::{Evidence, Firing, Rule};
use activity::Activity;
use fingerprint::{Seen, Traits};
use looks::Looking;
use rows::Reading;

/// The history of one integration. What is serialized is what survives a restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    activity: Activity,
    traits: Traits,
    looking: Looking,
    reading: Reading,
    fetched: Vec<Fetched>,
}

/// Results of a query job that went out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Fetched {
    job: String,
    last: Evidence,
}

/// One application of the rules.
#[derive(Clone, Copy)]
pub struct Watching<'a> {
    /// Whose history it is.
    pub identity: &'a IdentityName,
    /// The rules that hold for it.
    pub rules: &'a Signals,
    /// Whether what a rule put on is still in force: it is not put on twice.
    pub held: &'a dyn Fn(Rule) -> bool,
}

// === impl History ===

impl History {
    /// Takes up a fact, and gives what the rules find in it.
    pub fn observe(&mut self, watching: Watching<'_>, fact: &Fact<'_>) -> Vec<Firing> {
        match fact.what {
            What::Asked(asked) => self.asked(watching, (fact.at, fact.decision), &asked),
            What::Answered { rows, job } => {
                let now = (fact.at, fact.decision);
                if let Some(job) = job.filter(|_| rows > 0) {
                    self.fetched(job, now, rows);
                }
                self.rows(watching, now, rows).into_iter().collect()
            }
            What::Deleted(job) => self.deleted(watching, (fact.at, fact.decision), job).into_iter().collect(),
        }
    }

    /// Looks at the time that has passed: whether the integration went silent.
    pub fn look(&mut self, watching: Watching<'_>, now: Timestamp) -> Option<Firing> {
        let last = self.activity.gone_silent(watching.rules.silent.after, now)?;
        if !watching.may_fire(Rule::Silent) {
            return None;
        }
        self.activity.silence_told();
        let what = format!(
            "was active on {} of {} days, and has not called since {}",
            self.activity.recent_days(),
            activity::WEEK,
            last.at
        );
        Some(watching.firing(Rule::Silent, now, what, vec![last]))
    }

    /// Whether enough is known of it for what is new to mean anything.
    #[must_use]
    pub fn has_learned(&self, learning: Learning) -> bool {
        self.activity.days() >= learning.days && self.activity.requests() >= u64::from(learning.requests)
    }

    fn asked(&mut self, watching: Watching<'_>, now: (Timestamp, Ulid), asked: &Asked<'_>) -> Vec<Firing> {
        let learned = self.has_learned(watching.rules.learning);
        let mut firings = Vec::new();
        let (mut looks, seen) = (*asked, Seen::of(asked, now.0));
        if learned && self.traits.is_another_client(&seen) {
            looks.looks.add(Look::Arrive);
        }
        firings.extend(self.reconnaissance(watching, now, &looks, learned));
        firings.extend(self.fingerprint(watching, now, (&seen, asked.granted), learned));
        if asked.granted {
            self.activity.request(now.0, now.1);
        }
        firings
    }

    fn fingerprint(
        &mut self,
        watching: Watching<'_>,
        now: (Timestamp, Ulid),
        (seen, granted): (&Seen<'_>, bool),
        learned: bool,
    ) -> Option<Firing> {
        let news = self.traits.news(seen, watching.rules.fingerprint.watch);
        let fires = learned && !news.is_empty() && watching.may_fire(Rule::Fingerprint);
        // What a rule that only records has told of is known from then on; while it learns, only what was granted is.
        if if learned { !watching.acts(Rule::Fingerprint) } else { granted } {
            self.traits.learn(seen);
        }
        let what = || format!("never seen of it before: {}", news.join(", "));
        fires.then(|| {
            let evidence = vec![Evidence::new(now.0, now.1, news.join(", "))];
            watching.firing(Rule::Fingerprint, now.0, what(), evidence)
        })
    }

    fn reconnaissance(
        &mut self,
        watching: Watching<'_>,
        now: (Timestamp, Ulid),
        asked: &Asked<'_>,
        learned: bool,
    ) -> Option<Firing> {
        let window = watching.rules.reconnaissance.window;
        let acts = learned && watching.acts(Rule::Reconnaissance);
        let steps = self.looking.look((asked, learned), now, window)?;
        if acts {
            self.looking.unlearn();
        } else if !self.looking.tells(now.0, window) {
            return None;
        }
        if !watching.may_fire(Rule::Reconnaissance) {
            return None;
        }
        let sorts: Vec<&str> = steps.iter().map(|step| step.look.as_str()).collect();
        let what = format!("looks around as it never did: {} within {}", sorts.join(", "), lasting(window));
        let evidence = steps.into_iter().map(|step| step.evidence).collect();
        let mut firing = watching.firing(Rule::Reconnaissance, now.0, what, evidence);
        if !learned {
            // Of whom little is known, it is put on record only: it may still be finding out what it was granted.
            firing.level = SignalLevel::Record;
        }
        Some(firing)
    }

    fn rows(&mut self, watching: Watching<'_>, now: (Timestamp, Ulid), rows: u64) -> Option<Firing> {
        self.reading.read(now, rows);
        let rule = watching.rules.row_rate;
        let learned = self.has_learned(watching.rules.learning);
        let usual = self.reading.largest();
        let most = usual.saturating_mul(rule.factor.get().into()).max(rule.floor.get());
        let (read, fired) = self.reading.this_hour();
        if rows == 0 || fired || read <= most || !learned || !watching.may_fire(Rule::RowRate) {
            return None;
        }
        let evidence = self.reading.fired(watching.acts(Rule::RowRate));
        let what = format!("read {read} rows in this hour; the most in an hour before was {usual}");
        Some(watching.firing(Rule::RowRate, now.0, what, evidence))
    }

    fn fetched(&mut self, job: &str, (at, decision): (Timestamp, Ulid), rows: u64) {
        self.fetched.retain(|known| known.job != job);
        let what = format!("{rows} rows of the results of job {job}");
        push(
            &mut self.fetched,
            Fetched { job: job.to_owned(), last: Evidence::new(at, decision, what) },
            JOBS,
        );
    }

    fn deleted(
        &mut self,
        watching: Watching<'_>,
        (at, decision): (Timestamp, Ulid),
        job: &str,
    ) -> Option<Firing> {
        let place = self.fetched.iter().position(|known| known.job == job)?;
        let fetched = self.fetched.remove(place).last;
        let after = at.duration_since(fetched.at).unsigned_abs();
        if after > watching.rules.job_deleted.within || !watching.may_fire(Rule::JobDeleted) {
            return None;
        }
        let what = format!("deleted export job {job} {} after it fetched the results", lasting(after));
        let deleted = Evidence::new(at, decision, format!("deleted job {job}"));
        Some(watching.firing(Rule::JobDeleted, at, what, vec![fetched, deleted]))
    }
}

// === impl Watching ===

impl Watching<'_> {
    fn acts(&self, rule: Rule) -> bool {
        rule.level(self.rules).acts()
    }

    /// Whether a rule may fire: it is not off, and what it put on before is not in force any more.
    fn may_fire(&self, rule: Rule) -> bool {
        match rule.level(self.rules) {
            SignalLevel::Off => false,
            SignalLevel::Record => true,
            SignalLevel::Throttle | SignalLevel::Quarantine => !(self.held)(rule),
        }
    }

    fn firing(&self, rule: Rule, at: Timestamp, what: String, evidence: Vec<Evidence>) -> Firing {
        let level = rule.level(self.rules);
        Firing { rule, level, identity: self.identity.clone(), at, what, evidence }
    }
}

// === helpers ===

/// Adds to a list that keeps the last few.
fn push<T>(list: &mut Vec<T>, item: T, most: usize) {
    if list.len() >= most {
        list.remove(0);
    }
    list.push(item);
}

/// Whether a moment is further back than a length of time.
fn is_past(then: Timestamp, length: Duration, now: Timestamp) -> bool {
    let length = SignedDuration::try_from(length).unwrap_or(SignedDuration::MAX);
    now.duration_since(then) > length
}

/// The number of a day or an hour since 1970, UTC.
fn number(at: Timestamp, seconds: i64) -> i64 {
    at.as_second().div_euclid(seconds)
}

/// A length of time in words.
fn lasting(length: Duration) -> String {
    match length.as_secs() {
        seconds if seconds >= 3600 && seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds >= 60 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
/// Query jobs whose fetched results are remembered.
const JOBS: usize = 32;

#[cfg(test)]
mod tests;
