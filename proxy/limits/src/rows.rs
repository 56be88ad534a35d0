//! Counting rows in an answer as it streams by, in bounded memory and whatever the chunks.
//!
//! A row counts when its first byte passes, so that a row whose end never comes was counted all the same.

mod csv;
mod json;
mod xml;

use forcefield_policy::request::Rows;

/// Counts the rows of one answer's body, after any content coding was taken off.
#[derive(Debug)]
pub struct RowCounter(Kind);

#[derive(Debug)]
enum Kind {
    None,
    One { passed: bool },
    Csv(csv::Lines),
    Json(json::Objects),
    Xml(xml::Elements),
}

// === impl RowCounter ===

impl RowCounter {
    /// A counter for an answer whose rows are of this kind. For [`Rows::One`] only the body of a success may be
    /// given to it.
    #[must_use]
    pub fn new(rows: Rows) -> Self {
        Self(match rows {
            Rows::None => Kind::None,
            Rows::One => Kind::One { passed: false },
            Rows::Csv => Kind::Csv(csv::Lines::default()),
            Rows::JsonRecords => Kind::Json(json::Objects::new(json::Counts::Records)),
            Rows::JsonArray => Kind::Json(json::Objects::new(json::Counts::TopArray)),
            Rows::GraphQlNodes => Kind::Json(json::Objects::new(json::Counts::Nodes)),
            Rows::ReportRows => Kind::Json(json::Objects::new(json::Counts::ReportRows)),
            Rows::XmlRecords => Kind::Xml(xml::Elements::default()),
        })
    }

    /// How many rows begin in this chunk. To be asked before the chunk goes on to the client.
    pub fn feed(&mut self, chunk: &[u8]) -> u64 {
        match &mut self.0 {
            Kind::None => 0,
            Kind::One { passed } => u64::from(!chunk.is_empty() && !std::mem::replace(passed, true)),
            Kind::Csv(lines) => lines.feed(chunk),
            Kind::Json(objects) => objects.feed(chunk),
            Kind::Xml(elements) => elements.feed(chunk),
        }
    }
}

#[cfg(test)]
mod tests;
