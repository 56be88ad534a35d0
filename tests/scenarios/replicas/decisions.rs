//! What one replica decided holds on all of them.

use std::time::Duration;

use forcefield_tests::{Client, Redis};
use serde_json::{Value, json};

use super::{replicas, status, until};
use crate::salesforce;

async fn act(responder: &Client, identity: &str, action: &str, body: Value) -> Value {
    let reply = responder.json("POST", &format!("/v1/identities/{identity}/{action}"), &body).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

#[tokio::test]
async fn a_session_is_good_at_every_replica_until_it_is_revoked_at_one() {
    let salesforce = salesforce().await;
    let redis = Redis::start().await.unwrap();
    let replicas = replicas(&salesforce, &redis, 3, "").await;
    let client = replicas[0].client("nightly").await.unwrap();
    let token = client.token().unwrap().to_owned();
    let elsewhere: Vec<Client> =
        replicas.iter().map(|replica| replica.anonymous().unwrap().with_token(&token)).collect();
    for client in &elsewhere {
        assert_eq!(status(client).await, 200);
    }
    let foreign = replicas[1].anonymous().unwrap().with_token(&token.replace('!', "!x"));
    assert_eq!(status(&foreign).await, 401, "what nobody gave out is good nowhere");
    let revoked = elsewhere[1].form("/services/oauth2/revoke", &[("token", &token)]).await.unwrap();
    assert_eq!(revoked.status, 200, "{}", revoked.text());
    for client in &elsewhere {
        until(|| async { status(client).await == 401 }).await;
    }
}

#[tokio::test]
async fn a_cursor_is_its_owners_at_every_replica() {
    let salesforce = salesforce().await;
    let redis = Redis::start().await.unwrap();
    let replicas = replicas(&salesforce, &redis, 2, "").await;
    let first = replicas[0].client("nightly").await.unwrap();
    let second = replicas[1].client("nightly").await.unwrap();
    let other = replicas[1].client("drift").await.unwrap();
    let mut page = first.query("SELECT LastName FROM Contact").await.unwrap().json();
    let mut rows = page["records"].as_array().unwrap().len();
    let mut at = [&second, &first].into_iter().cycle();
    while let Some(next) = page["nextRecordsUrl"].as_str().map(str::to_owned) {
        assert_eq!(other.get(&next).await.unwrap().status, 403, "it is not theirs");
        let reply = at.next().unwrap().get(&next).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        page = reply.json();
        rows += page["records"].as_array().unwrap().len();
    }
    assert_eq!(rows, 5000);
}

#[tokio::test]
async fn a_quarantine_and_a_kill_hold_on_every_replica() {
    let salesforce = salesforce().await;
    let redis = Redis::start().await.unwrap();
    let replicas = replicas(&salesforce, &redis, 3, "").await;
    let mut clients = Vec::new();
    for replica in &replicas {
        clients.push(replica.client("drift").await.unwrap());
    }
    for client in &clients {
        assert_eq!(status(client).await, 200);
    }
    let nightly = replicas[2].client("nightly").await.unwrap();
    let (oncall, chief) =
        (replicas[0].responder("oncall").await.unwrap(), replicas[1].responder("chief").await.unwrap());
    act(&oncall, "drift", "quarantine", json!({"reason": "vendor breached"})).await;
    for client in &clients {
        until(|| async { status(client).await == 403 }).await;
    }
    assert_eq!(status(&nightly).await, 200, "others go on");
    act(&chief, "drift", "restore", json!({"reason": "all clear"})).await;
    for client in &clients {
        until(|| async { status(client).await == 200 }).await;
    }

    // A download at one replica lies idle, and is killed at another.
    salesforce.org().set_pace(Some((20_000, Duration::from_secs(30))));
    let open = clients[2].clone();
    let download = tokio::spawn(async move { open.query("SELECT FIELDS(ALL) FROM Account LIMIT 200").await });
    let there = replicas[2].responder("watcher").await.unwrap();
    until(|| async {
        let streams = there.get("/v1/streams").await.unwrap().json();
        streams["streams"].as_array().is_some_and(|streams| streams.len() == 1)
    })
    .await;
    let answer = act(&oncall, "drift", "kill", json!({"reason": "vendor breached"})).await;
    assert!(answer["done"].to_string().contains("told 2 other replicas"), "{answer}");
    // It would come to its end after some 30 s.
    let reply = tokio::time::timeout(Duration::from_secs(20), download).await.expect("it goes on").unwrap();
    assert!(reply.map_or(true, |reply| !reply.complete || reply.status == 403));
    salesforce.org().set_pace(None);
    for client in &clients {
        until(|| async { status(client).await == 401 }).await;
    }
    assert_eq!(status(&nightly).await, 200, "others go on");
}
