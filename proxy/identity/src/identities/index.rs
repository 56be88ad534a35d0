//! The look-ups behind [`super::Identities`], built once per configuration.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use argon2::password_hash::PasswordHash;
use argon2::{Argon2, PasswordVerifier};
use forcefield_config::config::{Authenticate, CertificateMatch, Config, Identity};
use forcefield_policy::names::IdentityName;

use crate::certificate::PeerCertificate;
use crate::jwt::Issuers;

#[derive(Default)]
pub(super) struct Index {
    by_name: HashMap<IdentityName, Arc<Identity>>,
    by_uri: HashMap<String, Vec<Arc<Identity>>>,
    by_dns: HashMap<String, Vec<Arc<Identity>>>,
    by_fingerprint: HashMap<String, Vec<Arc<Identity>>>,
    /// By the issuer's name and the subject.
    by_subject: HashMap<String, HashMap<String, Arc<Identity>>>,
    clients: HashMap<String, Vec<Hashed>>,
    logins: HashMap<String, Vec<Hashed>>,
    issuers: Issuers,
    /// The orgs' 15-character ids, by their name.
    orgs: HashMap<String, String>,
}

/// Which names a secret may belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// Client ids.
    Clients,
    /// User names, and client ids in their place.
    Users,
}

/// A secret's argon2id hash, and whom it proves. An identity may have two, while one replaces the other.
struct Hashed {
    hash: String,
    identity: Arc<Identity>,
}

// === impl Index ===

impl Index {
    pub(super) fn new(config: &Config) -> Self {
        let mut index = Self { issuers: Issuers::new(config), ..Self::default() };
        for (name, org) in &config.orgs {
            index.orgs.insert(name.clone(), org.id.clone());
        }
        for (name, identity) in &config.identities {
            let identity = Arc::new(identity.clone());
            for proof in &identity.authenticate {
                index.add(proof, &identity);
            }
            index.by_name.insert(name.clone(), identity);
        }
        index
    }

    fn add(&mut self, proof: &Authenticate, identity: &Arc<Identity>) {
        let own = || Arc::clone(identity);
        match proof {
            Authenticate::Certificate(CertificateMatch::Uri(uri)) => {
                self.by_uri.entry(uri.clone()).or_default().push(own());
            }
            Authenticate::Certificate(CertificateMatch::Dns(name)) => {
                self.by_dns.entry(name.to_ascii_lowercase()).or_default().push(own());
            }
            Authenticate::Certificate(CertificateMatch::Sha256(fingerprint)) => {
                self.by_fingerprint.entry(fingerprint.to_ascii_lowercase()).or_default().push(own());
            }
            Authenticate::Jwt { issuer, subject } => {
                self.by_subject.entry(issuer.clone()).or_default().insert(subject.clone(), own());
            }
            Authenticate::Client { id, secret_hash } => {
                let hashed = Hashed { hash: secret_hash.clone(), identity: own() };
                self.clients.entry(id.clone()).or_default().push(hashed);
            }
            Authenticate::Login { username, password_hash } => {
                let hashed = Hashed { hash: password_hash.clone(), identity: own() };
                self.logins.entry(username.clone()).or_default().push(hashed);
            }
        }
    }

    pub(super) fn named(&self, name: &IdentityName) -> Option<&Arc<Identity>> {
        self.by_name.get(name)
    }

    pub(super) fn org_id(&self, identity: &Identity) -> Option<&str> {
        self.orgs.get(&identity.org).map(String::as_str)
    }

    pub(super) fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    pub(super) fn of_subject(&self, issuer: &str, subject: &str) -> Option<&Arc<Identity>> {
        self.by_subject.get(issuer)?.get(subject)
    }

    /// The identities that a certificate proves, each once.
    pub(super) fn of_certificate(&self, certificate: &PeerCertificate) -> Vec<&Arc<Identity>> {
        let uris = certificate.uris().iter().filter_map(|uri| self.by_uri.get(uri));
        let names = certificate.names().iter().filter_map(|name| self.by_dns.get(name));
        let mut found: Vec<&Arc<Identity>> = Vec::new();
        for identity in uris.chain(names).chain(self.by_fingerprint.get(certificate.fingerprint())).flatten()
        {
            if !found.iter().any(|known| Arc::ptr_eq(known, identity)) {
                found.push(identity);
            }
        }
        found
    }

    /// Whom a name and a secret prove. An unknown name costs one verification too, against any hash there is, so
    /// that the time does not say whether there is such a name.
    pub(super) fn proven(&self, names: Names, name: &str, secret: &str) -> Option<Arc<Identity>> {
        let users = match names {
            Names::Clients => None,
            Names::Users => self.logins.get(name),
        };
        let mut hashes = users.into_iter().chain(self.clients.get(name)).flatten().peekable();
        if hashes.peek().is_none() || secret.len() > LONGEST {
            let decoy = self.clients.values().chain(self.logins.values()).flatten().next();
            let _ = verify(decoy.map_or(DECOY, |hashed| &hashed.hash), "");
            return None;
        }
        hashes.find(|hashed| verify(&hashed.hash, secret)).map(|hashed| Arc::clone(&hashed.identity))
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({} identities, redacted)", self.by_name.len())
    }
}

fn verify(hash: &str, secret: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|hash| Argon2::default().verify_password(secret.as_bytes(), &hash).is_ok())
}

/// Longer than any client secret or password with a token behind it.
const LONGEST: usize = 1024;
/// A hash of nothing, with the usual cost.
const DECOY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_decoy_costs_what_a_hash_costs_and_proves_nothing() {
        let hash = PasswordHash::new(DECOY).unwrap();
        assert_eq!(hash.params.get_decimal("m"), Some(19_456));
        assert_eq!(hash.hash.unwrap().len(), 32);
        assert!(!verify(DECOY, "") && !verify("not a hash", ""));
    }
}
