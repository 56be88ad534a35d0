//! Sending a permit: the org's token in, the answer out, one renewal and one repetition after a 401.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use forcefield_credentials::{AccessToken, CredentialError, Credentials};
use forcefield_policy::decision::Permit;
use forcefield_policy::request::Api;
use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Either, Full, Limited};

use super::Service;
use crate::exchange::Exchange;
use crate::intake::Taken;
use crate::live::Member;
use crate::reply::Refusal;
use crate::telemetry::timing::Step;
use crate::upstream::{LaneKey, Outgoing, SendBody, UpstreamBody, UpstreamError};

/// An org's answer, and the token with which it was asked.
pub(super) type Sent = (Response<OrgBody>, Arc<AccessToken>);

/// What is sent once more after a renewal.
enum Again {
    /// The request as it was decided, with its body.
    AsDecided,
    /// The same with the body that passed through, which had come to its end.
    With(Bytes),
    /// Nothing: the body has streamed away.
    Never,
}

/// The body of an org's answer: as it comes, or read whole already.
pub(super) type OrgBody = Either<UpstreamBody, Full<Bytes>>;

impl Service {
    /// Sends a permit. Forcefield renews a session that the org refuses once, and sends once more what it can.
    pub(super) async fn send(
        &self,
        member: &Member,
        permit: &Permit,
        taken: Taken,
        exchange: &mut Exchange,
    ) -> Result<Sent, Refusal> {
        let (name, credentials) = (&member.identity.name, self.credentials.load_full());
        let token =
            exchange.during(Step::Credential, credentials.token(name)).await.map_err(no_credential)?;
        // A body that streams can be sent once only; one that has come to its end is a clone away.
        let streams = permit.body("").is_none();
        let whole = taken.rest.is_none().then(|| taken.bytes.clone());
        let passing = streams.then(|| match whole.clone() {
            Some(whole) => SendBody::Full(whole),
            None => SendBody::stream(taken.into_stream()),
        });
        let began = Instant::now();
        let first = self.send_once(member, permit, &token, passing).await;
        exchange.waited(Step::Upstream, began);
        let first = self.settled(permit, first?).await?;
        exchange.note(|record| record.upstream_status = Some(first.status().as_u16()));
        if first.status() != StatusCode::UNAUTHORIZED {
            return Ok((first, token));
        }
        if let Either::Left(body) = first.into_body() {
            Box::pin(body.discard()).await;
        }
        let again = match (streams, whole) {
            (false, _) => Again::AsDecided,
            (true, Some(whole)) => Again::With(whole),
            (true, None) => Again::Never,
        };
        // Rare, so its future is made only then: what each request carries along stays small.
        Box::pin(self.send_again((member, permit), (&credentials, &token), again, exchange)).await
    }

    /// Renews a session that the org refused, and sends once more what it can.
    async fn send_again(
        &self,
        (member, permit): (&Member, &Permit),
        (credentials, refused): (&Credentials, &Arc<AccessToken>),
        again: Again,
        exchange: &mut Exchange,
    ) -> Result<Sent, Refusal> {
        self.rooms.telemetry.instruments().renewed();
        let renewal = credentials.renew(&member.identity.name, refused);
        let renewed = exchange.during(Step::Credential, renewal).await.map_err(no_credential)?;
        let again = match again {
            Again::AsDecided => None,
            Again::With(body) => Some(SendBody::Full(body)),
            Again::Never => {
                let detail = "the session ended under an upload; it is renewed".to_owned();
                return Err(Refusal::NoCredential(detail, ONE_SECOND));
            }
        };
        let began = Instant::now();
        let second = self.send_once(member, permit, &renewed, again).await;
        exchange.waited(Step::Upstream, began);
        let second = self.settled(permit, second?).await?;
        exchange.note(|record| record.upstream_status = Some(second.status().as_u16()));
        if second.status() == StatusCode::UNAUTHORIZED {
            let detail = "the org refuses a session that it has just given out".to_owned();
            return Err(Refusal::NoCredential(detail, ONE_SECOND));
        }
        Ok((second, renewed))
    }

    /// Sends a request of Forcefield's own: a description. It is not of any caller's and has no record.
    pub(crate) async fn send_own(
        &self,
        member: &Member,
        permit: &Permit,
    ) -> Result<Response<UpstreamBody>, Refusal> {
        self.let_in(&member.identity.name)?; // the credential of an integration that was stopped mints nothing
        self.send_last(member, permit).await
    }

    /// The same for an integration that was stopped, whose token is given back right after.
    pub(super) async fn send_last(
        &self,
        member: &Member,
        permit: &Permit,
    ) -> Result<Response<UpstreamBody>, Refusal> {
        let (name, credentials) = (&member.identity.name, self.credentials.load_full());
        let token = credentials.token(name).await.map_err(no_credential)?;
        let first = self.send_once(member, permit, &token, None).await?;
        if first.status() != StatusCode::UNAUTHORIZED {
            return Ok(first);
        }
        first.into_body().discard().await;
        let renewed = credentials.renew(name, &token).await.map_err(no_credential)?;
        Ok(self.send_once(member, permit, &renewed, None).await?)
    }

    async fn send_once(
        &self,
        member: &Member,
        permit: &Permit,
        token: &AccessToken,
        streamed: Option<SendBody>,
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        let mut headers = HeaderMap::with_capacity(permit.headers().len() + OURS);
        for (name, value) in permit.headers() {
            let pair = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value));
            let (Ok(name), Ok(value)) = pair else { return Err(UpstreamError::Unsendable) };
            headers.append(name, value);
        }
        // What comes back is counted and rewritten, so it must come plain.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        token.apply(permit, &mut headers);
        let body =
            streamed.or_else(|| token.body(permit).map(SendBody::Full)).ok_or(UpstreamError::Unsendable)?;
        let method = permit.method().as_str().parse().map_err(|_| UpstreamError::Unsendable)?;
        let key =
            LaneKey { org: member.org.name.clone(), identity: member.identity.name.as_str().to_owned() };
        let outgoing = Outgoing { method, target: permit.target().to_owned(), headers, body };
        let answer = self.upstream.send(&key, outgoing).await?;
        // Code of the org can write any header into the answers of its own REST services.
        let told = answer.headers().get("sforce-limit-info").filter(|_| permit.api() != Api::ApexRest);
        if let Some(told) = told.and_then(|value| value.to_str().ok()) {
            self.limits.reported(&member.identity.name, told);
        }
        Ok(answer)
    }

    /// An answer whose session may have been refused in its body: SOAP says so in a fault with status 500, Bulk 1.0 in
    /// a document with status 400. Those are read whole before they are believed.
    async fn settled(
        &self,
        permit: &Permit,
        answer: Response<UpstreamBody>,
    ) -> Result<Response<OrgBody>, Refusal> {
        let suspicious = match permit.api() {
            Api::SoapPartner
            | Api::SoapEnterprise
            | Api::SoapTooling
            | Api::SoapMetadata
            | Api::SoapApex
            | Api::SoapClass => answer.status() == StatusCode::INTERNAL_SERVER_ERROR,
            Api::Bulk1 => answer.status() == StatusCode::BAD_REQUEST,
            _ => false,
        };
        if !suspicious {
            return Ok(answer.map(Either::Left));
        }
        let (head, body) = answer.into_parts();
        let read = Box::pin(Limited::new(body, FAULT).collect()).await;
        let bytes = read.map_err(|error| Refusal::NotPassed(error.to_string()))?.to_bytes();
        let refused = REFUSED.iter().any(|code| memchr::memmem::find(&bytes, code.as_bytes()).is_some());
        let mut answer = Response::from_parts(head, Either::Right(Full::new(bytes.clone())));
        if refused {
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
        }
        Ok(answer)
    }
}

fn no_credential(error: CredentialError) -> Refusal {
    Refusal::NoCredential(error.to_string(), error.retry_after)
}

/// How many headers a request has beside those of its permit: the encoding, the credential, the host.
const OURS: usize = 3;
const ONE_SECOND: std::time::Duration = std::time::Duration::from_secs(1);
/// How SOAP and Bulk 1.0 say that a session is refused: as a code, so that a text that a caller chose is not one.
const REFUSED: [&str; 4] = [
    "INVALID_SESSION_ID</faultcode>",
    "<exceptionCode>InvalidSessionId</exceptionCode>",
    "\"exceptionCode\":\"InvalidSessionId\"",
    "\"exceptionCode\" : \"InvalidSessionId\"",
];
/// The largest fault that is searched for a refused session.
const FAULT: usize = 1 << 20;
