//! Clients that know Salesforce's own hosts only: a proxy variable and a CA lead them here.

use std::net::SocketAddr;

use forcefield_tests::{Proxy, SECRET};
use serde_json::json;
use tempfile::TempDir;

use super::{USER, beside, described, everything, expect, python, seen, through};
use crate::salesforce;

async fn with_tunnels(salesforce: &forcefield_emulator::Server) -> (Proxy, SocketAddr) {
    let mut proxy = described(everything(salesforce).connect().unwrap()).await;
    let tunnels = proxy.connect_address().await.unwrap();
    (proxy, tunnels)
}

#[tokio::test]
async fn tap_salesforce_works_unmodified() {
    let (salesforce, folder) = (salesforce().await, TempDir::new().unwrap());
    let (proxy, tunnels) = with_tunnels(&salesforce).await;
    let mut command = python("tap-salesforce", &["tap-salesforce==2.8.1"]);
    let tap = beside(&command, "tap-salesforce");
    command.arg(tap).args(["nightly", SECRET]).arg(folder.path());
    through(&mut command, tunnels);
    let seen = seen(command, &proxy, 80).await;
    let streams = json!(["Account", "Contact", "Invoice__c"]);
    let rows = json!({"Account": salesforce.count("Account"), "Contact": 5000});
    let refused = json!({"code": 1, "told": true});
    let expected = json!({
        "REST streams": streams,
        "REST rows": rows,
        "REST refused": refused,
        "BULK streams": streams,
        "BULK rows": rows,
        "BULK refused": refused,
    });
    expect(&seen, &expected);
}

#[tokio::test]
async fn aiosalesforce_works_unmodified() {
    let salesforce = salesforce().await;
    let (proxy, tunnels) = with_tunnels(&salesforce).await;
    let mut command =
        python("aiosalesforce", &["aiosalesforce[jwt]==0.6.2", "httpx==0.28.1", "pyjwt==2.15.1"]);
    command.args(["nightly", SECRET, USER, SECRET]).arg(proxy.folder().join("keys/ci.pem"));
    through(&mut command, tunnels);
    let seen = seen(command, &proxy, 50).await;
    let refused = json!({"class": "AuthorizationError", "code": "INSUFFICIENT_ACCESS"});
    let expected = json!({
        "client": 3,
        "soap": 3,
        "jwt": 3,
        "contacts": 5000,
        "read": "Energy",
        "batch": [200, 204],
        "loaded": 2,
        "field": refused,
        "object": refused,
        "bulk": refused,
        "login": {"class": "AuthenticationError", "code": "invalid_client"},
    });
    expect(&seen, &expected);
}

#[tokio::test]
async fn sfdclib_works_unmodified() {
    let salesforce = salesforce().await;
    let (proxy, tunnels) = with_tunnels(&salesforce).await;
    let mut command = python("sfdclib", &["sfdclib==0.2.26", "requests==2.34.2"]);
    command.args([USER, SECRET]);
    through(&mut command, tunnels);
    let seen = seen(command, &proxy, 30).await;
    let expected = json!({
        "server": "https://login.salesforce.com",
        "page": 2000,
        "read": "From sfdclib",
        "exported": 5000,
        "query refused": true,
        "export refused": true,
    });
    expect(&seen, &expected);
}
