//! What an authority has revoked is not trusted: revocation lists come with the bundle.

use forcefield_tests::client::Protocol;
use forcefield_tests::pki::Authority;
use forcefield_tests::{Client, Proxy};

use super::agent::Agent;
use super::{NIGHTLY, QUERY_TARGET, becomes, following, socket, status};
use crate::{before, salesforce};

/// A year that has not come, and one that is over.
const LATER: i32 = 4096;
const OVER: i32 = 2021;

fn shows(proxy: &Proxy, svid: &forcefield_tests::pki::Pem) -> Client {
    Client::new(proxy.address(), &proxy.authority().pem(), Some(svid)).unwrap()
}

#[tokio::test]
async fn a_revoked_svid_is_refused_at_once_and_no_other_is() {
    let salesforce = salesforce().await;
    let (_folder, socket) = socket();
    let ours = Authority::new("ours").unwrap();
    let agent = Agent::start(&socket, &[("test.example", &[&ours])]);
    let proxy = following(&salesforce, &socket).await;
    let (stolen, renewed) = (ours.svid(NIGHTLY).unwrap(), ours.svid(NIGHTLY).unwrap());
    let (thief, nightly) = (shows(&proxy, &stolen), shows(&proxy, &renewed));
    becomes(&thief, Some(200)).await;
    let mut open = thief.open(Protocol::Http1).await.unwrap();
    assert_eq!(open.get(QUERY_TARGET).await.unwrap().status, 200);

    let (_, list) = ours.revoke(&[&stolen], LATER).unwrap();
    agent.tell_revoked(&[("test.example", &[&ours])], &[&list]);
    becomes(&thief, None).await;
    assert!(open.get(QUERY_TARGET).await.is_err(), "the open connection outlived its certificate");
    assert_eq!(status(&nightly).await, Some(200));

    // Each message says everything: without the list nothing is revoked.
    agent.tell(&[("test.example", &[&ours])]);
    becomes(&thief, Some(200)).await;
}

#[tokio::test]
async fn a_list_that_is_over_or_forged_vouches_for_nobody() {
    let salesforce = salesforce().await;
    let (_folder, socket) = socket();
    let (old, new) = (Authority::new("same name").unwrap(), Authority::new("same name").unwrap());
    let other = Authority::new("other").unwrap();
    let bundles: &[(&str, &[&Authority])] = &[("test.example", &[&old, &new, &other])];
    let agent = Agent::start(&socket, bundles);
    let proxy = following(&salesforce, &socket).await;
    let svids = [&old, &new, &other].map(|authority| authority.svid(NIGHTLY).unwrap());
    let callers = svids.each_ref().map(|svid| shows(&proxy, svid));
    for caller in &callers {
        becomes(caller, Some(200)).await;
    }
    // What one has revoked says nothing about its successor of the same name, nor about others.
    let (_, list) = old.revoke(&[&svids[0]], LATER).unwrap();
    agent.tell_revoked(bundles, &[&list]);
    becomes(&callers[0], None).await;
    assert_eq!((status(&callers[1]).await, status(&callers[2]).await), (Some(200), Some(200)));

    // A list that should have been followed by another: who has been revoked since is not known.
    let (_, list) = other.revoke(&[], OVER).unwrap();
    agent.tell_revoked(bundles, &[&list]);
    becomes(&callers[2], None).await;
    becomes(&callers[0], Some(200)).await;
    let (_, list) = other.revoke(&[], LATER).unwrap();
    agent.tell_revoked(bundles, &[&list]);
    becomes(&callers[2], Some(200)).await;

    // Signed by nobody.
    let mut forged = list.clone();
    *forged.last_mut().unwrap() ^= 1;
    agent.tell_revoked(bundles, &[&forged]);
    becomes(&callers[2], None).await;
    assert_eq!(status(&callers[1]).await, Some(200));

    // What cannot be read changes nothing.
    let away = proxy.output().matches("the Workload API is away").count();
    agent.tell_revoked(&[("test.example", &[&other])], &[b"no list"]);
    proxy.wait_for_lines("the Workload API is away", away + 1).await.unwrap();
    assert_eq!(status(&callers[1]).await, Some(200));
}

#[tokio::test]
async fn a_bundle_in_a_file_may_hold_revocation_lists() {
    let salesforce = salesforce().await;
    let ours = Authority::new("ours").unwrap();
    let (stolen, renewed) = (ours.svid(NIGHTLY).unwrap(), ours.svid(NIGHTLY).unwrap());
    let builder =
        before(&salesforce).identity("nightly", super::GRANTS).trust_domains("test.example: file:ours.pem");
    let (list, _) = ours.revoke(&[&stolen], LATER).unwrap();
    builder.write("ours.pem", &format!("{}{list}", ours.pem())).unwrap();
    let proxy = builder.start().await.unwrap();
    assert_eq!(status(&shows(&proxy, &stolen)).await, None);
    assert_eq!(status(&shows(&proxy, &renewed)).await, Some(200));
}
