//! What widens, where several replicas share it: told to all before it holds, settled by one person alone, and worth
//! nothing at a replica that does not hear the others.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use ulid::Ulid;

use super::{Closed, Held, Widenings, journal};

/// The other replicas, as far as widenings need them.
pub trait SharedWidenings: Send + Sync {
    /// Tells a line of the journal to all replicas, this one included. Waits until the store that they share has it.
    ///
    /// # Errors
    /// The store is out of reach. A line that ends something is to be told later then, if `later`.
    fn tell(&self, line: &str, later: bool) -> io::Result<()>;

    /// Has one person settle a proposal: gives the claim that was made first.
    ///
    /// # Errors
    /// The store is out of reach, or it lost what it held just now.
    fn claim(&self, proposal: &str, claim: &str) -> io::Result<String>;

    /// Whether this replica hears what others tell.
    fn hears(&self) -> bool;
}

/// Who settles which proposal, where there are no other replicas.
pub(super) type Claims = Mutex<BTreeMap<Ulid, Closed>>;

// === impl Widenings ===

impl Widenings {
    /// The same widenings, shared with other replicas.
    #[must_use]
    pub fn shared(mut self, others: Arc<dyn SharedWidenings>) -> Self {
        self.others = Some(others);
        self
    }

    /// Whether it is known that what was granted still holds. While it is not, nothing is widened.
    #[must_use]
    pub fn are_confirmed(&self) -> bool {
        self.others.as_ref().is_none_or(|others| others.hears())
    }

    /// Takes up a line that the replicas tell one another, this one's own included, so that all end with the same.
    /// Gives whether the grants changed.
    ///
    /// # Errors
    /// It is no line of a journal, or holds here and could not be written down.
    pub fn hear(&self, line: &str) -> io::Result<bool> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let (event, change) = journal::read(line)?;
        let before = self.held.load_full();
        let mut next = Held::clone(&before);
        next.fold([change]);
        if next == *before {
            return Ok(false);
        }
        let changed = next.grants != before.grants;
        self.hold(next);
        self.journal.append(&event).map(|()| changed)
    }

    /// Lets go of all proposals and grants: the store that the replicas share lost what it held, and may have lost that
    /// something ended.
    ///
    /// # Errors
    /// It is done, but could not be written down.
    pub fn forget(&self) -> io::Result<()> {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if *self.held.load_full() == Held::default() {
            return Ok(());
        }
        self.hold(Held::default());
        self.journal.append(&journal::Event::Forgotten {})
    }

    /// Has one person settle a proposal; gives how it is settled, by whoever came first. The same person may try again.
    pub(crate) fn claim(&self, id: Ulid, closed: &Closed) -> io::Result<Closed> {
        match &self.others {
            None => {
                let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
                let known = self.held.load();
                claims.retain(|id, _| known.proposals.contains_key(id));
                Ok(claims.entry(id).or_insert_with(|| closed.clone()).clone())
            }
            Some(others) => {
                let claimed = others.claim(&id.to_string(), &closed.claim())?;
                let unreadable = || io::Error::new(io::ErrorKind::InvalidData, "a claim that nobody made");
                Closed::claimed(&claimed).ok_or_else(unreadable)
            }
        }
    }

    /// Tells a change to the other replicas, where there are any.
    pub(super) fn tell(&self, event: &journal::Event, later: bool) -> io::Result<()> {
        self.others.as_ref().map_or(Ok(()), |others| others.tell(&event.line()?, later))
    }
}

impl Closed {
    fn claim(&self) -> String {
        match self {
            Self::Approved(by) => format!("approved {by}"),
            Self::Withdrawn(by) => format!("withdrawn {by}"),
        }
    }

    fn claimed(text: &str) -> Option<Self> {
        match text.split_once(' ')? {
            ("approved", by) => Some(Self::Approved(by.to_owned())),
            ("withdrawn", by) => Some(Self::Withdrawn(by.to_owned())),
            _ => None,
        }
    }
}
