//! Client certificates: what an identity can be matched by, and the rules of X.509-SVIDs.
//!
//! The chain was verified by the listener; only the leaf is read here. The rules are those of the SPIFFE standards
//! `SPIFFE-ID` and `X509-SVID` (sections 2 to 5).

use aws_lc_rs::digest::{SHA256, digest};
use forcefield_config::config::CertificateMatch;
use jiff::Timestamp;
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

/// The leaf certificate of a verified client chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    uris: Vec<String>,
    names: Vec<String>,
    fingerprint: String,
    ends: Timestamp,
}

/// A certificate that cannot say who is calling.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// Not X.509, or an extension of it cannot be read.
    #[error("the client certificate cannot be read")]
    Unreadable,
    /// It names a SPIFFE ID beside another URI.
    #[error("an SVID has exactly one URI as its subject alternative names, this certificate has {0}")]
    Uris(usize),
    /// The URI is not a SPIFFE ID of a workload.
    #[error("`{0}` is not the SPIFFE ID of a workload")]
    SpiffeId(String),
    /// It can sign other certificates.
    #[error("an SVID of a workload is not a CA certificate")]
    Authority,
    /// Its key is for something else.
    #[error(
        "an SVID of a workload has the key usage `digitalSignature`, without `keyCertSign` and `cRLSign`"
    )]
    KeyUsage,
    /// It is not for clients.
    #[error("this SVID is not for TLS clients by its extended key usage")]
    ExtendedKeyUsage,
}

// === impl PeerCertificate ===

impl PeerCertificate {
    /// Reads the leaf. A certificate with a SPIFFE ID is an SVID by the letter or an error.
    ///
    /// # Errors
    /// See [`CertificateError`]; the connection it came on has no caller then.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let (rest, leaf) = X509Certificate::from_der(der).map_err(|_| CertificateError::Unreadable)?;
        if !rest.is_empty() {
            return Err(CertificateError::Unreadable);
        }
        let (uris, names) = alternative_names(&leaf)?;
        if uris.iter().any(|uri| is_spiffe(uri)) {
            check_svid(&leaf, &uris)?;
        }
        let ends = leaf.validity().not_after.timestamp();
        Ok(Self {
            uris,
            names,
            fingerprint: hexadecimal(digest(&SHA256, der).as_ref()),
            ends: Timestamp::from_second(ends).map_err(|_| CertificateError::Unreadable)?,
        })
    }

    /// Whether it carries what is asked for.
    #[must_use]
    pub fn matches(&self, wanted: &CertificateMatch) -> bool {
        match wanted {
            CertificateMatch::Uri(uri) => self.uris.contains(uri),
            CertificateMatch::Dns(name) => self.names.contains(name),
            CertificateMatch::Sha256(fingerprint) => self.fingerprint == *fingerprint,
        }
    }

    pub(crate) fn uris(&self) -> &[String] {
        &self.uris
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Its SPIFFE ID, when it is an SVID.
    #[must_use]
    pub fn spiffe_id(&self) -> Option<&str> {
        self.uris.iter().find(|uri| is_spiffe(uri)).map(String::as_str)
    }

    /// The trust domain of its SPIFFE ID.
    #[must_use]
    pub fn trust_domain(&self) -> Option<&str> {
        self.spiffe_id()?.strip_prefix("spiffe://")?.split('/').next()
    }

    /// The SHA-256 of its DER, lower-case hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The last moment of its validity.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        self.ends
    }
}

/// The URIs and the DNS names, the latter in lower case. An entry that cannot be read makes the whole unreadable: it
/// might have been a second URI.
fn alternative_names(leaf: &X509Certificate<'_>) -> Result<(Vec<String>, Vec<String>), CertificateError> {
    let (mut uris, mut names) = (Vec::new(), Vec::new());
    let extension = leaf.subject_alternative_name().map_err(|_| CertificateError::Unreadable)?;
    for name in extension.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::URI(uri) => uris.push((*uri).to_owned()),
            GeneralName::DNSName(name) => names.push(name.to_ascii_lowercase()),
            GeneralName::Invalid(..) => return Err(CertificateError::Unreadable),
            GeneralName::OtherName(..)
            | GeneralName::RFC822Name(_)
            | GeneralName::X400Address(_)
            | GeneralName::DirectoryName(_)
            | GeneralName::EDIPartyName(_)
            | GeneralName::IPAddress(_)
            | GeneralName::RegisteredID(_) => {}
        }
    }
    Ok((uris, names))
}

fn check_svid(leaf: &X509Certificate<'_>, uris: &[String]) -> Result<(), CertificateError> {
    let [id] = uris else { return Err(CertificateError::Uris(uris.len())) };
    if !is_workload_id(id) {
        return Err(CertificateError::SpiffeId(id.chars().take(256).collect()));
    }
    let unreadable = |_| CertificateError::Unreadable;
    if leaf.basic_constraints().map_err(unreadable)?.is_some_and(|constraints| constraints.value.ca) {
        return Err(CertificateError::Authority);
    }
    let usage = leaf.key_usage().map_err(unreadable)?.ok_or(CertificateError::KeyUsage)?;
    let may_sign_others = usage.value.key_cert_sign() || usage.value.crl_sign();
    if !usage.critical || !usage.value.digital_signature() || may_sign_others {
        return Err(CertificateError::KeyUsage);
    }
    match leaf.extended_key_usage().map_err(unreadable)? {
        Some(usage) if !usage.value.client_auth && !usage.value.any => {
            Err(CertificateError::ExtendedKeyUsage)
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether a URI means to be a SPIFFE ID, in whatever spelling.
fn is_spiffe(uri: &str) -> bool {
    uri.split_once(':').is_some_and(|(scheme, _)| scheme.trim().eq_ignore_ascii_case("spiffe"))
}

/// Whether `id` is the SPIFFE ID of a workload: a trust domain and a path that is not the root, in the one spelling
/// that the standard has for it.
pub(crate) fn is_workload_id(id: &str) -> bool {
    let Some((domain, path)) = id.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')) else {
        return false;
    };
    let in_domain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    let in_path = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let is_segment = |segment: &str| {
        !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(in_path)
    };
    id.len() <= 2048
        && (1..=255).contains(&domain.len())
        && domain.bytes().all(in_domain)
        && path.split('/').all(is_segment)
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
