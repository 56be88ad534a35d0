//! A configuration as it is served: every value checked, every name resolved within the file.

mod limits;
mod signals;
mod vault;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use forcefield_policy::grant::{Enforcement, GrantsSpec};
use forcefield_policy::names::{ApiVersions, IdentityName, ObjectName};
use ipnet::IpNet;
use jiff::civil::Date;

pub use limits::{Budget, Limits, Rate, Rated, Window};
pub use signals::{
    Fingerprint, JobDeleted, Learning, Reconnaissance, RowRate, SignalLevel, SignalThrottle, Signals, Silent,
    Trait, Watch,
};
pub use vault::{Vault, VaultAddress, VaultLogin};

use crate::secret::SecretRef;

/// Everything that one Forcefield serves.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder that relative paths start from: where `forcefield.yaml` is.
    pub root: PathBuf,
    /// The listeners.
    pub listen: Listen,
    /// Further certificates, chosen by SNI.
    pub certificates: Vec<NamedCertificate>,
    /// Where secrets with a `vault:` reference are read.
    pub vault: Option<Vault>,
    /// Where state is kept.
    pub state: State,
    /// Where records go.
    pub audit: Audit,
    /// The orgs, by name.
    pub orgs: BTreeMap<String, Org>,
    /// The places that exports may go, by name.
    pub destinations: BTreeMap<String, Destination>,
    /// Issuers of workload JWTs, by name.
    pub issuers: BTreeMap<String, Issuer>,
    /// The people who may act through the control plane.
    pub responders: Vec<Responder>,
    /// How many of them it takes to widen.
    pub approvals: Approvals,
    /// The integrations, by name.
    pub identities: BTreeMap<IdentityName, Identity>,
    /// Deadlines and caps of the proxy listener.
    pub timeouts: Timeouts,
    /// Where traces, metrics and records are sent, if anywhere.
    pub telemetry: Option<Telemetry>,
    /// What is watched for, where an integration does not say otherwise.
    pub signals: Signals,
}

/// The listeners.
#[derive(Clone, Debug)]
pub struct Listen {
    /// Where integrations call.
    pub proxy: TlsListener,
    /// Where responders call.
    pub control: Option<TlsListener>,
    /// Prometheus text, `/healthz`, `/readyz`, without TLS.
    pub metrics: Option<SocketAddr>,
    /// CONNECT for clients whose Salesforce hosts are fixed.
    pub connect: Option<SocketAddr>,
}

/// A listener with TLS.
#[derive(Clone, Debug)]
pub struct TlsListener {
    /// The address it binds; port 0 is any free one.
    pub address: SocketAddr,
    /// Its certificate and key.
    pub tls: Tls,
}

/// What a TLS listener shows and asks for.
#[derive(Clone, Debug)]
pub struct Tls {
    /// The certificate chain, PEM.
    pub certificate: SecretRef,
    /// The private key, PEM.
    pub key: SecretRef,
    /// The CAs of client certificates, PEM. A client certificate is asked for, never required.
    pub client_ca: Option<SecretRef>,
    /// Where the authorities of SVIDs come from, by trust domain. With one, `client_ca` is for other certificates.
    pub trust_domains: BTreeMap<String, TrustSource>,
}

/// Where the authorities of a trust domain come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrustSource {
    /// A bundle, PEM.
    Bundle(SecretRef),
    /// The SPIFFE Workload API at this Unix socket.
    WorkloadApi(PathBuf),
}

/// A certificate for names of its own.
#[derive(Clone, Debug)]
pub struct NamedCertificate {
    /// Host names; `*.` stands for one label.
    pub names: Vec<String>,
    /// The certificate chain, PEM.
    pub certificate: SecretRef,
    /// The private key, PEM.
    pub key: SecretRef,
}

/// Where state is kept.
#[derive(Clone, Debug)]
pub enum State {
    /// In a folder of this replica.
    Embedded(PathBuf),
    /// In Redis or Valkey, shared by several replicas, and in a folder for what is this replica's own.
    Redis {
        /// `redis://host:port`, or `rediss://` with TLS.
        url: String,
        /// Its password.
        password: Option<SecretRef>,
        /// The CAs of its certificate; public ones when absent.
        ca: Option<SecretRef>,
        /// What seals the refresh tokens that replicas share there.
        keys: Option<Box<StateKeys>>,
        /// The folder.
        path: PathBuf,
    },
}

/// What seals what nobody may read in a shared store.
#[derive(Clone, Debug)]
pub struct StateKeys {
    /// Seals, and opens.
    pub key: SecretRef,
    /// Opens too: the key before `key`, or the one after it.
    pub other: Option<SecretRef>,
}

/// Where records go.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The folder.
    pub path: PathBuf,
    /// The key of the hash chain.
    pub key: Option<SecretRef>,
    /// The private key that signs checkpoints, unless it is derived from the key of the chain.
    pub signing_key: Option<SecretRef>,
    /// What happens when a record cannot be written.
    pub when_full: WhenFull,
}

/// What happens when a record cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// Requests are refused.
    Block,
    /// Requests pass, and the gap is counted and recorded.
    Count,
}

/// One Salesforce org.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Org {
    /// Its name in the configuration.
    pub name: String,
    /// Its base URL, without a trailing slash: scheme `https`, host, optional port.
    pub url: OrgUrl,
    /// Its 15-character id: answers of any other org are refused.
    pub id: String,
    /// `production`, `sandbox`, or what else the organisation calls it.
    pub environment: String,
    /// The API versions that may be used.
    pub api_versions: ApiVersions,
    /// The CAs of the org's certificate, PEM, in place of the public ones.
    pub ca: Option<SecretRef>,
    /// The certificate and key to show to the org (mutual TLS on 8443), PEM.
    pub client_certificate: Option<(SecretRef, SecretRef)>,
    /// An outbound HTTP proxy to reach it through.
    pub https_proxy: Option<String>,
    /// Where JWT bearer assertions are addressed to; the org's URL when absent.
    pub audience: Option<String>,
}

/// The base URL of an org.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OrgUrl {
    /// The host, lower case.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// An OTLP collector, and what it gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// Where it is; `/v1/traces` and so on follow.
    pub otlp: CollectorUrl,
    /// The CAs of its certificate, PEM, in place of the public ones.
    pub ca: Option<SecretRef>,
    /// Headers of every request to it, lower case, with their values.
    pub headers: BTreeMap<String, SecretRef>,
    /// The share of exchanges that are traced, in percent; `None` for none.
    pub traces: Option<f64>,
    /// Whether it gets the metrics.
    pub metrics: bool,
    /// Whether it gets the records.
    pub logs: bool,
    /// How often what has gathered is sent.
    pub interval: Duration,
}

/// Where a collector is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorUrl {
    /// Whether it is reached by TLS; if not, it is on this host.
    pub tls: bool,
    /// The host, lower case.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The path before `/v1/..`, without a trailing slash.
    pub path: String,
}

/// A named place that exports may go.
#[derive(Clone, Debug)]
pub struct Destination {
    /// The networks it fetches from; empty means any.
    pub networks: Vec<IpNet>,
    /// The certificates it shows; empty means any, but not both lists are empty.
    pub certificates: Vec<CertificateMatch>,
}

/// What a client certificate must carry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CertificateMatch {
    /// A URI SAN, exactly: `spiffe://trust.domain/path`.
    Uri(String),
    /// A DNS SAN, exactly, lower case.
    Dns(String),
    /// The SHA-256 of the certificate's DER, lower-case hexadecimal.
    Sha256(String),
}

/// Who issues workload JWTs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// What its tokens are known by.
    pub known_by: KnownBy,
    /// The `aud` claim.
    pub audience: String,
    /// Where its keys come from.
    pub keys: IssuerKeys,
}

/// What the tokens of an issuer are known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownBy {
    /// The `iss` claim.
    Claim(String),
    /// They are JWT-SVIDs: the trust domain of their subject.
    TrustDomain(String),
}

/// Where the keys of an issuer come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKeys {
    /// OIDC discovery.
    Discovery {
        /// Below which `/.well-known/openid-configuration` is.
        url: String,
        /// The CAs of its certificates, PEM, in place of the public ones.
        ca: Option<SecretRef>,
    },
    /// A JWKS document.
    Jwks(SecretRef),
    /// The JWT bundle of a trust domain, as the SPIFFE Workload API at a Unix socket tells it.
    WorkloadApi {
        /// The socket.
        socket: PathBuf,
        /// The trust domain.
        trust_domain: String,
    },
}

/// A person who may act through the control plane.
#[derive(Clone, Debug)]
pub struct Responder {
    /// The name in records.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// How they prove who they are.
    pub proof: ResponderProof,
}

/// What a responder may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Look.
    Viewer,
    /// Narrow: throttle, quarantine, kill.
    Responder,
    /// Everything.
    Admin,
}

/// How many people it takes to widen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Approvals {
    /// An admin.
    #[default]
    One,
    /// Two, at least one of them an admin.
    Two,
}

/// How a responder proves who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponderProof {
    /// By client certificate.
    Certificate(CertificateMatch),
    /// By bearer token.
    Token(SecretRef),
}

/// One integration.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its name.
    pub name: IdentityName,
    /// Who answers for it.
    pub owner: String,
    /// What it is for.
    pub purpose: String,
    /// The last day on which it is served.
    pub expires: Date,
    /// The org it works with, a key of [`Config::orgs`].
    pub org: String,
    /// Whether refusals for want of a grant are carried out.
    pub mode: Mode,
    /// Its own host name, lower case: requests of this identity must come to it.
    pub host: Option<String>,
    /// What proves that a caller is this integration: any one.
    pub authenticate: Vec<Authenticate>,
    /// Where it may call from; empty means anywhere.
    pub networks: Vec<IpNet>,
    /// The lifetime of tokens that Forcefield hands out to it.
    pub session: Duration,
    /// How long a job that it deletes stays at the org as evidence.
    pub evidence: Duration,
    /// What Forcefield holds for it at the org.
    pub credential: Credential,
    /// Why it shares its client id with another identity, if it does.
    pub shared: Option<String>,
    /// `allow`, `also` and the names of `exports`.
    pub grants: GrantsSpec,
    /// Where exports of an object may go.
    pub exports: Vec<Export>,
    /// How much.
    pub limits: Limits,
    /// What is watched for.
    pub signals: Signals,
}

/// Whether refusals for want of a grant are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    Enforce,
    /// They are noted in the record until the end of this day, then carried out.
    Observe(Date),
    /// They are also told in a response header.
    Warn(Date),
}

/// One way to prove who is calling.
#[derive(Clone, Debug)]
pub enum Authenticate {
    /// A client certificate.
    Certificate(CertificateMatch),
    /// A workload JWT.
    Jwt {
        /// A key of [`Config::issuers`].
        issuer: String,
        /// The `sub` claim, exactly.
        subject: String,
    },
    /// A client id and secret, for logins at Forcefield.
    Client {
        /// The client id.
        id: String,
        /// The secret's argon2id hash, PHC string.
        secret_hash: String,
    },
    /// A user name and password, for stock clients that insist.
    Login {
        /// The user name.
        username: String,
        /// The password's argon2id hash, PHC string.
        password_hash: String,
    },
}

/// What Forcefield holds for an identity at its org.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// OAuth 2.0 JWT bearer.
    JwtBearer {
        /// The connected app's consumer key.
        client_id: SecretRef,
        /// The RSA private key, PEM.
        key: SecretRef,
        /// The Salesforce user.
        username: String,
    },
    /// OAuth 2.0 client credentials.
    ClientCredentials {
        /// The connected app's consumer key.
        client_id: SecretRef,
        /// Its secret.
        client_secret: SecretRef,
    },
    /// OAuth 2.0 refresh token.
    RefreshToken {
        /// The connected app's consumer key.
        client_id: SecretRef,
        /// Its secret, for confidential apps.
        client_secret: Option<SecretRef>,
        /// The first refresh token; a rotated one is kept in the state folder.
        refresh_token: SecretRef,
    },
}

/// Where exports of one object may go.
#[derive(Clone, Debug)]
pub struct Export {
    /// The object.
    pub object: ObjectName,
    /// Keys of [`Config::destinations`], at least one.
    pub to: Vec<String>,
    /// The most rows per window.
    pub rows: Option<Budget>,
}

/// Deadlines and caps of the proxy listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// The whole TLS handshake.
    pub handshake: Duration,
    /// The request head.
    pub head: Duration,
    /// The request body.
    pub body: Duration,
    /// Connecting to the org, TLS included.
    pub connect: Duration,
    /// From the request sent to the answer's head.
    pub answer: Duration,
    /// Between two pieces of an answer, and the longest that a client may not read.
    pub idle: Duration,
    /// The longest request: how long a drain waits.
    pub longest: Duration,
    /// Connections at one time.
    pub connections: usize,
}

impl Mode {
    /// Whether refusals for want of a grant are carried out on a day.
    #[must_use]
    pub fn enforcement(self, today: Date) -> Enforcement {
        match self {
            Self::Observe(until) | Self::Warn(until) if today <= until => Enforcement::Observe,
            Self::Enforce | Self::Observe(_) | Self::Warn(_) => Enforcement::Enforce,
        }
    }
}

impl Credential {
    /// Where its secrets are.
    #[must_use]
    pub fn secrets(&self) -> Vec<&SecretRef> {
        match self {
            Self::JwtBearer { client_id, key, username: _ } => vec![client_id, key],
            Self::ClientCredentials { client_id, client_secret } => vec![client_id, client_secret],
            Self::RefreshToken { client_id, client_secret, refresh_token } => {
                [client_id, refresh_token].into_iter().chain(client_secret).collect()
            }
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_secs(15),
            body: Duration::from_secs(60),
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(120),
            idle: Duration::from_secs(60),
            longest: Duration::from_secs(600),
            connections: 10_000,
        }
    }
}

impl OrgUrl {
    /// `https://host` or `https://host:port`, without a trailing slash.
    #[must_use]
    pub fn base(&self) -> String {
        format!("https://{}", self.authority())
    }

    /// Every base URL by which the org may speak of itself: one that is reached at a port of its own, such as 8443 for
    /// mutual TLS, names itself without it.
    #[must_use]
    pub fn bases(&self) -> Vec<String> {
        let plain = format!("https://{}", self.host);
        let mut bases = vec![format!("{plain}:443"), plain];
        if self.port != 443 {
            bases.push(self.base());
        }
        bases
    }

    /// `host`, or `host:port` when the port is not 443.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == 443 { self.host.clone() } else { format!("{}:{}", self.host, self.port) }
    }
}
