//! From the tree to typed values, all problems at once: one description of a file's keys reads it, names them in
//! messages, and is the published schema.

mod leaf;
mod network;
mod quantity;
pub(crate) mod record;
mod secret;
mod signal;

use std::fmt;

use serde_json::{Value as Json, json};

use crate::problem::{Place, Report};
use crate::yaml::{Node, Scalar, Value};

pub(crate) use leaf::{AllowKey, Condition, Door, ModeName, Name, OrgId};
pub(crate) use network::{CertificateName, Host, HttpProxyUrl, HttpsUrl, RedisUrl, TrustDomain, VaultUrl};
pub(crate) use quantity::{Bytes, Lasting, Percent, Rows};
pub(crate) use record::{Keys, alternatives, record};
pub(crate) use secret::PasswordHash;

/// What can be read from a node.
pub(crate) trait Read: Sized {
    /// What stands for a key that is not written; `None` makes the key required.
    fn absent() -> Option<Self> {
        None
    }

    /// Reads a node. `None` when it cannot be read, with the problem reported.
    fn read(node: &Node<'_>, report: &mut Report<'_>) -> Option<Self>;

    /// Its JSON schema. `title` says in words what may be written.
    fn schema() -> Json;
}

/// What can be read from a single value.
pub(crate) trait Leaf: Sized {
    /// Reads a value as it is written.
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong>;

    /// Notes what is to be looked at once the whole is read.
    fn note(&self, _at: Place, _report: &mut Report<'_>) {}

    /// Its JSON schema. `title` says in words what may be written.
    fn schema() -> Json;
}

/// What is wrong with a single value, and what to write instead.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) message: String,
    pub(crate) help: String,
}

/// A single value and its place.
#[derive(Clone, Debug)]
pub(crate) struct At<T> {
    pub(crate) at: Place,
    pub(crate) value: T,
}

/// A mapping whose keys are chosen by the writer, in order, each once.
#[derive(Debug)]
pub(crate) struct Table<K, V>(pub(crate) Vec<(At<K>, V)>);

/// A mapping and the place where it starts.
#[derive(Debug)]
pub(crate) struct Placed<T> {
    pub(crate) at: Place,
    pub(crate) keys: T,
}

/// A list or table that must be written.
#[derive(Debug)]
pub(crate) struct Required<T>(pub(crate) T);

// === impl Read ===

impl<T: Leaf> Read for At<T> {
    fn read(node: &Node<'_>, report: &mut Report<'_>) -> Option<Self> {
        let at = node.at;
        let Value::Scalar(scalar) = &node.value else {
            let message = format!("{} stands where a single value belongs", node.kind());
            report.error(at, message, format!("write {}", title(&T::schema())));
            return None;
        };
        match T::leaf(scalar) {
            Ok(value) => {
                value.note(at, report);
                Some(Self { at, value })
            }
            Err(wrong) => {
                report.error(at, wrong.message, wrong.help);
                None
            }
        }
    }

    fn schema() -> Json {
        T::schema()
    }
}

impl<T: Read> Read for Option<T> {
    fn absent() -> Option<Self> {
        Some(None)
    }

    fn read(node: &Node<'_>, report: &mut Report<'_>) -> Option<Self> {
        T::read(node, report).map(Some)
    }

    fn schema() -> Json {
        T::schema()
    }
}

/// Elements that cannot be read are left out: what was reported keeps the whole from being served.
impl<T: Read> Read for Vec<T> {
    fn absent() -> Option<Self> {
        Some(Self::new())
    }

    fn read(node: &Node<'_>, report: &mut Report<'_>) -> Option<Self> {
        let Value::List(items) = &node.value else {
            report.error(
                node.at,
                format!("{} stands where a list belongs", node.kind()),
                "write `[one, another]`",
            );
            return None;
        };
        if items.is_empty() {
            report.error(node.at, "the list is empty", "write at least one element, or remove the key");
        }
        let read = |item: &Node<'_>, report: &mut Report<'_>| {
            if item.is_null() {
                report.error(item.at, "an element of the list is empty", "write it or remove it");
                return None;
            }
            T::read(item, report)
        };
        Some(items.iter().filter_map(|item| read(item, report)).collect())
    }

    fn schema() -> Json {
        let items = T::schema();
        json!({ "type": "array", "title": format!("a list, each {}", title(&items)), "minItems": 1, "items": items })
    }
}

impl<T: Read> Read for Required<T> {
    fn read(node: &Node<'_>, report: &mut Report<'_>) -> Option<Self> {
        T::read(node, report).map(Self)
    }

    fn schema() -> Json {
        T::schema()
    }
}

impl<T: Read> Read for Placed<T> {
    fn read(node: &Node<'_>, report: &mut Report<'_>) -> Option<Self> {
        T::read(node, report).map(|keys| Self { at: node.at, keys })
    }

    fn schema() -> Json {
        T::schema()
    }
}

impl<K: Leaf + PartialEq + fmt::Display, V: Read> Read for Table<K, V> {
    fn absent() -> Option<Self> {
        Some(Self(Vec::new()))
    }

    fn read(node: &Node<'_>, report: &mut Report<'_>) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            report.error(
                node.at,
                format!("{} stands where a mapping belongs", node.kind()),
                "write `name: value`",
            );
            return None;
        };
        let mut table: Vec<(At<K>, V)> = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = K::leaf(&entry.key).map_err(|wrong| report.error(entry.at, wrong.message, wrong.help));
            let value = if entry.node.is_null() {
                report.error(
                    entry.at,
                    format!("`{}` has no value", entry.key.text),
                    "write one, or remove the key",
                );
                None
            } else {
                V::read(&entry.node, report)
            };
            let (Ok(key), Some(value)) = (key, value) else { continue };
            // The same text twice is the tree's to report; two spellings of one name are not.
            let same = table.iter().find(|(known, _)| known.value == key);
            if let Some((first, _)) = same.filter(|(first, _)| first.value.to_string() != entry.key.text) {
                let message =
                    format!("`{key}` is written twice, as `{}` in line {}", first.value, first.at.line);
                report.error(entry.at, message, "remove one of them");
            }
            table.push((At { at: entry.at, value: key }, value));
        }
        Some(Self(table))
    }

    fn schema() -> Json {
        let values = V::schema();
        let title = format!("a mapping by {}, each {}", title(&K::schema()), title(&values));
        let mut schema = json!({ "type": "object", "title": title, "additionalProperties": values });
        if let (Some(pattern), Some(schema)) = (K::schema().get("pattern"), schema.as_object_mut()) {
            schema.insert("propertyNames".to_owned(), json!({ "pattern": pattern }));
        }
        schema
    }
}

// === impl Wrong ===

impl Wrong {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

// === impl Scalar ===

impl Scalar<'_> {
    /// The value as text: what YAML reads as something else needs quotes, so that no two readers differ.
    pub(crate) fn as_text(&self) -> Result<&str, Wrong> {
        let other = match self.boolean() {
            Some(_) => "true or false",
            None if self.is_number() => "a number",
            None => return Ok(&self.text),
        };
        Err(Wrong::new(format!("this is {other} where text belongs"), "write it in quotes"))
    }
}

/// What a schema says in words may be written.
pub(crate) fn title(schema: &Json) -> &str {
    schema.get("title").and_then(Json::as_str).unwrap_or("a value")
}

/// The closest of `known` to what was written, when it is close enough to be meant.
pub(crate) fn closest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let folded = written.to_ascii_lowercase();
    let scored =
        known.into_iter().map(|name| (strsim::jaro_winkler(&folded, &name.to_ascii_lowercase()), name));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.filter(|(score, _)| *score >= CLOSE).map(|(_, name)| name)
}

/// Names in backticks, for messages.
pub(crate) fn listed<'k>(names: impl IntoIterator<Item = &'k str>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// What to write instead of a name that is not known.
pub(crate) fn instead<'k>(written: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> String {
    match closest(written, known.clone()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => match listed(known) {
            none if none.is_empty() => String::new(),
            some => format!("write one of {some}"),
        },
    }
}

/// Jaro-Winkler similarity from which a name counts as a slip of another.
const CLOSE: f64 = 0.8;
