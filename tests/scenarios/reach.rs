//! The way to the org where an organisation makes it longer: an outbound proxy, mutual TLS.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use forcefield_emulator::Org;
use forcefield_tests::pki::Authority;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::{before, salesforce};

const GRANTS: &str = "allow:\n  Account: { read: [Name] }\n";
const QUERY: &str = "SELECT Name FROM Account LIMIT 1";

/// A CONNECT proxy that answers with a status line and notes what it is asked for.
struct Outbound {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Outbound {
    async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, asked) = (listener.local_addr().unwrap(), Arc::<Mutex<Vec<String>>>::default());
        let noted = Arc::clone(&asked);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(tunnel(stream, answer, Arc::clone(&noted)));
            }
        });
        Self { address, asked, accepting }
    }
}

impl Drop for Outbound {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn tunnel(mut stream: TcpStream, answer: &str, asked: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head.split(' ').nth(1).unwrap().to_owned();
    asked.lock().unwrap().push(head);
    if answer.is_empty() {
        // Says nothing, and keeps the connection.
        let _ = stream.read_u8().await;
        return;
    }
    stream.write_all(answer.as_bytes()).await.unwrap();
    if answer.starts_with("HTTP/1.1 200") {
        let Ok(mut org) = TcpStream::connect(target.replace("localhost", "127.0.0.1")).await else { return };
        let _ = copy_bidirectional(&mut stream, &mut org).await;
    }
}

#[tokio::test]
async fn an_org_is_reached_through_its_outbound_proxy_and_no_other_way() {
    let salesforce = salesforce().await;
    let outbound = Outbound::start("HTTP/1.1 200 Connection established\r\nVia: 1.1 corp\r\n\r\n").await;
    let proxy = before(&salesforce)
        .identity("nightly", GRANTS)
        .reach(&format!("https_proxy: \"http://{}\"", outbound.address))
        .start()
        .await
        .unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    let asked = outbound.asked.lock().unwrap().clone();
    let org = salesforce.url().strip_prefix("https://").unwrap();
    assert!(!asked.is_empty());
    for head in asked {
        assert!(head.starts_with(&format!("CONNECT {org} HTTP/1.1\r\nHost: {org}\r\n")), "{head}");
        assert!(!head.to_ascii_lowercase().contains("authorization"), "{head}");
    }
}

#[tokio::test]
async fn an_outbound_proxy_that_opens_no_tunnel_is_a_bad_gateway() {
    let answers = [
        "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n\r\n",
    ];
    for answer in answers {
        let salesforce = salesforce().await;
        let outbound = Outbound::start(answer).await;
        let proxy = before(&salesforce).identity("nightly", GRANTS).start().await.unwrap();
        let client = proxy.client("nightly").await.unwrap();
        assert_eq!(client.query(QUERY).await.unwrap().status, 200);
        // The credential is at hand; from now on there is only the proxy.
        let file = proxy.folder().join("forcefield.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        let changed = text.replace(
            "ca: file:tls/salesforce.pem }",
            &format!("ca: file:tls/salesforce.pem, https_proxy: \"http://{}\" }}", outbound.address),
        );
        assert_ne!(text, changed);
        std::fs::write(&file, changed).unwrap();
        proxy.signal("HUP").await.unwrap();
        proxy.wait_for_line("configuration reloaded").await.unwrap();
        let reply = client.query(QUERY).await.unwrap();
        assert!(matches!(reply.status, 502 | 503), "{answer}: {}", reply.text());
        assert!(!reply.text().contains("evil.example"), "{}", reply.text());
        assert!(!outbound.asked.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_outbound_proxy_that_says_nothing_is_waited_for_no_longer_than_a_connection() {
    let salesforce = salesforce().await;
    let proxy = before(&salesforce)
        .identity("nightly", GRANTS)
        .section("timeouts: { connect: 1s }")
        .start()
        .await
        .unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    let outbound = Outbound::start("").await;
    let file = proxy.folder().join("forcefield.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let through = format!("ca: file:tls/salesforce.pem, https_proxy: \"http://{}\" }}", outbound.address);
    std::fs::write(&file, text.replace("ca: file:tls/salesforce.pem }", &through)).unwrap();
    proxy.signal("HUP").await.unwrap();
    proxy.wait_for_line("configuration reloaded").await.unwrap();
    let reply = tokio::time::timeout(std::time::Duration::from_secs(15), client.query(QUERY)).await;
    let reply = reply.expect("an answer in time").unwrap();
    assert!(matches!(reply.status, 503 | 504), "{}", reply.text());
}

#[tokio::test]
async fn an_org_that_asks_for_a_certificate_gets_the_configured_one() {
    let authority = Authority::new("the org's client CA").unwrap();
    let salesforce = Org::builder().require_client_certificate(&authority.pem()).start().await.unwrap();
    let shown = authority.svid("spiffe://corp.example/forcefield").unwrap();
    let builder = before(&salesforce)
        .identity("nightly", GRANTS)
        .reach("client_certificate: file:keys/org.crt, client_key: file:keys/org.key");
    builder.write("keys/org.crt", &shown.certificate).unwrap();
    builder.write("keys/org.key", &shown.key).unwrap();
    let proxy = builder.start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_org_that_asks_for_a_certificate_is_not_reached_with_another() {
    let (authority, other) = (Authority::new("right").unwrap(), Authority::new("wrong").unwrap());
    let salesforce = Org::builder().require_client_certificate(&authority.pem()).start().await.unwrap();
    let shown = other.svid("spiffe://corp.example/forcefield").unwrap();
    let builder =
        before(&salesforce).identity("nightly", GRANTS).reach("client_certificate: file:keys/org.pem");
    builder.write("keys/org.pem", &format!("{}{}", shown.certificate, shown.key)).unwrap();
    let proxy = builder.start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    let reply = client.query(QUERY).await.unwrap();
    assert!(matches!(reply.status, 502 | 503), "{}", reply.text());
    assert!(salesforce.requests().is_empty());
}
