//! Who is calling: what proves it, what does not, and what stolen proofs are worth.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::string_slice, reason = "test code")]

mod jwts;
mod logins;
mod sessions;
mod world;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forcefield_identity::{Carriers, InvalidKeySet, Peer};
use serde_json::json;
use world::{SPIFFE, SUBJECT, World, after, certificate, jwks, name, now, peer, peer_with, sign};

const HOME: &str = "10.20.0.7";

#[test]
fn a_certificate_proves_who_is_calling() {
    let world = World::new();
    let own = peer_with(HOME, &certificate(SPIFFE));
    assert_eq!(world.calls(&own, Carriers::default(), now()), Ok("billing-sync".into()));
    let caller = world.identities.identify(&own, &Carriers::default(), now()).unwrap();
    assert_eq!(caller.certificate.unwrap().spiffe_id(), Some(SPIFFE));

    let other = peer_with(HOME, &certificate("spiffe://corp.example/ns/billing/sa/sync2"));
    assert!(world.calls(&other, Carriers::default(), now()).unwrap_err().starts_with("401 no identity has"));
    assert_eq!(
        world.calls(&peer(HOME), Carriers::default(), now()),
        Err("401 the request carries no credential".into())
    );
    // The connection outlives the certificate.
    let later = "2027-01-02T00:00:00Z".parse().unwrap();
    assert!(world.calls(&own, Carriers::default(), later).unwrap_err().contains("has expired"));
}

#[test]
fn a_workload_jwt_proves_who_is_calling() {
    let world = World::new();
    assert_eq!(world.call(&peer(HOME), &world.jwt(json!({})), now()), Ok("billing-sync".into()));
    let several = json!({ "aud": ["other", "forcefield"], "exp": now().as_second() as f64 + 60.5 });
    assert_eq!(world.call(&peer(HOME), &world.jwt(several), now()), Ok("billing-sync".into()));
}

#[test]
fn a_jwt_that_says_something_else_is_not_believed() {
    let world = World::new();
    let refused = |claims| world.call(&peer(HOME), &world.jwt(claims), now()).unwrap_err();
    let second = now().as_second();
    for (claims, reason) in [
        (json!({ "aud": "other" }), "for another audience"),
        (json!({ "aud": [] }), "for another audience"),
        (json!({ "aud": "https://sf.corp.example:8443" }), "for another audience"),
        (json!({ "iss": "https://token.actions.example/" }), "issuer is not configured"),
        (json!({ "iss": "3MVG9.app" }), "keys of its issuer have not been loaded"),
        (json!({ "exp": second - 31 }), "it is expired"),
        (json!({ "exp": (second + 60).to_string() }), "not a JWT that can be read"),
        (json!({ "exp": null }), "not a JWT that can be read"),
        (json!({ "nbf": second + 31 }), "not valid yet"),
        (json!({ "iat": second + 31 }), "not valid yet"),
        (json!({ "sub": "repo:acme/billing:ref:refs/heads/other" }), "no identity has the subject"),
    ] {
        let error = refused(claims.clone());
        assert!(error.starts_with("401 ") && error.contains(reason), "{claims}: {error}");
    }
}

#[test]
fn a_jwt_signed_otherwise_is_forged() {
    let world = World::new();
    let good = world.jwt(json!({}));
    let claims = good.split('.').nth(1).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
    let other = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let none = format!(
        "{}.{}.",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"one"}"#),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    // HMAC with what everyone knows: the public key, and the symmetric key of the set.
    let hmac = |secret: &[u8], header: &str| {
        let message =
            format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes())))
    };
    let public = jwks(&world.github, "one").to_string();
    let (start, signature) = good.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    for (token, reason) in [
        (sign(&other, &json!({ "alg": "ES256", "kid": "one" }), &claims), "its signature is wrong"),
        (sign(&other, &json!({ "alg": "ES256" }), &claims), "its signature is wrong"),
        (sign(&world.github, &json!({ "alg": "ES256", "kid": "two" }), &claims), "no key with its key id"),
        (sign(&world.github, &json!({ "alg": "ES384", "kid": "one" }), &claims), "no key with its key id"),
        (sign(&world.github, &json!({ "alg": "RS256", "kid": "one" }), &claims), "no key with its key id"),
        (
            sign(&world.github, &json!({ "alg": "ES256", "kid": "one", "crit": ["b64"] }), &claims),
            "not a JWT that can be read",
        ),
        (none, "no key with its key id"),
        (hmac(public.as_bytes(), r#"{"alg":"HS256","kid":"one"}"#), "no key with its key id"),
        (hmac(b"secret", r#"{"alg":"HS256","kid":"hmac"}"#), "no key with its key id"),
        (
            hmac(public.as_bytes(), r#"{"alg":"ES256","kid":"one","alg":"HS256"}"#),
            "not a JWT that can be read",
        ),
        (format!("{start}.{flipped}{}", &signature[1..]), "its signature is wrong"),
        (format!("{start}."), "its signature is wrong"),
    ] {
        let error = world.call(&peer(HOME), &token, now()).unwrap_err();
        assert!(error.contains(reason), "{reason}: {error}");
    }
    // Without a key id any key of the issuer will do.
    assert!(
        world.call(&peer(HOME), &sign(&world.github, &json!({ "alg": "ES256" }), &claims), now()).is_ok()
    );
}

#[test]
fn rotated_keys_are_dropped_with_the_set_they_were_in() {
    let world = World::new();
    let token = world.jwt(json!({}));
    let next = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    assert_eq!(world.keys.replace("github", jwks(&next, "two").to_string().as_bytes()), Ok(1));
    assert!(world.call(&peer(HOME), &token, now()).is_err());
    for bad in [&b"<html>"[..], b"{}", br#"{"keys":{}}"#] {
        assert_eq!(world.keys.replace("github", bad), Err(InvalidKeySet::NotASet));
    }
    let useless = br#"{"keys":[{"kty":"oct","k":"AAAA"},{"kty":"RSA","n":"AQAB","e":"AQAB"},
        {"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"EC","crv":"P-256","use":"enc"},{}]}"#;
    assert_eq!(world.keys.replace("github", useless), Err(InvalidKeySet::NoKey));
    world.keys.remove("github");
    assert_eq!(world.keys.count("github"), 0);
}

#[test]
fn every_place_for_a_token_works_and_all_of_them_have_to_agree() {
    let world = World::new();
    let home = peer("10.0.0.1");
    let (token, _) = world.log_in("10.0.0.1");
    let bearer = format!("Bearer {token}");
    let oauth = format!("OAuth {token}");
    let none = Carriers::default();
    for carriers in [
        Carriers { authorization: Some(&oauth), ..none },
        Carriers { x_sfdc_session: Some(&token), ..none },
        Carriers { soap_session: Some(&token), ..none },
        Carriers { oauth_token: Some(&token), ..none },
        Carriers {
            authorization: Some(&bearer),
            x_sfdc_session: Some(&token),
            oauth_token: Some(&token),
            ..none
        },
    ] {
        assert_eq!(world.calls(&home, carriers, now()), Ok("reporting".into()));
    }
    let stolen = Carriers { authorization: Some(&bearer), x_sfdc_session: Some("00D!of.salesforce"), ..none };
    assert_eq!(world.calls(&home, stolen, now()), Err("401 the token is not one of ours".into()));
    let jwt = world.jwt(json!({}));
    let two = Carriers { authorization: Some(&bearer), x_sfdc_session: Some(&jwt), ..none };
    assert!(
        world
            .calls(&home, two, now())
            .unwrap_err()
            .starts_with("403 the credentials of the request are of diff")
    );
    for value in ["Basic cjpy", "Bearer", "Token x", "Bearer a, Bearer b"] {
        let carriers = Carriers { authorization: Some(value), ..none };
        assert!(
            world
                .calls(&home, carriers, now())
                .unwrap_err()
                .starts_with("401 the request carries a credential")
        );
    }
}

#[test]
fn a_certificate_and_a_token_have_to_be_of_the_same_identity() {
    let world = World::new();
    let (token, _) = world.log_in("10.20.0.7");
    let billing = peer_with(HOME, &certificate(SPIFFE));
    assert!(
        world.call(&billing, &token, now()).unwrap_err().starts_with("403 the credentials of the request")
    );
    // A certificate that means nothing to us, of a mesh perhaps, says nothing about who it is.
    let mesh = peer_with(HOME, &certificate("spiffe://mesh.example/sidecar"));
    assert_eq!(world.call(&mesh, &token, now()), Ok("reporting".into()));
}

#[test]
fn networks_host_and_last_day_hold_for_every_request() {
    let mut world = World::new();
    let own = certificate(SPIFFE);
    let away = peer_with("10.21.0.7", &own);
    assert_eq!(
        world.calls(&away, Carriers::default(), now()),
        Err("403 `billing-sync` may not call from this network".into())
    );
    assert!(world.calls(&peer_with("::ffff:10.20.0.7", &own), Carriers::default(), now()).is_ok());

    let vendor = certificate("spiffe://corp.example/vendor");
    let by = |host: &str| Peer::new([10, 0, 0, 1].into(), Some(vendor.clone()), host).unwrap();
    let call = |peer: &Peer| world.calls(peer, Carriers::default(), now());
    assert_eq!(call(&by("Vendor.sf.corp.example:8443")), Ok("vendor".into()));
    assert_eq!(call(&by("sf.corp.example")), Err("403 `vendor` may not call by this host name".into()));

    world.identity("billing-sync", |identity| identity.expires = "2026-11-25".parse().unwrap());
    let home = peer_with(HOME, &own);
    let (last, next) = ("2026-11-25T23:59:59Z".parse().unwrap(), "2026-11-26T00:00:00Z".parse().unwrap());
    assert!(world.calls(&home, Carriers::default(), last).is_ok());
    assert_eq!(world.calls(&home, Carriers::default(), next), Err("403 `billing-sync` has expired".into()));
}

#[test]
fn a_certificate_of_two_identities_needs_a_token_to_choose() {
    let mut world = World::new();
    world.identity("reporting", |identity| {
        let own = forcefield_config::config::CertificateMatch::Uri(SPIFFE.into());
        identity.authenticate.push(forcefield_config::config::Authenticate::Certificate(own));
    });
    let both = peer_with(HOME, &certificate(SPIFFE));
    assert!(world.calls(&both, Carriers::default(), now()).unwrap_err().contains("several identities"));
    assert_eq!(world.call(&both, &world.jwt(json!({})), now()), Ok("billing-sync".into()));
}

#[test]
fn a_stolen_token_is_worth_nothing() {
    let mut world = World::new();
    let (token, refresh) = world.log_in("10.0.0.1");
    let home = peer("10.0.0.1");
    assert_eq!(world.call(&home, &token, now()), Ok("reporting".into()));

    let elsewhere = world.call(&peer("10.0.0.2"), &token, now());
    assert_eq!(elsewhere, Err("403 the token is bound to another network".into()));
    assert_eq!(world.call(&home, &token, after(1_800)), Err("401 the token is expired".into()));
    assert_eq!(world.call(&home, &refresh, now()), Err("401 the token is not one of ours".into()));
    let mut forged = token.clone();
    forged.pop();
    forged.push(if token.ends_with('a') { 'b' } else { 'a' });
    assert_eq!(world.call(&home, &forged, now()), Err("401 the token is not one of ours".into()));
    assert_eq!(
        world.call(&home, &format!("{}!", world::ORG), now()),
        Err("401 the token is not one of ours".into())
    );

    world.identity("reporting", |identity| identity.org = "sandbox".into());
    let other_org = world.call(&home, &token, now());
    assert_eq!(other_org, Err("401 the token of `reporting` was issued for another org".into()));
    world.identity("reporting", |identity| identity.org = "production".into());

    assert_eq!(world.sessions.revoke_identity(&name("reporting")).unwrap().0, 2);
    assert_eq!(world.call(&home, &token, now()), Err("401 the token was revoked".into()));
    let (token, _) = world.log_in("10.0.0.1");
    world.reload(|config| drop(config.identities.remove(&name("reporting"))));
    let gone = world.call(&home, &token, now());
    assert_eq!(
        gone,
        Err("401 the token is of `reporting`, which is not in the configuration any more".into())
    );
}

#[test]
fn a_token_is_bound_to_the_certificate_that_it_was_issued_to() {
    let world = World::new();
    let own = certificate(SPIFFE);
    let login = world.token(&peer_with(HOME, &own), "grant_type=client_credentials&client_id=billing-sync");
    let token = world::text(&world::body(&login), "access_token");
    assert_eq!(world.call(&peer_with(HOME, &own), &token, now()), Ok("billing-sync".into()));
    // An SVID is renewed every hour: the one after it is of the same workload.
    assert_eq!(
        world.call(&peer_with("10.20.9.9", &certificate(SPIFFE)), &token, now()),
        Ok("billing-sync".into())
    );
    for thief in [peer(HOME), peer_with(HOME, &certificate("spiffe://corp.example/thief"))] {
        assert_eq!(
            world.call(&thief, &token, now()),
            Err("403 the token is bound to another certificate".into())
        );
    }
}

#[test]
fn a_token_is_bound_to_the_network_of_its_identity_where_there_is_one() {
    let world = World::new();
    let form = "grant_type=client_credentials&client_id=billing&client_secret=s3cret";
    let token = world::text(&world::body(&world.token(&peer(HOME), form)), "access_token");
    assert_eq!(world.call(&peer("10.20.255.1"), &token, now()), Ok("billing-sync".into()));
    assert_eq!(
        world.call(&peer("10.21.0.1"), &token, now()),
        Err("403 the token is bound to another network".into())
    );
}

#[test]
fn nothing_that_holds_a_secret_prints_it() {
    let world = World::new();
    let login = world
        .token(&peer("10.0.0.1"), "grant_type=client_credentials&client_id=reporting&client_secret=r3port");
    let token = world::text(&world::body(&login), "access_token");
    let form = forcefield_identity::Form::parse(b"client_secret=r3port").unwrap();
    let soap = forcefield_identity::SoapBody::parse(
        b"<Envelope><Body><login><username>u</username><password>r3port</password></login></Body></Envelope>",
    );
    let carriers = Carriers { x_sfdc_session: Some(&token), ..Carriers::default() };
    for printed in [
        format!("{login:?}"),
        format!("{:?}", login.answer),
        format!("{:?}", world.sessions),
        format!("{:?}", world.logins),
        format!("{:?}", world.identities),
        format!("{form:?}"),
        format!("{:?}", soap.unwrap()),
        format!("{carriers:?}"),
    ] {
        assert!(printed.contains("redacted"), "{printed}");
        assert!(
            !printed.contains(&token) && !printed.contains("r3port") && !printed.contains("argon2id"),
            "{printed}"
        );
    }
    assert!(!SUBJECT.is_empty());
}
