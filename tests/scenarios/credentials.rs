//! Nothing to steal: the org's credential stays inside, is renewed inside, and its troubles stay inside.

use std::time::Duration;

use forcefield_emulator::{Side, Trouble};
use serde_json::json;

use crate::{before, salesforce, with};

const GRANTS: &str = "allow:\n  Account: { read: [Name], create: [Name], update: [Name] }\n";
const QUERY: &str = "SELECT Name FROM Account LIMIT 1";

#[tokio::test]
async fn a_session_that_ends_is_renewed_once_and_the_request_sent_again() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    let minted = salesforce.tokens_minted().len();

    salesforce.expire_all_sessions();
    let name = "n".repeat(200);
    let created =
        client.json("POST", "/services/data/v62.0/sobjects/Account", &json!({"Name": name})).await.unwrap();
    assert_eq!(created.status, 201, "{}", created.text());
    assert_eq!(salesforce.tokens_minted().len(), minted + 1);
    let id = created.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(salesforce.value(&id, "Name"), Some(name), "the body was sent again whole");
}

#[tokio::test]
async fn many_callers_after_an_expiry_cause_one_login() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    let minted = salesforce.tokens_minted().len();
    salesforce.expire_all_sessions();
    salesforce.set_latency(Side::Login, Duration::from_millis(100));
    let calls: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.query(QUERY).await.unwrap().status })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(salesforce.tokens_minted().len(), minted + 1);
}

#[tokio::test]
async fn a_session_that_is_refused_again_is_answered_once() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    salesforce.clear();
    salesforce.fail_next(Side::Data, Trouble::SessionRefused, 50);
    let reply = client.query(QUERY).await.unwrap();
    assert_eq!(reply.status, 503, "{}", reply.text());
    let tries = salesforce.requests().iter().filter(|received| received.target.contains("/query")).count();
    assert_eq!(tries, 2, "one try and one repetition");
    salesforce.heal();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
}

#[tokio::test]
async fn without_a_credential_nothing_is_sent() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    salesforce.expire_all_sessions();
    for trouble in [Trouble::Unavailable, Trouble::HtmlError, Trouble::Garbage, Trouble::DropBeforeWork] {
        salesforce.heal();
        salesforce.expire_all_sessions();
        salesforce.fail_next(Side::Login, trouble, 1000);
        let reply = client.query(QUERY).await.unwrap();
        assert_eq!(reply.status, 503, "{trouble:?}: {}", reply.text());
        assert!(reply.json()[0]["errorCode"].is_string(), "{}", reply.text());
    }
}

#[tokio::test]
async fn an_answer_of_another_org_is_not_believed() {
    let salesforce = forcefield_emulator::Org::builder().org_id("00D000000000099AAA").start().await.unwrap();
    let proxy =
        before(&salesforce).org_id("00D000000000001").identity("nightly", GRANTS).start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 503);
    let queries = salesforce.requests().iter().filter(|received| received.target.contains("/query")).count();
    assert_eq!(queries, 0);
}

#[tokio::test]
async fn jwt_bearer_logs_in_with_a_signed_assertion() {
    let salesforce = salesforce().await;
    let proxy = before(&salesforce).jwt_identity("nightly", GRANTS).start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    let as_user = |received: &forcefield_emulator::Received| {
        received.username.as_deref() == Some("integration@sample.example")
    };
    assert!(
        salesforce.requests().iter().any(|received| received.target.contains("/query") && as_user(received))
    );
}

// The harness searches every byte that any scenario's Forcefield emits for the org's secrets (`tests/src/watch.rs`); here
// is a tour of what emits much, with troubles at the login host on the way.
#[tokio::test]
async fn nothing_that_leaves_the_process_holds_an_org_token_or_key() {
    let salesforce = salesforce().await;
    let grants = "allow:\n  Account: { read: \"*\", create: \"*\" }\nalso: [versions, resources, limits, describe-global, userinfo]\n";
    let proxy =
        before(&salesforce).identity("nightly", grants).jwt_identity("signed", grants).start().await.unwrap();
    for name in ["nightly", "signed"] {
        let client = proxy.client(name).await.unwrap();
        for target in [
            "/services/data",
            "/services/data/v62.0",
            "/services/data/v62.0/limits",
            "/services/data/v62.0/sobjects",
            "/services/data/v62.0/sobjects/Account/describe",
            "/services/data/v62.0/query?q=SELECT+FIELDS(ALL)+FROM+Account+LIMIT+5",
            "/services/data/v62.0/query?q=SELECT+Phone+FROM+Contact",
            "/services/oauth2/userinfo",
            "/services/data/v62.0/nowhere",
        ] {
            client.get(target).await.unwrap();
        }
        salesforce.fail_next(Side::Login, Trouble::Garbage, 10);
        salesforce.expire_all_sessions();
        assert_eq!(client.query(QUERY).await.unwrap().status, 503);
        salesforce.heal();
    }
    let minted = salesforce.tokens_minted();
    assert!(minted.len() >= 2 && minted.iter().all(|token| token.contains(forcefield_emulator::MARK)));
}

#[tokio::test]
async fn a_crash_leaves_no_memory_behind() {
    use std::os::unix::process::ExitStatusExt;
    let salesforce = salesforce().await;
    let mut proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", proxy.pid().unwrap())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    proxy.signal("ABRT").await.unwrap();
    let ended = proxy.ended(Duration::from_secs(20)).await.unwrap();
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(6), false), "{ended}");
}
