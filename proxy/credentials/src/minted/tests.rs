//! What is believed of a token endpoint's answer.

use forcefield_config::config::OrgUrl;
use forcefield_policy::id::RecordId;
use serde_json::{Value, json};

use super::*;

fn org() -> Org {
    Org {
        name: "production".into(),
        url: OrgUrl { host: "acme.my.salesforce.com".into(), port: 8443 },
        id: "00D5g000004XyZE".into(),
        environment: "production".into(),
        api_versions: "58.0-68.0".parse().unwrap(),
        ca: None,
        client_certificate: None,
        https_proxy: None,
        audience: None,
    }
}

fn good() -> Value {
    json!({
        "access_token": "00D5g000004XyZE!AQ8AQ.abcdefghijklmnopqrstuvwxyz",
        "instance_url": "https://acme.my.salesforce.com",
        "id": "https://login.salesforce.com/id/00D5g000004XyZEUA0/0055f00000QrStUAAV",
        "scope": "api", "token_type": "Bearer", "issued_at": "1731000000000", "new_member": [1],
    })
}

fn check(change: impl FnOnce(&mut Value)) -> Result<(), String> {
    let mut answer = good();
    change(&mut answer);
    let answer = FetchAnswer { status: 200, body: answer.to_string().into_bytes().into() };
    Minted::read(&answer).and_then(|minted| minted.check(&org())).map_err(|problem| format!("{problem:?}"))
}

#[test]
fn a_token_of_the_org_is_taken() {
    let id = RecordId::parse("00D5g000004XyZE").unwrap().to_string();
    let url = format!("https://login.salesforce.com/id/{id}/0055f00000QrStU");
    assert_eq!(check(|answer| answer["id"] = url.into()), Ok(()));
    assert_eq!(check(|answer| answer["id"] = "https://x/id/00D5g000004XyZE/0055f00000QrStU".into()), Ok(()));
}

#[test]
fn a_token_of_another_org_host_or_width_is_not() {
    let plain = "https://x/id/00D5g000004XyZE/0055f00000QrStU";
    let with = |key: &'static str, value: &str| {
        let value = Value::from(value);
        check(move |answer| {
            answer["id"] = plain.into();
            answer[key] = value;
        })
    };
    assert_eq!(with("id", "https://x/id/00D5g000004XyZF/0055f00000QrStU"), Err("OtherOrg".into()));
    assert_eq!(with("id", "https://x/id/00D5g000004XyZE/"), Err("OtherOrg".into()));
    assert_eq!(with("id", "00D5g000004XyZE"), Err("OtherOrg".into()));
    assert_eq!(with("access_token", "00D5g000004XyZF!AQ8AQ.abcdefghijklm"), Err("OtherOrg".into()));
    assert_eq!(with("access_token", "no-organisation-in-front-of-it"), Err("OtherOrg".into()));
    for url in [
        "http://acme.my.salesforce.com",
        "https://acme.my.salesforce.com.evil.example",
        "https://acme.my.salesforce.com@evil.example",
        "https://evil.example/acme.my.salesforce.com",
        "https://evil.example\\.acme.my.salesforce.com",
        "",
    ] {
        assert_eq!(with("instance_url", url), Err("OtherHost".into()), "{url}");
    }
    assert_eq!(with("scope", "api full"), Err("TooWide".into()));
}

#[test]
fn what_is_not_an_answer_of_a_token_endpoint_is_refused_without_being_repeated() {
    for body in ["<html>hunter2</html>", "", "[]", r#"{"access_token":"00D5g000004XyZE!hunter2hunter2"}"#] {
        let answer = FetchAnswer { status: 200, body: body.as_bytes().to_vec().into() };
        let problem = Minted::read(&answer).unwrap_err();
        assert!(matches!(problem, Problem::Unreadable(_)));
        assert!(!format!("{problem} {problem:?} {answer:?}").contains("hunter2"));
    }
    for token in [
        "00D5g000004XyZE!</sessionId><x>",
        "00D5g000004XyZE!a\r\nHost: evil",
        "00D!",
        "00D5g000004XyZE!\u{e9}aaaaaaaaaaaa",
    ] {
        assert!(check(|answer| answer["access_token"] = token.into()).unwrap_err().contains("Unreadable"));
    }
}

#[test]
fn a_refusal_gives_its_code_and_nothing_else() {
    let read = |status, body: &str| {
        let answer = FetchAnswer { status, body: body.as_bytes().to_vec().into() };
        Minted::read(&answer).unwrap_err()
    };
    let problem = read(400, r#"{"error":"invalid_grant","error_description":"hunter2"}"#);
    assert_eq!(problem.to_string(), "the org's login refused with `invalid_grant` (status 400)");
    assert!(!problem.is_passing());
    for body in [r#"{"error":"Hunter2 was wrong"}"#, "<html>hunter2</html>", r#"{"error":""}"#] {
        assert_eq!(read(503, body).to_string(), "the org's login refused with `unknown_error` (status 503)");
    }
    assert!(read(503, "").is_passing() && read(429, "").is_passing());
}

#[test]
fn a_lifetime_comes_from_the_answer_or_from_a_jwt() {
    let mut answer = good();
    answer["expires_in"] = 1_800.into();
    let read = |answer: &Value| {
        Minted::read(&FetchAnswer { status: 200, body: answer.to_string().into_bytes().into() }).unwrap()
    };
    assert_eq!(read(&answer).lifetime, Some(Duration::from_secs(1_800)));
    assert_eq!(read(&good()).lifetime, None);
    let claims = URL_SAFE_NO_PAD.encode(r#"{"iat":1000,"exp":1600,"scp":"api"}"#);
    let mut jwt = good();
    jwt["access_token"] = format!("eyJhbGciOiJSUzI1NiJ9.{claims}.c2ln").into();
    assert_eq!(read(&jwt).lifetime, Some(Duration::from_secs(600)));
}
