//! An org's access token: what a decided request is sent with.

use std::fmt;

use bytes::Bytes;
use forcefield_policy::decision::Permit;
use forcefield_policy::request::Api;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// A token of Salesforce's. Its text goes into an outgoing request only, and only with a [`Permit`].
pub struct AccessToken {
    /// Visible ASCII without `<`, `>`, `&` and quotes, so that it can stand in a header and in XML.
    pub(crate) text: Zeroizing<String>,
    /// Which mint of this process it came from: a later one has a higher number.
    pub(crate) generation: u64,
    /// From when on a newer one is sought.
    pub(crate) renew_at: Instant,
    /// From when on it is not used any more.
    pub(crate) expires_at: Instant,
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
        let (name, text) = match permit.api() {
            Api::Bulk1 => (X_SFDC_SESSION, Zeroizing::new(self.text.as_str().to_owned())),
            _ => (AUTHORIZATION, Zeroizing::new(format!("Bearer {}", self.text.as_str()))),
        };
        // INVARIANT: the text was checked to be visible ASCII when it was minted.
        if let Ok(mut value) = HeaderValue::from_str(&text) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }

    /// The body of a decided request with the session where its door carries it there; `None` when the body streams
    /// through.
    #[must_use]
    pub fn body(&self, permit: &Permit) -> Option<Bytes> {
        permit.body(&self.text)
    }

    /// Which mint of this process it came from: a later one has a higher number.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(redacted)")
    }
}

const X_SFDC_SESSION: HeaderName = HeaderName::from_static("x-sfdc-session");
