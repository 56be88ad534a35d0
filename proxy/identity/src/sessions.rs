//! The tokens that we handed out: known by their hash, bound to where they were issued, gone when revoked.

mod journal;
mod listing;
mod session;
mod shared;

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;
use thiserror::Error;

pub use listing::Held;
pub(crate) use session::{Kind, NewSession, Session};
pub use shared::{SharedSessions, Told};

use crate::peer::Peer;
use crate::token::{NoRandomness, Token, TokenHash};
use journal::{Event, Journal};

/// All tokens that work, and for a while those that do not any more.
///
/// Looking one up takes no lock that a writer holds for long. What is issued or revoked is in the journal when the
/// call returns; what is revoked is also on the disk.
pub struct Sessions {
    by_hash: DashMap<TokenHash, Arc<Session>>,
    of: Mutex<HashMap<(IdentityName, Kind), VecDeque<TokenHash>>>,
    journal: Option<Journal>,
    /// Where other replicas learn of them, where there are any.
    shared: Option<Arc<dyn SharedSessions>>,
}

/// Why a token does not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenProblem {
    /// Never issued, or long forgotten.
    #[error("the token is not one of ours")]
    Unknown,
    /// Past its time.
    #[error("the token is expired")]
    Expired,
    /// Taken back.
    #[error("the token was revoked")]
    Revoked,
    /// Presented without the certificate that it was issued to.
    #[error("the token is bound to another certificate")]
    OtherCertificate,
    /// Presented from elsewhere.
    #[error("the token is bound to another network")]
    OtherNetwork,
}

/// How many tokens were revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revoked(pub usize);

/// Why no token could be issued.
#[derive(Debug, Error)]
pub(crate) enum IssueError {
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error("the session cannot be written to the state folder")]
    Journal(#[from] io::Error),
}

// === impl Sessions ===

impl Sessions {
    /// The sessions kept in a state folder, which is made if it is not there. Another process may have it open too,
    /// as while one hands over to the next.
    ///
    /// # Errors
    /// The folder or the journal in it cannot be read or written.
    pub fn open(state: &Path, now: Timestamp) -> io::Result<Self> {
        let mut sessions = Self::in_memory();
        let (journal, events) = Journal::open(state)?;
        for event in events {
            sessions.apply(event);
        }
        sessions.journal = Some(journal);
        sessions.prune(now)?;
        Ok(sessions)
    }

    /// Sessions that end with the process.
    #[must_use]
    pub fn in_memory() -> Self {
        Self { by_hash: DashMap::new(), of: Mutex::new(HashMap::new()), journal: None, shared: None }
    }

    /// Revokes everything that an identity holds; it may log in again where it is still let.
    ///
    /// # Errors
    /// It is revoked here, but that could not be written down: a restart would forget it.
    pub fn revoke_identity(&self, identity: &IdentityName) -> io::Result<Revoked> {
        let learned = self.learn_all_of(identity);
        let revoked = self.revoke_where(|session| session.identity == *identity)?;
        learned.map(|()| revoked)
    }

    /// Takes note of what another process wrote, and forgets what ended some time ago. To be called every few seconds.
    ///
    /// # Errors
    /// The journal cannot be read or rewritten.
    pub fn prune(&self, now: Timestamp) -> io::Result<()> {
        self.catch_up()?;
        self.by_hash.retain(|_, session| !session.is_forgotten(now));
        let mut of = self.lock();
        for hashes in of.values_mut() {
            hashes.retain(|hash| self.by_hash.contains_key(hash));
        }
        of.retain(|_, hashes| !hashes.is_empty());
        drop(of);
        match &self.journal {
            Some(journal) => journal.rewrite_if_long(self.by_hash.len(), || self.events()),
            None => Ok(()),
        }
    }

    /// How many tokens are remembered.
    #[must_use]
    pub fn count(&self) -> usize {
        self.by_hash.len()
    }

    /// Issues a token.
    pub(crate) fn issue(&self, new: NewSession<'_>) -> Result<(Token, Arc<Session>), IssueError> {
        let token = match new.kind {
            Kind::Access => Token::access(new.org)?,
            Kind::Refresh => Token::refresh()?,
        };
        let session = Arc::new(Session::new(new));
        if let Some(shared) = &self.shared {
            shared.tell(&[Told::of(&token.hash(), &session)?])?;
        }
        if let Some(journal) = &self.journal {
            journal.append(&[Event::issued(&token.hash(), &session)], false)?;
        }
        for outdated in self.insert(token.hash(), Arc::clone(&session)) {
            // Too many of one identity: the oldest makes room. Forgetting to write that down only brings it back.
            self.end(&outdated);
        }
        Ok((token, session))
    }

    /// The session of a token of this kind, if it works for this peer now.
    pub(crate) fn find(
        &self,
        token: &str,
        kind: Kind,
        peer: &Peer,
        now: Timestamp,
    ) -> Result<Arc<Session>, TokenProblem> {
        let session = self.any(token).filter(|session| session.kind == kind).ok_or(TokenProblem::Unknown)?;
        session.check(peer, now)?;
        Ok(session)
    }

    /// The session of a token, whatever its state.
    pub(crate) fn any(&self, token: &str) -> Option<Arc<Session>> {
        let hash = TokenHash::of(token);
        let find = || self.by_hash.get(&hash).map(|session| Arc::clone(&session));
        find().or_else(|| {
            // Perhaps the process before or after this one issued it.
            self.catch_up().ok()?;
            find()
        })
    }

    /// Revokes one token; with a refresh token, all that came from the same login.
    pub(crate) fn revoke(&self, token: &str) -> io::Result<Revoked> {
        let Some(session) = self.any(token) else { return Ok(Revoked(0)) };
        let learned = self.learn_all_of(&session.identity);
        let revoked = self.revoke_known(token, &session)?;
        learned.map(|()| revoked)
    }

    fn revoke_known(&self, token: &str, session: &Session) -> io::Result<Revoked> {
        match session.kind {
            Kind::Access if session.end() => self.write_down(&[TokenHash::of(token)]),
            Kind::Access => Ok(Revoked(0)),
            Kind::Refresh => self
                .revoke_where(|other| other.family == session.family && other.identity == session.identity),
        }
    }

    fn revoke_where(&self, is_meant: impl Fn(&Session) -> bool) -> io::Result<Revoked> {
        let ended: Vec<TokenHash> = self
            .by_hash
            .iter()
            .filter(|entry| is_meant(entry.value()) && entry.value().end())
            .map(|entry| *entry.key())
            .collect();
        self.write_down(&ended)
    }

    fn write_down(&self, ended: &[TokenHash]) -> io::Result<Revoked> {
        if let Some(journal) = &self.journal {
            let events: Vec<Event> = ended.iter().map(Event::revoked).collect();
            journal.append(&events, true)?;
        }
        if let Some(shared) = self.shared.as_ref().filter(|_| !ended.is_empty()) {
            let sessions = ended.iter().filter_map(|hash| {
                let session = self.by_hash.get(hash)?;
                Some(Told::of(hash, &session))
            });
            shared.revoke(&sessions.collect::<io::Result<Vec<_>>>()?)?;
        }
        Ok(Revoked(ended.len()))
    }

    fn end(&self, hash: &TokenHash) {
        if self.by_hash.get(hash).is_some_and(|session| session.end())
            && let Some(journal) = &self.journal
        {
            let _ = journal.append(&[Event::revoked(hash)], false);
        }
    }

    /// Adds a session, and names those that are too many now.
    fn insert(&self, hash: TokenHash, session: Arc<Session>) -> Vec<TokenHash> {
        let key = (session.identity.clone(), session.kind);
        let most = session.kind.most();
        match self.by_hash.entry(hash) {
            Entry::Occupied(_) => return Vec::new(),
            Entry::Vacant(place) => drop(place.insert(session)),
        }
        let mut of = self.lock();
        let hashes = of.entry(key).or_default();
        hashes.push_back(hash);
        let too_many = hashes.len().saturating_sub(most);
        hashes.drain(..too_many).collect()
    }

    fn catch_up(&self) -> io::Result<()> {
        if let Some(journal) = &self.journal {
            for event in journal.news()? {
                self.apply(event);
            }
        }
        Ok(())
    }

    fn apply(&self, event: Event) {
        match event.read() {
            Some((hash, Some(session))) => {
                for outdated in self.insert(hash, Arc::new(session)) {
                    self.by_hash.get(&outdated).map(|session| session.end());
                }
            }
            Some((hash, None)) => {
                self.by_hash.get(&hash).map(|session| session.end());
            }
            None => tracing::warn!("a line of the session journal cannot be read and is passed over"),
        }
    }

    /// Everything that is remembered, oldest first.
    fn events(&self) -> Vec<Event> {
        let mut sessions: Vec<_> =
            self.by_hash.iter().map(|entry| (*entry.key(), Arc::clone(entry.value()))).collect();
        sessions.sort_by_key(|(_, session)| session.issued);
        let ended = |(hash, session): &(TokenHash, Arc<Session>)| {
            let revoked = session.is_ended().then(|| Event::revoked(hash));
            [Some(Event::issued(hash, session)), revoked].into_iter().flatten()
        };
        sessions.iter().flat_map(ended).collect()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(IdentityName, Kind), VecDeque<TokenHash>>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sessions({} tokens, redacted)", self.by_hash.len())
    }
}
