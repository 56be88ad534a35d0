//! Stock SDKs log in, query with paging, describe and write through Forcefield, and raise their usual exceptions.

use forcefield_tests::{Proxy, SECRET, sdk};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{before, salesforce, with};

const GRANTS: &str = r#"
allow:
  Account:    { read: "*", create: "*", update: "*", delete: true }
  Contact:    { read: [LastName, Email] }
  Invoice__c: { read: "*", create: "*", update: "*" }
also: [versions, resources, limits, describe-global, userinfo]
"#;

#[tokio::test]
async fn simple_salesforce_works_unmodified() {
    let python = sdk::python("simple-salesforce", &["simple-salesforce==1.12.10"]).unwrap();
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let mut command = Command::new(python);
    command.arg(sdk::script("simple_salesforce_client.py"));
    command.args([&format!("localhost:{}", proxy.address().port()), "nightly", SECRET]);
    command.env("REQUESTS_CA_BUNDLE", proxy.ca_file().unwrap());
    let seen = sdk::run_client(command).await.unwrap();
    check(&seen);
    assert_eq!(seen["instance"], format!("localhost:{}", proxy.address().port()));
    for name in ["field", "object", "write"] {
        assert_eq!(seen[name]["status"], 403, "{seen}");
        assert_eq!(seen[name]["code"], "INSUFFICIENT_ACCESS", "{seen}");
    }
}

#[tokio::test]
async fn jsforce_works_unmodified() {
    let modules = sdk::node("jsforce", &["jsforce@3.10.16"]).unwrap();
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let url = format!("https://localhost:{}", proxy.address().port());
    let mut command = Command::new("node");
    command.arg(sdk::script("jsforce_client.js")).args([&url, "nightly", SECRET]);
    command
        .env("NODE_PATH", modules.join("node_modules"))
        .env("NODE_EXTRA_CA_CERTS", proxy.ca_file().unwrap());
    let seen = sdk::run_client(command).await.unwrap();
    check(&seen);
    assert_eq!(seen["instance"], url);
    for name in ["field", "object", "write"] {
        assert_eq!(seen[name]["code"], "INSUFFICIENT_ACCESS", "{seen}");
    }
}

fn check(seen: &Value) {
    assert_eq!(seen["contacts"], 5000, "{seen}");
    assert_eq!(seen["objects"], json!(["Account", "Contact", "Invoice__c"]), "{seen}");
    assert_eq!(seen["read"], "Energy", "{seen}");
    assert!(
        seen["fields"].as_array().is_some_and(|fields| fields.iter().any(|name| name == "Industry")),
        "{seen}"
    );
}

const EXPORTS: &str = r#"
allow:
  Account: { read: "*", create: "*", update: "*", delete: true }
  Contact: { read: [LastName, Email], create: [LastName] }
also: [versions, describe-global, userinfo]
exports:
  Contact: { to: [here], rows: 1000000/day }
"#;

async fn exporting(salesforce: &forcefield_emulator::Server) -> Proxy {
    let here = "destinations:\n  here: { networks: [127.0.0.0/8] }\n";
    before(salesforce).section(here).identity("nightly", EXPORTS).start().await.unwrap()
}

async fn token(proxy: &Proxy) -> String {
    proxy.client("nightly").await.unwrap().token().unwrap().to_owned()
}

#[tokio::test]
async fn salesforce_bulk_works_unmodified() {
    let python = sdk::python("salesforce-bulk", &["salesforce-bulk==2.2.0"]).unwrap();
    let salesforce = salesforce().await;
    let proxy = exporting(&salesforce).await;
    let url = format!("https://localhost:{}", proxy.address().port());
    let mut command = Command::new(python);
    command.arg(sdk::script("salesforce_bulk_client.py")).args([&url, &token(&proxy).await]);
    command.env("REQUESTS_CA_BUNDLE", proxy.ca_file().unwrap());
    let seen = sdk::run_client(command).await.unwrap();
    assert_eq!((&seen["csv"], &seen["json"]), (&json!(5000), &json!(5000)), "{seen}");
    assert_eq!(seen["inserted"], json!(["true", "true"]), "{seen}");
    for name in ["field", "object"] {
        assert_eq!(seen[name], json!({"class": "BulkApiError", "status": 400}), "{seen}");
    }
    assert_eq!(salesforce.count("Contact"), Some(5002));
}

#[tokio::test]
async fn simple_salesforce_exports_and_loads() {
    let python = sdk::python("simple-salesforce", &["simple-salesforce==1.12.10"]).unwrap();
    let salesforce = salesforce().await;
    let proxy = exporting(&salesforce).await;
    let mut command = Command::new(python);
    command.arg(sdk::script("simple_salesforce_bulk_client.py"));
    command.args([&format!("localhost:{}", proxy.address().port()), &token(&proxy).await]);
    command.env("REQUESTS_CA_BUNDLE", proxy.ca_file().unwrap());
    let seen = sdk::run_client(command).await.unwrap();
    assert_eq!(seen["bulk2"], json!([2000, 2000, 1000]), "{seen}");
    assert_eq!(seen["bulk1"], json!(5002), "{seen}");
    assert_eq!((&seen["loaded"], &seen["inserted"]), (&json!(2), &json!([true])), "{seen}");
    for name in ["field2", "object2", "field1"] {
        assert!(seen[name]["class"].is_string(), "{seen}");
    }
    assert_eq!(salesforce.count("Contact"), Some(5003));
}

#[tokio::test]
async fn jsforce_works_in_soap_and_bulk() {
    let modules = sdk::node("jsforce", &["jsforce@3.10.16"]).unwrap();
    let salesforce = salesforce().await;
    let proxy = exporting(&salesforce).await;
    let url = format!("https://localhost:{}", proxy.address().port());
    let mut command = Command::new("node");
    command.arg(sdk::script("jsforce_doors_client.js")).args([&url, "nightly@test.example", SECRET]);
    command
        .env("NODE_PATH", modules.join("node_modules"))
        .env("NODE_EXTRA_CA_CERTS", proxy.ca_file().unwrap());
    let seen = sdk::run_client(command).await.unwrap();
    assert_eq!((&seen["instance"], &seen["created"]), (&json!(url), &json!(true)), "{seen}");
    assert_eq!((&seen["bulk1"], &seen["bulk2"]), (&json!(5000), &json!(5000)), "{seen}");
    assert_eq!((&seen["loaded1"], &seen["loaded2"]), (&json!([true, true]), &json!(1)), "{seen}");
    for name in ["soapRefused", "bulk1Refused", "bulk2Refused"] {
        assert!(seen[name]["class"].is_string(), "{seen}");
    }
    assert_eq!(salesforce.count("Contact"), Some(5003));
}
