//! Sessions, and every way in which a request can carry one.

use crate::id::Id;
use crate::wire::Ask;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, Instant};

/// All sessions of an org.
pub(crate) struct Sessions {
    live: HashMap<String, Session>,
    minted: Vec<String>,
    pub(crate) lifetime: Duration,
}

/// One session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) user: Id,
    pub(crate) client_id: String,
    last_used: Instant,
    lifetime: Duration,
}

/// A credential that a request carried.
#[derive(Clone, PartialEq, Eq)]
pub struct Carried {
    /// Where it was.
    pub carrier: Carrier,
    token: String,
}

/// Where a request can carry a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Carrier {
    /// `Authorization: Bearer`
    Bearer,
    /// `Authorization: OAuth`
    OAuth,
    /// `Authorization: Basic`: a client id and secret, as sent.
    Basic,
    /// Any other scheme of `Authorization`.
    OtherAuthorization,
    /// `X-SFDC-Session`
    SessionHeader,
    /// `SessionHeader/sessionId` in a SOAP envelope.
    Soap,
    /// `sid` in a cookie.
    Cookie,
    /// `oauth_token`, `access_token`, `sid` or `session_id` in the query string.
    Query,
}

// === impl Sessions ===

impl Sessions {
    pub(crate) fn new(lifetime: Duration) -> Self {
        Self { live: HashMap::new(), minted: Vec::new(), lifetime }
    }

    /// A new session of a user for a client.
    pub(crate) fn open(&mut self, org_id: &str, user: &str, client_id: &str) -> String {
        // The mark at both ends, so that half a token gives itself away too.
        let token = format!("{}!AQ{MARK}{}{MARK}", org_id.get(..15).unwrap_or(org_id), random_text(58));
        let session = Session {
            user: user.to_owned(),
            client_id: client_id.to_owned(),
            last_used: Instant::now(),
            lifetime: self.lifetime,
        };
        self.live.insert(token.clone(), session);
        self.minted.push(token.clone());
        token
    }

    /// The session of a token, if it lives; using it keeps it alive.
    pub(crate) fn touch(&mut self, token: &str) -> Option<Session> {
        let session = self.live.get_mut(token)?;
        if session.last_used.elapsed() >= session.lifetime {
            self.live.remove(token);
            return None;
        }
        session.last_used = Instant::now();
        Some(session.clone())
    }

    /// Ends one session; whether there was one.
    pub(crate) fn close(&mut self, token: &str) -> bool {
        self.live.remove(token).is_some()
    }

    /// Ends every session.
    pub(crate) fn close_all(&mut self) {
        self.live.clear();
    }

    /// Every token ever handed out, oldest first.
    pub(crate) fn minted(&self) -> &[String] {
        &self.minted
    }

    /// Tokens that would be accepted now.
    pub(crate) fn live(&self) -> Vec<String> {
        let alive = self.live.iter().filter(|(_, session)| session.last_used.elapsed() < session.lifetime);
        alive.map(|(token, _)| token.clone()).collect()
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({} live, redacted)", self.live.len())
    }
}

// === impl Carried ===

impl Carried {
    pub(crate) fn new(carrier: Carrier, token: impl Into<String>) -> Self {
        Self { carrier, token: token.into() }
    }

    /// The credential itself.
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl fmt::Debug for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Carried({:?}, redacted)", self.carrier)
    }
}

/// Every credential of a request but that in a SOAP envelope, in the order in which the org tries them.
pub(crate) fn carried(ask: &Ask) -> Vec<Carried> {
    let mut found = Vec::new();
    for value in ask.headers.get_all("authorization") {
        let text = value.to_str().unwrap_or_default();
        let (scheme, token) = text.split_once(' ').unwrap_or(("", text));
        let carrier = match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Carrier::Bearer,
            "oauth" => Carrier::OAuth,
            "basic" => Carrier::Basic,
            _ => Carrier::OtherAuthorization,
        };
        found.push(Carried::new(carrier, token.trim()));
    }
    for value in ask.headers.get_all("x-sfdc-session") {
        found.push(Carried::new(Carrier::SessionHeader, value.to_str().unwrap_or_default()));
    }
    for (name, value) in &ask.query {
        if CREDENTIAL_PARAMETERS.contains(&name.as_str()) {
            found.push(Carried::new(Carrier::Query, value.as_str()));
        }
    }
    for value in ask.headers.get_all("cookie") {
        let pairs =
            value.to_str().unwrap_or_default().split(';').filter_map(|pair| pair.trim().split_once('='));
        found.extend(
            pairs.filter(|(name, _)| *name == "sid").map(|(_, sid)| Carried::new(Carrier::Cookie, sid)),
        );
    }
    found
}

/// The name and password of `Authorization: Basic`.
pub(crate) fn basic(carried: &[Carried]) -> Option<(String, String)> {
    let basic = carried.iter().find(|one| one.carrier == Carrier::Basic)?;
    let text = String::from_utf8(STANDARD.decode(basic.token()).ok()?).ok()?;
    text.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

/// Random letters, digits, dots and underscores.
pub(crate) fn random_text(length: usize) -> String {
    let mut text = String::with_capacity(length + 8);
    while text.len() < length {
        // The standard library's hash seeds: random enough for tokens that guard made-up data, and cannot fail.
        let bytes = RandomState::new().build_hasher().finish().to_le_bytes();
        let letter = |byte: &u8| ALPHABET.get(usize::from(byte % 64)).copied().map_or('A', char::from);
        text.extend(bytes.iter().map(letter));
    }
    text.truncate(length);
    text
}

/// In every session and refresh token that an org hands out: whoever must keep them to itself can be searched for it.
pub const MARK: &str = "OrgSecretStays.Hid";
/// Parameters of a URL that can carry a session.
pub(crate) const CREDENTIAL_PARAMETERS: [&str; 4] = ["oauth_token", "access_token", "sid", "session_id"];
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._";
