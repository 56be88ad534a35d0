//! A refresh token that the org rotates, shared by several replicas: spent by one at a time, never twice.

use std::time::{Duration, Instant};

use forcefield_emulator::{MARK, Server, Side, Trouble};
use forcefield_tests::{Builder, Client, Proxy, REFRESH, Redis};

use super::{status, until};
use crate::{before, salesforce};

const GRANTS: &str = "allow:\n  Account: { read: \"*\" }\n";
const LOST: &str = "the store that the replicas share has lost the newest refresh token";
const SPENT: &str = "the org's answer with the newest refresh token was lost";

fn builder(salesforce: &Server, redis: &Redis) -> Builder {
    salesforce.org().rotate_refresh_tokens(true);
    let state = format!("redis: \"{}\", key: file:keys/state.key", redis.url());
    let builder = before(salesforce).refresh_identity("nightly", GRANTS).shared_by(&state);
    builder.write("keys/state.key", &"0123456789".repeat(4)).unwrap();
    builder
}

/// Two replicas and a client of each.
async fn two(salesforce: &Server, redis: &Redis) -> (Vec<Proxy>, Vec<Client>) {
    let replicas = builder(salesforce, redis).start_replicas(2).await.unwrap();
    let mut clients = Vec::new();
    for replica in &replicas {
        let client = replica.client("nightly").await.unwrap();
        eventually(&client, 200).await;
        clients.push(client);
    }
    (replicas, clients)
}

/// Waits for a status: longer than a turn lasts that nobody ends, and than a replica waits after failures.
async fn eventually(client: &Client, expected: u16) {
    let start = Instant::now();
    loop {
        let last = client.query(super::QUERY).await.unwrap();
        if last.status == expected {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "{}: {}", last.status, last.text());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Has every session at the org end, so that each replica needs a new one.
async fn expire(salesforce: &Server, clients: &[Client]) {
    salesforce.org().expire_all_sessions();
    for client in clients {
        eventually(client, 200).await;
    }
}

/// Waits until a replica has noted that it is about to spend the token.
async fn spending(redis: &Redis) {
    let start = Instant::now();
    loop {
        let keys = redis.ask("KEYS forcefield:refresh:*").await.unwrap();
        let record = keys.lines().find(|line| line.starts_with("forcefield:refresh:"));
        if let Some(record) = record
            && redis.ask(&format!("GET {record}")).await.unwrap().contains("\"spending\"")
        {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "it never came");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Writes another refresh token, which the org knows, into the configuration of replicas.
fn authorize_anew(salesforce: &Server, replicas: &[Proxy]) {
    let anew = REFRESH.replace("first", "anew");
    salesforce.org().register_refresh("3MVG9-test-app", &anew, "integration@sample.example");
    for replica in replicas {
        std::fs::write(replica.folder().join("keys/refresh"), &anew).unwrap();
    }
}

#[tokio::test]
async fn replicas_spend_each_others_rotated_tokens_which_the_store_cannot_read() {
    let salesforce = salesforce().await;
    let redis = Redis::start().await.unwrap();
    let (_replicas, clients) = two(&salesforce, &redis).await;
    for _ in 0..3 {
        expire(&salesforce, &clients).await;
    }
    salesforce.org().expire_all_sessions();
    tokio::join!(eventually(&clients[0], 200), eventually(&clients[1], 200));
    assert_eq!(salesforce.org().refresh_tokens_reused(), 0);
    assert!(salesforce.org().tokens_minted().len() >= 8, "each replica had its own, each time");
    let (written, newest) = (redis.written().unwrap(), salesforce.org().refresh_tokens());
    let has = |text: &str| memchr::memmem::find(&written, text.as_bytes()).is_some();
    assert!(has("\"sealed\"") && !has(MARK) && !has(REFRESH) && !newest.iter().any(|token| has(token)));
}

#[tokio::test]
async fn the_turn_of_a_killed_replica_passes_on() {
    let salesforce = salesforce().await;
    let redis = Redis::start().await.unwrap();
    let (replicas, clients) = two(&salesforce, &redis).await;
    // The org thinks about the login of the one for longer than this test lasts.
    salesforce.org().set_latency(Side::Login, Duration::from_secs(600));
    salesforce.org().expire_all_sessions();
    let owner = clients[0].clone();
    let asking = tokio::spawn(async move { owner.query(super::QUERY).await.is_ok() });
    spending(&redis).await;
    until(|| async { salesforce.org().delayed() > 0 }).await;
    replicas[0].signal("KILL").await.unwrap();
    salesforce.org().set_latency(Side::Login, Duration::ZERO);
    eventually(&clients[1], 200).await;
    assert_eq!(salesforce.org().refresh_tokens_reused(), 0);
    asking.abort();
}

/// Asks, and is refused, until the replica says this.
async fn refused_until(replica: &Proxy, client: &Client, said: &str) {
    let start = Instant::now();
    while !replica.output().contains(said) {
        assert!(start.elapsed() < Duration::from_secs(60), "{}", replica.output());
        assert_eq!(status(client).await, 503);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_token_whose_successor_was_lost_is_not_spent_again() {
    let salesforce = salesforce().await;
    let redis = Redis::start().await.unwrap();
    let (replicas, clients) = two(&salesforce, &redis).await;
    // The pair: a login that the org never saw. The org says that the token lives, and it is spent.
    salesforce.org().fail_next(Side::Login, Trouble::DropBeforeWork, 1);
    expire(&salesforce, &clients).await;

    salesforce.org().fail_next(Side::Login, Trouble::DropAfterWork, 1);
    salesforce.org().expire_all_sessions();
    for (replica, client) in replicas.iter().zip(&clients) {
        eventually(client, 503).await;
        // The first to ask finds no answer, whoever asks next what has come of it.
        refused_until(replica, client, SPENT).await;
    }
    assert_eq!(salesforce.org().refresh_tokens_reused(), 0);
    authorize_anew(&salesforce, &replicas);
    for client in &clients {
        eventually(client, 200).await;
    }
    expire(&salesforce, &clients).await;
    assert_eq!(salesforce.org().refresh_tokens_reused(), 0);
}

#[tokio::test]
async fn a_successor_that_the_store_does_not_take_is_delivered_later() {
    let salesforce = salesforce().await;
    let redis = Redis::start().await.unwrap();
    let (mut replicas, mut clients) = two(&salesforce, &redis).await;
    salesforce.org().set_latency(Side::Login, Duration::from_secs(4));
    salesforce.org().expire_all_sessions();
    let owner = clients[0].clone();
    let asking = tokio::spawn(async move { status(&owner).await });
    spending(&redis).await;
    redis.signal("STOP").await.unwrap();
    assert_eq!(asking.await.unwrap(), 503, "an access token is not used whose refresh token is not kept");
    salesforce.org().set_latency(Side::Login, Duration::ZERO);
    replicas[0].signal("KILL").await.unwrap();
    redis.signal("CONT").await.unwrap();
    let back = replicas.remove(0).restart().await.unwrap();
    clients[0] = back.client("nightly").await.unwrap();
    expire(&salesforce, &clients).await;
    assert_eq!(salesforce.org().refresh_tokens_reused(), 0);
}

#[tokio::test]
async fn nothing_is_spent_while_the_store_is_away_or_has_lost_the_newest_token() {
    let salesforce = salesforce().await;
    let mut redis = Redis::start().await.unwrap();
    let (replicas, clients) = two(&salesforce, &redis).await;
    redis.signal("STOP").await.unwrap();
    salesforce.org().expire_all_sessions();
    let minted = salesforce.org().tokens_minted().len();
    for client in &clients {
        assert_eq!(status(client).await, 503);
    }
    assert_eq!(salesforce.org().tokens_minted().len(), minted);
    redis.signal("CONT").await.unwrap();
    for client in &clients {
        eventually(client, 200).await;
    }

    redis.kill().await.unwrap();
    redis.restart_empty().await.unwrap();
    salesforce.org().expire_all_sessions();
    for (replica, client) in replicas.iter().zip(&clients) {
        eventually(client, 503).await;
        refused_until(replica, client, LOST).await;
    }
    assert_eq!(salesforce.org().refresh_tokens_reused(), 0);
    authorize_anew(&salesforce, &replicas);
    for client in &clients {
        eventually(client, 200).await;
    }
    assert_eq!(salesforce.org().refresh_tokens_reused(), 0);
}

#[tokio::test]
async fn without_a_key_for_the_store_a_rotating_token_is_refused_at_start() {
    let salesforce = salesforce().await;
    let redis = Redis::start().await.unwrap();
    let refused = builder(&salesforce, &redis).shared(&redis.url()).start().await;
    let problem = format!("{:#}", refused.err().unwrap());
    assert!(problem.contains("write `state.key` in the main file"), "{problem}");
    let short = builder(&salesforce, &redis);
    short.write("keys/state.key", "hunter2").unwrap();
    let problem = format!("{:#}", short.start().await.err().unwrap());
    assert!(problem.contains("the key has 7 bytes; give at least 32 random ones"), "{problem}");
}
