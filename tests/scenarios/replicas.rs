//! Several replicas and one Redis: one budget, one set of sessions, jobs and restraints, whatever fails.

#![expect(clippy::indexing_slicing, reason = "a scenario stops at an answer that it does not know")]

mod decisions;
mod deletions;
mod failover;
mod guarded;
mod kill;
mod rotation;
mod script;
mod store;
mod tokens;
mod widening;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use forcefield_emulator::Server;
use forcefield_tests::{Client, Proxy, Redis};

use crate::{before, salesforce};

const HERE: &str = "destinations:\n  here: { networks: [127.0.0.0/8] }\n";
const GRANTS: &str = "allow:\n  Account: { read: \"*\" }\n  Contact: { read: [LastName] }\n  Reading__c: { read: \"*\" }\nexports:\n  Reading__c: { to: [here] }\n";
const QUERY: &str = "SELECT Name FROM Account LIMIT 1";

/// Replicas of a configuration with the integrations `drift` and `nightly`.
async fn replicas(salesforce: &Server, redis: &Redis, count: usize, limits: &str) -> Vec<Proxy> {
    let rest = format!("{GRANTS}{limits}\n");
    let builder = before(salesforce).identity("drift", &rest).identity("nightly", &rest);
    let builder = builder.section(HERE).controlled().unwrap().shared(&redis.url());
    builder.start_replicas(count).await.unwrap()
}

async fn status(client: &Client) -> u16 {
    client.query(QUERY).await.unwrap().status
}

/// Waits until a condition holds; gives how long that took.
async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) -> Duration {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    start.elapsed()
}

/// Pages through as much as it gets, until refused several times or told to stop; counts the rows.
async fn thief(client: Client, rows: Arc<AtomicU64>, most_refusals: u32) {
    let mut refused = 0;
    while refused < most_refusals {
        let Ok(mut reply) = client.query("SELECT Id, Name FROM Reading__c").await else { return };
        loop {
            rows.fetch_add(reply.text().matches("\"attributes\"").count() as u64, Ordering::Relaxed);
            if reply.status != 200 {
                refused += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let Some(next) = reply.json()["nextRecordsUrl"].as_str().map(str::to_owned) else { break };
            let Ok(next) = client.get(&next).await else { return };
            reply = next;
        }
    }
}

#[tokio::test]
async fn three_replicas_spend_one_budget_also_when_one_is_killed() {
    let salesforce = salesforce().await;
    salesforce.org().set_virtual_rows(13_900_000);
    let redis = Redis::start().await.unwrap();
    let replicas = replicas(&salesforce, &redis, 3, "limits: { rows: 31000/day }").await;
    let rows = Arc::new(AtomicU64::new(0));
    let mut thieves = tokio::task::JoinSet::new();
    for replica in &replicas {
        for _ in 0..2 {
            thieves.spawn(thief(replica.client("nightly").await.unwrap(), Arc::clone(&rows), 40));
        }
    }
    until(|| async { rows.load(Ordering::Relaxed) > 6_000 }).await;
    replicas[2].signal("KILL").await.unwrap();
    thieves.join_all().await;
    let taken = rows.load(Ordering::Relaxed);
    assert!(taken <= 31_000, "{taken} rows");
    // What the killed one held is lost to the others: never more than a quarter of what was left.
    assert!(taken > 20_000, "{taken} rows");
    let refused =
        replicas[0].client("nightly").await.unwrap().query("SELECT Id FROM Reading__c").await.unwrap();
    assert_eq!(refused.status, 403, "{}", refused.text());
    let other = replicas[0].client("drift").await.unwrap();
    assert_eq!(status(&other).await, 200, "its budget is its own");
}

#[tokio::test]
async fn a_replica_that_comes_back_returns_what_it_held() {
    let salesforce = salesforce().await;
    salesforce.org().set_virtual_rows(13_900_000);
    let redis = Redis::start().await.unwrap();
    let mut replicas = replicas(&salesforce, &redis, 2, "limits: { rows: 10000/day }").await;
    let client = replicas[1].client("nightly").await.unwrap();
    assert_eq!(client.query("SELECT Id FROM Reading__c LIMIT 100").await.unwrap().status, 200);
    let killed = replicas.pop().unwrap();
    killed.signal("KILL").await.unwrap();
    let back = killed.restart().await.unwrap();
    let rows = Arc::new(AtomicU64::new(0));
    let (one, two) = (back.client("nightly").await.unwrap(), replicas[0].client("nightly").await.unwrap());
    tokio::join!(thief(one, Arc::clone(&rows), 30), thief(two, Arc::clone(&rows), 30));
    let taken = rows.load(Ordering::Relaxed) + 100;
    // What went out in the last moment before the kill may be on no journal: fewer than 256 rows.
    assert!((9_700..=10_255).contains(&taken), "{taken} rows: all of the budget, and hardly more");
}

#[tokio::test]
async fn a_rate_is_one_for_all_replicas() {
    let salesforce = salesforce().await;
    let redis = Redis::start().await.unwrap();
    let replicas = replicas(&salesforce, &redis, 2, "limits: { requests: 20/h, burst: 20 }").await;
    let mut let_in = 0;
    let clients =
        [replicas[0].client("nightly").await.unwrap(), replicas[1].client("nightly").await.unwrap()];
    // Each is known to the other before the burst is spent.
    for _ in 0..2 {
        for client in &clients {
            let_in += u32::from(status(client).await == 200);
        }
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    for _ in 0..30 {
        for client in &clients {
            let_in += u32::from(status(client).await == 200);
        }
    }
    assert!((18..=22).contains(&let_in), "{let_in} requests");
}
