//! How fast, and how much at once.

use std::time::Duration;

use forcefield_emulator::Side;

use crate::{salesforce, with};

#[tokio::test]
async fn who_calls_too_often_is_told_when_to_come_again() {
    let salesforce = salesforce().await;
    let proxy =
        with(&salesforce, "allow:\n  Account: { read: [Name] }\nlimits: { requests: 6/h, burst: 3 }\n").await;
    let client = proxy.client("nightly").await.unwrap();
    for _ in 0..3 {
        assert_eq!(client.query("SELECT Name FROM Account LIMIT 1").await.unwrap().status, 200);
    }
    let received = salesforce.org().received_count();
    let reply = client.query("SELECT Name FROM Account LIMIT 1").await.unwrap();
    assert_eq!(reply.status, 429, "{}", reply.text());
    let wait: u64 = reply.header("retry-after").parse().unwrap();
    assert!((590..=600).contains(&wait), "{wait}");
    assert_eq!(reply.json()[0]["errorCode"], "REQUEST_LIMIT_EXCEEDED");
    let message = reply.json()[0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("nightly sends more than its 6 requests per hour"), "{message}");
    assert_eq!(salesforce.org().received_count(), received);
}

#[tokio::test]
async fn only_so_many_requests_are_under_way() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, "allow:\n  Account: { read: [Name] }\nlimits: { concurrent: 2 }\n").await;
    let client = proxy.client("nightly").await.unwrap();
    salesforce.org().set_latency(Side::Data, Duration::from_millis(700));
    let ask = || client.query("SELECT Name FROM Account LIMIT 1");
    let (one, two, three, four) = tokio::join!(ask(), ask(), ask(), ask());
    let mut statuses = [one, two, three, four].map(|reply| reply.unwrap());
    statuses.sort_by_key(|reply| reply.status);
    let [one, two, three, four] = statuses;
    assert_eq!([one.status, two.status, three.status, four.status], [200, 200, 429, 429]);
    assert_eq!(four.header("retry-after"), "1");
    salesforce.org().set_latency(Side::Data, Duration::ZERO);
    assert_eq!(ask().await.unwrap().status, 200, "places are given back");
}
