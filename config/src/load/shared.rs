//! What two identities may not both have: what proves who is calling, and, without a reason, what stands behind it.

use std::collections::HashMap;
use std::sync::Arc;

use forcefield_policy::names::IdentityName;

use crate::config::CertificateMatch;
use crate::problem::{Place, Problem, Severity};
use crate::raw::identity::{Authenticate, Credential, Identity};
use crate::secret::SecretRef;

/// Everything that identities claim for themselves.
#[derive(Debug, Default)]
pub(super) struct Claims {
    claims: HashMap<Claim, Vec<(Arc<Claimant>, Place)>>,
}

/// Something that one identity has for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Claim {
    Name(IdentityName),
    Certificate(CertificateMatch),
    Subject(String, String),
    ClientId(String),
    /// Folded: user names are compared without regard to letter case.
    Username(String),
    Host(String),
    Credential(SecretRef),
}

/// What one file claims.
pub(super) struct Own {
    claims: Vec<(Claim, Place)>,
    claimant: Arc<Claimant>,
}

#[derive(Debug)]
struct Claimant {
    file: String,
    identity: IdentityName,
    shared: bool,
}

// === impl Own ===

impl Own {
    /// What a file claims, as far as it can be read.
    pub(super) fn of(file: &str, raw: &Identity) -> Option<Self> {
        let name = raw.identity.as_ref()?;
        let shared = raw.shared.as_ref().is_none_or(Option::is_some);
        let claimant = Claimant { file: file.to_owned(), identity: name.value.clone(), shared };
        let host = raw.host.as_ref().and_then(Option::as_ref);
        let client_id = raw.credential.as_ref().and_then(client_id);
        let claims = [(Claim::Name(name.value.clone()), name.at)].into_iter();
        let claims = claims.chain(host.map(|host| (Claim::Host(host.value.0.clone()), host.at)));
        let claims = claims.chain(raw.authenticate.iter().flat_map(|ways| &ways.0).filter_map(proof));
        let claims = claims.chain(client_id.map(|(client_id, at)| (Claim::Credential(client_id), at)));
        Some(Self { claims: claims.collect(), claimant: Arc::new(claimant) })
    }
}

// === impl Claims ===

impl Claims {
    /// Takes in what a file claims.
    pub(super) fn add(&mut self, own: Option<Own>) {
        let Some(Own { claims, claimant }) = own else { return };
        for (claim, at) in claims {
            self.claims.entry(claim).or_default().push((Arc::clone(&claimant), at));
        }
    }

    /// What is claimed twice.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (claim, claimants) in &self.claims {
            let Some((first, others)) = claimants.split_first() else { continue };
            for other in others {
                if !(claim.can_be_shared() && first.0.shared && other.0.shared) {
                    problems.push(problem(claim, first, other));
                }
            }
        }
        problems
    }
}

// === impl Claim ===

impl Claim {
    /// Whether a reason lets two identities have it. What proves who is calling never: the caller would be either.
    fn can_be_shared(&self) -> bool {
        match self {
            Self::Host(_) | Self::Credential(_) => true,
            Self::Name(_)
            | Self::Certificate(_)
            | Self::Subject(..)
            | Self::ClientId(_)
            | Self::Username(_) => false,
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Name(name) => format!("the name `{name}`"),
            Self::Certificate(_) => "this certificate".to_owned(),
            Self::Subject(_, subject) => format!("the subject `{subject}`"),
            Self::ClientId(id) => format!("the client id `{id}`"),
            Self::Username(name) => format!("the user name `{name}`"),
            Self::Host(host) => format!("the host `{host}`"),
            Self::Credential(reference) => format!("the credential's client id `{reference}`"),
        }
    }
}

fn problem(claim: &Claim, first: &(Arc<Claimant>, Place), other: &(Arc<Claimant>, Place)) -> Problem {
    let (first, at) = first;
    let (other, place) = other;
    let Claimant { file, identity, .. } = &**first;
    let help = if claim.can_be_shared() {
        "give each integration its own, or say in both why not: `shared: \"reason\"`"
    } else {
        "give each integration its own: it tells who is calling"
    };
    Problem {
        file: other.file.clone(),
        line: place.line,
        column: place.column,
        severity: Severity::Error,
        message: format!("{} is {identity}'s already ({file}:{}:{})", claim.describe(), at.line, at.column),
        help: help.to_owned(),
    }
}

fn proof(way: &Authenticate) -> Option<(Claim, Place)> {
    Some(match way {
        Authenticate::Certificate(certificate) => {
            (Claim::Certificate(certificate.value.clone()), certificate.at)
        }
        Authenticate::Jwt(jwt) => {
            let (issuer, subject) = (jwt.issuer.as_ref()?, jwt.subject.as_ref()?);
            (Claim::Subject(issuer.value.0.clone(), subject.value.clone()), subject.at)
        }
        Authenticate::Client(client) => {
            let id = client.id.as_ref()?;
            (Claim::ClientId(id.value.clone()), id.at)
        }
        Authenticate::Login(login) => {
            let username = login.username.as_ref()?;
            (Claim::Username(username.value.to_ascii_lowercase()), username.at)
        }
    })
}

fn client_id(credential: &Credential) -> Option<(SecretRef, Place)> {
    let client_id = match credential {
        Credential::JwtBearer(raw) => raw.client_id.as_ref(),
        Credential::ClientCredentials(raw) => raw.client_id.as_ref(),
        Credential::RefreshToken(raw) => raw.client_id.as_ref(),
    };
    client_id.map(|client_id| (client_id.value.clone(), client_id.at))
}
