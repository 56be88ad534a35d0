//! Opaque doors by method and path, and perhaps query string: `GET /services/apexrest/orders/*`.

mod pins;

use std::ops::Range;
use std::str::FromStr;

use pins::Pins;
use thiserror::Error;

use crate::request::{Method, Opaque};

/// A method and a path; `*` is one segment, `**` at the end is the rest. Whatever parameters the request has, unless a
/// query string says which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    method: Method,
    segments: Vec<Segment>,
    pins: Option<Pins>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(Box<str>),
    One,
    Rest,
}

/// Text that is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidPattern {
    /// It is not a method and a path.
    #[error(
        "`{0}` is neither one of versions, resources, limits, describe-global, userinfo nor a method and a path like `GET /services/apexrest/orders/*`"
    )]
    Path(String),
    /// It is, but its query string cannot be held: why.
    #[error("{0}; write parameters like `?loader=orders&page=*`, and `&*` at their end for any others")]
    Parameters(String),
}

impl Pattern {
    /// Whether it covers a request, its parameters included.
    #[must_use]
    pub fn covers(&self, asked: &Opaque) -> bool {
        self.leads_to(asked) && self.pins.as_ref().is_none_or(|pins| pins.hold(asked))
    }

    /// Whether it covers the method and path of a request. Paths are compared to the letter: Salesforce's fixed segments
    /// are case-sensitive.
    #[must_use]
    pub fn leads_to(&self, asked: &Opaque) -> bool {
        let Some(path) = asked.path.strip_prefix('/') else { return false };
        let mut segments = path.split('/');
        for segment in &self.segments {
            let matched = match (segment, segments.next()) {
                (Segment::Rest, rest) => {
                    return asked.method == self.method && rest.is_some_and(|text| !text.is_empty());
                }
                (Segment::One, Some(text)) => !text.is_empty(),
                (Segment::Text(text), Some(other)) => **text == *other,
                (_, None) => false,
            };
            if !matched {
                return false;
            }
        }
        asked.method == self.method && segments.next().is_none()
    }

    /// Whether these segments, counted from 0, are all written out rather than left to `*` or `**`.
    #[must_use]
    pub fn spells(&self, segments: Range<usize>) -> bool {
        let written = |segment: &Segment| matches!(segment, Segment::Text(_));
        self.segments.get(segments).is_some_and(|own| own.iter().all(written))
    }
}

impl FromStr for Pattern {
    type Err = InvalidPattern;
    fn from_str(text: &str) -> Result<Self, InvalidPattern> {
        let invalid = || InvalidPattern::Path(text.to_owned());
        let (method, path) = text.split_once(' ').ok_or_else(invalid)?;
        let method = Method::parse(method).ok_or_else(invalid)?;
        let path = path.trim_start().strip_prefix('/').ok_or_else(invalid)?;
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let segments: Vec<Segment> =
            path.split('/').map(segment).collect::<Option<_>>().ok_or_else(invalid)?;
        let early_rest = segments.iter().rev().skip(1).any(|segment| *segment == Segment::Rest);
        let wide_open = matches!(segments.first(), Some(Segment::One | Segment::Rest));
        if early_rest || wide_open {
            return Err(invalid());
        }
        let pins = query.map(Pins::parse).transpose().map_err(InvalidPattern::Parameters)?;
        Ok(Self { method, segments, pins })
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
mod tests;
