//! Text to syntax tree.

use super::invalid;
use super::syntax::{Document, Field, Operation, Selection, Value};
use crate::fault::Outcome;
use serde_json::{Number, Value as Json};

/// Parses a document.
pub(super) fn parse(text: &str) -> Outcome<Document> {
    let mut parser = Parser { tokens: tokens(text)?, place: 0, depth: 0 };
    let mut document = Document::default();
    while parser.place < parser.tokens.len() {
        match parser.peek() {
            Some(Token::Name(name)) if name == "fragment" => {
                parser.place += 1;
                let name = parser.name()?;
                parser.keyword("on")?;
                parser.name()?;
                parser.directives()?;
                let selection = parser.selection()?;
                document.fragments.push((name, selection));
            }
            _ => {
                let operation = parser.operation()?;
                document.operations.push(operation);
            }
        }
    }
    Ok(document)
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(String),
    Mark(char),
    Spread,
}

struct Parser {
    tokens: Vec<Token>,
    place: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.place)
    }

    fn next(&mut self) -> Outcome<Token> {
        let token = self.peek().cloned().ok_or_else(|| invalid("the document ends too early"))?;
        self.place += 1;
        Ok(token)
    }

    fn eat(&mut self, mark: char) -> bool {
        let found = self.peek() == Some(&Token::Mark(mark));
        self.place += usize::from(found);
        found
    }

    fn expect(&mut self, mark: char) -> Outcome<()> {
        if self.eat(mark) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn unexpected(&self) -> crate::fault::Fault {
        invalid(format!("Invalid Syntax : offending token {:?}", self.peek()))
    }

    fn name(&mut self) -> Outcome<String> {
        match self.next()? {
            Token::Name(name) => Ok(name),
            other => Err(invalid(format!("Invalid Syntax : offending token {other:?}"))),
        }
    }

    fn keyword(&mut self, wanted: &str) -> Outcome<()> {
        if self.name()? == wanted { Ok(()) } else { Err(self.unexpected()) }
    }

    fn operation(&mut self) -> Outcome<Operation> {
        let mut operation =
            Operation { name: None, is_mutation: false, defaults: Vec::new(), selection: Vec::new() };
        if let Some(Token::Name(kind)) = self.peek() {
            operation.is_mutation = match kind.as_str() {
                "query" => false,
                "mutation" => true,
                _ => return Err(self.unexpected()),
            };
            self.place += 1;
            if matches!(self.peek(), Some(Token::Name(_))) {
                operation.name = Some(self.name()?);
            }
            if self.eat('(') {
                operation.defaults = self.variables()?;
            }
            self.directives()?;
        }
        operation.selection = self.selection()?;
        Ok(operation)
    }

    fn variables(&mut self) -> Outcome<Vec<(String, Option<Value>)>> {
        let mut variables = Vec::new();
        while !self.eat(')') {
            self.expect('$')?;
            let name = self.name()?;
            self.expect(':')?;
            while self.eat('[') {}
            self.name()?;
            while self.eat('!') || self.eat(']') {}
            let default = if self.eat('=') { Some(self.value()?) } else { None };
            self.directives()?;
            variables.push((name, default));
        }
        Ok(variables)
    }

    /// Directives are read past: every branch is taken.
    fn directives(&mut self) -> Outcome<()> {
        while self.eat('@') {
            self.name()?;
            self.arguments()?;
        }
        Ok(())
    }

    fn arguments(&mut self) -> Outcome<Vec<(String, Value)>> {
        let mut arguments = Vec::new();
        if self.eat('(') {
            while !self.eat(')') {
                let name = self.name()?;
                self.expect(':')?;
                arguments.push((name, self.value()?));
            }
        }
        Ok(arguments)
    }

    fn selection(&mut self) -> Outcome<Vec<Selection>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(invalid("the document is nested too deeply"));
        }
        self.expect('{')?;
        let mut selection = Vec::new();
        while !self.eat('}') {
            selection.push(self.entry()?);
        }
        self.depth -= 1;
        Ok(selection)
    }

    fn entry(&mut self) -> Outcome<Selection> {
        if self.peek() == Some(&Token::Spread) {
            self.place += 1;
            return match self.peek() {
                Some(Token::Name(name)) if name != "on" => {
                    let name = self.name()?;
                    self.directives()?;
                    Ok(Selection::Spread(name))
                }
                _ => {
                    let typed = matches!(self.peek(), Some(Token::Name(_)));
                    self.place += usize::from(typed);
                    let on = if typed { Some(self.name()?) } else { None };
                    self.directives()?;
                    Ok(Selection::Inline { on, selection: self.selection()? })
                }
            };
        }
        let first = self.name()?;
        let (alias, name) = if self.eat(':') { (Some(first), self.name()?) } else { (None, first) };
        let arguments = self.arguments()?;
        self.directives()?;
        let nested = self.peek() == Some(&Token::Mark('{'));
        let selection = if nested { self.selection()? } else { Vec::new() };
        Ok(Selection::Field(Field { alias, name, arguments, selection }))
    }

    fn value(&mut self) -> Outcome<Value> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(invalid("the document is nested too deeply"));
        }
        let value = match self.next()? {
            Token::Mark('$') => Value::Variable(self.name()?),
            Token::Mark('[') => {
                let mut values = Vec::new();
                while !self.eat(']') {
                    values.push(self.value()?);
                }
                Value::List(values)
            }
            Token::Mark('{') => {
                let mut fields = Vec::new();
                while !self.eat('}') {
                    let name = self.name()?;
                    self.expect(':')?;
                    fields.push((name, self.value()?));
                }
                Value::Object(fields)
            }
            Token::Text(text) => Value::Plain(Json::String(text)),
            Token::Number(text) => Value::Plain(Json::Number(number(&text)?)),
            Token::Name(name) => Value::Plain(match name.as_str() {
                "true" => Json::Bool(true),
                "false" => Json::Bool(false),
                "null" => Json::Null,
                _ => Json::String(name),
            }),
            other => return Err(invalid(format!("Invalid Syntax : offending token {other:?}"))),
        };
        self.depth -= 1;
        Ok(value)
    }
}

fn number(text: &str) -> Outcome<Number> {
    let whole = text.parse::<i64>().ok().map(Number::from);
    let number = whole.or_else(|| text.parse().ok().and_then(Number::from_f64));
    number.ok_or_else(|| invalid(format!("{text} is not a number")))
}

fn tokens(text: &str) -> Outcome<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = rest.get(first.len_utf8()..).unwrap_or_default();
        if first.is_whitespace() || first == ',' || first == '\u{feff}' {
            rest = after;
        } else if first == '#' {
            rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
        } else if let Some(after) = rest.strip_prefix("...") {
            tokens.push(Token::Spread);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("\"\"\"") {
            let (text, after) = after.split_once("\"\"\"").ok_or_else(|| invalid("a text does not end"))?;
            tokens.push(Token::Text(text.trim().to_owned()));
            rest = after;
        } else if first == '"' {
            let (text, after) = string(after)?;
            tokens.push(Token::Text(text));
            rest = after;
        } else if first.is_ascii_alphabetic() || first == '_' {
            let (word, after) = split(rest, |letter| letter.is_ascii_alphanumeric() || letter == '_');
            tokens.push(Token::Name(word.to_owned()));
            rest = after;
        } else if first.is_ascii_digit() || first == '-' {
            let (word, after) = split(rest, |letter| letter.is_ascii_digit() || "+-.eE".contains(letter));
            tokens.push(Token::Number(word.to_owned()));
            rest = after;
        } else if "{}()[]:!=@$|&".contains(first) {
            tokens.push(Token::Mark(first));
            rest = after;
        } else {
            return Err(invalid(format!("Invalid Syntax : offending token '{first}'")));
        }
    }
    Ok(tokens)
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(|letter: char| !belongs(letter)).unwrap_or(text.len()))
}

/// A text from behind its opening quote, and what follows its closing one. Its escapes are those of JSON.
fn string(text: &str) -> Outcome<(String, &str)> {
    let mut escaped = false;
    for (at, letter) in text.char_indices() {
        if letter == '"' && !escaped {
            let (inside, after) = text.split_at(at);
            let decoded = serde_json::from_str(&format!("\"{inside}\""));
            let decoded = decoded.map_err(|error| invalid(error.to_string()))?;
            return Ok((decoded, after.strip_prefix('"').unwrap_or_default()));
        }
        escaped = letter == '\\' && !escaped;
    }
    Err(invalid("a text does not end"))
}

const MAX_DEPTH: usize = 64;
