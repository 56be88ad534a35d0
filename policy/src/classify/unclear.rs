//! Why a request could not be understood.

use std::fmt;

use thiserror::Error;

/// A request that cannot be read in exactly one way.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct Unclear {
    /// What sort of failure it is, which decides the status.
    pub kind: UnclearKind,
    /// The part of an envelope that it is about.
    pub part: Option<Box<str>>,
    /// Where in the request.
    pub place: Place,
    /// What was found and expected there, in the form of an error message.
    pub what: String,
    /// Whether it asked for an export as far as it was understood (reference, section 0.4).
    pub export: bool,
}

/// The sorts of failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnclearKind {
    /// No such door is known: 400.
    Door,
    /// The request is malformed, ambiguous or uses what is not supported: 400.
    Form,
    /// It names an object or field that the schema does not have: refused like one that is not granted (403), so
    /// that nobody learns which names exist. Holds the name, for a fresh look at the org's describe.
    Name(Box<str>),
    /// The body is too large to be inspected: 413.
    TooLarge,
}

/// Where in a request something was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The path.
    Path,
    /// A parameter of the query string.
    Parameter(Box<str>),
    /// A header.
    Header(Box<str>),
    /// The body, at a byte offset.
    Offset(usize),
    /// The body, at a JSON pointer.
    Pointer(Box<str>),
    /// The body, at an XML element, by local names from the root.
    Element(Box<str>),
    /// The body as a whole.
    Body,
}

impl Unclear {
    /// A failure outside envelopes.
    pub fn new(kind: UnclearKind, place: impl Into<Place>, what: impl Into<String>) -> Self {
        Self { kind, part: None, place: place.into(), what: what.into(), export: false }
    }

    /// A malformed request.
    pub fn form(place: impl Into<Place>, what: impl Into<String>) -> Self {
        Self::new(UnclearKind::Form, place, what)
    }

    /// The same failure, of a request that asks for an export.
    #[must_use]
    pub fn of_export(self) -> Self {
        Self { export: true, ..self }
    }

    /// The same failure, said of a part of an envelope.
    #[must_use]
    pub fn in_part(self, part: impl Into<Box<str>>) -> Self {
        Self { part: Some(part.into()), ..self }
    }
}

/// A place that was worked out before. What is passed around instead is what can still be turned into one: places are
/// costly to work out, and seldom needed.
impl From<&Place> for Place {
    fn from(place: &Place) -> Self {
        place.clone()
    }
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(part) = &self.part {
            write!(f, "in {part}: ")?;
        }
        match &self.place {
            Place::Path => write!(f, "path: ")?,
            Place::Parameter(name) => write!(f, "parameter `{name}`: ")?,
            Place::Header(name) => write!(f, "header `{name}`: ")?,
            Place::Offset(at) => write!(f, "body, byte {at}: ")?,
            Place::Pointer(pointer) => write!(f, "body, at `{pointer}`: ")?,
            Place::Element(path) => write!(f, "body, element `{path}`: ")?,
            Place::Body => write!(f, "body: ")?,
        }
        f.write_str(&self.what)
    }
}
