//! Text to tokens. Lenient where the org's own lexer is said to be: `$` starts a comment.

use crate::fault::{Fault, Outcome};

/// One token and where it starts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Lexeme,
    pub(crate) at: usize,
}

/// What a token is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Lexeme {
    Word(String),
    Text(String),
    /// A number, a date or a time, as written.
    Number(String),
    Symbol(char),
    /// `=`, `!=`, `<=` and the like.
    Operator(&'static str),
}

/// Splits a query into tokens.
pub(crate) fn tokens(text: &str) -> Outcome<Vec<Token>> {
    let mut cursor = Cursor { chars: text.char_indices().collect(), place: 0 };
    let mut tokens = Vec::new();
    while let Some((at, first)) = cursor.peek() {
        match first {
            ' ' | '\t' | '\r' | '\n' => cursor.skip(),
            '$' => cursor.skip_line(),
            _ => {
                let kind = cursor.lexeme(first)?;
                tokens.push(Token { kind, at });
            }
        }
    }
    Ok(tokens)
}

struct Cursor {
    chars: Vec<(usize, char)>,
    place: usize,
}

// === impl Cursor ===

impl Cursor {
    fn peek(&self) -> Option<(usize, char)> {
        self.chars.get(self.place).copied()
    }

    fn ahead(&self, by: usize) -> Option<char> {
        self.chars.get(self.place + by).map(|(_, char)| *char)
    }

    fn skip(&mut self) {
        self.place += 1;
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|(_, char)| char != '\n') {
            self.skip();
        }
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some((_, char)) = self.peek().filter(|(_, char)| wanted(*char)) {
            taken.push(char);
            self.skip();
        }
        taken
    }

    fn lexeme(&mut self, first: char) -> Outcome<Lexeme> {
        match first {
            '\'' => self.string(),
            '<' | '>' | '=' | '!' => self.operator(first),
            '+' | '-' | '.' if self.ahead(1).is_some_and(|next| next.is_ascii_digit()) => Ok(self.number()),
            digit if digit.is_ascii_digit() => Ok(self.number()),
            letter if is_word(letter) => Ok(Lexeme::Word(self.take_while(is_word))),
            '(' | ')' | ',' | '.' | ':' | '{' | '}' => {
                self.skip();
                Ok(Lexeme::Symbol(first))
            }
            other => Err(unexpected(&other.to_string())),
        }
    }

    fn operator(&mut self, first: char) -> Outcome<Lexeme> {
        self.skip();
        while first != '=' && self.peek().is_some_and(|(_, char)| char == ' ') && self.operator_goes_on() {
            self.skip();
        }
        let second = self.peek().map(|(_, char)| char).filter(|char| matches!(char, '=' | '>'));
        let operator = match (first, second) {
            ('=', _) => return Ok(Lexeme::Operator("=")),
            ('!', Some('=')) | ('<', Some('>')) => "!=",
            ('<', Some('=')) => "<=",
            ('>', Some('=')) => ">=",
            ('<', _) => return Ok(Lexeme::Operator("<")),
            ('>', _) => return Ok(Lexeme::Operator(">")),
            _ => return Err(unexpected("!")),
        };
        self.skip();
        Ok(Lexeme::Operator(operator))
    }

    /// After blanks, a `=` or `>` still belongs to the operator before them.
    fn operator_goes_on(&self) -> bool {
        self.chars
            .iter()
            .skip(self.place)
            .map(|(_, char)| *char)
            .find(|char| *char != ' ')
            .is_some_and(|next| next == '=')
    }

    fn number(&mut self) -> Lexeme {
        let mut text = String::new();
        if let Some((_, sign)) = self.peek().filter(|(_, char)| matches!(char, '+' | '-')) {
            text.push(sign);
            self.skip();
        }
        let mut dated = false;
        while let Some((_, char)) = self.peek() {
            let belongs = char.is_ascii_digit()
                || char == '.'
                || (char == '-' && (text.len() == 4 || dated))
                || (dated && matches!(char, 'T' | 'Z' | 't' | 'z' | '+'))
                || (char == ':' && (text.len() == 2 || dated));
            if !belongs {
                break;
            }
            dated |= matches!(char, '-' | ':');
            text.push(char);
            self.skip();
        }
        Lexeme::Number(text)
    }

    fn string(&mut self) -> Outcome<Lexeme> {
        self.skip();
        let mut text = String::new();
        loop {
            let Some((_, char)) = self.peek() else {
                return Err(Fault::malformed_query("unterminated string literal"));
            };
            self.skip();
            match char {
                '\'' => return Ok(Lexeme::Text(text)),
                '\\' => self.escape(&mut text)?,
                other => text.push(other),
            }
        }
    }

    fn escape(&mut self, text: &mut String) -> Outcome<()> {
        let Some((_, char)) = self.peek() else {
            return Err(Fault::malformed_query("unterminated string literal"));
        };
        self.skip();
        match char {
            'n' | 'N' => text.push('\n'),
            'r' | 'R' => text.push('\r'),
            't' | 'T' => text.push('\t'),
            'b' | 'B' => text.push('\u{8}'),
            'f' | 'F' => text.push('\u{c}'),
            '"' | '\'' | '\\' => text.push(char),
            // Kept for LIKE, which alone gives them a meaning.
            '%' | '_' => text.extend(['\\', char]),
            'u' | 'U' => {
                let digits: String = (0..4).filter_map(|ahead| self.ahead(ahead)).collect();
                let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
                let decoded = code.and_then(char::from_u32).ok_or_else(|| bad_escape(char))?;
                text.push(decoded);
                self.place += 4;
            }
            other => return Err(bad_escape(other)),
        }
        Ok(())
    }
}

fn is_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_' || !char.is_ascii()
}

fn unexpected(token: &str) -> Fault {
    Fault::malformed_query(format!("unexpected token: '{token}'"))
}

fn bad_escape(char: char) -> Fault {
    Fault::malformed_query(format!("Illegal string literal: Invalid string literal escape '\\{char}'"))
}
