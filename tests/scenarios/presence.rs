//! Where an integration may call from, by which name, and until when: for each request anew, also in the middle of a
//! connection.

use std::time::{Duration, Instant};

use forcefield_emulator::Server;
use forcefield_tests::Proxy;
use forcefield_tests::client::{Lasting, Protocol};

use crate::{data_requests, salesforce, with};

const GRANTS: &str = "allow:\n  Account: { read: [Name] }\n";
const TARGET: &str = "/services/data/v62.0/query?q=SELECT+Name+FROM+Account+LIMIT+1";

/// What of an identity's file becomes what, and what the refusal says.
const CHANGES: [(&str, &str, &str); 3] = [
    ("networks: [127.0.0.0/8]", "networks: [10.99.0.0/16]", "network"),
    ("host: localhost", "host: nightly.sf.example", "host name"),
    ("expires: 2099-12-31", "expires: 2020-01-01", "expired"),
];

/// Changes the identity and asks on the same connections until each is refused; then changes it back.
async fn hold(proxy: &Proxy, salesforce: &Server, lasting: &mut [Lasting]) {
    let file = proxy.folder().join("identities/nightly.yaml");
    let good = std::fs::read_to_string(&file).unwrap();
    for (before, after, says) in CHANGES {
        let bad = good.replace(before, after);
        assert_ne!(good, bad);
        std::fs::write(&file, bad).unwrap();
        for connection in &mut *lasting {
            let reply = until(403, connection).await;
            assert!(reply.contains(says), "{after}: {reply}");
        }
        let sent = data_requests(salesforce).len();
        for connection in &mut *lasting {
            assert_eq!(connection.get(TARGET).await.unwrap().status, 403, "{after}");
        }
        assert_eq!(data_requests(salesforce).len(), sent, "a refused request stays here");
        std::fs::write(&file, &good).unwrap();
        for connection in &mut *lasting {
            until(200, connection).await;
        }
    }
}

/// Asks until the answer has this status, and gives its text.
async fn until(status: u16, connection: &mut Lasting) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let reply = connection.get(TARGET).await.unwrap();
        if reply.status == status {
            return reply.text();
        }
        assert!(Instant::now() < deadline, "still {}: {}", reply.status, reply.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn networks_host_and_last_day_hold_in_the_middle_of_a_connection() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, &format!("{GRANTS}networks: [127.0.0.0/8]\nhost: localhost\n")).await;
    let by_token = proxy.client("nightly").await.unwrap();
    let by_certificate = proxy.with_certificate("nightly").unwrap();
    let mut lasting = Vec::new();
    for client in [by_token, by_certificate] {
        for protocol in [Protocol::Http1, Protocol::Http2] {
            let mut connection = client.open(protocol).await.unwrap();
            assert_eq!(connection.get(TARGET).await.unwrap().status, 200);
            lasting.push(connection);
        }
    }
    hold(&proxy, &salesforce, &mut lasting).await;
}
