//! The shape of a refusal: each door has its own (clients.md, section 2.5).

use bytes::Bytes;
use forcefield_policy::request::Encoding;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use ulid::Ulid;

use super::Refusal;

/// How a client reads errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A JSON array of errors.
    Rest,
    /// The same in XML.
    RestXml,
    /// A SOAP Fault, status 500.
    Soap,
    /// The error document of Bulk 1.0, status 400.
    BulkXml,
    /// The same in JSON.
    BulkJson,
    /// RFC 6749.
    OAuth,
    /// GraphQL `errors`.
    GraphQl,
}

impl Form {
    /// The form that a request's path and headers ask for.
    #[must_use]
    pub fn of(parts: &Parts) -> Self {
        let path = parts.uri.path();
        // The sf CLI may write one `/` too many in front.
        let path = path.strip_prefix('/').filter(|rest| rest.starts_with('/')).unwrap_or(path);
        let says = |name, text: &str| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .is_some_and(|value| value.contains(text))
        };
        if path.starts_with("/services/Soap/") {
            Self::Soap
        } else if path.starts_with("/services/async/") {
            if says(CONTENT_TYPE, "json") || says(ACCEPT, "json") { Self::BulkJson } else { Self::BulkXml }
        } else if path.ends_with("/services/oauth2/token") || path.starts_with("/services/oauth2/re") {
            Self::OAuth
        } else if path.ends_with("/graphql") {
            Self::GraphQl
        } else if says(ACCEPT, "application/xml") && !says(ACCEPT, "json") {
            Self::RestXml
        } else {
            Self::Rest
        }
    }

    /// The answer that refuses. What is asked in doubt is asked of nobody: no cache may keep it.
    #[must_use]
    pub fn refuse(self, refusal: &Refusal, id: Ulid) -> Response<Full<Bytes>> {
        let (code, text) = (refusal.code(), message(refusal, id));
        let (status, content_type, body) = match self {
            Self::Rest => (refusal.status(), JSON, json!([{"errorCode": code, "message": text}]).to_string()),
            Self::RestXml => (refusal.status(), "application/xml;charset=UTF-8", rest_xml(code, &text)),
            Self::Soap => (StatusCode::INTERNAL_SERVER_ERROR, "text/xml;charset=UTF-8", fault(code, &text)),
            Self::BulkXml => (bulk_status(refusal), "application/xml", bulk_xml(bulk_code(code), &text)),
            Self::BulkJson => (
                bulk_status(refusal),
                // Exactly this: salesforce-bulk takes anything longer for XML.
                "application/json",
                json!({"exceptionCode": bulk_code(code), "exceptionMessage": text}).to_string(),
            ),
            Self::OAuth => {
                let body = json!({"error": oauth_code(refusal), "error_description": text}).to_string();
                (refusal.status(), JSON, body)
            }
            Self::GraphQl => {
                let error = json!({"message": text, "extensions": {"ErrorType": code}});
                (refusal.status(), JSON, json!({"data": null, "errors": [error]}).to_string())
            }
        };
        let mut answer = Response::new(Full::from(body));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = refusal.retry_after() {
            headers.insert(RETRY_AFTER, seconds.into());
        }
        answer
    }
}

/// The text of a refusal. A dead token gets Salesforce's own words and nothing else: SDKs log in again by them.
fn message(refusal: &Refusal, id: Ulid) -> String {
    match refusal {
        Refusal::Unidentified(_) => refusal.to_string(),
        _ => format!("{refusal}. decision {id}"),
    }
}

fn bulk_status(refusal: &Refusal) -> StatusCode {
    match refusal.status() {
        status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => status,
        _ => StatusCode::BAD_REQUEST,
    }
}

fn bulk_code(code: &str) -> &'static str {
    match code {
        "INVALID_SESSION_ID" => "InvalidSessionId",
        "REQUEST_LIMIT_EXCEEDED" => "ExceededQuota",
        "INSUFFICIENT_ACCESS" => "FeatureNotEnabled",
        "SERVER_UNAVAILABLE" => "Unknown",
        _ => "ClientInputError",
    }
}

fn oauth_code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Unidentified(_) | Refusal::NotHere(_) | Refusal::Quarantined(..) => "invalid_grant",
        Refusal::Exceeded(..) => "rate_limit_exceeded",
        Refusal::Unavailable(_) | Refusal::NoCredential(..) | Refusal::Upstream(_) => {
            "temporarily_unavailable"
        }
        _ => "invalid_request",
    }
}

fn rest_xml(code: &str, text: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Errors><Error><errorCode>{code}</errorCode><message>{}</message></Error></Errors>",
        escaped(text)
    )
}

fn bulk_xml(code: &str, text: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><error xmlns=\"http://www.force.com/2009/06/asyncapi/dataload\"><exceptionCode>{code}</exceptionCode><exceptionMessage>{}</exceptionMessage></error>",
        escaped(text)
    )
}

fn fault(code: &str, text: &str) -> String {
    let text = escaped(text);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:sf=\"urn:fault.partner.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body><soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{code}: {text}</faultstring><detail><sf:UnexpectedErrorFault xsi:type=\"sf:UnexpectedErrorFault\"><sf:exceptionCode>{code}</sf:exceptionCode><sf:exceptionMessage>{text}</sf:exceptionMessage></sf:UnexpectedErrorFault></detail></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
    )
}

fn escaped(text: &str) -> String {
    let mut out = Vec::new();
    Encoding::Xml.write(text, &mut out);
    String::from_utf8(out).unwrap_or_default()
}

const JSON: &str = "application/json;charset=UTF-8";
