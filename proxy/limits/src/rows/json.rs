//! Objects of JSON that are rows, by where they stand.

use crate::json::{Token, Tokens};

/// Which objects are rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// Objects directly inside arrays named `records` or `searchRecords`, and records that stand alone in a part of
    /// an envelope: objects named `body` or `result`, or directly inside arrays named so, that carry `attributes`.
    Records,
    /// Objects directly inside the outermost array.
    TopArray,
    /// Objects named `node`.
    Nodes,
    /// Objects directly inside arrays named `rows`.
    ReportRows,
}

/// Counts the objects of one JSON text.
#[derive(Clone, Debug)]
pub(super) struct Objects {
    counts: Counts,
    tokens: Tokens,
    place: Place,
}

/// What is open, and what the next value is called.
#[derive(Clone, Debug, Default)]
struct Place {
    levels: Vec<Level>,
    /// How many containers are open past [`DEEPEST`].
    beyond: usize,
    /// What the last string says, if it is a name that matters.
    last: Option<Name>,
    /// What the next value is called, if that matters.
    named: Option<Name>,
}

/// An open container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// Nothing directly inside is a row.
    Plain,
    /// An array whose objects are rows.
    Rows,
    /// An array whose objects are parts of an envelope.
    Parts,
    /// An object that is a part of an envelope, and a row if it carries `attributes`.
    Part,
}

/// The names that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    /// The name of an array of rows, or of an object that is one.
    Rows,
    /// `body` or `result`.
    Part,
    /// `attributes`
    Attributes,
}

/// Salesforce nests a dozen levels. Past this every object counts as a row: too many, never too few.
const DEEPEST: usize = 512;

// === impl Objects ===

impl Objects {
    pub(super) fn new(counts: Counts) -> Self {
        Self { counts, tokens: Tokens::default(), place: Place::default() }
    }

    pub(super) fn feed(&mut self, chunk: &[u8]) -> u64 {
        let Self { counts, tokens, place } = self;
        let mut rows = 0;
        tokens.feed(chunk, |token| rows += u64::from(place.token(*counts, token)));
        rows
    }
}

impl Place {
    /// Takes one token, and says whether a row begins with it.
    #[inline]
    fn token(&mut self, counts: Counts, token: Token<'_>) -> bool {
        match token {
            Token::Text(text) => {
                self.last = text.and_then(|text| name(counts, text));
                false
            }
            Token::Colon => {
                self.named = self.last.take();
                self.named == Some(Name::Attributes) && self.first_attributes()
            }
            Token::Comma => {
                (self.last, self.named) = (None, None);
                false
            }
            Token::Object => self.object(counts),
            Token::Array => {
                let top = self.levels.is_empty();
                self.push(match (counts, self.named) {
                    (Counts::TopArray, _) if top => Level::Rows,
                    (Counts::Records | Counts::ReportRows, Some(Name::Rows)) => Level::Rows,
                    (Counts::Records, Some(Name::Part)) => Level::Parts,
                    _ => Level::Plain,
                });
                false
            }
            Token::Close => {
                if self.beyond > 0 {
                    self.beyond -= 1;
                } else {
                    self.levels.pop();
                }
                (self.last, self.named) = (None, None);
                false
            }
        }
    }

    fn object(&mut self, counts: Counts) -> bool {
        let inside = if self.beyond > 0 { None } else { self.levels.last().copied() };
        let row = inside == Some(Level::Rows)
            || self.levels.len() >= DEEPEST
            || (counts == Counts::Nodes && self.named == Some(Name::Rows));
        let part = inside == Some(Level::Parts) || self.named == Some(Name::Part);
        self.push(if part && !row { Level::Part } else { Level::Plain });
        row
    }

    /// Whether the object that has `attributes` is a part not counted yet; from then on it is.
    fn first_attributes(&mut self) -> bool {
        match self.levels.last_mut() {
            Some(level @ Level::Part) if self.beyond == 0 => {
                *level = Level::Plain;
                true
            }
            _ => false,
        }
    }

    fn push(&mut self, level: Level) {
        if self.levels.len() < DEEPEST {
            self.levels.push(level);
        } else {
            self.beyond += 1;
        }
        (self.last, self.named) = (None, None);
    }
}

/// What a string is, if it is a name that matters. One with an escape counts as the name of rows: Salesforce writes
/// no such names, so it would be somebody's disguise.
#[inline]
fn name(counts: Counts, text: &[u8]) -> Option<Name> {
    match (counts, text) {
        (Counts::Records, b"records" | b"searchRecords") => Some(Name::Rows),
        (Counts::Records, b"body" | b"result") => Some(Name::Part),
        (Counts::Records, b"attributes") => Some(Name::Attributes),
        (Counts::Nodes, b"node") | (Counts::ReportRows, b"rows") => Some(Name::Rows),
        (Counts::TopArray, _) => None,
        (_, text) if text.len() <= DISGUISED && memchr::memchr(b'\\', text).is_some() => Some(Name::Rows),
        _ => None,
    }
}

/// The longest that an escaped `searchRecords` can be: six bytes a letter.
const DISGUISED: usize = 6 * "searchRecords".len();
