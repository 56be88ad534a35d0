//! Stock SDKs log in, query with paging, describe and write through Forcefield, and raise their usual exceptions.

use forcefield_tests::{SECRET, sdk};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::{salesforce, with};

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
