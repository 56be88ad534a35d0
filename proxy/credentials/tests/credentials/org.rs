//! A login host in memory: what it was asked, and what it answers next.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use forcefield_config::config::{
    Audit, Config, Credential, Identity, Limits, Listen, Mode, Org, OrgUrl, State, Timeouts, Tls,
    TlsListener, WhenFull,
};
use forcefield_credentials::{Credentials, Fetch, FetchAnswer, FetchError, Secrets};
use forcefield_policy::grant::{Enforcement, GrantsSpec};
use forcefield_policy::names::IdentityName;

/// What the login host does with one request.
pub(crate) enum Next {
    Token(String),
    Rotated(String, String),
    Refuse(u16, &'static str),
    Unreachable,
    /// Does its work, and no answer arrives.
    Lost,
    /// Says whether the token lives that it is asked about.
    Lives(bool),
}

/// The login host.
#[derive(Default)]
pub(crate) struct Login {
    pub(crate) asked: Mutex<Vec<(String, String)>>,
    pub(crate) next: Mutex<VecDeque<Next>>,
    pub(crate) delay: Duration,
}

#[async_trait]
impl Fetch for Login {
    async fn post_form(&self, org: &Org, path: &str, form: Bytes) -> Result<FetchAnswer, FetchError> {
        let count = {
            let mut asked = self.asked.lock().unwrap();
            asked.push((path.to_owned(), String::from_utf8(form.to_vec()).unwrap()));
            asked.len()
        };
        tokio::time::sleep(self.delay).await;
        if path.ends_with("/revoke") {
            return Ok(FetchAnswer { status: 200, body: Vec::new().into() });
        }
        let next = self.next.lock().unwrap().pop_front();
        let (status, body) = match next {
            None => (200, token_answer(&format!("{}!token.number.{count}", org.id), None)),
            Some(Next::Token(token)) => (200, token_answer(&token, None)),
            Some(Next::Rotated(token, refresh)) => (200, token_answer(&token, Some(&refresh))),
            Some(Next::Refuse(status, code)) => {
                (status, format!(r#"{{"error":"{code}","error_description":"hunter2"}}"#))
            }
            Some(Next::Unreachable) => return Err(FetchError::Unreachable),
            Some(Next::Lost) => return Err(FetchError::BrokenOff),
            Some(Next::Lives(lives)) => (200, format!(r#"{{"active":{lives}}}"#)),
        };
        Ok(FetchAnswer { status, body: body.into_bytes().into() })
    }
}

impl Login {
    /// The forms posted to the token endpoint so far.
    pub(crate) fn mints(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|(path, _)| path == "/services/oauth2/token")
            .map(|(_, form)| form.clone())
            .collect()
    }

    /// The refresh tokens spent so far, and, behind a `?`, those that were asked about.
    pub(crate) fn refreshes(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let value = |form: &str, name: &str| {
            form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        };
        let of = |(path, form): &(String, String)| match path.as_str() {
            "/services/oauth2/introspect" => value(form, "token").map(|token| format!("?{token}")),
            _ => value(form, "refresh_token"),
        };
        asked.iter().filter_map(of).collect()
    }

    /// The forms posted to the revocation endpoint so far.
    pub(crate) fn revocations(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|(path, _)| path == "/services/oauth2/revoke")
            .map(|(_, form)| form.clone())
            .collect()
    }

    pub(crate) fn will(&self, next: impl IntoIterator<Item = Next>) {
        self.next.lock().unwrap().extend(next);
    }
}

fn token_answer(token: &str, refresh: Option<&str>) -> String {
    let mut answer = serde_json::json!({
        "access_token": token, "instance_url": "https://acme.my.salesforce.com", "scope": "api",
        "id": format!("https://login.salesforce.com/id/{ORG}/0055f00000QrStU"), "token_type": "Bearer",
    });
    if let Some(refresh) = refresh {
        answer["refresh_token"] = refresh.into();
    }
    answer.to_string()
}

pub(crate) fn name(text: &str) -> IdentityName {
    text.try_into().unwrap()
}

/// A configuration with the identity `billing-sync` and this credential, its state in `root`.
pub(crate) fn config(root: &Path, credential: Credential) -> Config {
    let reference = "file:none".parse::<forcefield_config::secret::SecretRef>().unwrap();
    let tls = Tls {
        certificate: reference.clone(),
        key: reference,
        client_ca: None,
        trust_domains: Default::default(),
    };
    let org = Org {
        name: "production".into(),
        url: OrgUrl { host: "acme.my.salesforce.com".into(), port: 443 },
        id: ORG.into(),
        environment: "production".into(),
        api_versions: "58.0-68.0".parse().unwrap(),
        ca: None,
        client_certificate: None,
        https_proxy: None,
        audience: None,
    };
    Config {
        root: root.into(),
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
        orgs: [("production".into(), org)].into(),
        destinations: Default::default(),
        issuers: Default::default(),
        responders: Vec::new(),
        approvals: Default::default(),
        identities: [(name("billing-sync"), identity(credential))].into(),
        timeouts: Timeouts::default(),
        telemetry: None,
        signals: Default::default(),
    }
}

fn identity(credential: Credential) -> Identity {
    let grants = GrantsSpec {
        identity: name("billing-sync"),
        versions: "58.0-68.0".parse().unwrap(),
        allow: Vec::new(),
        named: Vec::new(),
        patterns: Vec::new(),
        exports: Vec::new(),
        enforcement: Enforcement::Enforce,
    };
    Identity {
        name: name("billing-sync"),
        owner: "revops@corp.example".into(),
        purpose: "test".into(),
        expires: "2027-03-31".parse().unwrap(),
        org: "production".into(),
        mode: Mode::Enforce,
        host: None,
        authenticate: Vec::new(),
        networks: Vec::new(),
        session: Duration::from_secs(1800),
        evidence: std::time::Duration::from_secs(86_400),
        credential,
        shared: None,
        grants,
        exports: Vec::new(),
        limits: Limits::default(),
        signals: Default::default(),
    }
}

/// The credentials of [`config`] before this login host, with the client secret `s3cret` and the refresh token
/// `5Aep.first` in files.
pub(crate) fn before(login: &Arc<Login>, root: &Path, credential: Credential) -> Credentials {
    std::fs::write(root.join("id"), "3MVG9.app").unwrap();
    std::fs::write(root.join("secret"), "s3cret").unwrap();
    std::fs::write(root.join("refresh"), "5Aep.first").unwrap();
    let fetch: Arc<dyn Fetch> = Arc::clone(login) as _;
    Credentials::new(&config(root, credential), Secrets::new(root), fetch).unwrap()
}

pub(crate) fn client_credentials() -> Credential {
    Credential::ClientCredentials {
        client_id: "file:id".parse().unwrap(),
        client_secret: "file:secret".parse().unwrap(),
    }
}

pub(crate) fn refresh_token() -> Credential {
    Credential::RefreshToken {
        client_id: "file:id".parse().unwrap(),
        client_secret: Some("file:secret".parse().unwrap()),
        refresh_token: "file:refresh".parse().unwrap(),
    }
}

pub(crate) const ORG: &str = "00D5g000004XyZE";
