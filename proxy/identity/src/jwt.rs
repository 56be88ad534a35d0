//! Workload JWTs and JWT bearer assertions: verified before anything in them is believed.
//!
//! Three sets of rules. A workload JWT (a CI job's token, a Kubernetes service account's) is taken by the letter of RFC
//! 7519, a JWT-SVID by that of its SPIFFE standard: it is known by the trust domain of its subject. An assertion of the JWT bearer flow comes from Salesforce SDKs, three of four of which break it
//! (clients.md, section 2.2.5); what it is forgiven does not touch who signed it for whom.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forcefield_config::config::{Config, KnownBy};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use thiserror::Error;

use crate::certificate::is_workload_id;
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
    /// It names no issuer, and is no JWT-SVID of a trust domain that is an issuer.
    #[error("it names no issuer, and its subject is no SPIFFE ID of a configured trust domain")]
    TrustDomain,
    /// Signed by the right one, for another use than to say who is calling.
    #[error("its header is not one of such a token")]
    Header,
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

/// The issuers of a configuration.
#[derive(Debug, Default)]
pub(crate) struct Issuers {
    by_claim: HashMap<String, Vec<Issuer>>,
    by_trust_domain: HashMap<String, Vec<Issuer>>,
}

/// An issuer, as far as its tokens are concerned.
#[derive(Clone, Debug)]
struct Issuer {
    /// Its name in the configuration.
    name: String,
    /// The audience that its tokens must be for.
    audience: String,
    /// Whether its tokens are JWT-SVIDs or any others.
    tokens: Tokens,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tokens {
    Svids,
    Others,
}

/// Which rules hold.
#[derive(Clone, Copy)]
pub(crate) enum Rules<'a> {
    /// RFC 7519, or the JWT-SVID standard, by the letter.
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
    #[serde(default, deserialize_with = "written")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "written")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "written")]
    crit: Option<Value>,
    #[serde(flatten)]
    others: HashMap<String, Value>,
}

#[derive(Deserialize)]
struct RawClaims {
    #[serde(default, deserialize_with = "written")]
    iss: Option<String>,
    sub: String,
    aud: Audience,
    exp: Value,
    #[serde(default, deserialize_with = "written")]
    nbf: Option<Value>,
    #[serde(default, deserialize_with = "written")]
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

/// Verifies a token against the issuers that its `iss` claim, or the trust domain of its subject, stands for.
pub(crate) fn verify(
    token: &str,
    issuers: &Issuers,
    keys: &IssuerKeys,
    rules: Rules<'_>,
    now: Timestamp,
) -> Result<Verified, JwtProblem> {
    if token.len() > LONGEST {
        return Err(JwtProblem::Malformed);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(JwtProblem::Malformed)?;
    let (header, claims) = message.split_once('.').ok_or(JwtProblem::Malformed)?;
    let header: RawHeader = part(header)?;
    let claims: RawClaims = part(claims)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| JwtProblem::Malformed)?;
    if header.crit.is_some() {
        return Err(JwtProblem::Malformed);
    }
    let mut problem = if claims.iss.is_some() { JwtProblem::Issuer } else { JwtProblem::TrustDomain };
    for issuer in issuers.of(&claims, rules) {
        match signed_by(issuer, keys, (&header, message.as_bytes(), &signature))
            .and_then(|()| header.check(issuer, rules))
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

// === impl Issuers ===

impl Issuers {
    /// Those of a configuration.
    pub(crate) fn new(config: &Config) -> Self {
        let mut issuers = Self::default();
        for (name, issuer) in &config.issuers {
            let (known, tokens) = match &issuer.known_by {
                KnownBy::Claim(claim) => (issuers.by_claim.entry(claim.clone()), Tokens::Others),
                KnownBy::TrustDomain(domain) => {
                    (issuers.by_trust_domain.entry(domain.clone()), Tokens::Svids)
                }
            };
            let issuer = Issuer { name: name.clone(), audience: issuer.audience.clone(), tokens };
            known.or_default().push(issuer);
        }
        issuers
    }

    /// Whose token one with these claims may be. No SVID is an assertion.
    fn of<'i>(&'i self, claims: &RawClaims, rules: Rules<'_>) -> impl Iterator<Item = &'i Issuer> + use<'i> {
        let named = claims.iss.as_ref().and_then(|claim| self.by_claim.get(claim));
        let domain = match rules {
            Rules::Workload => claims.trust_domain(),
            Rules::Assertion(_) => None,
        };
        let of_domain = domain.and_then(|domain| self.by_trust_domain.get(domain));
        named.into_iter().chain(of_domain).flatten()
    }
}

// === impl RawHeader ===

impl RawHeader {
    /// Whether the token is of the kind that is asked for: one key may sign several.
    fn check(&self, issuer: &Issuer, rules: Rules<'_>) -> Result<(), JwtProblem> {
        let kind = self.typ.as_deref().map(str::to_ascii_lowercase);
        let kind = kind.as_deref().map(|kind| kind.strip_prefix("application/").unwrap_or(kind));
        let fits = match (rules, issuer.tokens) {
            (Rules::Assertion(_), _) => true,
            (Rules::Workload, Tokens::Others) => matches!(kind, None | Some("jwt" | "jose" | "at+jwt")),
            // JWT-SVID, section 2: these three members and no other, and no algorithm of RFC 8037.
            (Rules::Workload, Tokens::Svids) => {
                matches!(self.typ.as_deref(), None | Some("JWT" | "JOSE"))
                    && self.others.is_empty()
                    && self.alg != "EdDSA"
            }
        };
        fits.then_some(()).ok_or(JwtProblem::Header)
    }
}

// === impl RawClaims ===

impl RawClaims {
    /// The trust domain of the SPIFFE ID that is the subject.
    fn trust_domain(&self) -> Option<&str> {
        let id = is_workload_id(&self.sub).then_some(&self.sub)?;
        id.strip_prefix("spiffe://")?.split('/').next()
    }

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

/// A member that is there is not `null`.
fn written<'de, D: Deserializer<'de>, T: Deserialize<'de>>(member: D) -> Result<Option<T>, D::Error> {
    let written = Option::<T>::deserialize(member)?;
    written.map(Some).ok_or_else(|| serde::de::Error::custom("null"))
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
