//! Bulk API 1.0, as salesforce-bulk and tap-salesforce speak it: the session in `X-SFDC-Session`, jobs in XML or JSON.

use bytes::Bytes;
use forcefield_emulator::{Carrier, Server, Side, Trouble};
use forcefield_tests::{Client, Proxy, Reply};
use serde_json::json;

use super::{HERE, all, rows::record, touched};
use crate::{before, data_requests, salesforce};

const JOB: &str = "/services/async/62.0/job";
const GRANTS: &str = "allow:
  Contact: { read: [LastName, Email], create: [LastName] }
  Account: { read: [Name] }
exports:
  Contact: { to: [here], rows: 100000/day }
";

/// A client that shows its session in this generation's header only.
struct Bulk(Client);

impl Bulk {
    async fn login(proxy: &Proxy, name: &str) -> Self {
        let token = proxy.client(name).await.unwrap().token().unwrap().to_owned();
        Self(proxy.anonymous().unwrap().with_header("X-SFDC-Session", &token))
    }

    async fn send(&self, method: &str, path: &str, kind: &str, body: &str) -> Reply {
        let body = (method != "GET").then(|| (kind, Bytes::from(body.to_owned())));
        let client = self.0.clone();
        let client = if method == "GET" && kind.contains("json") {
            client.with_header("content-type", kind)
        } else {
            client
        };
        client.send(method, &format!("{JOB}{path}"), body).await.unwrap()
    }
}

async fn start(salesforce: &Server) -> Proxy {
    let also = format!("{GRANTS}  Account: {{ to: [elsewhere], rows: 10/day }}\n");
    before(salesforce)
        .section(HERE)
        .identity("nightly", &also)
        .identity("other", GRANTS)
        .start()
        .await
        .unwrap()
}

fn info(operation: &str, object: &str, kind: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\">\
         <operation>{operation}</operation><object>{object}</object><contentType>{kind}</contentType></jobInfo>"
    )
}

const XML: &str = "application/xml; charset=UTF-8";

#[tokio::test]
async fn a_query_job_in_xml_learns_what_it_reads_from_its_batches() {
    let salesforce = salesforce().await;
    let proxy = start(&salesforce).await;
    let (bulk, other) = (Bulk::login(&proxy, "nightly").await, Bulk::login(&proxy, "other").await);
    let job = bulk.send("POST", "", XML, &info("query", "Contact", "CSV")).await;
    assert_eq!((job.status, job.header("content-type")), (201, "application/xml"), "{}", job.text());
    let job = all(&job.text(), "id").remove(0);
    let batch = format!("/{job}/batch");
    for soql in [
        "SELECT SSN__c FROM Contact",
        "SELECT Name FROM Account",
        "SELECT LastName, Account.Name FROM Contact",
    ] {
        let refused = bulk.send("POST", &batch, "text/csv; charset=UTF-8", soql).await;
        assert_eq!(refused.status, 400, "{soql}: {}", refused.text());
        assert_eq!(refused.header("content-type"), "application/xml");
        assert_eq!(all(&refused.text(), "exceptionCode"), ["FeatureNotEnabled"], "{}", refused.text());
    }
    assert_eq!(data_requests(&salesforce).len(), 1, "what was refused did not arrive");
    let sent = bulk.send("POST", &batch, "text/csv; charset=UTF-8", "SELECT LastName FROM Contact").await;
    assert_eq!(sent.status, 201, "{}", sent.text());
    let batch = format!("{batch}/{}", all(&sent.text(), "id").remove(0));
    assert_eq!(touched(&salesforce), ["read Contact", "read Contact.LastName"]);
    assert_eq!(bulk.send("GET", &batch, XML, "").await.status, 200);
    let list = bulk.send("GET", &format!("{batch}/result"), XML, "").await;
    let result = format!("{batch}/result/{}", all(&list.text(), "result").remove(0));
    let rows = bulk.send("GET", &result, XML, "").await;
    assert_eq!((rows.status, rows.header("content-type")), (200, "text/csv"), "{}", rows.text());
    assert_eq!(rows.text().lines().count(), 5001);
    assert_eq!(record(&proxy, rows.header("x-forcefield-decision"))["unmapped"]["rows"], 5000);
    for path in [&result, &batch, &format!("/{job}")] {
        assert_eq!(other.send("GET", path, XML, "").await.status, 400, "{path}");
    }
    let closed = bulk.send("POST", &format!("/{job}"), XML, "<jobInfo xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><state>Closed</state></jobInfo>").await;
    assert_eq!(closed.status, 200, "{}", closed.text());
    for received in data_requests(&salesforce) {
        assert!(
            received.credentials.iter().all(|one| one.carrier == Carrier::SessionHeader),
            "{:?}",
            received.credentials
        );
    }
}

#[tokio::test]
async fn results_are_decided_on_what_the_job_read() {
    let salesforce = salesforce().await;
    let proxy = start(&salesforce).await;
    let bulk = Bulk::login(&proxy, "nightly").await;
    let job = bulk.send("POST", "", XML, &info("query", "Contact", "CSV")).await;
    let job = all(&job.text(), "id").remove(0);
    let sent =
        bulk.send("POST", &format!("/{job}/batch"), "text/csv", "SELECT LastName, Email FROM Contact").await;
    let batch = format!("/{job}/batch/{}", all(&sent.text(), "id").remove(0));
    bulk.send("GET", &batch, XML, "").await;
    let list = bulk.send("GET", &format!("{batch}/result"), XML, "").await;
    let result = format!("{batch}/result/{}", all(&list.text(), "result").remove(0));
    assert_eq!(bulk.send("GET", &result, XML, "").await.status, 200);
    // The grant shrinks: what was read under the wider one does not go out any more.
    let file = proxy.folder().join("identities/nightly.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("read: [LastName, Email]", "read: [LastName]")).unwrap();
    proxy.signal("HUP").await.unwrap();
    proxy.wait_for_line("configuration reloaded").await.unwrap();
    let arrived = data_requests(&salesforce).len();
    let refused = bulk.send("GET", &result, XML, "").await;
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("Contact.Email"), "{}", refused.text());
    assert_eq!(data_requests(&salesforce).len(), arrived);
}

#[tokio::test]
async fn a_job_in_json_loads_records_of_granted_fields() {
    let salesforce = salesforce().await;
    let proxy = start(&salesforce).await;
    let bulk = Bulk::login(&proxy, "nightly").await;
    let kind = "application/json";
    let spec =
        json!({"operation": "insert", "object": "Contact", "concurrencyMode": 0, "contentType": "JSON"});
    let job = bulk.send("POST", "", kind, &spec.to_string()).await;
    // Exactly this type: salesforce-bulk takes anything longer for XML.
    assert_eq!((job.status, job.header("content-type")), (201, "application/json"), "{}", job.text());
    let job = job.json()["id"].as_str().unwrap().to_owned();
    let refused = bulk
        .send("POST", &format!("/{job}/batch"), kind, r#"[{"LastName":"x"},{"LastName":"y","SSN__c":"1"}]"#)
        .await;
    assert_eq!((refused.status, refused.header("content-type")), (400, "application/json"));
    assert_eq!(refused.json()["exceptionCode"], "FeatureNotEnabled", "{}", refused.text());
    let batch =
        bulk.send("POST", &format!("/{job}/batch"), kind, r#"[{"LastName":"x"},{"LastName":"y"}]"#).await;
    assert_eq!((batch.status, batch.header("content-type")), (201, "application/json"), "{}", batch.text());
    let batch = batch.json()["id"].as_str().unwrap().to_owned();
    let status = bulk.send("GET", &format!("/{job}/batch/{batch}"), kind, "").await;
    assert_eq!((status.header("content-type"), &status.json()["state"]), (kind, &json!("Completed")));
    let results = bulk.send("GET", &format!("/{job}/batch/{batch}/result"), kind, "").await;
    assert_eq!(results.header("content-type"), "application/json");
    assert_eq!(results.json().as_array().map(Vec::len), Some(2), "{}", results.text());
    assert_eq!(salesforce.count("Contact"), Some(5002));
    let closed = bulk.send("POST", &format!("/{job}"), kind, r#"{"state":"Closed"}"#).await;
    assert_eq!(closed.status, 200, "{}", closed.text());
    let case = json!({"operation": "insert", "object": "Case", "contentType": "JSON"});
    assert_eq!(bulk.send("POST", "", kind, &case.to_string()).await.status, 400);
}

#[tokio::test]
async fn a_session_that_the_org_ends_is_renewed_and_a_dead_one_told() {
    let salesforce = salesforce().await;
    let proxy = start(&salesforce).await;
    let bulk = Bulk::login(&proxy, "nightly").await;
    let job = bulk.send("POST", "", XML, &info("query", "Contact", "CSV")).await;
    let job = format!("/{}", all(&job.text(), "id").remove(0));
    salesforce.expire_all_sessions();
    assert_eq!(bulk.send("GET", &job, XML, "").await.status, 200);
    salesforce.fail_next(Side::Data, Trouble::SessionRefused, 1);
    assert_eq!(bulk.send("GET", &job, "application/json", "").await.status, 200);
    let dead = Bulk(proxy.anonymous().unwrap().with_header("X-SFDC-Session", "00D000000000001!dead"));
    let reply = dead.send("GET", &job, XML, "").await;
    assert_eq!((reply.status, reply.header("content-type")), (400, "application/xml"));
    assert_eq!(all(&reply.text(), "exceptionCode"), ["InvalidSessionId"]);
}
