//! What two identities may not both have: what proves who is calling, and, without a reason, what stands behind it.

use std::collections::HashMap;

use forcefield_policy::names::IdentityName;

use crate::config::CertificateMatch;
use crate::problem::{Place, Problem, Severity};
use crate::raw::identity::{Authenticate, Credential, Identity};
use crate::secret::SecretRef;

/// Everything that identities claim for themselves.
#[derive(Debug, Default)]
pub(super) struct Claims {
    claims: HashMap<Claim, Vec<Claimant>>,
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

#[derive(Debug)]
struct Claimant {
    file: String,
    at: Place,
    identity: String,
    shared: bool,
}

// === impl Claims ===

impl Claims {
    /// Takes in what one file claims, as far as it can be read.
    pub(super) fn add(&mut self, file: &str, raw: &Identity) {
        let Some(name) = &raw.identity else { return };
        let identity = name.value.to_string();
        let shared = raw.shared.as_ref().is_none_or(Option::is_some);
        let mut claim = |claim: Claim, at: Place| {
            let claimant = Claimant { file: file.to_owned(), at, identity: identity.clone(), shared };
            self.claims.entry(claim).or_default().push(claimant);
        };
        claim(Claim::Name(name.value.clone()), name.at);
        if let Some(Some(host)) = &raw.host {
            claim(Claim::Host(host.value.0.clone()), host.at);
        }
        for way in raw.authenticate.iter().flat_map(|ways| &ways.0) {
            if let Some((what, at)) = proof(way) {
                claim(what, at);
            }
        }
        if let Some((client_id, at)) = raw.credential.as_ref().and_then(client_id) {
            claim(Claim::Credential(client_id), at);
        }
    }

    /// What is claimed twice.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (claim, claimants) in &self.claims {
            let Some((first, others)) = claimants.split_first() else { continue };
            for other in others {
                if !(claim.can_be_shared() && first.shared && other.shared) {
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

fn problem(claim: &Claim, first: &Claimant, other: &Claimant) -> Problem {
    let Claimant { file, at, identity, .. } = first;
    let help = if claim.can_be_shared() {
        "give each integration its own, or say in both why not: `shared: \"reason\"`"
    } else {
        "give each integration its own: it tells who is calling"
    };
    Problem {
        file: other.file.clone(),
        line: other.at.line,
        column: other.at.column,
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
