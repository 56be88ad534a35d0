//! An integration reads and writes what it was granted.

use serde_json::json;

use crate::{data_requests, salesforce, with};

const GRANTS: &str = r#"
allow:
  Account:    { read: "*", create: "*", update: "*", delete: true }
  Invoice__c: { read: "*", create: "*", update: "*" }
  Contact:    { read: [Name, LastName, Email, AccountId] }
also: [versions, resources, limits, describe-global, userinfo]
"#;

#[tokio::test]
async fn records_are_created_read_changed_and_deleted() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();

    let created =
        client.json("POST", "/services/data/v62.0/sobjects/Account", &json!({"Name": "Acme"})).await.unwrap();
    assert_eq!(created.status, 201, "{}", created.text());
    let id = created.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/services/data/v62.0/sobjects/Account/{id}");

    assert_eq!(client.json("PATCH", &path, &json!({"Industry": "Energy"})).await.unwrap().status, 204);
    let read = client.get(&format!("{path}?fields=Name,Industry")).await.unwrap();
    assert_eq!(
        (read.json()["Name"].as_str(), read.json()["Industry"].as_str()),
        (Some("Acme"), Some("Energy"))
    );
    assert_eq!(client.delete(&path).await.unwrap().status, 204);
    assert_eq!(client.get(&path).await.unwrap().status, 404);

    let org = salesforce.org();
    let did: Vec<bool> = ["create Account.Name", "update Account.Industry", "delete Account"]
        .iter()
        .map(|touch| org.requests().iter().any(|received| received.did(touch)))
        .collect();
    assert_eq!(did, [true; 3]);
}

#[tokio::test]
async fn a_row_is_upserted_by_its_own_key() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let path = "/services/data/v62.0/sobjects/Invoice__c/ExtId__c/A%2F17%20b";
    let first = client.json("PATCH", path, &json!({"Status__c": "Open"})).await.unwrap();
    let second = client.json("PATCH", path, &json!({"Status__c": "Paid"})).await.unwrap();
    assert_eq!((first.status, second.status), (201, 200));
    assert_eq!(client.get(&format!("{path}?fields=Status__c")).await.unwrap().json()["Status__c"], "Paid");
}

#[tokio::test]
async fn queries_with_parents_and_children_come_back_whole() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let reply = client
        .query("SELECT Name, (SELECT LastName, Account.Name FROM Contacts) FROM Account LIMIT 5")
        .await
        .unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(reply.json()["records"].as_array().unwrap().len(), 5);
    let count = client.query("SELECT COUNT() FROM Account").await.unwrap();
    assert_eq!(count.json()["totalSize"], 2000);
}

#[tokio::test]
async fn the_org_sees_its_own_credential_and_never_the_callers() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let token = client.token().unwrap().to_owned();
    assert_eq!(client.query("SELECT Id FROM Account LIMIT 1").await.unwrap().status, 200);
    let minted = salesforce.org().tokens_minted();
    for received in data_requests(&salesforce) {
        assert!(received.headers.iter().all(|(_, value)| !value.contains(&token)), "{received:?}");
        assert!(
            received.credentials.iter().all(|carried| minted.iter().any(|known| known == carried.token())),
            "{received:?}"
        );
        assert_eq!(received.credentials.len(), 1, "exactly one credential: {received:?}");
    }
}

#[tokio::test]
async fn a_certificate_needs_no_login() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.with_certificate("nightly").unwrap();
    assert_eq!(client.query("SELECT Name FROM Account LIMIT 1").await.unwrap().status, 200);
    let stranger = proxy.with_certificate("somebody-else").unwrap();
    assert_eq!(stranger.query("SELECT Name FROM Account LIMIT 1").await.unwrap().status, 401);
    assert_eq!(
        proxy.anonymous().unwrap().query("SELECT Name FROM Account LIMIT 1").await.unwrap().status,
        401
    );
}

#[tokio::test]
async fn versions_resources_and_limits_are_answered() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    for (path, expected) in [
        ("/services/data", "\"version\""),
        ("/services/data/v62.0", "sobjects"),
        ("/services/data/v62.0/limits/", "DailyApiRequests"),
    ] {
        let reply = client.get(path).await.unwrap();
        assert!(reply.status == 200 && reply.text().contains(expected), "{path}: {}", reply.text());
        assert!(!reply.text().contains(salesforce.url()), "{path} names the org: {}", reply.text());
        assert!(reply.header("set-cookie").is_empty());
        assert!(!reply.header("x-forcefield-decision").is_empty());
    }
}
