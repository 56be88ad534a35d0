//! Metrics are those that are documented, and readiness tells the truth.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use forcefield_emulator::{Org, Side};
use forcefield_tests::Proxy;

use crate::{before, salesforce, with};

const EXPIRY: &str = "forcefield_certificate_expiry_timestamp_seconds{shown_by=\"proxy\",name=\"own\"}";
const GRANTS: &str = "allow:\n  Account: { read: [Name] }\nlimits: { rows: 100/day, bytes: 1MiB/day }\n";

/// The names and types that `/metrics` tells of.
fn told(metrics: &str) -> BTreeSet<(String, String)> {
    let types = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    types.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect()
}

/// A file of the repository.
fn published(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// The value of the one series that begins so.
fn value(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find(|line| line.starts_with(series));
    assert!(line.is_some(), "no {series} in\n{metrics}");
    line.unwrap().rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[tokio::test]
async fn the_documented_metrics_are_those_that_are_told() {
    let salesforce = salesforce().await;
    let proxy = before(&salesforce).identity("nightly", GRANTS).controlled().unwrap().start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query("SELECT Name FROM Account LIMIT 3").await.unwrap().status, 200);
    let told = told(&proxy.metrics().await.unwrap());
    let documented = published("docs/metrics.md");
    let table = documented.split_once("<!-- metrics -->").unwrap().1.split_once("<!-- end -->").unwrap().0;
    let row = |line: &str| {
        let mut cells =
            line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`').to_owned());
        Some((cells.next()?, cells.next()?))
    };
    let documented: BTreeSet<_> =
        table.lines().filter(|line| line.starts_with("| `")).filter_map(row).collect();
    assert_eq!(
        told.difference(&documented).collect::<Vec<_>>(),
        Vec::<&(String, String)>::new(),
        "undocumented"
    );
    assert_eq!(documented.difference(&told).collect::<Vec<_>>(), Vec::<&(String, String)>::new(), "not told");
}

#[tokio::test]
async fn the_dashboard_and_the_alerts_use_metrics_that_exist() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    assert_eq!(readiness(&proxy, "ready\n").await.0, 200);
    let told = told(&proxy.metrics().await.unwrap());
    let mut known: BTreeSet<String> = BTreeSet::new();
    for (name, kind) in &told {
        known.insert(name.clone());
        if kind == "histogram" {
            known.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
        }
    }
    for file in ["config/grafana/forcefield.json", "config/alerts/forcefield.yaml"] {
        let text = published(file);
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        let used: BTreeSet<&str> = words.filter(|word| word.starts_with("forcefield_")).collect();
        assert!(used.len() > 10, "{file} uses {used:?}");
        let unknown: Vec<_> = used.into_iter().filter(|name| !known.contains(*name)).collect();
        assert_eq!(unknown, Vec::<&str>::new(), "in {file}");
    }
    let dashboard: serde_json::Value =
        serde_json::from_str(&published("config/grafana/forcefield.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let charts = panels.iter().filter(|panel| panel["type"] != "row");
    for panel in charts {
        let targets = panel["targets"].as_array().unwrap();
        assert!(
            targets.iter().all(|target| target["expr"].as_str().is_some_and(|text| !text.is_empty())),
            "{panel}"
        );
    }
}

#[tokio::test]
async fn metrics_tell_of_the_rooms() {
    let salesforce = salesforce().await;
    let proxy = before(&salesforce).identity("nightly", GRANTS).controlled().unwrap().start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query("SELECT Name FROM Account LIMIT 3").await.unwrap().status, 200);
    assert_eq!(client.query("SELECT Phone FROM Account").await.unwrap().status, 403);
    let metrics = proxy.metrics().await.unwrap();
    for (series, expected) in [
        ("forcefield_rules_total{rule=\"field\"}", 1.0),
        ("forcefield_identity_refusals_total{identity=\"nightly\"}", 1.0),
        ("forcefield_rows_left{identity=\"nightly\"}", 97.0),
        ("forcefield_rows_budget{identity=\"nightly\"}", 100.0),
        ("forcefield_token_mints_total{result=\"minted\"}", 1.0),
        ("forcefield_audit_writable", 1.0),
        ("forcefield_audit_lost_total", 0.0),
        ("forcefield_state_writable", 1.0),
        ("forcefield_upstream_duration_seconds_count{api=\"query\"}", 1.0),
        ("forcefield_added_latency_seconds_count{api=\"query\"}", 2.0),
        ("forcefield_handshakes_failed_total{listener=\"proxy\",reason=\"protocol\"}", 0.0),
    ] {
        assert!((value(&metrics, series) - expected).abs() < 1e-9, "{series} in\n{metrics}");
    }
    for series in [
        "forcefield_schema_objects{org=\"sample\"}",
        "forcefield_connections_accepted_total{listener=\"proxy\"}",
        "forcefield_certificate_expiry_timestamp_seconds{shown_by=\"proxy\",name=\"own\"}",
        "forcefield_token_expiry_seconds{org=\"sample\"}",
        "forcefield_upstream_dials_total{result=\"connected\"}",
        "forcefield_runtime_workers{runtime=\"proxy\"}",
        "forcefield_audit_lines_total",
    ] {
        assert!(value(&metrics, series) > 0.0, "{series} in\n{metrics}");
    }
    let oncall = proxy.responder("oncall").await.unwrap();
    let order = serde_json::json!({"reason": "test"});
    let path = "/v1/identities/nightly/quarantine";
    let quarantined = oncall.json("POST", path, &order).await.unwrap();
    assert_eq!(quarantined.status, 200, "{}", quarantined.text());
    let metrics = proxy.metrics().await.unwrap();
    let restraint = value(&metrics, "forcefield_restraint{identity=\"nightly\",effect=\"quarantine\"}");
    assert!((restraint - 1.0).abs() < 1e-9);
}

#[tokio::test]
async fn no_label_holds_what_a_client_wrote() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    client.query("SELECT Name FROM Account WHERE Name = 'Gr33nMarker'").await.unwrap();
    client.get("/services/data/v62.0/sobjects/Gr33nMarker__c/001000000000001").await.unwrap();
    client.get("/Gr33nMarker?q=Gr33nMarker").await.unwrap();
    client.send("GR33NMARKER", "/services/data", None).await.unwrap();
    let metrics = proxy.metrics().await.unwrap().to_ascii_lowercase();
    assert!(!metrics.contains("gr33nmarker"), "{metrics}");
}

#[tokio::test]
async fn a_serving_process_is_ready_and_says_why_when_it_is_not() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    assert_eq!(readiness(&proxy, "ready\n").await.0, 200);
    assert_eq!(proxy.probe("/healthz").await.unwrap().0, 200);
    proxy.limit_files(Some(1)).await.unwrap();
    let client = proxy.anonymous().unwrap();
    let refused = client.get("/services/data").await;
    assert!(
        refused.is_err() || refused.is_ok_and(|reply| !reply.complete),
        "nothing is answered off the record"
    );
    let (status, text) = proxy.probe("/readyz").await.unwrap();
    assert_eq!(status, 503);
    assert!(text.starts_with("not ready\nthe audit record cannot be written\n"), "{text}");
    assert_eq!(proxy.probe("/healthz").await.unwrap().0, 200, "it lives all the same");
    proxy.limit_files(None).await.unwrap();
    assert_eq!(readiness(&proxy, "ready\n").await.0, 200, "and is ready again when the disk is");
}

#[tokio::test]
async fn an_org_that_never_described_itself_keeps_the_process_from_being_ready() {
    let salesforce = Org::builder().start().await.unwrap();
    let reach = "https_proxy: \"http://127.0.0.1:9\"";
    let proxy = before(&salesforce).identity("nightly", GRANTS).reach(reach).start().await.unwrap();
    let expected = "not ready\nno org has described its objects yet\n";
    assert_eq!(readiness(&proxy, expected).await, (503, expected.to_owned()));
}

#[tokio::test]
async fn a_process_that_drains_lives_and_is_not_ready() {
    let salesforce = salesforce().await;
    let mut proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    salesforce.set_latency(Side::Data, Duration::from_secs(3));
    let running =
        tokio::spawn(async move { client.query("SELECT Name FROM Account LIMIT 1").await.unwrap().status });
    let deadline = Instant::now() + Duration::from_secs(20);
    while value(&proxy.metrics().await.unwrap(), "forcefield_exchanges_in_flight") < 1.0 {
        assert!(Instant::now() < deadline, "{}", proxy.output());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    proxy.signal("TERM").await.unwrap();
    let expected = "not ready\ndraining: the process was told to stop\n";
    assert_eq!(readiness(&proxy, expected).await, (503, expected.to_owned()));
    assert_eq!(proxy.probe("/healthz").await.unwrap().0, 200);
    assert_eq!(running.await.unwrap(), 200);
    assert!(proxy.ended(Duration::from_secs(20)).await.unwrap().success(), "{}", proxy.output());
}

#[tokio::test]
async fn an_expired_certificate_keeps_requests_away_until_it_is_replaced() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let show = async |year: i32| {
        let pem = proxy.authority().server_until(&["localhost", "127.0.0.1"], year).unwrap();
        std::fs::write(proxy.folder().join("tls/proxy.crt"), &pem.certificate).unwrap();
        std::fs::write(proxy.folder().join("tls/proxy.key"), &pem.key).unwrap();
        proxy.signal("HUP").await.unwrap();
    };
    show(2025).await;
    let expected = "not ready\nthe certificate of `listen.proxy` has expired\n";
    assert_eq!(readiness(&proxy, expected).await, (503, expected.to_owned()));
    assert!(value(&proxy.metrics().await.unwrap(), EXPIRY) < 1.8e9);
    show(2100).await;
    assert_eq!(readiness(&proxy, "ready\n").await.0, 200);
    assert!(value(&proxy.metrics().await.unwrap(), EXPIRY) > 4e9);
    // A reload is counted when all of it is in force, the certificate first.
    let deadline = Instant::now() + Duration::from_secs(20);
    while value(&proxy.metrics().await.unwrap(), "forcefield_config_reloads_total{result=\"taken-up\"}") < 1.0
    {
        assert!(Instant::now() < deadline, "{}", proxy.output());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What `/readyz` answers, once it is this text or some seconds are over.
async fn readiness(proxy: &Proxy, expected: &str) -> (u16, String) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = proxy.probe("/readyz").await.unwrap();
        if answer.1 == expected || Instant::now() > deadline {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
