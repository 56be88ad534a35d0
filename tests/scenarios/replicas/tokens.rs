//! Tokens that a replica does not know: asked about at the store, and no more than the store can bear.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use forcefield_tests::{Client, Redis};

use super::{QUERY, replicas, status, until};
use crate::salesforce;

/// A token of our form that nobody gave out.
fn made_up(number: u64) -> String {
    format!("00D5g000004XyZE!{number:064}")
}

/// Shows made-up tokens, each once, until told to end; gives the statuses.
async fn guesser(client: Client, first: u64, end: Arc<AtomicBool>) -> Vec<u16> {
    let mut statuses = Vec::new();
    for number in first.. {
        if end.load(Ordering::Relaxed) {
            break;
        }
        statuses.push(status(&client.clone().with_token(&made_up(number))).await);
    }
    statuses
}

#[tokio::test]
async fn a_flood_of_made_up_tokens_holds_nobody_up_while_the_store_does_not_answer() {
    let salesforce = salesforce().await;
    let redis = Redis::start().await.unwrap();
    let replicas = replicas(&salesforce, &redis, 2, "").await;
    let (nightly, elsewhere) =
        (replicas[0].client("nightly").await.unwrap(), replicas[1].client("nightly").await.unwrap());
    assert_eq!((status(&nightly).await, status(&elsewhere).await), (200, 200));
    let anonymous = replicas[0].anonymous().unwrap();
    assert_eq!(status(&anonymous.clone().with_token(&made_up(0))).await, 401, "nobody knows it");

    redis.signal("STOP").await.unwrap();
    // As many as are asked about at one time, and more, in much less than the time after which nothing is answered.
    let mut flood = tokio::task::JoinSet::new();
    for guess in 1..=100 {
        let guesser = anonymous.clone().with_token(&made_up(guess));
        flood.spawn(async move { status(&guesser).await });
    }
    for _ in 0..5 {
        assert_eq!(status(&nightly).await, 200, "its session is known here");
    }
    let token = elsewhere.token().unwrap();
    let here = anonymous.clone().with_token(token);
    let refused = here.query(QUERY).await.unwrap();
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.text().contains("cannot be asked about it at present"), "{}", refused.text());
    let answers = flood.join_all().await;
    assert!(answers.iter().all(|status| *status == 503), "{answers:?}");

    redis.signal("CONT").await.unwrap();
    until(|| async { status(&here).await == 200 }).await;
    assert_eq!(status(&anonymous.with_token(&made_up(1000))).await, 401);
}

#[tokio::test]
async fn a_token_of_another_replica_is_learnt_in_the_middle_of_a_flood() {
    let salesforce = salesforce().await;
    let redis = Redis::start().await.unwrap();
    let replicas = replicas(&salesforce, &redis, 2, "").await;
    let anonymous = replicas[0].anonymous().unwrap();
    let (end, mut flood) = (Arc::new(AtomicBool::new(false)), tokio::task::JoinSet::new());
    for guess in 1..=8 {
        flood.spawn(guesser(anonymous.clone(), guess * 1_000_000, Arc::clone(&end)));
    }
    for _ in 0..5 {
        let elsewhere = replicas[1].client("nightly").await.unwrap();
        let here = anonymous.clone().with_token(elsewhere.token().unwrap());
        // Once refused because so much is asked already, it is good the next time.
        until(|| async { status(&here).await == 200 }).await;
    }
    end.store(true, Ordering::Relaxed);
    let answers = flood.join_all().await.concat();
    assert!(!answers.is_empty() && answers.iter().all(|status| [401, 503].contains(status)), "{answers:?}");
}

#[tokio::test]
async fn a_login_with_a_token_that_cannot_be_asked_about_is_put_off() {
    let salesforce = salesforce().await;
    let mut redis = Redis::start().await.unwrap();
    let replicas = replicas(&salesforce, &redis, 2, "").await;
    let token = replicas[1].client("nightly").await.unwrap().token().unwrap().to_owned();
    let client = replicas[0].anonymous().unwrap();
    let form = [("token", token.as_str())];
    redis.kill().await.unwrap();
    let put_off = client.form("/services/oauth2/revoke", &form).await.unwrap();
    assert_eq!(put_off.status, 503, "not taken to be revoked: {}", put_off.text());
    redis.restart().await.unwrap();
    until(|| async { client.form("/services/oauth2/revoke", &form).await.unwrap().status == 200 }).await;
    assert_eq!(status(&client.with_token(&token)).await, 401);
}
