//! What workload JWTs may look like, and what is done with those that do not.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::HOME;
use crate::world::{SPIFFE, SUBJECT, World, changed, jwks, now, peer, refusal, sign};

const READ: &str = "not a JWT that can be read";

/// The claims of a good JWT of `github`.
fn good() -> Value {
    json!({
        "iss": "https://token.actions.example", "sub": SUBJECT, "aud": "forcefield",
        "exp": now().as_second() + 300, "iat": now().as_second(),
    })
}

/// The claims of a good JWT-SVID, with changes.
fn svid(changes: &Value) -> Value {
    changed(json!({ "sub": SPIFFE, "aud": ["forcefield"], "exp": now().as_second() + 300 }), changes)
}

fn call(world: &World, token: &str) -> Result<String, String> {
    world.call(&peer(HOME), token, now())
}

#[track_caller]
fn refused(world: &World, token: &str, reason: &str) {
    let found = call(world, token);
    assert!(
        found.as_ref().is_err_and(|error| error.starts_with("401 ") && error.contains(reason)),
        "{found:?}"
    );
}

/// A token of these texts as header and claims, as they are.
fn raw(key: &EcdsaKeyPair, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn what_two_readers_could_read_differently_is_not_read() {
    let world = World::new();
    let header = r#"{"alg":"ES256","kid":"one"}"#;
    let claims = good().to_string();
    let with = |more: &str| format!("{},{more}}}", &claims[..claims.len() - 1]);
    let signed = |header: &str, claims: &str| raw(&world.github, header, claims);
    assert!(call(&world, &signed(header, &claims)).is_ok());
    assert!(call(&world, &signed(header, &with(r#""nested":{"sub":"x"},"jti":"1""#))).is_ok());
    for more in [
        r#""sub":"repo:acme/other""#,
        r#""s\u0075b":"repo:acme/other""#,
        r#""aud":"other""#,
        r#""exp":1"#,
        r#""nbf":null"#,
        r#""iss":null"#,
        r#""nbf":"1""#,
    ] {
        refused(&world, &signed(header, &with(more)), READ);
    }
    for header in [
        r#"{"alg":"ES256","kid":"one","crit":null}"#,
        r#"{"alg":"ES256","kid":"one","crit":[]}"#,
        r#"{"alg":"ES256","kid":"one","kid":"two"}"#,
        r#"{"alg":"ES256","kid":null}"#,
        r#"{"alg":["ES256"],"kid":"one"}"#,
        r#"{"kid":"one"}"#,
    ] {
        refused(&world, &signed(header, &claims), READ);
    }
    for claims in ["{}", "[]", "null", "\"\"", &format!("{claims} "), &format!("{claims}{{}}")] {
        let found = call(&world, &signed(header, claims));
        assert_eq!(found.is_ok(), claims.ends_with(' '), "{claims}: {found:?}");
    }
    // What is not looked at may be as deep as it likes; a header is looked at whole.
    let deep = format!("{}1{}", "[".repeat(2_000), "]".repeat(2_000));
    assert!(call(&world, &signed(header, &with(&format!("\"deep\":{deep}")))).is_ok());
    refused(&world, &signed(&format!(r#"{{"alg":"ES256","kid":"one","deep":{deep}}}"#), &claims), READ);
}

#[test]
fn one_signature_has_one_spelling() {
    let world = World::new();
    let token = sign(&world.github, &json!({ "alg": "ES256", "kid": "one" }), &good());
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else { unreachable!() };
    assert!(call(&world, &token).is_ok());
    // 64 bytes leave four bits of the last character over.
    let last = signature.chars().last().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.chars().nth(alphabet.find(last).unwrap() + 1).unwrap();
    let respelt = format!("{}{next}", &signature[..signature.len() - 1]);
    let padded = URL_SAFE.encode(URL_SAFE_NO_PAD.decode(signature).unwrap());
    for other in [
        format!("{header}.{claims}.{respelt}"),
        format!("{header}.{claims}.{padded}"),
        format!("{header}.{claims}.{signature}!"),
    ] {
        refused(&world, &other, READ);
    }
    // Parts of another number are no JWT at all.
    for other in [format!("{token}."), format!("{header}.{claims}"), format!("{token}.{signature}")] {
        refused(&world, &other, "the token is not one of ours");
    }
}

#[test]
fn a_token_of_another_kind_says_nothing_about_who_is_calling() {
    let world = World::new();
    let typed =
        |kind: &str| sign(&world.github, &json!({ "alg": "ES256", "kid": "one", "typ": kind }), &good());
    for kind in ["JWT", "jwt", "JOSE", "at+jwt", "application/at+jwt"] {
        assert!(call(&world, &typed(kind)).is_ok(), "{kind}");
    }
    for kind in ["logout+jwt", "secevent+jwt", "dpop+jwt", "JWT ", ""] {
        refused(&world, &typed(kind), "its header is not one of such a token");
    }
}

#[test]
fn a_key_that_comes_with_the_token_is_no_key() {
    let world = World::new();
    let own = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let jwk = jwks(&own, "one")["keys"][1].clone();
    for more in
        [json!({ "jwk": jwk }), json!({ "jku": "https://evil.example/keys", "x5u": "https://evil.example" })]
    {
        let header = changed(json!({ "alg": "ES256", "kid": "one" }), &more);
        refused(&world, &sign(&own, &header, &good()), "its signature is wrong");
        assert!(call(&world, &sign(&world.github, &header, &good())).is_ok(), "it says nothing either way");
    }
}

#[test]
fn times_that_are_none_and_tokens_without_measure_are_refused() {
    let world = World::new();
    let signed = |changes: Value| {
        sign(&world.github, &json!({ "alg": "ES256", "kid": "one" }), &changed(good(), &changes))
    };
    let soon = now().as_second() + 300;
    for good in [
        json!({ "exp": soon as f64 + 0.5 }),
        json!({ "nbf": now().as_second() + 30 }),
        json!({ "iat": null }),
    ] {
        assert!(call(&world, &signed(good)).is_ok());
    }
    for (changes, reason) in [
        (json!({ "exp": 1e300 }), READ),
        (json!({ "exp": u64::MAX }), READ),
        (json!({ "exp": -1.5 }), READ),
        (json!({ "exp": null }), READ),
        (json!({ "exp": [soon] }), READ),
        (json!({ "exp": true }), READ),
        (json!({ "exp": i64::MIN }), "it is expired"),
        (json!({ "exp": soon * 1000, "nbf": soon * 1000 }), "not valid yet"),
        (json!({ "iat": i64::MAX }), "not valid yet"),
        (json!({ "sub": null }), READ),
        (json!({ "sub": ["a"] }), READ),
        (json!({ "aud": null }), READ),
        (json!({ "aud": {} }), READ),
        (json!({ "aud": ["forcefield", 1] }), READ),
    ] {
        refused(&world, &signed(changes), reason);
    }
    let long = |length: usize| signed(json!({ "more": "x".repeat(length) }));
    assert!(long(7_000).len() < 10_000 && call(&world, &long(7_000)).is_ok());
    assert!(long(7_500).len() > 10_000);
    refused(&world, &long(7_500), "in a form that is not taken");
    let exchange = |token: &str| {
        let form = format!(
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={token}\
             &subject_token_type=urn:ietf:params:oauth:token-type:jwt"
        );
        world.token(&peer(HOME), &form).answer.status
    };
    assert_eq!((exchange(&long(7_000)), exchange(&long(7_500))), (200, 400));
}

#[test]
fn each_key_verifies_its_one_algorithm() {
    let world = World::new();
    let claims = good();
    let message = |alg: &str| {
        let [header, claims] = [&json!({ "alg": alg, "kid": "k" }), &claims]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        format!("{header}.{claims}")
    };
    let with = |message: &str, signature: &[u8]| format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    let hold = |jwk: Value| world.keys.replace("github", json!({ "keys": [jwk] }).to_string().as_bytes());

    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let member = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (n, e) = (rsa.public_key().modulus(), rsa.public_key().exponent());
    let (n, e) = (member(n.big_endian_without_leading_zero()), member(e.big_endian_without_leading_zero()));
    let algorithms: [(&str, &'static dyn RsaEncoding); 4] = [
        ("RS256", &RSA_PKCS1_SHA256),
        ("PS256", &RSA_PSS_SHA256),
        ("PS384", &RSA_PSS_SHA384),
        ("PS512", &RSA_PSS_SHA512),
    ];
    let signed = |(alg, encoding): (&str, &'static dyn RsaEncoding)| {
        let (message, mut signature) = (message(alg), vec![0; rsa.public_modulus_len()]);
        rsa.sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        with(&message, &signature)
    };
    for (held, _) in algorithms {
        assert_eq!(hold(json!({ "kty": "RSA", "kid": "k", "alg": held, "n": n, "e": e })), Ok(1));
        for (alg, encoding) in algorithms {
            let found = call(&world, &signed((alg, encoding)));
            assert_eq!(found.is_ok(), alg == held, "{alg} under a key for {held}: {found:?}");
        }
    }

    let curve = EcdsaKeyPair::generate(&ECDSA_P521_SHA512_FIXED_SIGNING).unwrap();
    let (x, y) = curve.public_key().as_ref()[1..].split_at(66);
    let jwk = json!({ "kty": "EC", "crv": "P-521", "kid": "k", "x": member(x), "y": member(y) });
    assert_eq!(hold(jwk.clone()), Ok(1));
    let text = message("ES512");
    let token = with(&text, curve.sign(&SystemRandom::new(), text.as_bytes()).unwrap().as_ref());
    assert!(call(&world, &token).is_ok());
    assert!(hold(changed(jwk, &json!({ "alg": "ES256" }))).is_err());
}

#[test]
fn a_jwt_svid_is_known_by_its_subject() {
    let world = World::new();
    let header = json!({ "alg": "ES256", "kid": "svids", "typ": "JWT" });
    let signed = |changes: Value| sign(&world.spire, &header, &svid(&changes));
    for changes in [
        json!({}),
        json!({ "aud": "forcefield", "iat": now().as_second() }),
        json!({ "iss": "https://oidc.corp.example" }),
        json!({ "iss": "https://token.actions.example" }),
    ] {
        assert_eq!(call(&world, &signed(changes.clone())), Ok("billing-sync".into()), "{changes}");
    }
    let nobody = "it names no issuer, and its subject is no SPIFFE ID of a configured trust domain";
    for (changes, reason) in [
        (json!({ "sub": "spiffe://corp.example/ns/billing/sa/other" }), "no identity has the subject"),
        (json!({ "sub": "spiffe://other.example/ns/billing/sa/sync" }), nobody),
        (json!({ "sub": "spiffe://corp.example.evil/ns/billing/sa/sync" }), nobody),
        (json!({ "sub": "spiffe://corp.example" }), nobody),
        (json!({ "sub": format!("{SPIFFE}/") }), nobody),
        (json!({ "sub": format!("{SPIFFE}/../x") }), nobody),
        (json!({ "sub": format!("{SPIFFE}?a") }), nobody),
        (json!({ "sub": SPIFFE.replace("corp", "Corp") }), nobody),
        (json!({ "sub": SPIFFE.replace("spiffe", "SPIFFE") }), nobody),
        (json!({ "sub": "corp.example" }), nobody),
        (json!({ "iss": "https://a", "sub": "spiffe://other.example/a" }), "its issuer is not configured"),
        (json!({ "sub": null }), READ),
        (json!({ "aud": null }), READ),
        (json!({ "aud": [] }), "for another audience"),
        (json!({ "aud": ["spiffe://corp.example/other"] }), "for another audience"),
        (json!({ "exp": null }), READ),
        (json!({ "exp": now().as_second() - 31 }), "it is expired"),
        (json!({ "nbf": now().as_second() + 31 }), "not valid yet"),
    ] {
        refused(&world, &signed(changes), reason);
    }
}

#[test]
fn only_the_bundle_of_its_own_trust_domain_verifies_a_jwt_svid() {
    let world = World::new();
    let plain = json!({ "alg": "ES256", "kid": "svids" });
    assert!(call(&world, &sign(&world.spire, &plain, &svid(&json!({})))).is_ok());
    assert!(call(&world, &sign(&world.spire, &json!({ "alg": "ES256" }), &svid(&json!({})))).is_ok());
    // An issuer that is believed about its own subjects is not about those of the trust domain, nor the other way round.
    refused(&world, &sign(&world.github, &plain, &svid(&json!({}))), "its signature is wrong");
    let header = json!({ "alg": "ES256", "kid": "one" });
    refused(&world, &sign(&world.github, &header, &svid(&json!({}))), "no key with its key id");
    let posing = changed(good(), &json!({ "sub": SPIFFE }));
    let found = call(&world, &sign(&world.github, &header, &posing));
    assert!(found.is_err(), "{found:?}");
    refused(&world, &sign(&world.spire, &header, &good()), "its signature is wrong");

    // What is not in the standard is not in an SVID.
    for (more, reason) in [
        (json!({ "typ": "at+jwt" }), "its header"),
        (json!({ "typ": "jwt" }), "its header"),
        (json!({ "jku": "https://spire.example/keys" }), "its header"),
        (json!({ "kid": "other" }), "no key with its key id"),
        (json!({ "alg": "none" }), "no key with its key id"),
        (json!({ "alg": "HS256" }), "no key with its key id"),
    ] {
        refused(&world, &sign(&world.spire, &changed(plain.clone(), &more), &svid(&json!({}))), reason);
    }
    assert!(
        call(
            &world,
            &sign(&world.spire, &changed(plain.clone(), &json!({ "typ": "JOSE" })), &svid(&json!({})))
        )
        .is_ok()
    );
    let ed25519 = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(ed25519.public_key().as_ref());
    let set = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "ed", "use": "jwt-svid", "x": x }] });
    world.keys.replace("spire", set.to_string().as_bytes()).unwrap();
    let [header, claims] = [json!({ "alg": "EdDSA", "kid": "ed" }), svid(&json!({}))]
        .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let signature = ed25519.sign(format!("{header}.{claims}").as_bytes());
    let token = format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode(signature));
    refused(&world, &token, "its header");

    // The domain has no keys any more.
    world.keys.remove("spire");
    refused(
        &world,
        &sign(&world.spire, &plain, &svid(&json!({}))),
        "keys of its issuer have not been loaded",
    );
}

#[test]
fn a_jwt_svid_is_exchanged_but_is_no_assertion() {
    let world = World::new();
    let token = sign(&world.spire, &json!({ "alg": "ES256", "kid": "svids" }), &svid(&json!({})));
    let exchange = format!(
        "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token={token}\
         &subject_token_type=urn:ietf:params:oauth:token-type:jwt"
    );
    assert_eq!(world.token(&peer(HOME), &exchange).answer.status, 200);
    let bearer = format!("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion={token}");
    assert_eq!(refusal(&world.token(&peer(HOME), &bearer)).1, "invalid_grant");
}

#[test]
fn a_bundle_of_spiffe_gives_the_keys_of_jwt_svids_only() {
    let world = World::new();
    let key =
        |usage: &str, id: &str| changed(jwks(&world.spire, id)["keys"][1].clone(), &json!({ "use": usage }));
    let bundle = json!({
        "spiffe_sequence": 7, "spiffe_refresh_hint": 300,
        "keys": [key("x509-svid", "ca"), key("jwt-svid", "svids")],
    });
    assert_eq!(world.keys.replace("spire", bundle.to_string().as_bytes()), Ok(1));
    let signed = |id: &str| sign(&world.spire, &json!({ "alg": "ES256", "kid": id }), &svid(&json!({})));
    assert!(call(&world, &signed("svids")).is_ok());
    refused(&world, &signed("ca"), "no key with its key id");
}
