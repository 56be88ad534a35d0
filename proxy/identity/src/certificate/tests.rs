//! Certificates by the letter of X509-SVID, and one mistake each.

use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType,
};

use super::*;

const ID: &str = "spiffe://corp.example/ns/billing/sa/sync";

fn params(uris: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(vec!["Billing.corp.example".to_owned()]).unwrap();
    params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn read(params: CertificateParams) -> Result<PeerCertificate, CertificateError> {
    let key = KeyPair::generate().unwrap();
    PeerCertificate::from_der(params.self_signed(&key).unwrap().der())
}

#[test]
fn an_svid_is_read_with_all_it_can_be_matched_by() {
    let certificate = read(params(&[ID])).unwrap();
    assert_eq!(certificate.spiffe_id(), Some(ID));
    assert_eq!(certificate.trust_domain(), Some("corp.example"));
    assert!(certificate.matches(&CertificateMatch::Uri(ID.into())));
    assert!(certificate.matches(&CertificateMatch::Dns("billing.corp.example".into())));
    assert!(certificate.matches(&CertificateMatch::Sha256(certificate.fingerprint().into())));
    assert!(!certificate.matches(&CertificateMatch::Uri(format!("{ID}2"))));
    assert_eq!(certificate.fingerprint().len(), 64);
}

#[test]
fn a_certificate_without_a_spiffe_id_is_read_too() {
    let mut plain = params(&["https://billing.corp.example", "urn:other"]);
    plain.key_usages.clear();
    plain.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = read(plain).unwrap();
    assert_eq!((certificate.spiffe_id(), certificate.trust_domain()), (None, None));
    assert!(certificate.matches(&CertificateMatch::Uri("urn:other".into())));
}

#[test]
fn an_svid_has_one_uri() {
    for uris in [[ID, "https://other.example"], [ID, "spiffe://corp.example/other"]] {
        assert_eq!(read(params(&uris)), Err(CertificateError::Uris(2)));
    }
}

#[test]
fn an_svid_is_no_ca_and_signs_nothing_but_handshakes() {
    let mut authority = params(&[ID]);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(read(authority), Err(CertificateError::Authority));
    let usages: [&[KeyUsagePurpose]; 4] = [
        &[],
        &[KeyUsagePurpose::KeyEncipherment],
        &[KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign],
        &[KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::CrlSign],
    ];
    for usage in usages {
        let mut wrong = params(&[ID]);
        wrong.key_usages = usage.to_vec();
        assert_eq!(read(wrong), Err(CertificateError::KeyUsage), "{usage:?}");
    }
    let mut server = params(&[ID]);
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    assert_eq!(read(server), Err(CertificateError::ExtendedKeyUsage));
    let mut any = params(&[ID]);
    any.extended_key_usages.clear();
    assert!(read(any).is_ok());
}

#[test]
fn a_spiffe_id_has_one_spelling() {
    for id in [
        "spiffe://corp.example",
        "spiffe://corp.example/",
        "spiffe://corp.example/a/",
        "spiffe://corp.example/a//b",
        "spiffe://corp.example/../a",
        "spiffe://corp.example/./a",
        "spiffe://corp.example/a%2Fb",
        "spiffe://corp.example/a?b",
        "spiffe://corp.example/a#b",
        "spiffe://Corp.example/a",
        "spiffe://corp.example:443/a",
        "spiffe://user@corp.example/a",
        "spiffe:///a",
        "SPIFFE://corp.example/a",
        "spiffe:corp.example/a",
        "spiffe:/corp.example/a",
    ] {
        assert!(matches!(read(params(&[id])), Err(CertificateError::SpiffeId(_))), "{id}");
    }
    let long = format!("spiffe://corp.example/{}", "a".repeat(2048));
    assert!(read(params(&[&long])).is_err());
    assert!(is_workload_id("spiffe://corp_1-x.example/A.b-c_d/..."));
}

#[test]
fn what_is_not_a_certificate_is_none() {
    let key = KeyPair::generate().unwrap();
    let der = params(&[ID]).self_signed(&key).unwrap().der().to_vec();
    let longer = [der.as_slice(), b"x"].concat();
    for bytes in [&b""[..], b"garbage", &der[..der.len() - 1], &longer] {
        assert_eq!(PeerCertificate::from_der(bytes), Err(CertificateError::Unreadable));
    }
}
