//! From text to tokens: whitespace, words, paths, literals and signs, and nothing else.
//!
//! Only what has one reading passes. A character that some lexer drops, treats as a comment or takes for a space
//! (`$`, `--`, U+00A0) is refused here, outside string literals, before any parser can disagree about it.

mod eights;
mod literal;

use super::keyword::Keyword;

/// A piece of the query's text, in bytes: where it starts, and above that where it ends. One number, for the processor
/// has to wait where two are read as one right after they were written one by one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span(u64);

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
    /// Where the first name of the last word or path ended. Not as wide as `at`: the compiler would read the two as one,
    /// right after they were written one by one, for which the processor has to wait.
    first_end: u32,
    tokens: u32,
    fault: Option<Fault>,
}

// === impl Span ===

impl Span {
    pub(crate) fn new(start: u32, end: u32) -> Self {
        Self(u64::from(start) | u64::from(end) << 32)
    }

    pub(crate) fn start(self) -> u32 {
        self.0 as u32
    }

    pub(crate) fn end(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) fn of(self, text: &str) -> &str {
        text.get(self.start() as usize..self.end() as usize).unwrap_or("")
    }
}

/// `<3..7>`: [`super::ast::shape`] puts the text in its place.
impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<{}..{}>", self.start(), self.end())
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
        let first = Span::new(self.span.start(), self.first_end);
        if self.is_name() {
            return (first, None);
        }
        let span = Span::new(self.first_end + 1, self.span.end());
        let dot = span.of(text).bytes().position(|byte| byte == b'.');
        let first_end = dot.map_or(span.end(), |dot| span.start() + dot as u32);
        (first, Some(Self { span, first_end }))
    }

    /// Whether it is one name.
    pub(crate) fn is_name(self) -> bool {
        self.first_end == self.span.end()
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
        let mut token = Token { kind: Kind::End, span: Span::new(0, 0), first_end: 0 };
        self.advance(&mut token);
        token
    }

    /// The same, written in its place: a token that is copied right after it was written costs more than to read it.
    pub(crate) fn advance(&mut self, token: &mut Token) {
        self.skip_space();
        let start = self.at;
        self.tokens += 1;
        token.kind = self.kind().unwrap_or(Kind::Bad);
        token.span = self.span(start);
        token.first_end = self.first_end;
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
        Span::new(start as u32, self.at as u32)
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
        self.first_end = self.at as u32;
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

    /// One name; gives its first eight letters in lower case, packed, for the search of keywords.
    fn component(&mut self) -> Option<u64> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let (length, packed) = eights::word(rest);
        self.at += length;
        if length > MAX_NAME { self.stop("a name of at most 80 characters") } else { Some(packed) }
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
    class(byte) & WORD != 0
}

/// What a byte may be part of.
fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or_default()
}

/// A letter, a digit or `_`.
const WORD: u8 = 1;
/// What stands for itself inside a string literal.
const PLAIN: u8 = 2;

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler, which reports an index out of range")]
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut at = 0;
    while at < classes.len() {
        let byte = at as u8;
        if byte.is_ascii_alphanumeric() || byte == b'_' {
            classes[at] |= WORD;
        }
        if !matches!(byte, b'\'' | b'\\') && !is_control(byte) {
            classes[at] |= PLAIN;
        }
        at += 1;
    }
    classes
};

const fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7f
}

const MAX_TOKENS: u32 = 20_000;
const MAX_NAME: usize = 80;
const MAX_PATH: usize = 640;
