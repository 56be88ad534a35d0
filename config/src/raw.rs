//! `forcefield.yaml` as it is written. The descriptions are those of the schema and of `docs/configuration.md`.

pub(crate) mod identity;
pub(crate) mod signals;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;

use forcefield_policy::names::ApiVersions;
use ipnet::IpNet;
use serde_json::{Value as Json, json};

use crate::config::{Approvals, CertificateMatch, CollectorUrl, OrgUrl, Role, TrustSource, WhenFull};
use crate::problem::Report;
use crate::read::{
    At, CertificateName, HttpProxyUrl, HttpsUrl, Lasting, Name, OrgId, Percent, Placed, Read, RedisUrl,
    Required, Table, TrustDomain, VaultUrl, record,
};
use crate::secret::SecretRef;
use crate::yaml::{Node, Value};

record! {
    /// forcefield.yaml
    Main {
        /// Where Forcefield listens.
        listen: Listen,
        /// Further certificates of `listen.proxy`, chosen by the name that the client asks for (SNI).
        certificates: Vec<NamedCertificate>,
        /// The Vault or OpenBao that `vault:` references are read from. Changes are taken up at the next start.
        vault: Option<Placed<Vault>>,
        /// Where state is kept; `{ path: state/ }` when absent.
        state: Option<Placed<State>>,
        /// Where records go; `{ path: audit/, when_full: block }` when absent.
        audit: Option<Audit>,
        /// The Salesforce orgs, by a name of your choice.
        orgs: Required<Table<Name, Placed<Org>>>,
        /// The places that exports may go, by a name of your choice.
        destinations: Table<Name, Placed<Destination>>,
        /// Who issues workload JWTs, by a name of your choice.
        issuers: Table<Name, Placed<Issuer>>,
        /// The people who may act through the control plane.
        responders: Vec<Placed<Responder>>,
        /// How many people it takes to widen (restore, break-glass): `1`, an admin, when absent, or `2`, one of them an
        /// admin. To narrow takes one, always.
        approvals: Option<At<Approvals>>,
        /// The folder of the integrations, one `.yaml` file each; `identities/` when absent.
        identities: Option<At<PathBuf>>,
        /// Deadlines and caps of the proxy listener.
        timeouts: Option<Timeouts>,
        /// Where traces, metrics and records are sent; nowhere when absent. Changes are taken up at the next start.
        telemetry: Option<Telemetry>,
        /// What is watched for, and what happens then: `docs/signals.md`.
        signals: Option<signals::Signals>,
    }
}

record! {
    /// listen
    Listen {
        /// Where integrations call.
        proxy: TlsListener,
        /// Where responders call.
        control: Option<TlsListener>,
        /// Prometheus text, `/healthz` and `/readyz`, without TLS.
        metrics: Option<PlainListener>,
        /// A CONNECT proxy for clients whose Salesforce hosts are fixed; it leads to `listen.proxy` and nowhere else.
        connect: Option<PlainListener>,
    }
}

record! {
    /// listen.proxy, listen.control
    TlsListener {
        /// The address to listen on; port 0 is any free one.
        address: At<SocketAddr>,
        /// The certificate that it shows, and the clients that it knows.
        tls: Tls,
    }
}

record! {
    /// listen.metrics, listen.connect
    PlainListener {
        /// The address to listen on; port 0 is any free one.
        address: At<SocketAddr>,
    }
}

record! {
    /// listen.*.tls
    Tls {
        /// The certificate chain, PEM.
        certificate: At<SecretRef>,
        /// Its private key, PEM.
        key: At<SecretRef>,
        /// The CAs of client certificates, PEM. With it a client certificate is asked for, never required.
        client_ca: Option<At<SecretRef>>,
        /// Where the authorities of SVIDs come from, by SPIFFE trust domain. With it an SVID is verified by those of its own domain only, and `client_ca` verifies certificates without a SPIFFE ID.
        trust_domains: Table<TrustDomain, At<TrustSource>>,
    }
}

record! {
    /// certificates
    NamedCertificate {
        /// The host names it is shown for.
        names: Required<Vec<At<CertificateName>>>,
        /// The certificate chain, PEM.
        certificate: At<SecretRef>,
        /// Its private key, PEM.
        key: At<SecretRef>,
    }
}

record! {
    /// state
    State {
        /// The folder of what is this replica's own; `state/` when absent.
        path: Option<At<PathBuf>>,
        /// The Redis or Valkey that several replicas share.
        redis: Option<At<RedisUrl>>,
        /// Its password.
        password: Option<At<SecretRef>>,
        /// The CAs of its certificate with `rediss://`, PEM; public ones when absent.
        ca: Option<At<SecretRef>>,
        /// Seals what replicas share there and nobody else may read: refresh tokens. At least 32 random bytes that every
        /// replica has and the store has not.
        key: Option<At<SecretRef>>,
        /// A second key that opens what was sealed: the one before `key`, or the next one.
        other_key: Option<At<SecretRef>>,
    }
}

record! {
    /// audit
    Audit {
        /// The folder of the records; `audit/` when absent.
        path: Option<At<PathBuf>>,
        /// The key of the hash chain.
        key: Option<At<SecretRef>>,
        /// The Ed25519 private key that signs the record, in PEM; one derived from `key` when absent. With one of its own,
        /// who knows `key` cannot sign.
        signing_key: Option<At<SecretRef>>,
        /// When a record cannot be written: refuse requests (`block`, also when absent) or count the gap (`count`).
        when_full: Option<At<WhenFull>>,
    }
}

record! {
    /// orgs
    Org {
        /// Where the org is: its URL, or a mapping when it takes more than that to reach it.
        url: OrgPlace,
        /// The org's id. Answers of any other org are refused.
        id: At<OrgId>,
        /// `production`, `sandbox` or what you call it; the org's name when absent.
        environment: Option<At<String>>,
        /// The API versions that may be used.
        api_versions: At<ApiVersions>,
    }
}

record! {
    /// orgs.*.url, as a mapping
    OrgReach {
        /// The URL.
        url: At<OrgUrl>,
        /// The CAs of the org's certificate, PEM, in place of the public ones.
        ca: Option<At<SecretRef>>,
        /// The certificate to show to the org (mutual TLS, port 8443), PEM.
        client_certificate: Option<At<SecretRef>>,
        /// Its private key, PEM; in the same file as the certificate when absent.
        client_key: Option<At<SecretRef>>,
        /// The outbound HTTP proxy to reach the org through, by CONNECT.
        https_proxy: Option<At<HttpProxyUrl>>,
        /// What JWT bearer assertions are addressed to, such as `https://login.salesforce.com`; the URL when absent.
        audience: Option<At<HttpsUrl>>,
    }
}

record! {
    /// destinations
    Destination {
        /// The networks that it fetches from.
        networks: Vec<At<IpNet>>,
        /// The client certificates that it shows.
        certificates: Vec<At<CertificateMatch>>,
    }
}

record! {
    /// issuers
    Issuer {
        /// Where its keys are found by OIDC discovery. Exactly one of `url` and `jwks`.
        url: Option<At<HttpsUrl>>,
        /// The CAs of the certificates at `url` and where its keys are, PEM, in place of the public ones.
        ca: Option<At<SecretRef>>,
        /// Its keys: a JWKS document, or, with `trust_domain`, also a SPIFFE Workload API (`unix:SOCKET`) that tells them. Exactly one of `url` and `jwks`.
        jwks: Option<At<TrustSource>>,
        /// The SPIFFE trust domain whose JWT-SVIDs these are. They are known by their subject, in place of an `iss` claim.
        trust_domain: Option<At<TrustDomain>>,
        /// The `iss` claim; the `url`, or else the issuer's name here, when absent.
        issuer: Option<At<String>>,
        /// The `aud` claim.
        audience: At<String>,
    }
}

record! {
    /// responders
    Responder {
        /// The name in records.
        name: At<String>,
        /// `viewer` looks, `responder` narrows (throttle, quarantine, kill), `admin` does everything.
        role: At<Role>,
        /// The client certificate that proves it. Exactly one of `certificate` and `token`.
        certificate: Option<At<CertificateMatch>>,
        /// The bearer token that proves it. Exactly one of `certificate` and `token`.
        token: Option<At<SecretRef>>,
    }
}

record! {
    /// timeouts
    Timeouts {
        /// A client's whole TLS handshake; `10s` when absent.
        handshake: Option<At<Lasting>>,
        /// A request's head; `15s` when absent.
        head: Option<At<Lasting>>,
        /// A request's body; `60s` when absent.
        body: Option<At<Lasting>>,
        /// Connecting to the org, TLS included; `10s` when absent.
        connect: Option<At<Lasting>>,
        /// From the request sent to the head of the org's answer; `120s` when absent.
        answer: Option<At<Lasting>>,
        /// Between two pieces of an answer, and the longest that a client may not read; `60s` when absent.
        idle: Option<At<Lasting>>,
        /// The longest request, and so how long a drain waits; `600s` when absent.
        longest: Option<At<Lasting>>,
        /// Client connections at one time; 10000 when absent.
        connections: Option<At<NonZeroU32>>,
    }
}

record! {
    /// telemetry
    Telemetry {
        /// The OTLP collector, by HTTP with protobuf; `/v1/traces`, `/v1/metrics` and `/v1/logs` follow.
        otlp: At<CollectorUrl>,
        /// The CAs of its certificate, PEM, in place of the public ones.
        ca: Option<At<SecretRef>>,
        /// Headers of every request to it, such as `authorization`.
        headers: Table<Name, At<SecretRef>>,
        /// The share of exchanges that are traced; none when absent.
        traces: Option<At<Percent>>,
        /// Whether it gets the metrics; `true` when absent.
        metrics: Option<At<bool>>,
        /// Whether it gets the records, each as its line; `false` when absent.
        logs: Option<At<bool>>,
        /// How often what has gathered is sent; `15s` when absent.
        interval: Option<At<Lasting>>,
    }
}

record! {
    /// vault
    Vault {
        /// Where it is. `http://` is taken for `localhost` and `127.0.0.1` only, where an agent of Vault's may listen.
        address: At<VaultUrl>,
        /// The CAs of its certificate, PEM, in place of the public ones.
        ca: Option<At<SecretRef>>,
        /// Its namespace, where it has several.
        namespace: Option<At<String>>,
        /// Login by AppRole. Exactly one of `approle`, `kubernetes` and `token`.
        approle: Option<AppRole>,
        /// Login by the token of a Kubernetes service account, or any JWT of a file. Exactly one of `approle`, `kubernetes` and `token`.
        kubernetes: Option<Kubernetes>,
        /// A token of Vault's, as an agent writes one to a file. Exactly one of `approle`, `kubernetes` and `token`.
        token: Option<At<SecretRef>>,
        /// How often it is looked whether secrets have changed; `5m` when absent.
        refresh: Option<At<Lasting>>,
    }
}

record! {
    /// vault.approle
    AppRole {
        /// The role's id.
        role_id: At<SecretRef>,
        /// Its secret id.
        secret_id: At<SecretRef>,
        /// Where the auth method is mounted; `approle` when absent.
        mount: Option<At<Name>>,
    }
}

record! {
    /// vault.kubernetes
    Kubernetes {
        /// The role.
        role: At<String>,
        /// The JWT, read anew for each login; `file:/var/run/secrets/kubernetes.io/serviceaccount/token` when absent.
        token: Option<At<SecretRef>>,
        /// Where the auth method is mounted, also one of the kind `jwt`; `kubernetes` when absent.
        mount: Option<At<Name>>,
    }
}

/// Where an org is: a URL, or a mapping around one.
#[derive(Debug)]
pub(crate) enum OrgPlace {
    Url(At<OrgUrl>),
    Reach(Box<OrgReach>),
}

impl Read for OrgPlace {
    fn read(node: &Node<'_>, report: &mut Report<'_>) -> Option<Self> {
        match node.value {
            Value::Map(_) => OrgReach::read(node, report).map(Box::new).map(Self::Reach),
            Value::Scalar(_) | Value::List(_) => At::read(node, report).map(Self::Url),
        }
    }

    fn schema() -> Json {
        let title = "an org's URL such as `https://acme.my.salesforce.com`, or a mapping (below)";
        json!({ "title": title, "anyOf": [<At<OrgUrl> as Read>::schema(), OrgReach::schema()] })
    }
}
