//! The same with a real Vault: `tests/vault/run` builds it and runs this.

use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;
use std::time::{Duration, Instant};

use forcefield_tests::pki::Authority;
use forcefield_tests::{APP_SECRET, Builder, Client, Proxy, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{GRANTS, QUERY};
use crate::{before, salesforce};

/// A Vault with a KV v2 engine at `secret`, and an AppRole `forcefield` that may read `billing` and `ci` there.
struct Vault {
    authority: Authority,
    address: SocketAddr,
    root: Client,
    key: String,
    _folder: TempDir,
    _child: Child,
}

impl Vault {
    async fn start() -> Self {
        let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new("Vault CA").unwrap());
        let pem = authority.server(&["localhost", "127.0.0.1"]).unwrap();
        let [certificate, key] = [("crt", pem.certificate), ("key", pem.key)].map(|(name, text)| {
            let file = folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            file
        });
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/vault/vault");
        let mut command = Command::new(program);
        command.arg(certificate).arg(key).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.kill_on_drop(true).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).await.unwrap();
        let told: Value = serde_json::from_str(&line).unwrap();
        let told = |name: &str| told.get(name).and_then(Value::as_str).unwrap().to_owned();
        let address: SocketAddr = told("address").parse().unwrap();
        let root = Client::new(address, &authority.pem(), None).unwrap().with_token(&told("token"));
        let vault = Self { authority, address, root, key: told("key"), _folder: folder, _child: child };
        vault.set("/v1/sys/mounts/secret", json!({"type": "kv", "options": {"version": "2"}})).await;
        vault.set("/v1/sys/auth/approle", json!({"type": "approle"})).await;
        let policy = "path \"secret/data/billing\" { capabilities = [\"read\"] } path \"secret/data/ci\" { capabilities = [\"read\"] }";
        vault.set("/v1/sys/policies/acl/forcefield", json!({"policy": policy})).await;
        // Renewable twice, and over then: a login lasts no longer than a scenario.
        let role = json!({"token_policies": "forcefield", "token_ttl": "4s", "token_max_ttl": "10s"});
        vault.set("/v1/auth/approle/role/forcefield", role).await;
        vault.write("billing", json!({"client_secret": APP_SECRET})).await;
        let key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
        vault.write("ci", json!({"jwks": json!({"keys": [key]}).to_string()})).await;
        vault
    }

    /// Sends what must succeed; right after a mount or an unsealing it may have to be sent again.
    async fn set(&self, target: &str, body: Value) -> Reply {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let reply = self.root.json("POST", target, &body).await.unwrap();
            if matches!(reply.status, 200 | 204) {
                return reply;
            }
            assert!(Instant::now() < deadline, "{target}: {} {}", reply.status, reply.text());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn write(&self, path: &str, data: Value) {
        self.set(&format!("/v1/secret/data/{path}"), json!({"data": data})).await;
    }

    /// Forcefield that has the client secret of its integration and the keys of an issuer from here.
    async fn configured(&self, salesforce: &forcefield_emulator::Server, keys: &str) -> Builder {
        let role = self.root.get("/v1/auth/approle/role/forcefield/role-id").await.unwrap().json();
        let secret = self.set("/v1/auth/approle/role/forcefield/secret-id", json!({})).await.json();
        let text = |answer: &Value, at: &str| answer.pointer(at).and_then(Value::as_str).unwrap().to_owned();
        let builder = before(salesforce)
            .identity("nightly", GRANTS)
            .client_secret("vault:secret/billing#client_secret")
            .section(&format!("issuers: {{ ci: {{ jwks: \"{keys}\", audience: forcefield }} }}"))
            .section(&format!(
                "vault: {{ address: \"https://localhost:{}\", ca: file:vault.pem, refresh: 1s, approle: {{ role_id: file:keys/role, secret_id: file:keys/secret }} }}",
                self.address.port()
            ));
        builder.write("vault.pem", &self.authority.pem()).unwrap();
        builder.write("keys/role", &text(&role, "/data/role_id")).unwrap();
        builder.write("keys/secret", &text(&secret, "/data/secret_id")).unwrap();
        builder
    }
}

/// The org takes another client secret from now on, and Vault has it: waits until it is proven.
async fn rotated(vault: &Vault, salesforce: &forcefield_emulator::Server, proxy: &Proxy, secret: &str) {
    let proven = proxy.output().matches("changed secrets are proven").count();
    salesforce.org().register_client_credentials("3MVG9-test-app", secret);
    vault.write("billing", json!({"client_secret": secret})).await;
    proxy.wait_for_lines("changed secrets are proven", proven + 1).await.unwrap();
}

/// Why Forcefield does not start; empty when it does.
fn starts_not(builder: Builder) -> Pin<Box<dyn Future<Output = String>>> {
    Box::pin(async {
        match builder.start().await {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    })
}

#[tokio::test]
#[ignore = "needs a real Vault: see tests/vault/run"]
async fn secrets_of_a_real_vault_are_read_and_followed_over_many_logins() {
    let salesforce = salesforce().await;
    let vault = Box::pin(Vault::start()).await;
    let proxy = vault.configured(&salesforce, "vault:secret/ci#jwks").await.start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);

    // For longer than a login may be renewed, and also when Vault revokes it at once.
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < Duration::from_secs(25) {
        count += 1;
        if count == 2 {
            vault.set("/v1/sys/leases/revoke-prefix/auth/approle", json!({})).await;
        }
        rotated(&vault, &salesforce, &proxy, &format!("rotated-{count}")).await;
        assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    }
    salesforce.expire_all_sessions();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200, "{}", proxy.output());
    for secret in [APP_SECRET, "rotated-", "hvs."] {
        assert!(!proxy.output().contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
#[ignore = "needs a real Vault: see tests/vault/run"]
async fn requests_go_on_while_a_real_vault_is_sealed() {
    let salesforce = salesforce().await;
    let vault = Box::pin(Vault::start()).await;
    let proxy = vault.configured(&salesforce, "vault:secret/ci#jwks").await.start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    let other = vault.configured(&salesforce, "vault:secret/ci#jwks").await;

    vault.set("/v1/sys/seal", json!({})).await;
    salesforce.expire_all_sessions();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200, "minted with the last good secret");
    let error = starts_not(other).await;
    assert!(error.contains("vault:secret/ci#jwks") && error.contains("Vault is sealed"), "{error}");

    vault.set("/v1/sys/unseal", json!({"key": vault.key})).await;
    rotated(&vault, &salesforce, &proxy, "after the seal").await;
    salesforce.expire_all_sessions();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
}

#[tokio::test]
#[ignore = "needs a real Vault: see tests/vault/run"]
async fn what_a_real_vault_does_not_give_is_told_by_its_reason() {
    let salesforce = salesforce().await;
    let vault = Box::pin(Vault::start()).await;
    vault.set("/v1/sys/mounts/old", json!({"type": "kv", "options": {"version": "1"}})).await;
    vault.set("/v1/secret/delete/ci", json!({"versions": [1]})).await;
    let all =
        "path \"old/*\" { capabilities = [\"read\"] } path \"secret/data/*\" { capabilities = [\"read\"] }";
    for (policy, keys, reason) in [
        (None, "vault:secret/other#jwks", "permission denied"),
        (Some(all), "vault:secret/other#jwks", "there is no such secret"),
        (Some(all), "vault:secret/ci#jwks", "its newest version is deleted"),
        (Some(all), "vault:secret/billing#jwks", "the secret has no such field"),
        (Some(all), "vault:old/ci#jwks", "not a KV engine of version 2"),
    ] {
        if let Some(policy) = policy {
            vault.set("/v1/sys/policies/acl/forcefield", json!({"policy": policy})).await;
        }
        let error = starts_not(vault.configured(&salesforce, keys).await).await;
        assert!(error.contains(reason) && error.contains(keys), "{keys}: {error}");
    }
    let builder = vault.configured(&salesforce, "vault:secret/billing#client_secret").await;
    builder.write("keys/secret", "guessed").unwrap();
    let error = starts_not(builder).await;
    assert!(error.contains("the login at `auth/approle` was refused"), "{error}");
}
