//! Tokens of our own: what clients hold in place of Salesforce's.
//!
//! They look like Salesforce's (clients.md, section 2.2.4: the `sf` CLI refuses others) and are worth nothing there.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use thiserror::Error;
use zeroize::Zeroizing;

/// A token as it is handed out, once. Only its hash is kept.
pub(crate) struct Token(Zeroizing<String>);

/// The SHA-256 of a token: what it is known by.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash(pub(crate) [u8; 32]);

/// There is no randomness to make a token of.
#[derive(Clone, Copy, Debug, Error)]
#[error("the operating system gives no random numbers")]
pub(crate) struct NoRandomness;

// === impl Token ===

impl Token {
    /// An access token: the org's id, `!`, and 384 random bits.
    pub(crate) fn access(org: &str) -> Result<Self, NoRandomness> {
        Self::random(&format!("{org}!"))
    }

    /// A refresh token: Salesforce's prefix, and 384 random bits.
    pub(crate) fn refresh() -> Result<Self, NoRandomness> {
        Self::random(REFRESH)
    }

    /// Whether a text can be one of ours at all. What cannot is not worth a question to anyone.
    pub(crate) fn has_form(text: &str) -> bool {
        let is_org = |org: &str| org.len() == 15 && org.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let random = match text.split_once('!') {
            Some((org, random)) => Some(random).filter(|_| is_org(org)),
            None => text.strip_prefix(REFRESH),
        };
        random.is_some_and(|random| {
            random.len() == SYMBOLS && random.bytes().all(|byte| ALPHABET.contains(&byte))
        })
    }

    fn random(prefix: &str) -> Result<Self, NoRandomness> {
        let mut bytes = Zeroizing::new([0; SYMBOLS]);
        rand::fill(&mut *bytes).map_err(|_| NoRandomness)?;
        let mut text = String::with_capacity(prefix.len() + bytes.len());
        text.push_str(prefix);
        // 64 symbols: six bits of each byte, no bias.
        text.extend(
            bytes
                .iter()
                .filter_map(|byte| ALPHABET.get(usize::from(byte % 64)))
                .map(|byte| char::from(*byte)),
        );
        Ok(Self(Zeroizing::new(text)))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(redacted)")
    }
}

// === impl TokenHash ===

impl TokenHash {
    pub(crate) fn of(token: &str) -> Self {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        Self(hash)
    }
}

/// What Salesforce's refresh tokens begin with.
const REFRESH: &str = "5Aep";
/// Random symbols of a token.
const SYMBOLS: usize = 64;
const ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_form_that_clients_ask_for_and_is_never_the_same() {
        let token = Token::access("00D5g000004XyZE").unwrap();
        let (org, rest) = token.expose().split_once('!').unwrap();
        assert_eq!((org, rest.len()), ("00D5g000004XyZE", 64));
        assert!(rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(&byte)));
        assert_ne!(Token::access("00D5g000004XyZE").unwrap().expose(), token.expose());
        assert!(Token::refresh().unwrap().expose().starts_with("5Aep"));
        assert_eq!(format!("{token:?}"), "Token(redacted)");
    }

    #[test]
    fn what_can_be_a_token_of_ours_is_seen_by_its_form() {
        let (access, refresh) = (Token::access("00D5g000004XyZE").unwrap(), Token::refresh().unwrap());
        let (access, refresh) = (access.expose(), refresh.expose());
        assert!(Token::has_form(access) && Token::has_form(refresh));
        let long = format!("{access}x");
        let workload = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln";
        for other in ["", "5Aep", workload, &long, &access.replace("00D", "00"), &refresh.replace("5A", "5")]
        {
            assert!(!Token::has_form(other), "{other}");
        }
    }
}
