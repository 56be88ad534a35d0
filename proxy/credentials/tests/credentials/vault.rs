//! Secrets in Vault: an emulated one that answers as its HTTP API is documented, mistakes included.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use forcefield_config::config::{Credential, OrgUrl, Vault, VaultAddress, VaultLogin};
use forcefield_config::secret::SecretRef;
use forcefield_credentials::{Carry, Credentials, FetchAnswer, FetchError, Secrets};
use http::Request;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::org::{Login, Next, config, name};

/// What a server says in place of serving.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    Unreachable,
    Sealed,
    Standby,
    Redirects,
    Html,
}

impl Trouble {
    fn answer(self) -> Option<(u16, Value)> {
        match self {
            Self::Sealed => Some((503, json!({ "errors": ["Vault is sealed"] }))),
            Self::Standby => Some((500, json!({ "errors": ["local node not active"] }))),
            Self::Redirects => Some((307, json!(null))),
            Self::Html => Some((200, json!("<html>"))),
            Self::None | Self::Unreachable => None,
        }
    }
}

/// A Vault in memory: KV v2 at `secret`, KV v1 at `old`, AppRole at `approle`, Kubernetes at `kubernetes`.
struct Emulated(Mutex<State>);

struct State {
    trouble: Trouble,
    secrets: HashMap<String, Value>,
    /// Tokens, with the time they end and how often they may still be renewed.
    tokens: HashMap<String, (Instant, u32)>,
    secret_id: String,
    asked: Vec<String>,
    headers: Vec<http::HeaderMap>,
}

impl Emulated {
    fn new() -> Arc<Self> {
        let secrets =
            [("secret/data/billing".to_owned(), json!({ "client_secret": "s3cret\n", "number": 7 }))];
        Arc::new(Self(Mutex::new(State {
            trouble: Trouble::None,
            secrets: secrets.into(),
            tokens: HashMap::new(),
            secret_id: "the-secret-id".into(),
            asked: Vec::new(),
            headers: Vec::new(),
        })))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }

    fn write(&self, path: &str, value: Value) {
        self.change(|state| {
            state.secrets.insert(format!("secret/data/{path}"), value);
        });
    }

    fn asked(&self, what: &str) -> usize {
        self.0.lock().unwrap().asked.iter().filter(|asked| asked.contains(what)).count()
    }
}

impl State {
    fn answer(&mut self, path: &str, token: Option<&str>, body: &Value) -> (u16, Value) {
        let errors = |status, errors: &[&str]| (status, json!({ "errors": errors }));
        if let Some(answer) = self.trouble.answer() {
            return answer;
        }
        let now = Instant::now();
        match path {
            "auth/approle/login" if body["role_id"] == "the-role" && body["secret_id"] == *self.secret_id => {
                return (200, self.grant());
            }
            "auth/approle/login" => return errors(400, &["invalid role or secret ID"]),
            "auth/kubernetes/login"
                if body["role"] == "forcefield" && body["jwt"] == "eyJ.service.account" =>
            {
                return (200, self.grant());
            }
            "auth/kubernetes/login" => return errors(403, &["permission denied"]),
            _ => {}
        }
        let Some((ends, renewals)) =
            token.and_then(|token| self.tokens.get_mut(token)).filter(|of| of.0 > now)
        else {
            return errors(403, &["permission denied", "invalid token"]);
        };
        match path {
            "auth/token/lookup-self" => (
                200,
                json!({ "data": { "ttl": (*ends - now).as_secs(), "renewable": true, "id": "redacted" } }),
            ),
            "auth/token/renew-self" if *renewals == 0 => errors(400, &["lease is not renewable"]),
            "auth/token/renew-self" => {
                (*ends, *renewals) = (now + LEASE, *renewals - 1);
                let auth =
                    json!({ "client_token": token, "lease_duration": LEASE.as_secs(), "renewable": true });
                (200, json!({ "auth": auth, "warnings": ["TTL was capped"] }))
            }
            "sys/internal/ui/mounts/old" => {
                (200, json!({ "data": { "type": "kv", "options": { "version": "1" } } }))
            }
            "sys/internal/ui/mounts/secret" => {
                (200, json!({ "data": { "type": "kv", "options": { "version": "2" } } }))
            }
            "secret/data/forbidden" => errors(403, &["1 error occurred: permission denied"]),
            "secret/data/deleted" => {
                let metadata =
                    json!({ "deletion_time": "2026-11-01T00:00:00Z", "destroyed": false, "version": 2 });
                (404, json!({ "data": { "data": null, "metadata": metadata } }))
            }
            _ => match self.secrets.get(path) {
                Some(data) => (
                    200,
                    json!({ "data": { "data": data, "metadata": { "version": 1, "deletion_time": "" } } }),
                ),
                None => errors(404, &[]),
            },
        }
    }

    fn grant(&mut self) -> Value {
        let token = format!("hvs.token-{}", self.asked.len());
        self.tokens.insert(token.clone(), (Instant::now() + LEASE, 2));
        json!({ "auth": { "client_token": token, "lease_duration": LEASE.as_secs(), "renewable": true, "policies": ["x"] } })
    }
}

#[async_trait]
impl Carry for Emulated {
    async fn carry(&self, request: Request<Bytes>) -> Result<FetchAnswer, FetchError> {
        let mut state = self.0.lock().unwrap();
        let path = request.uri().path().strip_prefix("/v1/").unwrap().to_owned();
        state.asked.push(path.clone());
        state.headers.push(request.headers().clone());
        if state.trouble == Trouble::Unreachable {
            return Err(FetchError::Unreachable);
        }
        let token = request.headers().get("x-vault-token").map(|token| token.to_str().unwrap().to_owned());
        let body = serde_json::from_slice(request.body()).unwrap_or_default();
        let (status, body) = state.answer(&path, token.as_deref(), &body);
        Ok(FetchAnswer { status, body: body.to_string().into_bytes().into() })
    }
}

fn settings(login: VaultLogin) -> Vault {
    let place = OrgUrl { host: "vault.corp.example".into(), port: 8200 };
    Vault {
        address: VaultAddress { place, tls: true },
        ca: None,
        namespace: Some("team-a".into()),
        login,
        refresh: Duration::from_secs(300),
    }
}

fn approle() -> VaultLogin {
    VaultLogin::AppRole {
        role_id: "file:role-id".parse().unwrap(),
        secret_id: "file:secret-id".parse().unwrap(),
        mount: "approle".into(),
    }
}

/// Secrets of an emulated Vault; what the login needs is in files of the folder.
fn secrets(root: &Path, login: VaultLogin) -> (Arc<Emulated>, Secrets) {
    for (file, text) in [
        ("role-id", "the-role\n"),
        ("secret-id", "the-secret-id\n"),
        ("jwt", "eyJ.service.account\n"),
        ("token", "hvs.handed-out\n"),
        ("id", "3MVG9.app"),
    ] {
        std::fs::write(root.join(file), text).unwrap();
    }
    let vault = Emulated::new();
    let carrier: Arc<dyn Carry> = Arc::clone(&vault) as _;
    let secrets = Secrets::new(root).with_vault(settings(login), carrier);
    (vault, secrets)
}

async fn read(secrets: &Secrets, reference: &str) -> Result<String, String> {
    let secret = secrets.read(&reference.parse().unwrap()).await;
    secret.map(|secret| secret.expose_text().unwrap().to_owned()).map_err(|error| error.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_field_is_read_after_one_login_in_the_namespace() {
    let root = tempfile::tempdir().unwrap();
    let (vault, secrets) = secrets(root.path(), approle());
    for _ in 0..3 {
        assert_eq!(read(&secrets, BILLING).await, Ok("s3cret".into()));
    }
    assert_eq!((vault.asked("login"), vault.asked("secret/data/billing")), (1, 3));
    vault.write("strange", json!({ "key": "-----BEGIN\n\t\"\\ä😀\u{7f}\r\n" }));
    assert_eq!(read(&secrets, "vault:secret/strange#key").await, Ok("-----BEGIN\n\t\"\\ä😀\u{7f}".into()));
    let state = vault.0.lock().unwrap();
    assert!(state.headers.iter().all(|headers| headers["x-vault-namespace"] == "team-a"));
    assert!(state.headers.iter().all(|headers| headers["x-vault-request"] == "true"));
    assert!(state.headers.iter().skip(1).all(|headers| headers["x-vault-token"].is_sensitive()));
}

#[tokio::test(start_paused = true)]
async fn each_login_works_and_a_refused_one_says_what_to_look_at() {
    let root = tempfile::tempdir().unwrap();
    let kubernetes = |role: &str| VaultLogin::Kubernetes {
        role: role.into(),
        token: "file:jwt".parse().unwrap(),
        mount: "kubernetes".into(),
    };
    let (_vault, by_account) = secrets(root.path(), kubernetes("forcefield"));
    assert_eq!(read(&by_account, BILLING).await, Ok("s3cret".into()));
    let (_vault, refused) = secrets(root.path(), kubernetes("other"));
    assert!(
        read(&refused, BILLING).await.unwrap_err().contains("the login at `auth/kubernetes` was refused")
    );

    let (vault, by_token) = secrets(root.path(), VaultLogin::Token("file:token".parse().unwrap()));
    assert!(read(&by_token, BILLING).await.unwrap_err().contains("the token of `vault.token` is not known"));
    vault.change(|state| {
        state.tokens.insert("hvs.handed-out".into(), (Instant::now() + LEASE, 2));
    });
    assert_eq!(read(&by_token, BILLING).await, Ok("s3cret".into()));

    let (vault, by_role) = secrets(root.path(), approle());
    vault.change(|state| state.secret_id = "another".into());
    let error = read(&by_role, BILLING).await.unwrap_err();
    assert!(
        error.contains("`auth/approle` was refused (status 400)") && !error.contains("the-secret-id"),
        "{error}"
    );
    std::fs::remove_file(root.path().join("secret-id")).unwrap();
    assert!(read(&by_role, BILLING).await.unwrap_err().contains("`file:secret-id`"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_says_what_to_do() {
    let root = tempfile::tempdir().unwrap();
    let (vault, secrets) = secrets(root.path(), approle());
    for (reference, says) in [
        ("vault:secret/forbidden#key", "permission denied; give the policy of this login `read`"),
        ("vault:secret/missing#key", "there is no such secret"),
        ("vault:secret/deleted#key", "its newest version is deleted"),
        ("vault:old/billing#key", "not a KV engine of version 2"),
        ("vault:secret/billing#missing", "the secret has no such field"),
        ("vault:secret/billing#number", "the field is not text"),
    ] {
        let error = read(&secrets, reference).await.unwrap_err();
        assert!(error.contains(reference) && error.contains(says) && !error.contains("s3cret"), "{error}");
    }
    assert_eq!(vault.asked("login"), 1, "a policy that denies is no reason to log in again");
    assert_eq!(read(&secrets, BILLING).await, Ok("s3cret".into()));
    assert!(!format!("{secrets:?}").contains("hvs."));
}

#[tokio::test(start_paused = true)]
async fn a_server_in_trouble_is_left_alone_for_a_moment() {
    let root = tempfile::tempdir().unwrap();
    let (vault, secrets) = secrets(root.path(), approle());
    assert_eq!(read(&secrets, BILLING).await, Ok("s3cret".into()));
    for (trouble, says) in [
        (Trouble::Unreachable, "Vault cannot be reached"),
        (Trouble::Sealed, "Vault is sealed; unseal it"),
        (Trouble::Standby, "Vault cannot serve this now (status 500)"),
    ] {
        vault.change(|state| state.trouble = trouble);
        let asked = vault.asked("");
        assert!(read(&secrets, BILLING).await.unwrap_err().contains(says));
        for _ in 0..100 {
            assert!(read(&secrets, BILLING).await.unwrap_err().contains("away a moment ago"));
        }
        assert_eq!(vault.asked(""), asked + 1);
        vault.change(|state| state.trouble = Trouble::None);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(read(&secrets, BILLING).await, Ok("s3cret".into()));
    }
    for (trouble, says) in
        [(Trouble::Redirects, "redirect"), (Trouble::Html, "does not answer as Vault does")]
    {
        vault.change(|state| state.trouble = trouble);
        assert!(read(&secrets, BILLING).await.unwrap_err().contains(says));
        vault.change(|state| state.trouble = Trouble::None);
        assert_eq!(read(&secrets, BILLING).await, Ok("s3cret".into()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_then_replaced_and_never_used_past_its_end() {
    let root = tempfile::tempdir().unwrap();
    let (vault, secrets) = secrets(root.path(), approle());
    let after = async |minutes: u64| {
        tokio::time::advance(Duration::from_secs(minutes * 60)).await;
        assert_eq!(read(&secrets, BILLING).await, Ok("s3cret".into()));
        (vault.asked("login"), vault.asked("renew-self"))
    };
    assert_eq!(after(0).await, (1, 0));
    assert_eq!(after(30).await, (1, 0));
    assert_eq!(after(15).await, (1, 1), "two thirds are over");
    assert_eq!(after(45).await, (1, 2));
    assert_eq!(after(45).await, (2, 3), "it cannot be renewed any more");
    assert_eq!(after(120).await, (3, 3), "it has ended");

    // A login that fails leaves the token in use until it ends.
    vault.change(|state| state.secret_id = "another".into());
    vault.change(|state| state.tokens.values_mut().for_each(|(_, renewals)| *renewals = 0));
    assert_eq!(after(45).await, (4, 4));
    assert_eq!(after(0).await, (4, 4), "not tried again at once");
    tokio::time::advance(Duration::from_secs(16 * 60)).await;
    assert!(read(&secrets, BILLING).await.unwrap_err().contains("was refused"));
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_replaced_within_the_same_read() {
    let root = tempfile::tempdir().unwrap();
    let (vault, secrets) = secrets(root.path(), approle());
    assert_eq!(read(&secrets, BILLING).await, Ok("s3cret".into()));
    vault.change(|state| state.tokens.clear());
    assert_eq!(read(&secrets, BILLING).await, Ok("s3cret".into()));
    assert_eq!(vault.asked("login"), 2);
}

#[test]
fn a_secret_is_read_where_waiting_is_fine_inside_a_runtime_and_outside() {
    let root = tempfile::tempdir().unwrap();
    let (_vault, secrets) = secrets(root.path(), approle());
    let reference: SecretRef = BILLING.parse().unwrap();
    assert_eq!(secrets.read_blocking(&reference).unwrap().expose(), b"s3cret");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { assert_eq!(secrets.read_blocking(&reference).unwrap().expose(), b"s3cret") });
}

#[tokio::test(start_paused = true)]
async fn only_secrets_that_were_read_and_are_another_now_have_changed() {
    let root = tempfile::tempdir().unwrap();
    let (vault, secrets) = secrets(root.path(), approle());
    let (one, file): (SecretRef, SecretRef) = (BILLING.parse().unwrap(), "file:id".parse().unwrap());
    let references = [&one, &file];
    assert!(!secrets.have_changed(&references).await, "nobody has read it");
    read(&secrets, BILLING).await.unwrap();
    assert!(!secrets.have_changed(&references).await);
    vault.write("billing", json!({ "client_secret": "rotated" }));
    assert!(secrets.have_changed(&references).await);
    assert!(!secrets.have_changed(&references).await, "told once");
    vault.change(|state| state.trouble = Trouble::Sealed);
    assert!(!secrets.have_changed(&references).await, "a sealed server tells nothing");
    let pause = secrets.look_again_after().unwrap().as_secs();
    assert!((240..=360).contains(&pause), "{pause}");
}

#[tokio::test(start_paused = true)]
async fn tokens_are_minted_through_an_outage_of_vault_and_after_a_rotation_in_it() {
    let root = tempfile::tempdir().unwrap();
    let (vault, secrets) = secrets(root.path(), approle());
    let login = Arc::new(Login::default());
    let credential = Credential::ClientCredentials {
        client_id: "file:id".parse().unwrap(),
        client_secret: BILLING.parse().unwrap(),
    };
    let credentials =
        Credentials::new(&config(root.path(), credential), secrets, Arc::clone(&login) as _).unwrap();
    let identity = name("billing-sync");
    // At a first start, without Vault, there is nothing to mint with.
    vault.change(|state| state.trouble = Trouble::Sealed);
    assert!(credentials.token(&identity).await.unwrap_err().to_string().contains("Vault is sealed"));
    vault.change(|state| state.trouble = Trouble::None);
    tokio::time::advance(Duration::from_secs(6)).await;
    let first = credentials.token(&identity).await.unwrap();

    vault.change(|state| state.trouble = Trouble::Unreachable);
    let second = credentials.renew(&identity, &first).await.unwrap();
    assert!(second.generation() > first.generation(), "minted with the last good secret");

    vault.change(|state| state.trouble = Trouble::None);
    tokio::time::advance(Duration::from_secs(6)).await;
    vault.write("billing", json!({ "client_secret": "rotated" }));
    login.will([Next::Refuse(400, "invalid_client")]);
    credentials.prove().await;
    credentials.renew(&identity, &second).await.unwrap();
    let secrets: Vec<_> =
        login.mints().iter().map(|form| form.rsplit_once('=').unwrap().1.to_owned()).collect();
    assert_eq!(secrets, ["s3cret", "s3cret", "rotated", "s3cret"], "the org does not know the new one yet");

    vault.write("billing", json!({ "client_secret": "rotated-again" }));
    credentials.prove().await;
    assert!(login.mints().last().unwrap().ends_with("client_secret=rotated-again"));
    // What was taken away in Vault is not used again.
    vault.change(|state| state.secrets.clear());
    let last = credentials.token(&identity).await.unwrap();
    assert!(credentials.renew(&identity, &last).await.unwrap_err().to_string().contains("no such secret"));
}

const BILLING: &str = "vault:secret/billing#client_secret";
const LEASE: Duration = Duration::from_secs(3600);
