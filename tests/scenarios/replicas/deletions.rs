//! Jobs that were kept as evidence long enough: each is deleted at the org by one replica.

use std::time::Duration;

use forcefield_emulator::Side;
use forcefield_tests::{Client, Redis};
use serde_json::json;

use super::{HERE, until};
use crate::{before, salesforce};

const JOBS: &str = "/services/data/v62.0/jobs/query";
const GRANTS: &str = "evidence: 1s\nallow:\n  Case: { read: \"*\" }\nexports:\n  Case: { to: [here] }\n";

/// Makes an export, and deletes it when it is finished.
async fn deleted_export(client: &Client) {
    let body = json!({"operation": "query", "query": "SELECT Id, Subject FROM Case LIMIT 10"});
    let reply = client.json("POST", JOBS, &body).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let job = format!("{JOBS}/{}", reply.json()["id"].as_str().unwrap());
    until(|| async { client.get(&job).await.unwrap().json()["state"] == "JobComplete" }).await;
    assert_eq!(client.delete(&job).await.unwrap().status, 204);
}

#[tokio::test]
async fn a_job_that_is_due_is_deleted_by_one_replica() {
    let salesforce = salesforce().await;
    let redis = Redis::start().await.unwrap();
    let builder = before(&salesforce).identity("nightly", GRANTS).section(HERE).shared(&redis.url());
    let replicas = builder.start_replicas(2).await.unwrap();
    let client = replicas[0].client("nightly").await.unwrap();
    for _ in 0..5 {
        deleted_export(&client).await;
    }
    // Each takes a while, so that the other replica's round comes while they are deleted.
    salesforce.org().set_latency(Side::Data, Duration::from_secs(2));
    let said = || -> usize {
        let lines = |replica: &forcefield_tests::Proxy| {
            replica
                .output()
                .lines()
                .filter(|line| line.contains("a deleted job was kept long enough"))
                .count()
        };
        replicas.iter().map(lines).sum()
    };
    let start = std::time::Instant::now();
    while said() < 5 {
        assert!(start.elapsed() < Duration::from_secs(120), "{} deletions", said());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(salesforce.org().requests().iter().filter(|one| one.method == "DELETE").count(), 5);
    assert!(salesforce.org().jobs().is_empty());
}
