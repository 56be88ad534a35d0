//! What widens: proposals that wait for another person, and break-glass grants in force.
//!
//! Both end by themselves. The state folder keeps them, so that they outlive the process, and a process that hands over
//! sees those of its successor. Several replicas have the same ones.

mod journal;
mod shared;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;
use ulid::Ulid;

use crate::journal::Journal;
use journal::Event;
use shared::Claims;
pub use shared::SharedWidenings;

/// All of them. One for the life of the process.
pub struct Widenings {
    journal: Journal,
    held: ArcSwap<Held>,
    changing: Mutex<()>,
    /// How often a grant ended, by whatever.
    ends: AtomicU64,
    claims: Claims,
    /// The other replicas, where there are any.
    others: Option<Arc<dyn SharedWidenings>>,
}

/// Proposals, also those of the last hour that were closed, and grants in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Held {
    proposals: BTreeMap<Ulid, Proposal>,
    grants: BTreeMap<Ulid, Grant>,
}

/// Something that widens and waits for another person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proposal {
    pub(crate) id: Ulid,
    pub(crate) identity: IdentityName,
    pub(crate) ask: Ask,
    pub(crate) by: String,
    pub(crate) reason: String,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) closed: Option<Closed>,
}

/// What is proposed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// To lift every restraint.
    Restore,
    /// To grant something for a while.
    BreakGlass(GrantText, Duration),
}

/// How a proposal ended before its time, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    Approved(String),
    Withdrawn(String),
}

/// A break-glass grant: more than an integration's own grants, for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its id, also that of its proposal or of the call that put it on.
    pub id: Ulid,
    /// Whose grants it widens.
    pub identity: IdentityName,
    /// What it grants.
    pub text: GrantText,
    /// Its owner.
    pub by: String,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// What a break-glass grant allows, as it was written: in the words of an integration's file.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GrantText {
    /// `allow`
    pub allow: String,
    /// `also`
    pub also: Vec<String>,
}

// === impl Widenings ===

impl Widenings {
    /// Opens what a state folder keeps.
    ///
    /// # Errors
    /// It cannot be read. What cannot be read may have ended a grant, so nothing is to be served then.
    pub fn open(state: &Path) -> io::Result<Self> {
        let journal = Journal::open(state, "widenings")?;
        let mut held = Held::default();
        held.fold(journal.news(Event::read)?);
        let (held, changing, claims) = (ArcSwap::from_pointee(held), Mutex::default(), Claims::default());
        Ok(Self { journal, held, changing, ends: AtomicU64::new(0), claims, others: None })
    }

    /// How often a grant ended so far. What was made of [`Self::grants`], looked at after this, is void once it is another
    /// number.
    #[must_use]
    pub fn ends(&self) -> u64 {
        self.ends.load(Ordering::Acquire)
    }

    /// The grants in force, oldest first.
    #[must_use]
    pub fn grants(&self, now: Timestamp) -> Vec<Grant> {
        self.held.load().grants.values().filter(|grant| grant.holds(now)).cloned().collect()
    }

    /// The open proposals, oldest first.
    pub(crate) fn proposals(&self, now: Timestamp) -> Vec<Proposal> {
        let held = self.held.load();
        held.proposals.values().filter(|proposal| proposal.is_open(now)).cloned().collect()
    }

    /// A proposal, open or not.
    pub(crate) fn proposal(&self, id: Ulid) -> Option<Proposal> {
        self.held.load().proposals.get(&id).cloned()
    }

    /// Notes a proposal, unless the same is open already; gives the one that is open.
    ///
    /// # Errors
    /// It could not be written down, or told to other replicas, and nothing is proposed.
    pub(crate) fn propose(&self, proposal: Proposal) -> io::Result<Proposal> {
        let same = |known: &Proposal| known.identity == proposal.identity && known.ask == proposal.ask;
        if let Some(known) = self.proposals(proposal.since).into_iter().find(same) {
            return Ok(known);
        }
        self.write(&Event::proposed(&proposal), Change::Proposed(proposal.clone()))?;
        Ok(proposal)
    }

    /// Notes how a proposal ended.
    ///
    /// # Errors
    /// It could not be written down, or told to other replicas, and the proposal stays as it was.
    pub(crate) fn close(&self, id: Ulid, closed: Closed, now: Timestamp) -> io::Result<()> {
        self.write(&Event::closed(id, &closed, now), Change::Closed(id, closed))
    }

    /// Puts a grant on. Gives whether anything changed by it: the same of the same owner may be there already.
    ///
    /// # Errors
    /// It could not be written down, or told to other replicas, and nothing is granted.
    pub(crate) fn put_on(&self, grant: Grant) -> io::Result<bool> {
        let covers = |known: &Grant| {
            known.id == grant.id
                || known.identity == grant.identity
                    && known.by == grant.by
                    && known.text == grant.text
                    && known.until >= grant.until
        };
        if self.grants(grant.since).iter().any(covers) {
            return Ok(false);
        }
        self.write(&Event::granted(&grant), Change::Granted(grant))?;
        Ok(true)
    }

    /// Ends every grant on an identity; gives how many.
    ///
    /// # Errors
    /// They are ended here, but that could not be written down, so that a restart would bring them back, or other
    /// replicas do not know it yet.
    pub(crate) fn end(&self, identity: &IdentityName, by: &str, now: Timestamp) -> io::Result<usize> {
        let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let held = self.grants(now).iter().filter(|grant| grant.identity == *identity).count();
        let event = Event::ended(identity, by, now);
        let mut written = Ok(());
        if held > 0 {
            let mut next = Held::clone(&self.held.load());
            next.fold([Change::Ended(identity.clone())]);
            self.hold(next);
            written = self.journal.append(&event);
        }
        drop(changing);
        // Told whatever is known here: another replica may have granted something a moment ago.
        let told = self.tell(&event, true);
        written.and(told).map(|()| held)
    }

    /// Takes up what another process wrote and lets go of what has ended; gives whether the grants changed.
    ///
    /// # Errors
    /// What another process wrote cannot be read; what is known stays.
    pub fn look_after(&self, now: Timestamp) -> io::Result<bool> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.held.load_full();
        let mut next = Held::clone(&before);
        next.fold(self.journal.news(Event::read)?);
        next.proposals.retain(|_, proposal| now < proposal.until);
        next.grants.retain(|_, grant| grant.holds(now));
        let changed = next.grants != before.grants;
        if next != *before {
            self.hold(next);
        }
        Ok(changed)
    }

    /// Tells an event to the other replicas, writes it down, then has it hold.
    fn write(&self, event: &Event, change: Change) -> io::Result<()> {
        // First the others, and not under the lock, which who hears of it takes.
        self.tell(event, false)?;
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.held.load_full();
        let mut next = Held::clone(&before);
        next.fold([change]);
        if next == *before {
            return Ok(()); // heard already
        }
        self.journal.append(event)?;
        self.hold(next);
        Ok(())
    }

    /// Has something hold instead of what did.
    fn hold(&self, next: Held) {
        let next = Arc::new(next);
        let before = self.held.swap(Arc::clone(&next));
        // After that: who sees the new number finds the new grants.
        if before.grants.keys().any(|id| !next.grants.contains_key(id)) {
            self.ends.fetch_add(1, Ordering::AcqRel);
        }
    }
}

/// A change of what is held.
#[derive(Debug)]
enum Change {
    Proposed(Proposal),
    Closed(Ulid, Closed),
    Granted(Grant),
    Ended(IdentityName),
    Forgotten,
}

impl Held {
    fn fold(&mut self, changes: impl IntoIterator<Item = Change>) {
        for change in changes {
            match change {
                // How it ended may be known already.
                Change::Proposed(proposal) => {
                    self.proposals.entry(proposal.id).or_insert(proposal);
                }
                Change::Closed(id, closed) => {
                    if let Some(proposal) = self.proposals.get_mut(&id) {
                        proposal.closed = Some(closed);
                    }
                }
                Change::Granted(grant) => drop(self.grants.insert(grant.id, grant)),
                Change::Ended(identity) => self.grants.retain(|_, grant| grant.identity != identity),
                Change::Forgotten => *self = Self::default(),
            }
        }
    }
}

impl Proposal {
    fn is_open(&self, now: Timestamp) -> bool {
        self.closed.is_none() && now < self.until
    }
}

impl Grant {
    fn holds(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

#[cfg(test)]
mod tests;
