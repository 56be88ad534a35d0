//! What widens takes the right people, holds for its time only, and is on record.

use std::time::{Duration, Instant};

use forcefield_emulator::Server;
use forcefield_tests::{Client, Proxy};
use serde_json::{Value, json};

use crate::{before, salesforce};

const GRANTS: &str = "allow: { Account: { read: \"*\" } }";
const CASE: &str = "SELECT Subject FROM Case LIMIT 1";

async fn controlled(salesforce: &Server, approvals: u8) -> Proxy {
    let builder = before(salesforce).identity("drift", GRANTS).identity("nightly", GRANTS);
    let builder = builder.section(&format!("approvals: {approvals}"));
    builder.controlled().unwrap().start().await.unwrap()
}

async fn post(responder: &Client, path: &str, body: Value) -> (u16, Value) {
    let reply = responder.json("POST", path, &body).await.unwrap();
    (reply.status, reply.json())
}

async fn status(client: &Client, soql: &str) -> u16 {
    client.query(soql).await.unwrap().status
}

fn grant(lasting: &str) -> Value {
    json!({"reason": "close the books", "for": lasting, "allow": {"Case": {"read": ["Subject"]}}})
}

const GLASS: &str = "/v1/identities/drift/break-glass";

#[tokio::test]
async fn break_glass_widens_for_its_time_only_and_every_record_says_so() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce, 1).await;
    let (drift, nightly) = (proxy.client("drift").await.unwrap(), proxy.client("nightly").await.unwrap());
    assert_eq!((status(&drift, CASE).await, status(&nightly, CASE).await), (403, 403));
    let chief = proxy.responder("chief").await.unwrap();
    let start = Instant::now();
    let (code, answer) = post(&chief, GLASS, grant("6s")).await;
    assert_eq!((code, &answer["changed"]), (200, &json!(true)), "{answer}");
    assert_eq!((status(&drift, CASE).await, status(&nightly, CASE).await), (200, 403));
    assert_eq!(status(&drift, "SELECT Description FROM Case LIMIT 1").await, 403, "no more than it says");
    assert_eq!(status(&drift, "SELECT Name FROM Account LIMIT 1").await, 200);
    let job = json!({"operation": "query", "query": "SELECT Subject FROM Case"});
    let export = drift.json("POST", "/services/data/v62.0/jobs/query", &job).await.unwrap();
    assert_eq!(export.status, 403, "an export needs a destination: {}", export.text());

    let shown = chief.get("/v1/identities/drift").await.unwrap().json();
    let id = shown["break_glass"][0]["id"].as_str().unwrap().to_owned();
    let proxy = proxy.restart().await.unwrap();
    let drift = proxy.with_certificate("drift").unwrap();
    assert_eq!(status(&drift, CASE).await, 200, "it outlives the process");
    let deadline = start + Duration::from_secs(10);
    while status(&drift, CASE).await == 200 {
        assert!(Instant::now() < deadline, "it does not end");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(start.elapsed() >= Duration::from_secs(6), "ended after {:?}", start.elapsed());
    assert_eq!(status(&drift, "SELECT Name FROM Account LIMIT 1").await, 200, "its own grants stay");
    let records = proxy.records().unwrap();
    let (made, others): (Vec<&Value>, Vec<&Value>) =
        records.iter().partition(|record| record["unmapped"]["break_glass"] == json!([id]));
    assert!(made.len() >= 5 && made.iter().all(|record| record["actor"]["user"]["name"] == "drift"));
    let read = |record: &&&Value| {
        record["unmapped"]["outcome"] == "allowed" && record["resources"][0]["name"] == "Case"
    };
    assert!(made.iter().any(|record| read(&record)) && !others.iter().any(|record| read(&record)));
}

#[tokio::test]
async fn break_glass_that_cannot_be_read_changes_nothing_and_says_why() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce, 1).await;
    let drift = proxy.with_certificate("drift").unwrap();
    let chief = proxy.responder("chief").await.unwrap();
    for (allow, says) in [
        (json!("Case: { raed: [Subject] }"), "allow:1:"),
        (json!("Case: { read: [No_Such__c] }"), "no field"),
        (json!({"Nothing": {"read": "*"}}), "no such object"),
        (json!("exports: { Case: { to: [x] } }"), "allow:1:"),
    ] {
        let body = json!({"reason": "why", "for": "1h", "allow": allow});
        let (code, answer) = post(&chief, GLASS, body).await;
        assert_eq!(code, 400, "{allow}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(says), "{allow}: {answer}");
    }
    let oncall = proxy.responder("oncall").await.unwrap();
    assert_eq!(post(&oncall, GLASS, grant("1h")).await.0, 202, "a responder proposes it only");
    assert_eq!(status(&drift, CASE).await, 403);
    assert_eq!(post(&chief, GLASS, grant("1h")).await.0, 200);
    assert_eq!(status(&drift, CASE).await, 200);
    let why = json!({"reason": "done"});
    assert_eq!(post(&oncall, &format!("{GLASS}/end"), why).await.0, 200, "to end it is to narrow");
    assert_eq!(status(&drift, CASE).await, 403);
}

#[tokio::test]
async fn with_two_approvals_a_restore_takes_two_people_and_survives_a_restart() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce, 2).await;
    let name = "SELECT Name FROM Account LIMIT 1";
    let order = ["quarantine", "drift", "--reason", "vendor breached"];
    assert_eq!(proxy.command("oncall", &order).await.unwrap().0, 0, "narrowing never waits");
    let restore = ["restore", "drift", "--reason", "all clear"];
    let json_restore = [&restore[..], &["--output", "json"]].concat();
    let (code, out, err) = proxy.command("chief", &json_restore).await.unwrap();
    assert_eq!(code, 3, "{out}{err}");
    let proposal: Value = serde_json::from_str(&out).unwrap();
    let id = proposal["id"].as_str().unwrap().to_owned();

    let proxy = proxy.restart().await.unwrap();
    let drift = proxy.with_certificate("drift").unwrap();
    let (_, out, _) = proxy.command("watcher", &["proposals"]).await.unwrap();
    assert!(out.contains(&id) && out.contains("all clear"), "{out}");
    let approve = ["approve", &id, "--reason", "looked at it"];
    let (code, _, err) = proxy.command("chief", &approve).await.unwrap();
    assert!(code == 1 && err.contains("of their own"), "{err}");
    assert_eq!(proxy.command("watcher", &approve).await.unwrap().0, 1);
    assert_eq!(status(&drift, name).await, 403);
    let (code, out, err) = proxy.command("night", &approve).await.unwrap();
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(status(&drift, name).await, 200);
    assert_eq!(proxy.command("night", &approve).await.unwrap().0, 0, "safe to repeat");
    let allow = "Case: { read: [Subject] }";
    let glass = ["break-glass", "drift", "--allow", allow, "--for", "1h", "--reason", "close the books"];
    let (code, out, err) = proxy.command("oncall", &glass).await.unwrap();
    assert_eq!(code, 3, "{out}{err}");
    let records = proxy.records().unwrap();
    let acted = |name: &str, operation: &str, status: &str| {
        records.iter().any(|record| {
            record["actor"]["user"]["name"] == name
                && record["api"]["operation"] == operation
                && record["status_code"] == status
                && record["resources"][0]["name"] == "drift"
        })
    };
    assert!(acted("chief", "restore", "202") && acted("night", "approve", "200"));
    assert!(acted("chief", "approve", "403") && acted("oncall", "break-glass", "202"));
}
