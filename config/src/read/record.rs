//! Mappings with known keys.

use serde_json::{Map, Value as Json, json};

use super::{Read, closest, listed, title};
use crate::problem::Report;
use crate::yaml::{Node, Value};

/// A mapping whose keys have been looked through: the unknown ones are reported.
pub(crate) struct Keys<'n, 'a>(&'n Node<'a>);

/// One key of a mapping: its name, what it means, its value's schema, and whether it must be written.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) schema: Json,
    pub(crate) required: bool,
}

/// Declares a mapping with known keys: a struct whose fields are the keys, how it is read, and its schema.
///
/// Every field is `Some` unless what was written for it cannot be read, which is then reported.
macro_rules! record {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $doc:literal])+ $key:ident: $type:ty,)+ }) => {
        $(#[doc = $about])+
        #[derive(Debug)]
        pub(crate) struct $name {
            $($(#[doc = $doc])+ pub(crate) $key: Option<$type>,)+
        }

        impl $crate::read::Read for $name {
            fn read(
                node: &$crate::yaml::Node<'_>,
                report: &mut $crate::problem::Report<'_>,
            ) -> Option<Self> {
                let keys = $crate::read::Keys::of(node, &[$(stringify!($key)),+], report)?;
                Some(Self { $($key: keys.read(stringify!($key), report),)+ })
            }

            fn schema() -> ::serde_json::Value {
                $crate::read::record::object(concat!($($about),+), vec![$($crate::read::record::Key {
                    name: stringify!($key),
                    about: concat!($($doc),+),
                    schema: <$type as $crate::read::Read>::schema(),
                    required: <$type as $crate::read::Read>::absent().is_none(),
                },)+])
            }
        }
    };
}

/// Declares a mapping that has exactly one of several keys: an enum, how it is read, and its schema.
macro_rules! alternatives {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $doc:literal])+ $key:literal => $variant:ident($type:ty),)+ }) => {
        $(#[doc = $about])+
        #[derive(Debug)]
        pub(crate) enum $name {
            $($(#[doc = $doc])+ $variant($type),)+
        }

        impl $crate::read::Read for $name {
            fn read(
                node: &$crate::yaml::Node<'_>,
                report: &mut $crate::problem::Report<'_>,
            ) -> Option<Self> {
                let keys = $crate::read::Keys::of(node, &[$($key),+], report)?;
                match keys.only(&[$($key),+], report)? {
                    $($key => keys.read($key, report).map(Self::$variant),)+
                    _ => None,
                }
            }

            fn schema() -> ::serde_json::Value {
                $crate::read::record::one_of(concat!($($about),+), vec![$($crate::read::record::Key {
                    name: $key,
                    about: concat!($($doc),+),
                    schema: <$type as $crate::read::Read>::schema(),
                    required: false,
                },)+])
            }
        }
    };
}

pub(crate) use {alternatives, record};

// === impl Keys ===

impl<'n, 'a> Keys<'n, 'a> {
    /// Looks through a mapping. `None`, with the problem reported, when it is not one.
    pub(crate) fn of(node: &'n Node<'a>, known: &[&'static str], report: &mut Report<'_>) -> Option<Self> {
        let known: Vec<&str> = known.iter().map(|key| plain(key)).collect();
        let Value::Map(entries) = &node.value else {
            let message = format!("{} stands where a mapping belongs", node.kind());
            report.error(node.at, message, format!("write a mapping with {}", listed(known)));
            return None;
        };
        for entry in entries.iter().filter(|entry| !known.contains(&&*entry.key.text)) {
            let help = match closest(&entry.key.text, known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the keys here are {}", listed(known.iter().copied())),
            };
            report.error(entry.at, format!("unknown key `{}`", entry.key.text), help);
        }
        Some(Self(node))
    }

    /// The value of a key. `None`, with the problem reported, when it is missing or cannot be read.
    pub(crate) fn read<T: Read>(&self, key: &str, report: &mut Report<'_>) -> Option<T> {
        let key = plain(key);
        let Value::Map(entries) = &self.0.value else { return None };
        let Some(entry) = entries.iter().find(|entry| entry.key.text == key) else {
            let absent = T::absent();
            if absent.is_none() {
                report.error(
                    self.0.at,
                    format!("`{key}` is missing"),
                    format!("write {}", title(&T::schema())),
                );
            }
            return absent;
        };
        if entry.node.is_null() {
            report.error(entry.at, format!("`{key}` has no value"), "write one, or remove the key");
            return None;
        }
        T::read(&entry.node, report)
    }

    /// The one key of several that is written. `None`, with the problem reported, when none or several are.
    pub(crate) fn only(&self, known: &[&'static str], report: &mut Report<'_>) -> Option<&'static str> {
        let mut written = known.iter().filter(|key| self.0.find(key).is_some());
        match (written.next(), written.next()) {
            (Some(key), None) => Some(key),
            (None, _) => {
                report.error(
                    self.0.at,
                    format!("one of {} is missing", listed(known.iter().copied())),
                    "write one of them",
                );
                None
            }
            (Some(one), Some(other)) => {
                report.error(
                    self.0.at,
                    format!("`{one}` and `{other}` exclude each other"),
                    "write one of them",
                );
                None
            }
        }
    }
}

/// The schema of a mapping.
pub(crate) fn object(about: &str, keys: Vec<Key>) -> Json {
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| plain(key.name)).collect();
    let mut schema = one(about, properties(keys));
    if let Some(object) = schema.as_object_mut().filter(|_| !required.is_empty()) {
        object.insert("required".to_owned(), json!(required));
    }
    schema
}

/// The schema of a mapping with exactly one key.
pub(crate) fn one_of(about: &str, keys: Vec<Key>) -> Json {
    let mut schema = one(about, properties(keys));
    if let Some(object) = schema.as_object_mut() {
        object.insert("minProperties".to_owned(), json!(1));
        object.insert("maxProperties".to_owned(), json!(1));
    }
    schema
}

fn one(about: &str, properties: Map<String, Json>) -> Json {
    let title = format!("a mapping with the keys of `{}`", about.trim());
    json!({ "type": "object", "title": title, "additionalProperties": false, "properties": properties })
}

fn properties(keys: Vec<Key>) -> Map<String, Json> {
    let property = |key: Key| {
        let mut schema = key.schema;
        if let Some(object) = schema.as_object_mut() {
            object.insert("description".to_owned(), json!(key.about.trim()));
        }
        (plain(key.name).to_owned(), schema)
    };
    keys.into_iter().map(property).collect()
}

/// A key's name as it is written: `where` is a word of Rust, so its field is `r#where`.
fn plain(key: &str) -> &str {
    key.strip_prefix("r#").unwrap_or(key)
}
