//! The user that clients see: every identity has one, and it exists nowhere else.
//!
//! Clients insist on a user id and a user name. Those of the org's real integration user are nobody's business.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use forcefield_policy::id::RecordId;
use forcefield_policy::names::IdentityName;

/// The id of the user that stands for an identity: always the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserId(RecordId);

// === impl UserId ===

impl UserId {
    /// The user of this identity. `None` never happens: the characters are all those of ids.
    #[must_use]
    pub fn of(identity: &IdentityName) -> Option<Self> {
        let hash = digest(&SHA256, format!("forcefield user {identity}").as_bytes());
        let letters = hash.as_ref().iter().take(12).map(|byte| {
            let at = usize::from(*byte) % ALPHABET.len();
            char::from(ALPHABET.get(at).copied().unwrap_or(b'0'))
        });
        RecordId::parse(&format!("005{}", letters.collect::<String>())).map(Self)
    }

    /// Whether `text` is this id, in either length.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        RecordId::parse(text).is_some_and(|id| id == self.0)
    }
}

impl fmt::Display for UserId {
    /// The 18-character form, as Salesforce answers it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The user name of that user: a name that cannot be an address of anyone.
pub(crate) fn name(identity: &IdentityName) -> String {
    format!("{identity}@forcefield.invalid")
}

const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_has_one_user_in_two_forms() {
        let name = IdentityName::try_from("billing-sync").unwrap();
        let id = UserId::of(&name).unwrap();
        let text = id.to_string();
        assert_eq!(text.len(), 18);
        assert!(text.starts_with("005"));
        assert!(id.is(&text) && id.is(text.split_at(15).0));
        assert_eq!(UserId::of(&name), Some(id));
        assert_ne!(UserId::of(&IdentityName::try_from("other").unwrap()), Some(id));
    }
}
