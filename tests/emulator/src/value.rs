//! One field's value, and one record.
//!
//! Dates and times are kept as text in the one form in which text order is time order.

use crate::schema::Kind;
use bytes::Bytes;
use serde_json::Value as Json;
use std::cmp::Ordering;
use std::sync::Arc;

/// What one field of one record holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Value {
    /// Nothing.
    #[default]
    Null,
    Bool(bool),
    Num(f64),
    Text(Arc<str>),
    Blob(Bytes),
}

/// One record: the values of the fields that hold something, by the field's place in its object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    values: Vec<(usize, Value)>,
    /// In the recycle bin.
    pub(crate) deleted: bool,
}

// === impl Value ===

impl Value {
    pub(crate) fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As JSON; integers without a fraction, everything else as the org writes it.
    pub(crate) fn json(&self, kind: Kind) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "integer fields hold whole numbers below 2^53"
            )]
            Self::Num(value) if matches!(kind, Kind::Integer(_)) => Json::from(*value as i64),
            Self::Num(value) => Json::from(*value),
            Self::Text(text) => Json::from(&**text),
            Self::Blob(bytes) => Json::from(bytes.len()),
        }
    }

    /// As text, for CSV and XML.
    pub(crate) fn display(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Num(value) => value.to_string(),
            Self::Text(text) => text.to_string(),
            Self::Blob(bytes) => bytes.len().to_string(),
        }
    }

    /// The order of two values: nothing first, text without regard to case unless it is an id.
    pub(crate) fn order(&self, other: &Self, exact: bool) -> Ordering {
        match (self, other) {
            (Self::Null, Self::Null) => Ordering::Equal,
            (Self::Null, _) => Ordering::Less,
            (_, Self::Null) => Ordering::Greater,
            (Self::Num(a), Self::Num(b)) => a.total_cmp(b),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Text(a), Self::Text(b)) if exact => a.cmp(b),
            (Self::Text(a), Self::Text(b)) => folded(a, b),
            _ => self.display().cmp(&other.display()),
        }
    }
}

fn folded(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        let fold = |text: &str| text.bytes().map(|byte| byte.to_ascii_lowercase()).collect::<Vec<_>>();
        return fold(a).cmp(&fold(b));
    }
    a.to_lowercase().cmp(&b.to_lowercase())
}

// === impl Row ===

impl Row {
    pub(crate) fn get(&self, place: usize) -> &Value {
        match self.values.binary_search_by_key(&place, |(at, _)| *at) {
            Ok(found) => self.values.get(found).map_or(&Value::Null, |(_, value)| value),
            Err(_) => &Value::Null,
        }
    }

    pub(crate) fn set(&mut self, place: usize, value: Value) {
        match self.values.binary_search_by_key(&place, |(at, _)| *at) {
            Ok(found) if value.is_null() => {
                self.values.remove(found);
            }
            Ok(found) => {
                if let Some(slot) = self.values.get_mut(found) {
                    slot.1 = value;
                }
            }
            Err(_) if value.is_null() => {}
            Err(free) => self.values.insert(free, (place, value)),
        }
    }
}
