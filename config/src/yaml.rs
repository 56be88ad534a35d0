//! YAML text to a tree in which everything knows its place.
//!
//! A subset of YAML 1.2 with one reading: one document, text keys, each once. Anchors, aliases and tags are refused,
//! since what is read should be what is written there.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use crate::problem::{Place, Report};

/// One value and where it is.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) at: Place,
    pub(crate) value: Value<'a>,
}

#[derive(Debug)]
pub(crate) enum Value<'a> {
    Scalar(Scalar<'a>),
    List(Vec<Node<'a>>),
    Map(Vec<Entry<'a>>),
}

/// A key, its place, and its value.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    pub(crate) key: Scalar<'a>,
    pub(crate) at: Place,
    pub(crate) node: Node<'a>,
}

/// Text as it is written, and whether quotes make it text whatever it looks like.
#[derive(Debug)]
pub(crate) struct Scalar<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) quoted: bool,
}

/// Reads a file. `None`, with the problem reported, when it is not YAML or is empty.
pub(crate) fn read<'a>(text: &'a str, report: &mut Report<'_>) -> Option<Node<'a>> {
    let mut tree = Tree { open: Vec::new(), done: None };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        match event {
            Ok((event, span)) => tree.event(event, place(&span), report)?,
            Err(error) => return syntax(&error, report),
        }
    }
    if tree.done.is_none() {
        report.error(FIRST, "the file is empty", "write at least the required keys");
    }
    tree.done
}

/// A tree under construction: the containers that are open, outermost first.
struct Tree<'a> {
    open: Vec<Open<'a>>,
    done: Option<Node<'a>>,
}

struct Open<'a> {
    at: Place,
    content: Content<'a>,
}

enum Content<'a> {
    List(Vec<Node<'a>>),
    /// The entries, and the key whose value comes next.
    Map(Vec<Entry<'a>>, Option<(Scalar<'a>, Place)>),
}

// === impl Tree ===

impl<'a> Tree<'a> {
    /// Takes in one event. `None` ends the reading, with the problem reported.
    fn event(&mut self, event: Event<'a>, at: Place, report: &mut Report<'_>) -> Option<()> {
        if let Some((what, help)) = refused(&event) {
            report.error(at, what, help);
            return None;
        }
        match event {
            Event::Scalar(text, style, ..) => {
                let scalar = Scalar { text, quoted: style != ScalarStyle::Plain };
                self.scalar(scalar, at, report)
            }
            Event::SequenceStart(..) => self.start(at, Content::List(Vec::new()), report),
            Event::MappingStart(..) => self.start(at, Content::Map(Vec::new(), None), report),
            Event::SequenceEnd | Event::MappingEnd => {
                let Open { at, content } = self.open.pop()?;
                let value = match content {
                    Content::List(items) => Value::List(items),
                    Content::Map(entries, _) => Value::Map(entries),
                };
                self.value(Node { at, value })
            }
            Event::DocumentStart(_) if self.done.is_some() => {
                report.error(at, "a second document starts here", "write one document in each file");
                None
            }
            Event::Alias(_)
            | Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Some(()),
        }
    }

    fn start(&mut self, at: Place, content: Content<'a>, report: &mut Report<'_>) -> Option<()> {
        if let Some(Open { content: Content::Map(_, None), .. }) = self.open.last() {
            report.error(at, "a key has to be text", "write `key: value`");
            return None;
        }
        if self.open.len() >= DEEPEST {
            report.error(at, "the file is nested too deeply", "");
            return None;
        }
        self.open.push(Open { at, content });
        Some(())
    }

    fn scalar(&mut self, scalar: Scalar<'a>, at: Place, report: &mut Report<'_>) -> Option<()> {
        let Some(Open { content: Content::Map(entries, key @ None), .. }) = self.open.last_mut() else {
            return self.value(Node { at, value: Value::Scalar(scalar) });
        };
        if let Some(first) = entries.iter().find(|entry| entry.key.text == scalar.text) {
            let message = format!("`{}` is written twice (first in line {})", scalar.text, first.at.line);
            report.error(at, message, "remove one of them");
        }
        *key = Some((scalar, at));
        Some(())
    }

    fn value(&mut self, node: Node<'a>) -> Option<()> {
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.done = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map(entries, key)) => {
                let (key, at) = key.take()?;
                entries.push(Entry { key, at, node });
            }
        }
        Some(())
    }
}

// === impl Node ===

impl<'a> Node<'a> {
    /// The value of a key, when this is a mapping that has it.
    pub(crate) fn find(&self, key: &str) -> Option<&Node<'a>> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|entry| entry.key.text == key).map(|entry| &entry.node)
    }

    /// The keys, when this is a mapping.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        let entries = match &self.value {
            Value::Map(entries) => entries.as_slice(),
            Value::Scalar(_) | Value::List(_) => &[],
        };
        entries.iter().map(|entry| &*entry.key.text)
    }

    /// Whether a key was written without a value.
    pub(crate) fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar(scalar) => scalar.is_null(),
            Value::List(_) | Value::Map(_) => false,
        }
    }

    /// What it is, for messages that must not repeat it.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar(_) => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

// === impl Scalar ===

impl Scalar<'_> {
    /// Whether YAML 1.2's core schema reads it as nothing.
    pub(crate) fn is_null(&self) -> bool {
        !self.quoted && matches!(&*self.text, "" | "~" | "null" | "Null" | "NULL")
    }

    /// Whether YAML 1.2's core schema reads it as true or false.
    pub(crate) fn boolean(&self) -> Option<bool> {
        match &*self.text {
            "true" | "True" | "TRUE" if !self.quoted => Some(true),
            "false" | "False" | "FALSE" if !self.quoted => Some(false),
            _ => None,
        }
    }

    /// Whether YAML 1.2's core schema reads it as a number.
    pub(crate) fn is_number(&self) -> bool {
        let text = self.text.strip_prefix(['-', '+']).unwrap_or(&self.text);
        let digits = text.strip_prefix('.').unwrap_or(text);
        let special = matches!(text, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN");
        let based = |prefix: &str, base: u32| {
            self.text
                .strip_prefix(prefix)
                .is_some_and(|rest| !rest.is_empty() && rest.chars().all(|digit| digit.is_digit(base)))
        };
        let decimal = digits.starts_with(|first: char| first.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte))
            && text.parse::<f64>().is_ok();
        !self.quoted && (special || decimal || based("0x", 16) || based("0o", 8))
    }
}

/// What YAML has and configuration has not.
fn refused(event: &Event<'_>) -> Option<(&'static str, &'static str)> {
    let (anchor, tag) = match event {
        Event::Alias(_) => {
            return Some(("an alias (`*name`) is not taken", "write the value out; `\"*\"` needs quotes"));
        }
        Event::Scalar(_, _, anchor, tag) => (*anchor, tag.is_some()),
        Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => (*anchor, tag.is_some()),
        _ => return None,
    };
    match (anchor, tag) {
        (0, false) => None,
        (0, true) => Some(("a tag (`!name`) is not taken", "write the value without it")),
        _ => Some(("an anchor (`&name`) is not taken", "write the value out where it is needed")),
    }
}

fn syntax<T>(error: &ScanError, report: &mut Report<'_>) -> Option<T> {
    let marker = error.marker();
    let at = Place { line: marker.line().max(1), column: marker.col() + 1 };
    let help = if error.info().contains("alias") { "write `\"*\"` with quotes" } else { "" };
    report.error(at, format!("this is not YAML: {}", error.info()), help);
    None
}

fn place(span: &Span) -> Place {
    Place { line: span.start.line().max(1), column: span.start.col() + 1 }
}

const FIRST: Place = Place { line: 1, column: 1 };

/// Far more than any configuration needs, far less than the stack holds.
const DEEPEST: usize = 32;
