//! The process: reload, drain, hand-over.

use std::time::Duration;

use forcefield_emulator::Side;

use crate::{salesforce, with};

const GRANTS: &str = "allow:\n  Account: { read: [Name] }\n";
const QUERY: &str = "SELECT Name FROM Account LIMIT 1";

#[tokio::test]
async fn a_drain_waits_for_running_requests() {
    let salesforce = salesforce().await;
    let mut proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    salesforce.set_latency(Side::Data, Duration::from_millis(1500));
    let received = salesforce.received_count();
    let running = tokio::spawn(async move { client.query(QUERY).await.unwrap().status });
    while salesforce.received_count() == received && !running.is_finished() {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if salesforce.received_count() == received && proxy.output().contains("panicked") {
            break;
        }
        // The request is recorded when it is answered; it has left Forcefield after a moment.
        if received > 0 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            break;
        }
    }
    proxy.signal("TERM").await.unwrap();
    assert_eq!(running.await.unwrap(), 200);
    assert!(proxy.ended(Duration::from_secs(20)).await.unwrap().success(), "{}", proxy.output());
}

#[tokio::test]
async fn a_successor_takes_over_the_listening_socket_without_a_failed_request() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let load = {
        let (client, stop) = (client.clone(), std::sync::Arc::clone(&stop));
        tokio::spawn(async move {
            let (mut good, mut bad) = (0, Vec::new());
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                match client.query(QUERY).await {
                    Ok(reply) if reply.status == 200 => good += 1,
                    Ok(reply) => bad.push(reply.text()),
                    Err(error) => bad.push(format!("{error:#}")),
                }
            }
            (good, bad)
        })
    };
    let _successor = proxy.spawn_successor().unwrap();
    proxy.wait_for_line("waiting for the listening sockets").await.unwrap();
    proxy.signal("QUIT").await.unwrap();
    proxy.wait_for_lines("\"message\":\"listening\"", 4).await.unwrap();
    tokio::time::sleep(Duration::from_secs(7)).await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let (good, bad) = load.await.unwrap();
    assert!(good > 10 && bad.is_empty(), "{good} good, failed: {bad:?}");
}

#[tokio::test]
async fn a_changed_grant_is_taken_up_and_a_bad_change_is_not() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let phone = "SELECT Phone FROM Account LIMIT 1";
    assert_eq!(client.query(phone).await.unwrap().status, 403);

    let file = proxy.folder().join("identities/nightly.yaml");
    let good = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, good.replace("read: [Name]", "read: [Name, Phone]")).unwrap();
    proxy.signal("HUP").await.unwrap();
    proxy.wait_for_line("configuration reloaded").await.unwrap();
    assert_eq!(client.query(phone).await.unwrap().status, 200);

    std::fs::write(&file, good.replace("read: [Name]", "raed: [Name]")).unwrap();
    proxy.signal("HUP").await.unwrap();
    proxy.wait_for_line("configuration not reloaded").await.unwrap();
    assert_eq!(client.query(phone).await.unwrap().status, 200, "what ran goes on");
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
}

#[tokio::test]
async fn the_sample_runs_once_and_ends_in_order() {
    let mut command = tokio::process::Command::new(crate::BINARY);
    command.args(["dev", "--once", "--listen", "127.0.0.1:0"]).kill_on_drop(true);
    let output = command.output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("14 steps, 0 failed"), "{out}\n{err}");
    assert!(!err.contains("ERROR"), "something still wrote where nothing is any more: {err}");
}
