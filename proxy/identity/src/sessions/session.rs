//! One token that we handed out, without the token.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use forcefield_config::config::Identity;
use forcefield_policy::names::IdentityName;
use ipnet::IpNet;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::TokenProblem;
use crate::peer::Peer;

/// One token that we handed out.
pub(crate) struct Session {
    pub(crate) kind: Kind,
    pub(crate) identity: IdentityName,
    /// The 15-character id of the org that it was issued for.
    pub(crate) org: Box<str>,
    /// What comes from the same login shares it: any number.
    pub(crate) family: u64,
    /// The client id that was proven with a secret at the login.
    pub(crate) client: Option<Box<str>>,
    pub(crate) binding: Binding,
    pub(crate) issued: Timestamp,
    pub(crate) expires: Timestamp,
    ended: AtomicBool,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Access,
    Refresh,
}

/// Where a token works.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Binding {
    /// With a certificate of this SPIFFE ID: SVIDs live for an hour, and their holder stays the same.
    Spiffe(Box<str>),
    /// With this very certificate (RFC 8705, section 3).
    Certificate(Box<str>),
    /// From this network.
    Network(IpNet),
}

/// What a token is to be.
pub(crate) struct NewSession<'a> {
    pub(crate) kind: Kind,
    pub(crate) identity: &'a Identity,
    pub(crate) org: &'a str,
    pub(crate) family: u64,
    pub(crate) client: Option<&'a str>,
    pub(crate) peer: &'a Peer,
    pub(crate) now: Timestamp,
}

// === impl Session ===

impl Session {
    pub(super) fn new(new: NewSession<'_>) -> Self {
        let lifetime = match new.kind {
            Kind::Access => new.identity.session,
            Kind::Refresh => REFRESH_LIFETIME,
        };
        Self {
            kind: new.kind,
            identity: new.identity.name.clone(),
            org: new.org.into(),
            family: new.family,
            client: new.client.map(Into::into),
            binding: Binding::of(new.peer, new.identity),
            issued: new.now,
            expires: new.now.saturating_add(lifetime).unwrap_or(new.now),
            ended: AtomicBool::new(false),
        }
    }

    pub(super) fn restored(
        (kind, identity, org): (Kind, IdentityName, Box<str>),
        (family, client): (u64, Option<Box<str>>),
        binding: Binding,
        (issued, expires): (Timestamp, Timestamp),
    ) -> Self {
        Self { kind, identity, org, family, client, binding, issued, expires, ended: AtomicBool::new(false) }
    }

    /// Whether it works for this peer now.
    pub(super) fn check(&self, peer: &Peer, now: Timestamp) -> Result<(), TokenProblem> {
        if self.is_ended() {
            return Err(TokenProblem::Revoked);
        }
        if now >= self.expires {
            return Err(TokenProblem::Expired);
        }
        let certificate = peer.certificate();
        let (holds, problem) = match &self.binding {
            Binding::Spiffe(id) => {
                let shown = certificate.and_then(|certificate| certificate.spiffe_id());
                (shown == Some(id), TokenProblem::OtherCertificate)
            }
            Binding::Certificate(fingerprint) => {
                let shown = certificate.map(|certificate| certificate.fingerprint());
                (shown == Some(fingerprint), TokenProblem::OtherCertificate)
            }
            Binding::Network(network) => (network.contains(&peer.address()), TokenProblem::OtherNetwork),
        };
        if holds { Ok(()) } else { Err(problem) }
    }

    /// Ends it; whether it had not ended before.
    pub(super) fn end(&self) -> bool {
        !self.ended.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether even the reason why it does not work is of no use any more.
    pub(super) fn is_forgotten(&self, now: Timestamp) -> bool {
        now.duration_since(self.expires) > REMEMBERED
    }
}

// === impl Kind, Binding ===

impl Kind {
    /// How many one identity may hold before its oldest ends. Stock clients log in more often than they need to.
    pub(super) fn most(self) -> usize {
        match self {
            Self::Access => 5_000,
            Self::Refresh => 100,
        }
    }
}

impl Binding {
    fn of(peer: &Peer, identity: &Identity) -> Self {
        match peer.certificate() {
            Some(certificate) => match certificate.spiffe_id() {
                Some(id) => Self::Spiffe(id.into()),
                None => Self::Certificate(certificate.fingerprint().into()),
            },
            None => Self::Network(peer.network(&identity.networks)),
        }
    }
}

/// A client that keeps its refresh token in a file (tap-salesforce, the `sf` CLI) is set up anew twice a year.
const REFRESH_LIFETIME: Duration = Duration::from_secs(180 * 24 * 3600);
const REMEMBERED: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);
