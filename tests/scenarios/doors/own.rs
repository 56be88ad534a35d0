//! What Forcefield answers itself, spellings that stock clients use, and requests for heads only.

use crate::{data_requests, salesforce, with};

const GRANTS: &str = "allow:\n  Account: { read: [Name] }\nalso: [versions, userinfo]\n";

#[tokio::test]
async fn versions_and_the_root_are_answered_without_a_credential() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let anonymous = proxy.anonymous().unwrap();
    for target in ["/services/data", "/services/data/", "//services/data"] {
        let reply = anonymous.get(target).await.unwrap();
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
        let versions = reply.json();
        let versions = versions.as_array().unwrap();
        assert_eq!(
            (&versions[0]["version"], versions.len()),
            (&"50.0".into(), 19),
            "those of `api_versions`"
        );
        assert_eq!(versions[18]["url"], "/services/data/v68.0");
    }
    assert_eq!(anonymous.get("/").await.unwrap().status, 200);
    let head = anonymous.send("HEAD", "/services/data", None).await.unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(data_requests(&salesforce).is_empty());
    for target in ["/services/data?x=1", "/services/data/v62.0", "/services", "/services/data/v62.0/limits"] {
        assert_eq!(anonymous.get(target).await.unwrap().status, 401, "{target}");
    }
    let dead = anonymous.with_token("00D000000000001!dead");
    assert_eq!(dead.get("/services/data").await.unwrap().status, 401, "a dead token is told");
    let client = proxy.client("nightly").await.unwrap();
    assert!(client.get("/services/data").await.unwrap().json().as_array().unwrap().len() > 1);
    assert_eq!(data_requests(&salesforce).len(), 1);
}

#[tokio::test]
async fn a_caller_reads_the_user_that_stands_for_it() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let user =
        client.get("/services/oauth2/userinfo").await.unwrap().json()["user_id"].as_str().unwrap().to_owned();
    for id in [&*user, user.split_at(15).0] {
        let reply = client.get(&format!("/services/data/v51.0/sobjects/User/{id}")).await.unwrap();
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.json()["Username"], "nightly@forcefield.invalid", "{}", reply.text());
    }
    assert!(data_requests(&salesforce).is_empty());
    let other = salesforce.first_id("User").unwrap();
    let reply = client.get(&format!("/services/data/v51.0/sobjects/User/{other}")).await.unwrap();
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert_eq!(
        client.delete(&format!("/services/data/v51.0/sobjects/User/{user}")).await.unwrap().status,
        403
    );
    assert!(data_requests(&salesforce).is_empty());
}

#[tokio::test]
async fn one_slash_too_many_is_folded_and_heads_have_no_body() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    let query = "services/data/v62.0/query?q=SELECT+Name+FROM+Account+LIMIT+1";
    let reply = client.get(&format!("//{query}")).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(
        data_requests(&salesforce).last().unwrap().target,
        "/services/data/v62.0/query?q=SELECT%20Name%20FROM%20Account%20LIMIT%201"
    );
    assert_eq!(client.get(&format!("///{query}")).await.unwrap().status, 400);
    let id = salesforce.first_id("Account").unwrap();
    let head = client
        .send("HEAD", &format!("/services/data/v62.0/sobjects/Account/{id}?fields=Name"), None)
        .await
        .unwrap();
    assert_eq!((head.status, head.body.len()), (200, 0), "{:?}", head.headers);
    let head = client
        .send("HEAD", &format!("/services/data/v62.0/sobjects/Account/{id}?fields=Phone"), None)
        .await
        .unwrap();
    assert_eq!((head.status, head.body.len()), (403, 0));
    assert_eq!(data_requests(&salesforce).len(), 2);
}
