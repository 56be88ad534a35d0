//! Mistakes about whom SVIDs are believed of: `trust_domains`, and issuers of JWT-SVIDs.

use super::{IDENTITY, MAIN, said};

/// What is said of these trust domains at `listen.proxy`.
fn domains(domains: &str) -> String {
    let domains = format!("trust_domains: {{ {domains} }}");
    said(&MAIN.replacen("client_ca: file:ca.pem", &domains, 1), &[IDENTITY])
}

/// What is said of this issuer `ci`, of which the identity has a JWT with this subject.
fn issuer(keys: &str, subject: &str) -> String {
    let main = MAIN.replace("{ jwks: file:jwks.json, audience: forcefield }", &format!("{{ {keys} }}"));
    let proof = format!("  - jwt: {{ issuer: ci, subject: \"{subject}\" }}\nnetworks:");
    said(&main, &[&IDENTITY.replacen("networks:", &proof, 1)])
}

#[test]
fn a_trust_domain_has_one_spelling_and_one_source() {
    for good in [
        "corp.example: file:bundle.pem",
        "corp.example: \"unix:/run/spire/agent/public/api.sock\"",
        "corp.example: \"unix:///run/spire/agent/public/api.sock\", partner.example: env:PARTNER",
    ] {
        assert_eq!(domains(good), "", "{good}");
    }
    let neither = "this is neither the socket of a SPIFFE Workload API nor a reference to a bundle; write `unix:/run/spire/agent/public/api.sock`, or `file:PATH`, `env:NAME`, `vault:MOUNT/PATH#FIELD` or `exec:COMMAND`";
    let socket = "is not a Unix socket; write its absolute path: `unix:/run/spire/agent/public/api.sock`";
    let domain = "is not a SPIFFE trust domain; write it without `spiffe://`, in lower case: `corp.example`";
    for (bad, expected) in [
        ("corp.example: bundle.pem", format!("main.yaml:2:119: {neither}")),
        ("corp.example: /run/spire/api.sock", format!("main.yaml:2:119: {neither}")),
        ("corp.example: \"unix:api.sock\"", format!("main.yaml:2:119: `unix:api.sock` {socket}")),
        ("corp.example: \"unix:/\"", format!("main.yaml:2:119: `unix:/` {socket}")),
        ("corp.example: file:a, Corp.example: file:b", format!("main.yaml:2:127: `Corp.example` {domain}")),
        ("corp.example: file:a, \"spiffe://b\": file:b", format!("main.yaml:2:127: `spiffe://b` {domain}")),
        ("corp.example: file:a, \"b:8443\": file:b", format!("main.yaml:2:127: `b:8443` {domain}")),
    ] {
        assert_eq!(domains(bad), expected, "{bad}");
    }
    let twice = domains("corp.example: file:a, corp.example: file:b");
    assert!(twice.starts_with("main.yaml:2:127: ") && twice.contains("corp.example"), "{twice}");
    let list = said(&MAIN.replacen("client_ca: file:ca.pem", "trust_domains: [file:a]", 1), &[IDENTITY]);
    assert!(list.starts_with("main.yaml:2:103: ") && list.lines().count() == 1, "{list}");
}

#[test]
fn an_svid_of_no_trust_domain_is_warned_of() {
    let said = domains("partner.example: file:bundle.pem");
    let help = "name it under `listen.proxy.tls.trust_domains` in the main file";
    assert_eq!(said, format!("1.yaml:7:18: warning: `corp.example` is not among the trust domains; {help}"));
}

#[test]
fn an_issuer_of_jwt_svids_is_a_trust_domain_and_nothing_else() {
    let id = "spiffe://corp.example/billing";
    for good in [
        "trust_domain: corp.example, jwks: file:bundle.json, audience: forcefield",
        "trust_domain: corp.example, jwks: \"unix:/run/spire/agent/public/api.sock\", audience: forcefield",
    ] {
        assert_eq!(issuer(good, id), "", "{good}");
    }
    let excludes = "`trust_domain` excludes `url` and `issuer`: a JWT-SVID needs no `iss` claim; write `jwks` with it, or remove it";
    for (bad, expected) in [
        (
            "jwks: \"unix:/run/api.sock\", audience: a",
            "main.yaml:12:15: a Workload API tells the keys of trust domains; write whose too: `trust_domain: corp.example`".to_owned(),
        ),
        ("url: \"https://a\", trust_domain: corp.example, audience: a", format!("main.yaml:12:41: {excludes}")),
        (
            "jwks: file:a, issuer: a, trust_domain: corp.example, audience: a",
            format!("main.yaml:12:48: {excludes}"),
        ),
        (
            "trust_domain: corp.example, audience: a",
            "main.yaml:12:7: neither `url` nor `jwks` is written; write one of them: where the issuer's keys come from".to_owned(),
        ),
        (
            "trust_domain: \"spiffe://corp.example\", jwks: file:a, audience: a",
            "main.yaml:12:23: `spiffe://corp.example` is not a SPIFFE trust domain; write it without `spiffe://`, in lower case: `corp.example`".to_owned(),
        ),
    ] {
        assert_eq!(issuer(bad, id), expected, "{bad}");
    }
}

#[test]
fn a_subject_of_another_trust_domain_is_warned_of() {
    let keys = "trust_domain: corp.example, jwks: file:bundle.json, audience: forcefield";
    for subject in
        ["spiffe://corp.example.evil/billing", "spiffe://other.example/billing", "repo:acme/billing"]
    {
        let expected = format!(
            "1.yaml:9:33: warning: no JWT-SVID of `corp.example` has the subject `{subject}`; write the SPIFFE ID: `spiffe://corp.example/..`"
        );
        assert_eq!(issuer(keys, subject), expected);
    }
}
