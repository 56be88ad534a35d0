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

/// Names joined by dots, or one name.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    pub(crate) span: Span,
    /// Where the first name ends.
    first_end: u32,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    first_end: u32,
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
    /// No token. No rule of the grammar takes it, so parsing ends here.
    Bad,
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
    /// Where the first name of the last word or path ended.
    first_end: usize,
    tokens: u32,
    fault: Option<Fault>,
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

// === impl Path ===

impl Path {
    /// The path as it was written.
    pub(crate) fn of(self, text: &str) -> &str {
        self.span.of(text)
    }

    /// The first name, and the path after it.
    pub(crate) fn split(self, text: &str) -> (Span, Option<Self>) {
        let first = Span { start: self.span.start, end: self.first_end };
        if self.first_end == self.span.end {
            return (first, None);
        }
        let span = Span { start: self.first_end + 1, end: self.span.end };
        let dot = span.of(text).bytes().position(|byte| byte == b'.');
        let first_end = dot.map_or(span.end, |dot| span.start + dot as u32);
        (first, Some(Self { span, first_end }))
    }

    /// Whether it is one name.
    pub(crate) fn is_name(self) -> bool {
        self.first_end == self.span.end
    }
}

/// As its span: where the first name ends follows from the text.
impl std::fmt::Debug for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.span.fmt(f)
    }
}

// === impl Token ===

impl Token {
    /// The token as a path; only words and paths are one.
    pub(crate) fn path(self) -> Path {
        Path { span: self.span, first_end: self.first_end }
    }
}

// === impl Lexer ===

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0, first_end: 0, tokens: 0, fault: None }
    }

    /// The next token: [`Kind::End`] again and again after the last, [`Kind::Bad`] once something was no token.
    pub(crate) fn next(&mut self) -> Token {
        self.skip_space();
        let start = self.at;
        self.tokens += 1;
        let kind = self.kind().unwrap_or(Kind::Bad);
        Token { kind, span: self.span(start), first_end: self.first_end as u32 }
    }

    /// Why the last token was [`Kind::Bad`].
    pub(crate) fn fault(&self) -> Option<Fault> {
        self.fault
    }

    fn kind(&mut self) -> Option<Kind> {
        if self.tokens > MAX_TOKENS {
            return self.stop("a shorter query: at most 20,000 words and signs");
        }
        Some(match self.peek(0) {
            Some(b'a'..=b'z' | b'A'..=b'Z') => return self.word(),
            Some(b'0'..=b'9') => return self.digits(),
            Some(b'+' | b'-' | b'.') => return self.number(),
            Some(b'\'') => return self.string(),
            Some(b'!') => return self.not_equal(),
            Some(b'<') => self.less(),
            Some(b'>') => self.greater(),
            Some(b',') => self.sign(Kind::Comma),
            Some(b'(') => self.sign(Kind::Open),
            Some(b')') => self.sign(Kind::Close),
            Some(b':') => self.sign(Kind::Colon),
            Some(b'=') => self.sign(Kind::Operator(Comparison::Equal)),
            Some(_) => return self.stop("a word, a literal or a sign of the query language"),
            None => Kind::End,
        })
    }

    /// The search term of SOSL: from `{` to the first `}` that no backslash escapes.
    pub(crate) fn term(&mut self) -> Token {
        self.skip_space();
        let start = self.at;
        let kind = self.term_text().unwrap_or(Kind::Bad);
        Token { kind, span: self.span(start), first_end: self.first_end as u32 }
    }

    fn term_text(&mut self) -> Option<Kind> {
        if self.peek(0) != Some(b'{') {
            return self.stop("the search text in braces: `{text}`");
        }
        self.at += 1;
        let (mut quoted, mut characters) = (false, 0_u32);
        loop {
            match self.peek(0) {
                Some(b'}') if quoted => return self.stop("the `\"` that ends the phrase"),
                Some(b'}') if characters == 0 => return self.stop("a search text"),
                Some(b'}') => break,
                Some(b'{') => return self.stop("`\\{` for a brace inside the search text"),
                Some(b'\\') => match self.peek(1) {
                    Some(escaped) if SEARCH_RESERVED.contains(&escaped) => self.at += 1,
                    _ => return self.stop("a reserved character of searches after `\\`"),
                },
                Some(b'"') => quoted = !quoted,
                Some(byte) if is_control(byte) => {
                    return self.stop("no control character in the search text");
                }
                Some(_) => {}
                None => return self.stop("the `}` that ends the search text"),
            }
            characters += u32::from(self.peek(0).is_some_and(starts_character));
            self.at += 1;
            if characters > MAX_TERM {
                return self.stop("a search text of at most 10,000 characters");
            }
        }
        self.at += 1;
        Some(Kind::Term)
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

    /// Stops reading for good, here: no token follows. The first reason stands.
    fn stop<T>(&mut self, expected: &'static str) -> Option<T> {
        self.stop_at(self.at as u32, expected)
    }

    /// Stops reading for good, on account of what stands at `at`.
    pub(crate) fn stop_at<T>(&mut self, at: u32, expected: &'static str) -> Option<T> {
        self.fault.get_or_insert(Fault { at, expected });
        self.tokens = MAX_TOKENS;
        None
    }

    /// A word, or words joined by dots with nothing between.
    fn word(&mut self) -> Option<Kind> {
        let start = self.at;
        let packed = self.component()?;
        let first = self.at - start;
        self.first_end = self.at;
        while self.peek(0) == Some(b'.') {
            match self.peek(1) {
                Some(b'a'..=b'z' | b'A'..=b'Z') => {
                    self.at += 1;
                    self.component()?;
                }
                // `EUR10.5`: the fraction of a currency literal, a token of its own.
                Some(b'0'..=b'9') if self.at - start == first => break,
                _ => return self.stop("a name right after the dot"),
            }
        }
        let length = self.at - start;
        if length != first {
            return if length <= MAX_PATH {
                Some(Kind::Path)
            } else {
                self.stop("a path of at most 640 characters")
            };
        }
        Some(Keyword::find(packed, length).map_or(Kind::Word, Kind::Key))
    }

    /// One name; gives its last eight letters in lower case, packed, for the search of keywords.
    fn component(&mut self) -> Option<u64> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
        self.at += length;
        if length > MAX_NAME {
            self.stop("a name of at most 80 characters")
        } else {
            Some(self.packed(length))
        }
    }

    /// The last `length` bytes taken, at most eight, in lower case as one number.
    fn packed(&self, length: usize) -> u64 {
        let taken = self.bytes.get(..self.at).unwrap_or_default();
        let last = match taken.last_chunk() {
            Some(eight) => u64::from_be_bytes(*eight),
            None => taken.iter().fold(0, |packed, byte| packed << 8 | u64::from(*byte)),
        };
        let unused = 64_u32.saturating_sub(8 * length as u32);
        (last | 0x2020_2020_2020_2020) & u64::MAX.checked_shr(unused).unwrap_or(0)
    }

    /// What starts with a digit: a number, a date, a datetime or a time.
    #[inline(never)]
    fn digits(&mut self) -> Option<Kind> {
        let run =
            (0..5).take_while(|ahead| self.peek(*ahead).is_some_and(|byte| byte.is_ascii_digit())).count();
        match (run, self.peek(run)) {
            (4, Some(b'-')) => self.date(),
            (2, Some(b':')) => {
                self.clock()?;
                self.fixed(b'Z', "`Z` after a time")?;
                self.boundary()?;
                Some(Kind::Time)
            }
            _ => self.number(),
        }
    }

    fn date(&mut self) -> Option<Kind> {
        self.at += 4;
        self.fixed(b'-', "a date: `2024-01-31`")?;
        self.two_digits(1, 12)?;
        self.fixed(b'-', "a date: `2024-01-31`")?;
        self.two_digits(1, 31)?;
        if self.peek(0) != Some(b'T') {
            self.boundary()?;
            return Some(Kind::Date);
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
            _ => return self.stop("`Z` or an offset such as `+01:00`"),
        }
        self.boundary()?;
        Some(Kind::DateTime)
    }

    /// `hh:mm:ss`, perhaps with a fraction.
    fn clock(&mut self) -> Option<()> {
        self.two_digits(0, 23)?;
        self.fixed(b':', "a time: `hh:mm:ss`")?;
        self.two_digits(0, 59)?;
        self.fixed(b':', "a time: `hh:mm:ss`")?;
        self.two_digits(0, 60)?;
        if self.peek(0) == Some(b'.') {
            self.at += 1;
            let fraction = self.digit_run();
            if !(1..=9).contains(&fraction) {
                return self.stop("one to nine digits of a second");
            }
        }
        Some(())
    }

    fn two_digits(&mut self, least: u8, most: u8) -> Option<()> {
        if let (Some(tens @ b'0'..=b'9'), Some(ones @ b'0'..=b'9')) = (self.peek(0), self.peek(1)) {
            let value = (tens - b'0') * 10 + (ones - b'0');
            if (least..=most).contains(&value) {
                self.at += 2;
                return Some(());
            }
        }
        self.stop("a possible date or time, two digits each")
    }

    fn fixed(&mut self, byte: u8, expected: &'static str) -> Option<()> {
        if self.peek(0) != Some(byte) {
            return self.stop(expected);
        }
        self.at += 1;
        Some(())
    }

    #[inline(never)]
    fn number(&mut self) -> Option<Kind> {
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
                return self.stop("digits after the decimal point");
            }
        } else if whole == 0 {
            return self.stop("a number after the sign");
        }
        self.boundary()?;
        Some(kind)
    }

    fn digit_run(&mut self) -> usize {
        let start = self.at;
        while self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    /// A number runs into nothing: `5AND`, `1.2.3` and `1-2` would have more than one reading.
    fn boundary(&mut self) -> Option<()> {
        match self.peek(0) {
            Some(byte) if is_word(byte) || matches!(byte, b'.' | b'+' | b'-' | b':') => {
                self.stop("a space or a sign after the literal")
            }
            _ => Some(()),
        }
    }

    /// A string literal. The escapes are exactly Salesforce's; a doubled quote is two strings, which no rule joins.
    #[inline(never)]
    fn string(&mut self) -> Option<Kind> {
        let start = self.at;
        self.at += 1;
        let mut kind = Kind::Text;
        loop {
            let plain = |byte: &u8| !matches!(byte, b'\'' | b'\\') && !is_control(*byte);
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            self.at += rest.iter().position(|byte| !plain(byte)).unwrap_or(rest.len());
            match self.peek(0) {
                Some(b'\'') => break,
                Some(b'\\') => {
                    if self.escape()? {
                        kind = Kind::Pattern;
                    }
                }
                Some(_) => return self.stop("an escape such as `\\n` for a control character"),
                None => return self.stop("the quote that ends the string"),
            }
            self.at += 1;
        }
        self.at += 1;
        let text = self.bytes.get(start + 1..self.at - 1).unwrap_or_default();
        if text.len() > MAX_LITERAL && characters(text) > MAX_LITERAL {
            return self.stop("a string of at most 4,000 characters");
        }
        Some(kind)
    }

    /// Moves to the last byte of an escape; whether it is one that only `LIKE` understands.
    fn escape(&mut self) -> Option<bool> {
        self.at += 1;
        match self.peek(0) {
            Some(
                b'n' | b'N' | b'r' | b'R' | b't' | b'T' | b'b' | b'B' | b'f' | b'F' | b'"' | b'\'' | b'\\',
            ) => Some(false),
            Some(b'%' | b'_') => Some(true),
            Some(b'u' | b'U') => {
                let hex = (1..5).all(|ahead| self.peek(ahead).is_some_and(|byte| byte.is_ascii_hexdigit()));
                if !hex {
                    return self.stop("four hexadecimal digits after `\\u`");
                }
                self.at += 4;
                Some(false)
            }
            _ => self.stop("one of the escapes \\n \\r \\t \\b \\f \\\" \\' \\\\ \\uXXXX"),
        }
    }

    /// Salesforce's lexer allows spaces inside `> =`, `< >` and `! =`; nothing else could be meant.
    #[inline(never)]
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

    #[inline(never)]
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

    #[inline(never)]
    fn not_equal(&mut self) -> Option<Kind> {
        self.at += 1;
        self.skip_space();
        self.fixed(b'=', "`!=`")?;
        Some(Kind::Operator(Comparison::NotEqual))
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
    #[expect(
        clippy::indexing_slicing,
        reason = "evaluated by the compiler, which reports an index out of range"
    )]
    const WORD: [bool; 256] = {
        let mut word = [false; 256];
        let mut byte = 0;
        while byte < 128 {
            word[byte] = (byte as u8).is_ascii_alphanumeric() || byte == b'_' as usize;
            byte += 1;
        }
        word
    };
    WORD.get(usize::from(byte)).is_some_and(|word| *word)
}

/// How many characters the inside of a string literal stands for.
fn characters(text: &[u8]) -> usize {
    let mut count = 0;
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return count,
            [b'\\', b'u' | b'U', _, _, _, _, after @ ..] | [b'\\', _, after @ ..] | [_, after @ ..] => after,
        };
        count += usize::from(rest.first().is_none_or(|byte| starts_character(*byte)));
    }
}

fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

/// Whether a byte of UTF-8 starts a character.
fn starts_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

const MAX_TOKENS: u32 = 20_000;
const MAX_LITERAL: usize = 4_000;
const MAX_TERM: u32 = 10_000;
const MAX_NAME: usize = 80;
const MAX_PATH: usize = 640;

/// The characters that a search text must escape.
const SEARCH_RESERVED: &[u8] = b"?&|!{}[]()^~*:\\\"'+-";
