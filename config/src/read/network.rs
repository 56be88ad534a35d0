//! Addresses, networks, host names, URLs and what a certificate must carry.

use std::fmt;
use std::net::SocketAddr;

use ipnet::IpNet;
use serde_json::{Value as Json, json};

use super::{Leaf, Wrong};
use crate::config::{CertificateMatch, CollectorUrl, OrgUrl, TrustSource, VaultAddress};
use crate::problem::{Place, Report};
use crate::secret::SecretRef;
use crate::yaml::Scalar;

/// A host name, lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Host(pub(crate) String);

/// A host name, lower case, or `*.` and one: the names of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateName(pub(crate) String);

/// `https://`, a host, and perhaps a port and a path.
#[derive(Clone, Debug)]
pub(crate) struct HttpsUrl(pub(crate) String);

/// `http://` or `https://`, a host and a port.
#[derive(Clone, Debug)]
pub(crate) struct HttpProxyUrl(pub(crate) String);

/// A SPIFFE trust domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrustDomain(pub(crate) String);

/// `https://`, or `http://` on this host, a host and perhaps a port.
#[derive(Clone, Debug)]
pub(crate) struct VaultUrl(pub(crate) VaultAddress);

/// `redis://` or `rediss://`, a host and perhaps a port and a number.
#[derive(Clone, Debug)]
pub(crate) struct RedisUrl(pub(crate) String);

impl Leaf for SocketAddr {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let wrong = || {
            let help = "write an IP address and a port: `0.0.0.0:8443` or `[::]:8443`";
            Wrong::new(format!("`{}` is not an address to listen on", scalar.text), help)
        };
        scalar.text.parse().map_err(|_| wrong())
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "an IP address and a port such as `0.0.0.0:8443`" })
    }
}

impl Leaf for IpNet {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = &*scalar.text;
        let wrong = |help: String| Wrong::new(format!("`{text}` is not a network"), help);
        if let Ok(address) = text.parse::<std::net::IpAddr>() {
            return Err(wrong(format!("write its length too: `{}`", Self::from(address))));
        }
        let network: Self = text.parse().map_err(|_| wrong("write it like `10.20.0.0/16`".to_owned()))?;
        if network.trunc() == network {
            Ok(network)
        } else {
            Err(wrong(format!("its address goes beyond its length: write `{}`", network.trunc())))
        }
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a network such as `10.20.0.0/16`" })
    }
}

impl Leaf for Host {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = scalar.as_text()?;
        let wrong = || {
            let help = "write a name without scheme, port and path: `billing.sf.corp.example`";
            Wrong::new(format!("`{text}` is not a host name"), help)
        };
        host(text).map(Self).ok_or_else(wrong)
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a host name such as `billing.sf.corp.example`" })
    }
}

impl Leaf for CertificateName {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = scalar.as_text()?;
        let (star, rest) = text.strip_prefix("*.").map_or(("", text), |rest| ("*.", rest));
        let wrong = || {
            let help = "write `login.salesforce.com`, or `*.my.salesforce.com` for one label in front";
            Wrong::new(format!("`{text}` is not a name that a certificate can stand for"), help)
        };
        host(rest).map(|host| Self(format!("{star}{host}"))).ok_or_else(wrong)
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a host name, or `*.` and one" })
    }
}

impl Leaf for OrgUrl {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let help = "write `https://`, the org's My Domain host, and a port if it is not 443: `https://acme.my.salesforce.com`";
        let rest = after_scheme(&scalar.text, &["https://"], help)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) =
            host_and_port(authority).ok_or_else(|| Wrong::new("this is not the URL of an org", help))?;
        Ok(Self { host, port: port.unwrap_or(443) })
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "an org's URL such as `https://acme.my.salesforce.com`", "pattern": "^https://[^/@]+/?$" })
    }
}

impl Leaf for HttpsUrl {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let help =
            "write `https://`, a host, and perhaps a path: `https://token.actions.githubusercontent.com`";
        let rest = after_scheme(&scalar.text, &["https://"], help)?;
        let (authority, path) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        let known = host_and_port(authority).filter(|_| path.bytes().all(plain));
        known
            .map(|_| Self(scalar.text.clone().into_owned()))
            .ok_or_else(|| Wrong::new("this is not an `https` URL", help))
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "an `https` URL", "pattern": "^https://[^/@]+(/.*)?$" })
    }
}

impl Leaf for HttpProxyUrl {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let help = "write `http://`, a host and a port: `http://proxy.corp.example:3128`";
        let rest = after_scheme(&scalar.text, &["http://"], help)?;
        let known = host_and_port(rest.strip_suffix('/').unwrap_or(rest));
        known
            .map(|_| Self(scalar.text.clone().into_owned()))
            .ok_or_else(|| Wrong::new("this is not the URL of a proxy", help))
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "the URL of a proxy such as `http://proxy.corp.example:3128`", "pattern": "^http://[^/@]+/?$" })
    }
}

impl Leaf for CollectorUrl {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let help = "write `https://`, a host, and perhaps a port and a path: `https://otel.corp.example:4318`; a collector on this host may have `http://127.0.0.1:4318`";
        let rest = after_scheme(&scalar.text, &["https://", "http://"], help)?;
        let tls = scalar.text.starts_with("https://");
        let (authority, path) = rest.find('/').and_then(|at| rest.split_at_checked(at)).unwrap_or((rest, ""));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
        let known = host_and_port(authority).filter(|_| path.bytes().all(plain));
        let (host, port) = known.ok_or_else(|| Wrong::new("this is not the URL of a collector", help))?;
        let loopback = |address: std::net::Ipv4Addr| address.is_loopback();
        if !tls && host != "localhost" && !host.parse().is_ok_and(loopback) {
            return Err(Wrong::new("records would leave this host in the clear", help));
        }
        let path = path.trim_end_matches('/').to_owned();
        Ok(Self { tls, host, port: port.unwrap_or(if tls { 443 } else { 4318 }), path })
    }

    fn schema() -> Json {
        let title = "the URL of an OTLP collector such as `https://otel.corp.example:4318`";
        let pattern = "^(https://[^/@]+(/.*)?|http://(localhost|127\\.[0-9.]+)(:[0-9]+)?(/.*)?)$";
        json!({ "type": "string", "title": title, "pattern": pattern })
    }
}

impl Leaf for VaultUrl {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let help = "write `https://`, a host and a port: `https://vault.corp.example:8200`";
        let rest = after_scheme(&scalar.text, &["https://", "http://"], help)?;
        let tls = scalar.text.starts_with("https:");
        let known = host_and_port(rest.strip_suffix('/').unwrap_or(rest));
        let (host, port) = known.ok_or_else(|| Wrong::new("this is not the URL of a Vault", help))?;
        let is_here =
            host == "localhost" || host.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback());
        if !tls && !is_here {
            let help = "write `https://`; `http://` is for an agent of Vault's on this host (`127.0.0.1`)";
            return Err(Wrong::new("secrets would travel this network without TLS", help));
        }
        let port = port.unwrap_or(if tls { 443 } else { 80 });
        Ok(Self(VaultAddress { place: OrgUrl { host, port }, tls }))
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "the URL of a Vault such as `https://vault.corp.example:8200`", "pattern": "^https?://[^/@]+/?$" })
    }
}

impl Leaf for RedisUrl {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let help = "write `redis://` (`rediss://` with TLS), a host, and perhaps a port and a database: `redis://cache:6379`; a password goes to `password` as a reference";
        let rest = after_scheme(&scalar.text, &["redis://", "rediss://"], help)?;
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let number = database.bytes().all(|byte| byte.is_ascii_digit());
        let known = host_and_port(authority).filter(|_| number);
        known
            .map(|_| Self(scalar.text.clone().into_owned()))
            .ok_or_else(|| Wrong::new("this is not the URL of a Redis", help))
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "the URL of a Redis such as `redis://cache:6379`", "pattern": "^rediss?://[^/@]+(/[0-9]*)?$" })
    }
}

impl Leaf for CertificateMatch {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = &*scalar.text;
        let wrong = |what: &str| Wrong::new(format!("`{text}` is not {what}"), HELP);
        if text.starts_with("spiffe:") {
            return spiffe(text).map(|()| Self::Uri(text.to_owned())).map_err(wrong);
        }
        if let Some(name) = text.strip_prefix("dns:") {
            return host(name).map(Self::Dns).ok_or_else(|| wrong("a host name after `dns:`"));
        }
        if let Some(digest) = text.strip_prefix("sha256:") {
            let digest: String = digest.chars().filter(|digit| *digit != ':').collect();
            let whole = digest.len() == 64 && digest.bytes().all(|digit| digit.is_ascii_hexdigit());
            let wrong = || wrong("a SHA-256 after `sha256:` (64 hexadecimal digits)");
            return whole.then(|| Self::Sha256(digest.to_ascii_lowercase())).ok_or_else(wrong);
        }
        Err(wrong("something that a certificate can carry"))
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "what a client certificate carries: `spiffe://TRUST.DOMAIN/PATH`, `dns:NAME` or `sha256:FINGERPRINT`", "pattern": "^(spiffe://|dns:|sha256:).+" })
    }
}

impl Leaf for TrustDomain {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let text = scalar.as_text()?;
        let help = "write it without `spiffe://`, in lower case: `corp.example`";
        let wrong = || Wrong::new(format!("`{text}` is not a SPIFFE trust domain"), help);
        is_trust_domain(text).then(|| Self(text.to_owned())).ok_or_else(wrong)
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "a SPIFFE trust domain such as `corp.example`", "pattern": "^[a-z0-9._-]{1,255}$" })
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Leaf for TrustSource {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let Some(socket) = scalar.text.strip_prefix("unix:") else {
            let wrong = |_| {
                let help = "write `unix:/run/spire/agent/public/api.sock`, or `file:PATH`, `env:NAME`, `vault:MOUNT/PATH#FIELD` or `exec:COMMAND`";
                Wrong::new(
                    "this is neither the socket of a SPIFFE Workload API nor a reference to a bundle",
                    help,
                )
            };
            return SecretRef::leaf(scalar).map(Self::Bundle).map_err(wrong);
        };
        // `unix:///run/x` and `unix:/run/x` are the same socket.
        let socket = socket.strip_prefix("//").unwrap_or(socket);
        let wrong = || {
            let help = "write its absolute path: `unix:/run/spire/agent/public/api.sock`";
            Wrong::new(format!("`{}` is not a Unix socket", scalar.text), help)
        };
        let is_absolute = socket.starts_with('/') && socket.len() > 1;
        is_absolute.then(|| Self::WorkloadApi(socket.into())).ok_or_else(wrong)
    }

    fn note(&self, at: Place, report: &mut Report<'_>) {
        match self {
            Self::Bundle(bundle) => bundle.note(at, report),
            Self::WorkloadApi(_) => {}
        }
    }

    fn schema() -> Json {
        json!({ "type": "string", "title": "`unix:SOCKET` for a SPIFFE Workload API, or a reference to a bundle as to a secret", "pattern": "^unix:/.+|^(file|env|exec):.+|^vault:[^/]+/[^#]+#.+" })
    }
}

/// A trust domain in the one spelling that the SPIFFE standard has for it.
fn is_trust_domain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    (1..=255).contains(&text.len()) && text.bytes().all(plain)
}

/// A SPIFFE id of a workload, by the letter of the standard: no other spelling of the same id is taken.
fn spiffe(text: &str) -> Result<(), &'static str> {
    let rest = text.strip_prefix("spiffe://").ok_or("a SPIFFE id")?;
    let (domain, path) = rest.split_once('/').ok_or("the SPIFFE id of a workload (it has no path)")?;
    if !is_trust_domain(domain) {
        return Err("a SPIFFE id (a trust domain has lower-case letters, digits, `.`, `-` and `_`)");
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(plain);
    if text.len() > 2048 || !path.split('/').all(segment) {
        return Err("a SPIFFE id (a path has segments of letters, digits, `.`, `-` and `_`, none empty)");
    }
    Ok(())
}

/// What follows the scheme. Text before an `@` may be a password, so such a URL is refused and not repeated.
fn after_scheme<'t>(text: &'t str, schemes: &[&str], help: &str) -> Result<&'t str, Wrong> {
    if text.contains('@') {
        return Err(Wrong::new("a user name or password stands in this URL", help));
    }
    let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme));
    rest.ok_or_else(|| {
        Wrong::new(format!("this URL does not start with {}", super::listed(schemes.iter().copied())), help)
    })
}

fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let Some((name, port)) = authority.split_once(':') else { return Some((host(authority)?, None)) };
    let digits = port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|port| digits && *port != 0)?;
    Some((host(name)?, Some(port)))
}

/// A host name in lower case, when it is one: letters, digits, `-` and `_` in labels.
fn host(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(plain)
    };
    (text.len() <= 253 && text.split('.').all(label)).then(|| text.to_ascii_lowercase())
}

const HELP: &str = "write `spiffe://TRUST.DOMAIN/PATH`, `dns:NAME` or `sha256:FINGERPRINT`";
