//! SVIDs are verified by the authorities of their own trust domain, as the SPIFFE Workload API tells them from moment to
//! moment.

mod agent;
mod jwt;
mod revoked;
mod spire;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use forcefield_tests::client::Protocol;
use forcefield_tests::pki::Authority;
use forcefield_tests::{Client, Proxy};

use agent::Agent;

use crate::{before, data_requests, salesforce};

const GRANTS: &str = "allow:\n  Account: { read: [Name] }\n";
const QUERY: &str = "SELECT Name FROM Account LIMIT 1";

/// Forcefield that has the trust domain `test.example` from the Workload API at a socket.
async fn following(salesforce: &forcefield_emulator::Server, socket: &Path) -> Proxy {
    let socket = format!("test.example: \"unix:{}\"", socket.display());
    before(salesforce).identity("nightly", GRANTS).trust_domains(&socket).start().await.unwrap()
}

fn caller(proxy: &Proxy, authority: &Authority, id: &str) -> Client {
    Client::new(proxy.address(), &proxy.authority().pem(), Some(&authority.svid(id).unwrap())).unwrap()
}

/// What a caller gets; `None` when there is no connection.
async fn status(client: &Client) -> Option<u16> {
    client.query(QUERY).await.ok().map(|reply| reply.status)
}

/// Waits until a caller gets this status.
async fn becomes(client: &Client, wanted: Option<u16>) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = status(client).await;
        if found == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{found:?} in place of {wanted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn socket() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent.sock");
    (folder, socket)
}

#[tokio::test]
async fn an_svid_is_verified_by_the_bundle_of_its_own_trust_domain() {
    let salesforce = salesforce().await;
    let (_folder, socket) = socket();
    let (ours, partner) = (Authority::new("ours").unwrap(), Authority::new("partner").unwrap());
    let agent = Agent::start(&socket, &[("test.example", &[&ours]), ("partner.example", &[&partner])]);
    let proxy = following(&salesforce, &socket).await;
    proxy.wait_for_line("trust bundles of the Workload API taken up").await.unwrap();
    becomes(&caller(&proxy, &ours, NIGHTLY), Some(200)).await;
    assert!(agent.calls().iter().all(|headers| headers["workload.spiffe.io"] == "true"));

    // An authority speaks for its own domain only, and only for domains that are configured.
    salesforce.clear();
    assert_eq!(status(&caller(&proxy, &partner, NIGHTLY)).await, None);
    assert_eq!(status(&caller(&proxy, &partner, "spiffe://partner.example/nightly")).await, None);
    assert_eq!(status(&caller(&proxy, &ours, "spiffe://partner.example/nightly")).await, None);
    assert_eq!(status(&caller(&proxy, &Authority::new("ours").unwrap(), NIGHTLY)).await, None);
    assert!(data_requests(&salesforce).is_empty());
}

#[tokio::test]
async fn a_changed_bundle_holds_at_once_also_for_open_connections_and_old_sessions() {
    let salesforce = salesforce().await;
    let (_folder, socket) = socket();
    let (old, new) = (Authority::new("old").unwrap(), Authority::new("new").unwrap());
    let agent = Agent::start(&socket, &[("test.example", &[&old])]);
    let proxy = following(&salesforce, &socket).await;
    let (before, after) = (caller(&proxy, &old, NIGHTLY), caller(&proxy, &new, NIGHTLY));
    becomes(&before, Some(200)).await;
    let mut open = before.open(Protocol::Http1).await.unwrap();
    assert_eq!(open.get(QUERY_TARGET).await.unwrap().status, 200);

    agent.tell(&[("test.example", &[&old, &new])]);
    becomes(&after, Some(200)).await;
    assert_eq!(open.get(QUERY_TARGET).await.unwrap().status, 200, "the old authority still counts");

    agent.tell(&[("test.example", &[&new])]);
    becomes(&before, None).await;
    assert!(open.get(QUERY_TARGET).await.is_err(), "the open connection outlived its authority");
    assert_eq!(status(&after).await, Some(200));
}

#[tokio::test]
async fn without_its_agent_nobody_is_trusted_at_first_and_later_the_last_bundle_holds() {
    let salesforce = salesforce().await;
    let (_folder, socket) = socket();
    let ours = Authority::new("ours").unwrap();
    let proxy = following(&salesforce, &socket).await;
    proxy.wait_for_line("the Workload API is away").await.unwrap();
    let nightly = caller(&proxy, &ours, NIGHTLY);
    assert_eq!(status(&nightly).await, None);
    assert_eq!(
        status(&proxy.client("nightly").await.unwrap()).await,
        Some(200),
        "who needs no SVID is served"
    );

    let agent = Agent::start(&socket, &[("test.example", &[&ours])]);
    becomes(&nightly, Some(200)).await;
    let away = proxy.output().matches("the Workload API is away").count();
    drop(agent);
    proxy.wait_for_lines("the Workload API is away", away + 1).await.unwrap();
    assert_eq!(status(&nightly).await, Some(200));

    // The next agent has other authorities.
    let _agent = Agent::start(&socket, &[("test.example", &[])]);
    becomes(&nightly, None).await;
}

#[tokio::test]
async fn an_agent_that_has_nothing_for_us_any_more_ends_the_trust() {
    let salesforce = salesforce().await;
    let (_folder, socket) = socket();
    let ours = Authority::new("ours").unwrap();
    let agent = Agent::start(&socket, &[("test.example", &[&ours])]);
    let proxy = following(&salesforce, &socket).await;
    let nightly = caller(&proxy, &ours, NIGHTLY);
    becomes(&nightly, Some(200)).await;
    agent.refuse();
    becomes(&nightly, None).await;
    agent.tell(&[("test.example", &[&ours])]);
    becomes(&nightly, Some(200)).await;
}

#[tokio::test]
async fn readiness_and_metrics_tell_whose_trust_has_not_come() {
    let salesforce = salesforce().await;
    let (_folder, socket) = socket();
    let ours = Authority::new("ours").unwrap();
    let proxy = following(&salesforce, &socket).await;
    let shown = |up: u8, authorities: u8| {
        let up = format!("forcefield_workload_api_up{{socket=\"{}\",svids=\"x509\"}} {up}", socket.display());
        let count = "forcefield_trust_authorities{listener=\"proxy\",trust_domain=\"test.example\"}";
        [up, format!("{count} {authorities}")]
    };
    let away =
        format!("the SPIFFE Workload API at `{}` is away; what it said last holds\n", socket.display());
    let nobody = "the trust domain `test.example` has no valid authority; its SVIDs are refused\n";
    told(&proxy, &format!("ready\n{nobody}{away}"), &shown(0, 0)).await;

    let agent = Agent::start(&socket, &[("test.example", &[&ours])]);
    told(&proxy, "ready\n", &shown(1, 1)).await;
    drop(agent);
    told(&proxy, &format!("ready\n{away}"), &shown(0, 1)).await;
}

/// Waits until this is told.
async fn told(proxy: &Proxy, readiness: &str, metrics: &[String]) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let (status, text) = proxy.probe("/readyz").await.unwrap();
        let shown = proxy.metrics().await.unwrap();
        if text == readiness && metrics.iter().all(|line| shown.lines().any(|shown| shown == line)) {
            assert_eq!(status, 200, "other proofs are taken");
            return;
        }
        assert!(Instant::now() < deadline, "{text}\n{metrics:?} in\n{shown}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_bundle_in_a_file_speaks_for_its_trust_domain_only() {
    let salesforce = salesforce().await;
    let (ours, partner) = (Authority::new("ours").unwrap(), Authority::new("partner").unwrap());
    let builder = before(&salesforce)
        .identity("nightly", GRANTS)
        .trust_domains("test.example: file:ours.pem, partner.example: file:partner.pem");
    builder.write("ours.pem", &ours.pem()).unwrap();
    builder.write("partner.pem", &partner.pem()).unwrap();
    let proxy = builder.start().await.unwrap();
    assert_eq!(status(&caller(&proxy, &ours, NIGHTLY)).await, Some(200));
    assert_eq!(status(&caller(&proxy, &partner, NIGHTLY)).await, None);
    assert_eq!(status(&caller(&proxy, &partner, "spiffe://partner.example/other")).await, Some(401));
}

const NIGHTLY: &str = "spiffe://test.example/nightly";
const QUERY_TARGET: &str = "/services/data/v62.0/query?q=SELECT+Name+FROM+Account+LIMIT+1";
