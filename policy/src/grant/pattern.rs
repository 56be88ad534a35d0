//! Opaque doors by method and path: `GET /services/apexrest/orders/*`.

use std::ops::Range;
use std::str::FromStr;

use thiserror::Error;

use crate::request::Method;

/// A method and a path; `*` is one segment, `**` at the end is the rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    method: Method,
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(Box<str>),
    One,
    Rest,
}

/// Text that is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{0}` is neither one of versions, resources, limits, describe-global, userinfo nor a method and a path like `GET /services/apexrest/orders/*`"
)]
pub struct InvalidPattern(pub String);

impl Pattern {
    /// Whether it covers a request. Paths are compared to the letter: Salesforce's fixed segments are case-sensitive.
    #[must_use]
    pub fn covers(&self, method: Method, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else { return false };
        let mut asked = path.split('/');
        for segment in &self.segments {
            let matched = match (segment, asked.next()) {
                (Segment::Rest, rest) => {
                    return method == self.method && rest.is_some_and(|text| !text.is_empty());
                }
                (Segment::One, Some(text)) => !text.is_empty(),
                (Segment::Text(text), Some(other)) => **text == *other,
                (_, None) => false,
            };
            if !matched {
                return false;
            }
        }
        method == self.method && asked.next().is_none()
    }

    /// Whether these segments, counted from 0, are all written out rather than left to `*` or `**`.
    #[must_use]
    pub fn spells(&self, segments: Range<usize>) -> bool {
        let written = |segment: &Segment| matches!(segment, Segment::Text(_));
        self.segments.get(segments).is_some_and(|own| own.iter().all(written))
    }

    /// As it is written in a configuration.
    #[must_use]
    pub fn text(&self) -> String {
        let path = self.segments.iter().map(|segment| match segment {
            Segment::Text(text) => text,
            Segment::One => "*",
            Segment::Rest => "**",
        });
        format!("{} /{}", self.method, path.collect::<Vec<_>>().join("/"))
    }
}

impl FromStr for Pattern {
    type Err = InvalidPattern;
    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let invalid = || InvalidPattern(text.to_owned());
        let (method, path) = text.split_once(' ').ok_or_else(invalid)?;
        let method = Method::parse(method).ok_or_else(invalid)?;
        let path = path.trim_start().strip_prefix('/').ok_or_else(invalid)?;
        let segments: Vec<Segment> =
            path.split('/').map(segment).collect::<Option<_>>().ok_or_else(invalid)?;
        let early_rest = segments.iter().rev().skip(1).any(|segment| *segment == Segment::Rest);
        let wide_open = matches!(segments.first(), Some(Segment::One | Segment::Rest));
        if early_rest || wide_open { Err(invalid()) } else { Ok(Self { method, segments }) }
    }
}

fn segment(text: &str) -> Option<Segment> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    match text {
        "*" => Some(Segment::One),
        "**" => Some(Segment::Rest),
        "" | "." | ".." => None,
        _ if text.bytes().all(plain) => Some(Segment::Text(text.into())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(pattern: &str, method: Method, path: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().covers(method, path)
    }

    #[test]
    fn a_star_is_one_segment_and_two_are_the_rest() {
        assert!(covers("GET /services/apexrest/orders/*", Method::Get, "/services/apexrest/orders/7"));
        assert!(!covers("GET /services/apexrest/orders/*", Method::Post, "/services/apexrest/orders/7"));
        assert!(!covers("GET /services/apexrest/orders/*", Method::Get, "/services/apexrest/orders/7/lines"));
        assert!(!covers("GET /services/apexrest/orders/*", Method::Get, "/services/apexrest/orders"));
        assert!(covers("GET /services/apexrest/**", Method::Get, "/services/apexrest/orders/7/lines"));
        assert!(!covers("GET /services/apexrest/**", Method::Get, "/services/apexrest"));
        assert!(!covers("GET /services/apexrest/**", Method::Get, "/services/ApexRest/x"));
    }

    #[test]
    fn a_pattern_spells_what_no_star_stands_for() {
        let spells = |pattern: &str| pattern.parse::<Pattern>().unwrap().spells(2..4);
        assert!(spells("POST /a/b/c/d") && spells("POST /a/*/c/d/**"));
        assert!(!spells("POST /a/b/*/d") && !spells("POST /a/b/c/*") && !spells("POST /a/b/c/**"));
        assert!(!spells("POST /a/**") && !spells("POST /a/b/c"));
    }

    #[test]
    fn odd_patterns_are_refused() {
        for odd in [
            "GET",
            "get /x",
            "GET x",
            "GET /**",
            "GET /*/x",
            "GET /a/**/b",
            "GET /a//b",
            "GET /a/../b",
            "GET /a?b=c",
        ] {
            assert!(odd.parse::<Pattern>().is_err(), "{odd}");
        }
    }
}
