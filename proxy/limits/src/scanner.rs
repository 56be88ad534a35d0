//! The body of one answer as it streams by: its rows counted, and the cursors and jobs that it gives out found, on one way
//! over its bytes, in bounded memory and whatever the chunks.

use forcefield_policy::request::{HandleKind, Rows};

use crate::handles::{Format, InJson, InXml, Issued};
use crate::json::{Heed, Token, Tokens};
use crate::rows::csv::Lines;
use crate::rows::json::{Counts, Objects};
use crate::rows::xml::Elements;
use crate::xml::Events;

/// Reads the body of one answer, after any content coding was taken off.
#[derive(Clone, Debug)]
pub struct Scanner {
    /// Rows that begin with the first byte.
    at_once: u64,
    text: Text,
    /// What is looked for in another format than rows are counted in.
    beside: Option<Box<Text>>,
}

/// What a chunk has.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many rows begin in it. To be counted before the chunk goes on to the client.
    pub rows: u64,
    /// The handles that end in it. To be recorded before the chunk goes on to the client.
    pub issued: Vec<Issued>,
}

#[derive(Clone, Debug)]
enum Text {
    /// Nothing to look for.
    Nothing,
    /// A bulk result whose first byte has not come.
    Bulk,
    Csv(Lines),
    Json(Json),
    Xml(Xml),
}

#[derive(Clone, Debug, Default)]
struct Json {
    tokens: Tokens,
    rows: Option<Objects>,
    handles: Option<InJson>,
}

#[derive(Clone, Debug, Default)]
struct Xml {
    events: Events,
    rows: Option<Elements>,
    handles: Option<InXml>,
}

// === impl Scanner ===

impl Scanner {
    /// A scanner for an answer whose rows are of this kind, and that may give out such handles. For [`Rows::One`],
    /// [`Rows::Known`] and [`Rows::Enveloped`] only the body of a success may be given to it.
    #[must_use]
    pub fn new(rows: Rows, handles: Option<(HandleKind, Format)>) -> Self {
        let (at_once, mut text) = match rows {
            Rows::None => (0, Text::Nothing),
            Rows::One => (1, Text::Nothing),
            Rows::Known(rows) => (rows.into(), Text::Nothing),
            Rows::Enveloped(rows) => (rows.into(), Text::json(Counts::Records)),
            Rows::Bulk => (0, Text::Bulk),
            Rows::Csv => (0, Text::Csv(Lines::default())),
            Rows::JsonRecords => (0, Text::json(Counts::Records)),
            Rows::JsonArray => (0, Text::json(Counts::TopArray)),
            Rows::GraphQlNodes => (0, Text::json(Counts::Nodes)),
            Rows::ReportRows => (0, Text::json(Counts::ReportRows)),
            Rows::XmlRecords => (0, Text::xml()),
        };
        let beside = handles.and_then(|(kind, format)| text.look_for(kind, format));
        Self { at_once, text, beside: beside.map(Box::new) }
    }

    /// What this chunk has.
    pub fn feed(&mut self, chunk: &[u8]) -> Found {
        let mut found = Found::default();
        if chunk.is_empty() {
            return found;
        }
        found.rows = std::mem::take(&mut self.at_once);
        self.text.feed(chunk, &mut found);
        if let Some(text) = &mut self.beside {
            text.feed(chunk, &mut found);
        }
        found
    }

    /// How many rows begin in a chunk that is not fed.
    #[must_use]
    pub fn rows_in(&self, chunk: &[u8]) -> u64 {
        self.clone().feed(chunk).rows
    }

    /// The length of the longest beginning of a chunk in which at most `most` rows begin: the last of them is in it to
    /// its end, as far as the chunk has it. The chunk is not fed.
    #[must_use]
    pub fn fitting(&self, chunk: &[u8], most: u64) -> usize {
        let fits = |length| self.rows_in(chunk.get(..length).unwrap_or(chunk)) <= most;
        let (mut fitting, mut too_long) = (0, chunk.len() + 1);
        while too_long - fitting > 1 {
            let middle = fitting.midpoint(too_long);
            if fits(middle) { fitting = middle } else { too_long = middle }
        }
        fitting
    }
}

// === impl Text ===

impl Text {
    fn json(counts: Counts) -> Self {
        Self::Json(Json { rows: Some(Objects::new(counts)), ..Json::default() })
    }

    fn xml() -> Self {
        Self::Xml(Xml { rows: Some(Elements::default()), ..Xml::default() })
    }

    /// Looks for handles too; gives the text to look in when it is not this one.
    fn look_for(&mut self, kind: HandleKind, format: Format) -> Option<Self> {
        match (&mut *self, format) {
            (Self::Json(json), Format::Json) => json.handles = Some(InJson::new(kind)),
            (Self::Xml(xml), Format::Xml) => xml.handles = Some(InXml::new(kind)),
            (Self::Nothing | Self::Bulk | Self::Csv(_) | Self::Xml(_), Format::Json) => {
                return Some(Self::Json(Json { handles: Some(InJson::new(kind)), ..Json::default() }));
            }
            (Self::Nothing | Self::Bulk | Self::Csv(_) | Self::Json(_), Format::Xml) => {
                return Some(Self::Xml(Xml { handles: Some(InXml::new(kind)), ..Xml::default() }));
            }
        }
        None
    }

    fn feed(&mut self, chunk: &[u8], found: &mut Found) {
        match self {
            Self::Nothing => {}
            Self::Bulk => {
                if let Some(text) = Self::of_bulk(chunk) {
                    *self = text;
                    self.feed(chunk, found);
                }
            }
            Self::Csv(lines) => found.rows += lines.feed(chunk),
            Self::Json(json) => json.feed(chunk, found),
            Self::Xml(xml) => xml.feed(chunk, found),
        }
    }

    /// The format of a bulk result, by its first byte other than white space; `None` when there is none yet. The
    /// header line of CSV starts with a name or a quote, or with a byte order mark.
    fn of_bulk(chunk: &[u8]) -> Option<Self> {
        let first = chunk.iter().find(|byte| !byte.is_ascii_whitespace())?;
        Some(match first {
            b'<' => Self::xml(),
            b'[' | b'{' => Self::json(Counts::TopArray),
            _ => Self::Csv(Lines::default()),
        })
    }
}

// === impl Json ===

impl Json {
    fn feed(&mut self, chunk: &[u8], found: &mut Found) {
        let Self { tokens, rows, handles } = self;
        if let Some(handles) = handles {
            handles.begin(chunk, tokens.open());
        }
        let heed = heed(rows, handles);
        tokens.feed(chunk, heed, |token| {
            match token {
                Token::Object(name) => {
                    found.rows += rows.as_mut().map_or(0, |rows| u64::from(rows.object(name)));
                    handles.iter_mut().for_each(InJson::open);
                }
                Token::Array(name) => {
                    rows.iter_mut().for_each(|rows| rows.array(name));
                    handles.iter_mut().for_each(InJson::open);
                }
                Token::Close => {
                    rows.iter_mut().for_each(Objects::close);
                    handles.iter_mut().for_each(InJson::close);
                }
                Token::Name(name) => {
                    found.rows += rows.as_mut().map_or(0, |rows| u64::from(rows.name(name)));
                    handles.iter_mut().for_each(|handles| handles.name(name.text));
                }
                Token::Comma => handles.iter_mut().for_each(InJson::comma),
                Token::Text(text) => {
                    found.issued.extend(handles.as_mut().and_then(|handles| handles.text(text)));
                }
            }
            self::heed(rows, handles)
        });
    }
}

/// Which tokens they need next.
fn heed(rows: &Option<Objects>, handles: &Option<InJson>) -> Heed {
    let of_rows = rows.as_ref().map_or(Heed::Brackets, Objects::heed);
    handles.as_ref().map_or(of_rows, |handles| handles.heed().max(of_rows))
}

// === impl Xml ===

impl Xml {
    fn feed(&mut self, chunk: &[u8], found: &mut Found) {
        let Self { events, rows, handles } = self;
        events.feed(chunk, |event| {
            if let Some(elements) = rows {
                found.rows += u64::from(elements.event(event));
            }
            if let Some(handles) = handles {
                found.issued.extend(handles.event(event));
            }
        });
    }
}

#[cfg(test)]
mod tests;
