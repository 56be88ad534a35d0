//! Bytes to a tree, on quick-xml, with the checks that quick-xml leaves to its callers.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesDecl, BytesStart, Event};

use super::{Attribute, Element, Link, MAX_BYTES, MAX_DEPTH, MAX_ELEMENTS, Xml};
use crate::classify::unclear::{Place, Unclear, UnclearKind};

impl<'a> Xml<'a> {
    /// Reads a document.
    ///
    /// # Errors
    /// Everything that is not XML of the strict form above.
    pub(in crate::classify) fn parse(bytes: &'a [u8]) -> Result<Self, Unclear> {
        if bytes.len() > MAX_BYTES {
            return Err(too_large(format!("more than {MAX_BYTES} bytes of XML")));
        }
        let source = std::str::from_utf8(bytes)
            .map_err(|error| Unclear::form(Place::Offset(error.valid_up_to()), "is not UTF-8"))?;
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        if let Some((offset, odd)) = source.char_indices().find(|(_, character)| !is_char(*character)) {
            return Err(Unclear::form(Place::Offset(offset), format!("{odd:?} cannot stand in XML")));
        }
        let mut build = Build { source, ..Build::default() };
        let mut reader = Reader::from_str(source);
        reader.config_mut().check_comments = true;
        loop {
            let offset = offset(reader.buffer_position());
            build.offset = offset;
            let event = reader.read_event().map_err(|error| {
                Unclear::form(Place::Offset(offset), format!("is not well-formed XML: {error}"))
            })?;
            if !build.event(event)? {
                return build.finish();
            }
        }
    }
}

/// A document being read.
#[derive(Default)]
struct Build<'a> {
    source: &'a str,
    offset: usize,
    elements: Vec<Element<'a>>,
    namespaces: Vec<Box<str>>,
    open: Vec<Open>,
    scope: Vec<Declaration>,
}

/// An element whose end has not been read.
struct Open {
    at: usize,
    last: Option<usize>,
    /// Whether text other than white space stands in it.
    valued: bool,
    /// Whether a comment or processing instruction stands in it.
    noted: bool,
    /// How many declarations were in scope outside of it.
    outer: usize,
}

/// A namespace declaration; the default one has no prefix.
struct Declaration {
    prefix: Box<str>,
    namespace: Option<u8>,
}

/// The most namespace declarations in scope, and the most namespaces.
const MAX_NAMESPACES: usize = 64;

impl<'a> Build<'a> {
    /// Takes one event; `false` at the end.
    fn event(&mut self, event: Event<'a>) -> Result<bool, Unclear> {
        match event {
            Event::Start(tag) => self.start(&tag)?,
            Event::Empty(tag) => {
                self.start(&tag)?;
                self.end()?;
            }
            Event::End(_) => self.end()?,
            Event::Text(text) => self.text(text.xml10_content())?,
            Event::CData(text) => self.cdata(text.xml10_content())?,
            Event::GeneralRef(name) => self.reference(&name)?,
            Event::Comment(_) | Event::PI(_) => {
                if let Some(open) = self.open.last_mut() {
                    open.noted = true;
                }
            }
            Event::Decl(declaration) => self.declaration(&declaration)?,
            Event::DocType(_) => return Err(self.unclear("a document type is not accepted")),
            Event::Eof => return Ok(false),
        }
        Ok(true)
    }

    fn declaration(&self, declaration: &BytesDecl<'_>) -> Result<(), Unclear> {
        let encoding = declaration.encoding().transpose();
        let standard = declaration.version().is_ok_and(|version| version == "1.0")
            && encoding.is_ok_and(|name| name.is_none_or(|name| name.eq_ignore_ascii_case("utf-8")));
        if standard && self.offset == 0 {
            Ok(())
        } else {
            Err(self.unclear("the XML declaration must come first and say version 1.0 and UTF-8"))
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>) -> Result<(), Unclear> {
        if self.open.len() >= MAX_DEPTH {
            return Err(self.unclear(format!("elements are nested deeper than {MAX_DEPTH}")));
        }
        if self.elements.len() >= MAX_ELEMENTS {
            return Err(too_large(format!("more than {MAX_ELEMENTS} elements")));
        }
        if self.open.is_empty() && !self.elements.is_empty() {
            return Err(self.unclear("a second root element"));
        }
        let name = self.name(tag)?;
        let outer = self.scope.len();
        let attributes = self.attributes(tag)?;
        let at = self.elements.len();
        let parent = self.open.last().map_or(Link::NONE, |open| Link::to(open.at));
        let element = Element {
            name,
            namespace: self.resolve(name, true)?,
            attributes,
            text: Cow::Borrowed(""),
            parent,
            first: Link::NONE,
            next: Link::NONE,
            offset: u32::try_from(self.offset).unwrap_or(u32::MAX),
        };
        self.link(at);
        self.elements.push(element);
        self.open.push(Open { at, last: None, valued: false, noted: false, outer });
        Ok(())
    }

    /// Makes element `at` the last child of the open element.
    fn link(&mut self, at: usize) {
        let Some(open) = self.open.last_mut() else { return };
        let before = open.last.replace(at);
        let place = match before {
            Some(before) => self.elements.get_mut(before).map(|element| &mut element.next),
            None => self.elements.get_mut(open.at).map(|element| &mut element.first),
        };
        if let Some(place) = place {
            *place = Link::to(at);
        }
    }

    /// The tag's name as it stands in the source.
    fn name(&self, tag: &BytesStart<'_>) -> Result<&'a str, Unclear> {
        let start = self.offset + 1;
        let name = self.source.get(start..start + tag.name().0.len()).unwrap_or("");
        if name == tag.name().0 && is_name(name) {
            Ok(name)
        } else {
            Err(self.unclear("an element name must be ASCII letters, digits, `_`, `-`, `.` and one prefix"))
        }
    }

    /// Reads the attributes, declarations of namespaces first.
    fn attributes(&mut self, tag: &BytesStart<'_>) -> Result<Box<[Attribute]>, Unclear> {
        let mut attributes: Vec<Attribute> = Vec::new();
        for attribute in tag.attributes() {
            let attribute =
                attribute.map_err(|error| self.unclear(format!("is not well-formed XML: {error}")))?;
            let name = attribute.key.0;
            if !is_name(name) {
                return Err(self.unclear("an attribute name must be ASCII letters, digits, `_`, `-`, `.`"));
            }
            let value = self.attribute_value(&attribute.value)?;
            match name.strip_prefix("xmlns") {
                Some("") => self.declare("", &value)?,
                Some(prefixed) if prefixed.starts_with(':') => {
                    self.declare(prefixed.trim_start_matches(':'), &value)?;
                }
                _ => {}
            }
            attributes.push(Attribute { name: name.into(), namespace: None, value: value.into() });
        }
        for attribute in &mut attributes {
            if !attribute.name.starts_with("xmlns") {
                attribute.namespace = self.resolve(&attribute.name, false)?;
            }
        }
        let twice = |(at, one): (usize, &Attribute)| {
            let same = |other: &Attribute| {
                one.namespace == other.namespace && super::local(&one.name) == super::local(&other.name)
            };
            one.namespace.is_some() && attributes.iter().skip(at + 1).any(same)
        };
        if attributes.len() > MAX_NAMESPACES || attributes.iter().enumerate().any(twice) {
            return Err(self.unclear("an attribute is repeated, or there are too many"));
        }
        Ok(attributes.into())
    }

    fn declare(&mut self, prefix: &str, namespace: &str) -> Result<(), Unclear> {
        if matches!(prefix, "xml" | "xmlns") || (namespace.is_empty() && !prefix.is_empty()) {
            return Err(self.unclear(format!("the prefix `{prefix}` cannot be bound so")));
        }
        let number = match self.namespaces.iter().position(|known| **known == *namespace) {
            Some(number) => number,
            None => {
                self.namespaces.push(namespace.into());
                self.namespaces.len() - 1
            }
        };
        if self.scope.len() >= MAX_NAMESPACES || self.namespaces.len() > MAX_NAMESPACES {
            return Err(self.unclear("too many namespaces"));
        }
        let namespace = u8::try_from(number).ok().filter(|_| !namespace.is_empty());
        self.scope.push(Declaration { prefix: prefix.into(), namespace });
        Ok(())
    }

    /// The namespace of a name; the default one is for elements only.
    fn resolve(&self, name: &str, element: bool) -> Result<Option<u8>, Unclear> {
        let (prefix, _) = name.split_once(':').unwrap_or(("", name));
        if (prefix.is_empty() && !element) || prefix == "xml" {
            return Ok(None);
        }
        match self.scope.iter().rev().find(|declaration| *declaration.prefix == *prefix) {
            Some(declaration) => Ok(declaration.namespace),
            None if prefix.is_empty() => Ok(None),
            None => Err(self.unclear(format!("the prefix `{prefix}` is not declared"))),
        }
    }

    /// An attribute's value: references resolved, white space as XML says.
    fn attribute_value(&self, raw: &str) -> Result<String, Unclear> {
        let mut value = String::with_capacity(raw.len());
        let mut rest = raw;
        while let Some(at) = rest.find(['&', '<', '\t', '\n', '\r']) {
            let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, ""));
            value.push_str(plain);
            if let Some(reference) = special.strip_prefix('&') {
                let (name, after) =
                    reference.split_once(';').ok_or_else(|| self.unclear("`&` without `;`"))?;
                value.push(self.character(name)?);
                rest = after;
            } else if special.starts_with('<') {
                return Err(self.unclear("`<` cannot stand in an attribute"));
            } else {
                value.push(' ');
                let after = special.strip_prefix("\r\n").or_else(|| special.get(1..));
                rest = after.unwrap_or("");
            }
        }
        value.push_str(rest);
        Ok(value)
    }

    fn text(&mut self, text: Cow<'a, str>) -> Result<(), Unclear> {
        if text.contains("]]>") {
            return Err(self.unclear("`]]>` cannot stand in text"));
        }
        let blank = text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        if self.open.is_empty() {
            return if blank { Ok(()) } else { Err(self.unclear("text outside the root element")) };
        }
        self.append(text, !blank);
        Ok(())
    }

    fn cdata(&mut self, text: Cow<'a, str>) -> Result<(), Unclear> {
        if self.open.is_empty() {
            return Err(self.unclear("text outside the root element"));
        }
        self.append(text, true);
        Ok(())
    }

    fn reference(&mut self, name: &str) -> Result<(), Unclear> {
        if self.open.is_empty() {
            return Err(self.unclear("text outside the root element"));
        }
        let character = self.character(name)?;
        self.append(Cow::Owned(character.to_string()), true);
        Ok(())
    }

    fn append(&mut self, text: Cow<'a, str>, valued: bool) {
        let Some(open) = self.open.last_mut() else { return };
        open.valued |= valued;
        if let Some(element) = self.elements.get_mut(open.at) {
            if element.text.is_empty() {
                element.text = text;
            } else {
                element.text.to_mut().push_str(&text);
            }
        }
    }

    /// The character that a reference stands for.
    fn character(&self, name: &str) -> Result<char, Unclear> {
        let number = |digits: &str, radix: u32| {
            let plain = !digits.is_empty()
                && digits.len() <= 8
                && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            plain.then(|| u32::from_str_radix(digits, radix).ok()).flatten().and_then(char::from_u32)
        };
        let character = match name {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "apos" => Some('\''),
            "quot" => Some('"'),
            _ => match (name.strip_prefix("#x"), name.strip_prefix('#')) {
                (Some(digits), _) => number(digits, 16),
                (None, Some(digits)) => number(digits, 10),
                (None, None) => None,
            },
        };
        character.filter(|character| is_char(*character)).ok_or_else(|| {
            self.unclear(format!("`&{name};` is not one of the five entities nor the number of a character"))
        })
    }

    fn end(&mut self) -> Result<(), Unclear> {
        let Some(open) = self.open.pop() else { return Err(self.unclear("an end without a start")) };
        self.scope.truncate(open.outer);
        let Some(element) = self.elements.get_mut(open.at) else { return Ok(()) };
        let leaf = element.first == Link::NONE;
        if !leaf {
            element.text = Cow::Borrowed("");
        }
        let problem = match (leaf, open.valued, open.noted) {
            (true, _, true) => "a comment or processing instruction cannot stand inside a value",
            (false, true, _) => "text cannot stand beside elements",
            (true, _, false) | (false, false, _) => return Ok(()),
        };
        Err(self.unclear(problem))
    }

    fn finish(self) -> Result<Xml<'a>, Unclear> {
        if self.elements.is_empty() || !self.open.is_empty() {
            return Err(self.unclear("the document is not complete"));
        }
        Ok(Xml { elements: self.elements, namespaces: self.namespaces })
    }

    fn unclear(&self, what: impl Into<String>) -> Unclear {
        Unclear::form(Place::Offset(self.offset), what)
    }
}

/// Whether XML 1.0 admits the character.
fn is_char(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// An ASCII name with at most one prefix.
fn is_name(name: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
    };
    match name.split_once(':') {
        Some((prefix, local)) => part(prefix) && part(local),
        None => part(name),
    }
}

fn too_large(what: String) -> Unclear {
    Unclear::new(UnclearKind::TooLarge, Place::Body, what)
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
