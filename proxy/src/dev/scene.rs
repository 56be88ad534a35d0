//! The set of `forcefield dev`: the org, the keys, the configuration, and Forcefield itself.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use argon2::password_hash::SaltString;
use argon2::password_hash::rand_core::OsRng;
use argon2::{Argon2, PasswordHasher};
use forcefield_emulator::{JobSeen, Org, Server};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize,
};
use tokio::sync::Mutex;
use tokio::sync::broadcast::Receiver;

use super::client::Client;
use super::sample::IDENTITIES;
use crate::app::Running;
use crate::exchange::Decided;

/// Everything that runs.
pub(super) struct Scene {
    salesforce: Server,
    forcefield: Running,
    folder: PathBuf,
    ca_pem: String,
    secrets: HashMap<&'static str, String>,
    tokens: Mutex<HashMap<&'static str, String>>,
    /// The token of the one responder.
    responder: String,
    leaked: AtomicUsize,
}

/// What a scene is made of.
pub(super) struct Staging<'f> {
    /// Where everything is made.
    pub(super) folder: &'f Path,
    /// Where Forcefield listens.
    pub(super) listen: SocketAddr,
    /// The org.
    pub(super) org: Server,
    /// The integrations: name and text, where `{HASH}` stands for the hash of a secret that is made anew.
    pub(super) files: Vec<(&'static str, String)>,
    /// Further sections of the main file.
    pub(super) sections: String,
}

impl Scene {
    /// The set of the sample integrations.
    pub(super) async fn set(listen: SocketAddr, folder: &Path) -> Result<Self> {
        let org = Org::builder().start().await.context("starting the emulated org")?;
        let files = IDENTITIES.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        Box::pin(Self::stage(Staging { folder, listen, org, files, sections: String::new() })).await
    }

    /// Makes the keys, writes the configuration, starts Forcefield.
    pub(super) async fn stage(staging: Staging<'_>) -> Result<Self> {
        let Staging { folder: root, listen, org: salesforce, files, sections } = staging;
        for name in ["keys", "tls", "identities"] {
            let folder = root.join(name);
            fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        }
        let ca_pem = certificates(root)?;
        fs::write(root.join("tls/salesforce.pem"), salesforce.ca_pem())?;
        let dashboard = format!("dashboard@{}", "sample.example");
        let public = credentials(root, &salesforce)?;
        salesforce.register_jwt_app("3MVG9sample.dashboard", &public, &dashboard)?;
        let secrets = identities(root, &files)?;
        let responder = random()?;
        fs::write(root.join("keys/responder.token"), &responder)?;
        fs::write(root.join("forcefield.yaml"), main_file(listen, &salesforce) + &sections)?;

        let read = forcefield_cli::read_config(&root.join("forcefield.yaml"), crate::app::today())?;
        let forcefield = Box::pin(Running::start(read.config)).await?;
        let (tokens, leaked) = (Mutex::default(), AtomicUsize::new(0));
        let folder = root.to_owned();
        Ok(Self { salesforce, forcefield, folder, ca_pem, secrets, tokens, responder, leaked })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.forcefield.address()
    }

    pub(super) fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    pub(super) fn decisions(&self) -> Receiver<Decided> {
        self.forcefield.decisions()
    }

    /// The folder of the record.
    pub(super) fn audit(&self) -> PathBuf {
        self.folder.join("audit")
    }

    /// The bulk jobs at the org.
    pub(super) fn jobs(&self) -> Vec<JobSeen> {
        self.salesforce.jobs()
    }

    /// The token of a sample integration, logged in once.
    pub(super) async fn token(&self, client: &Client, identity: &'static str) -> Result<String> {
        let mut tokens = self.tokens.lock().await;
        if let Some(token) = tokens.get(identity) {
            return Ok(token.clone());
        }
        let secret = self.secrets.get(identity).context("no such sample integration")?;
        let form = format!("grant_type=client_credentials&client_id={identity}&client_secret={secret}");
        let body = Some(("application/x-www-form-urlencoded", form.as_str()));
        let answer = client.call("POST", "/services/oauth2/token", None, body).await?;
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let token = json.get("access_token").and_then(serde_json::Value::as_str);
        let token =
            token.with_context(|| format!("{identity} cannot log in ({})", answer.status))?.to_owned();
        tokens.insert(identity, token.clone());
        Ok(token)
    }

    /// How many requests for data the org received.
    pub(super) fn data_requests_at_org(&self) -> usize {
        let requests = self.salesforce.requests();
        requests.iter().filter(|received| !received.target.starts_with("/services/oauth2/")).count()
    }

    /// How many requests of any sort the org received.
    pub(super) fn requests_at_org(&self) -> usize {
        self.salesforce.requests().len()
    }

    /// Counts the org's secret values in an answer.
    pub(super) fn note_answer(&self, text: &str) {
        let found = self.salesforce.canaries().iter().filter(|canary| text.contains(canary.as_str())).count();
        self.leaked.fetch_add(found, Ordering::Relaxed);
    }

    /// How many secret values were seen in answers.
    pub(super) fn canaries_in_answers(&self) -> usize {
        self.leaked.load(Ordering::Relaxed)
    }

    /// What a person needs to know to try it.
    pub(super) fn greeting(&self) -> String {
        let (base, ca) =
            (format!("https://localhost:{}", self.address().port()), self.folder.join("tls/ca.pem"));
        let secret = self.secrets.get("crm-sync").map_or("", String::as_str);
        let ca = ca.display();
        let console = self.forcefield.control_address().map_or(0, |address| address.port());
        let responder = &self.responder;
        format!(
            "Forcefield listens at {base}\n\
             It stands before an emulated Salesforce org at {}\n\
             CA file: {ca}\n\
             Configuration: {}\n\n\
             Try it (crm-sync may read and write much; `dashboard` and `chatbot` have the same secret):\n\n  \
             TOKEN=$(curl -s --cacert {ca} {base}/services/oauth2/token \\\n    \
             -d grant_type=client_credentials -d client_id=crm-sync -d client_secret={secret} | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n\n  \
             curl -s --cacert {ca} -H \"Authorization: Bearer $TOKEN\" -G {base}/services/data/v62.0/query \\\n    \
             --data-urlencode \"q=SELECT Name, Industry FROM Account LIMIT 3\"\n\n  \
             curl -s --cacert {ca} -H \"Authorization: Bearer $TOKEN\" -G {base}/services/data/v62.0/query \\\n    \
             --data-urlencode \"q=SELECT SSN__c FROM Contact LIMIT 3\"      # refused\n\n\
             The console, for a browser (it does not know the CA, and asks whether to go on): https://localhost:{console}/\n\
             Sign in with the token {responder}\n\n\
             Three integrations call every two seconds. Decisions, as they happen (Ctrl-C ends):\n",
            self.salesforce.url(),
            self.folder.display(),
        )
    }

    /// Ends Forcefield.
    pub(super) async fn end(self) {
        self.forcefield.stop().await;
    }
}

/// A throw-away CA and a certificate for `localhost`. Gives the CA, PEM.
fn certificates(root: &Path) -> Result<String> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "forcefield dev");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let mut params = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority)?;
    let tls = root.join("tls");
    fs::write(tls.join("ca.pem"), authority.pem())?;
    fs::write(tls.join("proxy.crt"), certificate.pem())?;
    fs::write(tls.join("proxy.key"), key.serialize_pem())?;
    Ok(authority.pem())
}

/// The connected apps of the sample integrations, known to the org. Gives the dashboard's public key, PEM.
fn credentials(root: &Path, salesforce: &Server) -> Result<String> {
    let keys = root.join("keys");
    for (suffix, client_id) in [("", "3MVG9sample.crm"), ("2", "3MVG9sample.chat")] {
        let secret = random()?;
        salesforce.register_client_credentials(client_id, &secret);
        fs::write(keys.join(format!("client_id{suffix}")), client_id)?;
        fs::write(keys.join(format!("client_secret{suffix}")), secret)?;
    }
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
    fs::write(keys.join("jwt_client_id"), "3MVG9sample.dashboard")?;
    fs::write(keys.join("jwt.pem"), key.serialize_pem())?;
    Ok(key.public_key_pem())
}

/// Writes the identities' files; each has the same new secret, hashed. Gives the secret by identity.
fn identities(root: &Path, files: &[(&'static str, String)]) -> Result<HashMap<&'static str, String>> {
    let secret = random()?;
    let hash = Argon2::default()
        .hash_password(secret.as_bytes(), &SaltString::generate(&mut OsRng))
        .map_err(|error| anyhow::anyhow!("hashing a secret: {error}"))?
        .to_string();
    let mut secrets = HashMap::new();
    for (name, text) in files {
        fs::write(
            root.join("identities").join(format!("{name}.yaml")),
            text.replace("{HASH}", &hash).replace("{EXPIRES}", "2099-12-31"),
        )?;
        secrets.insert(*name, secret.clone());
    }
    Ok(secrets)
}

fn main_file(listen: SocketAddr, salesforce: &Server) -> String {
    format!(
        "listen:\n  \
           proxy: {{ address: \"{listen}\", tls: {{ certificate: file:tls/proxy.crt, key: file:tls/proxy.key }} }}\n  \
           control: {{ address: \"127.0.0.1:0\", tls: {{ certificate: file:tls/proxy.crt, key: file:tls/proxy.key }} }}\n\
         responders:\n  - {{ name: you, role: admin, token: file:keys/responder.token }}\n\
         state: {{ path: state/ }}\n\
         audit: {{ path: audit/, when_full: block }}\n\
         orgs:\n  \
           sample: {{ url: {{ url: \"{}\", ca: file:tls/salesforce.pem }}, id: {}, environment: sandbox, api_versions: \"58.0-68.0\" }}\n\
         identities: identities/\n",
        salesforce.url(),
        salesforce.org_id(),
    )
}

/// 128 random bits, as text.
fn random() -> Result<String> {
    let salt = SaltString::generate(&mut OsRng);
    Ok(salt.as_str().replace(['+', '/'], "x"))
}
