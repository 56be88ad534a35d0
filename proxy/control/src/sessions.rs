//! The sessions of the web console: a cookie that a browser keeps, and what it stands for here.
//!
//! They live in this process only: a restart ends them all. Of a cookie only its hash is kept. A session holds nothing
//! that a responder may do: that is asked of the staff each time, so a reload that takes a responder away, or gives
//! them another token or role, holds at once.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use http::HeaderMap;
use http::header::COOKIE;
use jiff::Timestamp;

use crate::staff::{Proof, Responder};

/// Every session.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<Key, Session>>);

/// The hash of a cookie.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key([u8; 32]);

/// What a cookie stands for.
#[derive(Clone)]
pub(crate) struct Session {
    /// Whose it is.
    pub(crate) responder: String,
    /// What proved that when it began.
    pub(crate) proof: Proof,
    /// What the console's own page, and no other, can put beside the cookie.
    pub(crate) guard: String,
    /// When it ends, whatever happens.
    pub(crate) ends: Timestamp,
    /// When it was last used.
    used: Timestamp,
}

/// A session that just began.
pub(crate) struct Begun {
    /// The cookie's header, the only place where its text is.
    pub(crate) cookie: String,
    /// The session.
    pub(crate) session: Session,
}

// === impl Sessions ===

impl Sessions {
    /// Begins one; `None` when there is no randomness. The oldest of somebody who has many ends.
    pub(crate) fn begin(&self, responder: &Responder, now: Timestamp) -> Option<Begun> {
        let (secret, guard) = (random()?, random()?);
        let session = Session {
            responder: responder.name.clone(),
            proof: responder.proof.clone(),
            guard,
            ends: now.checked_add(LONGEST).ok()?,
            used: now,
        };
        let mut all = self.locked();
        all.retain(|_, session| session.lives(now));
        let theirs = all.iter().filter(|(_, session)| session.responder == responder.name);
        if theirs.clone().count() >= MOST
            && let Some((oldest, _)) = theirs.min_by_key(|(_, session)| session.used)
        {
            let oldest = oldest.clone();
            all.remove(&oldest);
        }
        all.insert(Key::of(&secret), session.clone());
        let age = LONGEST.as_secs();
        let cookie = format!("{NAME}={secret}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={age}");
        Some(Begun { cookie, session })
    }

    /// The session of a cookie, which is used with that.
    pub(crate) fn of(&self, key: &Key, now: Timestamp) -> Option<Session> {
        let mut all = self.locked();
        let session = all.get_mut(key).filter(|session| session.lives(now))?;
        session.used = now;
        Some(session.clone())
    }

    /// Whether a session still goes on; this is no use of it.
    pub(crate) fn lives(&self, key: &Key, now: Timestamp) -> bool {
        self.locked().get(key).is_some_and(|session| session.lives(now))
    }

    /// Ends one.
    pub(crate) fn end(&self, key: &Key) {
        self.locked().remove(key);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Key, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Key and Session ===

impl Key {
    /// Of the one session cookie that a request carries; of none when there are several.
    pub(crate) fn shown(headers: &HeaderMap) -> Option<Self> {
        let pairs = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
        let pairs = pairs.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut ours = pairs.filter(|(name, _)| *name == NAME);
        match (ours.next(), ours.next()) {
            (Some((_, secret)), None) => Some(Self::of(secret)),
            (None, _) | (Some(_), Some(_)) => None,
        }
    }

    fn of(secret: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        Self(hash)
    }
}

impl Session {
    /// Whether this text is the one that only the console's own page knows.
    pub(crate) fn is_guarded_by(&self, shown: &[u8]) -> bool {
        verify_slices_are_equal(self.guard.as_bytes(), shown).is_ok()
    }

    fn lives(&self, now: Timestamp) -> bool {
        let idle = now.duration_since(self.used).unsigned_abs();
        now < self.ends && (idle < IDLE || now < self.used)
    }
}

/// 256 random bits in hexadecimal.
fn random() -> Option<String> {
    let mut bytes = [0_u8; 32];
    SystemRandom::new().fill(&mut bytes).ok()?;
    let mut text = String::with_capacity(64);
    for byte in bytes {
        write!(text, "{byte:02x}").ok()?;
    }
    Some(text)
}

/// The cookie that a browser is told to forget.
pub(crate) fn forgotten() -> String {
    format!("{NAME}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// `__Host-` has the browser take it from this host alone, over TLS alone, for every path.
const NAME: &str = "__Host-forcefield";
/// How long a session lasts at most, and without being used.
const LONGEST: Duration = Duration::from_secs(8 * 3600);
const IDLE: Duration = Duration::from_secs(30 * 60);
/// How many sessions one responder may have at one time.
const MOST: usize = 8;

#[cfg(test)]
mod tests {
    use forcefield_config::config::Role;
    use http::HeaderValue;

    use super::*;
    use crate::staff::TokenHash;

    fn oncall() -> Responder {
        let proof = Proof::Token(TokenHash::of(b"0123456789abcdef0123456789").unwrap());
        Responder { name: "oncall".into(), role: Role::Responder, proof }
    }

    fn key(begun: &Begun) -> Key {
        let pair = begun.cookie.split(';').next().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(COOKIE, HeaderValue::from_str(&format!("other=1; {pair}")).unwrap());
        Key::shown(&headers).unwrap()
    }

    #[test]
    fn a_session_ends_when_it_lies_idle_and_when_its_time_is_over() {
        let (sessions, start) = (Sessions::default(), Timestamp::UNIX_EPOCH);
        let begun = sessions.begin(&oncall(), start).unwrap();
        let key = key(&begun);
        let minutes = |minutes: u64| start + Duration::from_secs(60 * minutes);
        assert!(sessions.of(&key, minutes(29)).is_some());
        assert!(sessions.lives(&key, minutes(58)), "it was used at 29");
        assert!(!sessions.lives(&key, minutes(59)), "being looked at is no use");
        let used = (29..480).step_by(20).all(|at| sessions.of(&key, minutes(at)).is_some());
        assert!(used && sessions.of(&key, minutes(480)).is_none(), "eight hours are the most");
    }

    #[test]
    fn a_session_ends_by_itself_alone_and_of_many_the_oldest_goes() {
        let (sessions, now) = (Sessions::default(), Timestamp::UNIX_EPOCH);
        let later = |seconds: usize| now + Duration::from_secs(seconds as u64);
        let begun: Vec<Key> =
            (0..=MOST).map(|at| key(&sessions.begin(&oncall(), later(at)).unwrap())).collect();
        assert!(!sessions.lives(&begun[0], later(20)));
        assert!(begun[1..].iter().all(|key| sessions.lives(key, later(20))));
        sessions.end(&begun[1]);
        assert!(!sessions.lives(&begun[1], later(20)) && sessions.lives(&begun[2], later(20)));
    }

    #[test]
    fn two_cookies_of_the_name_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("__Host-forcefield=a"));
        assert!(Key::shown(&headers).is_some());
        headers.append(COOKIE, HeaderValue::from_static("__Host-forcefield=b"));
        assert!(Key::shown(&headers).is_none());
    }
}
