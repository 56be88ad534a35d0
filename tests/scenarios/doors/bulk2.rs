//! Bulk API 2.0: exports of named objects to named places, jobs of one's own, uploads of granted columns.

use bytes::Bytes;
use forcefield_tests::{Client, Proxy};
use serde_json::{Value, json};

use super::{HERE, touched};
use crate::{before, data_requests, salesforce};

const QUERY: &str = "/services/data/v62.0/jobs/query";
const INGEST: &str = "/services/data/v62.0/jobs/ingest";
const GRANTS: &str = "allow:
  Contact: { read: [LastName, Email], create: [LastName], update: [Title] }
  Account: { read: [Name] }
also: [resources]
";

async fn start(salesforce: &forcefield_emulator::Server) -> Proxy {
    let exporting = |to: &str| format!("{GRANTS}exports:\n  Contact: {{ to: [{to}], rows: 100000/day }}\n");
    before(salesforce)
        .section(HERE)
        .identity("nightly", &exporting("here"))
        .identity("other", &exporting("here"))
        .identity("away", &exporting("elsewhere"))
        .start()
        .await
        .unwrap()
}

async fn export(client: &Client, soql: &str) -> forcefield_tests::Reply {
    client.json("POST", QUERY, &json!({"operation": "query", "query": soql})).await.unwrap()
}

fn id(job: &Value) -> String {
    job["id"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_export_is_made_polled_and_read_to_its_end() {
    let salesforce = salesforce().await;
    salesforce.set_bulk_polls(1);
    let proxy = start(&salesforce).await;
    let client = proxy.client("nightly").await.unwrap();
    let job = export(&client, "SELECT LastName, Email FROM Contact").await;
    assert_eq!(job.status, 200, "{}", job.text());
    let id = id(&job.json());
    let mut state = Value::Null;
    for _ in 0..5 {
        state = client.get(&format!("{QUERY}/{id}")).await.unwrap().json()["state"].clone();
    }
    assert_eq!(state, "JobComplete");
    let (mut locator, mut rows, mut pages) = (String::new(), 0, 0);
    while locator != "null" {
        let more = if locator.is_empty() { String::new() } else { format!("&locator={locator}") };
        let page = client.get(&format!("{QUERY}/{id}/results?maxRecords=2000{more}")).await.unwrap();
        assert_eq!(page.status, 200, "{}", page.text());
        assert!(page.header("content-type").starts_with("text/csv"), "{:?}", page.headers);
        let lines = page.text().lines().count() - 1;
        assert_eq!(page.header("sforce-numberofrecords"), lines.to_string());
        let record = record(&proxy, page.header("x-forcefield-decision"));
        assert_eq!(record["unmapped"]["rows"], lines);
        assert_eq!(record["unmapped"]["export"], true);
        locator = page.header("sforce-locator").to_owned();
        assert!(!locator.is_empty(), "without it SDKs ask for the same page for ever");
        (rows, pages) = (rows + lines, pages + 1);
    }
    assert_eq!((rows, pages), (5000, 3));
    assert_eq!(touched(&salesforce), ["read Contact", "read Contact.Email", "read Contact.LastName"]);
    assert_eq!(client.delete(&format!("{QUERY}/{id}")).await.unwrap().status, 204);
    assert_eq!(client.get(&format!("{QUERY}/{id}")).await.unwrap().status, 403, "it is gone from the ledger");
    assert_eq!(salesforce.jobs().len(), 1, "it stays at the org as evidence");
}

#[tokio::test]
async fn an_export_without_entry_place_or_field_is_refused() {
    let salesforce = salesforce().await;
    let proxy = start(&salesforce).await;
    let (nightly, away) = (proxy.client("nightly").await.unwrap(), proxy.client("away").await.unwrap());
    for (client, soql, why) in [
        (&nightly, "SELECT Name FROM Account", "exports"),
        (&nightly, "SELECT LastName, Account.Name FROM Contact", "exports"),
        (&nightly, "SELECT SSN__c FROM Contact", "SSN__c"),
        (&nightly, "SELECT LastName FROM Contact WHERE SSN__c = '1'", "SSN__c"),
        (&away, "SELECT LastName FROM Contact", "destinations"),
    ] {
        let reply = export(client, soql).await;
        assert_eq!(reply.status, 403, "{soql}: {}", reply.text());
        assert!(reply.text().contains(why), "{soql}: {}", reply.text());
    }
    assert!(salesforce.jobs().is_empty() && data_requests(&salesforce).is_empty());
}

#[tokio::test]
async fn jobs_are_their_makers_own() {
    let salesforce = salesforce().await;
    let proxy = start(&salesforce).await;
    let (nightly, other) = (proxy.client("nightly").await.unwrap(), proxy.client("other").await.unwrap());
    let own = id(&export(&nightly, "SELECT LastName FROM Contact").await.json());
    let others = id(&export(&other, "SELECT Email FROM Contact").await.json());
    let arrived = data_requests(&salesforce).len();
    for target in [
        format!("{QUERY}/{own}"),
        format!("{QUERY}/{own}/results"),
        format!("{QUERY}/{}/results", own.split_at(15).0),
    ] {
        let reply = other.get(&target).await.unwrap();
        assert_eq!(reply.status, 403, "{}", reply.text());
        assert!(reply.text().contains("not its own"), "{}", reply.text());
    }
    assert_eq!(other.delete(&format!("{QUERY}/{own}")).await.unwrap().status, 403);
    assert_eq!(data_requests(&salesforce).len(), arrived);
    for (client, id) in [(&nightly, &own), (&other, &others)] {
        let list = client.get(QUERY).await.unwrap();
        assert_eq!(list.status, 200, "{}", list.text());
        let ids: Vec<String> = list.json()["records"].as_array().unwrap().iter().map(self::id).collect();
        assert_eq!(ids, std::slice::from_ref(id));
    }
}

#[tokio::test]
async fn an_upload_is_held_to_its_jobs_object_and_columns() {
    let salesforce = salesforce().await;
    let proxy = start(&salesforce).await;
    let (client, other) = (proxy.client("nightly").await.unwrap(), proxy.client("other").await.unwrap());
    let job =
        client.json("POST", INGEST, &json!({"object": "Contact", "operation": "insert"})).await.unwrap();
    assert_eq!(job.status, 200, "{}", job.text());
    let batches = format!("{INGEST}/{}/batches", id(&job.json()));
    let put = async |client: &Client, csv: &'static str| {
        client.send("PUT", &batches, Some(("text/csv", Bytes::from_static(csv.as_bytes())))).await.unwrap()
    };
    for csv in ["LastName,SSN__c\nx,1\n", "LastName,\"SSN__c\"\nx,1\n", "LastName,Account.Name\nx,y\n"] {
        let reply = put(&client, csv).await;
        assert_eq!(reply.status, 403, "{csv}: {}", reply.text());
    }
    assert_eq!(put(&other, "LastName\nx\n").await.status, 403);
    assert_eq!(put(&client, "LastName\n\"One, or\nmore\"\nTwo\n").await.status, 201);
    let job = format!("{INGEST}/{}", id(&job.json()));
    let closed = client.json("PATCH", &job, &json!({"state": "UploadComplete"})).await.unwrap();
    assert_eq!(closed.status, 200, "{}", closed.text());
    client.get(&job).await.unwrap();
    let done = client.get(&job).await.unwrap().json();
    assert_eq!(done["numberRecordsProcessed"], 2, "{done}");
    let good = client.get(&format!("{job}/successfulResults")).await.unwrap();
    assert_eq!(good.status, 200, "{}", good.text());
    assert_eq!(record(&proxy, good.header("x-forcefield-decision"))["unmapped"]["rows"], 2);
    assert_eq!(other.get(&format!("{job}/successfulResults")).await.unwrap().status, 403);
    assert_eq!(client.get(&format!("{job}/failedResults")).await.unwrap().status, 200);
    assert_eq!(salesforce.count("Contact"), Some(5002));
    let case = client.json("POST", INGEST, &json!({"object": "Case", "operation": "insert"})).await.unwrap();
    assert_eq!(case.status, 403, "{}", case.text());
    let delete =
        client.json("POST", INGEST, &json!({"object": "Contact", "operation": "delete"})).await.unwrap();
    assert_eq!(delete.status, 403, "{}", delete.text());
}

#[tokio::test]
async fn a_job_and_its_data_in_one_body_are_decided_together() {
    let salesforce = salesforce().await;
    let proxy = start(&salesforce).await;
    let client = proxy.client("nightly").await.unwrap();
    let form = |csv: &str| {
        Bytes::from(format!(
            "--B\r\nContent-Disposition: form-data; name=\"job\"\r\nContent-Type: application/json\r\n\r\n\
             {{\"object\":\"Contact\",\"operation\":\"insert\"}}\r\n--B\r\nContent-Disposition: form-data; \
             name=\"content\"; filename=\"content\"\r\nContent-Type: text/csv\r\n\r\n{csv}\r\n--B--\r\n"
        ))
    };
    let send = async |csv: &str| {
        client.send("POST", INGEST, Some(("multipart/form-data; boundary=B", form(csv)))).await.unwrap()
    };
    let refused = send("LastName,SSN__c\nOne,1\n").await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    assert!(data_requests(&salesforce).is_empty());
    let job = send("LastName\nOne\nTwo\n").await;
    assert_eq!(job.status, 200, "{}", job.text());
    assert_eq!(salesforce.count("Contact"), Some(5002));
    assert_eq!(touched(&salesforce), ["create Contact", "create Contact.LastName"]);
    let status = client.get(&format!("{INGEST}/{}", id(&job.json()))).await.unwrap();
    assert_eq!(status.status, 200, "{}", status.text());
}

/// What the grants become, what of a load of `LastName,Title` is not among them then, and a resource that shows that
/// they are in force.
const CHANGES: [(&str, Option<&str>, &str); 3] = [
    ("create: [LastName, Title, Email] }\nalso: [limits]", None, "limits"),
    ("create: [LastName] }\nalso: [describe-global]", Some("create Contact.Title"), "sobjects"),
    ("update: [LastName, Title] }\nalso: [resources]", Some("create Contact"), "tabs"),
];

async fn change(proxy: &Proxy, client: &Client, (grants, shown): (&str, &str)) {
    let file = proxy.folder().join("identities/nightly.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (before, _) = text.split_once("create:").unwrap_or_else(|| text.split_once("update:").unwrap());
    std::fs::write(&file, format!("{before}{grants}\n")).unwrap();
    proxy.signal("HUP").await.unwrap();
    let start = std::time::Instant::now();
    while client.get(&format!("/services/data/v62.0/{shown}")).await.unwrap().status != 200 {
        assert!(start.elapsed().as_secs() < 60, "{}", proxy.output());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_load_is_closed_and_read_back_only_while_it_could_be_made() {
    let salesforce = salesforce().await;
    let grants = "allow:\n  Contact: { read: [LastName], create: [LastName, Title] }\n";
    let proxy = before(&salesforce).identity("nightly", grants).start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    let load = async |csv: &'static str| {
        let job = json!({"object": "Contact", "operation": "insert"});
        let job = client.json("POST", INGEST, &job).await.unwrap();
        let path = format!("{INGEST}/{}", id(&job.json()));
        let csv = ("text/csv", Bytes::from_static(csv.as_bytes()));
        let put = client.send("PUT", &format!("{path}/batches"), Some(csv)).await.unwrap();
        assert_eq!(put.status, 201, "{}", put.text());
        path
    };
    let (titled, plain) = (load("LastName,Title\nOne,Chief\n").await, load("LastName\nTwo\n").await);
    let open = load("LastName,Title\nThree,Chief\n").await;
    for job in [&titled, &plain] {
        assert_eq!(close(&client, job).await.status, 200);
    }
    for (grants, missing, shown) in CHANGES {
        change(&proxy, &client, (grants, shown)).await;
        let creates = grants.starts_with("create");
        let arrived = data_requests(&salesforce).len();
        for part in ["successfulResults", "failedResults", "unprocessedrecords"] {
            let reply = client.get(&format!("{plain}/{part}")).await.unwrap();
            assert_eq!(reply.status, if creates { 200 } else { 403 }, "{grants}: {}", reply.text());
            let reply = client.get(&format!("{titled}/{part}")).await.unwrap();
            assert_eq!(reply.status, if missing.is_none() { 200 } else { 403 }, "{grants}: {}", reply.text());
            assert!(reply.text().contains(missing.unwrap_or_default()), "{}", reply.text());
        }
        let passed = if missing.is_none() { 6 } else { 3 * usize::from(creates) };
        assert_eq!(data_requests(&salesforce).len() - arrived, passed, "what is refused does not arrive");
        if missing.is_some() {
            assert_eq!(close(&client, &open).await.status, 403, "{grants}");
        }
        for job in [&titled, &plain, &open] {
            assert_eq!(client.get(job).await.unwrap().status, 200, "its state is no data");
        }
    }
}

async fn close(client: &Client, job: &str) -> forcefield_tests::Reply {
    client.json("PATCH", job, &json!({"state": "UploadComplete"})).await.unwrap()
}

fn record(proxy: &Proxy, decision: &str) -> Value {
    super::rows::record(proxy, decision)
}
