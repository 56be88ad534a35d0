//! What a row is, in each format.
//!
//! A row counts when its first byte passes, so that a row whose end never comes was counted all the same.

pub(crate) mod csv;
pub(crate) mod json;
pub(crate) mod xml;

#[cfg(test)]
mod tests;
