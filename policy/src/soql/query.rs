//! A query as it was read, before its names are looked up.

use std::fmt;

use super::ast::{Expression, Item, Select, shape};
use super::parser::{Parser, SemiJoins};
use super::print::{Literals, Printer};
use super::unreadable::{Unreadable, check_length};

/// One SOQL query.
///
/// Displays as its canonical text, which reads as the same query. Equal when the structure and all names and
/// literals are, wherever spaces stood.
pub struct Query {
    text: Box<str>,
    root: Box<Select>,
}

/// Reads a query.
///
/// # Errors
/// Anything outside the grammar of section 15 of the reference, and anything with two readings.
pub fn parse(text: &str) -> Result<Query, Unreadable> {
    check_length(text)?;
    let mut parser = Parser::new(text, SemiJoins::Allowed);
    let root = parser.query().ok_or_else(|| Unreadable::new(text, parser.stopped()))?;
    Ok(Query { text: text.into(), root })
}

// === impl Query ===

impl Query {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn root(&self) -> &Select {
        &self.root
    }

    /// The text with every literal replaced by `?`, for records.
    #[must_use]
    pub fn redacted(&self) -> String {
        let mut printer = Printer::new(&self.text).literals(Literals::Hidden);
        printer.select(&self.root);
        printer.finish()
    }

    /// The most rows that the query asks for, if it says.
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        self.root.limit
    }

    /// Whether the answer is a number of rows and nothing else: `SELECT COUNT() FROM ..`.
    #[must_use]
    pub fn is_count_only(&self) -> bool {
        matches!(self.root.items.as_slice(), [Item::Count])
    }

    /// Whether rows are gathered: by `GROUP BY`, or by an aggregate function in the list of fields.
    #[must_use]
    pub fn is_aggregate(&self) -> bool {
        self.root.is_aggregate()
    }

    /// Whether reading writes something: `FOR VIEW`, `FOR REFERENCE`, `UPDATE TRACKING`, `UPDATE VIEWSTAT`.
    #[must_use]
    pub fn marks_rows(&self) -> bool {
        self.root.marks_rows()
    }

    /// Whether `USING SCOPE` chooses among the rows, by who owns them.
    #[must_use]
    pub fn uses_scope(&self) -> bool {
        !self.root.using.is_empty()
    }

    /// The construct that Bulk API queries do not know, if there is one (reference, section 5.1). Compound fields are
    /// found by [`super::Resolved::bulk_problem`], which knows their types.
    #[must_use]
    pub fn bulk_problem(&self) -> Option<&'static str> {
        let root = &self.root;
        if root.group.is_some() {
            return Some("GROUP BY");
        }
        if root.offset.is_some() {
            return Some("OFFSET");
        }
        root.items.iter().find_map(|item| match item {
            Item::Child(..) => Some("a child subquery"),
            Item::TypeOf(..) => Some("TYPEOF"),
            Item::Count => Some("COUNT()"),
            Item::Expression(expression, _) if expression.is_aggregate() => Some("an aggregate function"),
            Item::Expression(..) | Item::Fields(_) => None,
        })
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printer = Printer::new(&self.text);
        printer.select(&self.root);
        f.write_str(&printer.finish())
    }
}

/// Shows no literal: queries stand in requests, which may be logged.
impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Query({})", self.redacted())
    }
}

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        shape(&self.root, &self.text) == shape(&other.root, &other.text)
    }
}

impl Eq for Query {}

// === impl Select ===

impl Select {
    pub(crate) fn is_aggregate(&self) -> bool {
        let aggregate =
            |item: &Item| matches!(item, Item::Expression(expression, _) if expression.is_aggregate());
        self.group.is_some() || self.items.iter().any(aggregate)
    }

    fn marks_rows(&self) -> bool {
        let child = |item: &Item| matches!(item, Item::Child(child, _) if child.marks_rows());
        self.purpose.is_some() || !self.track.is_empty() || self.items.iter().any(child)
    }
}

impl Expression {
    fn is_aggregate(&self) -> bool {
        match self {
            Self::Path(_) | Self::Distance(_) => false,
            Self::Call(function, _) => function.is_aggregate(),
            Self::Nested(outer, inner, _) => outer.is_aggregate() || inner.is_aggregate(),
        }
    }
}
