//! A store that is guarded: by a password, by TLS with a private CA.

use forcefield_tests::pki::Authority;
use forcefield_tests::{Builder, Redis};

use super::status;
use crate::{before, salesforce};

const GRANTS: &str = "allow:\n  Account: { read: \"*\" }\n";
const PASSWORD: &str = "only-the-replicas-know-it";

async fn works(builder: Builder) {
    let replicas = builder.start_replicas(2).await.unwrap();
    let client = replicas[0].client("nightly").await.unwrap();
    assert_eq!(status(&client).await, 200);
    let elsewhere = replicas[1].anonymous().unwrap().with_token(client.token().unwrap());
    assert_eq!(status(&elsewhere).await, 200, "the store is in use");
}

/// What a start that is refused says.
async fn refused(builder: Builder) -> String {
    let said = format!("{:#}", builder.start().await.err().unwrap());
    assert!(!said.contains(PASSWORD), "{said}");
    said
}

#[tokio::test]
async fn a_store_with_a_password_is_logged_in_at_or_the_start_is_refused() {
    let salesforce = salesforce().await;
    let redis = Redis::guarded(PASSWORD, None).await.unwrap();
    let builder = |keys: &str, password: &str| {
        let builder = before(&salesforce).identity("nightly", GRANTS);
        builder.write("keys/redis", password).unwrap();
        builder.shared_by(&format!("redis: \"{}\"{keys}", redis.url()))
    };
    works(builder(", password: file:keys/redis", PASSWORD)).await;
    let wrong = format!("not-{PASSWORD}");
    let said = refused(builder(", password: file:keys/redis", &wrong)).await;
    assert!(said.contains("refuses the login") && said.contains("`state.password`"), "{said}");
    let said = refused(builder("", PASSWORD)).await;
    assert!(said.contains("refuses the login (NOAUTH)"), "{said}");
}

#[tokio::test]
async fn a_store_with_tls_is_of_the_ca_that_is_named_or_the_start_is_refused() {
    let salesforce = salesforce().await;
    let (own, other) = (Authority::new("store CA").unwrap(), Authority::new("another CA").unwrap());
    let redis = Redis::guarded(PASSWORD, Some(&own.server(&["127.0.0.1"]).unwrap())).await.unwrap();
    let builder = |ca: Option<&Authority>| {
        let builder = before(&salesforce).identity("nightly", GRANTS);
        builder.write("keys/redis", PASSWORD).unwrap();
        let ca = ca.map_or("", |ca| {
            builder.write("keys/store-ca.pem", &ca.pem()).unwrap();
            ", ca: file:keys/store-ca.pem"
        });
        builder.shared_by(&format!("redis: \"{}\", password: file:keys/redis{ca}", redis.url()))
    };
    works(builder(Some(&own))).await;
    for ca in [Some(&other), None] {
        let said = refused(builder(ca)).await;
        assert!(said.contains("does not verify (UnknownIssuer)") && said.contains("`state.ca`"), "{said}");
    }
}
