//! The login endpoints, as stock clients use them.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forcefield_identity::{Carriers, LoginProblem, Peer, Route, SoapBody};
use serde_json::{Value, json};

use crate::world::{
    ORG, SPIFFE, SUBJECT, World, after, body, certificate, jwks, name, now, peer, peer_with, refusal, sign,
    text,
};

const HOME: &str = "10.20.0.7";
const CREDENTIALS: &str = "grant_type=client_credentials&client_id=billing&client_secret=s3cret";

#[test]
fn client_credentials_give_every_member_of_salesforces_answer() {
    let world = World::new();
    let login = world.token(&peer(HOME), CREDENTIALS);
    assert_eq!(
        (login.what, login.identity.as_ref()),
        ("token client_credentials", Some(&name("billing-sync")))
    );
    let answer = body(&login);
    let token = text(&answer, "access_token");
    assert!(token.starts_with(&format!("{ORG}!")));
    assert!(text(&answer, "refresh_token").starts_with("5Aep"));
    assert_eq!(answer["instance_url"], "https://sf.corp.example:8443");
    assert_eq!((&answer["token_type"], &answer["scope"]), (&json!("Bearer"), &json!("refresh_token api")));
    assert_eq!(answer["issued_at"], now().as_millisecond().to_string());
    let id = text(&answer, "id");
    let (rest, user) = id.rsplit_once('/').unwrap();
    let (rest, org) = rest.rsplit_once('/').unwrap();
    assert_eq!((rest, &org[..15], org.len(), user.len()), ("https://sf.corp.example:8443/id", ORG, 18, 18));

    // django-salesforce computes the signature with the secret that it holds.
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"s3cret");
    let signature = hmac::sign(&key, format!("{id}{}", text(&answer, "issued_at")).as_bytes());
    assert_eq!(answer["signature"], STANDARD.encode(signature));
    let headers = &login.answer.headers;
    assert!(headers.contains(&("cache-control", "no-store".to_owned())));
    assert_eq!(world.call(&peer(HOME), &token, now()), Ok("billing-sync".into()));
}

#[test]
fn a_client_on_port_443_is_told_no_port() {
    let world = World::new();
    let by = Peer::new(HOME.parse().unwrap(), None, "sf.corp.example:443").unwrap();
    assert_eq!(body(&world.token(&by, CREDENTIALS))["instance_url"], "https://sf.corp.example");
}

#[test]
fn a_client_shows_its_secret_in_the_form_or_in_basic() {
    let world = World::new();
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let ask = |form: &str, authorization: &str| {
        world.token_at(
            &peer(HOME),
            &format!("grant_type=client_credentials{form}"),
            Some(authorization),
            now(),
        )
    };
    assert_eq!(ask("", &basic("billing:s3cret")).answer.status, 200);
    assert_eq!(ask("&client_id=billing", &basic("billing:s3cret")).answer.status, 200);
    // A new secret beside the old one.
    assert_eq!(ask("", &basic("billing:n3xt")).answer.status, 200);
    // nforce sends this with the form.
    assert_eq!(ask("&client_id=billing&client_secret=s3cret", "OAuth oauth_nonce=\"x\"").answer.status, 200);

    let wrong = ask("", &basic("billing:wrong"));
    assert_eq!(refusal(&wrong), (401, "invalid_client".into()));
    assert!(wrong.answer.headers.iter().any(|(name, _)| *name == "www-authenticate"));
    assert_eq!(
        refusal(&ask("&client_id=reporting", &basic("billing:s3cret"))),
        (400, "invalid_request".into())
    );
    assert_eq!(refusal(&ask("", "Basic !")), (400, "invalid_request".into()));
}

#[test]
fn an_unknown_client_and_a_wrong_secret_get_the_same_answer() {
    let world = World::new();
    let ask = |form: &str| world.token(&peer(HOME), form);
    let wrong = ask("grant_type=client_credentials&client_id=billing&client_secret=wrong");
    let unknown = ask("grant_type=client_credentials&client_id=nobody&client_secret=s3cret");
    assert_eq!(refusal(&wrong), (400, "invalid_client".into()));
    assert_eq!(wrong.answer.body, unknown.answer.body);
    assert_eq!(wrong.problem, unknown.problem);
    for form in ["grant_type=client_credentials", "grant_type=client_credentials&client_id=billing"] {
        assert_eq!(refusal(&ask(form)), (400, "invalid_client".into()));
    }
    let long = "x".repeat(100_000);
    assert!(
        ask(&format!("grant_type=client_credentials&client_id=billing&client_secret={long}"))
            .problem
            .is_some()
    );
}

#[test]
fn a_certificate_stands_in_for_the_secret() {
    let world = World::new();
    let own = peer_with(HOME, &certificate(SPIFFE));
    for form in ["", "&client_id=billing", "&client_id=billing-sync"] {
        let login = world.token(&own, &format!("grant_type=client_credentials{form}"));
        assert_eq!(login.answer.status, 200, "{form}");
    }
    let other = world.token(&own, "grant_type=client_credentials&client_id=reporting");
    assert_eq!(refusal(&other), (400, "invalid_client".into()));
    let stolen = world.token(&own, "grant_type=client_credentials&client_id=reporting&client_secret=r3port");
    assert_eq!(refusal(&stolen), (400, "invalid_grant".into()));
}

#[test]
fn other_grants_and_unreadable_requests_are_refused_in_the_words_of_the_standard() {
    let world = World::new();
    let ask = |form: &str| refusal(&world.token(&peer(HOME), form));
    assert_eq!(ask("grant_type=authorization_code&code=x"), (400, "unsupported_grant_type".into()));
    assert_eq!(ask(""), (400, "invalid_request".into()));
    assert_eq!(ask("grant_type=password&username=a"), (400, "invalid_request".into()));
    let form = forcefield_identity::Form::parse(CREDENTIALS.as_bytes()).unwrap();
    let request = forcefield_identity::LoginRequest {
        method: "GET",
        form: &form,
        carriers: Carriers::default(),
        peer: &peer(HOME),
        now: now(),
    };
    assert_eq!(
        refusal(&world.logins.answer(&world.identities, &Route::Token, &request)),
        (400, "invalid_request".into())
    );
}

#[test]
fn networks_and_last_day_hold_at_the_login_too() {
    let mut world = World::new();
    let away = world.token(&peer("10.99.0.1"), CREDENTIALS);
    assert_eq!(refusal(&away), (400, "invalid_grant".into()));
    assert_eq!(away.identity, Some(name("billing-sync")));
    assert_eq!(away.problem.unwrap().to_string(), "`billing-sync` may not call from this network");
    world.identity("billing-sync", |identity| identity.expires = "2026-11-24".parse().unwrap());
    assert_eq!(refusal(&world.token(&peer(HOME), CREDENTIALS)), (400, "invalid_grant".into()));
    // Whoever has not proven who it is does not learn any of this.
    let wrong =
        world.token(&peer("10.99.0.1"), "grant_type=client_credentials&client_id=billing&client_secret=x");
    assert_eq!(refusal(&wrong), (400, "invalid_client".into()));
}

#[test]
fn guessing_is_slowed_and_the_rightful_client_elsewhere_is_not() {
    let world = World::new();
    let wrong = "grant_type=client_credentials&client_id=billing&client_secret=wrong";
    let statuses: Vec<u16> = (0..8).map(|_| world.token(&peer("10.20.6.6"), wrong).answer.status).collect();
    assert_eq!(statuses, [400, 400, 400, 400, 400, 429, 429, 429]);
    let slowed = world.token(&peer("10.20.6.6"), CREDENTIALS);
    assert_eq!(refusal(&slowed), (429, "rate_limit_exceeded".into()));
    assert!(slowed.answer.headers.contains(&("retry-after", "10".to_owned())));
    assert!(matches!(slowed.problem, Some(LoginProblem::TooManyAttempts { .. })));
    assert_eq!(world.token(&peer(HOME), CREDENTIALS).answer.status, 200);
    assert_eq!(world.token_at(&peer("10.20.6.6"), CREDENTIALS, None, after(11)).answer.status, 200);
    // Those who know the secret may log in as often as they like.
    assert!((0..200).all(|_| world.token(&peer(HOME), CREDENTIALS).answer.status == 200));
}

#[test]
fn a_password_proves_with_the_security_token_behind_it() {
    let world = World::new();
    let ask = |rest: &str| world.token(&peer(HOME), &format!("grant_type=password&{rest}"));
    let user = "username=sync%40corp.example&password=p4ss%2Btoken";
    // A connected app of before, which means nothing here; its secret signs the answer.
    let answer = body(&ask(&format!("{user}&client_id=3MVG9.old&client_secret=old")));
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"old");
    let signed = format!("{}{}", text(&answer, "id"), text(&answer, "issued_at"));
    assert_eq!(answer["signature"], STANDARD.encode(hmac::sign(&key, signed.as_bytes())));
    assert_eq!(ask(&format!("{user}&client_id=billing&client_secret=s3cret")).answer.status, 200);
    assert_eq!(
        refusal(&ask(&format!("{user}&client_id=billing&client_secret=x"))),
        (400, "invalid_client".into())
    );
    assert_eq!(ask("username=billing&password=s3cret").answer.status, 200);
    for wrong in ["username=sync%40corp.example&password=p4ss", "username=nobody&password=p4ss%2Btoken"] {
        assert_eq!(refusal(&ask(wrong)), (400, "invalid_grant".into()));
    }
}

#[test]
fn assertions_are_taken_as_real_sdks_send_them() {
    let world = World::new();
    let key =
        aws_lc_rs::signature::EcdsaKeyPair::generate(&aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING)
            .unwrap();
    world.keys.replace("sdk", jwks(&key, "k").to_string().as_bytes()).unwrap();
    let second = now().as_second();
    let ask = |aud: &str, exp: Value, more: Value| {
        let mut claims = json!({ "iss": "3MVG9.app", "sub": "sync@corp.example", "aud": aud, "exp": exp });
        for (key, value) in more.as_object().unwrap() {
            claims[key] = value.clone();
        }
        let assertion = sign(&key, &json!({ "alg": "ES256" }), &claims);
        let form =
            format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={assertion}");
        world.token(&peer(HOME), &form)
    };
    for (aud, exp, more) in [
        ("https://login.salesforce.com", json!((second + 180).to_string()), json!({})),
        ("https://test.salesforce.com", json!(second + 300), json!({})),
        ("https://sf.corp.example:8443/", json!(now().as_millisecond() + 300), json!({ "iat": second })),
        ("https://login.salesforce.com/", json!(second), json!({})),
        ("https://SF.corp.example:8443/services/oauth2/token", json!(second + 60), json!({})),
        ("forcefield", json!(second + 60), json!({})),
    ] {
        let login = ask(aud, exp, more);
        let answer = body(&login);
        assert_eq!(login.what, "token jwt-bearer");
        assert!(answer.get("refresh_token").is_none() && answer.get("signature").is_some());
    }
    for (aud, exp, more) in [
        ("https://evil.example", json!(second + 60), json!({})),
        ("https://login.salesforce.com.evil.example", json!(second + 60), json!({})),
        ("https://login.salesforce.com", json!(second - 301), json!({})),
        ("https://login.salesforce.com", json!(second + 3_600), json!({})),
        ("https://login.salesforce.com", json!("soon"), json!({})),
        ("https://login.salesforce.com", json!(second + 60), json!({ "iss": "3MVG9.other" })),
        ("https://login.salesforce.com", json!(second + 60), json!({ "sub": "other@corp.example" })),
    ] {
        assert_eq!(refusal(&ask(aud, exp, more)), (400, "invalid_grant".into()));
    }
}

#[test]
fn a_workload_jwt_is_exchanged_for_a_token() {
    let world = World::new();
    let ask = |jwt: &str, kind: &str| {
        let form = format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token={jwt}&\
             subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3A{kind}"
        );
        world.token(&peer(HOME), &form)
    };
    let answer = body(&ask(&world.jwt(json!({})), "jwt"));
    assert_eq!(answer["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!(world.call(&peer(HOME), &text(&answer, "access_token"), now()), Ok("billing-sync".into()));
    assert_eq!(refusal(&ask(&world.jwt(json!({})), "saml2")), (400, "invalid_request".into()));
    assert_eq!(refusal(&ask(&world.jwt(json!({ "aud": "x" })), "jwt")), (400, "invalid_grant".into()));
    assert_eq!(refusal(&ask("00D!x", "access_token")), (400, "invalid_grant".into()));

    let form = format!(
        "grant_type=client_credentials&client_assertion={}&client_assertion_type=\
         urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer",
        world.jwt(json!({ "sub": SUBJECT }))
    );
    assert_eq!(world.token(&peer(HOME), &form).answer.status, 200);
}

#[test]
fn a_refresh_token_gives_new_tokens_to_the_client_it_was_issued_to() {
    let world = World::new();
    let (access, refresh) = world.log_in("10.0.0.1");
    let ask = |address: &str, rest: &str| {
        world.token(&peer(address), &format!("grant_type=refresh_token&refresh_token={refresh}{rest}"))
    };
    let own = "&client_id=reporting&client_secret=r3port";
    let answer = body(&ask("10.0.0.1", own));
    assert!(answer.get("refresh_token").is_none(), "it is not rotated: some clients keep the first for ever");
    let renewed = text(&answer, "access_token");
    assert_ne!(renewed, access);
    assert_eq!(ask("10.0.0.1", own).answer.status, 200);

    assert_eq!(refusal(&ask("10.0.0.2", own)), (400, "invalid_grant".into()));
    assert_eq!(refusal(&ask("10.0.0.1", "")), (400, "invalid_grant".into()));
    assert_eq!(
        refusal(&ask("10.0.0.1", "&client_id=reporting&client_secret=x")),
        (400, "invalid_client".into())
    );
    assert_eq!(
        refusal(&ask("10.0.0.1", "&client_id=billing&client_secret=s3cret")),
        (400, "invalid_grant".into())
    );
    let wrong =
        world.token(&peer("10.0.0.1"), &format!("grant_type=refresh_token&refresh_token={access}{own}"));
    assert_eq!(refusal(&wrong), (400, "invalid_grant".into()));

    // Revoking it ends what came from it.
    let revoke = |token: &str| {
        world.ask(Route::Revoke, &peer("10.0.0.1"), &format!("token={token}"), (Carriers::default(), now()))
    };
    assert_eq!(revoke(&refresh).answer.status, 200);
    assert_eq!(refusal(&ask("10.0.0.1", own)), (400, "invalid_grant".into()));
    for token in [&access, &renewed] {
        assert_eq!(world.call(&peer("10.0.0.1"), token, now()), Err("401 the token was revoked".into()));
    }
    assert_eq!(refusal(&revoke("unknown")), (400, "unsupported_token_type".into()));
}

#[test]
fn introspection_tells_a_client_about_its_own_tokens_only() {
    let world = World::new();
    let (token, _) = world.log_in("10.0.0.1");
    let ask = |client: &str, at| {
        let form = format!("token={token}{client}");
        world.ask(Route::Introspect, &peer(HOME), &form, (Carriers::default(), at))
    };
    let own = "&client_id=reporting&client_secret=r3port";
    let answer = body(&ask(own, now()));
    assert_eq!((&answer["active"], &answer["client_id"]), (&json!(true), &json!("reporting")));
    assert_eq!(answer["exp"], now().as_second() + 1_800);
    let inactive = json!({ "active": false });
    assert_eq!(body(&ask("&client_id=billing&client_secret=s3cret", now())), inactive);
    assert_eq!(body(&ask(own, after(1_800))), inactive);
    assert_eq!(refusal(&ask("", now())), (400, "invalid_client".into()));
}

#[test]
fn documents_about_the_user_are_on_the_host_that_the_client_used() {
    let world = World::new();
    let (token, _) = world.log_in("10.0.0.1");
    let home = peer("10.0.0.1");
    let bearer = format!("Bearer {token}");
    let carriers = Carriers { authorization: Some(&bearer), ..Carriers::default() };
    let info = body(&world.ask(Route::Userinfo, &home, "", (carriers, now())));
    let url = text(&info, "sub");
    assert_eq!(text(&info, "preferred_username"), "reporting@forcefield.invalid");
    let path = url.strip_prefix("https://sf.corp.example:8443").unwrap();

    let by_query = Carriers { oauth_token: Some(&token), ..carriers };
    let document = body(&world.ask(Route::of(path).unwrap(), &home, "format=json", (by_query, now())));
    assert_eq!(text(&document, "id"), url);
    assert_eq!(document["organization_id"].as_str().unwrap()[..15], *ORG);
    for url in document["urls"].as_object().unwrap().values() {
        assert!(url.as_str().unwrap().starts_with("https://sf.corp.example:8443"));
    }
    let other = Route::of(&format!("/id/{ORG}/0055f00000QrStU")).unwrap();
    assert_eq!(world.ask(other, &home, "", (carriers, now())).answer.status, 404);

    let caller = world.identities.identify(&home, &carriers, now()).unwrap();
    let user = text(&info, "user_id");
    let record = world.logins.own_user(&world.identities, &caller, &home, ("v51.0", &user)).unwrap();
    assert!(record.body.contains("reporting@forcefield.invalid"));
    assert!(world.logins.own_user(&world.identities, &caller, &home, ("v51.0", "0055f00000QrStU")).is_none());

    let dead = Carriers { authorization: Some("Bearer 00D!dead"), ..Carriers::default() };
    let refused = world.ask(Route::Userinfo, &home, "", (dead, now()));
    assert_eq!((refused.answer.status, refused.answer.body.as_str()), (403, "Bad_OAuth_Token"));
}

#[test]
fn only_login_paths_are_answered() {
    assert_eq!(Route::of("/services/oauth2/token"), Some(Route::Token));
    for path in [
        "/services/oauth2/authorize",
        "/services/oauth2/singleaccess",
        "/services/oauth2/token/",
        "/id/a/b",
        "/",
    ] {
        assert_eq!(Route::of(path), None, "{path}");
    }
}

fn soap(world: &World, path: &str, call: &str, session: Option<&str>, peer: &Peer) -> (u16, String) {
    let session = session.map(|id| format!("<SessionHeader><sessionId>{id}</sessionId></SessionHeader>"));
    let envelope = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>{}</s:Header>\
         <s:Body>{call}</s:Body></s:Envelope>",
        session.unwrap_or_default()
    );
    let body = SoapBody::parse(envelope.as_bytes()).unwrap();
    let login = world.logins.soap(&world.identities, (path, &body), &Carriers::default(), (peer, now()));
    let answer = login.unwrap().answer;
    (answer.status, answer.body)
}

fn between<'a>(text: &'a str, tag: &str) -> &'a str {
    text.split_once(&format!("<{tag}>")).unwrap().1.split_once(&format!("</{tag}>")).unwrap().0
}

#[test]
fn soap_logins_are_answered_in_the_dialect_of_their_endpoint() {
    let world = World::new();
    let login = "<login><username>sync@corp.example</username><password>p4ss+token</password></login>";
    for (path, dialect, letter) in [
        ("/services/Soap/u/62.0", "urn:partner.soap.sforce.com", 'u'),
        ("/services/Soap/c/62.0/00D5g000004XyZE", "urn:enterprise.soap.sforce.com", 'c'),
    ] {
        let (status, answer) = soap(&world, path, login, None, &peer(HOME));
        assert_eq!(status, 200);
        assert!(answer.contains(dialect));
        let url = format!("https://sf.corp.example:8443/services/Soap/{letter}/62.0/{ORG}");
        assert_eq!(between(&answer, "serverUrl"), url);
        assert_eq!(&between(&answer, "organizationId")[..15], ORG);
        assert_eq!(between(&answer, "sessionSecondsValid"), "1800");
        assert_eq!(between(&answer, "accessibilityMode"), "false");
        let session = between(&answer, "sessionId");
        assert_eq!(world.call(&peer(HOME), session, now()), Ok("billing-sync".into()));

        let (status, info) = soap(&world, path, "<getUserInfo/>", Some(session), &peer(HOME));
        assert_eq!((status, between(&info, "userId")), (200, between(&answer, "userId")));
        assert_eq!(soap(&world, path, "<logout/>", Some(session), &peer(HOME)).0, 200);
        assert!(world.call(&peer(HOME), session, now()).is_err());
        let (status, fault) = soap(&world, path, "<getUserInfo/>", Some(session), &peer(HOME));
        assert_eq!((status, between(&fault, "faultcode")), (500, "sf:INVALID_SESSION_ID"));
    }
}

#[test]
fn a_failed_soap_login_is_a_fault() {
    let world = World::new();
    let login = "<login><username>sync@corp.example</username><password>wrong</password></login>";
    let (status, fault) = soap(&world, "/services/Soap/u/62.0", login, None, &peer(HOME));
    assert_eq!((status, between(&fault, "faultcode")), (500, "INVALID_LOGIN"));
    assert_eq!(between(&fault, "sf:exceptionCode"), "INVALID_LOGIN");
    let login = "<login><username>billing</username><password>s3cret</password></login>";
    let (_, fault) = soap(&world, "/services/Soap/u/62.0", login, None, &peer("10.99.0.1"));
    assert_eq!(between(&fault, "sf:exceptionCode"), "LOGIN_DURING_RESTRICTED_DOMAIN");
    assert_eq!(soap(&world, "/services/Soap/u/v44.0", login, None, &peer(HOME)).0, 200);
}

#[test]
fn other_soap_calls_and_endpoints_are_not_answered_here() {
    let world = World::new();
    let ask = |path: &str, call: &str| {
        let body = format!("<Envelope><Body>{call}</Body></Envelope>");
        let body = SoapBody::parse(body.as_bytes()).unwrap();
        world.logins.soap(&world.identities, (path, &body), &Carriers::default(), (&peer(HOME), now()))
    };
    assert!(ask("/services/Soap/u/62.0", "<query/>").is_none());
    for path in [
        "/services/Soap/m/62.0",
        "/services/Soap/u/",
        "/services/Soap/u/62.0/a/b",
        "/services/Soap/u/a&amp;b",
    ] {
        assert!(ask(path, "<login/>").is_none(), "{path}");
    }
}
