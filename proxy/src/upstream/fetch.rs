//! Logins at an org: one connection each, since they belong to no lane.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use forcefield_config::config::Org;
use forcefield_credentials::{Fetch, FetchAnswer, FetchError};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Response};
use http_body_util::BodyExt;
use zeroize::Zeroizing;

use super::lane::Lane;
use super::{Origin, Outgoing, Rules, SendBody, Upstream, UpstreamBody, UpstreamError};

#[async_trait]
impl Fetch for Upstream {
    async fn post_form(&self, org: &Org, path: &str, form: Bytes) -> Result<FetchAnswer, FetchError> {
        let origin = self.origin(&org.name)?;
        let rules = Rules { connections: 1, ..self.rules };
        let lane = std::sync::Arc::new(Lane::new(origin, rules, std::sync::Arc::clone(&self.counts)));
        let headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
            (ACCEPT, HeaderValue::from_static("application/json")),
        ]);
        let body = SendBody::Full(form);
        let outgoing = Outgoing { method: Method::POST, target: path.to_owned(), headers, body };
        let (head, body) = Box::pin(lane.send(outgoing)).await?.into_parts();
        Ok(FetchAnswer { status: head.status.as_u16(), body: whole(body).await? })
    }
}

/// Asks for a document over a connection of its own, with one length of time for each step. Redirects are answers like
/// others.
///
/// # Errors
/// Whatever kept the head of the answer from arriving.
pub async fn get(
    origin: Origin,
    target: &str,
    each: Duration,
) -> Result<Response<UpstreamBody>, UpstreamError> {
    let rules = Rules { connections: 1, unused: Duration::ZERO, connect: each, answer: each, idle: each };
    let lane = Arc::new(Lane::new(Arc::new(origin), rules, Arc::default()));
    let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
    let body = SendBody::Full(Bytes::new());
    Box::pin(lane.send(Outgoing { method: Method::GET, target: target.to_owned(), headers, body })).await
}

/// Reads a body that may hold a token into memory that is wiped.
async fn whole(mut body: UpstreamBody) -> Result<Zeroizing<Vec<u8>>, FetchError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LARGEST_LOGIN));
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        let data = frame.data_ref().map_or(&[][..], |data| data);
        if bytes.len() + data.len() > LARGEST_LOGIN {
            return Err(FetchError::TooLarge);
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes)
}

impl From<UpstreamError> for FetchError {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Unreachable(_) | UpstreamError::UnknownOrg => Self::Unreachable,
            UpstreamError::Busy | UpstreamError::TimedOut(_) => Self::TimedOut,
            UpstreamError::CutOff(_)
            | UpstreamError::Garbled(_)
            | UpstreamError::RequestBody
            | UpstreamError::Unsendable => Self::BrokenOff,
        }
    }
}

/// The most bytes of a login's answer: Salesforce's are some 2 KiB.
const LARGEST_LOGIN: usize = 64 << 10;
