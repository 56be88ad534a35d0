//! One credential: the token in use, and at most one mint of the next.
//!
//! A mint runs in a task of its own, holding the lock that makes it the only one. Callers wait for it or go away; it
//! is never broken off half way, since a rotated refresh token would be lost with it. Whoever gets the lock next finds
//! either the new token or the failure with the time of the next try, and mints only if there is neither.
//!
//! Secrets are read anew for each mint. Those of the last good one are kept: changed ones have to be proven by a mint
//! before these are dropped, and while a source is away these go on.

mod refresh;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use forcefield_config::config::{Credential as Flow, Org};
use forcefield_policy::names::IdentityName;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, timeout};

use crate::error::{CredentialError, Problem};
use crate::fetch::{Fetch, FetchError};
use crate::flow;
use crate::material::{Mark, Material};
use crate::minted::Minted;
use crate::mints::Mints;
use crate::pace::{Allowance, pause, roll};
use crate::rotation::Rotation;
use crate::secrets::Secrets;
use crate::token::AccessToken;

pub(crate) struct Credential {
    identity: IdentityName,
    org: Org,
    flow: Flow,
    rotation: Rotation,
    secrets: Secrets,
    fetch: Arc<dyn Fetch>,
    mints: Arc<Mints>,
    current: ArcSwapOption<AccessToken>,
    minting: Arc<Mutex<Minting>>,
}

/// What a mint leaves behind for the next one.
struct Minting {
    failures: u32,
    failure: Option<(Arc<Problem>, Instant)>,
    allowance: Allowance,
    /// What the last good mint was made with.
    proven: Option<Arc<Material>>,
    /// What the org did not take in its place.
    doubt: Option<Doubt>,
}

/// Changed secrets that do not work.
struct Doubt {
    mark: Mark,
    problem: Arc<Problem>,
}

// === impl Credential ===

impl Credential {
    pub(crate) fn new(
        identity: &IdentityName,
        (org, flow): (&Org, &Flow),
        rotation: Rotation,
        (secrets, fetch, mints): (&Secrets, &Arc<dyn Fetch>, &Arc<Mints>),
    ) -> Self {
        Self {
            identity: identity.clone(),
            org: org.clone(),
            flow: flow.clone(),
            rotation,
            secrets: secrets.clone(),
            fetch: Arc::clone(fetch),
            mints: Arc::clone(mints),
            current: ArcSwapOption::empty(),
            minting: Arc::new(Mutex::new(Minting::new(Instant::now()))),
        }
    }

    /// Whether it is still what the configuration says.
    pub(crate) fn is_of(&self, org: &Org, flow: &Flow) -> bool {
        self.org == *org && self.flow == *flow
    }

    /// The token in use; a first or next one when there is none that is valid.
    pub(crate) async fn token(self: &Arc<Self>) -> Result<Arc<AccessToken>, CredentialError> {
        let now = Instant::now();
        match self.valid(now) {
            Some(token) => {
                if now >= token.renew_at {
                    self.renew_behind(now);
                }
                Ok(token)
            }
            None => self.newer_than(0).await,
        }
    }

    /// The token in use, if one is valid.
    pub(crate) fn current(&self) -> Option<Arc<AccessToken>> {
        self.valid(Instant::now())
    }

    /// A newer token than the one that the org refused.
    pub(crate) async fn renew(
        self: &Arc<Self>,
        refused: &AccessToken,
    ) -> Result<Arc<AccessToken>, CredentialError> {
        self.newer_than(refused.generation).await
    }

    /// Mints with secrets that have changed since the last good mint, so that it is known whether they work while
    /// those before still do. Does nothing before a first mint, and nothing twice for one change.
    pub(crate) async fn prove(self: &Arc<Self>) {
        let mut minting = Arc::clone(&self.minting).lock_owned().await;
        let Some(proven) = minting.proven.as_ref().map(|proven| proven.mark()) else { return };
        let fresh = match Material::read(&self.flow, &self.secrets).await {
            Ok(fresh) => fresh.mark(),
            Err(error) => {
                tracing::warn!(identity = %self.identity, %error, "changed secrets cannot be read");
                return;
            }
        };
        let tried = minting.doubt.as_ref().is_some_and(|doubt| doubt.mark == fresh);
        if fresh != proven && !tried && minting.may_mint(Instant::now()).is_ok() {
            // What comes of it is logged there.
            let _ = self.spawn_mint(minting).await;
        }
    }

    /// Gives the token in use back to the org, that of a mint under way included.
    pub(crate) async fn revoke(&self) -> Result<(), Problem> {
        let mut minting = self.minting.lock().await;
        minting.proven = None;
        match self.current.swap(None) {
            Some(token) => self.give_back(&token.text).await,
            None => Ok(()),
        }
    }

    /// The generation of the token in use, and what keeps a next one from being minted, or from being minted with the
    /// secrets as they are now.
    pub(crate) async fn standing(&self) -> (Option<u64>, Option<Arc<Problem>>) {
        let problem = self.minting.lock().await.problem();
        (self.valid(Instant::now()).map(|token| token.generation), problem)
    }

    /// The org that it is for, and how long the token in use is good, if there is one.
    pub(crate) fn left(&self, now: Instant) -> Option<(&str, Duration)> {
        Some((self.org.name.as_str(), self.valid(now)?.expires_at - now))
    }

    fn valid(&self, now: Instant) -> Option<Arc<AccessToken>> {
        self.current.load_full().filter(|token| now < token.expires_at)
    }

    async fn newer_than(self: &Arc<Self>, generation: u64) -> Result<Arc<AccessToken>, CredentialError> {
        let mut minting = Arc::clone(&self.minting).lock_owned().await;
        let now = Instant::now();
        if let Some(token) = self.valid(now).filter(|token| token.generation > generation) {
            return Ok(token);
        }
        // What the org refused is not used by anyone else either.
        self.current.store(None);
        minting.may_mint(now)?;
        self.spawn_mint(minting).await.unwrap_or_else(|_| {
            Err(CredentialError {
                problem: Arc::new(Problem::BrokenOff),
                retry_after: Duration::from_secs(1),
            })
        })
    }

    /// Seeks the next token while the one in use serves on. Does nothing while a mint runs, and after a failure until
    /// the next try is due.
    fn renew_behind(self: &Arc<Self>, now: Instant) {
        if let Ok(mut minting) = Arc::clone(&self.minting).try_lock_owned()
            && minting.may_mint(now).is_ok()
        {
            drop(self.spawn_mint(minting));
        }
    }

    fn spawn_mint(
        self: &Arc<Self>,
        mut minting: OwnedMutexGuard<Minting>,
    ) -> tokio::task::JoinHandle<Result<Arc<AccessToken>, CredentialError>> {
        let credential = Arc::clone(self);
        tokio::spawn(async move { credential.mint(&mut minting).await })
    }

    async fn mint(&self, minting: &mut Minting) -> Result<Arc<AccessToken>, CredentialError> {
        let minted =
            timeout(DEADLINE, self.try_mint(minting)).await.unwrap_or(Err(FetchError::TimedOut.into()));
        match minted {
            Ok(minted) => {
                let token = Arc::new(minting.succeeded(minted, Instant::now()));
                self.current.store(Some(Arc::clone(&token)));
                self.mints.minted();
                tracing::info!(identity = %self.identity, generation = token.generation, "token minted");
                Ok(token)
            }
            Err(problem) => {
                self.mints.failed(&problem);
                let error = minting.failed(problem, Instant::now());
                tracing::warn!(identity = %self.identity, error = %error, "no token could be minted");
                Err(error)
            }
        }
    }

    async fn try_mint(&self, minting: &mut Minting) -> Result<Minted, Problem> {
        let identity = &self.identity;
        let (fresh, proven) = match (Material::read(&self.flow, &self.secrets).await, minting.proven.clone())
        {
            (Ok(fresh), Some(proven)) if fresh.mark() != proven.mark() => (fresh, proven),
            (Ok(fresh), _) => {
                let minted = self.mint_with(&fresh).await?;
                minting.prove(fresh);
                return Ok(minted);
            }
            (Err(error), Some(proven)) if error.is_passing() => {
                tracing::warn!(%identity, %error, "the secrets of the last good mint are used once more");
                return self.mint_with(&proven).await;
            }
            (Err(error), _) => return Err(error.into()),
        };
        match self.mint_with(&fresh).await {
            Ok(minted) => {
                tracing::info!(%identity, "changed secrets are proven; those before are dropped");
                minting.prove(fresh);
                Ok(minted)
            }
            Err(problem) if problem.is_passing() => Err(problem),
            Err(problem) => {
                tracing::warn!(%identity, error = %problem, "changed secrets do not work; those before are kept");
                minting.doubt = Some(Doubt { mark: fresh.mark(), problem: Arc::new(problem) });
                self.mint_with(&proven).await
            }
        }
    }

    async fn mint_with(&self, material: &Material) -> Result<Minted, Problem> {
        let minted = match &self.flow {
            Flow::JwtBearer { client_id, key, username } => {
                let now = SystemTime::now();
                self.post(flow::jwt_bearer((client_id, key, username), &self.org, material, now)?).await?
            }
            Flow::ClientCredentials { client_id, client_secret } => {
                self.post(flow::client_credentials(client_id, client_secret, material)?).await?
            }
            Flow::RefreshToken { client_id, client_secret, refresh_token } => {
                let client = (client_id, client_secret.as_ref());
                Box::pin(self.refresh(client, material.of(refresh_token)?, material)).await?
            }
        };
        if let Err(problem) = minted.check(&self.org) {
            // It is refused either way; giving it back is a courtesy to the org that it opens.
            let _ = self.give_back(&minted.access_token).await;
            return Err(problem);
        }
        if minted.opens_the_browser() {
            tracing::warn!(identity = %self.identity, "the token has the scope `web`; the app needs `api` only");
        }
        Ok(minted)
    }

    async fn post(&self, form: Bytes) -> Result<Minted, Problem> {
        Minted::read(&self.fetch.post_form(&self.org, "/services/oauth2/token", form).await?)
    }

    async fn give_back(&self, token: &str) -> Result<(), Problem> {
        let form = flow::revoke(token);
        let answer = self.fetch.post_form(&self.org, "/services/oauth2/revoke", form).await?;
        match answer.status {
            200 => Ok(()),
            _ => {
                Err(Minted::read(&answer).err().unwrap_or(Problem::Unreadable("an empty answer is expected")))
            }
        }
    }
}

// === impl Minting ===

impl Minting {
    fn new(now: Instant) -> Self {
        Self { failures: 0, failure: None, allowance: Allowance::new(now), proven: None, doubt: None }
    }

    /// A mint with these secrets succeeded: those before are wiped.
    fn prove(&mut self, material: Material) {
        self.proven = Some(Arc::new(material));
        self.doubt = None;
    }

    fn problem(&self) -> Option<Arc<Problem>> {
        let failure = self.failure.as_ref().map(|(problem, _)| problem);
        failure.or(self.doubt.as_ref().map(|doubt| &doubt.problem)).cloned()
    }

    /// Whether the next mint may be made now; then it is counted.
    fn may_mint(&mut self, now: Instant) -> Result<(), CredentialError> {
        if let Some((problem, until)) = self.failure.as_ref().filter(|(_, until)| now < *until) {
            return Err(CredentialError { problem: Arc::clone(problem), retry_after: *until - now });
        }
        self.allowance.take(now).map_err(|retry_after| CredentialError {
            problem: Arc::new(Problem::RenewedTooOften),
            retry_after,
        })
    }

    fn succeeded(&mut self, minted: Minted, now: Instant) -> AccessToken {
        self.failures = 0;
        self.failure = None;
        let (renew_in, lifetime) = match minted.lifetime {
            Some(lifetime) if lifetime < LIFETIME => (lifetime * 4 / 5, lifetime),
            Some(_) | None => (RENEWED_AFTER, LIFETIME),
        };
        AccessToken {
            user: minted.user().unwrap_or_default().into(),
            bearer: crate::token::bearer(&minted.access_token),
            text: minted.access_token,
            generation: MINTS.fetch_add(1, Ordering::Relaxed),
            renew_at: now + renew_in,
            expires_at: now + lifetime,
        }
    }

    fn failed(&mut self, problem: Problem, now: Instant) -> CredentialError {
        self.failures = self.failures.saturating_add(1);
        let retry_after = pause(self.failures, problem.is_passing(), roll());
        let problem = Arc::new(problem);
        self.failure = Some((Arc::clone(&problem), now + retry_after));
        CredentialError { problem, retry_after }
    }
}

/// Numbers the mints of this process, so that a token of a replaced credential is older than any of its successor.
static MINTS: AtomicU64 = AtomicU64::new(1);
/// The longest mint, reading secrets included.
const DEADLINE: Duration = Duration::from_secs(30);
/// Salesforce does not say how long an opaque token lasts. Sessions end after two hours without use by default; the
/// next token is sought well before that, and none is used longer. Shorter settings of an org show as 401.
const LIFETIME: Duration = Duration::from_secs(2 * 3600);
const RENEWED_AFTER: Duration = Duration::from_secs(50 * 60);
