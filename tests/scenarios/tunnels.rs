//! Clients whose Salesforce hosts are fixed: they are told to use a proxy, and meet Forcefield in their tunnel.

use std::net::SocketAddr;
use std::time::Duration;

use forcefield_emulator::Side;
use forcefield_tests::{Proxy, SECRET, sdk};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::{before, salesforce};

const GRANTS: &str = "allow:\n  Account: { read: [Name] }\n";
const QUERY: &str = "SELECT Name FROM Account LIMIT 1";
const LOGIN: [(&str, &str); 3] =
    [("grant_type", "client_credentials"), ("client_id", "nightly"), ("client_secret", SECRET)];

async fn with_tunnels(salesforce: &forcefield_emulator::Server) -> (Proxy, SocketAddr) {
    let mut proxy = before(salesforce).identity("nightly", GRANTS).connect().unwrap().start().await.unwrap();
    let address = proxy.connect_address().await.unwrap();
    (proxy, address)
}

/// Sends bytes and reads to the end.
async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_client_with_a_fixed_login_host_logs_in_and_follows_the_instance_url() {
    let salesforce = salesforce().await;
    let (proxy, tunnels) = with_tunnels(&salesforce).await;
    for host in ["login.salesforce.com", "acme--dev.sandbox.my.salesforce.com", "test.salesforce.com"] {
        // A certificate's `*` stands for one label: TLS to a sandbox's name fails at the client, not in the tunnel.
        let client = proxy.anonymous().unwrap().through(tunnels, &format!("{host}:443"));
        let reply = client.form("/services/oauth2/token", &LOGIN).await;
        if host.contains("sandbox") {
            let error = reply.unwrap_err().to_string();
            assert!(error.contains("certificate"), "{error}");
            continue;
        }
        let json = reply.unwrap().json();
        assert_eq!(json["instance_url"], format!("https://{host}"), "{json}");
        assert!(json["id"].as_str().unwrap().starts_with(&format!("https://{host}/id/00D")), "{json}");
        let client = client.with_token(json["access_token"].as_str().unwrap());
        assert_eq!(client.query(QUERY).await.unwrap().status, 200);
        let refused = client.query("SELECT Phone FROM Account").await.unwrap();
        assert_eq!(refused.status, 403, "{}", refused.text());
    }
}

#[tokio::test]
async fn requests_with_a_proxy_variable_works_unmodified() {
    let python = sdk::python("requests", &["requests==2.32.5"]).unwrap();
    let salesforce = salesforce().await;
    let (proxy, tunnels) = with_tunnels(&salesforce).await;
    let mut command = Command::new(python);
    command.arg(sdk::script("tap_client.py")).args(["nightly", SECRET]);
    command
        .env("HTTPS_PROXY", format!("http://{tunnels}"))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env("REQUESTS_CA_BUNDLE", proxy.ca_file().unwrap());
    let seen = sdk::run_client(command).await.unwrap();
    assert_eq!(seen["instance"], "https://login.salesforce.com", "{seen}");
    assert_eq!(seen["accounts"], 1, "{seen}");
    assert_eq!(seen["refreshed"], true, "{seen}");
    assert_eq!(seen["refused"]["status"], 403, "{seen}");
    assert_eq!(seen["elsewhere"], "refused", "{seen}");
}

#[tokio::test]
async fn every_other_host_is_refused_and_recorded() {
    let salesforce = salesforce().await;
    let (proxy, tunnels) = with_tunnels(&salesforce).await;
    let hosts = [
        "evil.example:443",
        "login.salesforce.com:80",
        "login.salesforce.com.evil.example:443",
        "acme.lightning.force.com:443",
        "169.254.169.254:80",
    ];
    for host in hosts {
        let head =
            format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: tap/1\r\n\r\n\x16\x03\x01");
        let answer = raw(tunnels, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{host}: {answer}");
        let decision = answer.split("X-Forcefield-Decision: ").nth(1).unwrap().get(..26).unwrap();
        let records = proxy.records().unwrap();
        let found: Vec<_> = records.iter().filter(|record| record.to_string().contains(decision)).collect();
        assert_eq!(found.len(), 1, "{host}");
        let record = found[0].to_string();
        assert!(record.contains(host) && record.contains("CONNECT") && record.contains("tap/1"), "{record}");
        assert_eq!(found[0]["status_code"], "403", "{record}");
    }
    assert_eq!(proxy.records().unwrap().iter().filter(|record| record["status_code"] == "403").count(), 5);
}

#[tokio::test]
async fn a_head_that_is_not_one_connect_is_refused_before_anything_behind_it_is_read() {
    let salesforce = salesforce().await;
    let (proxy, tunnels) = with_tunnels(&salesforce).await;
    let connect = "CONNECT login.salesforce.com:443 HTTP/1.1\r\n";
    let heads = [
        "GET http://login.salesforce.com/services/data HTTP/1.1\r\nHost: login.salesforce.com\r\n\r\n"
            .to_owned(),
        format!("{connect}Content-Length: 40\r\n\r\nCONNECT evil.example:443 HTTP/1.1\r\n\r\n"),
        format!("{connect}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("{connect}Host: evil.example\r\n\r\n"),
        format!("{connect}A: {}\r\n\r\n", "b".repeat(9000)),
        "CONNECT login.salesforce.com:443 HTTP/1.1\n\n".to_owned(),
    ];
    for head in heads {
        let answer = raw(tunnels, head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{head}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
    // A second request where TLS should begin is no request.
    let answer = raw(tunnels, format!("{connect}\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 Connection Established\r\n\r\n"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    assert!(proxy.records().unwrap().iter().all(|record| record["status_code"] != "200"));
}

#[tokio::test]
async fn a_dawdler_is_cut_off_at_the_deadline_of_heads() {
    let salesforce = salesforce().await;
    let builder = before(&salesforce).identity("nightly", GRANTS).connect().unwrap();
    let mut proxy = builder.section("timeouts: { head: 1s }").start().await.unwrap();
    let tunnels = proxy.connect_address().await.unwrap();
    let read = raw(tunnels, b"CONNECT login.salesforce.com:443 HTTP/1.1\r\n");
    assert_eq!(tokio::time::timeout(Duration::from_secs(10), read).await.unwrap(), "");
}

#[tokio::test]
async fn a_drain_waits_for_requests_in_tunnels() {
    let salesforce = salesforce().await;
    let (mut proxy, tunnels) = with_tunnels(&salesforce).await;
    let client = proxy.anonymous().unwrap().through(tunnels, "login.salesforce.com:443");
    let json = client.form("/services/oauth2/token", &LOGIN).await.unwrap().json();
    let client = client.with_token(json["access_token"].as_str().unwrap());
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    salesforce.set_latency(Side::Data, Duration::from_millis(1500));
    let _idle = TcpStream::connect(tunnels).await.unwrap();
    let running = tokio::spawn(async move { client.query(QUERY).await.unwrap().status });
    tokio::time::sleep(Duration::from_millis(500)).await;
    proxy.signal("TERM").await.unwrap();
    assert_eq!(running.await.unwrap(), 200);
    assert!(proxy.ended(Duration::from_secs(20)).await.unwrap().success(), "{}", proxy.output());
}
