//! What will be sent to Salesforce, rebuilt from what was parsed, with holes for what the decision may narrow.

use std::fmt;

/// The request as it may be sent, before its holes are filled.
#[derive(Debug)]
pub struct Draft {
    /// The method.
    pub method: Method,
    /// Path and query string.
    pub target: Template,
    /// The headers that pass, names in lower case; never a credential, never a hop-by-hop header, no framing.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// The body.
    pub body: Body,
}

/// The methods that Salesforce's APIs know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PATCH`
    Patch,
    /// `PUT`
    Put,
    /// `DELETE`
    Delete,
}

/// The body as it may be sent.
#[derive(Debug)]
pub enum Body {
    /// None.
    Empty,
    /// Read whole, admitted by a strict parser, rebuilt where it may be narrowed.
    Whole(Template),
    /// Passed on as it arrives, in pieces: its meaning is in the head and in its first bytes.
    Streamed,
}

/// Text with gaps.
#[derive(Debug, Default)]
pub struct Template {
    /// What is sent as it stands.
    text: Vec<u8>,
    /// Where something goes in between, in order, by positions in the text.
    gaps: Vec<(usize, Gap)>,
}

/// What goes into a gap of a template.
#[derive(Debug)]
enum Gap {
    /// What the decision writes for one of the request's needs.
    Hole {
        /// The number of the need in [`super::Needs`].
        need: usize,
        /// Written before it, if it is not empty: `?fields=`.
        before: &'static str,
        /// How it is written there.
        encoding: Encoding,
    },
    /// The org's session, in XML text: a SOAP `sessionId`. Filled in by the credentials room.
    Session,
}

/// How text is written into a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// As it is (a Bulk 1.0 batch that is the query).
    Raw,
    /// As a query-string value: everything but unreserved characters percent-encoded. Also fit for a JSON string.
    Form,
    /// The same, but for whole `@{ref.path}`, which Salesforce looks for before it decodes. Only for text whose
    /// references were all checked.
    FormWithReferences,
    /// As the content of a JSON string.
    Json,
    /// As XML text.
    Xml,
}

// === impl Method ===

impl Method {
    /// The method by its exact name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PATCH" => Self::Patch,
            "PUT" => Self::Put,
            "DELETE" => Self::Delete,
            _ => return None,
        })
    }

    /// The name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// Whether it asks for an answer only.
    #[must_use]
    pub fn is_get(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Template ===

impl Template {
    /// Adds text as it is.
    pub fn text(&mut self, text: impl AsRef<[u8]>) -> &mut Self {
        self.text.extend_from_slice(text.as_ref());
        self
    }

    /// Adds a hole for the need with this number.
    pub fn hole(&mut self, need: usize, before: &'static str, encoding: Encoding) -> &mut Self {
        self.gap(Gap::Hole { need, before, encoding })
    }

    /// Adds the place of the org's session.
    pub fn session(&mut self) -> &mut Self {
        self.gap(Gap::Session)
    }

    fn gap(&mut self, gap: Gap) -> &mut Self {
        self.gaps.push((self.text.len(), gap));
        self
    }

    /// Adds a part's template, whose needs were appended to the envelope's from number `first` on.
    pub fn embed(&mut self, part: Self, first: usize) -> &mut Self {
        let start = self.text.len();
        self.text.extend_from_slice(&part.text);
        self.gaps.extend(part.gaps.into_iter().map(|(at, gap)| match gap {
            Gap::Hole { need, before, encoding } => {
                (start + at, Gap::Hole { need: need + first, before, encoding })
            }
            Gap::Session => (start + at, Gap::Session),
        }));
        self
    }

    /// Writes the template; `fill` gives the text of a hole, or `None` for nothing at all.
    pub(crate) fn fill<'a>(self, fill: impl Fn(usize) -> Option<&'a str>) -> Filled {
        if self.gaps.is_empty() {
            return Filled { parts: vec![self.text] };
        }
        let (mut parts, mut from) = (Vec::with_capacity(1), 0);
        // Room for the usual share of escapes, so that nothing has to be moved.
        let filled = |gap: &(usize, Gap)| match gap.1 {
            Gap::Hole { need, before, .. } => fill(need).map_or(0, |text| before.len() + text.len() * 3 / 2),
            Gap::Session => 0,
        };
        let mut out = Vec::with_capacity(self.text.len() + self.gaps.iter().map(filled).sum::<usize>());
        for (at, gap) in self.gaps {
            out.extend_from_slice(self.text.get(from..at).unwrap_or_default());
            from = at;
            match gap {
                Gap::Hole { need, before, encoding } => {
                    if let Some(text) = fill(need) {
                        out.extend_from_slice(before.as_bytes());
                        encoding.write(text, &mut out);
                    }
                }
                Gap::Session => parts.push(std::mem::take(&mut out)),
            }
        }
        out.extend_from_slice(self.text.get(from..).unwrap_or_default());
        parts.push(out);
        Filled { parts }
    }
}

impl From<Vec<u8>> for Template {
    fn from(text: Vec<u8>) -> Self {
        Self { text, gaps: Vec::new() }
    }
}

impl From<&[u8]> for Template {
    fn from(text: &[u8]) -> Self {
        Self::from(text.to_vec())
    }
}

impl From<&str> for Template {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

/// A template whose holes are filled; the org's session still goes between its parts.
#[derive(Debug)]
pub(crate) struct Filled {
    /// Where there are several, the session goes between each two.
    pub(crate) parts: Vec<Vec<u8>>,
}

impl Filled {
    /// The whole as text, without a session in it.
    pub(crate) fn into_text(mut self) -> String {
        let whole = if self.parts.len() == 1 { self.parts.pop() } else { None };
        String::from_utf8(whole.unwrap_or_else(|| self.parts.concat()))
            .unwrap_or_else(|odd| String::from_utf8_lossy(odd.as_bytes()).into_owned())
    }
}

// === impl Encoding ===

impl Encoding {
    /// Writes `text` so that it stands for itself in this place.
    pub fn write(self, text: &str, out: &mut Vec<u8>) {
        match self {
            Self::Raw => out.extend_from_slice(text.as_bytes()),
            Self::Form => percent_encode(text, out),
            Self::FormWithReferences => percent_encode_around_references(text, out),
            Self::Json => json_escape(text, out),
            Self::Xml => xml_escape(text, out),
        }
    }
}

/// Percent-encodes all but the unreserved characters of RFC 3986.
///
/// Writes four bytes for each and keeps those that count: where escapes stand cannot be foretold, so that asking for each
/// byte whether it is one costs more than the bytes.
pub(crate) fn percent_encode(text: &str, out: &mut Vec<u8>) {
    const PIECE: usize = 64;
    out.reserve(text.len() + text.len() / 2);
    for piece in text.as_bytes().chunks(PIECE) {
        let mut block = [0; 3 * PIECE + 1];
        let mut end = 0;
        for byte in piece {
            let written = WRITTEN.get(usize::from(*byte)).copied().unwrap_or_default();
            if let Some(room) = block.get_mut(end..end + written.len()) {
                room.copy_from_slice(&written);
            }
            let [.., length] = written;
            end += usize::from(length);
        }
        out.extend_from_slice(block.get(..end).unwrap_or_default());
    }
}

/// How each byte is written: as one byte or as three, with their number behind them in the fourth.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which reports an index out of range")]
static WRITTEN: [[u8; 4]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut table = [[0; 4]; 256];
    let mut at = 0;
    while at < table.len() {
        let byte = at as u8;
        table[at] = if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            [byte, 0, 0, 1]
        } else {
            [b'%', DIGITS[at >> 4], DIGITS[at & 15], 3]
        };
        at += 1;
    }
    table
};

/// Percent-encodes all but references, which are made of `@{`, letters, digits, `_ . [ ]`, and `}`.
fn percent_encode_around_references(text: &str, out: &mut Vec<u8>) {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'[' | b']');
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        percent_encode(before, out);
        rest = match after.split_once('}') {
            Some((path, behind)) if !path.is_empty() && path.bytes().all(inner) => {
                out.extend_from_slice(b"@{");
                out.extend_from_slice(path.as_bytes());
                out.push(b'}');
                behind
            }
            _ => {
                percent_encode("@{", out);
                after
            }
        };
    }
    percent_encode(rest, out);
}

fn json_escape(text: &str, out: &mut Vec<u8>) {
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            control if control < ' ' => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(control)).as_bytes())
            }
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

fn xml_escape(text: &str, out: &mut Vec<u8>) {
    for character in text.chars() {
        match character {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '\r' => out.extend_from_slice(b"&#13;"),
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_written_for_their_place() {
        let mut template = Template::from("a");
        template.hole(0, "?q=", Encoding::Form).hole(1, "&x=", Encoding::Form).text("!").hole(
            2,
            "",
            Encoding::Json,
        );
        let filled = template
            .fill(|need| ["SELECT 'é'", "", "\"\n"].get(need).copied().filter(|text| !text.is_empty()));
        assert_eq!(
            String::from_utf8(filled.parts.concat()).unwrap(),
            "a?q=SELECT%20%27%C3%A9%27!\\\"\\u000a"
        );
    }

    #[test]
    fn every_byte_is_written_as_rfc_3986_has_it_whatever_stands_before() {
        for before in [0, 61, 62, 63, 64, 127] {
            for character in ('\0'..'\u{180}').filter(|character| *character != 'x') {
                let text = format!("{}{character}", "x".repeat(before));
                let mut out = Vec::new();
                percent_encode(&text, &mut out);
                let odd = |byte: &u8| !(byte.is_ascii_alphanumeric() || b"-._~".contains(byte));
                let each = text
                    .bytes()
                    .map(|byte| if odd(&byte) { format!("%{byte:02X}") } else { char::from(byte).into() });
                assert_eq!(String::from_utf8(out).unwrap(), each.collect::<String>());
            }
        }
    }

    #[test]
    fn references_stay_whole_or_are_text() {
        let mut out = Vec::new();
        Encoding::FormWithReferences.write("a='@{q.records[0].Id}' @{x y} @{", &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), "a%3D%27@{q.records[0].Id}%27%20%40%7Bx%20y%7D%20%40%7B");
    }

    #[test]
    fn the_session_separates_parts() {
        let mut template = Template::from("<s>");
        template.session().text("</s>").hole(0, "", Encoding::Xml);
        let filled = template.fill(|_| Some("<&>"));
        assert_eq!(filled.parts, [b"<s>".to_vec(), b"</s>&lt;&amp;&gt;".to_vec()]);
    }
}
