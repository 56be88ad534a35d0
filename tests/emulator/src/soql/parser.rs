//! Tokens to syntax tree, by recursive descent. Clause order is fixed, as in the org.

use super::ast::{Arg, Condition, Expr, Item, Literal, Order, Query, Source};
use super::lexer::{Lexeme, Token, tokens};
use crate::fault::{Fault, Outcome};

mod conditions;
mod literals;

/// Parses a whole query.
pub(crate) fn parse(text: &str) -> Outcome<Query> {
    whole(text, Parser::query)
}

/// Parses what may stand after WHERE.
pub(crate) fn parse_condition(text: &str) -> Outcome<Condition> {
    whole(text, Parser::condition)
}

/// Parses what may stand after ORDER BY.
pub(crate) fn parse_order(text: &str) -> Outcome<Vec<Order>> {
    whole(text, Parser::order_list)
}

/// Parses what may stand between SELECT and FROM.
pub(crate) fn parse_fields(text: &str) -> Outcome<Vec<Item>> {
    whole(text, |parser| {
        let mut items = vec![parser.item()?];
        while parser.eat(',') {
            items.push(parser.item()?);
        }
        Ok(items)
    })
}

/// Walks over the tokens.
pub(crate) struct Parser {
    tokens: Vec<Token>,
    place: usize,
    depth: usize,
}

fn whole<T>(text: &str, rule: impl Fn(&mut Parser) -> Outcome<T>) -> Outcome<T> {
    if text.len() > MAX_TEXT {
        return Err(Fault::malformed_query("SOQL statements cannot be longer than 100000 characters"));
    }
    let mut parser = Parser { tokens: tokens(text)?, place: 0, depth: 0 };
    let parsed = rule(&mut parser)?;
    match parser.tokens.get(parser.place) {
        None => Ok(parsed),
        Some(_) => Err(parser.unexpected()),
    }
}

// === impl Parser ===

impl Parser {
    fn peek(&self) -> Option<&Lexeme> {
        self.tokens.get(self.place).map(|token| &token.kind)
    }

    fn peek_word(&self, ahead: usize) -> Option<&str> {
        match self.tokens.get(self.place + ahead).map(|token| &token.kind) {
            Some(Lexeme::Word(word)) => Some(word),
            _ => None,
        }
    }

    fn is_symbol(&self, ahead: usize, symbol: char) -> bool {
        self.tokens.get(self.place + ahead).is_some_and(|token| token.kind == Lexeme::Symbol(symbol))
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        self.peek_word(0).is_some_and(|word| word.eq_ignore_ascii_case(keyword))
    }

    fn eat(&mut self, symbol: char) -> bool {
        let found = self.is_symbol(0, symbol);
        self.place += usize::from(found);
        found
    }

    fn eat_keyword(&mut self, keyword: &str) -> bool {
        let found = self.is_keyword(keyword);
        self.place += usize::from(found);
        found
    }

    fn eat_keywords(&mut self, first: &str, second: &str) -> bool {
        let found =
            self.is_keyword(first) && self.peek_word(1).is_some_and(|word| word.eq_ignore_ascii_case(second));
        self.place += 2 * usize::from(found);
        found
    }

    fn expect(&mut self, symbol: char) -> Outcome<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn expect_keyword(&mut self, keyword: &str) -> Outcome<()> {
        if self.eat_keyword(keyword) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn word(&mut self) -> Outcome<String> {
        let word = self.peek_word(0).map(str::to_owned).ok_or_else(|| self.unexpected())?;
        self.place += 1;
        Ok(word)
    }

    fn number(&mut self) -> Outcome<u64> {
        let number = match self.peek() {
            Some(Lexeme::Number(text)) => text.parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.unexpected())?;
        self.place += 1;
        Ok(number)
    }

    fn unexpected(&self) -> Fault {
        match self.tokens.get(self.place) {
            Some(token) => {
                Fault::malformed_query(format!("unexpected token at position {}: {:?}", token.at, token.kind))
            }
            None => Fault::malformed_query("unexpected end of query"),
        }
    }

    fn nested<T>(&mut self, rule: impl FnOnce(&mut Self) -> Outcome<T>) -> Outcome<T> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Fault::bad("QUERY_TOO_COMPLICATED", "the query is nested too deeply"));
        }
        let parsed = rule(self);
        self.depth -= 1;
        parsed
    }

    fn query(&mut self) -> Outcome<Query> {
        self.nested(|parser| {
            parser.expect_keyword("SELECT")?;
            let mut query = Query { select: vec![parser.item()?], ..Query::default() };
            while parser.eat(',') {
                query.select.push(parser.item()?);
            }
            parser.expect_keyword("FROM")?;
            query.from.push(parser.source()?);
            while parser.eat(',') {
                query.from.push(parser.source()?);
            }
            parser.clauses(&mut query)?;
            Ok(query)
        })
    }

    fn clauses(&mut self, query: &mut Query) -> Outcome<()> {
        if self.eat_keywords("USING", "SCOPE") {
            query.scope = Some(self.word()?);
        }
        if self.eat_keyword("WHERE") {
            query.filter = Some(self.condition()?);
        }
        while self.eat_keyword("WITH") {
            self.with()?;
        }
        if self.eat_keywords("GROUP", "BY") {
            query.group.push(self.expr()?);
            while self.eat(',') {
                query.group.push(self.expr()?);
            }
            if self.eat_keyword("HAVING") {
                query.having = Some(self.condition()?);
            }
        }
        if self.eat_keywords("ORDER", "BY") {
            query.order = self.order_list()?;
        }
        if self.eat_keyword("LIMIT") {
            query.limit = Some(self.number()?);
        }
        if self.eat_keyword("OFFSET") {
            query.offset = self.number()?;
        }
        if self.eat_keyword("FOR") {
            if !self.eat_keyword("VIEW") && !self.eat_keyword("REFERENCE") {
                return Err(self.unexpected());
            }
            query.marks = true;
        }
        if self.eat_keyword("UPDATE") {
            self.word()?;
            while self.eat(',') {
                self.word()?;
            }
            query.marks = true;
        }
        Ok(())
    }

    /// `WITH` changes which rows a user may see; the user of the emulator sees all of them.
    fn with(&mut self) -> Outcome<()> {
        if ["SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"].into_iter().any(|mode| self.eat_keyword(mode)) {
            return Ok(());
        }
        if self.eat_keywords("DATA", "CATEGORY") {
            loop {
                self.word()?;
                self.word()?;
                if self.eat('(') {
                    self.paths()?;
                    self.expect(')')?;
                } else {
                    self.word()?;
                }
                if !self.eat_keyword("AND") {
                    return Ok(());
                }
            }
        }
        self.word()?;
        match self.peek() {
            Some(Lexeme::Operator("=")) => {
                self.place += 1;
                self.literal().map(|_| ())
            }
            _ => Err(self.unexpected()),
        }
    }

    fn source(&mut self) -> Outcome<Source> {
        let path = self.path()?;
        self.eat_keyword("AS");
        let alias = match self.peek_word(0) {
            Some(word) if !AFTER_FROM.iter().any(|end| end.eq_ignore_ascii_case(word)) => Some(self.word()?),
            Some(word) if self.is_alias_anyway(word) => Some(self.word()?),
            _ => None,
        };
        Ok(Source { path, alias })
    }

    /// GROUP and ORDER end the FROM list only when BY follows.
    fn is_alias_anyway(&self, word: &str) -> bool {
        ["GROUP", "ORDER"].iter().any(|head| head.eq_ignore_ascii_case(word))
            && !self.peek_word(1).is_some_and(|next| next.eq_ignore_ascii_case("BY"))
    }

    fn path(&mut self) -> Outcome<Vec<String>> {
        let mut path = vec![self.word()?];
        while self.eat('.') {
            path.push(self.word()?);
        }
        Ok(path)
    }

    fn item(&mut self) -> Outcome<Item> {
        if self.is_symbol(0, '(') {
            self.place += 1;
            let query = self.query()?;
            self.expect(')')?;
            return Ok(Item::Children { query: Box::new(query) });
        }
        let is_typeof = self.is_keyword("TYPEOF")
            && self.peek_word(1).is_some_and(|word| !word.eq_ignore_ascii_case("FROM"));
        if is_typeof {
            return self.type_of();
        }
        let expr = self.expr()?;
        let alias = match self.peek_word(0) {
            Some(word) if !word.eq_ignore_ascii_case("FROM") => Some(self.word()?),
            _ => None,
        };
        Ok(Item::Expr { expr, alias })
    }

    fn type_of(&mut self) -> Outcome<Item> {
        self.place += 1;
        let path = self.path()?;
        let mut when = Vec::new();
        while self.eat_keyword("WHEN") {
            let target = self.word()?;
            self.expect_keyword("THEN")?;
            when.push((target, self.paths()?));
        }
        let otherwise = if self.eat_keyword("ELSE") { self.paths()? } else { Vec::new() };
        self.expect_keyword("END")?;
        if when.is_empty() {
            return Err(Fault::malformed_query("TYPEOF needs at least one WHEN"));
        }
        Ok(Item::TypeOf { path, when, otherwise })
    }

    fn paths(&mut self) -> Outcome<Vec<Vec<String>>> {
        let mut paths = vec![self.path()?];
        while self.eat(',') {
            paths.push(self.path()?);
        }
        Ok(paths)
    }

    fn expr(&mut self) -> Outcome<Expr> {
        self.nested(|parser| {
            let path = parser.path()?;
            let name = match path.as_slice() {
                [name] if parser.is_symbol(0, '(') => name.clone(),
                _ => return Ok(Expr::Path(path)),
            };
            parser.place += 1;
            let mut args = Vec::new();
            while !parser.eat(')') {
                if !args.is_empty() {
                    parser.expect(',')?;
                }
                args.push(parser.arg()?);
            }
            Ok(Expr::Call { name, args })
        })
    }

    fn arg(&mut self) -> Outcome<Arg> {
        match self.peek() {
            Some(Lexeme::Text(_) | Lexeme::Number(_)) => self.literal().map(Arg::Literal),
            _ => self.expr().map(Arg::Expr),
        }
    }

    fn order_list(&mut self) -> Outcome<Vec<Order>> {
        let mut order = vec![self.order()?];
        while self.eat(',') {
            order.push(self.order()?);
        }
        Ok(order)
    }

    fn order(&mut self) -> Outcome<Order> {
        let expr = self.expr()?;
        let descending = self.eat_keyword("DESC");
        if !descending {
            self.eat_keyword("ASC");
        }
        let nulls_last = if self.eat_keyword("NULLS") {
            let last = self.eat_keyword("LAST");
            if !last {
                self.expect_keyword("FIRST")?;
            }
            last
        } else {
            descending
        };
        Ok(Order { expr, descending, nulls_last })
    }

    fn literal(&mut self) -> Outcome<Literal> {
        literals::literal(self)
    }

    fn condition(&mut self) -> Outcome<Condition> {
        self.nested(conditions::condition)
    }
}

const MAX_TEXT: usize = 100_000;
const MAX_DEPTH: usize = 64;
const AFTER_FROM: [&str; 13] = [
    "WHERE", "USING", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR", "UPDATE", "AND", "OR",
    "NOT",
];
