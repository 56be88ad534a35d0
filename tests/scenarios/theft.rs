//! Tokens that somebody else holds, or holds for too long: each refused, each with its reason on record, and no more
//! said to the thief than it needs.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use forcefield_emulator::Org;
use forcefield_tests::client::Protocol;
use forcefield_tests::{APP_SECRET, Client, Proxy, Reply, SECRET};

use serde_json::Value;

use crate::{before, data_requests, salesforce, with};

const GRANTS: &str = "allow:\n  Account: { read: [Name] }\n";
const QUERY: &str = "SELECT Name FROM Account LIMIT 1";
const TARGET: &str = "/services/data/v62.0/query?q=SELECT+Name+FROM+Account+LIMIT+1";
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// A refusal's status and code, and the reason that its record holds.
fn told(proxy: &Proxy, reply: &Reply) -> (u16, String, String) {
    let decision = reply.header("x-forcefield-decision");
    let records = proxy.records().unwrap();
    let record = records.iter().find(|record| record.to_string().contains(decision)).unwrap();
    let text = |json: &Value, pointer: &str| {
        json.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    (reply.status, text(&reply.json(), "/0/errorCode"), text(record, "/status_detail"))
}

/// Asserts a refusal: an unknown session, of which the client learns nothing more, or a known one in the wrong place.
fn refused(proxy: &Proxy, reply: &Reply, status: u16, reason: &str) {
    let (got, code, detail) = told(proxy, reply);
    assert_eq!(got, status, "{}", reply.text());
    assert!(detail.contains(reason), "`{detail}` does not say `{reason}`");
    if status == 401 {
        assert_eq!(code, "INVALID_SESSION_ID");
        assert!(reply.text().contains(r#""message":"Session expired or invalid""#), "{}", reply.text());
    } else {
        assert_eq!(code, "INSUFFICIENT_ACCESS");
    }
}

/// The file of an integration.
fn edit(proxy: &Proxy, name: &str, change: impl Fn(String) -> String) {
    let file = proxy.folder().join(format!("identities/{name}.yaml"));
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(file, change(text)).unwrap();
}

/// Asks until the answer has this status: a reload takes a moment.
async fn until(status: u16, client: &Client) -> Reply {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let reply = client.query(QUERY).await.unwrap();
        if reply.status == status || Instant::now() > deadline {
            return reply;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn from_another_network() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    let stolen = client.clone().from(ELSEWHERE).query(QUERY).await.unwrap();
    refused(&proxy, &stolen, 403, "network");
    assert_eq!(client.query(QUERY).await.unwrap().status, 200, "its owner goes on");
    assert_eq!(data_requests(&salesforce).len(), 2);
}

#[tokio::test]
async fn a_refresh_token_from_another_network() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let anonymous = proxy.anonymous().unwrap();
    let client = [("client_id", "nightly"), ("client_secret", SECRET)];
    let form = [&[("grant_type", "client_credentials")][..], &client].concat();
    let json = anonymous.form("/services/oauth2/token", &form).await.unwrap().json();
    let refresh = json["refresh_token"].as_str().unwrap();
    let form = [&[("grant_type", "refresh_token"), ("refresh_token", refresh)][..], &client].concat();
    assert_eq!(anonymous.form("/services/oauth2/token", &form).await.unwrap().status, 200);
    let stolen = anonymous.from(ELSEWHERE).form("/services/oauth2/token", &form).await.unwrap();
    assert_eq!(stolen.status, 400, "{}", stolen.text());
    assert_eq!(stolen.json()["error"], "invalid_grant", "{}", stolen.text());
}

#[tokio::test]
async fn after_it_was_revoked() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    let form = [("token", client.token().unwrap())];
    assert_eq!(client.form("/services/oauth2/revoke", &form).await.unwrap().status, 200);
    refused(&proxy, &client.query(QUERY).await.unwrap(), 401, "revoked");
    let proxy = proxy.restart().await.unwrap();
    let again = proxy.anonymous().unwrap().with_token(client.token().unwrap());
    assert_eq!(again.query(QUERY).await.unwrap().status, 401, "also after a restart");
}

#[tokio::test]
async fn after_it_expired() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    // No session is shorter than a minute: what is on disk is made so.
    let soon = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(5);
    let soon = u64::try_from(soon.as_millis()).unwrap();
    let file = proxy.folder().join("state/sessions.journal");
    let journal = std::fs::read_to_string(&file).unwrap();
    let mut lines: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for line in &mut lines {
        line["expires"] = soon.into();
    }
    std::fs::write(&file, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    let proxy = proxy.restart().await.unwrap();
    let client = proxy.anonymous().unwrap().with_token(client.token().unwrap());
    let mut lasting = client.open(Protocol::Http1).await.unwrap();
    assert_eq!(lasting.get(TARGET).await.unwrap().status, 200);
    refused(&proxy, &until(401, &client).await, 401, "expired");
    assert_eq!(lasting.get(TARGET).await.unwrap().status, 401, "also in the middle of a connection");
}

#[tokio::test]
async fn after_its_identity_was_removed() {
    let salesforce = salesforce().await;
    let proxy =
        before(&salesforce).identity("nightly", GRANTS).identity("other", GRANTS).start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    let other = proxy.client("other").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    std::fs::remove_file(proxy.folder().join("identities/nightly.yaml")).unwrap();
    refused(&proxy, &until(401, &client).await, 401, "not in the configuration any more");
    assert_eq!(other.query(QUERY).await.unwrap().status, 200);
}

#[tokio::test]
async fn with_the_certificate_of_another_identity() {
    let salesforce = salesforce().await;
    let proxy =
        before(&salesforce).identity("nightly", GRANTS).identity("other", GRANTS).start().await.unwrap();
    let token = proxy.client("nightly").await.unwrap().token().unwrap().to_owned();
    let thief = proxy.with_certificate("other").unwrap().with_token(&token);
    refused(&proxy, &thief.query(QUERY).await.unwrap(), 403, "different identities");

    // Bound to a certificate, it works with no other and not without one.
    let form = [("grant_type", "client_credentials"), ("client_id", "nightly"), ("client_secret", SECRET)];
    let owner = proxy.with_certificate("nightly").unwrap();
    let json = owner.form("/services/oauth2/token", &form).await.unwrap().json();
    let token = json["access_token"].as_str().unwrap();
    assert_eq!(owner.with_token(token).query(QUERY).await.unwrap().status, 200);
    let thief = proxy.with_certificate("other").unwrap().with_token(token);
    refused(&proxy, &thief.query(QUERY).await.unwrap(), 403, "certificate");
    let thief = proxy.anonymous().unwrap().with_token(token);
    refused(&proxy, &thief.query(QUERY).await.unwrap(), 403, "certificate");
}

#[tokio::test]
async fn forged() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let token = client.token().unwrap();
    let (org, rest) = token.split_once('!').unwrap();
    let shorter = rest.get(..rest.len() - 1).unwrap();
    let last = if token.ends_with('a') { "b" } else { "a" };
    let forgeries = [
        format!("{org}!{shorter}{last}"),
        format!("00D000000000009!{rest}"),
        format!("{org}!{shorter}"),
        format!("{org}!{rest}{rest}"),
        format!("{}!{rest}", org.to_lowercase()),
        format!("{org}!"),
        salesforce.org().open_session("integration@sample.example"),
    ];
    for forgery in forgeries.iter().filter(|forgery| *forgery != token) {
        let reply = client.clone().with_token(forgery).query(QUERY).await.unwrap();
        refused(&proxy, &reply, 401, "");
    }
    assert!(data_requests(&salesforce).is_empty());
}

#[tokio::test]
async fn replayed_when_its_identity_works_with_another_org() {
    let (salesforce, second) = (salesforce().await, Org::builder().org_id("00D000000000099EAA").start());
    let second = second.await.unwrap();
    let reach = format!("url: {{ url: \"{}\", ca: file:keys/second.pem }}", second.url());
    let rest = format!("id: {}, environment: production, api_versions: \"50.0-68.0\"", second.org_id());
    let builder = before(&salesforce)
        .identity("nightly", GRANTS)
        .identity("other", GRANTS)
        .org("second", &format!("{reach}, {rest}"));
    builder.write("keys/second.pem", second.ca_pem()).unwrap();
    second.register_client_credentials("3MVG9-test-app", APP_SECRET);
    let proxy = builder.start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    edit(&proxy, "nightly", |text| text.replace("org: sample", "org: second"));
    refused(&proxy, &until(401, &client).await, 401, "another org");
    let anew = proxy.client("nightly").await.unwrap();
    let reply = anew.query(QUERY).await.unwrap();
    assert_eq!(reply.status, 200, "{} {}", reply.text(), proxy.output());
    assert_eq!(data_requests(&second).len(), 1);
}
