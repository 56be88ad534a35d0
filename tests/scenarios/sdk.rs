//! Stock SDKs log in, query with paging, describe and write through Forcefield, and raise their usual exceptions.

mod fixed_hosts;
mod large;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use forcefield_emulator::Server;
use forcefield_tests::{Builder, Proxy, SECRET, pki, sdk};
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
    command.args([&format!("localhost:{}", proxy.relay_address().await.unwrap().port()), "nightly", SECRET]);
    command.env("REQUESTS_CA_BUNDLE", proxy.ca_file().unwrap());
    let seen = sdk::run_client(command).await.unwrap();
    check(&seen);
    assert_eq!(seen["instance"], format!("localhost:{}", proxy.relay_address().await.unwrap().port()));
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
    let url = format!("https://localhost:{}", proxy.relay_address().await.unwrap().port());
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

const HERE: &str = "destinations:\n  here: { networks: [127.0.0.0/8] }\n";

async fn exporting(salesforce: &Server) -> Proxy {
    before(salesforce).section(HERE).identity("nightly", EXPORTS).start().await.unwrap()
}

/// The user name of `nightly`, whose password is its secret.
const USER: &str = "nightly@test.example";

/// Grants for what a client can do: read in pages, write, export, load.
const ALL: &str = r#"
allow:
  Account:    { read: "*", create: "*", update: "*", delete: true }
  Contact:    { read: [LastName, Email, CreatedDate, LastModifiedDate, SystemModstamp], create: [LastName] }
  Invoice__c: { read: "*", create: "*", update: "*" }
also: [versions, resources, limits, describe-global, userinfo]
exports:
  Account: { to: [here], rows: 1000000/day }
  Contact: { to: [here], rows: 1000000/day }
"#;

/// Forcefield with those grants, and with an issuer `ci` whose assertions log `nightly` in; its key is `keys/ci.pem`.
fn everything(salesforce: &Server) -> Builder {
    let issuer = "issuers:\n  ci: { jwks: file:keys/ci.jwks.json, issuer: ci, audience: forcefield }\n";
    let builder = before(salesforce).section(HERE).section(issuer).identity("nightly", ALL);
    let (private, public) = pki::rsa().unwrap();
    builder.write("keys/ci.pem", &private).unwrap();
    builder.write("keys/ci.jwks.json", &pki::jwks(&public).unwrap()).unwrap();
    builder.proof(&format!("jwt: {{ issuer: ci, subject: {USER} }}"))
}

/// Starts it, and waits until it knows the org's own objects: before, it refuses them.
async fn described(builder: Builder) -> Proxy {
    let proxy = builder.start().await.unwrap();
    proxy.wait_for_line("schema loaded").await.unwrap();
    proxy
}

async fn url(proxy: &Proxy) -> String {
    format!("https://localhost:{}", proxy.relay_address().await.unwrap().port())
}

/// A script for the Python that has these packages.
fn python(name: &str, packages: &[&str]) -> Command {
    let mut command = Command::new(sdk::python(name, packages).unwrap());
    command.arg(sdk::script(&format!("{}_client.py", name.replace('-', "_"))));
    command
}

/// Another command of the same Python.
fn beside(command: &Command, name: &str) -> PathBuf {
    Path::new(command.as_std().get_program()).with_file_name(name)
}

/// A script for the Node that has these packages.
fn node(name: &str, packages: &[&str]) -> Command {
    let mut command = Command::new("node");
    command.arg(sdk::script(&format!("{name}_client.js")));
    command.env("NODE_PATH", sdk::node(name, packages).unwrap().join("node_modules"));
    command
}

/// Runs a client that trusts the CA, and says what it saw. It must not ask more often than so many times: SDKs repeat
/// what they take for a passing trouble, and some never stop.
async fn seen(mut command: Command, proxy: &Proxy, most_requests: usize) -> Value {
    let ca = proxy.ca_file().unwrap();
    command.env("REQUESTS_CA_BUNDLE", &ca).env("SSL_CERT_FILE", &ca).env("NODE_EXTRA_CA_CERTS", &ca);
    let before = proxy.records().unwrap().len();
    let seen = sdk::run_client(command).await.unwrap();
    let requests = proxy.records().unwrap().len() - before;
    assert!(requests <= most_requests, "{requests} requests: {seen}");
    seen
}

/// Asserts what a client saw: its rows, and the exceptions that it raised.
fn expect(seen: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&seen[name], value, "{name}: {seen:#}");
    }
}

/// In tunnels, to hosts of Salesforce's only.
fn through(command: &mut Command, tunnels: SocketAddr) {
    command.env("HTTPS_PROXY", format!("http://{tunnels}")).env_remove("NO_PROXY").env_remove("no_proxy");
}

#[tokio::test]
async fn pyforce_works_unmodified() {
    let salesforce = salesforce().await;
    let proxy = described(everything(&salesforce)).await;
    let mut command = python("pyforce", &["pyforce==1.9.1", "six==1.17.0", "requests==2.34.2"]);
    command.args([&url(&proxy).await, USER, SECRET]);
    let seen = seen(command, &proxy, 40).await;
    let url = url(&proxy).await;
    assert!(seen["server"].as_str().is_some_and(|server| server.starts_with(&url)), "{seen}");
    let refused = json!({"class": "SoapFaultError", "code": "INSUFFICIENT_ACCESS"});
    let expected = json!({
        "contacts": 5000,
        "objects": ["Account", "Contact", "Invoice__c"],
        "updated": true,
        "read": "Energy",
        "deleted": true,
        "field": refused,
        "object": refused,
        "write": refused,
        "session": 1,
        "after": {"class": "SessionTimeoutError", "code": "INVALID_SESSION_ID"},
        "login": {"class": "SoapFaultError", "code": "INVALID_LOGIN"},
    });
    expect(&seen, &expected);
}

#[tokio::test]
async fn django_salesforce_works_unmodified() {
    let packages = ["django-salesforce==6.0", "django==5.2.8", "requests==2.34.2"];
    for login in ["SalesforcePasswordAuth", "SimpleSfPasswordAuth"] {
        let salesforce = salesforce().await;
        let proxy = described(everything(&salesforce)).await;
        let mut command = python("django", &packages);
        command.args([&url(&proxy).await, "nightly", SECRET, USER, SECRET, login]);
        let seen = seen(command, &proxy, 30).await;
        let refused = json!({"class": "SalesforceError", "refused": true});
        let expected = json!({
            "contacts": 5000,
            "counted": 5000,
            "read": "Energy",
            "found": 1,
            "bulk": 2,
            "left": 0,
            "field": refused,
            "object": refused,
            "write": refused,
        });
        expect(&seen, &expected);
    }
}

#[tokio::test]
async fn salesforce_api_works_unmodified() {
    let salesforce = salesforce().await;
    let mut proxy = described(everything(&salesforce).connect().unwrap()).await;
    let tunnels = proxy.connect_address().await.unwrap();
    let mut command = python("salesforce-api", &["salesforce-api==0.1.46", "requests==2.34.2"]);
    command.args([
        &format!("localhost:{}", proxy.relay_address().await.unwrap().port()),
        "nightly",
        SECRET,
        USER,
        SECRET,
    ]);
    command.env("TUNNELS", format!("http://{tunnels}"));
    let seen = seen(command, &proxy, 40).await;
    let expected = json!({
        "instance": url(&proxy).await,
        "contacts": 5000,
        "read": "Energy",
        "loaded": ["SuccessResultRecord", "SuccessResultRecord"],
        "field": "RestRequestRefusedError",
        "object": "RestRequestRefusedError",
        "bulk": "RestRequestRefusedError",
        "token": 1,
        "login": "AuthenticationInvalidClientSecretError",
        "soap": 1,
        "soap login": "AuthenticationMissingTokenError",
    });
    expect(&seen, &expected);
}

#[tokio::test]
async fn nforce_works_unmodified() {
    let salesforce = salesforce().await;
    let proxy = described(everything(&salesforce)).await;
    let mut command = node("nforce", &["nforce@1.13.0"]);
    command.args([&url(&proxy).await, "nightly", SECRET, USER, SECRET]);
    let seen = seen(command, &proxy, 30).await;
    let refused = json!({"status": 403, "code": "INSUFFICIENT_ACCESS"});
    let expected = json!({
        "instance": url(&proxy).await,
        "id": true,
        "user": true,
        "contacts": 5000,
        "read": "Energy",
        "field": refused,
        "object": refused,
        "login": {"status": 400, "code": "invalid_grant - authentication failure"},
    });
    expect(&seen, &expected);
}

async fn token(proxy: &Proxy) -> String {
    proxy.client("nightly").await.unwrap().token().unwrap().to_owned()
}

#[tokio::test]
async fn salesforce_bulk_works_unmodified() {
    let python = sdk::python("salesforce-bulk", &["salesforce-bulk==2.2.0"]).unwrap();
    let salesforce = salesforce().await;
    let proxy = exporting(&salesforce).await;
    let url = format!("https://localhost:{}", proxy.relay_address().await.unwrap().port());
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
    command
        .args([&format!("localhost:{}", proxy.relay_address().await.unwrap().port()), &token(&proxy).await]);
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
    let url = format!("https://localhost:{}", proxy.relay_address().await.unwrap().port());
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
