//! Workload JWTs: the keys of their issuer are discovered, and nothing but what it signed for us is taken.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forcefield_tests::pki::{Authority, Pem};
use forcefield_tests::{Client, Proxy};
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData, SigningKey};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{before, data_requests, salesforce};

const GRANTS: &str = "allow:\n  Account: { read: [Name] }\n";
const QUERY: &str = "SELECT Name FROM Account LIMIT 1";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// An issuer that serves its documents over TLS.
struct Idp {
    address: SocketAddr,
    documents: Arc<Mutex<HashMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Idp {
    async fn start(pem: &Pem) -> Self {
        let chain = vec![CertificateDer::from_pem_slice(pem.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(pem.key.as_bytes()).unwrap();
        let tls = rustls::ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key);
        let acceptor = TlsAcceptor::from(Arc::new(tls.unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (documents, asked) = (Arc::<Mutex<HashMap<_, _>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (served, noted) = (Arc::clone(&documents), Arc::clone(&asked));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, served, noted) = (acceptor.clone(), Arc::clone(&served), Arc::clone(&noted));
                tokio::spawn(async move {
                    let Ok(mut stream) = acceptor.accept(stream).await else { return };
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    let path = String::from_utf8(head).unwrap().split(' ').nth(1).unwrap().to_owned();
                    let answer = served.lock().unwrap().get(&path).cloned();
                    noted.lock().unwrap().push(path);
                    let answer = answer.unwrap_or_else(|| whole("404 Not Found", ""));
                    let _ = stream.write_all(answer.as_bytes()).await;
                    if answer.is_empty() {
                        // Says nothing for as long as the other side bears it.
                        let _ = stream.read_u8().await;
                    }
                    let _ = stream.shutdown().await;
                });
            }
        });
        Self { address, documents, asked, accepting }
    }

    fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }

    fn serve(&self, path: &str, document: &Value) {
        self.answer(path, whole("200 OK", &document.to_string()));
    }

    /// Answers a path with these bytes, head included.
    fn answer(&self, path: &str, answer: String) {
        self.documents.lock().unwrap().insert(path.to_owned(), answer);
    }

    fn discovery(&self, issuer: &str) {
        let document = json!({"issuer": issuer, "jwks_uri": format!("{}/keys", self.url())});
        self.serve("/.well-known/openid-configuration", &document);
    }

    fn keys(&self, keys: &[(&str, &KeyPair)]) {
        self.serve("/keys", &set(keys));
    }

    /// How often its keys were asked for.
    fn fetches(&self) -> usize {
        self.asked.lock().unwrap().iter().filter(|path| *path == "/keys").count()
    }
}

/// An answer of HTTP.
fn whole(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// A JWK Set.
fn set(keys: &[(&str, &KeyPair)]) -> Value {
    let key = |(id, key): &(&str, &KeyPair)| {
        let x = URL_SAFE_NO_PAD.encode(key.der_bytes());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "alg": "EdDSA", "use": "sig", "x": x})
    };
    json!({"keys": keys.iter().map(key).collect::<Vec<_>>()})
}

impl Drop for Idp {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn ed25519() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).unwrap()
}

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What a good token says.
fn claims(idp: &Idp) -> Value {
    json!({"iss": idp.url(), "sub": "repo:acme/nightly", "aud": "forcefield", "iat": now(), "exp": now() + 600})
}

pub(crate) fn token(header: &Value, claims: &Value, key: &KeyPair) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).unwrap());
    format!("{message}.{signature}")
}

fn signed(idp: &Idp, id: &str, key: &KeyPair) -> String {
    token(&json!({"alg": "EdDSA", "typ": "JWT", "kid": id}), &claims(idp), key)
}

async fn started(idp: &Idp, pem: &str) -> (forcefield_emulator::Server, Proxy) {
    let salesforce = salesforce().await;
    let builder = before(&salesforce)
        .identity("nightly", GRANTS)
        .proof("jwt: { issuer: ci, subject: \"repo:acme/nightly\" }")
        .section(&format!(
            "issuers:\n  ci: {{ url: \"{}\", ca: file:keys/idp.pem, audience: forcefield }}",
            idp.url()
        ));
    builder.write("keys/idp.pem", pem).unwrap();
    let proxy = builder.start().await.unwrap();
    (salesforce, proxy)
}

async fn with_issuer(keys: &[(&str, &KeyPair)]) -> (Idp, forcefield_emulator::Server, Proxy) {
    let authority = Authority::new("the issuer's CA").unwrap();
    let idp = Idp::start(&authority.server(&["localhost"]).unwrap()).await;
    idp.discovery(&idp.url());
    idp.keys(keys);
    let (salesforce, proxy) = started(&idp, &authority.pem()).await;
    proxy.wait_for_line("keys of an issuer loaded").await.unwrap();
    (idp, salesforce, proxy)
}

fn asks_with(proxy: &Proxy, token: &str) -> Client {
    proxy.anonymous().unwrap().with_token(token)
}

#[tokio::test]
async fn a_token_of_a_discovered_issuer_works_as_it_is_and_exchanged() {
    let key = ed25519();
    let (idp, _salesforce, proxy) = with_issuer(&[("one", &key)]).await;
    let jwt = signed(&idp, "one", &key);
    assert_eq!(asks_with(&proxy, &jwt).query(QUERY).await.unwrap().status, 200);
    let form = [("grant_type", EXCHANGE), ("subject_token", &*jwt), ("subject_token_type", JWT)];
    let reply = proxy.anonymous().unwrap().form("/services/oauth2/token", &form).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let own = reply.json()["access_token"].as_str().unwrap().to_owned();
    assert!(own.starts_with("00D"));
    assert_eq!(asks_with(&proxy, &own).query(QUERY).await.unwrap().status, 200);
    let asked = idp.asked.lock().unwrap().clone();
    assert_eq!(asked, ["/.well-known/openid-configuration", "/keys"], "and not for every token");
}

#[tokio::test]
async fn a_token_that_is_not_exactly_right_is_refused_at_both_doors() {
    let (key, other) = (ed25519(), ed25519());
    let (idp, salesforce, proxy) = with_issuer(&[("one", &key)]).await;
    let header = json!({"alg": "EdDSA", "typ": "JWT", "kid": "one"});
    let but = |name: &str, value: Value| {
        let mut claims = claims(&idp);
        claims[name] = value;
        claims
    };
    let wrong = [
        ("another audience", token(&header, &but("aud", json!("https://elsewhere.example")), &key)),
        ("expired", token(&header, &but("exp", json!(now() - 120)), &key)),
        ("not valid yet", token(&header, &but("nbf", json!(now() + 3600)), &key)),
        ("issuer is not configured", token(&header, &but("iss", json!("https://evil.example")), &key)),
        ("has the subject", token(&header, &but("sub", json!("repo:acme/other")), &key)),
        ("signature", token(&header, &claims(&idp), &other)),
        ("no key with", token(&json!({"alg": "none", "kid": "one"}), &claims(&idp), &key)),
        ("no key with", token(&json!({"alg": "HS256", "kid": "one"}), &claims(&idp), &key)),
        ("no key with", token(&json!({"alg": "RS256", "kid": "one"}), &claims(&idp), &key)),
        ("no key with", token(&json!({"alg": "EdDSA", "kid": "two"}), &claims(&idp), &key)),
    ];
    for (reason, jwt) in wrong {
        let reply = asks_with(&proxy, &jwt).query(QUERY).await.unwrap();
        assert_eq!(reply.status, 401, "{reason}: {}", reply.text());
        assert_eq!(reply.json()[0]["errorCode"], "INVALID_SESSION_ID");
        assert_eq!(reply.json()[0]["message"], "Session expired or invalid", "no more than that");
        let decision = reply.header("x-forcefield-decision").to_owned();
        let records = proxy.records().unwrap();
        let record = records.iter().find(|record| record.to_string().contains(&decision)).unwrap();
        assert!(record["status_detail"].as_str().unwrap().contains(reason), "{reason}: {record}");
        let form = [("grant_type", EXCHANGE), ("subject_token", &*jwt), ("subject_token_type", JWT)];
        let reply = proxy.anonymous().unwrap().form("/services/oauth2/token", &form).await.unwrap();
        assert!(matches!(reply.status, 400 | 401), "{reason}: {}", reply.text());
        assert!(reply.json()["error"].is_string(), "{}", reply.text());
    }
    assert!(data_requests(&salesforce).is_empty());
    assert_eq!(asks_with(&proxy, &signed(&idp, "one", &key)).query(QUERY).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_rotated_key_is_learned_from_the_first_token_that_names_it_and_the_old_one_is_forgotten() {
    let (old, new) = (ed25519(), ed25519());
    let (idp, _salesforce, proxy) = with_issuer(&[("one", &old)]).await;
    assert_eq!(asks_with(&proxy, &signed(&idp, "one", &old)).query(QUERY).await.unwrap().status, 200);
    idp.keys(&[("two", &new)]);
    let client = asks_with(&proxy, &signed(&idp, "two", &new));
    let deadline = Instant::now() + Duration::from_secs(40);
    while client.query(QUERY).await.unwrap().status != 200 {
        assert!(Instant::now() < deadline, "{}", proxy.output());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let withdrawn = asks_with(&proxy, &signed(&idp, "one", &old));
    assert_eq!(withdrawn.query(QUERY).await.unwrap().status, 401);
    assert_eq!(idp.asked.lock().unwrap().len(), 4, "one fetch for many refused tokens");
}

#[tokio::test]
async fn an_issuer_that_says_it_is_another_gives_no_keys() {
    let key = ed25519();
    let authority = Authority::new("the issuer's CA").unwrap();
    let idp = Idp::start(&authority.server(&["localhost"]).unwrap()).await;
    idp.discovery("https://evil.example");
    idp.keys(&[("one", &key)]);
    let (_salesforce, proxy) = started(&idp, &authority.pem()).await;
    proxy.wait_for_line("its discovery document is that of `https://evil.example`").await.unwrap();
    let reply = asks_with(&proxy, &signed(&idp, "one", &key)).query(QUERY).await.unwrap();
    assert_eq!(reply.status, 401, "{}", reply.text());
    assert_eq!(*idp.asked.lock().unwrap(), ["/.well-known/openid-configuration"]);
}

#[tokio::test]
async fn an_issuer_with_a_certificate_of_another_authority_is_not_asked() {
    let key = ed25519();
    let (right, wrong) = (Authority::new("right").unwrap(), Authority::new("wrong").unwrap());
    let idp = Idp::start(&wrong.server(&["localhost"]).unwrap()).await;
    idp.discovery(&idp.url());
    idp.keys(&[("one", &key)]);
    let (_salesforce, proxy) = started(&idp, &right.pem()).await;
    proxy.wait_for_line("the keys of an issuer cannot be renewed").await.unwrap();
    let reply = asks_with(&proxy, &signed(&idp, "one", &key)).query(QUERY).await.unwrap();
    assert_eq!(reply.status, 401, "{}", reply.text());
    assert!(idp.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn made_up_key_ids_cost_the_issuer_one_fetch_in_ten_seconds() {
    let key = ed25519();
    let (idp, _salesforce, proxy) = with_issuer(&[("one", &key)]).await;
    let begun = Instant::now();
    // Longer than the least time between two fetches, so that there is one to be counted.
    let mut sent = 0;
    while idp.fetches() < 2 || sent < 100 {
        let jwt = signed(&idp, &format!("made-up-{sent}"), &key);
        assert_eq!(asks_with(&proxy, &jwt).query(QUERY).await.unwrap().status, 401);
        sent += 1;
        assert!(begun.elapsed() < Duration::from_secs(60), "{}", proxy.output());
    }
    let most = 1 + begun.elapsed().as_secs() / 10 + 1;
    assert!(idp.fetches() as u64 <= most, "{} fetches for {sent} tokens", idp.fetches());
    assert_eq!(asks_with(&proxy, &signed(&idp, "one", &key)).query(QUERY).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_issuer_that_withdraws_its_last_key_is_believed() {
    let key = ed25519();
    let (idp, _salesforce, proxy) = with_issuer(&[("one", &key)]).await;
    let client = asks_with(&proxy, &signed(&idp, "one", &key));
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    idp.keys(&[]);
    // A token that names another key has the issuer asked.
    let other = asks_with(&proxy, &signed(&idp, "two", &key));
    let deadline = Instant::now() + Duration::from_secs(60);
    while client.query(QUERY).await.unwrap().status != 401 {
        assert_eq!(other.query(QUERY).await.unwrap().status, 401);
        assert!(Instant::now() < deadline, "{}", proxy.output());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn an_issuer_that_answers_anything_else_gives_no_keys_and_keeps_no_other_from_it() {
    let key = ed25519();
    let authority = Authority::new("the issuer's CA").unwrap();
    let idp = Idp::start(&authority.server(&["localhost"]).unwrap()).await;
    let at = |name: &str| format!("{}/{name}", idp.url());
    let found = |name: &str| {
        idp.serve(
            &format!("/{name}/.well-known/openid-configuration"),
            &json!({"issuer": at(name), "jwks_uri": at(&format!("{name}/keys"))}),
        )
    };
    let many: Vec<(&str, &KeyPair)> = (0..101).map(|_| ("one", &key)).collect();
    let good = set(&[("one", &key)]).to_string();
    let cases = [
        ("good", whole("200 OK", &good), ""),
        ("html", whole("200 OK", "<html>Sign in</html>"), "not a JWK Set"),
        (
            "moved",
            format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", at("good/keys")),
            "it answered 302 Found",
        ),
        ("down", whole("503 Service Unavailable", &good), "it answered 503"),
        ("large", whole("200 OK", &format!("{}{good}", " ".repeat(512 << 10))), "larger than 512 KiB"),
        ("cut", format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{good}"), "or broke off"),
        ("many", whole("200 OK", &set(&many).to_string()), "more than 100 keys"),
        (
            "weak",
            whole("200 OK", r#"{"keys":[{"kty":"oct","kid":"one","k":"c2VjcmV0"}]}"#),
            "no key of this JWK Set can be used",
        ),
        ("silent", String::new(), "it did not answer in time"),
    ];
    let mut issuers = "issuers:\n".to_owned();
    let salesforce = salesforce().await;
    let mut builder = before(&salesforce).identity("nightly", GRANTS);
    for (name, answer, _) in &cases {
        found(name);
        idp.answer(&format!("/{name}/keys"), answer.clone());
        issuers.push_str(&format!(
            "  {name}: {{ url: \"{}\", ca: file:keys/idp.pem, audience: forcefield }}\n",
            at(name)
        ));
        builder = builder.proof(&format!("jwt: {{ issuer: {name}, subject: nightly }}"));
    }
    let builder = builder.section(&issuers);
    builder.write("keys/idp.pem", &authority.pem()).unwrap();
    let proxy = builder.start().await.unwrap();
    for (name, _, reason) in &cases {
        let claims = json!({"iss": at(name), "sub": "nightly", "aud": "forcefield", "exp": now() + 600});
        let client = asks_with(&proxy, &token(&json!({"alg": "EdDSA", "kid": "one"}), &claims, &key));
        if *name == "good" {
            proxy.wait_for_line("keys of an issuer loaded").await.unwrap();
            assert_eq!(client.query(QUERY).await.unwrap().status, 200, "{}", proxy.output());
        } else {
            proxy.wait_for_line(reason).await.unwrap();
            assert_eq!(client.query(QUERY).await.unwrap().status, 401, "{name}");
        }
    }
}
