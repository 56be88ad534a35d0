//! Tokens: handed out, used, ended.

use crate::client::{Client, escape};
use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use forcefield_emulator::{Carrier, Org};
use serde_json::{Value as Json, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const TOKEN: &str = "/services/oauth2/token";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

async fn token(client: &Client, form: &str) -> (u16, Json) {
    let answer = client.bare("POST", TOKEN, &[FORM], form.as_bytes()).await.unwrap();
    (answer.status, answer.json())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

struct App {
    key: KeyPair,
}

impl App {
    fn new() -> Self {
        Self { key: KeyPair::generate(KeySize::Rsa2048).unwrap() }
    }

    fn public_pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = self.key.public_key().as_der().unwrap();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref()))
    }

    fn assertion(&self, claims: &Json) -> String {
        let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&json!({ "alg": "RS256" })), part(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        self.key
            .sign(&aws_lc_rs::signature::RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature)
            .unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn jwt_form(assertion: &str) -> String {
    format!("grant_type={}&assertion={assertion}", escape("urn:ietf:params:oauth:grant-type:jwt-bearer"))
}

#[tokio::test]
async fn a_signed_assertion_is_worth_a_session() {
    let client = Client::start().await;
    let app = App::new();
    client.server.register_jwt_app("3MVGapp", &app.public_pem(), "sync@acme.example").unwrap();
    let claims = |exp: Json| json!({ "iss": "3MVGapp", "sub": "sync@acme.example", "aud": "https://login.salesforce.com", "exp": exp });
    let (status, body) = token(&client, &jwt_form(&app.assertion(&claims(json!(now() + 180))))).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(body["instance_url"], client.server.url());
    assert!(
        body["id"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{}/id/00D5g000004XyZEA2/005", client.server.url()))
    );
    let access = body["access_token"].as_str().unwrap();
    assert!(access.starts_with("00D5g000004XyZE!AQ"));
    assert_eq!(access.len(), 112);
    assert_eq!(client.server.tokens_minted().last().unwrap(), access);
    let bearer = format!("Bearer {access}");
    let answer =
        client.bare("GET", "/services/data/v60.0/limits", &[("authorization", &bearer)], b"").await.unwrap();
    assert_eq!(answer.status, 200);
    let text = claims(json!((now() + 180).to_string()));
    assert_eq!(token(&client, &jwt_form(&app.assertion(&text))).await.0, 200, "exp as text");
}

#[tokio::test]
async fn assertions_that_are_not_right_are_refused() {
    let client = Client::start().await;
    let (app, other) = (App::new(), App::new());
    client.server.register_jwt_app("3MVGapp", &app.public_pem(), "sync@acme.example").unwrap();
    let right = json!({ "iss": "3MVGapp", "sub": "sync@acme.example", "aud": client.server.url(), "exp": now() + 60 });
    let with = |name: &str, value: Json| {
        let mut claims = right.clone();
        claims[name] = value;
        claims
    };
    for (assertion, error, description) in [
        (other.assertion(&right), "invalid_grant", "invalid assertion"),
        (
            app.assertion(&with("sub", json!("else@acme.example"))),
            "invalid_grant",
            "user hasn't approved this consumer",
        ),
        (app.assertion(&with("aud", json!("https://elsewhere"))), "invalid_grant", "audience is invalid"),
        (app.assertion(&with("exp", json!(now() - 5))), "invalid_grant", "expired authorization code"),
        (app.assertion(&with("iss", json!("3MVGelse"))), "invalid_client_id", "client identifier invalid"),
        ("nonsense".to_owned(), "invalid_grant", "invalid assertion"),
    ] {
        let (status, body) = token(&client, &jwt_form(&assertion)).await;
        assert_eq!(
            (status, &body["error"], &body["error_description"]),
            (400, &json!(error), &json!(description))
        );
    }
    assert_eq!(token(&client, &jwt_form(&app.assertion(&right))).await.0, 200);
}

#[tokio::test]
async fn client_credentials_come_in_the_form_or_in_basic() {
    let client = Client::start().await;
    client.server.register_client_credentials("id", "secret");
    let (status, body) =
        token(&client, "grant_type=client_credentials&client_id=id&client_secret=secret").await;
    assert_eq!(status, 200);
    let signed = format!("{}{}", body["id"].as_str().unwrap(), body["issued_at"].as_str().unwrap());
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"secret");
    let signature = STANDARD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()));
    assert_eq!(body["signature"], signature);
    let basic = format!("Basic {}", STANDARD.encode("id:secret"));
    let headers = [FORM, ("authorization", basic.as_str())];
    let answer = client.bare("POST", TOKEN, &headers, b"grant_type=client_credentials").await.unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(client.server.requests().last().unwrap().credentials[0].carrier, Carrier::Basic);
    let wrong = token(&client, "grant_type=client_credentials&client_id=id&client_secret=no").await;
    assert_eq!((wrong.0, &wrong.1["error"]), (400, &json!("invalid_client")));
}

#[tokio::test]
async fn refresh_tokens_rotate_only_when_told_to() {
    let client = Client::start().await;
    client.server.register_refresh("id", "5Aep-first", "sync@acme.example");
    let form = |token: &str| format!("grant_type=refresh_token&client_id=id&refresh_token={token}");
    let (status, body) = token(&client, &form("5Aep-first")).await;
    assert_eq!((status, body.get("refresh_token")), (200, None));
    client.server.rotate_refresh_tokens(true);
    let (_, body) = token(&client, &form("5Aep-first")).await;
    let next = body["refresh_token"].as_str().unwrap().to_owned();
    let (status, body) = token(&client, &form(&next)).await;
    assert_eq!(status, 200);
    let (access, newest) = (body["access_token"].clone(), body["refresh_token"].as_str().unwrap().to_owned());
    assert_eq!(client.server.refresh_tokens_reused(), 0);

    // What was rotated away comes again: all of its approval ends, and nothing else.
    client.server.register_refresh("id", "5Aep-other", "sync@acme.example");
    assert_eq!(token(&client, &form("5Aep-first")).await.0, 400);
    assert_eq!(client.server.refresh_tokens_reused(), 1);
    assert_eq!(token(&client, &form(&newest)).await.0, 400);
    assert!(!client.server.live_sessions().iter().any(|live| access == json!(live)));
    assert_eq!(token(&client, &form("5Aep-other")).await.0, 200);
}

#[tokio::test]
async fn a_refresh_token_is_introspected_without_being_spent() {
    let client = Client::start().await;
    client.server.register_client_credentials("id", "secret");
    client.server.register_refresh("id", "5Aep-first", "sync@acme.example");
    client.server.rotate_refresh_tokens(true);
    for (token, active) in [("5Aep-first", true), ("5Aep-other", false), ("5Aep-first", true)] {
        let form = format!("token={token}&token_type_hint=refresh_token&client_id=id&client_secret=secret");
        let path = "/services/oauth2/introspect";
        let answer = client.bare("POST", path, &[FORM], form.as_bytes()).await.unwrap().json();
        assert_eq!(answer["active"], json!(active), "{token}");
    }
}

#[tokio::test]
async fn revoked_and_expired_sessions_end() {
    let client = Client::start().await;
    client.server.register_client_credentials("id", "secret");
    let introspect = format!("token={}&client_id=id&client_secret=secret", escape(&client.token));
    let path = "/services/oauth2/introspect";
    let active = client.bare("POST", path, &[FORM], introspect.as_bytes()).await.unwrap().json();
    assert_eq!((&active["active"], &active["username"]), (&json!(true), &json!("user0@acme.example")));
    let form = format!("token={}", escape(&client.token));
    let revoked = client.bare("POST", "/services/oauth2/revoke", &[FORM], form.as_bytes()).await.unwrap();
    assert_eq!(revoked.status, 200);
    let refused = client.get("/services/data/v60.0/limits").await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "INVALID_SESSION_ID"));
    let active = client.bare("POST", path, &[FORM], introspect.as_bytes()).await.unwrap().json();
    assert_eq!(active, json!({ "active": false }));
    client.server.set_session_lifetime(Duration::ZERO);
    let short = client.server.open_session("user1@acme.example");
    let bearer = format!("Bearer {short}");
    let answer = client.bare("GET", "/services/data/v60.0/limits", &[("authorization", &bearer)], b"").await;
    assert_eq!(answer.unwrap().status, 401);
}

#[tokio::test]
async fn userinfo_and_identity_name_the_user() {
    let client = Client::start().await;
    let info = client.get("/services/oauth2/userinfo").await.json();
    assert_eq!(info["preferred_username"], "user0@acme.example");
    let path = format!(
        "/id/00D5g000004XyZEA2/{}?format=json&oauth_token={}",
        info["user_id"].as_str().unwrap(),
        client.token
    );
    let identity = client.bare("GET", &path, &[], b"").await.unwrap();
    assert_eq!(identity.json()["username"], "user0@acme.example");
    let resources = client.get("/services/data/v60.0").await.json();
    assert_eq!(resources["identity"], identity.json()["id"]);
    assert_eq!(
        client.bare("GET", "/services/oauth2/userinfo", &[], b"").await.unwrap().text(),
        "Bad_OAuth_Token"
    );
}

#[tokio::test]
async fn every_carrier_of_a_session_works_and_is_recorded() {
    let client = Client::start().await;
    let token = client.token.as_str();
    let path = "/services/data/v60.0/limits";
    let in_query = format!("{path}?oauth_token={token}");
    let (bearer, oauth, cookie) =
        (format!("Bearer {token}"), format!("OAuth {token}"), format!("a=b; sid={token}"));
    for (path, headers, carrier) in [
        (path, vec![("authorization", bearer.as_str())], Carrier::Bearer),
        (path, vec![("authorization", oauth.as_str())], Carrier::OAuth),
        (path, vec![("x-sfdc-session", token)], Carrier::SessionHeader),
        (path, vec![("cookie", cookie.as_str())], Carrier::Cookie),
        (in_query.as_str(), vec![], Carrier::Query),
    ] {
        assert_eq!(client.bare("GET", path, &headers, b"").await.unwrap().status, 200, "{carrier:?}");
        let received = client.server.requests().pop().unwrap();
        assert_eq!(received.credentials[0].carrier, carrier);
        assert_eq!(received.credentials[0].token(), token);
        assert_eq!(received.username.as_deref(), Some("user0@acme.example"));
        assert!(!format!("{received:?}").contains(token));
    }
    let two = [("authorization", "Bearer gone"), ("cookie", cookie.as_str())];
    assert_eq!(
        client.bare("GET", path, &two, b"").await.unwrap().status,
        200,
        "a second credential is tried"
    );
}

#[tokio::test]
async fn a_client_certificate_can_be_demanded() {
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::new(Vec::new()).unwrap();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let ca_pem = ca.self_signed(&ca_key).unwrap().pem();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf =
        rcgen::CertificateParams::new(vec!["proxy".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let client = Client::over(Org::builder().require_client_certificate(&ca_pem).build()).await;
    assert!(client.bare("GET", "/services/data", &[], b"").await.is_err());
    let client = client.with_certificate(&leaf.pem(), &key.serialize_pem());
    assert_eq!(client.bare("GET", "/services/data", &[], b"").await.unwrap().status, 200);
    assert!(client.server.requests()[0].client_certificate);
}
