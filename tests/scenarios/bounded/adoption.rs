//! Jobs that were made straight at the org, before Forcefield stood there: their maker's own if they fit, else nobody's.

use bytes::Bytes;
use forcefield_emulator::Server;
use forcefield_tests::{Client, Proxy};
use serde_json::json;

use super::HERE;
use crate::{before, salesforce};

const INGEST: &str = "/services/data/v62.0/jobs/ingest";
const CLASSIC: &str = "/services/async/62.0/job";
const GRANTS: &str = "allow:\n  Contact: { read: [LastName, Email], create: [LastName] }\nexports:\n  Contact: { to: [here] }\n";

async fn with_maker(salesforce: &Server) -> Proxy {
    before(salesforce).section(HERE).jwt_identity("nightly", GRANTS).start().await.unwrap()
}

/// A client of the org itself.
fn straight(salesforce: &Server, user: &str) -> Client {
    let client = Client::new(salesforce.address(), salesforce.ca_pem(), None).unwrap();
    client.with_token(&salesforce.org().open_session(user))
}

/// Has contacts loaded by an ingest job, closed or not, and gives its path.
async fn loaded(straight: &Client, object: &str, closed: bool) -> String {
    put(straight, object, "LastName\nBefore\n", closed).await
}

/// The same with what is uploaded.
async fn put(straight: &Client, object: &str, csv: &'static str, closed: bool) -> String {
    let job = json!({"operation": "insert", "object": object, "contentType": "CSV", "lineEnding": "LF"});
    let made = straight.json("POST", INGEST, &job).await.unwrap();
    let path = format!("{INGEST}/{}", made.json()["id"].as_str().unwrap());
    let csv = ("text/csv", Bytes::from_static(csv.as_bytes()));
    assert!(straight.send("PUT", &format!("{path}/batches"), Some(csv)).await.unwrap().is_success());
    if closed {
        straight.json("PATCH", &path, &json!({"state": "UploadComplete"})).await.unwrap();
        while straight.get(&path).await.unwrap().json()["state"] != "JobComplete" {}
    }
    path
}

/// Has a query run as a Bulk 1.0 job, and gives the path of its batch.
async fn asked(straight: &Client, soql: &'static str) -> String {
    let job = json!({"operation": "query", "object": "Contact", "contentType": "JSON"});
    let made = straight.json("POST", CLASSIC, &job).await.unwrap();
    let path = format!("{CLASSIC}/{}", made.json()["id"].as_str().unwrap());
    let query = Some(("application/json", Bytes::from_static(soql.as_bytes())));
    let batch = straight.send("POST", &format!("{path}/batch"), query).await.unwrap();
    let batch = format!("{path}/batch/{}", batch.json()["id"].as_str().unwrap());
    straight.json("POST", &path, &json!({"state": "Closed"})).await.unwrap();
    while straight.get(&batch).await.unwrap().json()["state"] != "Completed" {}
    batch
}

const MAKER: &str = "integration@sample.example";

#[tokio::test]
async fn a_load_made_before_is_its_makers_own_and_nobody_elses() {
    let salesforce = salesforce().await;
    let own = loaded(&straight(&salesforce, MAKER), "Contact", true).await;
    let foreign = loaded(&straight(&salesforce, "somebody@sample.example"), "Contact", true).await;
    let proxy = with_maker(&salesforce).await;
    let client = proxy.client("nightly").await.unwrap();

    let results = client.get(&format!("{own}/successfulResults")).await.unwrap();
    assert!(results.is_success() && results.text().contains("Before"), "{}", results.text());
    let refused = client.get(&format!("{foreign}/successfulResults")).await.unwrap();
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(refused.text().contains("it is not its own"), "{}", refused.text());

    // It stays so, also when the process begins anew, and the org is not asked again.
    let before = salesforce.org().received_count();
    assert_eq!(client.get(&foreign).await.unwrap().status, 403);
    assert!(salesforce.org().received_since(before).is_empty());
    let proxy = proxy.restart().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.get(&own).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_load_that_it_could_not_make_or_that_is_open_stays_refused() {
    let salesforce = salesforce().await;
    let maker = straight(&salesforce, MAKER);
    let not_granted = loaded(&maker, "Lead", true).await;
    let open = loaded(&maker, "Contact", false).await;
    let wrote_more = put(&maker, "Contact", "LastName,SSN__c\nBefore,123-45-6789\n", true).await;
    let fits = loaded(&maker, "Contact", true).await;
    let proxy = with_maker(&salesforce).await;
    let client = proxy.client("nightly").await.unwrap();

    let with_more = format!("{wrote_more}/successfulResults");
    for job in [&not_granted, &open, &wrote_more, &with_more, &format!("{INGEST}/750R0000000zlh9")] {
        assert_eq!(client.get(job).await.unwrap().status, 403, "{job}");
    }
    let closing = client.json("PATCH", &open, &json!({"state": "UploadComplete"})).await.unwrap();
    assert_eq!(closing.status, 403, "{}", closing.text());
    assert_eq!(client.get(&fits).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_job_of_a_user_that_two_integrations_act_as_is_neithers() {
    let salesforce = salesforce().await;
    let job = loaded(&straight(&salesforce, MAKER), "Contact", true).await;
    for (shares, status) in [(true, 403), (false, 200)] {
        let builder = before(&salesforce).section(HERE).jwt_identity("nightly", GRANTS);
        let builder =
            if shares { builder.jwt_identity("weekly", GRANTS) } else { builder.identity("weekly", GRANTS) };
        let proxy = builder.start().await.unwrap();
        let weekly = proxy.client("weekly").await.unwrap();
        assert_eq!(weekly.query("SELECT LastName FROM Contact LIMIT 1").await.unwrap().status, 200);
        let nightly = proxy.client("nightly").await.unwrap();
        assert_eq!(nightly.get(&job).await.unwrap().status, status);
    }
}

#[tokio::test]
async fn a_query_made_before_is_decided_by_what_it_asked() {
    let salesforce = salesforce().await;
    let maker = straight(&salesforce, MAKER);
    let fits = asked(&maker, "SELECT LastName FROM Contact LIMIT 3").await;
    let asks_more = asked(&maker, "SELECT LastName, SSN__c FROM Contact LIMIT 3").await;
    let body = json!({"operation": "query", "query": "SELECT LastName FROM Contact"});
    let untold = maker.json("POST", "/services/data/v62.0/jobs/query", &body).await.unwrap();
    let untold = format!("/services/data/v62.0/jobs/query/{}", untold.json()["id"].as_str().unwrap());
    let proxy = with_maker(&salesforce).await;
    let client = proxy.client("nightly").await.unwrap();

    let list = client.get(&format!("{fits}/result")).await.unwrap();
    assert!(list.is_success(), "{}", list.text());
    let rows = client.get(&format!("{fits}/result/{}", list.json()[0].as_str().unwrap())).await.unwrap();
    assert_eq!(rows.json().as_array().map(Vec::len), Some(3), "{}", rows.text());
    let refused = client.get(&format!("{asks_more}/result")).await.unwrap();
    assert_eq!(refused.status, 400, "Bulk 1.0 has errors of its own: {}", refused.text());
    assert!(refused.text().contains("it is not its own"), "{}", refused.text());
    // The org does not tell the query of a Bulk 2.0 job.
    assert_eq!(client.get(&untold).await.unwrap().status, 403);
}
