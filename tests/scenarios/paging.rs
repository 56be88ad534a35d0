//! A cursor belongs to the integration that opened it.

use crate::{before, salesforce};

#[tokio::test]
async fn pages_are_followed_to_the_end_by_their_owner_only() {
    let salesforce = salesforce().await;
    let grants = "allow:\n  Contact: { read: [LastName] }\n";
    let proxy =
        before(&salesforce).identity("nightly", grants).identity("other", grants).start().await.unwrap();
    let (nightly, other) = (proxy.client("nightly").await.unwrap(), proxy.client("other").await.unwrap());
    let mut page = nightly.query("SELECT LastName FROM Contact").await.unwrap().json();
    let (mut rows, mut first_locator) = (0, None);
    loop {
        rows += page["records"].as_array().unwrap().len();
        let Some(next) = page["nextRecordsUrl"].as_str().map(str::to_owned) else { break };
        let foreign = other.get(&next).await.unwrap();
        assert_eq!(foreign.status, 403, "{}", foreign.text());
        first_locator.get_or_insert(next.clone());
        let reply = nightly.get(&next).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        page = reply.json();
    }
    assert_eq!(rows, 5000);
    let locator = first_locator.unwrap();
    let (root, _) = locator.rsplit_once('-').unwrap();
    for guessed in [format!("{root}-1"), format!("{root}-777"), locator.replace("0r8", "0r9")] {
        assert_ne!(nightly.get(&guessed).await.unwrap().status, 200, "{guessed}");
    }
}
