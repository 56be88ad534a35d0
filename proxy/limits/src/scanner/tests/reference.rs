//! Rows and handles of JSON as they are told most simply: byte by byte, token by token, on two ways over the text.

use forcefield_policy::request::{HandleKind, Rows};

use crate::handles::{Issued, issued};
use crate::rows::json::Counts;

/// Reads one text in chunks.
pub(super) struct Reference {
    at_once: u64,
    /// `None` when rows are not counted in JSON.
    rows: Option<(Tokens, Place)>,
    handles: Option<(Tokens, Named)>,
}

enum Token {
    /// A whole string; `None` for one that is too long.
    Text(Option<Vec<u8>>),
    Colon,
    Comma,
    Object,
    Array,
    Close,
}

#[derive(Default)]
struct Tokens {
    string: Option<Vec<u8>>,
    escape: bool,
}

/// What is open, and what the next value is called.
struct Place {
    counts: Counts,
    levels: Vec<Level>,
    beyond: usize,
    last: Option<Name>,
    named: Option<Name>,
}

#[derive(Clone, Copy, PartialEq)]
enum Level {
    Plain,
    Rows,
    Parts,
    Part,
}

#[derive(Clone, Copy, PartialEq)]
enum Name {
    Rows,
    Part,
    Attributes,
}

/// Whether the next value may be a handle.
struct Named {
    kind: HandleKind,
    depth: usize,
    last: bool,
    named: bool,
}

const LONGEST: usize = 256;
const DEEPEST: usize = 512;
const DISGUISED: usize = 78;

impl Reference {
    pub(super) fn new(rows: Rows, handles: Option<HandleKind>) -> Self {
        let (at_once, counts) = match rows {
            Rows::Enveloped(rows) => (rows.into(), Some(Counts::Records)),
            Rows::JsonRecords => (0, Some(Counts::Records)),
            Rows::JsonArray => (0, Some(Counts::TopArray)),
            Rows::GraphQlNodes => (0, Some(Counts::Nodes)),
            Rows::ReportRows => (0, Some(Counts::ReportRows)),
            Rows::None | Rows::One | Rows::Known(_) | Rows::Bulk | Rows::Csv | Rows::XmlRecords => (0, None),
        };
        let place = |counts| Place { counts, levels: Vec::new(), beyond: 0, last: None, named: None };
        let named = |kind| Named { kind, depth: 0, last: false, named: false };
        Self {
            at_once,
            rows: counts.map(|counts| (Tokens::default(), place(counts))),
            handles: handles.map(|kind| (Tokens::default(), named(kind))),
        }
    }

    pub(super) fn rows(&mut self, chunk: &[u8]) -> Option<u64> {
        let (tokens, place) = self.rows.as_mut()?;
        let at_once = if chunk.is_empty() { 0 } else { std::mem::take(&mut self.at_once) };
        let begun = tokens.of(chunk).filter_map(|token| place.token(token).then_some(())).count() as u64;
        Some(at_once + begun)
    }

    pub(super) fn handles(&mut self, chunk: &[u8]) -> Vec<Issued> {
        let Some((tokens, named)) = &mut self.handles else { return Vec::new() };
        tokens.of(chunk).filter_map(|token| named.token(token)).collect()
    }
}

impl Tokens {
    fn of(&mut self, chunk: &[u8]) -> impl Iterator<Item = Token> {
        chunk.iter().filter_map(|byte| self.byte(*byte))
    }

    fn byte(&mut self, byte: u8) -> Option<Token> {
        if let Some(string) = &mut self.string {
            if byte == b'"' && !self.escape {
                return Some(Token::Text(self.string.take().filter(|string| string.len() <= LONGEST)));
            }
            self.escape = byte == b'\\' && !self.escape;
            string.push(byte);
            return None;
        }
        match byte {
            b'"' => self.string = Some(Vec::new()),
            b':' => return Some(Token::Colon),
            b',' => return Some(Token::Comma),
            b'{' => return Some(Token::Object),
            b'[' => return Some(Token::Array),
            b'}' | b']' => return Some(Token::Close),
            _ => {}
        }
        None
    }
}

impl Place {
    /// Whether a row begins with a token.
    fn token(&mut self, token: Token) -> bool {
        match token {
            Token::Text(text) => {
                // What a value is called stands right before it.
                (self.last, self.named) = (text.and_then(|text| self.name(&text)), None);
                return false;
            }
            Token::Colon => {
                self.named = self.last.take();
                return self.named == Some(Name::Attributes) && self.first_attributes();
            }
            Token::Object => return self.object(),
            Token::Array => {
                let top = self.levels.is_empty();
                self.push(match (self.counts, self.named) {
                    (Counts::TopArray, _) if top => Level::Rows,
                    (Counts::Records | Counts::ReportRows, Some(Name::Rows)) => Level::Rows,
                    (Counts::Records, Some(Name::Part)) => Level::Parts,
                    _ => Level::Plain,
                });
            }
            Token::Close if self.beyond > 0 => self.beyond -= 1,
            Token::Close => drop(self.levels.pop()),
            Token::Comma => {}
        }
        (self.last, self.named) = (None, None);
        false
    }

    fn object(&mut self) -> bool {
        let inside = if self.beyond > 0 { None } else { self.levels.last().copied() };
        let row = inside == Some(Level::Rows)
            || self.levels.len() >= DEEPEST
            || (self.counts == Counts::Nodes && self.named == Some(Name::Rows));
        let part = inside == Some(Level::Parts) || self.named == Some(Name::Part);
        self.push(if part && !row { Level::Part } else { Level::Plain });
        row
    }

    fn first_attributes(&mut self) -> bool {
        match self.levels.last_mut() {
            Some(level) if *level == Level::Part && self.beyond == 0 => {
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

    fn name(&self, text: &[u8]) -> Option<Name> {
        match (self.counts, text) {
            (Counts::Records, b"records" | b"searchRecords") => Some(Name::Rows),
            (Counts::Records, b"body" | b"result") => Some(Name::Part),
            (Counts::Records, b"attributes") => Some(Name::Attributes),
            (Counts::Nodes, b"node") | (Counts::ReportRows, b"rows") => Some(Name::Rows),
            (Counts::TopArray, _) => None,
            (_, text) if text.len() <= DISGUISED && text.contains(&b'\\') => Some(Name::Rows),
            _ => None,
        }
    }
}

impl Named {
    fn token(&mut self, token: Token) -> Option<Issued> {
        let locators = self.kind == HandleKind::Locator;
        let key: &[u8] = if locators { b"nextRecordsUrl" } else { b"id" };
        match token {
            Token::Text(text) => {
                // In a broken text a colon may come after a value too, and makes a name of it.
                self.last = text.as_ref().is_some_and(|text| text == key) && (locators || self.depth == 1);
                let is_value = text.is_some() && std::mem::take(&mut self.named);
                return text.filter(|_| is_value).and_then(|text| issued(self.kind, &text));
            }
            Token::Colon => {
                self.named = std::mem::take(&mut self.last);
                return None;
            }
            Token::Object | Token::Array => self.depth += 1,
            Token::Close => self.depth = self.depth.saturating_sub(1),
            Token::Comma => {}
        }
        // A name and its colon are next to each other: what else comes between parts them.
        (self.last, self.named) = (false, false);
        None
    }
}
