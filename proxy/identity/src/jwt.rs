//! Workload JWTs and JWT bearer assertions: verified before anything in them is believed.
//!
//! Two sets of rules. A workload JWT (an SVID, a CI job's token, a Kubernetes service account's) is taken by the
//! letter of RFC 7519. An assertion of the JWT bearer flow comes from Salesforce SDKs, three of four of which break it
//! (clients.md, section 2.2.5); what it is forgiven does not touch who signed it for whom.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::keys::IssuerKeys;

/// Why a JWT is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JwtProblem {
    /// Not a JWT, or with a header that asks for more than a signature check.
    #[error("it is not a JWT that can be read")]
    Malformed,
    /// Nobody knows who issued it.
    #[error("its issuer is not configured")]
    Issuer,
    /// The issuer's keys are not at hand.
    #[error("the keys of its issuer have not been loaded")]
    NoKeys,
    /// No key of the issuer has its key id and algorithm; `none` and HMAC have none ever.
    #[error("its issuer has no key with its key id and algorithm")]
    Key,
    /// Not signed by the issuer.
    #[error("its signature is wrong")]
    Signature,
    /// For someone else.
    #[error("it is for another audience")]
    Audience,
    /// Over.
    #[error("it is expired")]
    Expired,
    /// Not begun.
    #[error("it is not valid yet")]
    NotYet,
    /// An assertion that could be used for long.
    #[error("it is valid for too long for an assertion")]
    TooLong,
}

/// An issuer, as far as its tokens are concerned.
#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    /// Its name in the configuration.
    pub(crate) name: String,
    /// The audience that its tokens must be for.
    pub(crate) audience: String,
}

/// Which rules hold.
#[derive(Clone, Copy)]
pub(crate) enum Rules<'a> {
    /// RFC 7519 by the letter.
    Workload,
    /// What Salesforce SDKs send, at this base URL of ours.
    Assertion(&'a str),
}

/// Who says what about whom, verified.
pub(crate) struct Verified {
    /// The name of the issuer in the configuration.
    pub(crate) issuer: String,
    /// The `sub` claim.
    pub(crate) subject: String,
}

#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

#[derive(Deserialize)]
struct RawClaims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: Value,
    nbf: Option<Value>,
    iat: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// Whether `token` means to be a JWT.
pub(crate) fn is_jwt(token: &str) -> bool {
    token.starts_with("eyJ") && token.split('.').count() == 3
}

/// Verifies a token against the issuers that its `iss` claim names.
pub(crate) fn verify<'i>(
    token: &str,
    issuers: impl Fn(&str) -> &'i [Issuer],
    keys: &IssuerKeys,
    rules: Rules<'_>,
    now: Timestamp,
) -> Result<Verified, JwtProblem> {
    let (message, signature) = token.rsplit_once('.').ok_or(JwtProblem::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(JwtProblem::Malformed)?;
    let header: RawHeader = part(header)?;
    let claims: RawClaims = part(claims)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| JwtProblem::Malformed)?;
    if header.crit.is_some() || token.len() > LONGEST {
        return Err(JwtProblem::Malformed);
    }
    let mut problem = JwtProblem::Issuer;
    for issuer in issuers(&claims.iss) {
        match signed_by(issuer, keys, (&header, message.as_bytes(), &signature))
            .and_then(|()| claims.check(issuer, rules, now))
        {
            Ok(()) => return Ok(Verified { issuer: issuer.name.clone(), subject: claims.sub }),
            Err(found) => problem = found,
        }
    }
    Err(problem)
}

fn signed_by(
    issuer: &Issuer,
    keys: &IssuerKeys,
    (header, message, signature): (&RawHeader, &[u8], &[u8]),
) -> Result<(), JwtProblem> {
    let Some(held) = keys.of(&issuer.name) else {
        keys.miss(&issuer.name);
        return Err(JwtProblem::NoKeys);
    };
    // Stock clients write no key id; then each key of the issuer may be the one, but not very many.
    let mut fitting =
        held.iter().filter(|key| key.fits(&header.alg, header.kid.as_deref())).take(8).peekable();
    if fitting.peek().is_none() {
        keys.miss(&issuer.name);
        return Err(JwtProblem::Key);
    }
    if fitting.any(|key| key.verifies(message, signature)) { Ok(()) } else { Err(JwtProblem::Signature) }
}

// === impl RawClaims ===

impl RawClaims {
    fn check(&self, issuer: &Issuer, rules: Rules<'_>, now: Timestamp) -> Result<(), JwtProblem> {
        if !self.is_for(issuer, rules) {
            return Err(JwtProblem::Audience);
        }
        let skew = match rules {
            Rules::Workload => 30,
            Rules::Assertion(_) => 300,
        };
        let (now, ends) = (now.as_second(), seconds(&self.exp, rules)?);
        if ends.saturating_add(skew) <= now {
            return Err(JwtProblem::Expired);
        }
        if matches!(rules, Rules::Assertion(_)) && ends > now.saturating_add(LONGEST_ASSERTION) {
            return Err(JwtProblem::TooLong);
        }
        for start in [&self.nbf, &self.iat].into_iter().flatten() {
            if seconds(start, rules)? > now.saturating_add(skew) {
                return Err(JwtProblem::NotYet);
            }
        }
        Ok(())
    }

    fn is_for(&self, issuer: &Issuer, rules: Rules<'_>) -> bool {
        let audiences = match &self.aud {
            Audience::One(audience) => std::slice::from_ref(audience),
            Audience::Several(audiences) => audiences.as_slice(),
        };
        audiences.iter().any(|audience| match rules {
            Rules::Workload => *audience == issuer.audience,
            Rules::Assertion(base) => {
                let audience = audience.strip_suffix("/services/oauth2/token").unwrap_or(audience);
                let audience = audience.strip_suffix('/').unwrap_or(audience);
                audience == issuer.audience
                    || audience.eq_ignore_ascii_case(base)
                    || LOGIN_HOSTS.contains(&audience)
            }
        })
    }
}

/// A time in seconds; in an assertion also as a string, or in milliseconds.
fn seconds(value: &Value, rules: Rules<'_>) -> Result<i64, JwtProblem> {
    let number = match (value, rules) {
        (Value::Number(number), _) => number.as_i64().or_else(|| whole(number.as_f64()?)),
        (Value::String(text), Rules::Assertion(_)) => text.parse().ok(),
        _ => None,
    };
    match (number.ok_or(JwtProblem::Malformed)?, rules) {
        (number, Rules::Assertion(_)) if number > MILLISECONDS => Ok(number / 1000),
        (number, _) => Ok(number),
    }
}

/// RFC 7519 allows fractions of a second.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
fn whole(number: f64) -> Option<i64> {
    (0.0..1e15).contains(&number).then_some(number as i64)
}

fn part<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, JwtProblem> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| JwtProblem::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| JwtProblem::Malformed)
}

/// Salesforce's own limit on subject tokens.
const LONGEST: usize = 10_000;
/// Salesforce takes three minutes; aiosalesforce asks for five, and clocks differ by as much.
const LONGEST_ASSERTION: i64 = 15 * 60;
/// A time after this many seconds is the year 5138, or meant as milliseconds.
const MILLISECONDS: i64 = 100_000_000_000;
/// Where stock clients believe to be.
const LOGIN_HOSTS: [&str; 2] = ["https://login.salesforce.com", "https://test.salesforce.com"];
