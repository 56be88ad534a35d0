//! Strict JSON: text that every parser reads alike, or none.
//!
//! Refused are duplicate keys at any depth (compared decoded), depth over 32, unpaired surrogates, NUL, comments,
//! trailing commas, trailing data, and what else RFC 8259 does not have. The tree is a list of nodes that hold
//! positions in the text, so that the text itself can be sent, or be rebuilt with holes.

mod parse;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::{Place, Unclear};
use crate::request::{Encoding, Template};

/// A parsed text, or a part of one.
#[derive(Clone, Debug)]
pub(crate) struct Document<'a> {
    text: &'a str,
    nodes: Cow<'a, [Node]>,
    root: usize,
}

/// A value of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'d> {
    text: &'d str,
    nodes: &'d [Node],
    at: usize,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `null`
    Null,
    /// `true`
    True,
    /// `false`
    False,
    /// A number: its text is kept.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// One node: containers are followed by their contents, an object's keys each by its value.
#[derive(Clone, Copy, Debug)]
struct Node {
    kind: Kind,
    /// Of strings: whether there are escapes to decode.
    escaped: bool,
    /// The first byte: of strings, behind the quote.
    start: u32,
    /// Behind the last byte: of strings, that of the closing quote.
    end: u32,
    /// The node after this one and all its contents.
    next: u32,
}

/// The depth to which containers may be nested.
const DEPTH: usize = 32;

// === impl Document ===

impl<'a> Document<'a> {
    /// Parses a body. A byte order mark is taken off, and so not sent.
    ///
    /// # Errors
    /// The byte at which the text stops being strict JSON.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Unclear> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| Unclear::form(Place::Offset(error.valid_up_to()), "the body is not UTF-8"))?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Ok(Self { text, nodes: Cow::Owned(parse::nodes(text)?), root: 0 })
    }

    /// The value that the document is.
    pub(crate) fn root(&self) -> Value<'_> {
        Value { text: self.text, nodes: &self.nodes, at: self.root }
    }

    /// The text, with what `holes` name replaced: each the content of a string (or a whole value), and what writes
    /// there. Holes are in the order of the text.
    pub(crate) fn rebuilt<F>(&self, holes: Vec<(Range<usize>, F)>) -> Template
    where
        F: FnOnce(&mut Template),
    {
        let whole = self.root().span();
        let mut template = Template::default();
        let mut from = whole.start;
        for (range, write) in holes {
            template.text(self.text.get(from..range.start).unwrap_or_default());
            write(&mut template);
            from = range.end;
        }
        template.text(self.text.get(from..whole.end).unwrap_or_default());
        template
    }

    /// The text as it stands.
    pub(crate) fn as_sent(&self) -> Template {
        Template::from(self.root().raw())
    }
}

/// A hole for a need, in the content of a JSON string.
pub(crate) fn hole(need: usize) -> impl FnOnce(&mut Template) {
    move |template| {
        template.hole(need, "", Encoding::Json);
    }
}

// === impl Value ===

impl<'d> Value<'d> {
    fn node(self) -> Node {
        const NOTHING: Node = Node { kind: Kind::Null, escaped: false, start: 0, end: 0, next: u32::MAX };
        self.nodes.get(self.at).copied().unwrap_or(NOTHING)
    }

    fn other(self, at: usize) -> Self {
        Self { at, ..self }
    }

    /// What it is.
    pub(crate) fn kind(self) -> Kind {
        self.node().kind
    }

    /// Its place in the text: of a string, its content without the quotes.
    pub(crate) fn content(self) -> Range<usize> {
        let node = self.node();
        node.start as usize..node.end as usize
    }

    /// Its place in the text, quotes included.
    pub(crate) fn span(self) -> Range<usize> {
        let Range { start, end } = self.content();
        if self.kind() == Kind::String { start.saturating_sub(1)..end + 1 } else { start..end }
    }

    /// Its text as it stands.
    pub(crate) fn raw(self) -> &'d str {
        self.text.get(self.span()).unwrap_or_default()
    }

    /// The text of a string, decoded.
    pub(crate) fn as_str(self) -> Option<Cow<'d, str>> {
        let node = self.node();
        let content = self.text.get(self.content())?;
        match (node.kind, node.escaped) {
            (Kind::String, false) => Some(Cow::Borrowed(content)),
            (Kind::String, true) => Some(Cow::Owned(parse::unescaped(content))),
            _ => None,
        }
    }

    /// The items of an array; nothing for other values.
    pub(crate) fn items(self) -> impl Iterator<Item = Value<'d>> {
        let end = if self.kind() == Kind::Array { self.node().next as usize } else { 0 };
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let item = (at < end).then(|| self.other(at))?;
            at = item.node().next as usize;
            Some(item)
        })
    }

    /// The keys and values of an object; nothing for other values.
    pub(crate) fn entries(self) -> impl Iterator<Item = (Value<'d>, Value<'d>)> {
        let end = if self.kind() == Kind::Object { self.node().next as usize } else { 0 };
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let key = (at < end).then(|| self.other(at))?;
            let value = self.other(at + 1);
            at = value.node().next as usize;
            Some((key, value))
        })
    }

    /// The value under a key, spelled exactly so.
    pub(crate) fn get(self, key: &str) -> Option<Value<'d>> {
        self.entries().find(|(name, _)| name.as_str().is_some_and(|name| name == key)).map(|(_, value)| value)
    }

    /// Checks that it is an object whose keys are all among `known`.
    pub(crate) fn only(self, known: &[&str]) -> Result<Self, Unclear> {
        self.is(Kind::Object)?;
        for (key, _) in self.entries() {
            let name = key.as_str().unwrap_or_default();
            if !known.contains(&&*name) {
                return Err(self.unclear(format!("the key `{}` is not known here", shortened(&name))));
            }
        }
        Ok(self)
    }

    /// Checks what it is.
    pub(crate) fn is(self, kind: Kind) -> Result<Self, Unclear> {
        if self.kind() == kind { Ok(self) } else { Err(self.unclear(format!("expected {}", kind.name()))) }
    }

    /// The value under a key that has to be there.
    pub(crate) fn required(self, key: &str) -> Result<Value<'d>, Unclear> {
        self.get(key).ok_or_else(|| self.unclear(format!("the key `{key}` is missing")))
    }

    /// The text of a string that it has to be.
    pub(crate) fn string(self) -> Result<Cow<'d, str>, Unclear> {
        self.as_str().ok_or_else(|| self.unclear("expected a string"))
    }

    /// A failure here.
    pub(crate) fn unclear(self, what: impl Into<String>) -> Unclear {
        Unclear::form(self, what)
    }

    /// Its JSON pointer. Walks the document from the root, so only failures ask for it.
    fn pointer(self) -> String {
        let mut pointer = String::new();
        let mut value = self.other(0);
        while value.at < self.at {
            let entries = value.entries().map(|(key, value)| (key.as_str().unwrap_or_default(), value));
            let items = value.items().enumerate().map(|(number, item)| (number.to_string().into(), item));
            let inside = |(_, inner): &(Cow<'_, str>, Value<'_>)| self.at < inner.node().next as usize;
            let Some((name, inner)) = entries.chain(items).find(inside) else { break };
            pointer.push('/');
            pointer.push_str(&shortened(&name).replace('~', "~0").replace('/', "~1"));
            value = inner;
        }
        pointer
    }

    /// Whether two keys are equal when letter case is folded.
    pub(crate) fn folded_duplicate(self) -> Option<Cow<'d, str>> {
        let mut seen = HashSet::new();
        self.entries().find_map(|(key, _)| {
            let name = key.as_str().unwrap_or_default();
            (!seen.insert(name.to_ascii_lowercase())).then_some(name)
        })
    }

    /// The value as a document of its own.
    pub(crate) fn document(self) -> Document<'d> {
        Document { text: self.text, nodes: Cow::Borrowed(self.nodes), root: self.at }
    }
}

/// As a JSON pointer, which takes a walk through the document.
impl From<Value<'_>> for Place {
    fn from(value: Value<'_>) -> Self {
        Self::Pointer(value.pointer().into())
    }
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::True | Self::False => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

fn shortened(name: &str) -> String {
    name.chars().take(80).collect()
}

#[cfg(test)]
mod tests;
