//! What an integration never did before is noticed, by rules that can be told in words, and acted upon by level.

use std::time::{Duration, Instant};

use forcefield_emulator::Server;
use forcefield_tests::{Client, Proxy};
use serde_json::{Value, json};

use crate::{BINARY, before, data_requests, salesforce};

const GRANTS: &str = r#"allow:
  Case:    { read: [CaseNumber, Subject], create: [Subject] }
  Account: { read: "*" }
exports:
  Account: { to: [here] }
also: [describe-global]
limits: { requests: 1000/s, burst: 1000, rows: 100000/day }
"#;

/// A day, and ten requests, are enough to learn from.
async fn watched(salesforce: &Server, signals: &str) -> Proxy {
    let section = format!(
        "destinations:\n  here: {{ networks: [127.0.0.0/8] }}\nsignals:\n  learning: {{ days: 1, requests: 10 }}\n{signals}"
    );
    let builder = before(salesforce).section(&section).identity("drift", GRANTS).identity("nightly", GRANTS);
    builder.controlled().unwrap().start().await.unwrap()
}

/// What the integration always does.
async fn ordinary(client: &Client) {
    for _ in 0..12 {
        let reply = client.query("SELECT CaseNumber FROM Case LIMIT 2").await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
}

/// What signals found by a rule, once there is anything.
async fn findings(proxy: &Proxy, rule: &str) -> Vec<Value> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let of_rule = |line: &Value| {
            line.get("class_uid") == Some(&2004.into())
                && line.pointer("/unmapped/rule").and_then(Value::as_str) == Some(rule)
        };
        let records = proxy.records().unwrap_or_default();
        let found: Vec<Value> = records.into_iter().filter(of_rule).collect();
        if !found.is_empty() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {rule}: {}", proxy.output());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_third_look_of_a_new_sort_quarantines_and_a_restore_begins_afresh() {
    let salesforce = salesforce().await;
    let proxy = watched(&salesforce, "").await;
    let drift = proxy.client("drift").await.unwrap();
    let nightly = proxy.client("nightly").await.unwrap();
    ordinary(&drift).await;
    ordinary(&nightly).await;
    // A reload keeps what was learned.
    let chief = proxy.responder("chief").await.unwrap();
    let why = json!({"reason": "to see whether histories survive"});
    assert_eq!(chief.json("POST", "/v1/reload", &why).await.unwrap().status, 200);

    let list = drift.get("/services/data/v62.0/sobjects").await.unwrap();
    let refused = drift.query("SELECT COUNT() FROM User").await.unwrap();
    assert_eq!((list.status, refused.status), (200, 403));
    let before_third = data_requests(&salesforce).len();
    let third = drift.query("SELECT Name FROM Account LIMIT 1").await.unwrap();
    assert_eq!(third.status, 403, "the look that makes it one is refused itself: {}", third.text());
    assert!(third.text().contains("is quarantined"), "{}", third.text());
    assert_eq!(drift.query("SELECT CaseNumber FROM Case LIMIT 1").await.unwrap().status, 403);
    assert_eq!(data_requests(&salesforce).len(), before_third, "nothing more reached the org");
    assert_eq!(nightly.query("SELECT CaseNumber FROM Case LIMIT 1").await.unwrap().status, 200);

    let finding = &findings(&proxy, "reconnaissance").await[0];
    assert_eq!(finding["unmapped"]["level"], "quarantine");
    let day = chief.get("/v1/identities/drift/day").await.unwrap().json();
    let told = |told: &Value| (told["rule"].clone(), told["level"].clone());
    let told: Vec<_> = day["findings"].as_array().unwrap().iter().map(told).collect();
    assert!(told.contains(&(json!("reconnaissance"), json!("quarantine"))), "{day}");
    assert_eq!(finding["resources"][0]["name"], "drift");
    let decisions: Vec<&str> = finding["evidences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|evidence| evidence["api"]["request"]["uid"].as_str().unwrap())
        .collect();
    let shown = [&list, &refused, &third].map(|reply| reply.header("x-forcefield-decision").to_owned());
    assert_eq!(decisions, shown, "{finding}");
    let status = chief.get("/v1/identities/drift").await.unwrap().json().to_string();
    assert!(status.contains("signal:reconnaissance"), "{status}");
    let metrics = proxy.metrics().await.unwrap();
    assert!(metrics.lines().any(|line| line.starts_with("forcefield_signals_total{")
        && line.contains("reconnaissance")
        && line.contains("quarantine")
        && line.ends_with(" 1")));
    let asked = chief.get("/v1/audit?identity=drift&outcome=quarantine").await.unwrap().json();
    assert_eq!(
        (asked["summary"]["findings"].as_u64(), asked["records"][0]["door"].as_str()),
        (Some(1), Some("signal"))
    );

    let restore = json!({"reason": "the vendor found out who it was"});
    let restored = chief.json("POST", "/v1/identities/drift/restore", &restore).await.unwrap();
    assert_eq!(restored.status, 200, "{}", restored.text());
    ordinary(&drift).await;
    assert_eq!(drift.get("/services/data/v62.0/sobjects").await.unwrap().status, 200);
    assert_eq!(drift.query("SELECT COUNT() FROM User").await.unwrap().status, 403);
    let again = drift.query("SELECT Name FROM Account LIMIT 1").await.unwrap();
    assert!(again.status == 403 && again.text().contains("is quarantined"), "{}", again.text());
}

#[tokio::test]
async fn an_integration_that_is_new_here_or_set_to_record_is_not_stopped() {
    let salesforce = salesforce().await;
    let proxy = watched(&salesforce, "").await;
    let drift = proxy.client("drift").await.unwrap();
    // As the sf CLI and tap-salesforce begin: what is refused to them, the list, every description, the first rows.
    for soql in ["SELECT Id FROM Organization LIMIT 1", "SELECT COUNT() FROM User"] {
        assert_eq!(drift.query(soql).await.unwrap().status, 403);
    }
    assert_eq!(drift.get("/services/data/v62.0/sobjects").await.unwrap().status, 200);
    for object in ["Account", "Case"] {
        let target = format!("/services/data/v62.0/sobjects/{object}/describe");
        assert_eq!(drift.get(&target).await.unwrap().status, 200);
    }
    assert_eq!(drift.get("/services/data/v62.0/sobjects/User/describe").await.unwrap().status, 403);
    assert_eq!(drift.query("SELECT Name FROM Account LIMIT 5").await.unwrap().status, 200);
    let finding = &findings(&proxy, "reconnaissance").await[0];
    assert_eq!(finding["unmapped"]["level"], "record", "on record it is: {finding}");
}

#[tokio::test]
async fn far_more_rows_than_ever_throttle() {
    let salesforce = salesforce().await;
    let signals = "  throttle: { requests: 1/h, for: 1h }\n  row_rate: { factor: 2, floor: 100 }\n";
    let proxy = watched(&salesforce, signals).await;
    let drift = proxy.client("drift").await.unwrap();
    ordinary(&drift).await;
    assert_eq!(drift.query("SELECT CaseNumber FROM Case LIMIT 70").await.unwrap().status, 200);
    assert_eq!(drift.query("SELECT CaseNumber FROM Case LIMIT 50").await.unwrap().status, 200, "144 rows");
    let finding = &findings(&proxy, "row_rate").await[0];
    assert!(finding["unmapped"]["done"].as_str().unwrap().starts_with("throttled to 1 requests in 3600 s"));
    let slowed = async || {
        let replies = [
            drift.query("SELECT CaseNumber FROM Case LIMIT 1").await.unwrap().status,
            drift.query("SELECT CaseNumber FROM Case LIMIT 1").await.unwrap().status,
        ];
        replies.contains(&429)
    };
    assert!(slowed().await);
    let watcher = proxy.responder("watcher").await.unwrap();
    let status = watcher.get("/v1/identities/drift").await.unwrap().json().to_string();
    assert!(status.contains("signal:row_rate"), "{status}");
    assert_eq!(findings(&proxy, "row_rate").await.len(), 1, "told once");
}

#[tokio::test]
async fn another_client_is_on_record_once() {
    let salesforce = salesforce().await;
    let proxy = watched(&salesforce, "").await;
    let drift = proxy.client("drift").await.unwrap().with_header("user-agent", "Connector/1.0");
    ordinary(&drift).await;
    assert_eq!(drift.query("SELECT CaseNumber FROM Case LIMIT 1").await.unwrap().status, 200);
    let upgraded = proxy.client("drift").await.unwrap().with_header("user-agent", "Connector/2.0");
    assert_eq!(upgraded.query("SELECT CaseNumber FROM Case LIMIT 1").await.unwrap().status, 200);
    let thief = proxy.client("drift").await.unwrap().with_header("user-agent", "python-requests/2.32");
    for _ in 0..3 {
        assert_eq!(thief.query("SELECT CaseNumber FROM Case LIMIT 1").await.unwrap().status, 200);
    }
    let found = findings(&proxy, "fingerprint").await;
    assert_eq!(found.len(), 1, "{found:?}");
    let title = found[0]["finding_info"]["title"].as_str().unwrap();
    assert_eq!(title, "drift never seen of it before: client `python-requests`");
}

#[tokio::test]
async fn an_export_job_that_is_deleted_after_its_download_is_on_record() {
    let salesforce = salesforce().await;
    let proxy = watched(&salesforce, "").await;
    let drift = proxy.client("drift").await.unwrap();
    let jobs = "/services/data/v62.0/jobs/query";
    let body = json!({"operation": "query", "query": "SELECT Id, Name FROM Account LIMIT 20"});
    let made = drift.json("POST", jobs, &body).await.unwrap();
    assert_eq!(made.status, 200, "{}", made.text());
    let job = format!("{jobs}/{}", made.json()["id"].as_str().unwrap());
    while drift.get(&job).await.unwrap().json()["state"] != "JobComplete" {}
    assert_eq!(drift.get(&format!("{job}/results")).await.unwrap().status, 200);
    assert_eq!(drift.delete(&job).await.unwrap().status, 204);
    let finding = &findings(&proxy, "job_deleted").await[0];
    assert!(finding["evidences"][0]["data"]["what"].as_str().unwrap().starts_with("20 rows of"), "{finding}");
    assert_eq!(drift.query("SELECT CaseNumber FROM Case LIMIT 1").await.unwrap().status, 200);
}

#[tokio::test]
async fn an_integration_that_came_every_day_and_comes_no_more_is_on_record() {
    let salesforce = salesforce().await;
    let builder = before(&salesforce).identity("drift", GRANTS).identity("nightly", GRANTS);
    let builder = builder.section("destinations:\n  here: { networks: [127.0.0.0/8] }");
    let week = json!({"activity": {
        "requests": 700, "days": 7, "recent": 127, "last": ["2026-03-02T08:00:00Z", [1, 2]], "told": false
    }});
    std::fs::create_dir_all(builder.folder().join("state/signals")).unwrap();
    builder.write("state/signals/nightly.json", &week.to_string()).unwrap();
    let proxy = builder.start().await.unwrap();
    let found = findings(&proxy, "silent").await;
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["resources"][0]["name"], "nightly");
}

#[tokio::test]
async fn who_is_tried_out_falls_silent_on_record_only() {
    let salesforce = salesforce().await;
    let quarantine = "signals: { silent: { level: quarantine } }\n";
    let builder = before(&salesforce)
        .identity("drift", &format!("{GRANTS}{quarantine}mode: observe\nuntil: 2099-12-31\n"))
        .identity("nightly", &format!("{GRANTS}{quarantine}"));
    let builder = builder.section("destinations:\n  here: { networks: [127.0.0.0/8] }");
    let week = json!({"activity": {
        "requests": 700, "days": 7, "recent": 127, "last": ["2026-03-02T08:00:00Z", [1, 2]], "told": false
    }});
    std::fs::create_dir_all(builder.folder().join("state/signals")).unwrap();
    for name in ["drift", "nightly"] {
        builder.write(&format!("state/signals/{name}.json"), &week.to_string()).unwrap();
    }
    let proxy = builder.start().await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut found = findings(&proxy, "silent").await;
    while found.len() < 2 {
        assert!(Instant::now() < deadline, "{found:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
        found = findings(&proxy, "silent").await;
    }
    for (name, level, status) in [("drift", "record", 200), ("nightly", "quarantine", 403)] {
        let of = found.iter().find(|finding| finding["resources"][0]["name"] == name).unwrap();
        assert_eq!(of["unmapped"]["level"], level, "{of}");
        let client = proxy.with_certificate(name).unwrap();
        assert_eq!(
            client.query("SELECT CaseNumber FROM Case LIMIT 1").await.unwrap().status,
            status,
            "{name}"
        );
    }
}

/// Runs a drill and gives what it printed, as JSON.
async fn drill(name: &str) -> Value {
    let mut command = tokio::process::Command::new(BINARY);
    command.args(["dev", "--drill", name, "--output", "json"]).kill_on_drop(true);
    let output = command.output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && !err.contains("ERROR"), "{out}\n{err}");
    serde_json::from_str(&out).unwrap()
}

#[tokio::test]
async fn the_drill_drift_holds() {
    let drift = drill("drift").await;
    let runs = drift["runs"].as_array().unwrap();
    assert_eq!(drift["held"], true);
    assert!(runs[0]["rows"].as_u64().unwrap() > 3000, "straight, every case goes: {}", runs[0]);
    assert_eq!((&runs[0]["job_kept"], &runs[0]["quarantine"]), (&json!(false), &Value::Null));
    assert_eq!((&runs[1]["rows"], &runs[1]["quarantine"]["step"]), (&json!(0), &json!(3)));
    assert_eq!((&runs[2]["rows"], &runs[2]["quarantine"]["step"]), (&json!(0), &json!(3)));
    assert!((1..=500).contains(&runs[3]["rows"].as_u64().unwrap()), "{}", runs[3]);
    assert_eq!((&runs[3]["job_kept"], &runs[3]["job_named"]), (&json!(true), &json!(true)));
}

#[tokio::test]
async fn the_drill_klue_holds() {
    let klue = drill("klue").await;
    let runs = klue["runs"].as_array().unwrap();
    assert_eq!(klue["held"], true);
    assert!(runs[0]["rows"].as_u64().unwrap() > 200_000, "straight, as much as is asked for: {}", runs[0]);
    assert_eq!((&runs[1]["rows"], &runs[1]["quarantine"]["step"]), (&json!(0), &json!(2)));
    assert!(runs[2]["rows"].as_u64().unwrap() <= 5000);
    assert!((1..=5000).contains(&runs[3]["rows"].as_u64().unwrap()), "{}", runs[3]);
}
