//! Conditions and orders that stand alone: a grant's `where`, and the parameters of a parameterized search.

use std::fmt;

use super::ast::{Order, Predicate, shape};
use super::parser::{Parse, Parser, SemiJoins};
use super::print::{Literals, Printer};
use super::unreadable::{Unreadable, check_length};

/// What may follow `WHERE`. Displays as its canonical text.
pub struct Condition {
    text: Box<str>,
    root: Predicate,
}

/// What may follow `ORDER BY`. Displays as its canonical text.
pub struct OrderBy {
    text: Box<str>,
    orders: Vec<Order>,
}

/// Reads what may follow `WHERE`.
///
/// # Errors
/// As [`super::parse`].
pub fn parse_condition(text: &str) -> Result<Condition, Unreadable> {
    let root = alone(text, Parser::condition)?;
    Ok(Condition { text: text.into(), root })
}

/// Reads what may follow `ORDER BY`.
///
/// # Errors
/// As [`super::parse`].
pub fn parse_order_by(text: &str) -> Result<OrderBy, Unreadable> {
    let orders = alone(text, Parser::orders)?;
    Ok(OrderBy { text: text.into(), orders })
}

// === impl Condition ===

impl Condition {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn root(&self) -> &Predicate {
        &self.root
    }

    /// Whether it asks another object, in `IN (SELECT ..)`.
    #[must_use]
    pub fn has_semi_join(&self) -> bool {
        self.root.has_semi_join()
    }

    /// The text with every literal replaced by `?`, for records.
    #[must_use]
    pub fn redacted(&self) -> String {
        let mut printer = Printer::new(&self.text).literals(Literals::Hidden);
        printer.predicate(&self.root);
        printer.finish()
    }

    /// The text with `prefix` (a relationship path and a dot, or nothing) before every path of its own object.
    pub(crate) fn prefixed(&self, prefix: &str) -> String {
        let mut printer = Printer::new(&self.text).prefix(prefix);
        printer.predicate(&self.root);
        printer.finish()
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prefixed(""))
    }
}

/// Shows no literal.
impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({})", self.redacted())
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        shape(&self.root, &self.text) == shape(&other.root, &other.text)
    }
}

impl Eq for Condition {}

// === impl OrderBy ===

impl OrderBy {
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn orders(&self) -> &[Order] {
        &self.orders
    }

    fn print(&self, literals: Literals) -> String {
        let mut printer = Printer::new(&self.text).literals(literals);
        printer.orders(&self.orders);
        printer.finish()
    }
}

impl fmt::Display for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.print(Literals::Shown))
    }
}

/// Shows no literal.
impl fmt::Debug for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OrderBy({})", self.print(Literals::Hidden))
    }
}

impl PartialEq for OrderBy {
    fn eq(&self, other: &Self) -> bool {
        shape(&self.orders, &self.text) == shape(&other.orders, &other.text)
    }
}

impl Eq for OrderBy {}

fn alone<'a, T>(text: &'a str, part: impl FnOnce(&mut Parser<'a>) -> Parse<T>) -> Result<T, Unreadable> {
    check_length(text)?;
    let mut parser = Parser::new(text, SemiJoins::Allowed);
    let value = part(&mut parser).and_then(|value| parser.end().map(|()| value));
    value.ok_or_else(|| Unreadable::new(text, parser.stopped()))
}
