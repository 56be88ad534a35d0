//! Whatever the door, the record says how many rows of data the org answered.

use bytes::Bytes;
use forcefield_tests::{Proxy, client::encode};
use serde_json::{Value, json};

use crate::{salesforce, with};

const GRANTS: &str = "allow:
  Account: { read: \"*\" }
  Contact: { read: [LastName, Email, AccountId] }
  Attachment: { read: \"*\" }
  Case: { read: \"*\" }
also: [versions, limits, describe-global, \"GET /services/apexrest/orders/*\", \"GET /services/data/v62.0/analytics/reports/*\"]
";

/// The record of a decision.
pub(super) fn record(proxy: &Proxy, decision: &str) -> Value {
    let mut records = proxy.records().unwrap();
    records.retain(|record| record.pointer("/metadata/uid").is_some_and(|uid| uid == decision));
    assert_eq!(records.len(), 1, "one record for {decision}");
    records.remove(0)
}

const BASE: &str = "/services/data/v62.0";

fn query(soql: &str) -> String {
    format!("query?q={}", encode(soql))
}

fn part(url: &str, reference: &str) -> Value {
    json!({"method": "GET", "url": format!("{BASE}/{url}"), "referenceId": reference})
}

#[tokio::test]
async fn rows_are_counted_at_every_door() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let (account, attachment) =
        (salesforce.first_id("Account").unwrap(), salesforce.first_id("Attachment").unwrap());
    let accounts = client.query("SELECT Id FROM Account LIMIT 3").await.unwrap().json();
    let ids: Vec<&str> = (0..3).filter_map(|at| accounts["records"][at]["Id"].as_str()).collect();
    let nested = "SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE Id IN ('001D000000IRt53IAD') LIMIT 1";
    let graphql = "{uiapi{query{Account(first:4){edges{node{Name{value}}}}}}}";
    let sosl = "FIND {0007} IN NAME FIELDS RETURNING Account(Name)";
    let composite = json!({"compositeRequest": [
        part(&query("SELECT Name FROM Account LIMIT 5"), "q"), part(&format!("sobjects/Account/{account}"), "r")]});
    let batch = json!({"batchRequests": [
        {"method": "GET", "url": format!("v62.0/{}", query("SELECT Name FROM Account LIMIT 6"))},
        {"method": "GET", "url": format!("v62.0/sobjects/Account/{account}?fields=Name")}]});
    let get = |target: String, rows: i64| (target, None, rows);
    let post = |target: &str, body: Value, rows: i64| (target.to_owned(), Some(body), rows);
    let doors = [
        get(format!("sobjects/Account/{account}"), 1),
        get(format!("sobjects/Account/{account}?fields=Name"), 1),
        get(format!("sobjects/Account/{account}/Contacts?fields=LastName"), 3),
        get(format!("sobjects/Attachment/{attachment}/Body"), 1),
        get(query("SELECT Name FROM Account LIMIT 7"), 7),
        get(query("SELECT Name FROM Account"), 2000),
        get(query("SELECT COUNT() FROM Account"), 0),
        get(query("SELECT Region__c, COUNT(Id) n FROM Account GROUP BY Region__c"), 3),
        get(query(nested), 4),
        get(format!("queryAll?q={}", encode("SELECT Name FROM Account LIMIT 8")), 8),
        get(format!("search?q={}", encode(sosl)), 1),
        get("parameterizedSearch?q=0007&in=NAME&sobject=Account&Account.fields=Name".to_owned(), 1),
        get(format!("composite/sobjects/Account?ids={}&fields=Name", ids.join(",")), 3),
        post("composite/sobjects/Account", json!({"ids": ids, "fields": ["Name"]}), 3),
        post("composite", composite, 6),
        post("composite/batch", batch, 7),
        post("graphql", json!({"query": graphql}), 4),
        get(format!("ui-api/records/{account}?fields=Account.Name"), 1),
        get(format!("ui-api/related-list-records/{account}/Contacts?fields=Contact.LastName"), 3),
        get("limits".to_owned(), 0),
        get("sobjects".to_owned(), 0),
        get("sobjects/Account/describe".to_owned(), 0),
    ];
    for (target, body, rows) in doors {
        let target = format!("{BASE}/{target}");
        let reply = match &body {
            None => client.get(&target).await.unwrap(),
            Some(body) => client.json("POST", &target, body).await.unwrap(),
        };
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        let record = record(&proxy, reply.header("x-forcefield-decision"));
        assert_eq!(record["unmapped"]["rows"], rows, "{target}: {}", reply.text());
        assert_eq!(record["unmapped"]["bytes"], reply.body.len(), "{target}");
    }
}

#[tokio::test]
async fn rows_of_reports_and_envelopes_are_counted() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let report = client.get(&format!("{BASE}/analytics/reports/00O5g000000ZaBcEAK")).await.unwrap();
    let shown: usize = report.json()["factMap"]
        .as_object()
        .unwrap()
        .values()
        .map(|fact| fact["rows"].as_array().unwrap().len())
        .sum();
    assert!(shown > 0);
    assert_eq!(record(&proxy, report.header("x-forcefield-decision"))["unmapped"]["rows"], shown);
    let soql = "<query xmlns=\"urn:partner.soap.sforce.com\"><queryString>SELECT Name FROM Account LIMIT 9</queryString></query>";
    let envelope = format!(
        "<e:Envelope xmlns:e=\"http://schemas.xmlsoap.org/soap/envelope/\"><e:Header><SessionHeader xmlns=\"urn:partner.soap.sforce.com\"><sessionId>{}</sessionId></SessionHeader></e:Header><e:Body>{soql}</e:Body></e:Envelope>",
        client.token().unwrap()
    );
    let soap = proxy.anonymous().unwrap().with_header("SOAPAction", "\"\"");
    let reply =
        soap.send("POST", "/services/Soap/u/62.0", Some(("text/xml", Bytes::from(envelope)))).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(record(&proxy, reply.header("x-forcefield-decision"))["unmapped"]["rows"], 9);
}
