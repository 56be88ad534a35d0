//! Why a login was refused: in full for the record, in the words of RFC 6749 for the client.

use std::time::Duration;

use forcefield_policy::names::IdentityName;
use serde_json::json;
use thiserror::Error;

use crate::answer::Answer;
use crate::form::MalformedForm;
use crate::identities::Unidentified;
use crate::sessions::{IssueError, TokenProblem};

/// Why a login was refused. The text is for the record.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LoginProblem {
    /// A request without what every such request has.
    #[error("the request cannot be read: {0}")]
    Malformed(&'static str),
    /// A grant type that is not answered here.
    #[error("the grant type is not one that is answered here")]
    UnsupportedGrant,
    /// No client id, and no certificate in its place.
    #[error("the request names no client")]
    NoClient,
    /// The client id is unknown or its secret is wrong; which of them is not told apart.
    #[error("the client id is unknown, or its secret is wrong")]
    WrongSecret,
    /// The user name is unknown or its password is wrong, likewise.
    #[error("the user name is unknown, or its password is wrong")]
    WrongPassword,
    /// Too many logins at once.
    #[error("too many logins are being checked at once")]
    Busy,
    /// Too many wrong guesses.
    #[error("too many failed logins; the next is taken in {} s", retry_after.as_secs().max(1))]
    TooManyAttempts {
        /// When the next is taken.
        retry_after: Duration,
    },
    /// A refresh token of another client.
    #[error("the refresh token of `{0}` was issued to another client")]
    OtherClient(IdentityName),
    /// Proven, or nearly, but not to be let.
    #[error(transparent)]
    Refused(#[from] Unidentified),
    /// A token to be revoked that is none of ours.
    #[error("the token is not one of ours")]
    NoSuchToken,
    /// The document of another user.
    #[error("`{0}` asked for the document of another user")]
    OtherUser(IdentityName),
    /// The configuration has no org for the identity.
    #[error("the org of the identity has no id")]
    NoOrg,
    /// The session cannot be kept.
    #[error("the session cannot be kept: {0}")]
    State(String),
}

// === impl LoginProblem ===

impl LoginProblem {
    /// Whose login it was, where that is known.
    #[must_use]
    pub fn identity(&self) -> Option<&IdentityName> {
        match self {
            Self::OtherClient(name) | Self::OtherUser(name) => Some(name),
            Self::Refused(reason) => reason.identity(),
            Self::Malformed(_)
            | Self::UnsupportedGrant
            | Self::NoClient
            | Self::WrongSecret
            | Self::WrongPassword
            | Self::Busy
            | Self::TooManyAttempts { .. }
            | Self::NoSuchToken
            | Self::NoOrg
            | Self::State(_) => None,
        }
    }

    /// The answer of an OAuth endpoint (RFC 6749, section 5.2), with the words of Salesforce's.
    pub(crate) fn oauth_answer(&self, by_header: bool) -> Answer {
        let (error, description) = self.oauth_error();
        let body = json!({ "error": error, "error_description": description });
        match self {
            Self::TooManyAttempts { retry_after } => {
                Answer::json(429, &body).with("retry-after", retry_after.as_secs().max(1).to_string())
            }
            Self::State(_) | Self::NoOrg | Self::Busy => Answer::json(503, &body).with("retry-after", "5"),
            Self::WrongSecret | Self::NoClient if by_header => {
                Answer::json(401, &body).with("www-authenticate", "Basic realm=\"forcefield\"")
            }
            _ => Answer::json(400, &body),
        }
    }

    fn oauth_error(&self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed(what) => ("invalid_request", what),
            Self::UnsupportedGrant => ("unsupported_grant_type", "grant type not supported"),
            Self::NoClient | Self::WrongSecret => ("invalid_client", "invalid client credentials"),
            Self::TooManyAttempts { .. } => ("rate_limit_exceeded", "login rate exceeded"),
            Self::OtherClient(_) => ("invalid_grant", "expired access/refresh token"),
            Self::Refused(reason) => ("invalid_grant", refusal(reason)),
            Self::NoSuchToken => ("unsupported_token_type", "this token type is not supported"),
            Self::WrongPassword | Self::OtherUser(_) => ("invalid_grant", "authentication failure"),
            Self::NoOrg | Self::State(_) | Self::Busy => {
                ("temporarily_unavailable", "no login can be taken at the moment")
            }
        }
    }
}

/// Whoever has proven who it is may know why it is not let; others learn that they have not.
fn refusal(reason: &Unidentified) -> &'static str {
    match reason {
        Unidentified::WrongNetwork(_) => "ip restricted",
        Unidentified::WrongHost(_) | Unidentified::Expired(_) => reason.told(),
        Unidentified::Token(TokenProblem::OtherCertificate | TokenProblem::OtherNetwork) => reason.told(),
        Unidentified::Token(_) | Unidentified::Gone(_) | Unidentified::OtherOrg(_) => {
            "expired access/refresh token"
        }
        Unidentified::Jwt(_) | Unidentified::UnknownSubject { .. } => "invalid assertion",
        Unidentified::Nothing
        | Unidentified::Malformed
        | Unidentified::UnknownCertificate(_)
        | Unidentified::AmbiguousCertificate(_)
        | Unidentified::CertificateExpired(_)
        | Unidentified::Disagreement(_) => "authentication failure",
    }
}

impl From<IssueError> for LoginProblem {
    fn from(error: IssueError) -> Self {
        Self::State(error.to_string())
    }
}

impl From<MalformedForm> for LoginProblem {
    fn from(_: MalformedForm) -> Self {
        Self::Malformed("the client's credentials cannot be read")
    }
}
