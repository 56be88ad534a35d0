//! Sessions, those that other replicas gave out included.

use std::sync::Arc;

use forcefield_identity::{Carriers, Peer, Sessions, SoapBody};
use http::header::{AUTHORIZATION, HeaderValue};
use http::request::Parts;

use super::{Service, X_SFDC_SESSION};
use crate::reply::Refusal;

impl Service {
    /// The tokens that were handed out.
    #[must_use]
    pub fn sessions(&self) -> Arc<Sessions> {
        Arc::clone(&self.live.load().standing().sessions)
    }

    /// Learns of the sessions whose tokens a request carries.
    pub(super) async fn learn_session(
        &self,
        parts: &Parts,
        soap: Option<&SoapBody>,
        peer: &Peer,
    ) -> Result<(), Refusal> {
        if self.replicas.is_none() {
            return Ok(()); // nobody to learn from
        }
        let text = |name| parts.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let carriers = Carriers {
            authorization: text(AUTHORIZATION),
            x_sfdc_session: text(X_SFDC_SESSION),
            soap_session: soap.and_then(SoapBody::session),
            oauth_token: None,
        };
        self.learn_sessions(carriers.to_learn(), peer).await
    }

    /// Learns of sessions by their tokens, from the replicas that gave them out. When the store that they share cannot be
    /// asked the request is refused, but not as one whose token is dead: a client would throw away what may be good.
    pub(super) async fn learn_sessions<'a>(
        &self,
        tokens: impl Iterator<Item = &'a str>,
        peer: &Peer,
    ) -> Result<(), Refusal> {
        let Some(replicas) = &self.replicas else { return Ok(()) };
        let (sessions, host) = (self.sessions(), peer.neighbourhood());
        for token in tokens {
            let learned = Box::pin(replicas.learn(&sessions, token, host)).await;
            learned.map_err(|_| Refusal::Unavailable(UNASKED))?;
        }
        Ok(())
    }
}

const UNASKED: &str =
    "this token is not known here, and the store that the replicas share cannot be asked about it at present";
