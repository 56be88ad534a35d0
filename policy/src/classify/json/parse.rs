//! From text to nodes.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{DEPTH, Kind, Node};
use crate::classify::{Place, Unclear};

/// Parses a whole text.
pub(super) fn nodes(text: &str) -> Result<Vec<Node>, Unclear> {
    if u32::try_from(text.len()).is_err() {
        return Err(Unclear::form(Place::Body, "it is too long"));
    }
    let mut parser = Parser {
        text,
        bytes: text.as_bytes(),
        at: 0,
        nodes: Vec::with_capacity(text.len() / 12 + 4),
        keys: Vec::new(),
    };
    parser.space();
    parser.value(DEPTH)?;
    parser.space();
    match parser.bytes.get(parser.at) {
        None => Ok(parser.nodes),
        Some(_) => Err(parser.wrong("the end of the body")),
    }
}

/// The text of a string whose escapes were checked.
pub(super) fn unescaped(content: &str) -> String {
    let mut text = String::with_capacity(content.len());
    let mut rest = content;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let mut characters = after.chars();
        match characters.next() {
            Some('u') => {
                let (character, behind) = code_point(characters.as_str()).unwrap_or(('\u{fffd}', ""));
                text.push(character);
                rest = behind;
                continue;
            }
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('n') => text.push('\n'),
            Some('r') => text.push('\r'),
            Some('t') => text.push('\t'),
            Some(itself) => text.push(itself),
            None => {}
        }
        rest = characters.as_str();
    }
    text.push_str(rest);
    text
}

/// Reads what follows `\u`: four digits, or two surrogates; `None` for half a pair and for NUL.
fn code_point(text: &str) -> Option<(char, &str)> {
    let (first, rest) = unit(text)?;
    if !(0xd800..0xe000).contains(&first) {
        return char::from_u32(first)
            .filter(|character| *character != '\0')
            .map(|character| (character, rest));
    }
    let (second, rest) = unit(rest.strip_prefix("\\u")?)?;
    if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    let character = char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00))?;
    Some((character, rest))
}

fn unit(text: &str) -> Option<(u32, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    hexadecimal.then(|| Some((u32::from_str_radix(digits, 16).ok()?, rest)))?
}

struct Parser<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    nodes: Vec<Node>,
    /// The nodes of the keys of the objects that are open, the innermost last.
    keys: Vec<u32>,
}

impl<'a> Parser<'a> {
    fn wrong(&self, expected: &str) -> Unclear {
        Unclear::form(Place::Offset(self.at), format!("expected {expected}"))
    }

    #[inline]
    fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), Unclear> {
        match self.peek() {
            b'"' => self.string(),
            b'{' => self.container(Kind::Object, b'}', depth),
            b'[' => self.container(Kind::Array, b']', depth),
            b't' => self.word("true", Kind::True),
            b'f' => self.word("false", Kind::False),
            b'n' => self.word("null", Kind::Null),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(self.wrong("a value")),
        }
    }

    /// Adds a node for the text from `start` to here, without contents.
    fn push(&mut self, kind: Kind, escaped: bool, start: usize, end: usize) {
        let next = self.nodes.len() + 1;
        let [start, end, next] = [start, end, next].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        self.nodes.push(Node { kind, escaped, start, end, next });
    }

    fn container(&mut self, kind: Kind, close: u8, depth: usize) -> Result<(), Unclear> {
        let inner =
            depth.checked_sub(1).ok_or_else(|| self.wrong("less nesting: 32 levels are the limit"))?;
        let number = self.nodes.len();
        let first_key = self.keys.len();
        self.push(kind, false, self.at, self.at);
        self.at += 1;
        self.space();
        if self.peek() == close {
            self.at += 1;
        } else {
            loop {
                if kind == Kind::Object {
                    self.key()?;
                }
                self.value(inner)?;
                self.space();
                let found = self.peek();
                if found != b',' && found != close {
                    return Err(self.wrong("`,` or the end of the object or array"));
                }
                self.at += 1;
                if found == close {
                    break;
                }
                self.space();
            }
        }
        self.unique(first_key)?;
        self.keys.truncate(first_key);
        let [end, next] = [self.at, self.nodes.len()].map(|number| u32::try_from(number).unwrap_or(u32::MAX));
        if let Some(node) = self.nodes.get_mut(number) {
            node.end = end;
            node.next = next;
        }
        Ok(())
    }

    fn key(&mut self) -> Result<(), Unclear> {
        if self.peek() != b'"' {
            return Err(self.wrong("a key in quotes"));
        }
        self.keys.push(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.string()?;
        self.space();
        if self.peek() != b':' {
            return Err(self.wrong("`:`"));
        }
        self.at += 1;
        self.space();
        Ok(())
    }

    /// Checks that the keys of the object just read are all different.
    fn unique(&self, first_key: usize) -> Result<(), Unclear> {
        let keys = self.keys.get(first_key..).unwrap_or_default();
        if keys.len() < 2 {
            return Ok(());
        }
        let plain = keys.iter().all(|key| self.nodes.get(*key as usize).is_some_and(|node| !node.escaped));
        let twice = if plain && keys.len() <= FEW {
            let mut names = [""; FEW];
            names.iter_mut().zip(keys).for_each(|(name, key)| *name = self.key_text(*key));
            names.iter().take(keys.len()).enumerate().find_map(|(number, name)| {
                names.iter().take(number).any(|earlier| earlier == name).then_some(number)
            })
        } else {
            let mut seen = HashSet::with_capacity(keys.len());
            keys.iter().position(|key| !seen.insert(self.decoded(*key)))
        };
        match twice.and_then(|number| keys.get(number)).and_then(|key| self.nodes.get(*key as usize)) {
            None => Ok(()),
            Some(node) => Err(Unclear::form(Place::Offset(node.start as usize), "a key is there twice")),
        }
    }

    fn key_text(&self, key: u32) -> &'a str {
        let node = self.nodes.get(key as usize);
        node.and_then(|node| self.text.get(node.start as usize..node.end as usize)).unwrap_or_default()
    }

    fn decoded(&self, key: u32) -> Cow<'a, str> {
        let escaped = self.nodes.get(key as usize).is_some_and(|node| node.escaped);
        let text = self.key_text(key);
        if escaped { Cow::Owned(unescaped(text)) } else { Cow::Borrowed(text) }
    }

    fn string(&mut self) -> Result<(), Unclear> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            self.at = plain_until(self.bytes, self.at);
            match self.peek() {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ => return Err(self.wrong("the rest of a string, with control characters escaped")),
            }
        }
        self.push(Kind::String, escaped, start, self.at);
        self.at += 1;
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Unclear> {
        match self.bytes.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
            Some(b'u') => {
                let digits = self.text.get(self.at + 2..).and_then(code_point);
                let (_, rest) =
                    digits.ok_or_else(|| self.wrong("an escape of a whole character other than NUL"))?;
                self.at = self.text.len() - rest.len();
            }
            _ => return Err(self.wrong("an escape that JSON has")),
        }
        Ok(())
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<(), Unclear> {
        let end = self.at + word.len();
        if self.bytes.get(self.at..end) != Some(word.as_bytes()) {
            return Err(self.wrong("a value"));
        }
        self.push(kind, false, self.at, end);
        self.at = end;
        Ok(())
    }

    fn number(&mut self) -> Result<(), Unclear> {
        let start = self.at;
        self.at += usize::from(self.peek() == b'-');
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == b'.' {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), b'+' | b'-'));
            self.digits()?;
        }
        self.push(Kind::Number, false, start, self.at);
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Unclear> {
        if !self.peek().is_ascii_digit() {
            return Err(self.wrong("a digit"));
        }
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }
}

/// How many keys are compared with each other rather than hashed.
const FEW: usize = 24;

/// The first byte at or behind `at` that ends a string, starts an escape, or may not be in one.
#[inline]
fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    while let Some(chunk) = bytes.get(at..at + 8).and_then(|chunk| <[u8; 8]>::try_from(chunk).ok()) {
        let word = u64::from_le_bytes(chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let found = zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5c)) | control;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\') {
        at += 1;
    }
    at
}
