//! The leak is bounded: whatever sits in a connector, at most its budget leaves, through all doors together.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a scenario stops at an answer that it does not know"
)]

mod adoption;
mod budgets;
mod crash;
mod exports;
mod rates;

use forcefield_emulator::Server;
use forcefield_tests::{Client, Proxy, Reply};
use serde_json::json;

use crate::salesforce;

/// An org with 13.9 million rows of `Reading__c`.
async fn large_org() -> Server {
    let salesforce = salesforce().await;
    salesforce.org().set_virtual_rows(13_900_000);
    salesforce
}

/// A destination that every caller of these tests stands at.
const HERE: &str = "destinations:\n  here: { networks: [127.0.0.0/8] }\n";

/// An integration that may read `Reading__c` and export it to where it is, with these limits.
fn reader(limits: &str) -> String {
    format!(
        "allow:\n  Reading__c: {{ read: \"*\" }}\nexports:\n  Reading__c: {{ to: [here] }}\nlimits: {{ {limits} }}\n"
    )
}

/// The rows of record data in an answer of the query API, whole or cut.
fn rows_in(reply: &Reply) -> u64 {
    reply.text().matches("\"attributes\"").count() as u64
}

/// The rows that the records of an integration say went to it.
fn rows_recorded(proxy: &Proxy) -> u64 {
    let records = proxy.records().unwrap();
    records.iter().filter_map(|record| record["unmapped"]["rows"].as_u64()).sum()
}

/// Has a Bulk 2.0 query job made, and gives its path.
pub(super) async fn query_job(client: &Client, soql: &str) -> String {
    let body = json!({"operation": "query", "query": soql});
    let reply = client.json("POST", "/services/data/v62.0/jobs/query", &body).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let path = format!("/services/data/v62.0/jobs/query/{}", reply.json()["id"].as_str().unwrap());
    loop {
        let state = client.get(&path).await.unwrap();
        assert_eq!(state.status, 200, "{}", state.text());
        if state.json()["state"] == "JobComplete" {
            return path;
        }
    }
}
