//! The org's sessions end under load, and its login host is in trouble: one login a session, no request lost to what one
//! renewal would have saved, and none answered with what is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use forcefield_emulator::{Server, Side, Trouble};
use forcefield_tests::{APP_SECRET, Client, Proxy, REFRESH, Reply, pki};
use serde_json::json;

use crate::{before, salesforce, with};

const GRANTS: &str = "allow:\n  Account: { read: [Name] }\n  Contact: { create: [LastName] }\n";
const QUERY: &str = "SELECT Name FROM Account LIMIT 1";
const INGEST: &str = "/services/data/v62.0/jobs/ingest";

/// How often a token was asked for, successfully or not.
fn logins(salesforce: &Server) -> usize {
    let asks = |target: &str| target.starts_with("/services/oauth2/token");
    salesforce.requests().iter().filter(|received| asks(&received.target)).count()
}

/// Asks until the answer is a success: the pause after a failed login takes a moment.
async fn until_served(client: &Client) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let reply = client.query(QUERY).await.unwrap();
        if reply.status == 200 {
            return;
        }
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert!(Instant::now() < deadline, "{}", reply.text());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A new job for contacts: where its rows go.
async fn upload_to(client: &Client) -> String {
    let job = json!({"object": "Contact", "operation": "insert", "contentType": "CSV"});
    let job = client.json("POST", INGEST, &job).await.unwrap();
    assert_eq!(job.status, 200, "{}", job.text());
    let job = job.json();
    format!("{INGEST}/{}/batches", job.get("id").and_then(|id| id.as_str()).unwrap())
}

async fn upload(client: &Client, to: &str, rows: usize) -> Reply {
    let csv = format!("LastName\n{}", "A contact of some length\n".repeat(rows));
    client.send("PUT", to, Some(("text/csv", Bytes::from(csv)))).await.unwrap()
}

#[tokio::test]
async fn sessions_that_end_under_load_fail_no_request_and_are_renewed_once_each() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    until_served(&client).await;
    let (logins_before, stop) = (logins(&salesforce), Arc::new(AtomicBool::new(false)));
    let workers: Vec<_> = (0..12)
        .map(|_| {
            let (client, stop) = (client.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let (mut served, mut failed) = (0, Vec::new());
                while !stop.load(Ordering::Relaxed) {
                    match client.query(QUERY).await.unwrap() {
                        reply if reply.status == 200 => served += 1,
                        reply => failed.push(reply.text()),
                    }
                }
                (served, failed)
            })
        })
        .collect();
    const TIMES: usize = 12;
    for _ in 0..TIMES {
        salesforce.expire_all_sessions();
        until_served(&client).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut served = 0;
    for worker in workers {
        let (some, failed) = worker.await.unwrap();
        assert_eq!(failed, Vec::<String>::new());
        served += some;
    }
    assert!(served >= TIMES, "{served}");
    assert_eq!(logins(&salesforce) - logins_before, TIMES, "{}", proxy.output());
}

#[tokio::test]
async fn a_session_that_ends_under_an_upload_is_renewed_and_the_upload_sent_again_while_it_is_held() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let (small, large) = (upload_to(&client).await, upload_to(&client).await);

    salesforce.expire_all_sessions();
    let before = logins(&salesforce);
    let reply = upload(&client, &small, 1000).await;
    assert_eq!((reply.status, logins(&salesforce)), (201, before + 1), "{}", reply.text());

    // More than is held cannot be sent twice: the client is told when to come again, and is served then.
    salesforce.expire_all_sessions();
    let reply = upload(&client, &large, 10_000).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, "1"), "{}", reply.text());
    let reply = upload(&client, &large, 10_000).await;
    assert_eq!((reply.status, logins(&salesforce)), (201, before + 2), "{}", reply.text());
}

#[tokio::test]
async fn a_login_host_that_is_down_is_asked_seldom_and_sessions_that_live_serve_on() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    until_served(&client).await;
    let before = logins(&salesforce);
    salesforce.fail_next(Side::Login, Trouble::Unavailable, 1000);
    for _ in 0..10 {
        assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    }
    assert_eq!(logins(&salesforce), before, "nobody logs in while a session lives");

    salesforce.expire_all_sessions();
    let begun = Instant::now();
    for _ in 0..30 {
        let reply = client.query(QUERY).await.unwrap();
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert!(reply.header("retry-after").parse::<u64>().is_ok_and(|wait| (1..=60).contains(&wait)));
    }
    // The pauses double from a quarter of a second at least.
    let most = 2 + 4 * begun.elapsed().as_secs() as usize;
    let tried = logins(&salesforce) - before;
    assert!((1..=most).contains(&tried), "{tried} logins in {:?}", begun.elapsed());

    salesforce.heal();
    until_served(&client).await;
}

#[tokio::test]
async fn a_slow_login_host_is_waited_for_by_all_and_asked_once() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    until_served(&client).await;
    let before = logins(&salesforce);
    salesforce.set_latency(Side::Login, Duration::from_secs(2));
    salesforce.expire_all_sessions();
    let calls: Vec<_> = (0..30)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.query(QUERY).await.unwrap().status })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap(), 200);
    }
    assert_eq!(logins(&salesforce), before + 1);
}

#[tokio::test]
async fn a_secret_or_key_that_the_org_has_changed_is_taken_up_from_its_file() {
    let salesforce = salesforce().await;
    let builder = before(&salesforce).identity("nightly", GRANTS).jwt_identity("signed", GRANTS);
    let proxy = builder.start().await.unwrap();
    let clients = [proxy.client("nightly").await.unwrap(), proxy.client("signed").await.unwrap()];
    for client in &clients {
        until_served(client).await;
    }
    let (private, public) = pki::rsa().unwrap();
    let secret = format!("{APP_SECRET}.new");
    salesforce.register_client_credentials("3MVG9-test-app", &secret);
    salesforce.register_jwt_app("3MVG9-test-app", &public, "integration@sample.example").unwrap();
    salesforce.expire_all_sessions();
    for client in &clients {
        assert_eq!(client.query(QUERY).await.unwrap().status, 503, "the old one is worth nothing");
    }
    std::fs::write(proxy.folder().join("keys/client_secret"), secret).unwrap();
    std::fs::write(proxy.folder().join("keys/jwt.pem"), private).unwrap();
    for client in &clients {
        until_served(client).await;
    }
}

/// Asks, and is refused, until the process says that the token is dead.
async fn refused_as_spent(proxy: &Proxy, client: &Client) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !proxy.output().contains("the org's answer with the newest refresh token was lost") {
        assert_eq!(client.query(QUERY).await.unwrap().status, 503);
        assert!(Instant::now() < deadline, "{}", proxy.output());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_refresh_token_whose_answer_was_lost_is_asked_about_and_not_spent_again() {
    let salesforce = salesforce().await;
    salesforce.rotate_refresh_tokens(true);
    let proxy = before(&salesforce).refresh_identity("nightly", GRANTS).start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    until_served(&client).await;
    // The pairs: a login that the org never saw, and a process that is killed before the org did anything.
    salesforce.fail_next(Side::Login, Trouble::DropBeforeWork, 1);
    salesforce.expire_all_sessions();
    until_served(&client).await;
    salesforce.set_latency(Side::Login, Duration::from_secs(600));
    salesforce.expire_all_sessions();
    let asking = tokio::spawn(async move { client.query(QUERY).await.is_ok() });
    let deadline = Instant::now() + Duration::from_secs(60);
    while salesforce.org().delayed() == 0 {
        assert!(Instant::now() < deadline, "{}", proxy.output());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let sent = proxy.folder().join("state/refresh/nightly.sent");
    assert!(std::fs::read_to_string(sent).unwrap().contains("spending"));
    proxy.signal("KILL").await.unwrap();
    salesforce.set_latency(Side::Login, Duration::ZERO);
    asking.abort();
    let proxy = proxy.restart().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    until_served(&client).await;

    salesforce.fail_next(Side::Login, Trouble::DropAfterWork, 1);
    salesforce.expire_all_sessions();
    refused_as_spent(&proxy, &client).await;
    let proxy = proxy.restart().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    refused_as_spent(&proxy, &client).await;
    assert_eq!(salesforce.org().refresh_tokens_reused(), 0);

    let anew = REFRESH.replace("first", "anew");
    salesforce.org().register_refresh("3MVG9-test-app", &anew, "integration@sample.example");
    std::fs::write(proxy.folder().join("keys/refresh"), &anew).unwrap();
    until_served(&client).await;
}
