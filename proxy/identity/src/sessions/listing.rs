//! The tokens that work, as people may see them: under a public id that opens nothing.

use std::io;

use forcefield_policy::names::IdentityName;
use jiff::Timestamp;

use super::session::Binding;
use super::{Kind, Revoked, Sessions};
use crate::token::TokenHash;

/// A token that works, without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its public id: a part of its hash.
    pub id: String,
    /// Whose it is.
    pub identity: IdentityName,
    /// `access` or `refresh`.
    pub kind: &'static str,
    /// When it was handed out.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// The certificate or network that it works with: a SPIFFE id, a fingerprint, or a network.
    pub bound_to: String,
}

impl Sessions {
    /// The tokens that work now, oldest first.
    ///
    /// # Errors
    /// What another process wrote cannot be read.
    pub fn held(&self, now: Timestamp) -> io::Result<Vec<Held>> {
        self.catch_up()?;
        let live =
            self.by_hash.iter().filter(|entry| !entry.value().is_ended() && now < entry.value().expires);
        let told = live.map(|entry| {
            let session = entry.value();
            Held {
                id: public(entry.key()),
                identity: session.identity.clone(),
                kind: match session.kind {
                    Kind::Access => "access",
                    Kind::Refresh => "refresh",
                },
                since: session.issued,
                until: session.expires,
                bound_to: match &session.binding {
                    Binding::Spiffe(id) => id.to_string(),
                    Binding::Certificate(fingerprint) => format!("sha256:{fingerprint}"),
                    Binding::Network(network) => network.to_string(),
                },
            }
        });
        let mut all: Vec<Held> = told.collect();
        all.sort_by(|one, other| (one.since, &one.id).cmp(&(other.since, &other.id)));
        Ok(all)
    }

    /// Revokes the token of a public id, and with a refresh token all that came from the same login. Gives whose it was
    /// and how many ended; `None` when there is none of this id.
    ///
    /// # Errors
    /// It is revoked here, but that could not be written down: a restart would forget it.
    pub fn revoke_held(&self, id: &str) -> io::Result<Option<(IdentityName, Revoked)>> {
        self.catch_up()?;
        let found = self.by_hash.iter().find(|entry| public(entry.key()) == id);
        let Some((hash, session)) = found.map(|entry| (*entry.key(), std::sync::Arc::clone(entry.value())))
        else {
            return Ok(None);
        };
        let revoked = match session.kind {
            Kind::Access if session.end() => self.write_down(&[hash])?,
            Kind::Access => Revoked(0),
            Kind::Refresh => self
                .revoke_where(|other| other.family == session.family && other.identity == session.identity)?,
        };
        Ok(Some((session.identity.clone(), revoked)))
    }
}

fn public(hash: &TokenHash) -> String {
    hash.0.iter().take(SHOWN).map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of the hash that are shown: enough to tell tokens apart, and no help to guess one.
const SHOWN: usize = 8;
