//! The Vault that secrets are read from, and which secrets a configuration refers to at all.

use std::time::Duration;

use super::{Config, IssuerKeys, OrgUrl, ResponderProof, State, TlsListener, TrustSource};
use crate::secret::SecretRef;

/// A HashiCorp Vault or OpenBao.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vault {
    /// Where it is.
    pub address: VaultAddress,
    /// The CAs of its certificate, PEM, in place of the public ones.
    pub ca: Option<SecretRef>,
    /// Its namespace.
    pub namespace: Option<String>,
    /// How to log in.
    pub login: VaultLogin,
    /// How often it is looked whether secrets have changed.
    pub refresh: Duration,
}

/// Where a Vault is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultAddress {
    /// Host and port.
    pub place: OrgUrl,
    /// Whether it speaks TLS; without it the host is this one.
    pub tls: bool,
}

/// How to log in at a Vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultLogin {
    /// By AppRole.
    AppRole {
        /// The role's id.
        role_id: SecretRef,
        /// Its secret id.
        secret_id: SecretRef,
        /// Where the auth method is mounted.
        mount: String,
    },
    /// By the JWT of a Kubernetes service account, or any other.
    Kubernetes {
        /// The role.
        role: String,
        /// The JWT.
        token: SecretRef,
        /// Where the auth method is mounted.
        mount: String,
    },
    /// By a token that something else keeps.
    Token(SecretRef),
}

impl Config {
    /// Every secret that the configuration refers to, but those of the login at Vault.
    #[must_use]
    pub fn secrets(&self) -> Vec<&SecretRef> {
        let mut secrets = Vec::new();
        for TlsListener { tls, .. } in
            [Some(&self.listen.proxy), self.listen.control.as_ref()].into_iter().flatten()
        {
            secrets.extend([&tls.certificate, &tls.key].into_iter().chain(&tls.client_ca));
            for source in tls.trust_domains.values() {
                match source {
                    TrustSource::Bundle(bundle) => secrets.push(bundle),
                    TrustSource::WorkloadApi(_) => {}
                }
            }
        }
        secrets.extend(self.certificates.iter().flat_map(|named| [&named.certificate, &named.key]));
        if let State::Redis { password, ca, keys, .. } = &self.state {
            secrets.extend(password.iter().chain(ca));
            secrets.extend(keys.iter().flat_map(|keys| [&keys.key].into_iter().chain(&keys.other)));
        }
        if let Some(telemetry) = &self.telemetry {
            secrets.extend(telemetry.ca.iter().chain(telemetry.headers.values()));
        }
        secrets.extend(&self.audit.key);
        for org in self.orgs.values() {
            secrets.extend(&org.ca);
            secrets.extend(org.client_certificate.iter().flat_map(|(certificate, key)| [certificate, key]));
        }
        for issuer in self.issuers.values() {
            match &issuer.keys {
                IssuerKeys::Discovery { ca, .. } => secrets.extend(ca),
                IssuerKeys::Jwks(jwks) => secrets.push(jwks),
                IssuerKeys::WorkloadApi { .. } => {}
            }
        }
        for responder in &self.responders {
            match &responder.proof {
                ResponderProof::Certificate(_) => {}
                ResponderProof::Token(token) => secrets.push(token),
            }
        }
        secrets.extend(self.identities.values().flat_map(|identity| identity.credential.secrets()));
        secrets
    }
}
