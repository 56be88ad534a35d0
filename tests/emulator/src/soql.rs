//! SOQL, executed: text to syntax tree ([`parse`]), names to places ([`bind`]), places to rows ([`run`]).
//!
//! Written for this emulator alone. What a query touches is noted while names are bound, because that is when the
//! executor decides what it will read.

pub(crate) mod ast;
pub(crate) mod bind;
pub(crate) mod dates;
pub(crate) mod eval;
mod functions;
pub(crate) mod lexer;
pub(crate) mod parser;
pub(crate) mod plan;
pub(crate) mod project;
pub(crate) mod run;

pub(crate) use parser::{parse, parse_condition, parse_fields, parse_order};
