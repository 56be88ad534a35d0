//! A responder works in a browser, where no page but the console's own can do anything in their name.

mod pages;

use std::path::Path;
use std::time::Duration;

use forcefield_emulator::Server;
use forcefield_tests::{Client, Proxy, sdk};
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::{before, salesforce};

const GRANTS: &str = "allow: { Account: { read: \"*\" }, Contact: { read: [LastName, Email] } }\n\
    limits: { requests: 1000/s, rows: 1000000/day, bytes: 500MiB/day }";
const SOQL: &str = "SELECT Name FROM Account LIMIT 1";

async fn controlled(salesforce: &Server) -> Proxy {
    let builder = before(salesforce).identity("drift", GRANTS).identity("nightly", GRANTS);
    builder.controlled().unwrap().start().await.unwrap()
}

async fn token(proxy: &Proxy, responder: &str) -> String {
    proxy.responder(responder).await.unwrap().token().unwrap().to_owned()
}

async fn url(proxy: &Proxy) -> String {
    format!("https://localhost:{}", proxy.control_address().await.unwrap().port())
}

/// Two integrations that read and ask for what they may not, until the test ends.
async fn traffic(proxy: &Proxy) -> [JoinHandle<()>; 2] {
    let calls = |client: Client| async move {
        for query in [SOQL, "SELECT Name, Industry FROM Account LIMIT 200", "SELECT SSN__c FROM Contact"]
            .iter()
            .cycle()
        {
            let _ = client.query(query).await;
            tokio::time::sleep(Duration::from_millis(70)).await;
        }
    };
    let drift = proxy.client("drift").await.unwrap();
    let nightly = proxy.client("nightly").await.unwrap();
    [tokio::spawn(calls(drift)), tokio::spawn(calls(nightly))]
}

/// Runs a script of `tests/console` to its end.
async fn browse(script: &str, arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("console").join(script);
    let mut command = Command::new("node");
    command.arg(script).args(arguments);
    let ended = tokio::time::timeout(Duration::from_secs(400), sdk::run_client(command)).await;
    assert_eq!(ended.unwrap().unwrap().get("done"), Some(&true.into()));
}

#[tokio::test]
async fn a_responder_sees_what_happens_and_stops_it_in_a_browser() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let traffic = traffic(&proxy).await;
    let certificate = proxy.folder().join("tls/proxy.crt");
    let (viewer, oncall) = (token(&proxy, "watcher").await, token(&proxy, "oncall").await);
    let (url, chief) = (url(&proxy).await, token(&proxy, "chief").await);
    browse("responder.mjs", &[&url, certificate.to_str().unwrap(), &viewer, &oncall, &chief]).await;
    traffic.iter().for_each(JoinHandle::abort);

    for (name, status) in [("drift", 200), ("nightly", 403)] {
        let client = proxy.with_certificate(name).unwrap();
        assert_eq!(client.query(SOQL).await.unwrap().status, status, "{name}");
    }
    let records = proxy.records().unwrap();
    let acts = |action: &str| {
        let of = records.iter().filter(|record| record["api"]["operation"] == action);
        of.map(|record| (record["actor"]["user"]["name"].as_str(), record["http_response"]["code"].as_u64()))
            .collect::<Vec<_>>()
    };
    assert_eq!(acts("kill")[0], (Some("oncall"), Some(200)));
    assert!(acts("kill")[1..].iter().all(|act| *act == (Some("watcher"), Some(403))), "{:?}", acts("kill"));
    assert_eq!(acts("quarantine"), [(Some("oncall"), Some(200))]);
    assert_eq!(
        (acts("restore"), acts("approve")),
        (vec![(Some("oncall"), Some(202))], vec![(Some("chief"), Some(200))])
    );
    assert_eq!(acts("sign-out"), [(Some("watcher"), Some(200))]);
}

#[tokio::test]
async fn a_page_of_another_site_in_a_responders_browser_can_do_nothing() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let tls = proxy.folder().join("tls");
    let (certificate, key) = (tls.join("proxy.crt"), tls.join("proxy.key"));
    let (certificate, key) = (certificate.to_str().unwrap(), key.to_str().unwrap());
    browse("stranger.mjs", &[&url(&proxy).await, certificate, key, &token(&proxy, "oncall").await]).await;

    let nightly = proxy.client("nightly").await.unwrap();
    assert_eq!(nightly.query(SOQL).await.unwrap().status, 200);
    let records = proxy.records().unwrap();
    let tried: Vec<_> = records.iter().filter(|record| record["api"]["operation"] == "kill").collect();
    assert!(tried.iter().all(|record| record["unmapped"]["outcome"] == "refused"), "{tried:?}");
    // The page that only has another port came with the responder's own cookie.
    let with_cookie = |record: &&&serde_json::Value| record["actor"]["user"]["name"] == "oncall";
    assert!(tried.iter().filter(with_cookie).count() >= 2, "{tried:?}");
}
