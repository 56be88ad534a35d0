//! From text to tokens: whitespace, words, paths, literals and signs, and nothing else.
//!
//! Only what has one reading passes. A character that some lexer drops, treats as a comment or takes for a space
//! (`$`, `--`, U+00A0) is refused here, outside string literals, before any parser can disagree about it.

use super::keyword::Keyword;

/// A piece of the query's text, in bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier.
    Word,
    /// An identifier that is a keyword somewhere in the grammar.
    Key(Keyword),
    /// Identifiers joined by dots.
    Path,
    /// A string literal, quotes included.
    Text,
    /// A string literal with `\%` or `\_`, which only `LIKE` understands.
    Pattern,
    /// Digits without a sign.
    Integer,
    /// Any other number.
    Number,
    /// `2024-01-31`
    Date,
    /// `2024-01-31T10:00:00Z`
    DateTime,
    /// `10:00:00.000Z`
    Time,
    /// `=` and its kin.
    Operator(Comparison),
    /// `,`
    Comma,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `:`
    Colon,
    /// `{text}`: the search term of SOSL, braces included. Made by [`Lexer::term`] only.
    Term,
    /// The end of the text.
    End,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Where reading stopped, and what would have been right there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) at: u32,
    pub(crate) expected: &'static str,
}

/// Reads tokens one by one. A copy reads ahead without moving the original.
#[derive(Clone, Copy)]
pub(crate) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    tokens: u32,
}

// === impl Span ===

impl Span {
    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.start as usize..self.end as usize).unwrap_or("")
    }
}

/// `<3..7>`: [`super::ast::shape`] puts the text in its place.
impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{}..{}>", self.start, self.end)
    }
}

// === impl Lexer ===

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, tokens: 0 }
    }

    /// The next token; [`Kind::End`] again and again after the last.
    pub(crate) fn next(&mut self) -> Result<Token, Fault> {
        self.skip_space();
        let start = self.at;
        self.tokens += 1;
        if self.tokens > MAX_TOKENS {
            return self.fault("a shorter query: at most 20,000 words and signs");
        }
        let kind = match self.peek(0) {
            None => Kind::End,
            Some(b'a'..=b'z' | b'A'..=b'Z') => self.word()?,
            Some(b'0'..=b'9') => self.digits()?,
            Some(b'+' | b'-' | b'.') => self.number()?,
            Some(b'\'') => self.string()?,
            Some(b',') => self.sign(Kind::Comma),
            Some(b'(') => self.sign(Kind::Open),
            Some(b')') => self.sign(Kind::Close),
            Some(b':') => self.sign(Kind::Colon),
            Some(b'=') => self.sign(Kind::Operator(Comparison::Equal)),
            Some(b'<') => self.less(),
            Some(b'>') => self.greater(),
            Some(b'!') => self.not_equal()?,
            Some(_) => return self.fault("a word, a literal or a sign of the query language"),
        };
        Ok(Token { kind, span: self.span(start) })
    }

    /// The search term of SOSL: from `{` to the first `}` that no backslash escapes.
    pub(crate) fn term(&mut self) -> Result<Token, Fault> {
        self.skip_space();
        let start = self.at;
        if self.peek(0) != Some(b'{') {
            return self.fault("the search text in braces: `{text}`");
        }
        self.at += 1;
        let (mut quoted, mut characters) = (false, 0_u32);
        loop {
            match self.peek(0) {
                Some(b'}') if quoted => return self.fault("the `\"` that ends the phrase"),
                Some(b'}') if characters == 0 => return self.fault("a search text"),
                Some(b'}') => break,
                Some(b'{') => return self.fault("`\\{` for a brace inside the search text"),
                Some(b'\\') => match self.peek(1) {
                    Some(escaped) if SEARCH_RESERVED.contains(&escaped) => self.at += 1,
                    _ => return self.fault("a reserved character of searches after `\\`"),
                },
                Some(b'"') => quoted = !quoted,
                Some(byte) if is_control(byte) => {
                    return self.fault("no control character in the search text");
                }
                Some(_) => {}
                None => return self.fault("the `}` that ends the search text"),
            }
            characters += u32::from(self.peek(0).is_some_and(starts_character));
            self.at += 1;
            if characters > MAX_TERM {
                return self.fault("a search text of at most 10,000 characters");
            }
        }
        self.at += 1;
        Ok(Token { kind: Kind::Term, span: self.span(start) })
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek(0) {
            self.at += 1;
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn sign(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    fn span(&self, start: usize) -> Span {
        // INVARIANT: the text is at most 400,000 bytes long (`super::check_length`).
        Span { start: start as u32, end: self.at as u32 }
    }

    fn fault<T>(&self, expected: &'static str) -> Result<T, Fault> {
        Err(Fault { at: self.at as u32, expected })
    }

    /// A word, or words joined by dots with nothing between.
    fn word(&mut self) -> Result<Kind, Fault> {
        let start = self.at;
        let mut folded = self.component()?;
        let first = self.at - start;
        while self.peek(0) == Some(b'.') {
            match self.peek(1) {
                Some(b'a'..=b'z' | b'A'..=b'Z') => {
                    self.at += 1;
                    folded = self.component()?;
                }
                // `EUR10.5`: the fraction of a currency literal, a token of its own.
                Some(b'0'..=b'9') if self.at - start == first => break,
                _ => return self.fault("a name right after the dot"),
            }
        }
        let length = self.at - start;
        if length != first {
            return if length <= MAX_PATH {
                Ok(Kind::Path)
            } else {
                self.fault("a path of at most 640 characters")
            };
        }
        Ok(Keyword::find(folded, length).map_or(Kind::Word, Kind::Key))
    }

    /// One name; gives its last eight letters in lower case, packed, for the search of keywords.
    fn component(&mut self) -> Result<u64, Fault> {
        let start = self.at;
        let mut folded = 0;
        let rest = self.bytes.get(start..).unwrap_or_default();
        for byte in rest {
            if !is_word(*byte) {
                break;
            }
            folded = folded << 8 | u64::from(byte | 0x20);
            self.at += 1;
        }
        if self.at - start > MAX_NAME {
            return self.fault("a name of at most 80 characters");
        }
        Ok(folded)
    }

    /// What starts with a digit: a number, a date, a datetime or a time.
    fn digits(&mut self) -> Result<Kind, Fault> {
        let run =
            (0..5).take_while(|ahead| self.peek(*ahead).is_some_and(|byte| byte.is_ascii_digit())).count();
        match (run, self.peek(run)) {
            (4, Some(b'-')) => self.date(),
            (2, Some(b':')) => {
                self.clock()?;
                self.fixed(b'Z', "`Z` after a time")?;
                self.boundary()?;
                Ok(Kind::Time)
            }
            _ => self.number(),
        }
    }

    fn date(&mut self) -> Result<Kind, Fault> {
        self.at += 4;
        self.fixed(b'-', "a date: `2024-01-31`")?;
        self.two_digits(1, 12)?;
        self.fixed(b'-', "a date: `2024-01-31`")?;
        self.two_digits(1, 31)?;
        if self.peek(0) != Some(b'T') {
            self.boundary()?;
            return Ok(Kind::Date);
        }
        self.at += 1;
        self.clock()?;
        match self.peek(0) {
            Some(b'Z') => self.at += 1,
            Some(b'+' | b'-') => {
                self.at += 1;
                self.two_digits(0, 14)?;
                if self.peek(0) == Some(b':') {
                    self.at += 1;
                }
                self.two_digits(0, 59)?;
            }
            _ => return self.fault("`Z` or an offset such as `+01:00`"),
        }
        self.boundary()?;
        Ok(Kind::DateTime)
    }

    /// `hh:mm:ss`, perhaps with a fraction.
    fn clock(&mut self) -> Result<(), Fault> {
        self.two_digits(0, 23)?;
        self.fixed(b':', "a time: `hh:mm:ss`")?;
        self.two_digits(0, 59)?;
        self.fixed(b':', "a time: `hh:mm:ss`")?;
        self.two_digits(0, 60)?;
        if self.peek(0) == Some(b'.') {
            self.at += 1;
            let fraction = self.digit_run();
            if !(1..=9).contains(&fraction) {
                return self.fault("one to nine digits of a second");
            }
        }
        Ok(())
    }

    fn two_digits(&mut self, least: u8, most: u8) -> Result<(), Fault> {
        if let (Some(tens @ b'0'..=b'9'), Some(ones @ b'0'..=b'9')) = (self.peek(0), self.peek(1)) {
            let value = (tens - b'0') * 10 + (ones - b'0');
            if (least..=most).contains(&value) {
                self.at += 2;
                return Ok(());
            }
        }
        self.fault("a possible date or time, two digits each")
    }

    fn fixed(&mut self, byte: u8, expected: &'static str) -> Result<(), Fault> {
        if self.peek(0) != Some(byte) {
            return self.fault(expected);
        }
        self.at += 1;
        Ok(())
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        let mut kind = Kind::Integer;
        if let Some(b'+' | b'-') = self.peek(0) {
            self.at += 1;
            kind = Kind::Number;
        }
        let whole = self.digit_run();
        if self.peek(0) == Some(b'.') {
            self.at += 1;
            kind = Kind::Number;
            if self.digit_run() == 0 {
                return self.fault("digits after the decimal point");
            }
        } else if whole == 0 {
            return self.fault("a number after the sign");
        }
        self.boundary()?;
        Ok(kind)
    }

    fn digit_run(&mut self) -> usize {
        let start = self.at;
        while self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    /// A number runs into nothing: `5AND`, `1.2.3` and `1-2` would have more than one reading.
    fn boundary(&self) -> Result<(), Fault> {
        match self.peek(0) {
            Some(byte) if is_word(byte) || matches!(byte, b'.' | b'+' | b'-' | b':') => {
                self.fault("a space or a sign after the literal")
            }
            _ => Ok(()),
        }
    }

    /// A string literal. The escapes are exactly Salesforce's; a doubled quote is two strings, which no rule joins.
    fn string(&mut self) -> Result<Kind, Fault> {
        self.at += 1;
        let mut kind = Kind::Text;
        let mut characters = 0_u32;
        loop {
            match self.peek(0) {
                Some(b'\'') => break,
                Some(b'\\') => {
                    if self.escape()? {
                        kind = Kind::Pattern;
                    }
                }
                Some(byte) if is_control(byte) => {
                    return self.fault("an escape such as `\\n` for a control character");
                }
                Some(_) => {}
                None => return self.fault("the quote that ends the string"),
            }
            characters += u32::from(self.peek(0).is_some_and(starts_character));
            self.at += 1;
        }
        self.at += 1;
        if characters > MAX_LITERAL {
            return self.fault("a string of at most 4,000 characters");
        }
        Ok(kind)
    }

    /// Moves to the last byte of an escape; whether it is one that only `LIKE` understands.
    fn escape(&mut self) -> Result<bool, Fault> {
        self.at += 1;
        match self.peek(0) {
            Some(
                b'n' | b'N' | b'r' | b'R' | b't' | b'T' | b'b' | b'B' | b'f' | b'F' | b'"' | b'\'' | b'\\',
            ) => Ok(false),
            Some(b'%' | b'_') => Ok(true),
            Some(b'u' | b'U') => {
                let hex = (1..5).all(|ahead| self.peek(ahead).is_some_and(|byte| byte.is_ascii_hexdigit()));
                if !hex {
                    return self.fault("four hexadecimal digits after `\\u`");
                }
                self.at += 4;
                Ok(false)
            }
            _ => self.fault("one of the escapes \\n \\r \\t \\b \\f \\\" \\' \\\\ \\uXXXX"),
        }
    }

    /// Salesforce's lexer allows spaces inside `> =`, `< >` and `! =`; nothing else could be meant.
    fn less(&mut self) -> Kind {
        self.at += 1;
        let mut ahead = *self;
        ahead.skip_space();
        let comparison = match ahead.peek(0) {
            Some(b'=') => Comparison::LessOrEqual,
            Some(b'>') => Comparison::NotEqual,
            _ => return Kind::Operator(Comparison::Less),
        };
        self.at = ahead.at + 1;
        Kind::Operator(comparison)
    }

    fn greater(&mut self) -> Kind {
        self.at += 1;
        let mut ahead = *self;
        ahead.skip_space();
        if ahead.peek(0) != Some(b'=') {
            return Kind::Operator(Comparison::Greater);
        }
        self.at = ahead.at + 1;
        Kind::Operator(Comparison::GreaterOrEqual)
    }

    fn not_equal(&mut self) -> Result<Kind, Fault> {
        self.at += 1;
        self.skip_space();
        self.fixed(b'=', "`!=`")?;
        Ok(Kind::Operator(Comparison::NotEqual))
    }
}

impl Comparison {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// Whether a byte of UTF-8 starts a character.
fn starts_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

const MAX_TOKENS: u32 = 20_000;
const MAX_LITERAL: u32 = 4_000;
const MAX_TERM: u32 = 10_000;
const MAX_NAME: usize = 80;
const MAX_PATH: usize = 640;

/// The characters that a search text must escape.
const SEARCH_RESERVED: &[u8] = b"?&|!{}[]()^~*:\\\"'+-";
