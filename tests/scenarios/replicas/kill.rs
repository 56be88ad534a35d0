//! One command ends an integration on every replica: what it downloads, what the org does for it, what it holds there.
//!
//! It prints how long each took: `cargo test -p forcefield-tests --test scenarios -- --nocapture replicas::kill`. Only that
//! they happen is asserted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use forcefield_emulator::{Org, Server};
use forcefield_tests::{Client, Proxy, Redis};
use serde_json::json;
use tokio::time::timeout;

use super::{replicas, status, until};
use crate::salesforce;

const JOBS: &str = "/services/data/v62.0/jobs/query";
/// More than any test waits for.
const RESULT: u64 = 50 << 30;

/// Makes an export job; gives its path.
async fn job(client: &Client) -> String {
    let export = json!({"operation": "query", "query": "SELECT Id, Name FROM Reading__c"});
    let made = client.json("POST", JOBS, &export).await.unwrap();
    assert_eq!(made.status, 200, "{}", made.text());
    format!("{JOBS}/{}", made.json()["id"].as_str().unwrap())
}

/// A download under way.
struct Open {
    bytes: Arc<AtomicU64>,
    ended: tokio::task::JoinHandle<Instant>,
}

/// Downloads the results of a finished job for as long as they come.
async fn open(client: &Client, job: &str) -> Open {
    until(|| async { client.get(job).await.unwrap().json()["state"] == "JobComplete" }).await;
    let mut download = client.download(&format!("{job}/results")).await.unwrap();
    assert_eq!(download.status(), 200);
    let bytes = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&bytes);
    let ended = tokio::spawn(async move {
        while let Some(Ok(piece)) = download.next().await {
            counted.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        Instant::now()
    });
    Open { bytes, ended }
}

/// The integrations at one replica, with downloads under way: two of `drift`, one of `nightly`.
struct Busy {
    drift: Client,
    nightly: Client,
    mine: Vec<Open>,
    other: Open,
}

/// Begins downloads at a replica, and waits until they flow.
async fn busy(replica: &Proxy) -> Busy {
    let (drift, nightly) = (replica.client("drift").await.unwrap(), replica.client("nightly").await.unwrap());
    let mut mine = Vec::new();
    for _ in 0..2 {
        mine.push(open(&drift, &job(&drift).await).await);
    }
    let other = open(&nightly, &job(&nightly).await).await;
    for open in mine.iter().chain([&other]) {
        until(|| async { open.bytes.load(Ordering::Relaxed) > 1 << 20 }).await;
    }
    Busy { drift, nightly, mine, other }
}

/// How a job stands at the org.
fn state(org: &Org, path: &str) -> &'static str {
    let jobs = org.jobs();
    let id = path.rsplit('/').next().unwrap();
    jobs.iter().find(|job| id.starts_with(&job.id) || job.id.starts_with(id)).unwrap().state
}

/// An org whose exports finish at once, and whose results flow for longer than any test waits: some megabytes a second
/// each, which leaves the machine to others.
async fn org_of_large_results() -> Server {
    let salesforce = salesforce().await;
    salesforce.set_bulk_polls(1);
    salesforce.org().set_bulk_result_bytes(Some(RESULT));
    salesforce.org().set_pace(Some((32 << 10, Duration::from_millis(10))));
    salesforce
}

#[tokio::test]
async fn a_kill_ends_large_downloads_jobs_and_tokens_on_three_replicas() {
    let salesforce = org_of_large_results().await;
    let org = salesforce.org();
    let redis = Redis::start().await.unwrap();
    let replicas = replicas(&salesforce, &redis, 3, "").await;
    let mut all = Vec::new();
    for replica in &replicas {
        all.push(busy(replica).await);
    }
    salesforce.set_bulk_polls(1_000_000);
    let mut unfinished = Vec::new();
    for at in &all {
        unfinished.push(job(&at.drift).await);
    }
    let theirs = job(&all[0].nightly).await;
    let held = org.live_sessions().len();

    let oncall = replicas[0].responder("oncall").await.unwrap();
    let start = Instant::now();
    let order = json!({"reason": "vendor breached"});
    let killing = tokio::spawn(async move {
        (oncall.json("POST", "/v1/identities/drift/kill", &order).await, start.elapsed())
    });
    // A token of the integration at the org for each replica.
    let tokens = until(|| async { org.live_sessions().len() == held - 3 }).await;
    until(|| async { unfinished.iter().all(|job| state(&org, job) == "Aborted") }).await;
    eprintln!("the org's tokens dead {tokens:?} after the order, and its jobs aborted {:?}", start.elapsed());
    for (at, busy) in all.iter_mut().enumerate() {
        for open in busy.mine.drain(..) {
            let ended = timeout(Duration::from_secs(20), open.ended).await.expect("it goes on").unwrap();
            let read = open.bytes.load(Ordering::Relaxed);
            assert!(read < RESULT);
            eprintln!("replica {at}: cut {:?} after the order, at {read} bytes", ended.duration_since(start));
        }
    }
    let (reply, answered) = killing.await.unwrap();
    let answer = reply.unwrap().json();
    // On a slow machine the store may be late for one part or another, which the answer says then.
    assert!(answer["done"].to_string().contains("cut 2 exchanges under way"), "{answer}");
    eprintln!("answered {answered:?} after the order: {}", answer["done"]);
    for Busy { drift, nightly, other, .. } in &all {
        // Its session is revoked, and whatever else it may show is refused.
        until(|| async { status(drift).await == 401 }).await;
        assert_eq!(status(nightly).await, 200, "others go on");
        let before = other.bytes.load(Ordering::Relaxed);
        until(|| async { other.bytes.load(Ordering::Relaxed) > before }).await;
        other.ended.abort();
    }
    assert_ne!(state(&org, &theirs), "Aborted");
}

#[tokio::test]
async fn a_kill_cuts_here_before_a_store_that_does_not_answer_is_waited_for() {
    let salesforce = org_of_large_results().await;
    let redis = Redis::start().await.unwrap();
    let replicas = replicas(&salesforce, &redis, 1, "").await;
    let mut busy = busy(&replicas[0]).await;
    let oncall = replicas[0].responder("oncall").await.unwrap();
    redis.signal("STOP").await.unwrap();
    let order = json!({"reason": "vendor breached"});
    let killing = tokio::spawn(async move {
        let reply = oncall.json("POST", "/v1/identities/drift/kill", &order).await;
        (reply, Instant::now())
    });
    let mut cut = Vec::new();
    for open in busy.mine.drain(..) {
        cut.push(timeout(Duration::from_secs(20), open.ended).await.expect("it goes on").unwrap());
    }
    let before = busy.other.bytes.load(Ordering::Relaxed);
    until(|| async { busy.other.bytes.load(Ordering::Relaxed) > before }).await;
    busy.other.ended.abort();
    let (reply, answered) = killing.await.unwrap();
    let answer = reply.unwrap().json();
    assert!(cut.iter().all(|cut| *cut < answered), "{answer}");
    assert!(answer["done"].to_string().contains("cut 2 exchanges under way"), "{answer}");
    assert!(answer["undone"].to_string().contains("it does not hold everywhere"), "{answer}");
    redis.signal("CONT").await.unwrap();
}
