//! A connection of GraphQL: rows of one object, with the arguments that say which and how many.

use std::fmt::Write as _;

use super::Access;
use crate::schema::ObjectId;

/// The rows of one object that a GraphQL document asks for in one place. A draft's hole for it holds its arguments, in
/// parentheses, or nothing when there are none.
#[derive(Debug)]
pub struct Connection {
    /// The object.
    pub object: ObjectId,
    /// What it touches of these rows themselves. What it touches of their parents, and of others that a filter names,
    /// are needs of their own.
    pub accesses: Vec<Access>,
    /// Its `where`, as GraphQL writes it.
    pub(crate) filter: Option<String>,
    /// Its `first`.
    pub(crate) first: Option<u64>,
    /// Whether it goes on where another ended (`after`).
    pub(crate) continues: bool,
    /// Its other arguments: names and values, as GraphQL writes them.
    pub(crate) others: Vec<(Box<str>, String)>,
}

/// The rows of a connection that does not say how many (reference, section 8).
const DEFAULT_ROWS: u64 = 10;

impl Connection {
    /// The rows that it asks for at most, when another does not go on where it ends.
    pub(crate) fn rows(&self) -> u64 {
        self.first.unwrap_or(DEFAULT_ROWS)
    }

    /// Its arguments, with a condition that must hold as well, and at most so many rows.
    pub(crate) fn written(&self, condition: Option<&str>, most: Option<u64>) -> String {
        let mut text = String::new();
        let mut argument = |name: &str, value: &str| {
            let _ = write!(text, "{}{name}:{value}", if text.is_empty() { '(' } else { ',' });
        };
        match (&self.filter, condition) {
            (None, None) => {}
            (Some(only), None) => argument("where", only),
            (None, Some(only)) => argument("where", only),
            (Some(filter), Some(condition)) => argument("where", &format!("{{and:[{filter},{condition}]}}")),
        }
        let clamped = most.filter(|most| *most < self.rows());
        if let Some(first) = clamped.or(self.first) {
            argument("first", &first.to_string());
        }
        for (name, value) in &self.others {
            argument(name, value);
        }
        if !text.is_empty() {
            text.push(')');
        }
        text
    }
}
