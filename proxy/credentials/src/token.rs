//! An org's access token: what a decided request is sent with.

use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use forcefield_policy::decision::Permit;
use forcefield_policy::request::Api;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use memchr::memchr_iter;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// A token of Salesforce's. Its text goes into an outgoing request only, and only with a [`Permit`].
pub struct AccessToken {
    /// Visible ASCII without `<`, `>`, `&` and quotes, so that it can stand in a header and in XML.
    pub(crate) text: Zeroizing<String>,
    /// The same as most doors take it, marked sensitive. Every request shares this one copy.
    pub(crate) bearer: Option<HeaderValue>,
    /// The user that it acts as: the 15 characters of its id.
    pub(crate) user: Box<str>,
    /// Which mint of this process it came from: a later one has a higher number.
    pub(crate) generation: u64,
    /// From when on a newer one is sought.
    pub(crate) renew_at: Instant,
    /// From when on it is not used any more.
    pub(crate) expires_at: Instant,
}

/// Keeps a token out of one answer, wherever the pieces are cut: stars stand in its place, as many as it had letters.
pub struct Blotter {
    token: Arc<AccessToken>,
    held: BytesMut,
}

// === impl AccessToken ===

impl AccessToken {
    /// Puts the token into the headers of a decided request, marked sensitive, where its door takes it: Bulk 1.0 in
    /// `X-SFDC-Session`, SOAP not in a header but in its body ([`Self::body`]), all others as Bearer. Whatever
    /// credential the headers held before is gone.
    pub fn apply(&self, permit: &Permit, headers: &mut HeaderMap) {
        headers.remove(AUTHORIZATION);
        headers.remove(&X_SFDC_SESSION);
        if permit.session_in_body() {
            return;
        }
        let (name, value) = match permit.api() {
            Api::Bulk1 => (X_SFDC_SESSION, sensitive(&self.text)),
            _ => (AUTHORIZATION, self.bearer.clone()),
        };
        if let Some(value) = value {
            headers.insert(name, value);
        }
    }

    /// The body of a decided request with the session where its door carries it there; `None` when the body streams
    /// through.
    #[must_use]
    pub fn body(&self, permit: &Permit) -> Option<Bytes> {
        permit.body(&self.text)
    }

    /// Whether the token stands in `text`.
    #[must_use]
    pub fn is_in(&self, text: &[u8]) -> bool {
        find(self.text.as_bytes(), text).is_some()
    }

    /// What keeps the token out of the answer to a request that was sent with it.
    #[must_use]
    pub fn blotter(self: &Arc<Self>) -> Blotter {
        Blotter { token: Arc::clone(self), held: BytesMut::new() }
    }

    /// The user of the org that it acts as: the 15 characters of its id.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Which mint of this process it came from: a later one has a higher number.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

// === impl Blotter ===

impl Blotter {
    /// What may go on of a piece and of what was held before it. What could be the beginning of the token waits for the
    /// next piece.
    pub fn feed(&mut self, piece: Bytes) -> Bytes {
        let token = self.token.text.as_bytes();
        if self.held.is_empty() && !self.token.is_in(&piece) && begun(&piece, token) == 0 {
            return piece;
        }
        self.held.extend_from_slice(&piece);
        while let Some(at) = find(token, &self.held) {
            self.held.iter_mut().skip(at).take(token.len()).for_each(|byte| *byte = b'*');
        }
        let safe = self.held.len() - begun(&self.held, token);
        self.held.split_to(safe).freeze()
    }

    /// What was held, at the end of the body.
    pub fn finish(&mut self) -> Bytes {
        self.held.split().freeze()
    }
}

/// A token's text as a Bearer credential.
pub(crate) fn bearer(text: &str) -> Option<HeaderValue> {
    sensitive(&Zeroizing::new(["Bearer ", text].concat()))
}

/// INVARIANT: a token's text was checked to be visible ASCII when it was minted, so there is always a value.
fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Where `token` stands in `text`. Looked for by its first byte that is no letter or digit, the `!` behind the org's id:
/// texts hold few of those, and a searcher that is made once would be one more copy of the token.
fn find(token: &[u8], text: &[u8]) -> Option<usize> {
    let before = token.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(0);
    let begins = |at: usize| {
        let start = at.checked_sub(before)?;
        text.get(start..)?.starts_with(token).then_some(start)
    };
    memchr_iter(*token.get(before)?, text).find_map(begins)
}

/// How many bytes at the end of `text` are a beginning of `token`.
fn begun(text: &[u8], token: &[u8]) -> usize {
    let longest = token.len().saturating_sub(1).min(text.len());
    let (Some(first), Some(end)) = (token.first(), text.get(text.len() - longest..)) else { return 0 };
    let begun = |at: usize| end.get(at..).filter(|begun| token.starts_with(begun)).map(<[u8]>::len);
    memchr_iter(*first, end).find_map(begun).unwrap_or(0)
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(redacted)")
    }
}

const X_SFDC_SESSION: HeaderName = HeaderName::from_static("x-sfdc-session");

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_token_is_blotted_out_however_it_is_cut() {
        let text = "00D000000000001!0000D000000000001!secret";
        let now = Instant::now();
        let token = Arc::new(AccessToken {
            text: Zeroizing::new(text.to_owned()),
            bearer: bearer(text),
            user: "005000000000001".into(),
            generation: 1,
            renew_at: now,
            expires_at: now + Duration::from_secs(1),
        });
        let body = format!("{text}, 00D000000000001!0, {text}{text} and 00D00000000000");
        let stars = "*".repeat(text.len());
        let expected = format!("{stars}, 00D000000000001!0, {stars}{stars} and 00D00000000000");
        for size in 1..=body.len() {
            let mut blotter = token.blotter();
            let pieces =
                body.as_bytes().chunks(size).map(|piece| blotter.feed(Bytes::copy_from_slice(piece)));
            let mut passed = pieces.collect::<Vec<_>>().concat();
            passed.extend_from_slice(&blotter.finish());
            assert_eq!(String::from_utf8(passed).unwrap(), expected, "in pieces of {size}");
        }
    }
}
