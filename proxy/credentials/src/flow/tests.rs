//! The forms, byte by byte, and the assertion as its receiver verifies it.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use forcefield_config::config::OrgUrl;
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData};
use serde_json::Value;

use super::*;

fn org(audience: Option<&str>) -> Org {
    Org {
        name: "production".into(),
        url: OrgUrl { host: "acme.my.salesforce.com".into(), port: 443 },
        id: "00D5g000004XyZE".into(),
        environment: "production".into(),
        api_versions: "58.0-68.0".parse().unwrap(),
        ca: None,
        client_certificate: None,
        https_proxy: None,
        audience: audience.map(str::to_owned),
    }
}

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

#[test]
fn an_assertion_is_signed_and_lives_three_minutes() {
    let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let key = Key::parse(&pair.serialize_pem()).unwrap();
    for (configured, audience) in [
        (None, "https://acme.my.salesforce.com"),
        (Some("https://login.salesforce.com"), "https://login.salesforce.com"),
    ] {
        let text = assertion(&key, "3MVG9.app", "billing@acme.example", &org(configured), at(1_000)).unwrap();
        let text = std::str::from_utf8(&text).unwrap();
        let (message, signature) = text.rsplit_once('.').unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.subject_public_key_info());
        public.verify(message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(message.split_once('.').unwrap().1).unwrap();
        let claims: Value = serde_json::from_slice(&claims).unwrap();
        let expected =
            json!({ "iss": "3MVG9.app", "sub": "billing@acme.example", "aud": audience, "exp": 1_180 });
        assert_eq!(claims, expected);
    }
}

#[test]
fn a_key_in_pkcs1_is_read_too_and_others_are_not() {
    let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
    let der = pair.serialize_der();
    // The PKCS#8 of an RSA key ends with its PKCS#1, which starts with the second-last long sequence.
    let at = der.windows(4).skip(1).position(|bytes| bytes[..2] == [0x30, 0x82]).unwrap() + 1;
    let pkcs1 = STANDARD.encode(&der[at..]);
    assert!(
        Key::parse(&format!("-----BEGIN RSA PRIVATE KEY-----\n{pkcs1}\n-----END RSA PRIVATE KEY-----\n"))
            .is_some()
    );

    let elliptic = KeyPair::generate().unwrap().serialize_pem();
    let encrypted = elliptic.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    for text in [elliptic.as_str(), encrypted.as_str(), "", "-----BEGIN PRIVATE KEY-----"] {
        assert!(Key::parse(text).is_none());
    }
}

#[test]
fn a_form_escapes_whatever_has_a_meaning_in_it() {
    let form: Bytes = Form::grant(b"client_credentials").with("client_secret", b"a&b=c d+e/\xff").into();
    assert_eq!(&form[..], b"grant_type=client_credentials&client_secret=a%26b%3Dc%20d%2Be%2F%FF");
    assert_eq!(&revoke("00D!x")[..], b"token=00D%21x");
}
