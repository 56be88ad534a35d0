//! Secrets in a KV v2 engine of HashiCorp Vault or OpenBao, over its HTTP API.
//!
//! One login serves all readers. Its token is renewed when two thirds of its time are over, and a new login is made when
//! it cannot be; a login that fails leaves a token that is still valid in use. While the server is away, readers hear so
//! at once and not each after a deadline of its own.

mod answer;
mod problem;
mod session;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use forcefield_config::config::Vault as Settings;
use forcefield_config::secret::SecretRef;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request};
use tokio::sync::Mutex;
use tokio::time::Instant;
use zeroize::Zeroizing;

pub use problem::VaultProblem;

use crate::Secret;
use crate::fetch::{FetchAnswer, FetchError};
use crate::secrets::Secrets;
use session::Session;

/// Carries requests to the configured Vault. The proxy implements it.
#[async_trait]
pub trait Carry: Send + Sync + 'static {
    /// Sends one request, whose target is a path, over a connection that is verified to be Vault's, within a deadline.
    /// Redirects are answers, not followed.
    ///
    /// # Errors
    /// Whatever kept the whole answer from arriving.
    async fn carry(&self, request: Request<Bytes>) -> Result<FetchAnswer, FetchError>;
}

/// The configured Vault.
pub(crate) struct Vault {
    settings: Settings,
    /// Reads what the login needs, which is not in Vault itself.
    own: Secrets,
    carrier: Arc<dyn Carry>,
    session: Mutex<Option<Session>>,
    /// Until when nobody asks, because the server was away.
    away: Lock<Option<Instant>>,
    /// A digest of each secret that was read, to tell when it has changed.
    seen: Lock<HashMap<SecretRef, [u8; 32]>>,
}

/// Which field of which secret.
pub(crate) struct Place<'a> {
    pub(crate) mount: &'a str,
    pub(crate) path: &'a str,
    pub(crate) field: &'a str,
}

// === impl Vault ===

impl Vault {
    /// The Vault of these settings; `own` reads what the login needs. Nothing is asked before the first secret is.
    #[must_use]
    pub(crate) fn new(settings: Settings, own: Secrets, carrier: Arc<dyn Carry>) -> Self {
        let (session, away, seen) = (Mutex::default(), Lock::default(), Lock::default());
        Self { settings, own, carrier, session, away, seen }
    }

    /// Reads one field of the newest version of a secret.
    pub(crate) async fn read(&self, place: &Place<'_>) -> Result<Secret, VaultProblem> {
        if lock(&self.away).is_some_and(|until| Instant::now() < until) {
            return Err(VaultProblem::Away);
        }
        let read = self.try_read(place).await;
        if read.as_ref().is_err_and(VaultProblem::is_passing) {
            *lock(&self.away) = Some(Instant::now() + PAUSE);
        }
        read
    }

    /// Whether this secret is another than when it was last noted; then it is noted anew.
    pub(crate) fn note(&self, reference: &SecretRef, secret: &Secret) -> bool {
        let mut mark = [0; 32];
        mark.copy_from_slice(digest(&SHA256, secret.expose()).as_ref());
        lock(&self.seen).insert(reference.clone(), mark).is_some_and(|before| before != mark)
    }

    /// How often secrets are looked at for changes.
    pub(crate) fn refresh(&self) -> Duration {
        self.settings.refresh
    }

    /// Whether a secret has been read before.
    pub(crate) fn has_seen(&self, reference: &SecretRef) -> bool {
        lock(&self.seen).contains_key(reference)
    }

    async fn try_read(&self, place: &Place<'_>) -> Result<Secret, VaultProblem> {
        let Place { mount, path, field } = place;
        let target = format!("/v1/{}/data/{}", encoded(mount), encoded(path));
        let token = self.token().await?;
        let mut answer = self.ask(Method::GET, &target, Some(&token), None).await?;
        if answer.status == 403 && !self.is_alive(&token).await? {
            // Revoked or used up before its time.
            self.forget(&token).await;
            answer = self.ask(Method::GET, &target, Some(&self.token().await?), None).await?;
        }
        match answer.status {
            200 => answer::field(&answer.body, field),
            403 => Err(VaultProblem::Denied),
            404 if answer::is_deleted(&answer.body) => Err(VaultProblem::Deleted),
            404 => Err(self.missing(mount).await),
            _ => Err(VaultProblem::of(&answer)),
        }
    }

    /// Why nothing is found below a mount: the mount is of another kind, or the secret does not exist.
    async fn missing(&self, mount: &str) -> VaultProblem {
        let target = format!("/v1/sys/internal/ui/mounts/{}", encoded(mount));
        let Ok(token) = self.token().await else { return VaultProblem::Missing };
        match self.ask(Method::GET, &target, Some(&token), None).await {
            Ok(answer) if answer.status == 200 && !answer::is_second_version(&answer.body) => {
                VaultProblem::NotKvTwo
            }
            Ok(_) | Err(_) => VaultProblem::Missing,
        }
    }

    /// Sends one request to the server, with a token or without.
    async fn ask(
        &self,
        method: Method,
        target: &str,
        token: Option<&Zeroizing<String>>,
        body: Option<Bytes>,
    ) -> Result<FetchAnswer, VaultProblem> {
        let mut request = Request::new(body.unwrap_or_default());
        *request.method_mut() = method;
        *request.uri_mut() = target.parse().map_err(|_| VaultProblem::Unsendable)?;
        *request.headers_mut() = self.headers(token)?;
        Ok(self.carrier.carry(request).await?)
    }

    fn headers(&self, token: Option<&Zeroizing<String>>) -> Result<HeaderMap, VaultProblem> {
        // Vault's agents refuse requests without it, as those that a server was tricked into.
        let mut headers = HeaderMap::from_iter([(REQUEST, HeaderValue::from_static("true"))]);
        if let Some(namespace) = &self.settings.namespace {
            let namespace = HeaderValue::from_str(namespace).map_err(|_| VaultProblem::Unsendable)?;
            headers.insert(NAMESPACE, namespace);
        }
        if let Some(token) = token {
            let mut token = HeaderValue::from_str(token).map_err(|_| VaultProblem::Unsendable)?;
            token.set_sensitive(true);
            headers.insert(TOKEN, token);
        }
        Ok(headers)
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vault({}, redacted)", self.settings.address.place.authority())
    }
}

/// A path with all that has a meaning in a URL escaped; its slashes stay.
fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn lock<T>(lock: &Lock<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long a server that was away is left alone.
const PAUSE: Duration = Duration::from_secs(5);
const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");
