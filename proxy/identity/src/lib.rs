//! Who is calling: certificate, token or workload JWT to an identity.
//!
//! [`Identities`] answers that for every request. [`Logins`] answers the login endpoints, where stock clients exchange
//! what they have for one of our [`Sessions`]. Nothing here opens a socket or reads a clock, and nothing waits; checking
//! a secret takes tens of milliseconds on purpose, so [`Logins`] belongs onto a blocking thread.

mod answer;
mod attempts;
mod carriers;
mod certificate;
mod documents;
mod form;
mod identities;
mod jwt;
mod keys;
mod logins;
mod peer;
mod sessions;
mod soap;
mod token;
mod turns;
mod user;

pub use answer::Answer;
pub use carriers::Carriers;
pub use certificate::{CertificateError, PeerCertificate};
pub use form::{Form, MalformedForm};
pub use identities::{Caller, Identities, Proof, Unidentified};
pub use jwt::JwtProblem;
pub use keys::{InvalidKeySet, IssuerKeys, KeySet};
pub use logins::{Login, LoginProblem, LoginRequest, Logins, Route};
pub use peer::{InvalidHost, Peer};
pub use sessions::{Held, Revoked, Sessions, SharedSessions, TokenProblem, Told};
pub use soap::{SoapBody, SoapCall, SoapProblem};
pub use user::UserId;
