//! A proxy that is killed forgets nothing that went out, but perhaps the last chunk.

use std::time::Duration;

use super::{HERE, large_org, query_job, reader};
use crate::before;

#[tokio::test]
async fn what_went_out_before_a_kill_stays_spent() {
    let salesforce = large_org().await;
    let budget = 10_000_000_u64;
    let proxy = before(&salesforce)
        .section(HERE)
        .identity("nightly", &reader("rows: 10000000/day"))
        .start()
        .await
        .unwrap();
    let client = proxy.client("nightly").await.unwrap();
    let job = query_job(&client, "SELECT Id, Name FROM Reading__c LIMIT 10").await;
    salesforce.org().set_bulk_result_bytes(Some(256 << 20));
    salesforce.org().set_pace(Some((64 << 10, Duration::from_millis(1))));
    let mut download = client.download(&format!("{job}/results")).await.unwrap();
    assert_eq!(download.status(), 200);
    let mut received = Vec::new();
    while received.len() < 3 << 20 {
        received.extend_from_slice(&download.next().await.unwrap().unwrap());
    }
    proxy.signal("KILL").await.unwrap();
    let complete = loop {
        match download.next().await {
            Some(Ok(piece)) => received.extend_from_slice(&piece),
            Some(Err(_)) => break false,
            None => break true,
        }
    };
    assert!(!complete, "a cut download must not look whole");
    let rows = received.iter().filter(|byte| **byte == b'\n').count() as u64 - 1;

    let proxy = proxy.restart().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    let reply = client.query("SELECT Name FROM Reading__c LIMIT 1").await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let spent = budget - reply.header("x-forcefield-rows-left").parse::<u64>().unwrap();
    // At most 64 KiB are counted and not yet written down; the shortest row of this result has 32 bytes.
    let chunk = (64 << 10) / 32;
    assert!(spent + chunk >= rows, "{spent} spent, {rows} received");
    assert!(spent > 0 && rows > 50_000, "{spent} spent, {rows} received");
}
