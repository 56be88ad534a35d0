//! A responder stops one integration in a moment, without touching the others, and what was done is on record.

use std::time::{Duration, Instant};

use forcefield_emulator::Server;
use forcefield_tests::{Client, Proxy};
use serde_json::{Value, json};

use crate::{BINARY, before, salesforce};

const GRANTS: &str = "allow: { Account: { read: \"*\" } }\nlimits: { requests: 1000/s, rows: 1000000/day }";
const SOQL: &str = "SELECT Name FROM Account LIMIT 1";

async fn controlled(salesforce: &Server) -> Proxy {
    let builder = before(salesforce).identity("drift", GRANTS).identity("nightly", GRANTS);
    builder.controlled().unwrap().start().await.unwrap()
}

async fn act(responder: &Client, identity: &str, action: &str, body: Value) -> (u16, Value) {
    let path = format!("/v1/identities/{identity}/{action}");
    let reply = responder.json("POST", &path, &body).await.unwrap();
    (reply.status, reply.json())
}

async fn status(client: &Client) -> u16 {
    client.query(SOQL).await.unwrap().status
}

/// Waits until a condition holds, asked again and again.
async fn until<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "it never came");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_quarantine_holds_at_once_survives_a_restart_and_leaves_others_alone() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let (drift, nightly) = (proxy.client("drift").await.unwrap(), proxy.client("nightly").await.unwrap());
    assert_eq!((status(&drift).await, status(&nightly).await), (200, 200));
    let oncall = proxy.responder("oncall").await.unwrap();
    let (code, answer) = act(&oncall, "drift", "quarantine", json!({"reason": "vendor breached"})).await;
    assert_eq!((code, &answer["changed"]), (200, &Value::Bool(true)), "{answer}");

    let refused = drift.query(SOQL).await.unwrap();
    assert_eq!((refused.status, refused.json()[0]["errorCode"].as_str()), (403, Some("INSUFFICIENT_ACCESS")));
    assert!(refused.text().contains("quarantined by a responder"), "{}", refused.text());
    assert_eq!(status(&nightly).await, 200);
    assert!(proxy.client("drift").await.is_err(), "nor may it log in");

    let proxy = proxy.restart().await.unwrap();
    assert_eq!(status(&proxy.with_certificate("drift").unwrap()).await, 403);
    assert_eq!(status(&proxy.with_certificate("nightly").unwrap()).await, 200);
    let chief = proxy.responder("chief").await.unwrap();
    let (code, answer) = act(&chief, "drift", "restore", json!({"reason": "all clear"})).await;
    assert_eq!((code, answer["restraints"].as_array().map(Vec::len)), (200, Some(0)), "{answer}");
    assert_eq!(status(&proxy.with_certificate("drift").unwrap()).await, 200);

    let records = proxy.records().unwrap();
    let acts: Vec<&Value> =
        records.iter().filter(|record| record["api"]["service"]["name"] == "control").collect();
    assert_eq!(acts.len(), 2, "{acts:?}");
    assert_eq!(acts[0]["actor"]["user"]["name"], "oncall");
    assert_eq!(acts[0]["actor"]["session"]["credential_uid"], "responder");
    assert_eq!(acts[0]["api"]["operation"], "quarantine");
    assert_eq!(acts[0]["resources"][0]["name"], "drift");
    assert_eq!(acts[0]["unmapped"]["why"], "vendor breached");
    assert_eq!(
        (&acts[1]["actor"]["user"]["name"], &acts[1]["api"]["operation"]),
        (&json!("chief"), &json!("restore"))
    );
    assert!(records.iter().any(|record| record["unmapped"]["rule"] == "quarantine"));
}

#[tokio::test]
async fn a_quarantine_ends_by_itself_and_the_longer_of_two_holds() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let drift = proxy.client("drift").await.unwrap();
    let (oncall, night) = (proxy.responder("oncall").await.unwrap(), proxy.responder("night").await.unwrap());
    let start = Instant::now();
    assert_eq!(act(&oncall, "drift", "quarantine", json!({"reason": "odd", "for": "2s"})).await.0, 200);
    let (_, answer) = act(&night, "drift", "quarantine", json!({"reason": "odd too", "for": "1s"})).await;
    assert_eq!(answer["restraints"].as_array().map(Vec::len), Some(2), "both are kept: {answer}");
    assert_eq!(status(&drift).await, 403);
    until(|| async { status(&drift).await == 200 }).await;
    assert!(start.elapsed() >= Duration::from_millis(1990), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_throttle_narrows_and_ends_by_itself() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let (drift, nightly) = (proxy.client("drift").await.unwrap(), proxy.client("nightly").await.unwrap());
    let oncall = proxy.responder("oncall").await.unwrap();
    let order = json!({"reason": "too eager", "requests": "1/h", "for": "3s"});
    let (code, answer) = act(&oncall, "drift", "throttle", order).await;
    assert_eq!((code, answer["restraints"][0]["requests"].as_str()), (200, Some("1/h")), "{answer}");
    assert_eq!((status(&drift).await, status(&drift).await), (200, 429));
    assert_eq!((status(&nightly).await, status(&nightly).await), (200, 200));
    until(|| async { status(&drift).await == 200 }).await;
    assert_eq!(status(&drift).await, 200);
}

#[tokio::test]
async fn a_lockdown_refuses_everybody_until_each_is_restored() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let (drift, nightly) = (proxy.client("drift").await.unwrap(), proxy.client("nightly").await.unwrap());
    assert_eq!((status(&drift).await, status(&nightly).await), (200, 200));
    let lockdown = ["lockdown", "--reason", "the org itself is breached"];
    assert_eq!(proxy.command("watcher", &lockdown).await.unwrap().0, 1, "who only looks cannot");
    assert_eq!((status(&drift).await, status(&nightly).await), (200, 200));
    let (code, out, err) = proxy.command("oncall", &lockdown).await.unwrap();
    assert!(
        code == 0 && out.contains("every request of 2 integrations is refused; of 2 from now on"),
        "{out}{err}"
    );
    assert_eq!((status(&drift).await, status(&nightly).await), (403, 403));
    let (code, out, _) = proxy.command("oncall", &lockdown).await.unwrap();
    assert!(code == 0 && out.contains("of 0 from now on"), "safe to repeat: {out}");

    let proxy = proxy.restart().await.unwrap();
    let (drift, nightly) =
        (proxy.with_certificate("drift").unwrap(), proxy.with_certificate("nightly").unwrap());
    assert_eq!((status(&drift).await, status(&nightly).await), (403, 403), "it outlives the process");
    let chief = proxy.responder("chief").await.unwrap();
    assert_eq!(act(&chief, "drift", "restore", json!({"reason": "all clear"})).await.0, 200);
    assert_eq!((status(&drift).await, status(&nightly).await), (200, 403));
    let records = proxy.records().unwrap();
    let ordered: Vec<&Value> =
        records.iter().filter(|record| record["api"]["operation"] == "lockdown").collect();
    assert_eq!(ordered.len(), 3, "the refused one too");
    assert_eq!(ordered[1]["unmapped"]["why"], "the org itself is breached", "{}", ordered[1]);
}

#[tokio::test]
async fn a_kill_cuts_a_download_and_its_tokens_are_dead_here_and_at_the_org() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let (drift, nightly) = (proxy.client("drift").await.unwrap(), proxy.client("nightly").await.unwrap());
    assert_eq!((status(&drift).await, status(&nightly).await), (200, 200));
    let oncall = proxy.responder("oncall").await.unwrap();
    // A piece, and then silence: the cut must reach a stream that lies idle.
    salesforce.org().set_pace(Some((20_000, Duration::from_secs(30))));
    let download = {
        let drift = drift.clone();
        tokio::spawn(async move { drift.query("SELECT FIELDS(ALL) FROM Account LIMIT 200").await })
    };
    until(|| async {
        let streams = oncall.get("/v1/streams").await.unwrap().json();
        streams["streams"].as_array().is_some_and(|streams| streams.len() == 1)
    })
    .await;
    let before_kill = salesforce.org().live_sessions().len();
    let (code, answer) = act(&oncall, "drift", "kill", json!({"reason": "vendor breached"})).await;
    assert_eq!(code, 200, "{answer}");
    // It would come to its end after half a minute.
    let reply = tokio::time::timeout(Duration::from_secs(20), download).await.expect("it goes on").unwrap();
    assert!(reply.map_or(true, |reply| !reply.complete || reply.status == 403));
    assert!(answer["done"].to_string().contains("cut 1 exchanges"), "{answer}");
    assert_eq!(answer["undone"], json!([]));

    salesforce.org().set_pace(None);
    assert_eq!(salesforce.org().live_sessions().len(), before_kill - 1, "the org's token is dead");
    assert_eq!((status(&drift).await, status(&nightly).await), (401, 200), "our session is dead too");
    assert_eq!(status(&proxy.with_certificate("drift").unwrap()).await, 403);
    let chief = proxy.responder("chief").await.unwrap();
    assert_eq!(act(&chief, "drift", "restore", json!({"reason": "all clear"})).await.0, 200);
    assert_eq!(status(&drift).await, 401, "what was revoked stays revoked");
    assert_eq!(status(&proxy.client("drift").await.unwrap()).await, 200);
    let records = proxy.records().unwrap();
    assert!(records.iter().any(|record| record["unmapped"]["rule"] == "kill"), "{records:?}");
}

#[tokio::test]
async fn who_may_not_act_changes_nothing() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let drift = proxy.client("drift").await.unwrap();
    let why = json!({"reason": "vendor breached"});
    let watcher = proxy.responder("watcher").await.unwrap();
    assert_eq!(act(&watcher, "drift", "kill", why.clone()).await.0, 403);
    assert_eq!(watcher.get("/v1/status").await.unwrap().status, 200);
    let oncall = proxy.responder("oncall").await.unwrap();
    assert_eq!(act(&watcher, "drift", "restore", why.clone()).await.0, 403);
    assert_eq!(act(&oncall, "drift", "restore", why.clone()).await.0, 202, "it is proposed only");
    assert_eq!(oncall.json("POST", "/v1/reload", &why).await.unwrap().status, 403);
    let address = proxy.control_address().await.unwrap();
    let nobody = Client::new(address, &proxy.authority().pem(), None).unwrap();
    assert_eq!(act(&nobody, "drift", "kill", why.clone()).await.0, 401);
    assert_eq!(
        act(&nobody.clone().with_token("not-a-token-of-anybody-here"), "drift", "kill", why.clone()).await.0,
        401
    );
    assert_eq!(nobody.get("/v1/openapi.json").await.unwrap().status, 401);
    // An integration's own certificate is nobody's here, and an integration cannot act at the proxy listener.
    let svid = |name: &str| proxy.authority().svid(&format!("spiffe://test.example/{name}")).unwrap();
    let with = |name: &str| Client::new(address, &proxy.authority().pem(), Some(&svid(name))).unwrap();
    assert_eq!(act(&with("drift"), "drift", "kill", why.clone()).await.0, 401);
    for (identity, body, code) in [
        ("stranger", why.clone(), 404),
        ("drift", json!({}), 400),
        ("drift", json!({"reason": ""}), 400),
        ("drift", json!({"reason": "why", "for": "soon"}), 400),
        ("drift", json!({"reason": "why", "fro": "2h"}), 400),
    ] {
        assert_eq!(act(&oncall, identity, "quarantine", body.clone()).await.0, code, "{identity} {body}");
    }
    assert_eq!(status(&drift).await, 200, "nothing changed");
    assert_eq!(act(&with("staff"), "drift", "quarantine", why).await.0, 200);
    assert_eq!(status(&drift).await, 403);
}

#[tokio::test]
async fn commands_do_the_same_and_say_how_it_went_by_their_exit_code() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let drift = proxy.client("drift").await.unwrap();
    assert_eq!(status(&drift).await, 200);
    let (code, out, err) = proxy.command("watcher", &["status"]).await.unwrap();
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("drift") && out.contains("nightly") && out.contains("enforce"), "{out}");
    let order = ["quarantine", "drift", "--reason", "vendor breached", "--for", "2h"];
    let (code, out, err) = proxy.command("oncall", &order).await.unwrap();
    assert!(code == 0 && out.contains("in force: quarantine by oncall"), "{out}{err}");
    assert_eq!(status(&drift).await, 403);
    let (code, out, _) =
        proxy.command("oncall", &[&order[..4], &["--output", "json"]].concat()).await.unwrap();
    let answer: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, answer["identity"].as_str()), (0, Some("drift")));
    let (_, out, _) = proxy.command("watcher", &["status", "drift"]).await.unwrap();
    assert!(out.contains("QUARANTINED") && out.contains("vendor breached"), "{out}");
    let (code, out, _) =
        proxy.command("oncall", &["kill", "drift", "--reason", "vendor breached"]).await.unwrap();
    assert!(code == 0 && out.contains("revoked"), "{out}");
    let (code, out, err) =
        proxy.command("oncall", &["restore", "drift", "--reason", "all clear"]).await.unwrap();
    assert!(code == 3 && out.contains("forcefield approve"), "{out}{err}");
    let (code, _, err) =
        proxy.command("chief", &["restore", "drift", "--reason", "all clear"]).await.unwrap();
    assert_eq!(code, 0, "{err}");
    let (code, _, err) = proxy.command("chief", &["reload"]).await.unwrap();
    assert_eq!(code, 0, "{err}");
    let (code, _, _) = proxy.command("oncall", &["kill", "stranger", "--reason", "who"]).await.unwrap();
    assert_eq!(code, 1);
    assert_eq!(proxy.command("oncall", &["kill", "drift"]).await.unwrap().0, 2, "no reason");
    assert_eq!(proxy.command("nobody", &["status"]).await.unwrap().0, 2, "no such responder");
}

#[tokio::test]
async fn a_command_reaches_the_listener_from_elsewhere_with_a_certificate() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let svid = proxy.authority().svid("spiffe://test.example/staff").unwrap();
    let folder = proxy.folder();
    std::fs::write(folder.join("staff.crt"), &svid.certificate).unwrap();
    std::fs::write(folder.join("staff.key"), &svid.key).unwrap();
    proxy.ca_file().unwrap();
    let url = format!("https://localhost:{}", proxy.control_address().await.unwrap().port());
    let mut command = tokio::process::Command::new(BINARY);
    command.current_dir(folder).args(["status", "--output", "json", "--control", &url]);
    command.args(["--certificate", "file:staff.crt", "--key", "file:staff.key", "--ca", "file:tls/ca.pem"]);
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(status["identities"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn the_record_is_asked_over_the_api_and_the_document_names_every_path() {
    let salesforce = salesforce().await;
    let proxy = controlled(&salesforce).await;
    let drift = proxy.client("drift").await.unwrap();
    assert_eq!(status(&drift).await, 200);
    let watcher = proxy.responder("watcher").await.unwrap();
    let audit = watcher.get("/v1/audit?identity=drift&object=account&limit=10").await.unwrap();
    assert_eq!(audit.status, 200, "{}", audit.text());
    assert_eq!(audit.json()["summary"]["rows"], 1);
    assert_eq!(audit.json()["records"].as_array().map(Vec::len), Some(1));
    assert_eq!(watcher.get("/v1/audit?limit=0").await.unwrap().status, 400);
    let document = watcher.get("/v1/openapi.json").await.unwrap().json();
    assert!(document["paths"]["/v1/identities/{identity}/kill"]["post"].is_object());
}
