//! Where a request may carry a token (clients.md, section 2.4). Real clients use several places at once.

use std::fmt;

use crate::identities::Unidentified;

/// The tokens that one request carries, by place. `None` is a place that the request does not have; a place that is
/// there but empty is not the same.
#[derive(Clone, Copy, Default)]
pub struct Carriers<'a> {
    /// The value of `Authorization`.
    pub authorization: Option<&'a str>,
    /// The value of `X-SFDC-Session`.
    pub x_sfdc_session: Option<&'a str>,
    /// The text of `SessionHeader/sessionId` in a SOAP envelope.
    pub soap_session: Option<&'a str>,
    /// The value of `oauth_token` in the query string, on `/id/` only.
    pub oauth_token: Option<&'a str>,
}

// === impl Carriers ===

impl<'a> Carriers<'a> {
    /// The tokens that the replicas may have to ask one another about.
    pub fn to_learn(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.tokens().into_iter().flatten().flatten()
    }

    /// All tokens there are.
    pub(crate) fn tokens(&self) -> Result<[Option<&'a str>; 4], Unidentified> {
        let authorization = match self.authorization {
            Some(value) => Some(bearer(value).ok_or(Unidentified::Malformed)?),
            None => None,
        };
        let tokens = [authorization, self.x_sfdc_session, self.soap_session, self.oauth_token];
        if tokens.iter().flatten().any(|token| token.is_empty() || token.len() > LONGEST) {
            return Err(Unidentified::Malformed);
        }
        Ok(tokens)
    }
}

impl fmt::Debug for Carriers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Carriers(redacted)")
    }
}

/// The token of `Bearer T` or `OAuth T`.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.trim().split_once(' ')?;
    let token = token.trim();
    let is_scheme = scheme.eq_ignore_ascii_case("Bearer") || scheme.eq_ignore_ascii_case("OAuth");
    // Looks at all bytes rather than up to the first odd one: so the compiler takes many at a time.
    let plain = token.bytes().fold(true, |plain, byte| plain & byte.is_ascii_graphic() & (byte != b','));
    (is_scheme && !token.is_empty() && plain).then_some(token)
}

/// Longer than any workload JWT.
const LONGEST: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_has_two_names_in_any_case() {
        for value in ["Bearer T", "bearer T", "OAuth T", " OAUTH  T "] {
            assert_eq!(bearer(value), Some("T"), "{value}");
        }
        for value in
            ["T", "Bearer", "Bearer ", "Basic T", "Bearer T, Bearer U", "Bearer T U", "OAuth a=\"b\",c=\"d\""]
        {
            assert_eq!(bearer(value), None, "{value}");
        }
    }

    #[test]
    fn an_empty_place_is_malformed_not_absent() {
        assert!(Carriers::default().tokens().is_ok());
        assert!(Carriers { x_sfdc_session: Some(""), ..Carriers::default() }.tokens().is_err());
        assert!(Carriers { authorization: Some("Bearer "), ..Carriers::default() }.tokens().is_err());
    }

    #[test]
    fn tokens_are_not_printed() {
        let carriers = Carriers { authorization: Some("Bearer hunter2"), ..Carriers::default() };
        assert_eq!(format!("{carriers:?}"), "Carriers(redacted)");
    }
}
