//! The headers that pass: an allowlist, and what is refused in the values that pass.
//!
//! Reference, sections 10.2 and 11.6. Credentials, hop-by-hop and framing headers are not on the list, so they are
//! dropped; a header that asks for another method, or that changes which names a request means, is refused.

use super::{Place, Unclear};
use crate::request::Head;

/// Headers as they are sent: names in lower case, values trimmed.
pub(crate) type Sent = Vec<(Box<str>, Box<str>)>;

/// Takes the headers that may pass, without those that describe the body.
pub(crate) fn clean(head: &Head<'_>) -> Result<Sent, Unclear> {
    let mut sent = Sent::new();
    for (name, value) in head.headers {
        let kind = Kind::of(name);
        if kind == Kind::Dropped {
            continue;
        }
        let value = std::str::from_utf8(value).ok().filter(|value| value.bytes().all(is_visible));
        let Some(value) = value.map(str::trim) else {
            if kind == Kind::Cosmetic {
                continue;
            }
            return Err(odd(name, "its value must be printable ASCII"));
        };
        if sent.iter().any(|(known, _)| **known == **name) {
            return Err(odd(name, "it is repeated"));
        }
        check(kind, name, value)?;
        sent.push(((*name).into(), value.into()));
    }
    Ok(sent)
}

/// Checks a header of a part of a composite, which is sent as it stands: only what is on the list may be there.
pub(crate) fn check_part(name: &str, value: &str) -> Result<(), Unclear> {
    let folded = name.to_ascii_lowercase();
    let kind = Kind::of(&folded);
    if kind == Kind::Dropped || folded == "accept" {
        return Err(odd(name, "a part may not carry it"));
    }
    if !value.bytes().all(is_visible) || value.contains("@{") {
        return Err(odd(name, "its value must be printable ASCII without references"));
    }
    check(kind, name, value)
}

/// What a header may do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Not on the list.
    Dropped,
    /// Changes nothing that is decided.
    Cosmetic,
    /// Passes with any value.
    Passed,
    /// `Sforce-Call-Options`
    CallOptions,
    /// `Sforce-Duplicate-Rule-Header`
    DuplicateRule,
    /// Names a method other than that of the request line.
    Override,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "user-agent"
            | "x-prettyprint"
            | "x-chatter-entity-encoding"
            | "x-request-id"
            | "accept-language" => Self::Cosmetic,
            "accept"
            | "if-match"
            | "if-none-match"
            | "if-modified-since"
            | "if-unmodified-since"
            | "sforce-auto-assign"
            | "sforce-mru"
            | "sforce-query-options"
            | "sforce-enable-pkchunking"
            | "sforce-disable-batch-retry"
            | "sforce-line-ending" => Self::Passed,
            "sforce-call-options" => Self::CallOptions,
            "sforce-duplicate-rule-header" => Self::DuplicateRule,
            "x-http-method-override" | "x-http-method" | "x-method-override" => Self::Override,
            _ if name.starts_with("x-sfdc-packageversion-") => Self::Passed,
            _ => Self::Dropped,
        }
    }
}

fn check(kind: Kind, name: &str, value: &str) -> Result<(), Unclear> {
    match kind {
        Kind::Dropped | Kind::Cosmetic | Kind::Passed => Ok(()),
        Kind::Override => Err(odd(name, "a method belongs in the request line")),
        Kind::CallOptions => match options(value).all(|(key, _)| key.eq_ignore_ascii_case("client")) {
            true => Ok(()),
            false => Err(odd(name, "only `client=` is taken: `defaultNamespace` changes what names mean")),
        },
        Kind::DuplicateRule => {
            let details = |(key, value): (&str, &str)| {
                key.eq_ignore_ascii_case("includeRecordDetails") && !value.eq_ignore_ascii_case("false")
            };
            match options(value).any(details) {
                true => Err(odd(name, "`includeRecordDetails` answers fields of other records")),
                false => Ok(()),
            }
        }
    }
}

/// The `key=value` pairs of a header; either separator is taken, since servers are lenient about it.
fn options(value: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = value.split([',', ';']);
    pairs.filter(|pair| !pair.trim().is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (key.trim(), value.trim())
    })
}

fn is_visible(byte: u8) -> bool {
    (0x20..0x7f).contains(&byte) || byte == b'\t'
}

fn odd(name: &str, what: &str) -> Unclear {
    Unclear::form(Place::Header(name.into()), what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(headers: &[(&str, &[u8])]) -> Option<Vec<String>> {
        let sent = clean(&Head { method: "GET", target: "/", headers }).ok()?;
        Some(sent.iter().map(|(name, value)| format!("{name}: {value}")).collect())
    }

    #[test]
    fn only_the_list_passes() {
        let headers: &[(&str, &[u8])] = &[
            ("authorization", b"Bearer x"),
            ("x-sfdc-session", b"x"),
            ("cookie", b"sid=x"),
            ("salesforceproxy-endpoint", b"https://evil.example"),
            ("x-original-url", b"/x"),
            ("connection", b"x"),
            ("sforce-call-options", b" client=etl "),
            ("x-sfdc-packageversion-acme", b"1.0"),
        ];
        assert_eq!(
            cleaned(headers).unwrap(),
            ["sforce-call-options: client=etl", "x-sfdc-packageversion-acme: 1.0"]
        );
    }

    #[test]
    fn dangerous_values_are_refused() {
        for (name, value) in [
            ("sforce-call-options", &b"client=a, defaultNamespace=acme"[..]),
            ("sforce-call-options", b"client=a;DEFAULTNAMESPACE=acme"),
            ("sforce-duplicate-rule-header", b"allowSave=true; includeRecordDetails=true"),
            ("sforce-duplicate-rule-header", b"includeRecordDetails"),
            ("x-http-method-override", b"GET"),
            ("if-match", b"\xff"),
        ] {
            assert!(cleaned(&[(name, value)]).is_none(), "{name}");
        }
        assert!(cleaned(&[("sforce-duplicate-rule-header", b"allowSave=true")]).is_some());
        assert!(cleaned(&[("accept", b"a/b"), ("accept", b"c/d")]).is_none());
    }

    #[test]
    fn a_part_may_carry_only_the_list() {
        assert!(check_part("If-Modified-Since", "Tue, 31 May 2022 18:00:00 GMT").is_ok());
        for (name, value) in
            [("Authorization", "x"), ("Accept", "x"), ("X-Odd", "x"), ("If-Match", "@{a.id}")]
        {
            assert!(check_part(name, value).is_err(), "{name}");
        }
    }
}
