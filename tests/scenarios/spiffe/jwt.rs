//! JWT-SVIDs are verified by the keys of the trust domain of their subject, wherever those come from.

use std::path::Path;
use std::time::{Duration, Instant};

use forcefield_tests::Proxy;
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

use super::agent::{Agent, jwks};
use super::{GRANTS, NIGHTLY, QUERY, becomes, socket, told};
use crate::workload::{now, token};
use crate::{before, salesforce};

fn rsa() -> KeyPair {
    KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap()
}

/// A JWT-SVID as an agent hands it out: without `iss`.
fn svid(subject: &str, id: &str, key: &KeyPair) -> String {
    let claims = json!({"sub": subject, "aud": ["forcefield"], "iat": now(), "exp": now() + 600});
    token(&json!({"alg": "RS256", "typ": "JWT", "kid": id}), &claims, key)
}

/// Forcefield that has the keys of `test.example` from there.
async fn trusting(salesforce: &forcefield_emulator::Server, jwks: &str) -> Proxy {
    let issuer = format!(
        "issuers:\n  spire: {{ trust_domain: test.example, jwks: \"{jwks}\", audience: forcefield }}"
    );
    let proof = format!("jwt: {{ issuer: spire, subject: \"{NIGHTLY}\" }}");
    before(salesforce).identity("nightly", GRANTS).proof(&proof).section(&issuer).start().await.unwrap()
}

async fn following(salesforce: &forcefield_emulator::Server, socket: &Path) -> Proxy {
    trusting(salesforce, &format!("unix:{}", socket.display())).await
}

fn shows(proxy: &Proxy, token: &str) -> forcefield_tests::Client {
    proxy.anonymous().unwrap().with_token(token)
}

async fn status(proxy: &Proxy, token: &str) -> u16 {
    shows(proxy, token).query(QUERY).await.unwrap().status
}

#[tokio::test]
async fn a_jwt_svid_is_verified_by_the_keys_that_the_workload_api_tells() {
    let salesforce = salesforce().await;
    let (_folder, socket) = socket();
    let (ours, partner) = (rsa(), rsa());
    let agent = Agent::start(&socket, &[]);
    agent.tell_keys(&[
        ("test.example", jwks(&[("one", &ours)])),
        ("partner.example", jwks(&[("one", &partner), ("two", &partner)])),
    ]);
    let proxy = following(&salesforce, &socket).await;
    becomes(&shows(&proxy, &svid(NIGHTLY, "one", &ours)), Some(200)).await;
    assert!(agent.calls().iter().all(|headers| headers["workload.spiffe.io"] == "true"));

    let refused = [
        ("its signature is wrong", svid(NIGHTLY, "one", &partner)),
        ("no key with its key id", svid(NIGHTLY, "two", &partner)),
        ("names no issuer", svid("spiffe://partner.example/nightly", "one", &partner)),
        ("has the subject", svid("spiffe://test.example/other", "one", &ours)),
    ];
    for (reason, token) in refused {
        let reply = shows(&proxy, &token).query(QUERY).await.unwrap();
        assert_eq!(reply.status, 401, "{reason}: {}", reply.text());
        let decision = reply.header("x-forcefield-decision").to_owned();
        let records = proxy.records().unwrap();
        let record = records.iter().find(|record| record.to_string().contains(&decision)).unwrap();
        assert!(record["status_detail"].as_str().unwrap().contains(reason), "{reason}: {record}");
    }
    assert_eq!(status(&proxy, &svid(NIGHTLY, "one", &ours)).await, 200);
}

#[tokio::test]
async fn keys_come_and_go_with_the_bundle_and_the_last_one_holds_without_its_agent() {
    let salesforce = salesforce().await;
    let (_folder, socket) = socket();
    let (old, new) = (rsa(), rsa());
    let proxy = following(&salesforce, &socket).await;
    proxy.wait_for_line("the Workload API is away").await.unwrap();
    let (before, after) = (svid(NIGHTLY, "old", &old), svid(NIGHTLY, "new", &new));
    assert_eq!(status(&proxy, &before).await, 401);
    let shown = |up: u8, keys: u8| {
        let up = format!("forcefield_workload_api_up{{socket=\"{}\",svids=\"jwt\"}} {up}", socket.display());
        [up, format!("forcefield_issuer_keys{{issuer=\"spire\"}} {keys}")]
    };
    let away =
        format!("the SPIFFE Workload API at `{}` is away; what it said last holds\n", socket.display());
    let none = "there are no keys of the issuer `spire`; its JWTs are refused\n";
    told(&proxy, &format!("ready\n{none}{away}"), &shown(0, 0)).await;

    let agent = Agent::start(&socket, &[]);
    agent.tell_keys(&[("test.example", jwks(&[("old", &old)]))]);
    becomes(&shows(&proxy, &before), Some(200)).await;
    assert_eq!(status(&proxy, &after).await, 401);
    agent.tell_keys(&[("test.example", jwks(&[("old", &old), ("new", &new)]))]);
    becomes(&shows(&proxy, &after), Some(200)).await;
    assert_eq!(status(&proxy, &before).await, 200, "the old key still counts");
    told(&proxy, "ready\n", &shown(1, 2)).await;
    agent.tell_keys(&[("test.example", jwks(&[("new", &new)]))]);
    becomes(&shows(&proxy, &before), Some(401)).await;
    assert_eq!(status(&proxy, &after).await, 200);

    drop(agent);
    told(&proxy, &format!("ready\n{away}"), &shown(0, 1)).await;
    assert_eq!(status(&proxy, &after).await, 200);

    // The next agent's domain has none; one without any key is none either.
    let agent = Agent::start(&socket, &[]);
    becomes(&shows(&proxy, &after), Some(401)).await;
    agent.tell_keys(&[("test.example", jwks(&[("new", &new)]))]);
    becomes(&shows(&proxy, &after), Some(200)).await;
    agent.tell_keys(&[("test.example", json!({"keys": []}))]);
    becomes(&shows(&proxy, &after), Some(401)).await;

    // One that has nothing for us any more is believed about that too.
    agent.tell_keys(&[("test.example", jwks(&[("new", &new)]))]);
    becomes(&shows(&proxy, &after), Some(200)).await;
    agent.refuse();
    becomes(&shows(&proxy, &after), Some(401)).await;
}

#[tokio::test]
async fn a_bundle_in_a_file_verifies_jwt_svids_and_is_followed_when_it_changes() {
    let salesforce = salesforce().await;
    let (old, new) = (rsa(), rsa());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.json");
    let bundle = |keys: &[(&str, &KeyPair)]| {
        let mut bundle: Value = jwks(keys);
        (bundle["spiffe_sequence"], bundle["spiffe_refresh_hint"]) = (json!(1), json!(300));
        std::fs::write(&file, bundle.to_string()).unwrap();
    };
    bundle(&[("old", &old)]);
    let proxy = trusting(&salesforce, &format!("file:{}", file.display())).await;
    let (before, after) = (svid(NIGHTLY, "old", &old), svid(NIGHTLY, "new", &new));
    assert_eq!((status(&proxy, &before).await, status(&proxy, &after).await), (200, 401));

    // A bad change keeps what runs.
    std::fs::write(&file, "{}").unwrap();
    proxy.signal("HUP").await.unwrap();
    proxy.wait_for_line("configuration not reloaded").await.unwrap();
    assert_eq!(status(&proxy, &before).await, 200);
    bundle(&[("new", &new)]);
    proxy.signal("HUP").await.unwrap();
    becomes(&shows(&proxy, &after), Some(200)).await;
    assert_eq!(status(&proxy, &before).await, 401);
}

#[tokio::test]
async fn keys_of_one_issuer_are_not_those_of_another_that_takes_its_name() {
    let salesforce = salesforce().await;
    let (_folder, socket) = socket();
    let key = rsa();
    let agent = Agent::start(&socket, &[]);
    agent.tell_keys(&[("test.example", jwks(&[("one", &key)]))]);
    let proxy = following(&salesforce, &socket).await;
    let token = svid(NIGHTLY, "one", &key);
    becomes(&shows(&proxy, &token), Some(200)).await;

    let main = proxy.folder().join("forcefield.yaml");
    let text = std::fs::read_to_string(&main).unwrap();
    let elsewhere = text.replace("agent.sock", "other.sock");
    assert_ne!(text, elsewhere);
    let reload = async |text: &str| {
        let count = proxy.output().matches("configuration reloaded").count();
        std::fs::write(&main, text).unwrap();
        proxy.signal("HUP").await.unwrap();
        proxy.wait_for_lines("configuration reloaded", count + 1).await.unwrap();
    };
    reload(&elsewhere).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while status(&proxy, &token).await != 401 {
        assert!(Instant::now() < deadline, "{}", proxy.output());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    reload(&text).await;
    becomes(&shows(&proxy, &token), Some(200)).await;
}
