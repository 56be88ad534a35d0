//! Counting rows in an answer as it streams by, in bounded memory and whatever the chunks.
//!
//! A row counts when its first byte passes, so that a row whose end never comes was counted all the same.

mod csv;
mod json;
mod xml;

use forcefield_policy::request::Rows;

/// Counts the rows of one answer's body, after any content coding was taken off.
#[derive(Clone, Debug)]
pub struct RowCounter(Kind);

#[derive(Clone, Debug)]
enum Kind {
    None,
    Fixed {
        rows: u64,
    },
    /// A bulk result whose first byte has not come.
    Bulk,
    Csv(csv::Lines),
    Json(json::Objects),
    Enveloped {
        rows: u64,
        objects: json::Objects,
    },
    Xml(xml::Elements),
}

// === impl RowCounter ===

impl RowCounter {
    /// A counter for an answer whose rows are of this kind. For [`Rows::One`], [`Rows::Known`] and
    /// [`Rows::Enveloped`] only the body of
    /// a success may be given to it.
    #[must_use]
    pub fn new(rows: Rows) -> Self {
        Self(match rows {
            Rows::None => Kind::None,
            Rows::One => Kind::Fixed { rows: 1 },
            Rows::Known(rows) => Kind::Fixed { rows: rows.into() },
            Rows::Enveloped(rows) => {
                Kind::Enveloped { rows: rows.into(), objects: json::Objects::new(json::Counts::Records) }
            }
            Rows::Bulk => Kind::Bulk,
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
            Kind::Fixed { .. } if chunk.is_empty() => 0,
            Kind::Fixed { rows } => std::mem::take(rows),
            Kind::Enveloped { .. } if chunk.is_empty() => 0,
            Kind::Enveloped { rows, objects } => std::mem::take(rows) + objects.feed(chunk),
            Kind::Bulk => {
                let Some(kind) = Kind::of_bulk(chunk) else { return 0 };
                self.0 = kind;
                self.feed(chunk)
            }
            Kind::Csv(lines) => lines.feed(chunk),
            Kind::Json(objects) => objects.feed(chunk),
            Kind::Xml(elements) => elements.feed(chunk),
        }
    }

    /// The length of the longest beginning of a chunk in which at most `most` rows begin: the last of them is in it to
    /// its end, as far as the chunk has it. The chunk is not fed.
    #[must_use]
    pub fn fitting(&self, chunk: &[u8], most: u64) -> usize {
        let fits = |length| self.clone().feed(chunk.get(..length).unwrap_or(chunk)) <= most;
        let (mut fitting, mut too_long) = (0, chunk.len() + 1);
        while too_long - fitting > 1 {
            let middle = fitting.midpoint(too_long);
            if fits(middle) { fitting = middle } else { too_long = middle }
        }
        fitting
    }
}

impl Kind {
    /// The format of a bulk result, by its first byte other than white space; `None` when there is none yet. The
    /// header line of CSV starts with a name or a quote, or with a byte order mark.
    fn of_bulk(chunk: &[u8]) -> Option<Self> {
        let first = chunk.iter().find(|byte| !byte.is_ascii_whitespace())?;
        Some(match first {
            b'<' => Self::Xml(xml::Elements::default()),
            b'[' | b'{' => Self::Json(json::Objects::new(json::Counts::TopArray)),
            _ => Self::Csv(csv::Lines::default()),
        })
    }
}

#[cfg(test)]
mod tests;
