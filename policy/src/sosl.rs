//! SOSL: from the text of a search to the objects and fields it names, and to the search that is sent instead.
//!
//! A search finds rows by values of fields that its text does not name. What it names is in [`Resolved::accesses`];
//! what it matches against, and shows of a match, is in [`Resolved::scope`] and [`Resolved::reveals`], for the
//! decision to require more.

mod ast;
mod parser;
mod print;
mod resolve;

use std::fmt;

use ast::Search;

pub use ast::MatchScope;
pub use resolve::{Edits, Resolved, Reveals, SearchNameError, resolve};

use crate::soql::Unreadable;
use crate::soql::ast::shape;
use crate::soql::parser::{Parser, SemiJoins};
use crate::soql::print::{Literals, Printer};
use crate::soql::unreadable::check_length;

/// One SOSL search.
///
/// Displays as its canonical text, which reads as the same search. Equal when the structure and all names and
/// literals are, wherever spaces stood.
pub struct Query {
    text: Box<str>,
    search: Search,
}

/// Reads a search.
///
/// # Errors
/// Anything outside the grammar of section 15.5 of the reference, and anything with two readings.
pub fn parse(text: &str) -> Result<Query, Unreadable> {
    check_length(text)?;
    let mut parser = Parser::new(text, SemiJoins::Refused);
    let search = parser.search().ok_or_else(|| Unreadable::new(text, parser.stopped()))?;
    Ok(Query { text: text.into(), search })
}

// === impl Query ===

impl Query {
    /// The text with the search term and every literal replaced by `?`, for records.
    #[must_use]
    pub fn redacted(&self) -> String {
        let mut printer = Printer::new(&self.text).literals(Literals::Hidden);
        printer.search(&self.search, self.search.scope);
        printer.finish()
    }

    /// The most rows that the search asks for, over all objects, if it says.
    #[must_use]
    pub fn limit(&self) -> Option<u32> {
        self.search.limit
    }

    /// Whether searching writes something: `UPDATE TRACKING`, `UPDATE VIEWSTAT`.
    #[must_use]
    pub fn marks_rows(&self) -> bool {
        !self.search.track.is_empty()
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut printer = Printer::new(&self.text);
        printer.search(&self.search, self.search.scope);
        f.write_str(&printer.finish())
    }
}

/// Shows neither the search term nor any literal.
impl fmt::Debug for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Query({})", self.redacted())
    }
}

impl PartialEq for Query {
    fn eq(&self, other: &Self) -> bool {
        shape(&self.search, &self.text) == shape(&other.search, &other.text)
    }
}

impl Eq for Query {}

#[cfg(test)]
mod tests;
