//! Secrets in Vault: read over TLS after a login, followed when they change, and not missed while it is away.

mod real;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use forcefield_tests::APP_SECRET;
use forcefield_tests::pki::{Authority, Pem};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{before, salesforce};

const GRANTS: &str = "allow:\n  Account: { read: [Name] }\n";
const QUERY: &str = "SELECT Name FROM Account LIMIT 1";

/// A Vault with a KV v2 engine at `secret` and AppRole, as far as these tests need them.
struct Vault {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    accepting: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct State {
    secrets: HashMap<String, Value>,
    sealed: bool,
    logins: usize,
}

impl Vault {
    async fn start(pem: &Pem) -> Self {
        let chain = vec![CertificateDer::from_pem_slice(pem.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(pem.key.as_bytes()).unwrap();
        let tls = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
        let acceptor = TlsAcceptor::from(Arc::new(tls.unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, state) = (acceptor.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let serve = service_fn(move |request| answer(Arc::clone(&state), request));
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(TokioIo::new(stream), serve).await;
                });
            }
        });
        Self { address, state, accepting }
    }

    fn write(&self, path: &str, data: Value) {
        self.state.lock().unwrap().secrets.insert(format!("/v1/secret/data/{path}"), data);
    }

    fn seal(&self, sealed: bool) {
        self.state.lock().unwrap().sealed = sealed;
    }

    /// The section of the configuration that leads here.
    fn section(&self) -> String {
        let port = self.address.port();
        format!(
            "vault: {{ address: \"https://localhost:{port}\", ca: file:vault.pem, refresh: 1s, approle: {{ role_id: file:keys/role, secret_id: file:keys/secret }} }}"
        )
    }
}

impl Drop for Vault {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn answer(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    let (head, body) = request.into_parts();
    let body: Value = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap_or_default();
    let mut state = state.lock().unwrap();
    let token = head.headers.get("x-vault-token").is_some_and(|token| token == "hvs.ours");
    let (status, answer) = match head.uri.path() {
        _ if state.sealed => (503, json!({ "errors": ["Vault is sealed"] })),
        "/v1/auth/approle/login" if body == json!({ "role_id": "the-role", "secret_id": "its-secret" }) => {
            state.logins += 1;
            (
                200,
                json!({ "auth": { "client_token": "hvs.ours", "lease_duration": 3600, "renewable": true } }),
            )
        }
        "/v1/auth/approle/login" => (400, json!({ "errors": ["invalid role or secret ID"] })),
        _ if !token => (403, json!({ "errors": ["permission denied"] })),
        path => match state.secrets.get(path) {
            Some(data) => (200, json!({ "data": { "data": data, "metadata": { "version": 1 } } })),
            None => (404, json!({ "errors": [] })),
        },
    };
    let answer = Response::builder().status(status).body(Full::new(Bytes::from(answer.to_string())));
    Ok(answer.unwrap())
}

/// A Vault that holds the client secret of every integration and the keys of an issuer, and what leads to it.
async fn vault() -> (Vault, Authority) {
    let authority = Authority::new("Vault CA").unwrap();
    let vault = Vault::start(&authority.server(&["localhost"]).unwrap()).await;
    vault.write("billing", json!({ "client_secret": APP_SECRET }));
    let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    vault.write("ci", json!({ "jwks": json!({ "keys": [key] }).to_string() }));
    (vault, authority)
}

fn configured(
    salesforce: &forcefield_emulator::Server,
    vault: &Vault,
    authority: &Authority,
) -> forcefield_tests::Builder {
    let builder = before(salesforce)
        .identity("nightly", GRANTS)
        .client_secret("vault:secret/billing#client_secret")
        .section("issuers: { ci: { jwks: \"vault:secret/ci#jwks\", audience: forcefield } }")
        .section(&vault.section());
    builder.write("vault.pem", &authority.pem()).unwrap();
    builder.write("keys/role", "the-role\n").unwrap();
    builder.write("keys/secret", "its-secret\n").unwrap();
    builder
}

#[tokio::test]
async fn a_secret_is_read_from_vault_and_a_rotated_one_is_proven_and_used() {
    let salesforce = salesforce().await;
    let (vault, authority) = vault().await;
    let proxy = configured(&salesforce, &vault, &authority).start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);

    // The new secret is in Vault before the org knows it: the one before goes on.
    vault.write("billing", json!({ "client_secret": "rotated" }));
    proxy.wait_for_line("changed secrets do not work").await.unwrap();
    salesforce.expire_all_sessions();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);

    salesforce.org().register_client_credentials("3MVG9-test-app", "rotated-again");
    vault.write("billing", json!({ "client_secret": "rotated-again" }));
    proxy.wait_for_line("changed secrets are proven").await.unwrap();
    salesforce.expire_all_sessions();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    assert_eq!(vault.state.lock().unwrap().logins, 1);
    for secret in [APP_SECRET, "rotated-again", "its-secret", "hvs.ours"] {
        assert!(!proxy.output().contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn requests_go_on_while_vault_is_sealed_and_a_start_says_that_it_is() {
    let salesforce = salesforce().await;
    let (vault, authority) = vault().await;
    let proxy = configured(&salesforce, &vault, &authority).start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    vault.seal(true);
    salesforce.expire_all_sessions();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200, "minted with the last good secret");

    let Err(error) = configured(&salesforce, &vault, &authority).start().await else {
        panic!("started without the keys of an issuer");
    };
    let error = error.to_string();
    assert!(error.contains("vault:secret/ci#jwks") && error.contains("Vault is sealed"), "{error}");
}

#[tokio::test]
async fn a_vault_that_another_authority_certifies_is_not_asked() {
    let salesforce = salesforce().await;
    let (vault, _) = vault().await;
    let other = Authority::new("Another CA").unwrap();
    let Err(error) = configured(&salesforce, &vault, &other).start().await else {
        panic!("believed a stranger");
    };
    assert!(error.to_string().contains("Vault cannot be reached"), "{error}");
    assert_eq!(vault.state.lock().unwrap().logins, 0);
}
