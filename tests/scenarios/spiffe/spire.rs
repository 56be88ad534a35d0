//! A real SPIRE issues the SVIDs, tells the bundles, and changes both: `tests/spire/run` builds it and runs this.

mod deployment;

use std::time::{Duration, Instant};

use forcefield_tests::pki::Pem;
use forcefield_tests::{Client, Proxy};

use super::{GRANTS, NIGHTLY, QUERY, becomes, status};
use crate::{before, data_requests, salesforce};
use deployment::Spire;

/// Forcefield that takes authorities and keys from the Workload API of a SPIRE.
async fn trusting(salesforce: &forcefield_emulator::Server, spire: &Spire) -> Proxy {
    let socket = format!("unix:{}", spire.socket().display());
    before(salesforce)
        .identity("nightly", GRANTS)
        .proof(&format!("jwt: {{ issuer: spire, subject: \"{NIGHTLY}\" }}"))
        .trust_domains(&format!("test.example: \"{socket}\""))
        .section(&format!(
            "issuers:\n  spire: {{ trust_domain: test.example, jwks: \"{socket}\", audience: forcefield }}"
        ))
        .start()
        .await
        .unwrap()
}

fn shows(proxy: &Proxy, svid: &Pem) -> Client {
    Client::new(proxy.address(), &proxy.authority().pem(), Some(svid)).unwrap()
}

fn bears(proxy: &Proxy, token: &str) -> Client {
    proxy.anonymous().unwrap().with_token(token)
}

/// What the agent hands out once it is other than before.
async fn next<T: PartialEq>(before: &T, fetch: impl AsyncFn() -> T) -> T {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let now = fetch().await;
        if now != *before {
            return now;
        }
        assert!(Instant::now() < deadline, "nothing else is handed out");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test]
#[ignore = "needs a real SPIRE: see tests/spire/run"]
async fn svids_of_a_real_spire_are_served_and_those_of_another_are_not() {
    let salesforce = salesforce().await;
    let (ours, theirs) = (Spire::start("test.example").await, Spire::start("other.example").await);
    let proxy = trusting(&salesforce, &ours).await;
    becomes(&shows(&proxy, &ours.x509().await), Some(200)).await;
    becomes(&bears(&proxy, &ours.jwt("forcefield").await), Some(200)).await;

    salesforce.clear();
    assert_eq!(status(&shows(&proxy, &theirs.x509().await)).await, None);
    assert_eq!(status(&bears(&proxy, &theirs.jwt("forcefield").await)).await, Some(401));
    assert_eq!(status(&bears(&proxy, &ours.jwt("elsewhere").await)).await, Some(401), "for somebody else");
    assert!(data_requests(&salesforce).is_empty());
    assert_eq!(status(&bears(&proxy, &ours.jwt("forcefield").await)).await, Some(200));
}

#[tokio::test]
#[ignore = "needs a real SPIRE: see tests/spire/run"]
async fn rotated_authorities_and_keys_of_a_real_spire_are_followed() {
    let salesforce = salesforce().await;
    let spire = Spire::start("test.example").await;
    let proxy = trusting(&salesforce, &spire).await;

    let old = spire.x509().await;
    becomes(&shows(&proxy, &old), Some(200)).await;
    let agent = spire.agent_serial().await;
    let retired = spire.rotate("x509").await;
    let new = next(&old, || spire.x509()).await;
    becomes(&shows(&proxy, &new), Some(200)).await;
    // The agent has to have a new certificate of its own before the authority of the old one is revoked.
    next(&agent, || spire.agent_serial()).await;
    spire.revoke("x509", &retired).await;
    becomes(&shows(&proxy, &old), None).await;
    assert_eq!(status(&shows(&proxy, &new)).await, Some(200));

    let old = spire.jwt("forcefield").await;
    becomes(&bears(&proxy, &old), Some(200)).await;
    let retired = spire.rotate("jwt").await;
    let new = next(&old, || spire.jwt("forcefield")).await;
    becomes(&bears(&proxy, &new), Some(200)).await;
    spire.revoke("jwt", &retired).await;
    becomes(&bears(&proxy, &old), Some(401)).await;
    assert_eq!(status(&bears(&proxy, &new)).await, Some(200));
}

#[tokio::test]
#[ignore = "needs a real SPIRE: see tests/spire/run"]
async fn without_the_agent_of_a_real_spire_its_last_bundles_hold() {
    let salesforce = salesforce().await;
    let mut spire = Spire::start("test.example").await;
    let proxy = trusting(&salesforce, &spire).await;
    let (certificate, token) = (spire.x509().await, spire.jwt("forcefield").await);
    becomes(&shows(&proxy, &certificate), Some(200)).await;
    becomes(&bears(&proxy, &token), Some(200)).await;
    spire.stop_agent().await;
    proxy.wait_for_lines("the Workload API is away", 2).await.unwrap();
    assert_eq!(shows(&proxy, &certificate).query(QUERY).await.unwrap().status, 200);
    assert_eq!(bears(&proxy, &token).query(QUERY).await.unwrap().status, 200);
}
