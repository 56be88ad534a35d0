//! A kill leaves nothing behind: downloads cut, jobs aborted at the org, its tokens dead. And the record proves it.

use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{before, salesforce};

const GRANTS: &str = "allow:
  Contact: { read: [LastName, Email], create: [LastName] }
exports:
  Contact: { to: [here], rows: 100000/day }
";
const HERE: &str = "destinations:\n  here: { networks: [127.0.0.0/8] }\n";
const QUERY: &str = "/services/data/v62.0/jobs/query";
const INGEST: &str = "/services/data/v62.0/jobs/ingest";
const CLASSIC: &str = "/services/async/62.0/job";

#[tokio::test]
async fn a_kill_cuts_a_large_download_and_aborts_unfinished_jobs_at_the_org() {
    let salesforce = salesforce().await;
    salesforce.set_bulk_polls(1);
    let builder = before(&salesforce).section(HERE).identity("drift", GRANTS).identity("nightly", GRANTS);
    let proxy = builder.controlled().unwrap().start().await.unwrap();
    let (drift, nightly) = (proxy.client("drift").await.unwrap(), proxy.client("nightly").await.unwrap());
    let export = json!({"operation": "query", "query": "SELECT LastName, Email FROM Contact"});
    let finished =
        drift.json("POST", QUERY, &export).await.unwrap().json()["id"].as_str().unwrap().to_owned();
    for _ in 0..3 {
        drift.get(&format!("{QUERY}/{finished}")).await.unwrap();
    }
    salesforce.set_bulk_polls(1000);
    let mine = drift.json("POST", QUERY, &export).await.unwrap().json()["id"].as_str().unwrap().to_owned();
    let theirs =
        nightly.json("POST", QUERY, &export).await.unwrap().json()["id"].as_str().unwrap().to_owned();
    let upload =
        json!({"object": "Contact", "operation": "insert", "contentType": "CSV", "lineEnding": "LF"});
    let upload = drift.json("POST", INGEST, &upload).await.unwrap();
    let upload = upload.json()["id"].as_str().unwrap_or_else(|| panic!("{}", upload.text())).to_owned();
    let token = drift.token().unwrap().to_owned();
    let classic = proxy.anonymous().unwrap().with_header("X-SFDC-Session", &token);
    let info = json!({"operation": "query", "object": "Contact", "contentType": "JSON"});
    let body = Bytes::from(info.to_string());
    let classic = classic.send("POST", CLASSIC, Some(("application/json", body))).await.unwrap();
    let classic = classic.json()["id"].as_str().unwrap_or_else(|| panic!("{}", classic.text())).to_owned();

    let (code, out, err) = proxy.command("watcher", &["jobs", "drift"]).await.unwrap();
    let listed = |id: &str| out.contains(id.get(..15).unwrap());
    assert!(code == 0 && listed(&mine) && !listed(&theirs) && out.contains("Contact"), "{out}{err}");
    salesforce.org().set_pace(Some((2_000, Duration::from_secs(30))));
    let download = {
        let (drift, path) = (drift.clone(), format!("{QUERY}/{finished}/results"));
        tokio::spawn(async move { drift.get(&path).await })
    };
    let oncall = proxy.responder("oncall").await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while oncall.get("/v1/streams").await.unwrap().json()["streams"] == json!([]) {
        assert!(Instant::now() < deadline, "the download does not begin");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    salesforce.org().set_pace(None);
    let before_kill = salesforce.org().live_sessions().len();
    let why = json!({"reason": "vendor breached"});
    let reply = oncall.json("POST", "/v1/identities/drift/kill", &why).await.unwrap();
    // It would come to its end after half a minute.
    let cut = tokio::time::timeout(Duration::from_secs(20), download).await.expect("it goes on").unwrap();
    assert!(cut.map_or(true, |reply| !reply.complete || reply.status == 403));
    let answer = reply.json();
    assert_eq!((reply.status, &answer["undone"]), (200, &json!([])), "{answer}");
    assert!(answer["done"].to_string().contains("aborted 3 bulk jobs"), "{answer}");
    assert_eq!(salesforce.org().live_sessions().len(), before_kill - 1, "the org's token is dead");
    let jobs = salesforce.org().jobs();
    let state =
        |id: &str| jobs.iter().find(|job| id.starts_with(&job.id) || job.id.starts_with(id)).unwrap().state;
    assert_eq!([state(&mine), state(&upload), state(&classic)], ["Aborted"; 3]);
    assert_eq!((state(&finished), state(&theirs) == "Aborted"), ("JobComplete", false));
    let reply = oncall.json("POST", "/v1/identities/drift/kill", &why).await.unwrap();
    assert_eq!((reply.status, &reply.json()["undone"]), (200, &json!([])), "safe to repeat");
}

#[tokio::test]
async fn an_auditor_asks_what_was_read_and_finds_what_was_changed() {
    let salesforce = salesforce().await;
    let builder = before(&salesforce).section(HERE).identity("drift", GRANTS).identity("nightly", GRANTS);
    let proxy = builder.controlled().unwrap().start().await.unwrap();
    let drift = proxy.client("drift").await.unwrap();
    let soql = "SELECT LastName, Email FROM Contact LIMIT 3";
    assert_eq!(drift.query(soql).await.unwrap().status, 200);
    assert_eq!(drift.query("SELECT Subject FROM Case LIMIT 1").await.unwrap().status, 403);
    let folder = proxy.folder().join("audit");
    let run = |arguments: &[&str]| {
        let mut command = std::process::Command::new(crate::BINARY);
        command.arg("audit").args(arguments).arg(&folder);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    };
    let (code, out, err) = run(&["query", "--identity", "drift", "--from", "00:00", "--output", "json"]);
    assert_eq!(code, 0, "{err}");
    let asked: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(asked["summary"]["rows"], 3);
    assert_eq!(asked["summary"]["objects"]["Contact"], json!(["Email", "LastName"]));
    assert_eq!(asked["summary"]["sources"], json!(["127.0.0.1"]));
    let (_, out, _) = run(&["query", "--identity", "drift", "--object", "contact"]);
    assert!(
        out.contains("1 exchanges (1 allowed), 3 rows") && out.contains("Contact: Email, LastName"),
        "{out}"
    );
    assert_eq!(run(&["query", "--from", "noon"]).0, 2);

    let config = proxy.folder().join("forcefield.yaml");
    let config = config.to_str().unwrap();
    let verify = ["verify", "--config", config];
    let (code, out, err) = run(&verify);
    assert!(code == 0 && out.contains("SOUND"), "{out}{err}");
    assert_eq!(run(&["verify", "--key", "file:/no/such/key"]).0, 2);
    let proxy = proxy.restart().await.unwrap();
    let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let tells = |path: &std::path::PathBuf| std::fs::read_to_string(path).unwrap().contains("LastName");
    let file = files.filter(|path| path.extension().is_some_and(|end| end == "jsonl")).find(tells).unwrap();
    let whole = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = whole.lines().collect();
    let at = lines.iter().position(|line| line.contains("Contact")).unwrap();
    let mut edited = lines.clone();
    let changed = lines[at].replace("Contact", "Account");
    edited[at] = &changed;
    let shortened = lines[..lines.len() - 1].to_vec();
    let mut reordered = lines.clone();
    reordered.swap(at, at - 1);
    let removed = [&lines[..at], &lines[at + 1..]].concat();
    for (what, lines, place) in [
        ("edited", edited, format!(".jsonl:{}: the line was changed", at + 1)),
        ("shortened", shortened, "lines after this one were cut off".to_owned()),
        ("reordered", reordered, format!(".jsonl:{}: ", at)),
        ("removed", removed, format!(".jsonl:{}: 1 lines before", at + 1)),
    ] {
        std::fs::write(&file, lines.join("\n") + "\n").unwrap();
        let (code, out, _) = run(&verify);
        assert!(code == 1 && out.contains(&place) && out.contains("NOT SOUND"), "{what}: {out}");
    }
    std::fs::write(&file, whole).unwrap();
    assert_eq!(run(&verify).0, 0);
    drop(proxy);
}

#[tokio::test]
async fn sessions_are_listed_without_a_secret_and_revoked_one_by_one() {
    let salesforce = salesforce().await;
    let builder = before(&salesforce).section(HERE).identity("drift", GRANTS).identity("nightly", GRANTS);
    let proxy = builder.controlled().unwrap().start().await.unwrap();
    let soql = "SELECT LastName FROM Contact LIMIT 1";
    let (drift, nightly) = (proxy.client("drift").await.unwrap(), proxy.client("nightly").await.unwrap());
    let (code, out, err) =
        proxy.command("watcher", &["sessions", "drift", "--output", "json"]).await.unwrap();
    assert_eq!(code, 0, "{err}");
    let listed: Value = serde_json::from_str(&out).unwrap();
    let sessions = listed["sessions"].as_array().unwrap();
    assert!(sessions.iter().all(|session| session["identity"] == "drift"), "{out}");
    let secret = drift.token().unwrap().split_once('!').unwrap().1.to_owned();
    let access = sessions.iter().find(|session| session["kind"] == "access").unwrap();
    assert!(!out.contains(&secret) && access["bound_to"] == "127.0.0.1/32", "{out}");
    let id = access["id"].as_str().unwrap();
    assert_eq!(drift.query(soql).await.unwrap().status, 200);
    let revoke = ["sessions", "revoke", id, "--reason", "found in a log"];
    assert_eq!(proxy.command("watcher", &revoke).await.unwrap().0, 1);
    let (code, out, err) = proxy.command("oncall", &revoke).await.unwrap();
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(drift.query(soql).await.unwrap().status, 401);
    assert_eq!(nightly.query(soql).await.unwrap().status, 200, "the others go on");
    assert_eq!(proxy.command("oncall", &revoke).await.unwrap().0, 0, "safe to repeat");
    let (_, out, _) = proxy.command("watcher", &["sessions"]).await.unwrap();
    assert!(!out.contains(id) && out.contains("nightly"), "{out}");
}
