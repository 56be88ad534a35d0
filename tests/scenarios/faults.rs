//! The org down, slow, cut off, answering nonsense: an answer in its shape, no connection reused, a record written.

use forcefield_emulator::{Side, Trouble};

use crate::{salesforce, with};

const GRANTS: &str = "allow:\n  Account: { read: [Name, Region__c, Industry, Phone] }\n";
const QUERY: &str = "SELECT Name, Region__c, Industry, Phone FROM Account";

#[tokio::test]
async fn an_org_that_drops_the_connection_is_502() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    salesforce.fail_next(Side::Data, Trouble::DropBeforeWork, 10);
    let reply = client.query(QUERY).await.unwrap();
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert!(reply.json()[0]["errorCode"].is_string());
    salesforce.heal();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    assert!(proxy.records().unwrap().iter().any(|record| record.to_string().contains("502")));
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_not_sent_twice() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, "allow:\n  Account: { read: [Name], create: [Name] }\n").await;
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query("SELECT Name FROM Account LIMIT 1").await.unwrap().status, 200);
    let before = salesforce.count("Account");
    salesforce.fail_next(Side::Data, Trouble::DropAfterWork, 10);
    let body = serde_json::json!({"Name": "once"});
    let reply = client.json("POST", "/services/data/v62.0/sobjects/Account", &body).await.unwrap();
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert_eq!(salesforce.count("Account"), before.map(|count| count + 1));
}

#[tokio::test]
async fn an_answer_cut_off_in_its_body_ends_as_an_error() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    salesforce.fail_next(Side::Data, Trouble::CutBody, 1);
    let reply = client.query(QUERY).await.unwrap();
    assert!(!reply.complete || reply.status == 502, "a short answer must not look whole");
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
}

#[tokio::test]
async fn html_from_the_org_is_not_passed_on() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    salesforce.fail_next(Side::Data, Trouble::HtmlError, 1);
    let reply = client.query(QUERY).await.unwrap();
    assert_eq!(reply.status, 502, "{}", reply.text());
    assert!(reply.header("content-type").starts_with("application/json"));
    assert!(!reply.text().contains("<html"));
}

#[tokio::test]
async fn the_orgs_own_errors_pass() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let reply =
        client.get("/services/data/v62.0/sobjects/Account/001000000000000AAA?fields=Name").await.unwrap();
    assert_eq!(reply.status, 404, "{}", reply.text());
    assert_eq!(reply.json()[0]["errorCode"], "NOT_FOUND");
}
