//! What widens is known to every replica, takes the people that it takes wherever they are, and widens nothing where it
//! cannot be known to hold.

use std::time::{Duration, Instant};

use forcefield_tests::{Client, Proxy, Redis};
use serde_json::{Value, json};

use super::{GRANTS, status, until};
use crate::{before, salesforce};

const CASE: &str = "SELECT Subject FROM Case LIMIT 1";
const GLASS: &str = "/v1/identities/drift/break-glass";
const END: &str = "/v1/identities/drift/break-glass/end";

/// Replicas where to widen takes so many people.
async fn replicas(redis: &Redis, count: usize, approvals: u8) -> (Vec<Proxy>, forcefield_emulator::Server) {
    let salesforce = salesforce().await;
    let builder = before(&salesforce).identity("drift", GRANTS).identity("nightly", GRANTS);
    let sections = format!("{}approvals: {approvals}\n", super::HERE);
    let builder = builder.section(&sections).controlled().unwrap().shared(&redis.url());
    (builder.start_replicas(count).await.unwrap(), salesforce)
}

/// Calls, again and again while the store does not answer in time, which it may not on a busy machine.
async fn post(responder: &Client, path: &str, body: &Value) -> (u16, Value) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let reply = responder.json("POST", path, body).await.unwrap();
        if reply.status != 503 || Instant::now() > deadline {
            return (reply.status, reply.json());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn proposed(responder: &Client, path: &str, body: &Value) -> String {
    let (code, answer) = post(responder, path, body).await;
    assert_eq!(code, 202, "{answer}");
    answer["id"].as_str().unwrap().to_owned()
}

/// Whether a replica knows of an open proposal.
async fn knows(responder: &Client, proposal: &str) -> bool {
    responder.get("/v1/proposals").await.unwrap().text().contains(proposal)
}

async fn is_granted(responder: &Client) -> bool {
    let shown = responder.get("/v1/identities/drift").await.unwrap().json();
    shown["break_glass"].as_array().is_some_and(|grants| !grants.is_empty())
}

async fn may_read_cases(client: &Client) -> bool {
    client.query(CASE).await.unwrap().status == 200
}

async fn is_in_touch(replica: &Proxy) -> bool {
    replica.metrics().await.unwrap().contains("forcefield_store_reached 1")
}

fn grant() -> Value {
    json!({"reason": "close the books", "for": "1h", "allow": {"Case": {"read": ["Subject"]}}})
}

fn why() -> Value {
    json!({"reason": "all clear"})
}

#[tokio::test]
async fn what_is_proposed_at_one_replica_is_approved_or_withdrawn_at_another() {
    let redis = Redis::start().await.unwrap();
    let (replicas, _salesforce) = replicas(&redis, 3, 2).await;
    let oncall = replicas[0].responder("oncall").await.unwrap();
    let chief = replicas[1].responder("chief").await.unwrap();
    let mut clients = Vec::new();
    for replica in &replicas {
        clients.push(replica.client("drift").await.unwrap());
    }
    assert_eq!(post(&oncall, "/v1/identities/drift/quarantine", &why()).await.0, 200);
    for client in &clients {
        until(|| async { status(client).await == 403 }).await;
    }
    let restore = proposed(&oncall, "/v1/identities/drift/restore", &why()).await;
    until(|| knows(&chief, &restore)).await;
    let approve = format!("/v1/proposals/{restore}/approve");
    assert_eq!(post(&oncall, &approve, &why()).await.0, 403, "nobody is two people");
    let (code, answer) = post(&chief, &approve, &why()).await;
    assert_eq!((code, &answer["changed"]), (200, &json!(true)), "{answer}");
    for client in &clients {
        until(|| async { status(client).await == 200 }).await;
    }
    until(|| async { !knows(&oncall, &restore).await }).await;
    let there = replicas[2].responder("chief").await.unwrap();
    until(|| async { !knows(&there, &restore).await }).await;
    let (code, answer) = post(&there, &approve, &why()).await;
    assert_eq!((code, &answer["changed"]), (200, &json!(false)), "it is approved already: {answer}");

    let glass = proposed(&oncall, GLASS, &grant()).await;
    until(|| knows(&chief, &glass)).await;
    assert!(!may_read_cases(&clients[2]).await, "a proposal does nothing");
    let withdrawn = post(&chief, &format!("/v1/proposals/{glass}/withdraw"), &why()).await;
    assert_eq!(withdrawn.0, 200, "{}", withdrawn.1);
    until(|| async { !knows(&there, &glass).await }).await;
    assert_eq!(post(&there, &format!("/v1/proposals/{glass}/approve"), &why()).await.0, 409);
    assert!(!may_read_cases(&clients[2]).await);
}

#[tokio::test]
async fn of_two_who_approve_at_once_at_two_replicas_one_does_and_both_are_on_record() {
    let redis = Redis::start().await.unwrap();
    let (replicas, _salesforce) = replicas(&redis, 2, 2).await;
    let chief = replicas[0].responder("chief").await.unwrap();
    let (one, two) =
        (replicas[0].responder("oncall").await.unwrap(), replicas[1].responder("night").await.unwrap());
    for round in 0..4 {
        let glass = proposed(&chief, GLASS, &grant()).await;
        until(|| knows(&one, &glass)).await;
        until(|| knows(&two, &glass)).await;
        let (approve, body) = (format!("/v1/proposals/{glass}/approve"), why());
        let ((here, said), (there, said_there)) =
            tokio::join!(post(&one, &approve, &body), post(&two, &approve, &body));
        // Who comes second is told that somebody else has settled it, or approved it already.
        let codes = [here, there];
        assert!(codes.contains(&200) && codes.iter().all(|code| [200, 409].contains(code)), "{codes:?}");
        let both = said["changed"] == json!(true) && said_there["changed"] == json!(true);
        assert!(!both, "round {round}: {said}, {said_there}");
        until(|| async { is_granted(&one).await && is_granted(&two).await }).await;
        assert_eq!(post(&one, END, &why()).await.0, 200);
        until(|| async { !is_granted(&one).await && !is_granted(&two).await }).await;
    }
    for (replica, who) in [(&replicas[0], "oncall"), (&replicas[1], "night")] {
        let records = replica.records().unwrap();
        let approved = |record: &&Value| {
            record["api"]["operation"] == "approve" && record["actor"]["user"]["name"] == who
        };
        assert!(records.iter().filter(approved).count() >= 4, "{who}");
    }
}

#[tokio::test]
async fn a_grant_holds_and_ends_on_every_replica_also_on_one_that_was_away() {
    let redis = Redis::start().await.unwrap();
    let (mut replicas, _salesforce) = replicas(&redis, 3, 1).await;
    let chief = replicas[0].responder("chief").await.unwrap();
    let oncall = replicas[1].responder("oncall").await.unwrap();
    let mut clients = Vec::new();
    for replica in &replicas {
        clients.push(replica.with_certificate("drift").unwrap());
    }
    let nightly = replicas[2].client("nightly").await.unwrap();
    let (code, answer) = post(&chief, GLASS, &grant()).await;
    assert_eq!(code, 200, "{answer}");
    let mut again = grant();
    again["for"] = json!("30m");
    assert_eq!(post(&chief, GLASS, &again).await.1["changed"], json!(false), "nothing that was not there");
    for client in &clients {
        until(|| may_read_cases(client)).await;
    }
    assert!(!may_read_cases(&nightly).await, "nobody else's grants are wider");

    let last = replicas.pop().unwrap().restart().await.unwrap();
    let there = last.with_certificate("drift").unwrap();
    until(|| may_read_cases(&there)).await;
    last.signal("KILL").await.unwrap();
    // Safe to repeat, until the store has taken it.
    until(|| async { post(&oncall, END, &why()).await.1["undone"] == json!([]) }).await;
    assert!(!may_read_cases(&clients[1]).await);
    until(|| async { !may_read_cases(&clients[0]).await }).await;
    let last = last.restart().await.unwrap();
    let there = last.with_certificate("drift").unwrap();
    until(|| is_in_touch(&last)).await;
    assert!(!may_read_cases(&there).await, "it ended while this one was away");
    assert_eq!(status(&there).await, 200, "its own grants stay");
}

#[tokio::test]
async fn a_grant_widens_nothing_at_a_replica_that_cannot_know_whether_it_holds() {
    let mut redis = Redis::start().await.unwrap();
    let (replicas, _salesforce) = replicas(&redis, 2, 1).await;
    let chief = replicas[0].responder("chief").await.unwrap();
    let clients =
        [replicas[0].with_certificate("drift").unwrap(), replicas[1].with_certificate("drift").unwrap()];
    assert_eq!(post(&chief, GLASS, &grant()).await.0, 200);
    for client in &clients {
        until(|| may_read_cases(client)).await;
    }
    redis.kill().await.unwrap();
    for client in &clients {
        until(|| async { !may_read_cases(client).await }).await;
        assert_eq!(status(client).await, 200, "its own grants stay");
    }
    assert!(!is_granted(&chief).await);
    let refused = chief.json("POST", "/v1/identities/nightly/break-glass", &grant()).await.unwrap();
    assert_eq!(refused.status, 503, "{}", refused.text());
    redis.restart().await.unwrap();
    for client in &clients {
        until(|| may_read_cases(client)).await;
    }

    // Ended where the others cannot be told: here at once, there when they hear of it.
    redis.kill().await.unwrap();
    until(|| async { !may_read_cases(&clients[1]).await }).await;
    let (code, answer) = post(&chief, END, &why()).await;
    assert_eq!((code, answer["undone"].as_array().map(Vec::len)), (200, Some(1)), "{answer}");
    redis.restart().await.unwrap();
    for replica in &replicas {
        until(|| is_in_touch(replica)).await;
    }
    for client in &clients {
        until(|| async { !may_read_cases(client).await }).await;
    }
}

#[tokio::test]
async fn a_store_that_comes_back_empty_ends_every_grant_and_proposal() {
    let mut redis = Redis::start().await.unwrap();
    let (replicas, _salesforce) = replicas(&redis, 2, 1).await;
    let (chief, oncall) =
        (replicas[0].responder("chief").await.unwrap(), replicas[1].responder("oncall").await.unwrap());
    let clients =
        [replicas[0].with_certificate("drift").unwrap(), replicas[1].with_certificate("drift").unwrap()];
    assert_eq!(post(&chief, GLASS, &grant()).await.0, 200);
    let open = proposed(&oncall, "/v1/identities/nightly/restore", &why()).await;
    for client in &clients {
        until(|| may_read_cases(client)).await;
    }
    until(|| knows(&chief, &open)).await;
    redis.kill().await.unwrap();
    redis.restart_empty().await.unwrap();
    until(|| async { !knows(&chief, &open).await && !knows(&oncall, &open).await }).await;
    for replica in &replicas {
        until(|| is_in_touch(replica)).await;
    }
    for client in &clients {
        until(|| async { !may_read_cases(client).await }).await;
    }
    assert_eq!(post(&chief, &format!("/v1/proposals/{open}/approve"), &why()).await.0, 404);
    assert_eq!(post(&chief, GLASS, &grant()).await.0, 200, "people grant anew");
    for client in &clients {
        until(|| may_read_cases(client)).await;
    }
}
