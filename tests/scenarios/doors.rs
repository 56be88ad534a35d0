//! Other ways in: recognised and refused by name, or granted by name.

mod bulk1;
mod bulk2;
mod families;
mod modes;
mod own;
mod rows;
mod soap;

use forcefield_emulator::Server;
use serde_json::json;

use crate::{data_requests, salesforce, with};

/// What the last data request did at the org, one line each.
fn touched(salesforce: &Server) -> Vec<String> {
    let requests = data_requests(salesforce);
    requests.last().map(|last| last.touched.iter().map(ToString::to_string).collect()).unwrap_or_default()
}

/// The texts of all elements with this tag.
fn all(text: &str, tag: &str) -> Vec<String> {
    let (open, close) = (format!("<{tag}>"), format!("</{tag}>"));
    text.split(&open).skip(1).filter_map(|part| Some(part.split_once(&close)?.0.to_owned())).collect()
}

/// Exports of these objects to the place where the tests call from, and to one where nobody calls from.
const HERE: &str =
    "destinations:\n  here: { networks: [127.0.0.0/8] }\n  elsewhere: { networks: [10.99.0.0/16] }\n";

#[tokio::test]
async fn doors_that_are_not_granted_are_refused_by_name() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, "allow:\n  Account: { read: \"*\" }\n").await;
    let client = proxy.client("nightly").await.unwrap();
    for target in [
        "/services/data/v62.0/tooling/executeAnonymous/?anonymousBody=x();",
        "/services/data/v62.0/recent",
        "/services/data/v62.0/limits",
        "/services/data/v62.0/sobjects",
        "/services/apexrest/orders/7",
        "/services/data/v62.0/analytics/reports/00O5f00000ZaBcDEAV",
        "/services/data/v62.0/chatter/users/me",
        "/secur/frontdoor.jsp?sid=x",
    ] {
        let reply = client.get(target).await.unwrap();
        assert!(matches!(reply.status, 400 | 403), "{target}: {} {}", reply.status, reply.text());
    }
    let export = json!({"operation": "query", "query": "SELECT Id FROM Account"});
    let reply = client.json("POST", "/services/data/v62.0/jobs/query", &export).await.unwrap();
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(reply.text().contains("export"), "{}", reply.text());
    assert!(data_requests(&salesforce).is_empty());
}

#[tokio::test]
async fn a_door_granted_by_path_opens_for_that_path() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, "also: [\"GET /services/apexrest/orders/*\"]\n").await;
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.get("/services/apexrest/orders/7").await.unwrap().status, 200);
    assert_eq!(client.get("/services/apexrest/orders/7/lines").await.unwrap().status, 403);
    assert_eq!(client.delete("/services/apexrest/orders/7").await.unwrap().status, 403);
}

#[tokio::test]
async fn a_composite_with_one_forbidden_part_runs_no_part() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, "allow:\n  Account: { read: [Name], create: [Name] }\n").await;
    let client = proxy.client("nightly").await.unwrap();
    let part = |id: &str, url: &str| json!({"method": "GET", "url": url, "referenceId": id});
    let create = json!({"method": "POST", "url": "/services/data/v62.0/sobjects/Account", "referenceId": "new", "body": {"Name": "x"}});
    let allowed = part("a", "/services/data/v62.0/query?q=SELECT+Name+FROM+Account+LIMIT+1");
    let forbidden = part("b", "/services/data/v62.0/query?q=SELECT+Phone+FROM+Account+LIMIT+1");
    let target = "/services/data/v62.0/composite";
    let reply = client
        .json("POST", target, &json!({"compositeRequest": [create, allowed, forbidden]}))
        .await
        .unwrap();
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert!(reply.text().contains("compositeRequest[2]"), "{}", reply.text());
    assert!(data_requests(&salesforce).is_empty());
    let reply = client.json("POST", target, &json!({"compositeRequest": [create, allowed]})).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["compositeResponse"].as_array().map(Vec::len), Some(2));
}
