//! SOQL: from the text of a query to the objects and fields it touches, and to the query that is sent instead.
//!
//! ```text
//! text --parse--> Query --resolve(schema)--> Resolved --narrowed(grants)--> text
//! ```
//! The parser admits exactly what has one reading: the grammar of section 15 of the reference. What is sent upstream
//! is printed from the syntax tree, never copied from the caller, so that no second parser can read it differently.
//! Every name in every clause counts as read, for filters and orders reveal what they compare.

pub(crate) mod ast;
mod condition;
pub(crate) mod keyword;
pub(crate) mod lexer;
pub(crate) mod narrow;
pub(crate) mod parser;
pub(crate) mod print;
mod query;
pub(crate) mod resolve;
pub(crate) mod unreadable;

pub use ast::{FieldsFunction, ScopeId};
pub use condition::{Condition, OrderBy, parse_condition, parse_order_by};
pub use narrow::{Edits, Inexpressible};
pub use query::{Query, parse};
pub use resolve::{
    ConditionProblem, NameError, Place, PlaceKind, Resolved, ResolvedCondition, ResolvedOrderBy, resolve,
    resolve_path,
};
pub use unreadable::Unreadable;

#[cfg(test)]
pub(crate) mod tests;
