//! A request as the org understands it, and an answer before it is sent.

use crate::fault::Fault;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value as Json, json};

/// A request, taken apart. Generous on purpose: what a strict front would refuse is carried out here, so that a test
/// notices when the front let it through.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    /// The method that counts, after `_HttpMethod`.
    pub(crate) method: String,
    /// Path segments, decoded; doubled and trailing slashes are gone.
    pub(crate) path: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    /// Decompressed.
    pub(crate) body: Bytes,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) payload: Payload,
}

/// The body of an answer.
pub(crate) enum Payload {
    Whole(Bytes),
    /// Made while it is sent.
    Stream(Box<dyn Iterator<Item = Bytes> + Send>),
}

/// The content type of nearly every answer.
pub(crate) const JSON: &str = "application/json;charset=UTF-8";

// === impl Ask ===

impl Ask {
    /// Takes a method and a request target apart.
    pub(crate) fn new(method: &str, target: &str, headers: HeaderMap, body: Bytes) -> Self {
        let target = without_authority(target);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = parse_query(query);
        let tunnelled = query.iter().find(|(name, _)| name == "_HttpMethod").map(|(_, value)| value.as_str());
        let method = if method == "POST" { tunnelled.unwrap_or(method) } else { method };
        let path =
            path.split('/').filter(|segment| !segment.is_empty()).map(|segment| decode(segment, false));
        Self { method: method.to_owned(), path: path.collect(), query, headers, body }
    }

    /// A query parameter; of several, the last.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header as text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The path from a segment on, borrowed for matching.
    pub(crate) fn segments(&self, from: usize) -> Vec<&str> {
        self.path.iter().skip(from).map(String::as_str).collect()
    }

    /// The body as JSON; of a key given twice, the last counts.
    pub(crate) fn json(&self) -> Result<Json, Fault> {
        serde_json::from_slice(&self.body).map_err(|error| Fault::bad_json(error.to_string()))
    }

    /// Whether the method reads.
    pub(crate) fn is_get(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD")
    }

    /// The body's text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

// === impl Reply ===

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { status, headers, payload: Payload::Whole(body.into()) }
    }

    pub(crate) fn json(status: u16, body: &Json) -> Self {
        Self::new(status, JSON, body.to_string())
    }

    pub(crate) fn ok(body: &Json) -> Self {
        Self::json(200, body)
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), payload: Payload::Whole(Bytes::new()) }
    }

    pub(crate) fn fault(fault: &Fault) -> Self {
        Self::json(fault.status, &json!([fault.rest()]))
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }

    /// The body, if it is held in memory.
    pub(crate) fn body(&self) -> &[u8] {
        match &self.payload {
            Payload::Whole(bytes) => bytes,
            Payload::Stream(_) => &[],
        }
    }

    /// The body as JSON; null when empty.
    pub(crate) fn body_json(&self) -> Json {
        serde_json::from_slice(self.body()).unwrap_or_else(|_| {
            if self.body().is_empty() { Json::Null } else { json!(String::from_utf8_lossy(self.body())) }
        })
    }
}

impl std::fmt::Debug for Payload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Whole(bytes) => write!(f, "Whole({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// `name=value&...`, form-decoded.
pub(crate) fn parse_query(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name, true), decode(value, true))
        })
        .collect()
}

/// Percent-decodes; in forms, `+` is a blank.
pub(crate) fn decode(text: &str, form: bool) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes().iter().copied();
    while let Some(byte) = rest.next() {
        let ahead: Vec<u8> = rest.clone().take(2).collect();
        let hex = std::str::from_utf8(&ahead).ok().filter(|hex| hex.len() == 2);
        match (byte, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(decoded)) => {
                bytes.push(decoded);
                rest.next();
                rest.next();
            }
            (b'+', _) if form => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn without_authority(target: &str) -> &str {
    let Some((_, rest)) = target.split_once("://").filter(|(scheme, _)| !scheme.contains(['/', '?'])) else {
        return target;
    };
    rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or("/")
}
