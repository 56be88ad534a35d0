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
                    let body = served.lock().unwrap().get(&path).cloned();
                    noted.lock().unwrap().push(path);
                    let (status, body) =
                        body.map_or(("404 Not Found", String::new()), |body| ("200 OK", body));
                    let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
                    let _ = stream.write_all(head.as_bytes()).await;
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
        self.documents.lock().unwrap().insert(path.to_owned(), document.to_string());
    }

    fn discovery(&self, issuer: &str) {
        let document = json!({"issuer": issuer, "jwks_uri": format!("{}/keys", self.url())});
        self.serve("/.well-known/openid-configuration", &document);
    }

    fn keys(&self, keys: &[(&str, &KeyPair)]) {
        let key = |(id, key): &(&str, &KeyPair)| {
            let x = URL_SAFE_NO_PAD.encode(key.der_bytes());
            json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "alg": "EdDSA", "use": "sig", "x": x})
        };
        self.serve("/keys", &json!({"keys": keys.iter().map(key).collect::<Vec<_>>()}));
    }
}

impl Drop for Idp {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn ed25519() -> KeyPair {
    KeyPair::generate_for(&PKCS_ED25519).unwrap()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// What a good token says.
fn claims(idp: &Idp) -> Value {
    json!({"iss": idp.url(), "sub": "repo:acme/nightly", "aud": "forcefield", "iat": now(), "exp": now() + 600})
}

fn token(header: &Value, claims: &Value, key: &KeyPair) -> String {
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
