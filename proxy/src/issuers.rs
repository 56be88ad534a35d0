//! The keys of OIDC issuers: discovered, fetched, renewed behind the requests' backs, and dropped when they grow stale.
//!
//! No request waits for an issuer. A token whose key is not at hand is refused, and noted by the identity room; the next
//! round fetches that issuer's keys again, if it has not just done so. So a rotated key is known within seconds, and a
//! flood of tokens with made-up key ids costs an issuer one fetch in ten seconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forcefield_config::config::{Issuer, IssuerKeys as Source, KnownBy, OrgUrl};
use forcefield_credentials::Secrets;
use forcefield_identity::InvalidKeySet;
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use thiserror::Error;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, timeout};
use tracing::{info, warn};

use crate::service::Service;
use crate::upstream::{Origin, OriginError, UpstreamError, get};

/// Keeps the keys of all discovered issuers.
pub struct Issuers {
    service: Arc<Service>,
    secrets: Secrets,
    known: HashMap<String, Known>,
}

/// What is remembered about one issuer between two rounds.
struct Known {
    issuer: Issuer,
    tried: Instant,
    fetched: Option<Instant>,
}

/// What came of asking an issuer.
struct Fetched {
    name: String,
    issuer: Issuer,
    jwks: Result<Bytes, IssuerError>,
}

/// Why the keys of an issuer were not renewed.
#[derive(Debug, Error)]
enum IssuerError {
    #[error("its CA bundle cannot be read")]
    Ca(#[from] forcefield_credentials::SecretError),
    #[error("{0} is not an `https` URL of a host")]
    Url(String),
    #[error("its TLS settings cannot be used")]
    Origin(#[from] OriginError),
    #[error("its keys cannot be fetched: it {0}")]
    Upstream(#[from] UpstreamError),
    #[error("it answered {0}")]
    Status(http::StatusCode),
    #[error("its answer is larger than 512 KiB, or broke off")]
    Body,
    #[error("it did not answer in time")]
    TooSlow,
    #[error("its discovery document is not one")]
    Document,
    #[error("its discovery document is that of `{0}`")]
    OtherIssuer(String),
    #[error("{0}")]
    Keys(#[from] InvalidKeySet),
}

/// The two members of a discovery document (OpenID Connect Discovery 1.0, section 3) that matter here.
#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: String,
}

// === impl Issuers ===

impl Issuers {
    /// Knows no key yet.
    #[must_use]
    pub fn new(service: Arc<Service>, secrets: Secrets) -> Self {
        Self { service, secrets, known: HashMap::new() }
    }

    /// Runs until the process ends.
    pub async fn run(self) {
        rounds(self, Self::begin, Self::settle).await;
    }

    /// Begins to renew the keys of every issuer whose turn it is.
    fn begin(&mut self, fetching: &mut JoinSet<Fetched>) {
        let live = self.service.live.load();
        let keys = &live.standing().keys;
        let missed = keys.take_missed();
        for (name, issuer) in &live.config.issuers {
            let Source::Discovery { .. } = &issuer.keys else {
                // What a file or a Workload API says is in force already.
                self.known.remove(name);
                continue;
            };
            let known = self.known.get(name).filter(|known| is_same(&known.issuer, issuer));
            if known.is_none() {
                keys.remove(name);
            }
            if known.is_some_and(|known| !known.is_due(Instant::now(), missed.contains(name))) {
                continue;
            }
            let fetched = known.and_then(|known| known.fetched);
            let now = Known { issuer: issuer.clone(), tried: Instant::now(), fetched };
            self.known.insert(name.clone(), now);
            let (name, issuer, secrets) = (name.clone(), issuer.clone(), self.secrets.clone());
            fetching.spawn(async move {
                let jwks = timeout(DEADLINE, fetch(&issuer, &secrets)).await;
                Fetched { name, issuer, jwks: jwks.unwrap_or(Err(IssuerError::TooSlow)) }
            });
        }
        self.known.retain(|name, _| live.config.issuers.contains_key(name));
    }

    /// Puts fetched keys in force; without them, those before go on until they are too old, or at once no longer when the
    /// issuer says that it has none. Those of an issuer that is another by now are nobody's.
    fn settle(&mut self, Fetched { name, issuer, jwks }: Fetched) {
        let live = self.service.live.load();
        let (name, keys) = (name.as_str(), &live.standing().keys);
        let Some(known) = self.known.get_mut(name) else { return };
        let in_force = live.config.issuers.get(name);
        if !is_same(&known.issuer, &issuer) || !in_force.is_some_and(|now| is_same(&issuer, now)) {
            return;
        }
        match jwks.and_then(|jwks| Ok(keys.replace(name, &jwks)?)) {
            Ok(count) => {
                info!(issuer = name, keys = count, "keys of an issuer loaded");
                known.fetched = Some(Instant::now());
            }
            Err(error) => {
                let withdrawn = matches!(error, IssuerError::Keys(InvalidKeySet::NoKey));
                let stale = withdrawn || known.is_stale(Instant::now());
                if stale {
                    keys.remove(name);
                    known.fetched = None;
                }
                warn!(issuer = name, %error, stale, "the keys of an issuer cannot be renewed");
            }
        }
    }
}

/// Begins what is due once a round, and settles each fetch as it ends, so that a slow one delays no other.
async fn rounds<S, T: Send + 'static>(
    mut state: S,
    begin: impl Fn(&mut S, &mut JoinSet<T>),
    settle: impl Fn(&mut S, T),
) {
    let (mut fetching, mut round) = (JoinSet::new(), tokio::time::interval(ROUND));
    round.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = round.tick() => begin(&mut state, &mut fetching),
            Some(ended) = fetching.join_next() => {
                if let Ok(fetched) = ended {
                    settle(&mut state, fetched);
                }
            }
        }
    }
}

// === impl Known ===

impl Known {
    /// Whether to fetch: a token named a key that is not at hand, or those at hand are old, or there are none.
    fn is_due(&self, now: Instant, missed: bool) -> bool {
        let since = |at: Instant| now.saturating_duration_since(at);
        let old = self.fetched.is_none_or(|at| since(at) > REFRESH);
        (missed || old) && since(self.tried) > AGAIN
    }

    /// Whether the keys at hand, if any, may not be used any longer.
    fn is_stale(&self, now: Instant) -> bool {
        self.fetched.is_none_or(|at| now.saturating_duration_since(at) > STALE)
    }
}

/// Whether the keys of one are the keys of the other.
fn is_same(one: &Issuer, other: &Issuer) -> bool {
    one.keys == other.keys && one.known_by == other.known_by
}

/// Discovers an issuer and fetches its JWK Set.
async fn fetch(issuer: &Issuer, secrets: &Secrets) -> Result<Bytes, IssuerError> {
    let Source::Discovery { url, ca } = &issuer.keys else { return Err(IssuerError::Document) };
    let ca = match ca {
        Some(reference) => Some(secrets.read(reference).await?),
        None => None,
    };
    let ca = ca.as_ref().map(forcefield_credentials::Secret::expose);
    let at = format!("{}/.well-known/openid-configuration", url.trim_end_matches('/'));
    let document = Box::pin(read(&at, ca)).await?;
    let document: Document = serde_json::from_slice(&document).map_err(|_| IssuerError::Document)?;
    if issuer.known_by != KnownBy::Claim(document.issuer.clone()) {
        return Err(IssuerError::OtherIssuer(document.issuer.chars().take(256).collect()));
    }
    Box::pin(read(&document.jwks_uri, ca)).await
}

/// Reads a document over TLS. A redirect is an answer like any other: not the document.
async fn read(url: &str, ca: Option<&[u8]>) -> Result<Bytes, IssuerError> {
    let wrong = || IssuerError::Url(url.chars().take(256).collect());
    let parsed: http::Uri = url.parse().map_err(|_| wrong())?;
    let authority = parsed.authority().filter(|authority| !authority.as_str().contains('@'));
    let host = authority.map(http::uri::Authority::host).filter(|_| parsed.scheme_str() == Some("https"));
    let host = host.ok_or_else(wrong)?.to_ascii_lowercase();
    let place = OrgUrl { host, port: parsed.port_u16().unwrap_or(443) };
    let origin = Origin::at("issuer", &place, None, ca, None)?;
    let target = parsed.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let answer = Box::pin(get(origin, target, DEADLINE)).await?;
    if answer.status() != http::StatusCode::OK {
        return Err(IssuerError::Status(answer.status()));
    }
    let body = Limited::new(answer.into_body(), LARGEST).collect().await;
    Ok(body.map_err(|_| IssuerError::Body)?.to_bytes())
}

/// How often it is looked whose turn it is.
const ROUND: Duration = Duration::from_secs(1);
/// The soonest that an issuer is asked again.
const AGAIN: Duration = Duration::from_secs(10);
/// How old keys may grow while their issuer answers.
const REFRESH: Duration = Duration::from_secs(15 * 60);
/// How old keys may grow while their issuer does not: then they are dropped, since one of them may have been withdrawn.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// For one issuer, discovery and keys together.
const DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of one document.
const LARGEST: usize = 512 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_asked_when_its_keys_are_old_or_missed_and_never_twice_at_once() {
        let start = Instant::now();
        let issuer = Issuer {
            known_by: KnownBy::Claim("https://idp.example".to_owned()),
            audience: "forcefield".to_owned(),
            keys: Source::Discovery { url: "https://idp.example".to_owned(), ca: None },
        };
        let known = |fetched| Known { issuer: issuer.clone(), tried: start, fetched };
        let after = |seconds| start + Duration::from_secs(seconds);
        let fresh = known(Some(start));
        assert!(!fresh.is_due(after(60), false));
        assert!(fresh.is_due(after(60), true), "a token named another key");
        assert!(!fresh.is_due(after(5), true), "not again so soon");
        assert!(fresh.is_due(after(16 * 60), false), "its keys are old");
        let without = known(None);
        assert!(!without.is_due(after(5), false));
        assert!(without.is_due(after(11), false), "its first try failed");
        // While the issuer is away its keys are good for a day, and no longer.
        assert!(!fresh.is_stale(after(24 * 3600)));
        assert!(fresh.is_stale(after(24 * 3600 + 1)) && without.is_stale(after(0)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_does_not_end_delays_no_round() {
        let settled = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let count = std::sync::atomic::Ordering::SeqCst;
        let begin = |begun: &mut u32, fetching: &mut JoinSet<()>| {
            *begun += 1;
            let slow = *begun == 1;
            fetching.spawn(async move {
                if slow {
                    std::future::pending::<()>().await;
                }
            });
        };
        let settle = |_: &mut u32, (): ()| {
            settled.fetch_add(1, count);
        };
        assert!(timeout(ROUND * 5 + ROUND / 2, rounds(0, begin, settle)).await.is_err());
        assert_eq!(settled.load(count), 5, "six rounds, the first without an end");
    }

    #[tokio::test]
    async fn only_https_urls_of_a_host_are_read() {
        for url in
            ["http://idp.example/keys", "file:///etc/passwd", "https://a@idp.example/keys", "/keys", ""]
        {
            assert!(matches!(read(url, None).await, Err(IssuerError::Url(_))), "{url}");
        }
    }
}
