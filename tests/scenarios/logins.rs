//! Logins at Forcefield itself, and the tokens it hands out.

use serde_json::json;

use crate::{before, salesforce, with};

const GRANTS: &str = "allow:\n  Account: { read: [Name] }\nalso: [userinfo]\n";
const QUERY: &str = "SELECT Name FROM Account LIMIT 1";

#[tokio::test]
async fn a_token_has_salesforces_form_and_names_the_host_that_was_used() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "nightly"),
        ("client_secret", forcefield_tests::SECRET),
    ];
    let reply = proxy.anonymous().unwrap().form("/services/oauth2/token", &form).await.unwrap();
    let json = reply.json();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let token = json["access_token"].as_str().unwrap();
    let (org, rest) = token.split_once('!').unwrap();
    assert!(org.starts_with("00D") && org.len() == 15 && rest.len() >= 32, "{token}");
    assert!(rest.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_')));
    assert_eq!(json["instance_url"], format!("https://localhost:{}", proxy.address().port()));
    assert!(
        json["id"]
            .as_str()
            .unwrap()
            .starts_with(&format!("https://localhost:{}/id/00D", proxy.address().port()))
    );
    for field in ["token_type", "issued_at", "signature"] {
        assert!(json[field].is_string(), "{field} is missing: {json}");
    }
}

#[tokio::test]
async fn a_wrong_secret_is_an_oauth_error() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.anonymous().unwrap();
    for (id, secret) in [("nightly", "wrong"), ("nobody", forcefield_tests::SECRET)] {
        let form = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
        let reply = client.form("/services/oauth2/token", &form).await.unwrap();
        assert!(matches!(reply.status, 400 | 401), "{}", reply.text());
        assert!(reply.json()["error"].is_string(), "{}", reply.text());
    }
}

#[tokio::test]
async fn a_dead_token_is_401_and_nothing_else() {
    let salesforce = salesforce().await;
    let proxy =
        before(&salesforce).identity("nightly", GRANTS).identity("other", GRANTS).start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
    let forged = client.clone().with_token("00D000000000001!forged_forged_forged_forged_forged");
    let reply = forged.query(QUERY).await.unwrap();
    assert_eq!(reply.status, 401);
    assert_eq!(reply.json()[0]["errorCode"], "INVALID_SESSION_ID");

    let revoked =
        client.form("/services/oauth2/revoke", &[("token", client.token().unwrap())]).await.unwrap();
    assert_eq!(revoked.status, 200, "{}", revoked.text());
    assert_eq!(client.query(QUERY).await.unwrap().status, 401);
    assert_eq!(proxy.client("other").await.unwrap().query(QUERY).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_token_issued_to_a_certificate_is_dead_without_it() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let with_certificate = proxy.with_certificate("nightly").unwrap();
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "nightly"),
        ("client_secret", forcefield_tests::SECRET),
    ];
    let reply = with_certificate.form("/services/oauth2/token", &form).await.unwrap();
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(with_certificate.with_token(&token).query(QUERY).await.unwrap().status, 200);
    let stolen = proxy.anonymous().unwrap().with_token(&token);
    assert_eq!(stolen.query(QUERY).await.unwrap().status, 403);
}

#[tokio::test]
async fn an_identity_is_served_from_its_networks_only() {
    let salesforce = salesforce().await;
    let elsewhere = format!("{GRANTS}networks: [10.99.0.0/16]\n");
    let here = format!("{GRANTS}networks: [127.0.0.0/8]\n");
    let proxy =
        before(&salesforce).identity("nightly", &elsewhere).identity("other", &here).start().await.unwrap();
    assert_eq!(proxy.with_certificate("nightly").unwrap().query(QUERY).await.unwrap().status, 403);
    assert_eq!(proxy.with_certificate("other").unwrap().query(QUERY).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_session_survives_a_restart() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let token = proxy.client("nightly").await.unwrap().token().unwrap().to_owned();
    let proxy = proxy.restart().await.unwrap();
    let client = proxy.anonymous().unwrap().with_token(&token);
    assert_eq!(client.query(QUERY).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_body_on_a_login_door_must_be_a_form() {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let reply = proxy
        .anonymous()
        .unwrap()
        .json("POST", "/services/oauth2/token", &json!({"grant_type": "x"}))
        .await
        .unwrap();
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(reply.json()["error"], "invalid_request");
}
