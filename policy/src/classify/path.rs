//! A request target to its segments, each decoded exactly once, and back to one canonical spelling.
//!
//! Splits on `/` before decoding. What two servers could read differently is refused (reference, sections 0.5 and
//! 11.2): dot segments, empty segments but for one leading and one trailing slash, matrix parameters, backslashes,
//! control characters, malformed escapes.

use std::borrow::Cow;

use super::{Place, Unclear};
use crate::request::percent_encode;

/// A target, split.
#[derive(Debug)]
pub(crate) struct Path<'a> {
    /// The segments, without the empty one behind a trailing slash.
    pub(crate) segments: Vec<Segment<'a>>,
    /// What follows the `?`, not decoded.
    pub(crate) query: Option<&'a str>,
}

/// One segment, decoded.
#[derive(Clone, Debug)]
pub(crate) struct Segment<'a> {
    text: Cow<'a, str>,
    kind: SegmentKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SegmentKind {
    /// Nothing in it could be taken for structure.
    Name,
    /// Holds `/ \ ; ? # %`, which only the value of an external id may.
    Value,
    /// `@{ref.path}`, which Salesforce replaces when an earlier part of the composite has run.
    Reference,
}

/// Whether `@{ref}` segments may stand in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum References {
    /// They are malformed there.
    Refused,
    /// They are kept as they stand.
    Kept,
}

// === impl Path ===

impl<'a> Path<'a> {
    /// Splits a target. One leading `//` is folded, for the sf CLI sends it.
    pub(crate) fn parse(target: &'a str, references: References) -> Result<Self, Unclear> {
        if target.len() > MOST_BYTES {
            return Err(malformed("Salesforce takes 16,384 bytes at most"));
        }
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        // Looks at all bytes rather than up to the first odd one: so the compiler takes many at a time.
        let odd = |query: &str| {
            query.bytes().fold(false, |odd, byte| odd | !(0x21..0x7f).contains(&byte) | (byte == b'#'))
        };
        if query.is_some_and(odd) {
            return Err(malformed("the query string must be percent-encoded ASCII"));
        }
        let path = path.strip_prefix('/').ok_or_else(|| malformed("a path starts with `/`"))?;
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        if path.is_empty() {
            return Ok(Self { segments: Vec::new(), query });
        }
        let mut segments = Vec::with_capacity(USUAL_SEGMENTS);
        for raw in path.split('/') {
            segments.push(Segment::parse(raw, references)?);
        }
        Ok(Self { segments, query })
    }
}

// === impl Segment ===

impl<'a> Segment<'a> {
    fn parse(raw: &'a str, references: References) -> Result<Self, Unclear> {
        if references == References::Kept && is_reference(raw) {
            return Ok(Self { text: Cow::Borrowed(raw), kind: SegmentKind::Reference });
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if !matches!(raw, "" | "." | "..") && raw.bytes().all(plain) {
            return Ok(Self { text: Cow::Borrowed(raw), kind: SegmentKind::Name });
        }
        if !raw.bytes().all(may_stand) {
            return Err(malformed("a segment holds a character that must be percent-encoded"));
        }
        let text = percent_decode(raw, Plus::IsPlus).ok_or_else(|| malformed("an escape is malformed"))?;
        if text.is_empty() || text == "." || text == ".." {
            return Err(malformed("empty and dot segments are not resolved"));
        }
        if text.chars().any(char::is_control) {
            return Err(malformed("a segment holds a control character"));
        }
        if references == References::Kept && text.contains("@{") {
            return Err(malformed("a reference must be a whole segment, and must not be encoded"));
        }
        let structural = |byte: u8| matches!(byte, b'/' | b'\\' | b';' | b'?' | b'#' | b'%');
        let kind = if text.bytes().any(structural) { SegmentKind::Value } else { SegmentKind::Name };
        Ok(Self { text, kind })
    }

    /// The segment as the name of something; `None` when it holds what only a value may, or is a reference.
    pub(crate) fn name(&self) -> Option<&str> {
        (self.kind == SegmentKind::Name).then_some(&*self.text)
    }

    /// The segment as the value of an external id: any text.
    pub(crate) fn value(&self) -> Option<&str> {
        (self.kind != SegmentKind::Reference).then_some(&*self.text)
    }

    /// The reference that it is, with its `@{` and `}`.
    pub(crate) fn reference(&self) -> Option<&str> {
        (self.kind == SegmentKind::Reference).then_some(&*self.text)
    }

    /// Takes a suffix off, if it is there and leaves something.
    pub(crate) fn strip_suffix(&mut self, suffix: &str) -> bool {
        let Some(rest) = self.text.strip_suffix(suffix).filter(|rest| !rest.is_empty()) else { return false };
        self.text = Cow::Owned(rest.to_owned());
        true
    }

    /// Writes it in its canonical spelling.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        match self.kind {
            SegmentKind::Reference => out.extend_from_slice(self.text.as_bytes()),
            SegmentKind::Name | SegmentKind::Value => percent_encode(&self.text, out),
        }
    }
}

/// What a `+` stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    /// Itself: in a path.
    IsPlus,
    /// A space: in a query string or form.
    IsSpace,
}

/// Decodes percent escapes once; `None` when one is malformed or the result is not UTF-8.
pub(crate) fn percent_decode(raw: &str, plus: Plus) -> Option<Cow<'_, str>> {
    let changes = |byte: u8| byte == b'%' || byte == b'+' && plus == Plus::IsSpace;
    if !raw.bytes().any(changes) {
        return Some(Cow::Borrowed(raw));
    }
    let (space, raw) = (if plus == Plus::IsSpace { b' ' } else { b'+' }, raw.as_bytes());
    let mut decoded = vec![0; raw.len()];
    let (mut at, mut length) = (0, 0);
    while let Some(byte) = raw.get(at) {
        at += 1;
        let meant = match byte {
            b'%' => {
                let [high, low] = *raw.get(at..)?.first_chunk()?;
                at += 2;
                let (high, low) = (hex(high), hex(low));
                if high | low > 0xf {
                    return None;
                }
                high << 4 | low
            }
            b'+' => space,
            other => *other,
        };
        *decoded.get_mut(length)? = meant;
        length += 1;
    }
    decoded.truncate(length);
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

/// Whether `text` has the form of a reference as a whole: `@{name.path[0].more}`.
pub(crate) fn is_reference(text: &str) -> bool {
    let inner = text.strip_prefix("@{").and_then(|rest| rest.strip_suffix('}'));
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'[' | b']');
    inner.is_some_and(|inner| !inner.is_empty() && inner.bytes().all(allowed))
}

/// What a hexadecimal digit stands for; 255 for what is none.
fn hex(digit: u8) -> u8 {
    HEX.get(usize::from(digit)).copied().unwrap_or(u8::MAX)
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which reports an index out of range")]
static HEX: [u8; 256] = {
    let mut table = [u8::MAX; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// The characters of RFC 3986 that may stand in a segment unescaped, without `;`, and `%`.
fn may_stand(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'='
                | b':'
                | b'@'
        )
}

/// What most paths have room in.
const USUAL_SEGMENTS: usize = 8;

/// The longest target that Salesforce takes (reference, section 13); what is quadratic in it stays cheap.
const MOST_BYTES: usize = 16_384;

fn malformed(what: &str) -> Unclear {
    Unclear::form(Place::Path, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(target: &str) -> Option<Vec<String>> {
        let path = Path::parse(target, References::Refused).ok()?;
        Some(path.segments.iter().map(|segment| segment.text.clone().into_owned()).collect())
    }

    #[test]
    fn segments_are_split_before_they_are_decoded() {
        assert_eq!(segments("/a/b%2Fc/d%20e").unwrap(), ["a", "b/c", "d e"]);
        assert_eq!(segments("//a/b/").unwrap(), ["a", "b"]);
        assert_eq!(segments("/").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn what_two_servers_could_read_differently_is_refused() {
        for odd in [
            "",
            "a",
            "///a",
            "/a//b",
            "/a/./b",
            "/a/../b",
            "/a/%2e%2e/b",
            "/a;x=1/b",
            "/a\\b",
            "/a%00",
            "/a%0a",
            "/a%",
            "/a%4",
            "/a%zz",
            "/a%ff",
            "/a//",
            "/a#b",
            "/a?q=#",
            "/a{b}",
            "/é",
            "/a?é",
            "/a b",
            "/@{a.id}",
        ] {
            assert!(segments(odd).is_none(), "{odd}");
        }
    }

    #[test]
    fn a_name_holds_no_structure() {
        let path = Path::parse("/x%2555/y%3Bz/plain", References::Refused).unwrap();
        let names: Vec<_> = path.segments.iter().map(Segment::name).collect();
        assert_eq!(names, [None, None, Some("plain")]);
        assert_eq!(path.segments[0].value(), Some("x%55"));
    }

    #[test]
    fn a_reference_is_a_whole_segment() {
        let path = Path::parse("/a/@{q.records[0].Id}", References::Kept).unwrap();
        assert_eq!(path.segments[1].reference(), Some("@{q.records[0].Id}"));
        assert_eq!(path.segments[1].name(), None);
        for odd in ["/a@{b.id}", "/@{b.id}c", "/%40%7Bb.id%7D", "/@{b.@{c}}", "/@{}"] {
            assert!(Path::parse(odd, References::Kept).is_err(), "{odd}");
        }
    }
}
