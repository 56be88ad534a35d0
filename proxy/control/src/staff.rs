//! Who may call, in which role, and how each proves it.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use forcefield_config::config::{Approvals, CertificateMatch, Role};
use thiserror::Error;

/// The responders of a configuration.
#[derive(Debug, Default)]
pub struct Staff {
    responders: Vec<Responder>,
    approvals: Approvals,
}

/// A person who may call.
#[derive(Clone, Debug)]
pub struct Responder {
    /// The name in records.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// How they prove it.
    pub proof: Proof,
}

/// How a responder proves who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// By client certificate.
    Certificate(CertificateMatch),
    /// By bearer token.
    Token(TokenHash),
}

/// The SHA-256 of a responder's token: the token itself is not kept.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

/// Responders that cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum StaffError {
    /// A token that can be guessed.
    #[error("is shorter than {SHORTEST} characters; make one with `openssl rand -hex 32`")]
    Short,
    /// One token for two people.
    #[error("responders `{0}` and `{1}` have the same token; records could not tell them apart")]
    Same(String, String),
}

// === impl Staff ===

impl Staff {
    /// The responders, if each can be told from the others.
    ///
    /// # Errors
    /// Two have the same token.
    pub fn new(responders: Vec<Responder>) -> Result<Self, StaffError> {
        let mut seen: Vec<(&str, &TokenHash)> = Vec::new();
        for responder in &responders {
            let Proof::Token(hash) = &responder.proof else { continue };
            if let Some((other, _)) = seen.iter().find(|(_, known)| *known == hash) {
                return Err(StaffError::Same((*other).to_owned(), responder.name.clone()));
            }
            seen.push((&responder.name, hash));
        }
        Ok(Self { responders, approvals: Approvals::One })
    }

    /// The same, with so many people needed to widen.
    #[must_use]
    pub fn approving(self, approvals: Approvals) -> Self {
        Self { approvals, ..self }
    }

    /// The same, without somebody.
    #[cfg(test)]
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.responders.retain(|responder| responder.name != name);
        self
    }

    /// How many people it takes to widen.
    pub(crate) fn approvals(&self) -> Approvals {
        self.approvals
    }

    /// In which role somebody is a responder now.
    pub(crate) fn role(&self, name: &str) -> Option<Role> {
        self.responders.iter().find(|responder| responder.name == name).map(|responder| responder.role)
    }

    /// Whose token it is. Takes the same time whether it is anybody's or not.
    pub(crate) fn by_token(&self, token: &[u8]) -> Option<&Responder> {
        let shown = TokenHash::hash(token);
        let mut found = None;
        for responder in &self.responders {
            let Proof::Token(hash) = &responder.proof else { continue };
            if verify_slices_are_equal(&hash.0, &shown.0).is_ok() {
                found = Some(responder);
            }
        }
        found
    }

    /// The responder of a name, if they still prove who they are in this way.
    pub(crate) fn still(&self, name: &str, proof: &Proof) -> Option<&Responder> {
        self.responders.iter().find(|responder| responder.name == name && responder.proof == *proof)
    }

    /// Whose certificate it is: nobody's when it fits two, for they could not be told apart.
    pub(crate) fn by_certificate(&self, fits: impl Fn(&CertificateMatch) -> bool) -> Option<&Responder> {
        let mut fitting = self.responders.iter().filter(|responder| match &responder.proof {
            Proof::Certificate(wanted) => fits(wanted),
            Proof::Token(_) => false,
        });
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// Whether a certificate beside a responder's token is no other responder's: one person with the proofs of two is
    /// neither.
    pub(crate) fn agrees(&self, who: &Responder, fits: Option<&dyn Fn(&CertificateMatch) -> bool>) -> bool {
        let others = self.responders.iter().filter(|other| other.name != who.name);
        fits.is_none_or(|fits| {
            others.into_iter().all(|other| match &other.proof {
                Proof::Certificate(wanted) => !fits(wanted),
                Proof::Token(_) => true,
            })
        })
    }
}

// === impl TokenHash ===

impl TokenHash {
    /// Of a token as it is kept; what surrounds it of white space does not belong to it.
    ///
    /// # Errors
    /// It is too short to be safe.
    pub fn of(token: &[u8]) -> Result<Self, StaffError> {
        let token = token.trim_ascii();
        if token.len() < SHORTEST { Err(StaffError::Short) } else { Ok(Self::hash(token)) }
    }

    fn hash(token: &[u8]) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token).as_ref());
        Self(hash)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(redacted)")
    }
}

/// The shortest token: 128 bits when written in base64.
const SHORTEST: usize = 22;

#[cfg(test)]
mod tests {
    use super::*;

    fn responder(name: &str, token: &[u8]) -> Responder {
        Responder {
            name: name.into(),
            role: Role::Viewer,
            proof: Proof::Token(TokenHash::of(token).unwrap()),
        }
    }

    #[test]
    fn a_token_is_known_whole_only() {
        let staff = Staff::new(vec![
            responder("a", b"0123456789abcdef0123456789\n"),
            responder("b", b"another-0123456789abcdef"),
        ])
        .unwrap();
        assert_eq!(staff.by_token(b"0123456789abcdef0123456789").unwrap().name, "a");
        assert!(staff.by_token(b"0123456789abcdef012345678").is_none());
        assert!(staff.by_token(b"").is_none());
    }

    #[test]
    fn short_and_shared_tokens_are_refused() {
        assert_eq!(TokenHash::of(b"hunter2"), Err(StaffError::Short));
        let same = b"0123456789abcdef0123456789";
        let twice = Staff::new(vec![responder("a", same), responder("b", same)]);
        assert!(matches!(twice, Err(StaffError::Same(..))));
    }
}
