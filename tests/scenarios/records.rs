//! Every exchange leaves exactly one record, which names what was read and holds no literal.

use forcefield_tests::Proxy;

use crate::{BINARY, before, salesforce, with};

const GRANTS: &str = "allow:\n  Account: { read: [Name, Industry] }\n";

#[tokio::test]
async fn an_exchange_and_its_record_share_a_decision_id() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let allowed =
        client.query("SELECT Name FROM Account WHERE Industry = 'SecretLiteral' LIMIT 10").await.unwrap();
    let refused = client.query("SELECT Phone FROM Account").await.unwrap();
    assert_eq!((allowed.status, refused.status), (200, 403));
    let records: Vec<String> = proxy.records().unwrap().iter().map(ToString::to_string).collect();
    for reply in [&allowed, &refused] {
        let decision = reply.header("x-forcefield-decision");
        assert_eq!(decision.len(), 26, "a ULID: {decision}");
        let found: Vec<&String> = records.iter().filter(|record| record.contains(decision)).collect();
        assert_eq!(found.len(), 1, "one record for {decision}");
        assert!(found[0].contains("nightly") && found[0].contains("Account"), "{}", found[0]);
    }
    assert!(records.iter().all(|record| !record.contains("SecretLiteral")), "literals are redacted");
}

#[tokio::test]
async fn an_answered_exchange_is_on_record_though_the_process_is_killed() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let mut answered = Vec::new();
    for _ in 0..20 {
        let reply = client.query("SELECT Name FROM Account LIMIT 3").await.unwrap();
        answered.push(reply.header("x-forcefield-decision").to_owned());
    }
    proxy.signal("KILL").await.unwrap();
    let records: Vec<String> = proxy.records().unwrap().iter().map(ToString::to_string).collect();
    for decision in answered {
        assert!(records.iter().any(|record| record.contains(&decision)), "{decision} was answered");
    }
}

/// An auditor on another machine has a copy of the folder and public keys, and nothing else.
async fn verified(proxy: &Proxy, keys: &str) -> (Option<i32>, String) {
    let elsewhere = tempfile::TempDir::new().unwrap();
    let (copy, public) = (elsewhere.path().join("audit"), elsewhere.path().join("public.pem"));
    std::fs::create_dir(&copy).unwrap();
    std::fs::write(&public, keys).unwrap();
    for entry in std::fs::read_dir(proxy.folder().join("audit")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    let mut verify = tokio::process::Command::new(BINARY);
    verify.args(["audit", "verify", "--public-key"]).arg(&public).arg(&copy);
    let ended = verify.output().await.unwrap();
    (ended.status.code(), String::from_utf8(ended.stdout).unwrap())
}

async fn public_key(proxy: &Proxy) -> String {
    let watcher = proxy.responder("watcher").await.unwrap();
    let answer = watcher.get("/v1/audit/public-key").await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json().pointer("/public_key").unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_record_is_verified_with_the_public_key_alone() {
    let salesforce = salesforce().await;
    let builder = before(&salesforce).identity("nightly", GRANTS).controlled().unwrap();
    let proxy = builder.start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    client.query("SELECT Name FROM Account LIMIT 3").await.unwrap();
    let key = public_key(&proxy).await;
    proxy.signal("KILL").await.unwrap();
    let proxy = proxy.restart().await.unwrap();
    let (code, told) = verified(&proxy, &key).await;
    assert!(code == Some(0) && told.contains("SOUND: every line is as it was written"), "{told}");

    let files = std::fs::read_dir(proxy.folder().join("audit")).unwrap().map(|entry| entry.unwrap().path());
    let first = files.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).min().unwrap();
    let text = std::fs::read_to_string(&first).unwrap();
    assert!(text.contains("\"rows\":3,"), "{text}");
    std::fs::write(&first, text.replace("\"rows\":3,", "\"rows\":1,")).unwrap();
    let (code, told) = verified(&proxy, &key).await;
    assert!(code == Some(1) && told.contains("000001.jsonl:1: from this line to line"), "{told}");
}

#[tokio::test]
async fn the_signing_key_may_be_one_of_its_own_and_be_exchanged() {
    let salesforce = salesforce().await;
    let builder = before(&salesforce).identity("nightly", GRANTS).controlled().unwrap();
    builder.write("keys/signing.pem", SIGNING).unwrap();
    let proxy = builder.start().await.unwrap();
    let before = public_key(&proxy).await;
    let main = proxy.folder().join("forcefield.yaml");
    let text = std::fs::read_to_string(&main).unwrap();
    let text = text.replace("audit: { ", "audit: { signing_key: file:keys/signing.pem, ");
    std::fs::write(&main, text).unwrap();
    let proxy = proxy.restart().await.unwrap();
    let after = public_key(&proxy).await;
    assert_ne!(before, after);
    let printed = tokio::process::Command::new(BINARY)
        .args(["audit", "public-key", "--config"])
        .arg(proxy.folder().join("forcefield.yaml"))
        .output()
        .await
        .unwrap();
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), after);
    let (code, told) = verified(&proxy, &format!("{before}{after}")).await;
    assert_eq!(code, Some(0), "{told}");
    for alone in [before, after] {
        let (code, told) = verified(&proxy, &alone).await;
        assert!(code == Some(1) && told.contains("by another key"), "{told}");
    }
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    client.query("SELECT Name FROM Account LIMIT 3").await.unwrap();
    client.query("SELECT Phone FROM Account").await.unwrap();
    let metrics = proxy.metrics().await.unwrap();
    let counted = |outcome: &str| {
        let line = |line: &&str| {
            line.starts_with("forcefield_requests_total")
                && line.contains(&format!("outcome=\"{outcome}\""))
                && line.contains("api=\"query\"")
        };
        metrics
            .lines()
            .filter(line)
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum::<f64>()
    };
    assert_eq!((counted("allowed"), counted("refused")), (1.0, 1.0), "{metrics}");
}

#[tokio::test]
async fn an_answer_without_a_body_is_on_record_when_its_head_arrives() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, "allow:\n  Account: { read: [Name], update: [Name] }\n").await;
    let client = proxy.client("nightly").await.unwrap();
    let id = salesforce.first_id("Account").unwrap();
    let path = format!("/services/data/v62.0/sobjects/Account/{id}");
    let mut answered = Vec::new();
    for number in 0..10 {
        let reply =
            client.json("PATCH", &path, &serde_json::json!({"Name": format!("n{number}")})).await.unwrap();
        assert_eq!(reply.status, 204);
        answered.push(reply.header("x-forcefield-decision").to_owned());
        let head = client.send("HEAD", &format!("{path}?fields=Name"), None).await.unwrap();
        assert_eq!(head.status, 200);
        answered.push(head.header("x-forcefield-decision").to_owned());
    }
    proxy.signal("KILL").await.unwrap();
    let records: Vec<String> = proxy.records().unwrap().iter().map(ToString::to_string).collect();
    for decision in answered {
        assert!(records.iter().any(|record| record.contains(&decision)), "{decision} was answered");
    }
}

/// Made by `openssl genpkey -algorithm ed25519`.
const SIGNING: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIPk1JH9F12uv957dghEzLHs0BnTbdoJ6CXrnMfFyZXa2\n-----END PRIVATE KEY-----\n";
