//! Exports: granted by object, to named places, by their owner, and not to be hidden by deleting the job.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{HERE, large_org, query_job, reader, rows_recorded};
use crate::{before, data_requests, salesforce, with};

const JOBS: &str = "/services/data/v62.0/jobs/query";

#[tokio::test]
async fn without_a_grant_for_exports_nothing_is_exported() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, "allow:\n  Case: { read: \"*\" }\n").await;
    let client = proxy.client("nightly").await.unwrap();
    let body = json!({"operation": "query", "query": "SELECT Id, Subject FROM Case"});
    let reply = client.json("POST", JOBS, &body).await.unwrap();
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(reply.text().contains("nightly may not export Case"), "{}", reply.text());
    assert!(data_requests(&salesforce).is_empty() && salesforce.org().jobs().is_empty());
    assert_eq!(rows_recorded(&proxy), 0);
}

#[tokio::test]
async fn a_deleted_job_is_gone_for_the_thief_and_kept_as_evidence() {
    let salesforce = salesforce().await;
    let grants = "evidence: 1s\nallow:\n  Case: { read: \"*\" }\nalso: [resources]\nexports:\n  Case: { to: [here] }\nlimits: { rows: 100/day }\n";
    let proxy = before(&salesforce).section(HERE).identity("nightly", grants).start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    let job = query_job(&client, "SELECT Id, Subject FROM Case LIMIT 90").await;
    let id = job.rsplit('/').next().unwrap().to_owned();
    let results = client.get(&format!("{job}/results")).await.unwrap();
    assert_eq!((results.status, results.text().lines().count()), (200, 91));

    let deleted = client.delete(&job).await.unwrap();
    assert_eq!((deleted.status, deleted.body.len()), (204, 0), "{}", deleted.text());
    for target in [job.clone(), format!("{job}/results")] {
        assert_eq!(client.get(&target).await.unwrap().status, 403, "{target}");
    }
    assert_eq!(client.delete(&job).await.unwrap().status, 403);
    let listed = client.get(JOBS).await.unwrap();
    assert_eq!(listed.json()["records"], json!([]), "{}", listed.text());
    let of_client = |salesforce: &forcefield_emulator::Server| {
        salesforce.org().requests().into_iter().filter(|one| one.method == "DELETE").count()
    };
    let records = proxy.records().unwrap();
    let said = records.iter().find(|record| record["unmapped"]["jobs"][0]["action"] == "deferred").unwrap();
    assert!(id.starts_with(said["unmapped"]["jobs"][0]["id"].as_str().unwrap()), "{said}");
    assert_eq!((&said["unmapped"]["outcome"], &said["status_code"]), (&json!("allowed"), &json!("204")));

    // It outlives the client's deletion, and then Forcefield deletes it.
    let deadline = Instant::now() + Duration::from_secs(30);
    while of_client(&salesforce) == 0 {
        assert!(Instant::now() < deadline, "the job is still at the org: {}", proxy.output());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    proxy.wait_for_line("a deleted job was kept long enough").await.unwrap();
    assert_eq!(of_client(&salesforce), 1);
}

#[tokio::test]
async fn a_deleted_job_stays_at_the_org_for_a_day() {
    let salesforce = large_org().await;
    let proxy = before(&salesforce)
        .section(HERE)
        .identity("nightly", &reader("rows: 100/day"))
        .start()
        .await
        .unwrap();
    let client = proxy.client("nightly").await.unwrap();
    let job = query_job(&client, "SELECT Id FROM Reading__c LIMIT 10").await;
    assert_eq!(client.delete(&job).await.unwrap().status, 204);
    let proxy = proxy.restart().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.get(&job).await.unwrap().status, 403);
    assert_eq!(salesforce.org().jobs().len(), 1);
    assert!(salesforce.org().requests().iter().all(|one| one.method != "DELETE"));
}

#[tokio::test]
async fn a_job_that_still_runs_is_not_deleted() {
    let salesforce = large_org().await;
    salesforce.org().set_bulk_polls(1000);
    let proxy = before(&salesforce)
        .section(HERE)
        .identity("nightly", &reader("rows: 100/day"))
        .start()
        .await
        .unwrap();
    let client = proxy.client("nightly").await.unwrap();
    let body = json!({"operation": "query", "query": "SELECT Id FROM Reading__c LIMIT 10"});
    let reply = client.json("POST", JOBS, &body).await.unwrap();
    let job = format!("{JOBS}/{}", reply.json()["id"].as_str().unwrap());
    let deleted = client.delete(&job).await.unwrap();
    assert_eq!(deleted.status, 403, "{}", deleted.text());
    assert!(deleted.text().contains("has not finished"), "{}", deleted.text());
    assert_eq!(client.get(&job).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_download_ends_when_its_destination_is_no_longer_named() {
    let salesforce = large_org().await;
    let proxy = before(&salesforce)
        .section(HERE)
        .identity("nightly", &reader("rows: 50000000/day"))
        .start()
        .await
        .unwrap();
    let client = proxy.client("nightly").await.unwrap();
    let job = query_job(&client, "SELECT Id, Name FROM Reading__c LIMIT 10").await;
    salesforce.org().set_bulk_result_bytes(Some(1 << 30));
    salesforce.org().set_pace(Some((64 << 10, Duration::from_millis(5))));
    let mut download = client.download(&format!("{job}/results")).await.unwrap();
    assert!(download.next().await.unwrap().is_ok());

    let file = proxy.folder().join("forcefield.yaml");
    let elsewhere = std::fs::read_to_string(&file).unwrap().replace("127.0.0.0/8", "10.50.0.0/24");
    std::fs::write(&file, elsewhere).unwrap();
    proxy.signal("HUP").await.unwrap();
    let mut received = 0_usize;
    let broken = loop {
        match download.next().await {
            Some(Ok(piece)) => received += piece.len(),
            Some(Err(_)) => break true,
            None => break false,
        }
    };
    assert!(broken && received < 1 << 30, "{received} bytes after the change");
    let records = proxy.records().unwrap();
    let cut = records.iter().find(|record| record["unmapped"]["outcome"] == "cut").unwrap();
    assert_eq!(cut["unmapped"]["rule"], "destination");
    let again = client.get(&format!("{job}/results")).await.unwrap();
    assert_eq!(again.status, 403, "{}", again.text());
    assert!(again.text().contains("not one of its `destinations`"), "{}", again.text());
}
