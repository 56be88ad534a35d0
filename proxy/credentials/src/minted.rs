//! What an org's token endpoint answered, checked against the org it was asked of.

use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forcefield_config::config::Org;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::Problem;
use crate::fetch::FetchAnswer;

/// A token that may be used, or one that has to be given back.
pub(crate) struct Minted {
    pub(crate) access_token: Zeroizing<String>,
    pub(crate) refresh_token: Option<Zeroizing<String>>,
    /// How long the org says that it lasts; Salesforce says so for JWT-based tokens only.
    pub(crate) lifetime: Option<Duration>,
    instance_url: String,
    id: String,
    scope: String,
}

/// The `error` of RFC 6749, section 5.2: lower-case letters and `_`, at most 40 of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthCode(Box<str>);

/// The answer of a token endpoint (reference, section 12). Unknown members are not an error: Salesforce adds some.
#[derive(Deserialize)]
struct RawMinted {
    access_token: String,
    refresh_token: Option<String>,
    instance_url: String,
    id: String,
    scope: String,
    expires_in: Option<u64>,
}

#[derive(Deserialize)]
struct RawError {
    error: String,
}

/// The one claim of a JWT-based access token that is of use here; the token itself is the org's to verify.
#[derive(Deserialize)]
struct RawClaims {
    exp: u64,
    iat: u64,
}

// === impl Minted ===

impl Minted {
    /// Reads the answer of a token endpoint. What it says is not believed yet: see [`Self::check`].
    ///
    /// # Errors
    /// A refusal, or what is not an answer of a token endpoint.
    pub(crate) fn read(answer: &FetchAnswer) -> Result<Self, Problem> {
        if answer.status != 200 {
            return Err(Problem::Refused { status: answer.status, code: OAuthCode::read(&answer.body) });
        }
        let raw: RawMinted = serde_json::from_slice(&answer.body).map_err(|_| {
            Problem::Unreadable("JSON with access_token, instance_url, id and scope is expected")
        })?;
        let plain = |byte: u8| byte.is_ascii_graphic() && !b"<>&\"'".contains(&byte);
        if !(20..=16 * 1024).contains(&raw.access_token.len()) || !raw.access_token.bytes().all(plain) {
            return Err(Problem::Unreadable("the access token has characters that tokens do not have"));
        }
        let lifetime = raw.expires_in.map(Duration::from_secs).or_else(|| jwt_lifetime(&raw.access_token));
        Ok(Self {
            access_token: Zeroizing::new(raw.access_token),
            refresh_token: raw.refresh_token.filter(|token| !token.is_empty()).map(Zeroizing::new),
            lifetime,
            instance_url: raw.instance_url,
            id: raw.id,
            scope: raw.scope,
        })
    }

    /// Whether the token is one of this org and of no more than this use.
    ///
    /// # Errors
    /// What is wrong with it; it has to be given back then.
    pub(crate) fn check(&self, org: &Org) -> Result<(), Problem> {
        if host_of(&self.instance_url).is_none_or(|host| !host.eq_ignore_ascii_case(&org.url.host)) {
            return Err(Problem::OtherHost);
        }
        let of = self.id.rsplit('/').nth(1).and_then(first_fifteen);
        if self.user().is_none() || of.is_none_or(|of| of != org.id) {
            return Err(Problem::OtherOrg);
        }
        let opaque = !self.access_token.starts_with("eyJ");
        if opaque && self.access_token.split_once('!').is_none_or(|(of, _)| of != org.id) {
            return Err(Problem::OtherOrg);
        }
        if self.scope.split_ascii_whitespace().any(|scope| scope == "full") {
            return Err(Problem::TooWide);
        }
        Ok(())
    }

    /// The user that the token acts as: the 15 characters of its id.
    pub(crate) fn user(&self) -> Option<&str> {
        self.id.rsplit('/').next().and_then(first_fifteen)
    }

    /// The scopes beyond `api` that open more than integrations need.
    pub(crate) fn opens_the_browser(&self) -> bool {
        self.scope.split_ascii_whitespace().any(|scope| scope == "web")
    }
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Minted(redacted)")
    }
}

// === impl OAuthCode ===

impl OAuthCode {
    fn read(body: &[u8]) -> Self {
        let code = serde_json::from_slice::<RawError>(body).map(|raw| raw.error).unwrap_or_default();
        let is_code = (1..=40).contains(&code.len())
            && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        Self(if is_code { code.into() } else { "unknown_error".into() })
    }

    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OAuthCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The host of an `https` URL with nothing before it; a port is left out, since an org behind mutual TLS is
/// configured with 8443 and names itself without.
/// The 15 characters that tell one record from another; what stands behind them is a checksum of these.
fn first_fifteen(id: &str) -> Option<&str> {
    let fits = (15..=18).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    id.get(..15).filter(|_| fits)
}

fn host_of(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    if authority.contains(['@', '\\']) {
        return None;
    }
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(host),
        _ => Some(authority),
    }
}

fn jwt_lifetime(token: &str) -> Option<Duration> {
    let payload = token.strip_prefix("eyJ").and_then(|token| token.split('.').nth(1))?;
    let claims: RawClaims = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims.exp.checked_sub(claims.iat).map(Duration::from_secs)
}

#[cfg(test)]
mod tests;
