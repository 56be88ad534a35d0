//! A request head that nobody can read two ways, whichever protocol brought it.
//!
//! What only the bytes of HTTP/1.1 show is refused earlier, in [`super::framing`].

use std::fmt;

use http::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HOST, HeaderMap, HeaderName, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::{Method, Uri};

use super::BadHead;

/// What a checked head says about where it was sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The host that the client named.
    pub host: Host,
}

/// A host that a client named, and the port when it named one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Lower case, without the port; an IPv6 address keeps its brackets.
    pub name: String,
    /// `https://`, the name, and the port unless it is left out or 443.
    base: String,
}

/// Checks a head, and takes off it what is for this connection only: hop-by-hop headers, those that `Connection`
/// names, and names with an underscore, which some servers read as the same name with a hyphen.
///
/// # Errors
/// When the head could be read in two ways, or asks for what is not served.
pub fn hygiene(parts: &mut Parts) -> Result<Checked, BadHead> {
    if parts.method == Method::CONNECT {
        return Err(BadHead::NotServed("`CONNECT`"));
    }
    let headers = &mut parts.headers;
    if headers.contains_key(UPGRADE) {
        return Err(BadHead::NotServed("`Upgrade`"));
    }
    let repeats = headers.len() > headers.keys_len(); // more values than names
    let repeated = |(name, _): &&(HeaderName, &str)| headers.get_all(name).iter().nth(1).is_some();
    if let Some((_, text)) = ONCE.iter().filter(|_| repeats).find(repeated) {
        return Err(BadHead::Repeated(text));
    }
    if headers.contains_key(CONTENT_LENGTH) && headers.contains_key(TRANSFER_ENCODING) {
        return Err(BadHead::Framing("it has both `Content-Length` and `Transfer-Encoding`"));
    }
    let host = host(&parts.uri, headers)?;
    if !parts.uri.path().starts_with('/') {
        return Err(BadHead::Malformed("the target is not a path"));
    }
    drop_nominated(headers)?;
    let stays_here = |name: &&HeaderName| HOP_BY_HOP.contains(name) || name.as_str().contains('_');
    let staying: Vec<HeaderName> = headers.keys().filter(stays_here).cloned().collect();
    for name in &staying {
        headers.remove(name);
    }
    Ok(Checked { host })
}

/// Whether a method has no request body.
pub(super) fn is_bodyless(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::DELETE)
}

/// The host of a request: the `Host` header, `:authority`, or the same in both.
fn host(uri: &Uri, headers: &HeaderMap) -> Result<Host, BadHead> {
    let mut named = headers.get_all(HOST).iter();
    let header = match (named.next(), named.next()) {
        (None, _) => None,
        (Some(only), None) => {
            Some(Host::parse(only.to_str().map_err(|_| BadHead::Host("it is not ASCII text"))?)?)
        }
        (Some(_), Some(_)) => return Err(BadHead::Host("there must be exactly one `Host` header")),
    };
    if uri.scheme_str().is_some_and(|scheme| scheme != "https") {
        return Err(BadHead::Malformed("the target's scheme is not https"));
    }
    let target = uri.authority().map(|authority| Host::parse(authority.as_str())).transpose()?;
    match (header, target) {
        (None, None) => Err(BadHead::Host("there must be exactly one `Host` header")),
        (Some(host), None) | (None, Some(host)) => Ok(host),
        (Some(host), Some(target)) if host == target => Ok(host),
        (Some(_), Some(_)) => Err(BadHead::Host("the target names another host than the `Host` header")),
    }
}

/// Takes off the headers that `Connection` names. It may not name what the meaning of the request depends on.
fn drop_nominated(headers: &mut HeaderMap) -> Result<(), BadHead> {
    let mut nominated = Vec::new();
    for value in headers.get_all(CONNECTION) {
        let value = value.to_str().map_err(|_| BadHead::Malformed("`Connection` is not ASCII text"))?;
        for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let name = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| BadHead::Malformed("`Connection` names what is not a header"))?;
            if END_TO_END.contains(&name) {
                return Err(BadHead::Malformed("`Connection` names a header that is not for the connection"));
            }
            nominated.push(name);
        }
    }
    for name in &nominated {
        headers.remove(name);
    }
    Ok(())
}

// === impl Host ===

impl Host {
    /// Reads `name`, `name:port`, `[v6]` or `[v6]:port`.
    ///
    /// # Errors
    /// When it is anything else.
    pub fn parse(text: &str) -> Result<Self, BadHead> {
        const UNCLEAR: BadHead = BadHead::Host("it is not `name` or `name:port`");
        let end = if text.starts_with('[') { text.find(']').ok_or(UNCLEAR)? + 1 } else { 0 };
        let colon = text.get(end..).and_then(|rest| rest.find(':')).map(|at| at + end);
        let (name, port) = match colon.and_then(|at| text.split_at_checked(at)) {
            None => (text, None),
            Some((name, port)) => (name, Some(port.trim_start_matches(':'))),
        };
        if colon.is_some() && colons(text) != colons(name) + 1 {
            return Err(UNCLEAR);
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        let address = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let fits = match address {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(plain),
        };
        let port: Option<u16> = match port {
            None => None,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().map_err(|_| UNCLEAR)?)
            }
            Some(_) => return Err(UNCLEAR),
        };
        if !fits {
            return Err(UNCLEAR);
        }
        let name = name.to_ascii_lowercase();
        let base = match port.filter(|port| *port != HTTPS) {
            None => [SCHEME, &name].concat(),
            Some(port) => [SCHEME, &name, ":", &port.to_string()].concat(),
        };
        Ok(Self { name, base })
    }

    /// `https://name` or `https://name:port`: what absolute URLs in answers start with.
    #[must_use]
    pub fn base(&self) -> String {
        self.base.clone()
    }

    /// The same without the scheme.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.base.strip_prefix(SCHEME).unwrap_or_default()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.authority())
    }
}

fn colons(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b':').count()
}

const SCHEME: &str = "https://";
const HTTPS: u16 = 443;
const LONGEST_NAME: usize = 253;

/// Headers that must not be repeated: two readers take different ones.
const ONCE: [(HeaderName, &str); 4] = [
    (CONTENT_LENGTH, "content-length"),
    (CONTENT_TYPE, "content-type"),
    (CONTENT_ENCODING, "content-encoding"),
    (TRANSFER_ENCODING, "transfer-encoding"),
];

/// Headers for one connection only (RFC 9110, section 7.6.1), and those that came with a proxy before this one.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authorization"),
    HeaderName::from_static("proxy-authenticate"),
];

/// Headers that `Connection` may not name: without them the request would mean something else.
const END_TO_END: [HeaderName; 6] =
    [HOST, CONTENT_LENGTH, CONTENT_TYPE, CONTENT_ENCODING, http::header::AUTHORIZATION, http::header::COOKIE];

#[cfg(test)]
mod tests;
