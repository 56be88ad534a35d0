//! The store is gone, slow, or empty: never open, never a fresh budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use forcefield_tests::{Client, Redis};
use serde_json::{Value, json};

use super::{GRANTS, HERE, replicas, status, thief, until};
use crate::bounded::query_job;
use crate::{before, salesforce};

#[tokio::test]
async fn without_the_store_exports_and_new_sessions_are_refused_and_restraints_stay() {
    let salesforce = salesforce().await;
    let mut redis = Redis::start().await.unwrap();
    let replicas = replicas(&salesforce, &redis, 2, "limits: { rows: 100000/day }").await;
    let nightly = replicas[0].client("nightly").await.unwrap();
    let drift = replicas[1].client("drift").await.unwrap();
    assert_eq!((status(&nightly).await, status(&drift).await), (200, 200));
    let oncall = replicas[0].responder("oncall").await.unwrap();
    let order = json!({"reason": "vendor breached"});
    assert_eq!(oncall.json("POST", "/v1/identities/drift/quarantine", &order).await.unwrap().status, 200);
    until(|| async { status(&drift).await == 403 }).await;

    redis.kill().await.unwrap();
    let export = json!({"operation": "query", "query": "SELECT Id FROM Reading__c LIMIT 10"});
    until(|| async {
        nightly.json("POST", "/services/data/v62.0/jobs/query", &export).await.unwrap().status == 503
    })
    .await;
    assert_eq!(status(&nightly).await, 200, "it goes on with what the replica holds");
    assert!(replicas[0].client("nightly").await.is_err(), "no new session");
    assert_eq!(status(&drift).await, 403);
    assert!(replicas[0].metrics().await.unwrap().contains("forcefield_store_reached 0"));
    let kept = oncall.json("POST", "/v1/identities/nightly/quarantine", &order).await.unwrap();
    assert!(
        kept.text().contains("other") || kept.json()["undone"].to_string().contains("reach"),
        "{}",
        kept.text()
    );
    assert_eq!(status(&nightly).await, 403, "it holds here at once");

    redis.restart().await.unwrap();
    let elsewhere = replicas[1].with_certificate("nightly").unwrap();
    until(|| async { status(&elsewhere).await == 403 }).await;
    assert_eq!(status(&drift).await, 403);
    until(|| async { replicas[0].metrics().await.unwrap().contains("forcefield_store_reached 1") }).await;
}

#[tokio::test]
async fn a_store_that_comes_back_empty_learns_what_was_spent_and_decided() {
    let salesforce = salesforce().await;
    salesforce.org().set_virtual_rows(13_900_000);
    let mut redis = Redis::start().await.unwrap();
    let replicas = replicas(&salesforce, &redis, 2, "limits: { rows: 20000/day }").await;
    let rows = Arc::new(AtomicU64::new(0));
    let clients =
        [replicas[0].client("nightly").await.unwrap(), replicas[1].client("nightly").await.unwrap()];
    let drift = replicas[1].client("drift").await.unwrap();
    assert_eq!(status(&drift).await, 200);
    let oncall = replicas[0].responder("oncall").await.unwrap();
    let order = json!({"reason": "vendor breached"});
    assert_eq!(oncall.json("POST", "/v1/identities/drift/quarantine", &order).await.unwrap().status, 200);
    until(|| async { status(&drift).await == 403 }).await;
    let mut thieves = tokio::task::JoinSet::new();
    for client in &clients {
        thieves.spawn(thief(client.clone(), Arc::clone(&rows), 600));
    }
    until(|| async { rows.load(Ordering::Relaxed) > 8_000 }).await;
    redis.kill().await.unwrap();
    redis.restart_empty().await.unwrap();
    thieves.join_all().await;
    let taken = rows.load(Ordering::Relaxed);
    assert!(taken <= 20_000, "{taken} rows");
    assert!(taken > 8_000, "{taken} rows");
    assert_eq!(status(&drift).await, 403, "the quarantine stays");
    let known = replicas[1].anonymous().unwrap().with_token(clients[0].token().unwrap());
    assert_ne!(status(&known).await, 401, "sessions are told again");
}

#[tokio::test]
async fn a_store_that_does_not_answer_holds_nobody_up_for_long() {
    let salesforce = salesforce().await;
    let redis = Redis::start().await.unwrap();
    let replicas = replicas(&salesforce, &redis, 1, "limits: { rows: 100000/day }").await;
    let nightly = replicas[0].client("nightly").await.unwrap();
    assert_eq!(status(&nightly).await, 200);
    redis.signal("STOP").await.unwrap();
    let start = Instant::now();
    assert_eq!(status(&nightly).await, 200);
    let page = nightly.query("SELECT LastName FROM Contact").await;
    assert!(page.is_ok_and(|page| page.status != 200 || !page.complete), "its cursor cannot be kept");
    assert!(replicas[0].client("nightly").await.is_err(), "no new session");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    redis.signal("CONT").await.unwrap();
    until(|| async { replicas[0].client("nightly").await.is_ok() }).await;
    let page = nightly.query("SELECT LastName FROM Contact").await.unwrap();
    assert_eq!((page.status, page.complete), (200, true));
}

/// Reads a download until it ends; gives whether it broke.
async fn read_on(client: &Client, path: String) -> bool {
    let mut download = client.download(&path).await.unwrap();
    assert_eq!(download.status(), 200);
    loop {
        match download.next().await {
            Some(Ok(_)) => {}
            Some(Err(_)) => return true,
            None => return false,
        }
    }
}

#[tokio::test]
async fn an_answer_under_way_ends_with_the_lease_and_says_why() {
    let salesforce = salesforce().await;
    let redis = Redis::start().await.unwrap();
    let limited = format!("{GRANTS}limits: {{ rows: 900000000/day }}\n");
    let builder = before(&salesforce).identity("drift", GRANTS).identity("nightly", &limited);
    let builder = builder.section(HERE).controlled().unwrap().shared(&redis.url());
    let replicas = builder.start_replicas(1).await.unwrap();
    let (drift, nightly) =
        (replicas[0].client("drift").await.unwrap(), replicas[0].client("nightly").await.unwrap());
    let jobs = [
        query_job(&drift, "SELECT Id FROM Reading__c LIMIT 10").await,
        query_job(&nightly, "SELECT Id FROM Reading__c LIMIT 10").await,
    ]
    .map(|job| format!("{job}/results"));
    salesforce.org().set_bulk_result_bytes(Some(1 << 30));
    salesforce.org().set_pace(Some((4 << 10, Duration::from_millis(100))));
    let [unlimited, limited] = jobs;
    let downloads = async { tokio::join!(read_on(&drift, unlimited), read_on(&nightly, limited)) };
    let black_hole = async {
        until(|| async {
            let watcher = replicas[0].responder("watcher").await.unwrap();
            let open = watcher.get("/v1/streams").await.unwrap().json();
            let bytes = |stream: &Value| stream["bytes"].as_u64().is_some_and(|bytes| bytes > 0);
            open["streams"].as_array().is_some_and(|open| open.len() == 2 && open.iter().all(bytes))
        })
        .await;
        redis.signal("STOP").await.unwrap();
    };
    let both = async { tokio::join!(downloads, black_hole).0 };
    let broken = tokio::time::timeout(Duration::from_secs(120), Box::pin(both)).await.unwrap();
    assert_eq!(broken, (true, true), "{}", replicas[0].output());
    salesforce.org().set_pace(None);
    let records = replicas[0].records().unwrap();
    let cut: Vec<_> = records.iter().filter(|record| record["unmapped"]["outcome"] == "cut").collect();
    assert_eq!(cut.len(), 2, "{cut:?}");
    for record in cut {
        assert_eq!(record["unmapped"]["rule"], "unavailable");
        let why = record["status_detail"].as_str().unwrap();
        assert!(why.contains("the store that the replicas share does not answer"), "{why}");
    }
    assert_eq!((status(&drift).await, status(&nightly).await), (503, 503));
    redis.signal("CONT").await.unwrap();
    for client in [&drift, &nightly] {
        until(|| async { status(client).await == 200 }).await;
    }
}
