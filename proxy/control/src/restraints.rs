//! The restraints in force: what responders have put on integrations.
//!
//! Restraints only ever add up. Several responders may each have put their own on the same integration; all of them
//! are kept, and the narrowest holds, until each has ended or an admin lifts all of them at once. The state folder
//! keeps them, so that they outlive the process, and a process that hands over sees those of its successor.

mod gate;
mod journal;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use forcefield_config::config::{Budget, Limits, Rate, Window};
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;
use thiserror::Error;

pub use gate::Admitted;
use gate::Gates;
use journal::Event;

use crate::journal::Journal;

/// All restraints. One for the life of the process.
pub struct Restraints {
    journal: Journal,
    in_force: ArcSwap<InForce>,
    changing: Mutex<()>,
    gates: Gates,
    /// How the other replicas hear of changes, where there are any.
    relay: Option<Arc<dyn Relay>>,
}

/// Tells other replicas what changed here.
pub trait Relay: Send + Sync {
    /// Tells lines of the journal to all replicas, this one included. Waits until the store that they share has them.
    ///
    /// # Errors
    /// The store is out of reach.
    fn tell(&self, lines: &[String]) -> io::Result<()>;
}

/// By identity; an identity without any is not in it.
type InForce = HashMap<IdentityName, Vec<Restraint>>;

/// One restraint on one integration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restraint {
    /// On whom.
    pub identity: IdentityName,
    /// What it does.
    pub effect: Effect,
    /// The responder who put it on.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself; `None` for not.
    pub until: Option<Timestamp>,
}

/// What a restraint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Narrower limits than the configured ones; at least one of the two is there.
    Throttle {
        /// How often it may call.
        requests: Option<Rate>,
        /// How many rows it may read.
        rows: Option<Budget>,
    },
    /// Every request is refused.
    Quarantine,
    /// The same, and what it had open or held was ended when it was put on.
    Kill,
}

/// Every request of the identity is refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("is quarantined by a responder or a signal{}; the operators of forcefield can tell why", ending(.until))]
pub struct Quarantined {
    /// Until when; `None` for until it is lifted.
    pub until: Option<Timestamp>,
}

// === impl Restraints ===

impl Restraints {
    /// Opens the restraints that a state folder keeps.
    ///
    /// # Errors
    /// They cannot be read. What cannot be read may be a quarantine, so nothing is to be served then.
    pub fn open(state: &Path) -> io::Result<Self> {
        let journal = Journal::open(state, "restraints")?;
        let events = journal.news(Event::read)?;
        let in_force = ArcSwap::from_pointee(fold(InForce::new(), events));
        Ok(Self { journal, in_force, changing: Mutex::default(), gates: Gates::default(), relay: None })
    }

    /// The same restraints, told to other replicas.
    #[must_use]
    pub fn relayed(mut self, relay: Arc<dyn Relay>) -> Self {
        self.relay = Some(relay);
        self
    }

    /// Takes up a line that the replicas tell one another, this one's own included, so that all end with the same.
    /// Gives what was killed by it, and whether anything changed.
    ///
    /// # Errors
    /// It is no line of a journal, or holds here and could not be written down.
    pub fn hear(&self, line: &str) -> io::Result<(Option<IdentityName>, bool)> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (event, change) = journal::read(line)?;
        let killed = change.killed();
        let before = self.in_force.load_full();
        let known = match &change {
            Change::PutOn(restraint) => is_known(&before, restraint),
            Change::Lifted(identity) => !before.contains_key(identity),
        };
        if known {
            return Ok((None, false));
        }
        let next = fold(InForce::clone(&before), [change]);
        self.in_force.store(Arc::new(next));
        if let Some(killed) = &killed {
            self.gates.cut(killed);
        }
        self.journal.append(&event).map(|()| (killed, true))
    }

    /// What is in force, as lines for a store that has lost it.
    ///
    /// # Errors
    /// None in practice.
    pub fn lines(&self) -> io::Result<Vec<String>> {
        let in_force = self.in_force.load();
        let lines = in_force.values().flatten().map(|restraint| Event::put_on(restraint).line());
        lines.collect()
    }

    fn tell(&self, events: &[Event]) -> io::Result<()> {
        let Some(relay) = &self.relay else { return Ok(()) };
        let lines: io::Result<Vec<String>> = events.iter().map(Event::line).collect();
        relay.tell(&lines?)
    }

    /// Lets a request of an identity in, unless it is quarantined. What is let in hears of a later [`Self::cut`].
    ///
    /// # Errors
    /// It is quarantined.
    pub fn admit(&self, identity: &IdentityName, now: Timestamp) -> Result<Admitted, Quarantined> {
        // First the gate, then the look: a quarantine in between is seen, a cut after it is heard.
        let admitted = self.gates.pass(identity);
        match self.quarantined(identity, now) {
            None => Ok(admitted),
            Some(quarantined) => Err(quarantined),
        }
    }

    /// Whether an identity is quarantined, and for how long.
    #[must_use]
    pub fn quarantined(&self, identity: &IdentityName, now: Timestamp) -> Option<Quarantined> {
        let in_force = self.in_force.load();
        let stops = in_force.get(identity)?.iter().filter(|restraint| restraint.holds(now));
        let stops = stops.filter(|restraint| !matches!(restraint.effect, Effect::Throttle { .. }));
        stops.map(|restraint| restraint.until).max_by(later).map(|until| Quarantined { until })
    }

    /// What is in force on an identity, oldest first.
    #[must_use]
    pub fn on(&self, identity: &IdentityName, now: Timestamp) -> Vec<Restraint> {
        let in_force = self.in_force.load();
        in_force
            .get(identity)
            .into_iter()
            .flatten()
            .filter(|restraint| restraint.holds(now))
            .cloned()
            .collect()
    }

    /// Everything in force, on whomever.
    #[must_use]
    pub fn all(&self, now: Timestamp) -> Vec<Restraint> {
        let in_force = self.in_force.load();
        in_force.values().flatten().filter(|restraint| restraint.holds(now)).cloned().collect()
    }

    /// The limits of an identity, as narrow as its configuration and every throttle on it.
    #[must_use]
    pub fn narrowed(&self, identity: &IdentityName, configured: &Limits, now: Timestamp) -> Limits {
        let mut limits = configured.clone();
        for restraint in self.on(identity, now) {
            let Effect::Throttle { requests, rows } = restraint.effect else { continue };
            if let Some(rate) = requests.filter(|rate| limits.requests.is_none_or(|held| slower(*rate, held)))
            {
                limits.requests = Some(rate);
                let burst = limits.burst.unwrap_or(rate.requests);
                limits.burst = Some(burst.min(rate.requests));
            }
            if let Some(rows) = rows {
                limits.rows = Some(limits.rows.map_or(rows, |held| narrower(rows, held)));
            }
        }
        limits
    }

    /// Puts a restraint on. It holds when this returns; gives whether anything changed by it.
    ///
    /// # Errors
    /// It holds here, but could not be written down: a restart would forget it, or other replicas do not know it yet.
    pub fn put_on(&self, restraint: Restraint) -> io::Result<bool> {
        self.put_on_all(vec![restraint]).map(|changed| changed > 0)
    }

    /// Puts several on at once; gives how many changed anything.
    ///
    /// # Errors
    /// As [`Self::put_on`].
    pub fn put_on_all(&self, mut restraints: Vec<Restraint>) -> io::Result<usize> {
        let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let in_force = self.in_force.load_full();
        restraints.retain(|restraint| !is_known(&in_force, restraint));
        if restraints.is_empty() {
            return Ok(0);
        }
        let events: Vec<Event> = restraints.iter().map(Event::put_on).collect();
        let changes: Vec<Change> = restraints.into_iter().map(Change::PutOn).collect();
        let killed: Vec<IdentityName> = changes.iter().filter_map(Change::killed).collect();
        let next = fold(InForce::clone(&in_force), changes);
        self.in_force.store(Arc::new(next));
        // Before anything is written or told, which may take its time.
        killed.iter().for_each(|identity| self.gates.cut(identity));
        let written = self.journal.append_all(&events);
        drop(changing);
        let told = self.tell(&events);
        written.and(told).map(|()| events.len())
    }

    /// Lifts every restraint on an identity; gives those that were lifted.
    ///
    /// # Errors
    /// It could not be written down, and nothing is lifted.
    pub fn lift(&self, identity: &IdentityName, by: &str, now: Timestamp) -> io::Result<Vec<Restraint>> {
        let lifted = self.on(identity, now);
        let event = Event::lifted(identity, by, now);
        // First the others: what is lifted here must not stay in force there.
        self.tell(std::slice::from_ref(&event))?;
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        self.journal.append(&event)?;
        let in_force = self.in_force.load_full();
        let event = Change::Lifted(identity.clone());
        self.in_force.store(Arc::new(fold(InForce::clone(&in_force), [event])));
        Ok(lifted)
    }

    /// Cuts what an identity has open: everything that was let in before hears of it.
    pub fn cut(&self, identity: &IdentityName) {
        self.gates.cut(identity);
    }

    /// Takes up what another process wrote and lets go of what has ended; gives whether anything changed. To be called
    /// at least every second.
    ///
    /// # Errors
    /// What another process wrote cannot be read; what is known stays in force.
    pub fn look_after(&self, now: Timestamp) -> io::Result<bool> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let news = self.journal.news(Event::read)?;
        let killed: Vec<IdentityName> = news.iter().filter_map(Change::killed).collect();
        let before = self.in_force.load_full();
        let mut next = fold(InForce::clone(&before), news);
        for restraints in next.values_mut() {
            restraints.retain(|restraint| restraint.holds(now));
        }
        next.retain(|_, restraints| !restraints.is_empty());
        let changed = next != *before;
        if changed {
            self.in_force.store(Arc::new(next));
        }
        for identity in killed {
            self.gates.cut(&identity);
        }
        Ok(changed)
    }
}

/// A change of what is in force.
#[derive(Debug)]
enum Change {
    PutOn(Restraint),
    Lifted(IdentityName),
}

impl Change {
    fn killed(&self) -> Option<IdentityName> {
        match self {
            Self::PutOn(restraint) if restraint.effect == Effect::Kill => Some(restraint.identity.clone()),
            Self::PutOn(_) | Self::Lifted(_) => None,
        }
    }
}

/// Whether a restraint adds nothing to what the same responder has put on.
fn is_known(in_force: &InForce, restraint: &Restraint) -> bool {
    let known = in_force.get(&restraint.identity).map(Vec::as_slice).unwrap_or_default();
    known.iter().any(|known| known.by == restraint.by && known.covers(restraint))
}

fn fold(mut in_force: InForce, changes: impl IntoIterator<Item = Change>) -> InForce {
    for change in changes {
        match change {
            Change::PutOn(restraint) => {
                let restraints = in_force.entry(restraint.identity.clone()).or_default();
                restraints.retain(|known| !(known.by == restraint.by && restraint.covers(known)));
                restraints.push(restraint);
            }
            Change::Lifted(identity) => {
                in_force.remove(&identity);
            }
        }
    }
    in_force
}

// === impl Restraint ===

impl Restraint {
    fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// Whether another adds nothing to it.
    fn covers(&self, other: &Self) -> bool {
        later(&self.until, &other.until).is_ge() && self.effect.covers(&other.effect)
    }
}

impl Effect {
    fn covers(&self, other: &Self) -> bool {
        let rate = |held: Option<Rate>, asked: Option<Rate>| match (held, asked) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(held), Some(asked)) => !slower(asked, held) && asked.requests >= held.requests,
        };
        let budget = |held: Option<Budget>, asked: Option<Budget>| match (held, asked) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(held), Some(asked)) => held.window == asked.window && held.amount <= asked.amount,
        };
        match (self, other) {
            (Self::Throttle { requests, rows }, Self::Throttle { requests: other, rows: others }) => {
                rate(*requests, *other) && budget(*rows, *others)
            }
            (Self::Throttle { .. }, Self::Quarantine | Self::Kill) | (Self::Quarantine, Self::Kill) => false,
            // A throttle must still hold when a quarantine over it ends or is lifted with it.
            (Self::Quarantine | Self::Kill, Self::Throttle { .. }) => false,
            (Self::Quarantine | Self::Kill, Self::Quarantine) | (Self::Kill, Self::Kill) => true,
        }
    }
}

/// Which of two ends is later; none is the latest.
fn later(one: &Option<Timestamp>, other: &Option<Timestamp>) -> std::cmp::Ordering {
    match (one, other) {
        (None, None) => std::cmp::Ordering::Equal,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (Some(_), None) => std::cmp::Ordering::Less,
        (Some(one), Some(other)) => one.cmp(other),
    }
}

/// Whether one rate lets fewer requests through than another.
fn slower(one: Rate, other: Rate) -> bool {
    u128::from(one.requests.get()) * other.per.as_nanos()
        < u128::from(other.requests.get()) * one.per.as_nanos()
}

/// A budget that allows no more than either of two. Where one is by the hour and the other by the day, that of the
/// hour serves when a day of it fits into the other; else the smaller of them for a day, which is within both.
fn narrower(one: Budget, other: Budget) -> Budget {
    let amount = one.amount.min(other.amount);
    if one.window == other.window {
        return Budget { amount, window: one.window };
    }
    let (hour, day) = if one.window == Window::Hour { (one, other) } else { (other, one) };
    match hour.amount.get().checked_mul(24) {
        Some(of_day) if of_day <= day.amount.get() => hour,
        _ => Budget { amount, window: Window::Day },
    }
}

fn ending(until: &Option<Timestamp>) -> String {
    until.map(|until| format!(" until {until}")).unwrap_or_default()
}

#[cfg(test)]
mod tests;
