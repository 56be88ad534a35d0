//! The login at Vault: one token for all readers, renewed and replaced before it ends.

use std::time::Duration;

use bytes::Bytes;
use forcefield_config::config::VaultLogin;
use forcefield_config::secret::SecretRef;
use http::Method;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::answer::{self, Granted};
use super::{Vault, VaultProblem};

/// A token of Vault's and how long it is good for.
pub(super) struct Session {
    token: Zeroizing<String>,
    granted: Granted,
    since: Instant,
    /// From when on a renewal, or another login, is sought.
    due: Instant,
}

impl Vault {
    /// The token in use; a renewed or new one when its time is coming.
    pub(super) async fn token(&self) -> Result<Zeroizing<String>, VaultProblem> {
        let mut session = self.session.lock().await;
        let now = Instant::now();
        let Some(held) = session.as_mut().filter(|held| held.is_valid(now)) else {
            return Ok(session.insert(self.log_in().await?).token.clone());
        };
        if now < held.due {
            return Ok(held.token.clone());
        }
        match self.next(held).await {
            Ok(next) => *held = next,
            Err(problem) => {
                tracing::warn!(%problem, "the login at Vault cannot be renewed; its token is used on until it ends");
                held.due = now + AGAIN;
            }
        }
        Ok(held.token.clone())
    }

    /// Drops a token that has ended before its time, unless another has taken its place already.
    pub(super) async fn forget(&self, token: &Zeroizing<String>) {
        let mut session = self.session.lock().await;
        if session.as_ref().is_some_and(|held| held.token == *token) {
            *session = None;
        }
    }

    /// Whether Vault knows a token: a policy that denies answers 403 just as a token that has ended.
    pub(super) async fn is_alive(&self, token: &Zeroizing<String>) -> Result<bool, VaultProblem> {
        let answer = self.ask(Method::GET, LOOKUP, Some(token), None).await?;
        match answer.status {
            200 => Ok(true),
            403 => Ok(false),
            _ => Err(VaultProblem::of(&answer)),
        }
    }

    /// A renewed session where that lengthens it, else a new login.
    async fn next(&self, held: &Session) -> Result<Session, VaultProblem> {
        if held.granted.renewable {
            let answer = self.ask(Method::POST, RENEW, Some(&held.token), None).await?;
            let renewed = (answer.status == 200).then(|| answer::granted(&answer.body)).flatten();
            // Near the longest that it may live, each renewal gives less than the one before.
            let lengthened = |granted: &Granted| granted.lasts >= held.granted.lasts / 2;
            if let Some((_, granted)) = renewed.filter(|(_, granted)| lengthened(granted)) {
                return Ok(Session::new(held.token.clone(), granted));
            }
        }
        self.log_in().await
    }

    async fn log_in(&self) -> Result<Session, VaultProblem> {
        let (mount, body) = match &self.settings.login {
            VaultLogin::AppRole { role_id, secret_id, mount } => {
                let (role, secret) = (self.text(role_id).await?, self.text(secret_id).await?);
                (mount, login_body(("role_id", &role), ("secret_id", &secret)))
            }
            VaultLogin::Kubernetes { role, token, mount } => {
                (mount, login_body(("role", role), ("jwt", &self.text(token).await?)))
            }
            VaultLogin::Token(reference) => return self.look_up(self.text(reference).await?).await,
        };
        let answer = self.ask(Method::POST, &format!("/v1/auth/{mount}/login"), None, Some(body)).await?;
        match answer.status {
            200 => {
                let (token, granted) = answer::granted(&answer.body).ok_or(VaultProblem::Unreadable)?;
                tracing::info!(method = %mount, "logged in at Vault");
                Ok(Session::new(token, granted))
            }
            400..=404 => Err(VaultProblem::Login { mount: mount.clone(), status: answer.status }),
            _ => Err(VaultProblem::of(&answer)),
        }
    }

    /// A session of a token that was handed to us.
    async fn look_up(&self, token: Zeroizing<String>) -> Result<Session, VaultProblem> {
        let answer = self.ask(Method::GET, LOOKUP, Some(&token), None).await?;
        match answer.status {
            200 => {
                let granted = answer::looked_up(&answer.body).ok_or(VaultProblem::Unreadable)?;
                Ok(Session::new(token, granted))
            }
            400..=404 => Err(VaultProblem::Token),
            _ => Err(VaultProblem::of(&answer)),
        }
    }

    async fn text(&self, reference: &SecretRef) -> Result<Zeroizing<String>, VaultProblem> {
        let secret =
            Box::pin(self.own.read(reference)).await.map_err(|error| VaultProblem::Own(error.to_string()))?;
        let text = secret.expose_text().map(|text| Zeroizing::new(text.trim().to_owned()));
        text.ok_or_else(|| VaultProblem::Own(format!("the secret `{reference}` is not text")))
    }
}

// === impl Session ===

impl Session {
    fn new(token: Zeroizing<String>, granted: Granted) -> Self {
        let since = Instant::now();
        let due = since + if granted.lasts.is_zero() { FOREVER } else { granted.lasts * 2 / 3 };
        Self { token, granted, since, due }
    }

    /// A root token has no end.
    fn is_valid(&self, now: Instant) -> bool {
        self.granted.lasts.is_zero() || now < self.since + self.granted.lasts
    }
}

/// A JSON object of two members. What they hold is escaped as JSON has it, in a buffer that is wiped.
fn login_body((one, first): (&str, &str), (two, second): (&str, &str)) -> Bytes {
    struct Body(Zeroizing<Vec<u8>>);
    impl AsRef<[u8]> for Body {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    // Room for every byte escaped: a vector that grows leaves copies of what it held.
    let room = 64 + 6 * (one.len() + first.len() + two.len() + second.len());
    let mut body = Zeroizing::new(Vec::with_capacity(room));
    for (before, text) in [(&b"{"[..], one), (b":", first), (b",", two), (b":", second)] {
        body.extend_from_slice(before);
        // Text is always written.
        let _ = serde_json::to_writer(&mut *body, text);
    }
    body.push(b'}');
    Bytes::from_owner(Body(body))
}

const LOOKUP: &str = "/v1/auth/token/lookup-self";
const RENEW: &str = "/v1/auth/token/renew-self";
/// The soonest that a failed renewal is tried again.
const AGAIN: Duration = Duration::from_secs(10);
/// How often a token without an end is looked at.
const FOREVER: Duration = Duration::from_secs(24 * 3600);
