//! Three integrations, their secrets, keys and certificates, and the requests that they send.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use forcefield_config::config::{
    Audit, Authenticate, CertificateMatch, Config, Credential, Identity, Issuer, KnownBy, Limits, Listen,
    Mode, Org, OrgUrl, State, Timeouts, Tls, TlsListener, WhenFull,
};
use forcefield_config::secret::SecretRef;
use forcefield_identity::{
    Carriers, Form, Identities, IssuerKeys, Login, LoginRequest, Logins, Peer, PeerCertificate, Route,
    Sessions,
};
use forcefield_policy::grant::{Enforcement, GrantsSpec};
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyUsagePurpose, SanType};
use serde_json::{Value, json};

pub(crate) const ORG: &str = "00D5g000004XyZE";
pub(crate) const SPIFFE: &str = "spiffe://corp.example/ns/billing/sa/sync";
pub(crate) const SUBJECT: &str = "repo:acme/billing:ref:refs/heads/main";

/// Everything that a proxy holds about who may call.
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) keys: Arc<IssuerKeys>,
    pub(crate) identities: Identities,
    pub(crate) logins: Logins,
    pub(crate) github: EcdsaKeyPair,
    /// What signs the JWT-SVIDs of `corp.example`.
    pub(crate) spire: EcdsaKeyPair,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Sessions::in_memory())
    }

    pub(crate) fn with(sessions: Sessions) -> Self {
        let (config, sessions, keys) = (config(), Arc::new(sessions), Arc::new(IssuerKeys::default()));
        let github = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        keys.replace("github", jwks(&github, "one").to_string().as_bytes()).unwrap();
        let spire = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        keys.replace("spire", jwks(&spire, "svids").to_string().as_bytes()).unwrap();
        let identities = Identities::new(&config, Arc::clone(&sessions), Arc::clone(&keys));
        let logins = Logins::new(Arc::clone(&sessions));
        Self { config, sessions, keys, identities, logins, github, spire }
    }

    /// Takes a changed configuration up.
    pub(crate) fn reload(&mut self, change: impl FnOnce(&mut Config)) {
        change(&mut self.config);
        self.identities = Identities::new(&self.config, Arc::clone(&self.sessions), Arc::clone(&self.keys));
    }

    pub(crate) fn identity(&mut self, identity: &str, change: impl FnOnce(&mut Identity)) {
        self.reload(|config| change(config.identities.get_mut(&name(identity)).unwrap()));
    }

    /// Posts a form to the token endpoint.
    pub(crate) fn token(&self, peer: &Peer, form: &str) -> Login {
        self.token_at(peer, form, None, now())
    }

    pub(crate) fn token_at(
        &self,
        peer: &Peer,
        form: &str,
        authorization: Option<&str>,
        now: Timestamp,
    ) -> Login {
        let carriers = Carriers { authorization, ..Carriers::default() };
        self.ask(Route::Token, peer, form, (carriers, now))
    }

    pub(crate) fn ask(
        &self,
        route: Route,
        peer: &Peer,
        form: &str,
        (carriers, now): (Carriers<'_>, Timestamp),
    ) -> Login {
        let form = Form::parse(form.as_bytes()).unwrap();
        let request = LoginRequest { method: "POST", form: &form, carriers, peer, now };
        self.logins.answer(&self.identities, &route, &request)
    }

    /// Logs `reporting` in from an address, and gives its access and refresh token.
    pub(crate) fn log_in(&self, address: &str) -> (String, String) {
        let login = self
            .token(&peer(address), "grant_type=client_credentials&client_id=reporting&client_secret=r3port");
        let answer = body(&login);
        (text(&answer, "access_token"), text(&answer, "refresh_token"))
    }

    /// Who calls with this token, or why it is not known.
    pub(crate) fn call(&self, peer: &Peer, token: &str, now: Timestamp) -> Result<String, String> {
        let authorization = format!("Bearer {token}");
        self.calls(peer, Carriers { authorization: Some(&authorization), ..Carriers::default() }, now)
    }

    pub(crate) fn calls(
        &self,
        peer: &Peer,
        carriers: Carriers<'_>,
        now: Timestamp,
    ) -> Result<String, String> {
        match self.identities.identify(peer, &carriers, now) {
            Ok(caller) => Ok(caller.identity.name.to_string()),
            Err(reason) => Err(format!("{} {reason}", reason.status())),
        }
    }

    /// A workload JWT with these claims in place of the right ones.
    pub(crate) fn jwt(&self, changed: Value) -> String {
        let mut claims = json!({
            "iss": "https://token.actions.example", "sub": SUBJECT, "aud": "forcefield",
            "exp": now().as_second() + 300, "iat": now().as_second(), "jti": "1",
        });
        for (key, value) in changed.as_object().unwrap() {
            claims[key] = value.clone();
        }
        sign(&self.github, &json!({ "alg": "ES256", "kid": "one", "typ": "JWT" }), &claims)
    }
}

/// Claims with some of them replaced, or left out where they are replaced by nothing.
pub(crate) fn changed(mut claims: Value, changes: &Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(claims.as_object_mut().unwrap().remove(key)),
            value => claims[key] = value.clone(),
        }
    }
    claims
}

pub(crate) fn now() -> Timestamp {
    "2026-11-25T10:00:00Z".parse().unwrap()
}

pub(crate) fn after(seconds: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_secs(seconds)
}

pub(crate) fn name(text: &str) -> IdentityName {
    text.try_into().unwrap()
}

pub(crate) fn peer(address: &str) -> Peer {
    Peer::new(address.parse().unwrap(), None, "SF.corp.example:8443").unwrap()
}

pub(crate) fn peer_with(address: &str, certificate: &Arc<PeerCertificate>) -> Peer {
    Peer::new(address.parse().unwrap(), Some(Arc::clone(certificate)), "sf.corp.example:8443").unwrap()
}

pub(crate) fn body(login: &Login) -> Value {
    assert_eq!(login.problem, None);
    assert_eq!(login.answer.status, 200);
    serde_json::from_str(&login.answer.body).unwrap()
}

pub(crate) fn text(answer: &Value, key: &str) -> String {
    answer[key].as_str().unwrap().to_owned()
}

/// Status and error of a refusal.
pub(crate) fn refusal(login: &Login) -> (u16, String) {
    assert!(login.problem.is_some());
    let body: Value = serde_json::from_str(&login.answer.body).unwrap();
    (login.answer.status, text(&body, "error"))
}

pub(crate) fn certificate(uri: &str) -> Arc<PeerCertificate> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.not_after = rcgen::date_time_ymd(2027, 1, 1);
    let key = rcgen::KeyPair::generate().unwrap();
    Arc::new(PeerCertificate::from_der(params.self_signed(&key).unwrap().der()).unwrap())
}

pub(crate) fn jwks(key: &EcdsaKeyPair, id: &str) -> Value {
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
    json!({ "keys": [
        { "kty": "oct", "kid": "hmac", "k": "c2VjcmV0" },
        { "kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "x": x, "y": y },
    ] })
}

pub(crate) fn sign(key: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
    let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let message = format!("{header}.{claims}");
    let signature = key.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A hash that costs nothing.
fn hash(secret: &str) -> String {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap());
    let salt = SaltString::from_b64("AAAAAAAAAAAAAAAAAAAAAA").unwrap();
    argon2.hash_password(secret.as_bytes(), &salt).unwrap().to_string()
}

fn config() -> Config {
    let reference: SecretRef = "file:none".parse().unwrap();
    let tls = Tls {
        certificate: reference.clone(),
        key: reference.clone(),
        client_ca: None,
        trust_domains: Default::default(),
    };
    let issuer = |known_by| Issuer {
        known_by,
        audience: "forcefield".into(),
        keys: forcefield_config::config::IssuerKeys::Jwks(reference.clone()),
    };
    Config {
        root: "/nowhere".into(),
        listen: Listen {
            proxy: TlsListener { address: "127.0.0.1:0".parse().unwrap(), tls },
            control: None,
            metrics: None,
            connect: None,
        },
        certificates: Vec::new(),
        vault: None,
        state: State::Embedded("state".into()),
        audit: Audit { path: "audit".into(), key: None, signing_key: None, when_full: WhenFull::Block },
        orgs: [
            ("production".into(), org("production", ORG)),
            ("sandbox".into(), org("sandbox", "00D000000000001")),
        ]
        .into(),
        destinations: BTreeMap::new(),
        issuers: [
            ("github".into(), issuer(KnownBy::Claim("https://token.actions.example".into()))),
            ("sdk".into(), issuer(KnownBy::Claim("3MVG9.app".into()))),
            ("spire".into(), issuer(KnownBy::TrustDomain("corp.example".into()))),
        ]
        .into(),
        responders: Vec::new(),
        approvals: Default::default(),
        identities: identities(),
        timeouts: Timeouts::default(),
        telemetry: None,
        signals: Default::default(),
    }
}

fn org(name: &str, id: &str) -> Org {
    Org {
        name: name.into(),
        url: OrgUrl { host: format!("{name}.my.salesforce.com"), port: 443 },
        id: id.into(),
        environment: name.into(),
        api_versions: "58.0-68.0".parse().unwrap(),
        ca: None,
        client_certificate: None,
        https_proxy: None,
        audience: None,
    }
}

fn identities() -> BTreeMap<IdentityName, Identity> {
    let client = |id: &str, secret: &str| Authenticate::Client { id: id.into(), secret_hash: hash(secret) };
    let login =
        Authenticate::Login { username: "sync@corp.example".into(), password_hash: hash("p4ss+token") };
    let billing = vec![
        Authenticate::Certificate(CertificateMatch::Uri(SPIFFE.into())),
        Authenticate::Jwt { issuer: "github".into(), subject: SUBJECT.into() },
        Authenticate::Jwt { issuer: "spire".into(), subject: SPIFFE.into() },
        Authenticate::Jwt { issuer: "sdk".into(), subject: "sync@corp.example".into() },
        client("billing", "s3cret"),
        client("billing", "n3xt"),
        login,
    ];
    let mut billing = identity("billing-sync", billing);
    billing.networks = vec!["10.20.0.0/16".parse().unwrap()];
    let reporting = identity("reporting", vec![client("reporting", "r3port")]);
    let vendor = Authenticate::Certificate(CertificateMatch::Uri("spiffe://corp.example/vendor".into()));
    let mut vendor = identity("vendor", vec![vendor]);
    vendor.host = Some("vendor.sf.corp.example".into());
    [billing, reporting, vendor].into_iter().map(|identity| (identity.name.clone(), identity)).collect()
}

fn identity(text: &str, authenticate: Vec<Authenticate>) -> Identity {
    let secret: SecretRef = "file:none".parse().unwrap();
    Identity {
        name: name(text),
        owner: "revops@corp.example".into(),
        purpose: "test".into(),
        expires: "2027-03-31".parse().unwrap(),
        org: "production".into(),
        mode: Mode::Enforce,
        host: None,
        authenticate,
        networks: Vec::new(),
        session: Duration::from_secs(1_800),
        evidence: Duration::from_secs(86_400),
        credential: Credential::ClientCredentials { client_id: secret.clone(), client_secret: secret },
        shared: None,
        grants: GrantsSpec {
            identity: name(text),
            versions: "58.0-68.0".parse().unwrap(),
            allow: Vec::new(),
            named: Vec::new(),
            patterns: Vec::new(),
            exports: Vec::new(),
            enforcement: Enforcement::Enforce,
        },
        exports: Vec::new(),
        limits: Limits::default(),
        signals: Default::default(),
    }
}
