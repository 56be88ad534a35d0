//! Literals: numbers, dates and times, strings, and the search text of SOSL. Each is of one kind, and ends where
//! Salesforce ends it.

use super::{Kind, Lexer, PLAIN, Token, class, is_control, is_word};

impl Lexer<'_> {
    /// The search term of SOSL: from `{` to the first `}` that no backslash escapes.
    pub(crate) fn term(&mut self) -> Token {
        self.skip_space();
        let start = self.at;
        let kind = self.term_text().unwrap_or(Kind::Bad);
        Token { kind, span: self.span(start), first_end: self.first_end }
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

    /// What starts with a digit: a number, a date, a datetime or a time.
    #[inline(never)]
    pub(super) fn digits(&mut self) -> Option<Kind> {
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

    pub(super) fn fixed(&mut self, byte: u8, expected: &'static str) -> Option<()> {
        if self.peek(0) != Some(byte) {
            return self.stop(expected);
        }
        self.at += 1;
        Some(())
    }

    #[inline(never)]
    pub(super) fn number(&mut self) -> Option<Kind> {
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
    pub(super) fn string(&mut self) -> Option<Kind> {
        let start = self.at;
        self.at += 1;
        let mut kind = Kind::Text;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            self.at += rest.iter().position(|byte| class(*byte) & PLAIN == 0).unwrap_or(rest.len());
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

/// Whether a byte of UTF-8 starts a character.
fn starts_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

const MAX_LITERAL: usize = 4_000;
const MAX_TERM: u32 = 10_000;

/// The characters that a search text must escape.
const SEARCH_RESERVED: &[u8] = b"?&|!{}[]()^~*:\\\"'+-";
