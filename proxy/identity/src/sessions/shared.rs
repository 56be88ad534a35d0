//! Sessions of several replicas: each keeps those that it has seen, and asks the store that they share for others.

use std::io;
use std::sync::Arc;

use forcefield_policy::names::IdentityName;

use super::journal::Event;
use super::{Session, Sessions};
use crate::certificate::hexadecimal;
use crate::token::{Token, TokenHash};

/// The store that several replicas share, as far as sessions need it. Every call waits, and has a deadline: none is for
/// what anybody may ask without a secret.
pub trait SharedSessions: Send + Sync {
    /// Makes sessions known to all replicas, unless they are.
    ///
    /// # Errors
    /// The store is out of reach.
    fn tell(&self, sessions: &[Told]) -> io::Result<()>;

    /// Makes known to all replicas that sessions ended.
    ///
    /// # Errors
    /// The store is out of reach.
    fn revoke(&self, sessions: &[Told]) -> io::Result<()>;

    /// The sessions of an identity: their hashes, and what is known of each.
    ///
    /// # Errors
    /// The store is out of reach.
    fn lines_of(&self, identity: &IdentityName) -> io::Result<Vec<(String, String)>>;
}

/// A session as the replicas tell one another of it: never its token.
#[derive(Clone, Debug)]
pub struct Told {
    /// The SHA-256 of its token, in hexadecimal digits.
    pub hash: String,
    /// Whose it is.
    pub identity: IdentityName,
    /// When it ends by itself, in milliseconds since 1970.
    pub expires: i64,
    /// A line of the journal: issued, or revoked.
    pub line: String,
}

// === impl Told ===

impl Told {
    pub(super) fn of(hash: &TokenHash, session: &Session) -> io::Result<Self> {
        let event = if session.is_ended() { Event::revoked(hash) } else { Event::issued(hash, session) };
        Ok(Self {
            hash: hexadecimal(&hash.0),
            identity: session.identity.clone(),
            expires: session.expires.as_millisecond(),
            line: serde_json::to_string(&event)?,
        })
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        Event::is_revoked(&self.line)
    }
}

// === impl Sessions ===

impl Sessions {
    /// The same sessions, shared with other replicas.
    #[must_use]
    pub fn shared(mut self, shared: Arc<dyn SharedSessions>) -> Self {
        self.shared = Some(shared);
        self
    }

    /// What to ask the other replicas by about a token that is not known here: its SHA-256 in hexadecimal digits. `None`
    /// when it is known, cannot be one of ours by its form, or nobody shares these sessions.
    #[must_use]
    pub fn unknown(&self, token: &str) -> Option<String> {
        let is_shared = self.shared.is_some() && Token::has_form(token);
        let hash = is_shared.then(|| TokenHash::of(token))?;
        (!self.by_hash.contains_key(&hash)).then(|| hexadecimal(&hash.0))
    }

    /// All sessions that are remembered here, for a store that has lost them.
    ///
    /// # Errors
    /// None in practice.
    pub fn told(&self) -> io::Result<Vec<Told>> {
        self.by_hash.iter().map(|entry| Told::of(entry.key(), entry.value())).collect()
    }

    /// Takes up what another replica told.
    ///
    /// # Errors
    /// It holds here, but could not be written down.
    pub fn hear(&self, line: &str) -> io::Result<()> {
        let Some((hash, session)) = Event::parse(line.as_bytes()).read() else { return Ok(()) };
        let known = self.by_hash.get(&hash).map(|session| session.is_ended());
        let is_news = match (&session, known) {
            (Some(_), known) => known.is_none(),
            (None, known) => known == Some(false),
        };
        if !is_news {
            return Ok(());
        }
        let event = Event::parse(line.as_bytes());
        let written = self.journal.as_ref().map_or(Ok(()), |journal| journal.append(&[event], false));
        self.apply(Event::parse(line.as_bytes()));
        written
    }

    /// Learns of every session of an identity, so that none is left out when they end.
    pub(super) fn learn_all_of(&self, identity: &IdentityName) -> io::Result<()> {
        let Some(shared) = &self.shared else { return Ok(()) };
        shared.lines_of(identity)?.iter().try_for_each(|(_, line)| self.hear(line))
    }
}
