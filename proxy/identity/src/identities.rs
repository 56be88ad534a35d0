//! The integrations of one configuration, looked up by whatever proves who is calling.

mod index;

use std::sync::Arc;

use forcefield_config::config::{Config, Identity};
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;
use jiff::tz::Offset;
use thiserror::Error;

pub(crate) use index::Names;

use crate::carriers::Carriers;
use crate::certificate::PeerCertificate;
use crate::jwt::{self, JwtProblem, Rules};
use crate::keys::IssuerKeys;
use crate::peer::Peer;
use crate::sessions::{Kind, Session, Sessions, TokenProblem};
use index::Index;

/// The integrations of one configuration. Replaced whole when that changes; sessions and keys live on.
#[derive(Debug)]
pub struct Identities {
    index: Index,
    sessions: Arc<Sessions>,
    keys: Arc<IssuerKeys>,
}

/// Who is calling, proven.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The integration.
    pub identity: Arc<Identity>,
    /// What proved it.
    pub how: Proof,
    /// The certificate of the connection, if it has one that was used.
    pub certificate: Option<Arc<PeerCertificate>>,
}

/// What proves who is calling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The certificate of the connection.
    Certificate,
    /// A token of ours.
    Session,
    /// A workload JWT of this issuer, by its name in the configuration.
    Jwt(String),
}

/// Why it is not known who is calling, or why whoever it is may not call like this. The text is for the record; what
/// the client is told is [`Self::told`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Unidentified {
    /// Neither a certificate nor a token.
    #[error("the request carries no credential")]
    Nothing,
    /// A place for a token with something else in it.
    #[error("the request carries a credential in a form that is not taken")]
    Malformed,
    /// A certificate of nobody.
    #[error("no identity has the client certificate {0}")]
    UnknownCertificate(String),
    /// A certificate of several identities, and no token to choose by.
    #[error("several identities have the client certificate {0}, and the request does not say which it is")]
    AmbiguousCertificate(String),
    /// The connection outlived its certificate.
    #[error("the client certificate {0} has expired")]
    CertificateExpired(String),
    /// A token of ours that does not work.
    #[error("{0}")]
    Token(TokenProblem),
    /// A token of ours for an identity that is no more.
    #[error("the token is of `{0}`, which is not in the configuration any more")]
    Gone(IdentityName),
    /// A token of ours from when the identity worked with another org.
    #[error("the token of `{0}` was issued for another org")]
    OtherOrg(IdentityName),
    /// A workload JWT that is not believed.
    #[error("the workload JWT is not taken: {0}")]
    Jwt(JwtProblem),
    /// A workload JWT about nobody.
    #[error("no identity has the subject `{subject}` of issuer `{issuer}`")]
    UnknownSubject {
        /// The issuer, by its name in the configuration.
        issuer: String,
        /// The subject, at most 256 characters of it.
        subject: String,
    },
    /// Several proofs, not all of the same identity.
    #[error("the credentials of the request are of different identities, `{0}` among them")]
    Disagreement(IdentityName),
    /// From a network that the identity does not have.
    #[error("`{0}` may not call from this network")]
    WrongNetwork(IdentityName),
    /// To a host that is not the identity's.
    #[error("`{0}` may not call by this host name")]
    WrongHost(IdentityName),
    /// After the identity's last day.
    #[error("`{0}` has expired")]
    Expired(IdentityName),
}

// === impl Identities ===

impl Identities {
    /// The integrations of a configuration.
    #[must_use]
    pub fn new(config: &Config, sessions: Arc<Sessions>, keys: Arc<IssuerKeys>) -> Self {
        Self { index: Index::new(config), sessions, keys }
    }

    /// Who is calling. Everything that the request carries must say the same; networks, host name and last day of the
    /// identity hold for each request anew.
    ///
    /// # Errors
    /// See [`Unidentified`].
    pub fn identify(
        &self,
        peer: &Peer,
        carriers: &Carriers<'_>,
        now: Timestamp,
    ) -> Result<Caller, Unidentified> {
        let mut proven: Option<Caller> = None;
        let tokens = carriers.tokens()?;
        for (at, token) in tokens.iter().enumerate() {
            let Some(token) = token.filter(|token| !tokens.iter().take(at).any(|seen| *seen == Some(token)))
            else {
                continue;
            };
            let caller = self.bearer(token, peer, now)?;
            match &proven {
                Some(first) if first.identity.name != caller.identity.name => {
                    return Err(Unidentified::Disagreement(first.identity.name.clone()));
                }
                Some(_) => {}
                None => proven = Some(caller),
            }
        }
        let caller = match proven {
            Some(caller) => caller,
            None => self.by_certificate(peer, now)?,
        };
        self.admit(&caller.identity, peer, now)?;
        Ok(caller)
    }

    /// Whether a proven identity may call like this: its certificate if it shows one that means something, its
    /// networks, its host name, its last day.
    pub(crate) fn admit(&self, identity: &Identity, peer: &Peer, now: Timestamp) -> Result<(), Unidentified> {
        let name = || identity.name.clone();
        let shown = self.shown(peer, now)?;
        if !shown.is_empty() && !shown.iter().any(|other| other.name == identity.name) {
            return Err(Unidentified::Disagreement(name()));
        }
        if !identity.networks.is_empty()
            && !identity.networks.iter().any(|network| network.contains(&peer.address()))
        {
            return Err(Unidentified::WrongNetwork(name()));
        }
        if identity.host.as_deref().is_some_and(|host| host != peer.host_name() && host != peer.host()) {
            return Err(Unidentified::WrongHost(name()));
        }
        if Offset::UTC.to_datetime(now).date() > identity.expires {
            return Err(Unidentified::Expired(name()));
        }
        Ok(())
    }

    /// The identity of a token of ours, with its session.
    pub(crate) fn session(
        &self,
        token: &str,
        kind: Kind,
        peer: &Peer,
        now: Timestamp,
    ) -> Result<(Arc<Identity>, Arc<Session>), Unidentified> {
        let session = self.sessions.find(token, kind, peer, now).map_err(Unidentified::Token)?;
        let name = &session.identity;
        let identity = self.index.named(name).ok_or_else(|| Unidentified::Gone(name.clone()))?;
        if self.index.org_id(identity) != Some(&*session.org) {
            return Err(Unidentified::OtherOrg(name.clone()));
        }
        Ok((Arc::clone(identity), session))
    }

    /// The identity that a JWT is about, with the issuer's name.
    pub(crate) fn subject(
        &self,
        token: &str,
        rules: Rules<'_>,
        now: Timestamp,
    ) -> Result<(Arc<Identity>, String), Unidentified> {
        let verified =
            jwt::verify(token, self.index.issuers(), &self.keys, rules, now).map_err(Unidentified::Jwt)?;
        match self.index.of_subject(&verified.issuer, &verified.subject) {
            Some(identity) => Ok((Arc::clone(identity), verified.issuer)),
            None => Err(Unidentified::UnknownSubject {
                issuer: verified.issuer,
                subject: verified.subject.chars().take(256).collect(),
            }),
        }
    }

    /// The identity that a name and a secret prove. An unknown name costs as much as a known one with one secret.
    pub(crate) fn secret(&self, names: Names, name: &str, secret: &str) -> Option<Arc<Identity>> {
        self.index.proven(names, name, secret)
    }

    /// The identities of the certificate that a connection showed; none without one.
    pub(crate) fn shown(&self, peer: &Peer, now: Timestamp) -> Result<Vec<&Arc<Identity>>, Unidentified> {
        match peer.certificate() {
            None => Ok(Vec::new()),
            Some(certificate) if certificate.ends() < now => {
                Err(Unidentified::CertificateExpired(certificate.fingerprint().to_owned()))
            }
            Some(certificate) => Ok(self.index.of_certificate(certificate)),
        }
    }

    /// The 15-character id of an identity's org.
    pub(crate) fn org_id(&self, identity: &Identity) -> Option<&str> {
        self.index.org_id(identity)
    }

    fn bearer(&self, token: &str, peer: &Peer, now: Timestamp) -> Result<Caller, Unidentified> {
        let (identity, how) = if jwt::is_jwt(token) {
            let (identity, issuer) = self.subject(token, Rules::Workload, now)?;
            (identity, Proof::Jwt(issuer))
        } else {
            (self.session(token, Kind::Access, peer, now)?.0, Proof::Session)
        };
        Ok(Caller { identity, how, certificate: peer.shared_certificate() })
    }

    fn by_certificate(&self, peer: &Peer, now: Timestamp) -> Result<Caller, Unidentified> {
        let certificate = peer.shared_certificate().ok_or(Unidentified::Nothing)?;
        let fingerprint = || certificate.fingerprint().to_owned();
        match self.shown(peer, now)?.as_slice() {
            [] => Err(Unidentified::UnknownCertificate(fingerprint())),
            [identity] => Ok(Caller {
                identity: Arc::clone(identity),
                how: Proof::Certificate,
                certificate: Some(certificate),
            }),
            [..] => Err(Unidentified::AmbiguousCertificate(fingerprint())),
        }
    }
}

// === impl Unidentified ===

impl Unidentified {
    /// 401 for who are you, which makes clients log in again; 403 for not like this, which does not.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Nothing
            | Self::Malformed
            | Self::UnknownCertificate(_)
            | Self::AmbiguousCertificate(_)
            | Self::CertificateExpired(_)
            | Self::Token(TokenProblem::Unknown | TokenProblem::Expired | TokenProblem::Revoked)
            | Self::Gone(_)
            | Self::OtherOrg(_)
            | Self::Jwt(_)
            | Self::UnknownSubject { .. } => 401,
            Self::Token(TokenProblem::OtherCertificate | TokenProblem::OtherNetwork)
            | Self::Disagreement(_)
            | Self::WrongNetwork(_)
            | Self::WrongHost(_)
            | Self::Expired(_) => 403,
        }
    }

    /// What the client is told: no more than it needs to know what to change.
    #[must_use]
    pub fn told(&self) -> &'static str {
        match self {
            Self::Token(TokenProblem::OtherCertificate) => "the token is bound to another certificate",
            Self::Token(TokenProblem::OtherNetwork) => "the token is bound to another network",
            Self::Disagreement(_) => "the credentials of the request are of different integrations",
            Self::WrongNetwork(_) => "this integration may not call from this network",
            Self::WrongHost(_) => "this integration may not call by this host name",
            Self::Expired(_) => "this integration has expired",
            Self::Nothing
            | Self::Malformed
            | Self::UnknownCertificate(_)
            | Self::AmbiguousCertificate(_)
            | Self::CertificateExpired(_)
            | Self::Token(_)
            | Self::Gone(_)
            | Self::OtherOrg(_)
            | Self::Jwt(_)
            | Self::UnknownSubject { .. } => "Session expired or invalid",
        }
    }

    /// Whose credential it was, where that is known.
    #[must_use]
    pub fn identity(&self) -> Option<&IdentityName> {
        match self {
            Self::Gone(name)
            | Self::OtherOrg(name)
            | Self::Disagreement(name)
            | Self::WrongNetwork(name)
            | Self::WrongHost(name)
            | Self::Expired(name) => Some(name),
            Self::Nothing
            | Self::Malformed
            | Self::UnknownCertificate(_)
            | Self::AmbiguousCertificate(_)
            | Self::CertificateExpired(_)
            | Self::Token(_)
            | Self::Jwt(_)
            | Self::UnknownSubject { .. } => None,
        }
    }
}
