//! Answers as they go out, and why a call is not answered.

use http::header::{ALLOW, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use http::{Response, StatusCode};
use ulid::Ulid;

use super::Answer;
use crate::console;
use crate::content::Content;
use crate::routes::NoRoute;
use crate::wire::Problem;

/// Why a call is not answered.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(super) status: StatusCode,
    pub(super) text: String,
    /// The methods that the path takes, when it does not take this one.
    pub(super) allow: Option<&'static str>,
}

pub(super) fn json(status: StatusCode, id: Ulid, data: &impl serde::Serialize) -> Answer {
    let body = serde_json::to_vec(data).unwrap_or_default();
    answered(status, id, ("application/json", Content::whole(body.into())))
}

pub(super) fn answered(status: StatusCode, id: Ulid, (kind, content): (&'static str, Content)) -> Answer {
    let mut answer = Response::new(content);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    console::harden(headers);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert("x-forcefield-decision", id);
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}

pub(super) fn problem(id: Ulid, refused: Refused) -> Answer {
    let mut answer = json(refused.status, id, &Problem { error: refused.text, decision: id.to_string() });
    if let Some(allow) = refused.allow {
        answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allow));
    }
    answer
}

// === impl Refused ===

impl Refused {
    pub(crate) fn new(status: StatusCode, text: &str) -> Self {
        Self { status, text: text.to_owned(), allow: None }
    }

    pub(super) fn bad(text: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(super) fn no_route(no_route: NoRoute) -> Self {
        match no_route {
            NoRoute::Unknown => {
                Self::new(StatusCode::NOT_FOUND, "there is no such path; see /v1/openapi.json")
            }
            NoRoute::Method(allow) => Self {
                allow: Some(allow),
                ..Self::new(
                    StatusCode::METHOD_NOT_ALLOWED,
                    &format!("not with this method, but with {allow}"),
                )
            },
        }
    }

    pub(super) fn unrecorded() -> Self {
        let text = "records cannot be written at present, and only what narrows goes on without";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}
