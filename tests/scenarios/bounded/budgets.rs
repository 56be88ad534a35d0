//! One budget of rows over every door, counted as the rows leave.

use forcefield_tests::{Client, Reply};

use super::{HERE, large_org, query_job, reader, rows_in, rows_recorded};
use crate::{before, with};

/// What a spent budget answers.
fn assert_spent(reply: &Reply, what: &str) {
    assert_eq!(reply.status, 403, "{}", reply.text());
    let error = &reply.json()[0];
    assert_eq!(error["errorCode"], "REQUEST_LIMIT_EXCEEDED");
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("forcefield: nightly has read "), "{message}");
    assert!(message.contains(what) && message.contains("; more from 2"), "{message}");
}

/// Pages like a thief: query after query, each followed to its end, whatever is answered. Gives the rows and the
/// number of refusals.
async fn page_on(client: &Client, queries: usize) -> (u64, u64) {
    let (mut rows, mut refused) = (0, 0);
    for _ in 0..queries {
        let mut reply = client.query("SELECT Id, Name FROM Reading__c").await.unwrap();
        loop {
            match reply.status {
                200 => rows += rows_in(&reply),
                403 => refused += 1,
                other => panic!("{other}: {}", reply.text()),
            }
            // A cut page is no JSON: the thief asks anew.
            let Some(next) = reply.json()["nextRecordsUrl"].as_str().map(str::to_owned) else { break };
            reply = client.get(&next).await.unwrap();
        }
    }
    (rows, refused)
}

#[tokio::test]
async fn paging_a_large_org_ends_at_the_budget() {
    let salesforce = large_org().await;
    let proxy =
        with(&salesforce, "allow:\n  Reading__c: { read: [Name] }\nlimits: { rows: 31000/day }\n").await;
    let client = proxy.client("nightly").await.unwrap();
    let first = client.query("SELECT Name FROM Reading__c LIMIT 10").await.unwrap();
    assert_eq!(first.header("x-forcefield-rows-left"), "31000");

    // A thousand queries, four at a time, as the thieves did.
    let thief = || page_on(&client, 250);
    let (one, two, three, four) = tokio::join!(thief(), thief(), thief(), thief());
    let paged = [one, two, three, four];
    let rows: u64 = 10 + paged.iter().map(|(rows, _)| rows).sum::<u64>();
    let refused: u64 = paged.iter().map(|(_, refused)| refused).sum();
    assert_eq!(rows, 31_000, "the whole budget, and no row more");
    assert!(refused > 950, "{refused}");
    assert_eq!(rows_recorded(&proxy), rows);
    let metrics = proxy.metrics().await.unwrap();
    let gauge = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{metrics}"));
        line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };
    assert_eq!(gauge("forcefield_rows_left{"), 0);
    assert_spent(&client.query("SELECT Name FROM Reading__c").await.unwrap(), "its 31000 rows of today");
}

#[tokio::test]
async fn a_stream_that_passes_the_limit_ends_as_an_error_and_is_on_record() {
    let salesforce = large_org().await;
    let proxy = before(&salesforce)
        .section(HERE)
        .identity("nightly", &reader("rows: 5000/day"))
        .start()
        .await
        .unwrap();
    let client = proxy.client("nightly").await.unwrap();
    // The org does not say how many rows a page has before it begins: it is cut as it streams.
    let (mut rows, mut reply) = (0, client.query("SELECT Id, Name FROM Reading__c").await.unwrap());
    while reply.complete {
        assert_eq!(reply.status, 200, "{}", reply.text());
        rows += rows_in(&reply);
        let next = reply.json()["nextRecordsUrl"].as_str().unwrap().to_owned();
        reply = client.get(&next).await.unwrap();
    }
    rows += rows_in(&reply);
    assert_eq!(reply.status, 200);
    assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_err(), "it must not look whole");
    let records = proxy.records().unwrap();
    let cut = records.iter().find(|record| record["unmapped"]["outcome"] == "cut").unwrap();
    assert_eq!(cut["unmapped"]["rule"], "budget");
    assert!(cut["status_detail"].as_str().unwrap().contains("its 5000 rows of today"), "{cut}");
    let recorded = rows_recorded(&proxy);
    assert!(
        recorded <= 5000 && recorded >= rows && recorded - rows <= 1,
        "{recorded} recorded, {rows} received"
    );
}

#[tokio::test]
async fn a_bulk_result_that_does_not_fit_is_refused_before_its_first_byte() {
    let salesforce = large_org().await;
    let proxy = before(&salesforce)
        .section(HERE)
        .identity("nightly", &reader("rows: 5000/day"))
        .start()
        .await
        .unwrap();
    let client = proxy.client("nightly").await.unwrap();
    let job = query_job(&client, "SELECT Id, Name FROM Reading__c LIMIT 6000").await;
    assert_spent(&client.get(&format!("{job}/results")).await.unwrap(), "its 5000 rows of today");
    assert_eq!(rows_recorded(&proxy), 0);
    let page = client.get(&format!("{job}/results?maxRecords=5000")).await.unwrap();
    assert_eq!((page.status, page.text().lines().count()), (200, 5001));
    assert_spent(
        &client.get(&format!("{job}/results?maxRecords=1")).await.unwrap(),
        "its 5000 rows of today",
    );
}

#[tokio::test]
async fn one_budget_is_spent_by_every_door() {
    let salesforce = large_org().await;
    let proxy = before(&salesforce)
        .section(HERE)
        .identity("nightly", &reader("rows: 3000/day"))
        .start()
        .await
        .unwrap();
    let client = proxy.client("nightly").await.unwrap();
    let rest = client.query("SELECT Id, Name FROM Reading__c LIMIT 1500").await.unwrap();
    assert_eq!((rest.status, rows_in(&rest)), (200, 1500));
    let job = query_job(&client, "SELECT Id, Name FROM Reading__c LIMIT 1500").await;
    let bulk = client.get(&format!("{job}/results")).await.unwrap();
    assert_eq!((bulk.status, bulk.text().lines().count()), (200, 1501));
    assert_eq!(rows_recorded(&proxy), 3000);

    let before_soap = salesforce.org().received_count();
    let soap = client
        .send("POST", "/services/Soap/u/62.0", Some(("text/xml", soap_query(&client).into())))
        .await
        .unwrap();
    assert_eq!(soap.status, 500, "{}", soap.text());
    assert!(soap.text().contains("REQUEST_LIMIT_EXCEEDED"), "{}", soap.text());
    assert!(soap.text().contains("nightly has read its 3000 rows of today; more from 2"), "{}", soap.text());
    assert_spent(
        &client.query("SELECT Name FROM Reading__c LIMIT 1").await.unwrap(),
        "its 3000 rows of today",
    );
    let one = salesforce.org().first_id("Reading__c").unwrap_or_else(|| "a00000000000001AAA".to_owned());
    let record = client.get(&format!("/services/data/v62.0/sobjects/Reading__c/{one}")).await.unwrap();
    assert!(matches!(record.status, 400 | 403), "{}", record.text());
    assert_eq!(salesforce.org().received_count(), before_soap, "nothing more reached the org");
}

#[tokio::test]
async fn the_bytes_of_answers_have_a_budget_too() {
    let salesforce = large_org().await;
    let proxy =
        with(&salesforce, "allow:\n  Reading__c: { read: [Name] }\nlimits: { bytes: 200KiB/hour }\n").await;
    let client = proxy.client("nightly").await.unwrap();
    let (rows, refused) = page_on(&client, 10).await;
    assert!(rows > 0 && refused > 0, "{rows} rows, {refused} refusals");
    let records = proxy.records().unwrap();
    let bytes: u64 = records
        .iter()
        .filter(|record| record["actor"]["user"]["name"] == "nightly")
        .filter_map(|record| record["unmapped"]["bytes"].as_u64())
        .sum();
    assert!(bytes <= 210 * 1024, "{bytes} bytes left");
}

/// A SOAP query for some rows.
fn soap_query(client: &Client) -> String {
    let session = client.token().unwrap();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:urn=\"urn:partner.soap.sforce.com\">\
         <soapenv:Header><urn:SessionHeader><urn:sessionId>{session}</urn:sessionId></urn:SessionHeader></soapenv:Header>\
         <soapenv:Body><urn:query><urn:queryString>SELECT Id, Name FROM Reading__c LIMIT 10</urn:queryString></urn:query></soapenv:Body></soapenv:Envelope>"
    )
}
