//! The families of REST: collections, composites, searches, GraphQL, the UI API, blobs, opaque doors.

use bytes::Bytes;
use forcefield_tests::{Reply, client::encode};
use serde_json::{Value, json};

use super::touched;
use crate::{data_requests, salesforce, with};

const BASE: &str = "/services/data/v62.0";
const GRANTS: &str = "allow:
  Account: { read: [Name, Industry], create: [Name, Industry], update: [Industry], delete: true }
  Contact: { read: [LastName, Email, AccountId], create: [LastName, AccountId] }
  Attachment: { read: \"*\" }
  ContentVersion: { read: \"*\", create: [Title, PathOnClient, VersionData] }
";

fn part(method: &str, url: &str, reference: &str, body: &Value) -> Value {
    let url = format!("{BASE}/{url}");
    match body {
        Value::Null => json!({"method": method, "url": url, "referenceId": reference}),
        body => json!({"method": method, "url": url, "referenceId": reference, "body": body}),
    }
}

fn refused(reply: &Reply, what: &str) {
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(reply.text().contains(what), "{}", reply.text());
}

#[tokio::test]
async fn collections_are_decided_record_by_record() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let path = format!("{BASE}/composite/sobjects");
    let record = |kind: &str, name: &str| json!({"attributes": {"type": kind}, name: "x"});
    let mixed = json!({"records": [record("Account", "Name"), record("Contact", "LastName")]});
    let created = client.json("POST", &path, &mixed).await.unwrap();
    assert_eq!(created.status, 200, "{}", created.text());
    assert_eq!(
        touched(&salesforce),
        ["create Account", "create Account.Name", "create Contact", "create Contact.LastName"]
    );
    let (account, contact) = (created.json()[0]["id"].clone(), created.json()[1]["id"].clone());
    let arrived = data_requests(&salesforce).len();
    let forbidden = json!({"records": [record("Account", "Name"), record("Contact", "SSN__c")]});
    refused(&client.json("POST", &path, &forbidden).await.unwrap(), "Contact.SSN__c");
    // The id says what a record is, whatever the body calls it.
    let disguised = json!({"records": [{"attributes": {"type": "Account"}, "id": contact, "Industry": "x"}]});
    assert!(matches!(client.json("PATCH", &path, &disguised).await.unwrap().status, 400 | 403));
    refused(
        &client.delete(&format!("{path}?ids={}", contact.as_str().unwrap())).await.unwrap(),
        "delete Contact",
    );
    refused(
        &client.get(&format!("{path}/Account?ids={}&fields=Phone", account.as_str().unwrap())).await.unwrap(),
        "Account.Phone",
    );
    assert_eq!(data_requests(&salesforce).len(), arrived);
    let read =
        client.get(&format!("{path}/Account?ids={}&fields=Name", account.as_str().unwrap())).await.unwrap();
    assert_eq!(read.json()[0]["Name"], "x", "{}", read.text());
    let changed =
        json!({"records": [{"attributes": {"type": "Account"}, "id": account, "Industry": "Energy"}]});
    assert_eq!(client.json("PATCH", &path, &changed).await.unwrap().json()[0]["success"], true);
    let gone =
        client.delete(&format!("{path}?ids={}&allOrNone=true", account.as_str().unwrap())).await.unwrap();
    assert_eq!(gone.json()[0]["success"], true, "{}", gone.text());
}

#[tokio::test]
async fn parts_refer_to_each_other_where_an_id_may_stand() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let target = format!("{BASE}/composite");
    let account = part("POST", "sobjects/Account", "a", &json!({"Name": "New"}));
    let contact = part("POST", "sobjects/Contact", "c", &json!({"LastName": "B", "AccountId": "@{a.id}"}));
    let read = part("GET", "query?q=SELECT+LastName+FROM+Contact+WHERE+Id='@{c.id}'", "q", &Value::Null);
    let good = json!({"allOrNone": true, "compositeRequest": [account, contact, read]});
    let reply = client.json("POST", &target, &good).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        reply.json()["compositeResponse"][2]["body"]["records"][0]["LastName"],
        "B",
        "{}",
        reply.text()
    );
    let arrived = data_requests(&salesforce).len();
    for bad in [
        part("GET", "query?q=SELECT+LastName+FROM+@{a.id}", "x", &Value::Null),
        part("GET", "sobjects/@{a.type}/@{a.id}", "x", &Value::Null),
        part("PATCH", "sobjects/Account/@{a.id}", "x", &json!({"Phone": "1"})),
        part("GET", "sobjects/Case/@{a.id}", "x", &Value::Null),
        part("GET", "query?q=SELECT+Phone+FROM+Account", "x", &Value::Null),
    ] {
        let reply = client.json("POST", &target, &json!({"compositeRequest": [account, bad]})).await.unwrap();
        assert!(matches!(reply.status, 400 | 403), "{bad}: {} {}", reply.status, reply.text());
        assert!(reply.text().contains("compositeRequest[1]"), "{}", reply.text());
    }
    assert_eq!(data_requests(&salesforce).len(), arrived);
}

#[tokio::test]
async fn batches_trees_and_graphs_are_whole_or_refused() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let id = salesforce.first_id("Account").unwrap();
    let batch = |last: &str| {
        json!({"batchRequests": [
            {"method": "PATCH", "url": format!("v62.0/sobjects/account/{id}"), "richInput": {"Industry": "Energy"}},
            {"method": "GET", "url": format!("v62.0/{last}")}]})
    };
    let target = format!("{BASE}/composite/batch");
    refused(
        &client.json("POST", &target, &batch("query?q=SELECT+Phone+FROM+Account")).await.unwrap(),
        "batchRequests[1]",
    );
    let reply =
        client.json("POST", &target, &batch("query?q=SELECT+Name+FROM+Account+LIMIT+1")).await.unwrap();
    assert_eq!(reply.json()["hasErrors"], false, "{}", reply.text());
    let tree = |field: &str| {
        json!({"records": [{"attributes": {"type": "Account", "referenceId": "r1"}, "Name": "Root",
            "Contacts": {"records": [{"attributes": {"type": "Contact", "referenceId": "r2"}, "LastName": "Leaf", field: "x"}]}}]})
    };
    let target = format!("{BASE}/composite/tree/Account");
    refused(&client.json("POST", &target, &tree("SSN__c")).await.unwrap(), "Contact.SSN__c");
    let reply = client.json("POST", &target, &tree("LastName")).await.unwrap();
    assert!(matches!(reply.status, 200 | 201), "{}", reply.text());
    let graph = |field: &str| {
        json!({"graphs": [{"graphId": "1", "compositeRequest": [
            part("POST", "sobjects/Account", "a", &json!({"Name": "G"})),
            part("POST", "sobjects/Contact", "c", &json!({"LastName": "G", field: "@{a.id}"}))]}]})
    };
    let target = format!("{BASE}/composite/graph");
    assert_ne!(client.json("POST", &target, &graph("SSN__c")).await.unwrap().status, 200);
    let reply = client.json("POST", &target, &graph("AccountId")).await.unwrap();
    assert_eq!(reply.json()["graphs"][0]["isSuccessful"], true, "{}", reply.text());
    assert_eq!(data_requests(&salesforce).len(), 3, "what was refused did not arrive");
}

#[tokio::test]
async fn searches_return_granted_fields_only() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let search = async |sosl: &str| client.get(&format!("{BASE}/search?q={}", encode(sosl))).await.unwrap();
    let found = search("FIND {0007} IN NAME FIELDS RETURNING Account(Name)").await;
    assert_eq!(found.json()["searchRecords"][0]["Name"], "Account 0007", "{}", found.text());
    refused(&search("FIND {0007} IN NAME FIELDS RETURNING Account(Phone)").await, "Account.Phone");
    refused(&search("FIND {0007} IN NAME FIELDS RETURNING Case(Id)").await, "Case");
    assert_ne!(search("FIND {0007}").await.status, 200, "every object of the org");
    // A search for a secret value finds nothing: it looks at names only where not every field is granted.
    let oracle = search("FIND {CANARY-SSN-000123} IN ALL FIELDS RETURNING Contact(LastName)").await;
    assert!(oracle.status == 403 || oracle.json()["searchRecords"] == json!([]), "{}", oracle.text());
    let body = json!({"q": "0007", "in": "NAME", "sobjects": [{"name": "Account", "fields": ["Name"]}]});
    let target = format!("{BASE}/parameterizedSearch");
    let reply = client.json("POST", &target, &body).await.unwrap();
    assert_eq!(reply.json()["searchRecords"][0]["Name"], "Account 0007", "{}", reply.text());
    let arrived = data_requests(&salesforce).len();
    let body = json!({"q": "0007", "in": "NAME", "sobjects": [{"name": "Account", "fields": ["Name"], "where": "Phone = '1'"}]});
    refused(&client.json("POST", &target, &body).await.unwrap(), "Account.Phone");
    assert_eq!(data_requests(&salesforce).len(), arrived);
}

#[tokio::test]
async fn graphql_is_read_to_its_last_alias_and_refused_in_its_own_shape() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let ask = async |query: &str| {
        client.json("POST", &format!("{BASE}/graphql"), &json!({"query": query})).await.unwrap()
    };
    let reply =
        ask("query Q { uiapi { query { big: Account(first: 2) { edges { node { Name { value } } } } } } }")
            .await;
    assert_eq!(
        reply.json()["data"]["uiapi"]["query"]["big"]["edges"].as_array().map(Vec::len),
        Some(2),
        "{}",
        reply.text()
    );
    let arrived = data_requests(&salesforce).len();
    for query in [
        "{uiapi{query{x: Account(first: 2){edges{node{Name{value} y: Phone{value}}}}}}}",
        "{uiapi{query{Account(first: 2, where: {Phone: {eq: \"1\"}}){edges{node{Name{value}}}}}}}",
        "{uiapi{query{Case(first: 1){edges{node{Id}}}}}}",
        "mutation{uiapi{AccountUpdate(input:{Id:\"001D000000IRt53IAD\",Account:{Phone:\"1\"}}){success}}}",
    ] {
        let reply = ask(query).await;
        assert_eq!(reply.status, 403, "{}", reply.text());
        assert!(
            reply.json()["data"].is_null() && reply.json()["errors"][0]["message"].is_string(),
            "{}",
            reply.text()
        );
    }
    assert_eq!(data_requests(&salesforce).len(), arrived);
}

#[tokio::test]
async fn ui_records_keep_what_is_granted() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let path = format!("{BASE}/ui-api/records/{}", salesforce.first_id("Contact").unwrap());
    let reply = client.get(&format!("{path}?fields=Contact.LastName")).await.unwrap();
    assert!(reply.json()["fields"]["LastName"].is_object(), "{}", reply.text());
    let layout = client.get(&format!("{path}?layoutTypes=Full&modes=View")).await.unwrap();
    assert_eq!(layout.status, 200, "{}", layout.text());
    assert!(!layout.text().contains("SSN__c") && layout.text().contains("LastName"), "{}", layout.text());
    let arrived = data_requests(&salesforce).len();
    refused(&client.get(&format!("{path}?fields=Contact.SSN__c")).await.unwrap(), "Contact.SSN__c");
    refused(
        &client.json("PATCH", &path, &json!({"fields": {"Title": "x"}})).await.unwrap(),
        "update Contact",
    );
    assert_eq!(data_requests(&salesforce).len(), arrived);
    let body = json!({"apiName": "Account", "fields": {"Name": "UI"}});
    let created = client.json("POST", &format!("{BASE}/ui-api/records"), &body).await.unwrap();
    assert_eq!(created.status, 201, "{}", created.text());
    assert!(!created.text().contains("Phone") && created.text().contains("UI"), "{}", created.text());
}

#[tokio::test]
async fn blobs_pass_byte_for_byte() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    // Neither text nor anything that may be changed: every byte value, and what looks like the org's address.
    let mut bytes: Vec<u8> = (0..=255).collect();
    bytes.extend(salesforce.url().as_bytes());
    let mut form = b"--B\r\nContent-Disposition: form-data; name=\"entity_content\"\r\nContent-Type: application/json\r\n\r\n{\"Title\":\"T\",\"PathOnClient\":\"t.bin\"}\r\n--B\r\nContent-Disposition: form-data; name=\"VersionData\"; filename=\"t.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n".to_vec();
    form.extend(&bytes);
    form.extend(b"\r\n--B--\r\n");
    let target = format!("{BASE}/sobjects/ContentVersion");
    let made = client
        .send("POST", &target, Some(("multipart/form-data; boundary=B", Bytes::from(form))))
        .await
        .unwrap();
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let back = client.get(&format!("{target}/{id}/VersionData")).await.unwrap();
    assert_eq!(back.status, 200, "{}", back.text());
    assert_eq!(back.body, bytes);
    assert_eq!(back.header("content-type"), "application/octetstream", "as the org says it");
    assert_eq!(back.header("content-length"), bytes.len().to_string());
    let attachment = salesforce.first_id("Attachment").unwrap();
    let reply = client.get(&format!("{BASE}/sobjects/Attachment/{attachment}/Body")).await.unwrap();
    assert!(reply.body.starts_with(b"attachment"), "{}", reply.text());
    assert_eq!(
        client.get(&format!("{BASE}/sobjects/Document/015000000000001AAA/Body")).await.unwrap().status,
        403
    );
}

#[tokio::test]
async fn opaque_doors_open_by_method_and_path() {
    let salesforce = salesforce().await;
    let also =
        "also: [\"POST /services/apexrest/orders/*\", \"GET /services/data/v62.0/analytics/reports/*\"]\n";
    let proxy = with(&salesforce, also).await;
    let client = proxy.client("nightly").await.unwrap();
    let echo = client.json("POST", "/services/apexrest/orders/7?x=1", &json!({"a": 1})).await.unwrap();
    assert_eq!(
        (&echo.json()["body"], &echo.json()["query"]),
        (&json!({"a": 1}), &json!([["x", "1"]])),
        "{}",
        echo.text()
    );
    // The code in the org told in which session it runs. The caller has an answer of the same length without it.
    let session = echo.json()["session"].as_str().unwrap().to_owned();
    let token = salesforce.tokens_minted().pop().unwrap();
    assert_eq!(session, "*".repeat(token.len()));
    // However the org spells its own address, it leads here; what only begins like it does not.
    let here = format!("https://localhost:{}", proxy.address().port());
    let links = [salesforce.url(), "https://localhost", "https://localhost:443", "https://localhost.example"];
    let links = json!({"links": links.map(|link| format!("{link}/a"))});
    let echo = client.json("POST", "/services/apexrest/orders/8", &links).await.unwrap();
    let expected = [&here, &here, &here, "https://localhost.example"].map(|link| format!("{link}/a"));
    assert_eq!(echo.json()["body"]["links"], json!(expected), "{}", echo.text());
    let report = client
        .get(&format!("{BASE}/analytics/reports/00O5g000000ZaBcEAK?includeDetails=true"))
        .await
        .unwrap();
    assert!(report.json()["factMap"].is_object(), "{}", report.text());
    let arrived = data_requests(&salesforce).len();
    for target in [
        "/services/apexrest/orders/7",
        "/services/apexrest/orders",
        "/services/data/v61.0/analytics/reports/00O5g000000ZaBcEAK",
    ] {
        refused(&client.get(target).await.unwrap(), "also");
    }
    assert_eq!(client.get("/services/apexrest/orders/%2e%2e/admin").await.unwrap().status, 400);
    assert_eq!(client.get("/services/apexrest/orders/..%2fadmin").await.unwrap().status, 400);
    assert_eq!(data_requests(&salesforce).len(), arrived);
}

#[tokio::test]
async fn a_router_runs_only_what_its_line_pins() {
    let salesforce = salesforce().await;
    let also =
        "also: [\"POST /services/apexrest/router?loader=orders&page=*\", \"GET /services/apexrest/free\"]\n";
    let proxy = with(&salesforce, also).await;
    let client = proxy.client("nightly").await.unwrap();
    let echo =
        client.json("POST", "/services/apexrest/router?page=2&loader=orders", &json!({})).await.unwrap();
    assert_eq!(echo.json()["query"], json!([["loader", "orders"], ["page", "2"]]), "{}", echo.text());
    assert_eq!(client.get("/services/apexrest/free?loader=all").await.unwrap().status, 200);
    let arrived = data_requests(&salesforce).len();
    for query in
        ["", "?loader=orders", "?loader=all&page=2", "?loader=orders&page=2&depth=9", "?Loader=orders&page=2"]
    {
        let target = format!("/services/apexrest/router{query}");
        refused(&client.json("POST", &target, &json!({})).await.unwrap(), "with these parameters");
    }
    let twice = "/services/apexrest/router?loader=orders&page=2&loader=all";
    assert_eq!(client.json("POST", twice, &json!({})).await.unwrap().status, 400);
    assert_eq!(data_requests(&salesforce).len(), arrived);
}
