//! From tokens to the syntax tree, by recursive descent with at most one token of look-ahead past the next.
//!
//! The grammar is section 15.2 of the reference. `parser/select.rs` reads queries, `parser/predicate.rs` conditions,
//! `parser/clauses.rs` what stands between; this file holds what they share. SOSL's parser is built on the same.

mod clauses;
mod predicate;
mod select;

use super::ast::{Distance, Expression, Geo, ScopeId};
use super::keyword::{Function, Keyword};
use super::lexer::{Fault, Kind, Lexer, Span, Token};

/// What a parsing step gives.
pub(crate) type Parse<T> = Result<T, Fault>;

/// Reads one text.
pub(crate) struct Parser<'a> {
    text: &'a str,
    lexer: Lexer<'a>,
    /// The token that comes next.
    next: Token,
    depth: u8,
    scopes: u16,
    subqueries: u8,
    semi_joins: SemiJoins,
}

/// Whether conditions may ask other objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SemiJoins {
    Allowed,
    Refused,
}

// === impl Parser ===

impl<'a> Parser<'a> {
    pub(crate) fn new(text: &'a str, semi_joins: SemiJoins) -> Parse<Self> {
        let mut lexer = Lexer::new(text);
        let next = lexer.next()?;
        Ok(Self { text, lexer, next, depth: 0, scopes: 0, subqueries: 0, semi_joins })
    }

    /// The next token, taken.
    pub(crate) fn take(&mut self) -> Parse<Token> {
        let taken = self.next;
        self.next = self.lexer.next()?;
        Ok(taken)
    }

    /// The search term of SOSL, which comes right after the token `FIND` that is still the next one.
    pub(crate) fn take_and_term(&mut self) -> Parse<Span> {
        let term = self.lexer.term()?;
        self.next = self.lexer.next()?;
        Ok(term.span)
    }

    pub(crate) fn at(&self, kind: Kind) -> bool {
        self.next.kind == kind
    }

    pub(crate) fn at_key(&self, keyword: Keyword) -> bool {
        self.next.kind == Kind::Key(keyword)
    }

    /// Whether the next token is this word, which is no keyword anywhere else.
    pub(crate) fn at_word(&self, word: &str) -> bool {
        self.next.kind == Kind::Word && self.text_of(self.next.span).eq_ignore_ascii_case(word)
    }

    pub(crate) fn eat(&mut self, kind: Kind) -> Parse<bool> {
        let found = self.at(kind);
        if found {
            self.take()?;
        }
        Ok(found)
    }

    pub(crate) fn eat_key(&mut self, keyword: Keyword) -> Parse<bool> {
        self.eat(Kind::Key(keyword))
    }

    pub(crate) fn eat_word(&mut self, word: &str) -> Parse<bool> {
        let found = self.at_word(word);
        if found {
            self.take()?;
        }
        Ok(found)
    }

    pub(crate) fn expect(&mut self, kind: Kind, expected: &'static str) -> Parse<Span> {
        if self.at(kind) { Ok(self.take()?.span) } else { self.fault(expected) }
    }

    pub(crate) fn expect_word(&mut self, word: &str, expected: &'static str) -> Parse<()> {
        if self.eat_word(word)? { Ok(()) } else { self.fault(expected) }
    }

    pub(crate) fn end(&self) -> Parse<()> {
        if self.at(Kind::End) { Ok(()) } else { self.fault("the end, or a clause in its order") }
    }

    /// Stops at the next token.
    pub(crate) fn fault<T>(&self, expected: &'static str) -> Parse<T> {
        Err(Fault { at: self.next.span.start, expected })
    }

    pub(crate) fn text_of(&self, span: Span) -> &'a str {
        span.of(self.text)
    }

    /// The token after the next. What cannot be read is the end: the step that takes it says why.
    pub(crate) fn ahead(&self) -> Kind {
        let mut lexer = self.lexer;
        lexer.next().map_or(Kind::End, |token| token.kind)
    }

    /// Items with commas between: at least one.
    pub(crate) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parse<T>) -> Parse<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.eat(Kind::Comma)? {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// What stands between parentheses; the opening one is the next token.
    pub(crate) fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parse<T>) -> Parse<T> {
        if self.depth >= MAX_DEPTH {
            return self.fault("at most 32 levels of parentheses");
        }
        self.expect(Kind::Open, "`(`")?;
        self.depth += 1;
        let value = inner(self)?;
        self.depth -= 1;
        self.expect(Kind::Close, "`)`")?;
        Ok(value)
    }

    pub(crate) fn scope(&mut self) -> ScopeId {
        // INVARIANT: a scope takes several of the 20,000 tokens, so the count does not overflow.
        let scope = ScopeId(self.scopes);
        self.scopes = self.scopes.saturating_add(1);
        scope
    }

    /// A name of one part.
    pub(crate) fn name(&mut self, expected: &'static str) -> Parse<Span> {
        match self.next.kind {
            Kind::Word => Ok(self.take()?.span),
            Kind::Key(keyword) if keyword.may_be_name() => Ok(self.take()?.span),
            _ => self.fault(expected),
        }
    }

    /// A name, or names joined by dots.
    pub(crate) fn path(&mut self, expected: &'static str) -> Parse<Span> {
        if self.at(Kind::Path) { Ok(self.take()?.span) } else { self.name(expected) }
    }

    /// An alias, if there is one. Where a clause could start, it does.
    pub(crate) fn alias(&mut self) -> Parse<Option<Span>> {
        let alias = match self.next.kind {
            Kind::Word => true,
            Kind::Key(Keyword::Order) => self.ahead() != Kind::Key(Keyword::By),
            Kind::Key(Keyword::Offset) => !matches!(self.ahead(), Kind::Integer | Kind::Number),
            Kind::Key(keyword) => keyword.may_be_alias(),
            _ => false,
        };
        Ok(if alias { Some(self.take()?.span) } else { None })
    }

    /// A field, a function of one, or a distance.
    pub(crate) fn expression(&mut self) -> Parse<Expression> {
        let path = self.path("a field or a function")?;
        if self.at(Kind::Open) { self.call(path) } else { Ok(Expression::Path(path)) }
    }

    /// The rest of `name(..)`, whose name was taken.
    pub(crate) fn call(&mut self, name: Span) -> Parse<Expression> {
        if self.text_of(name).eq_ignore_ascii_case("DISTANCE") {
            return Ok(Expression::Distance(Box::new(self.distance()?)));
        }
        let outer = self.function(name)?;
        self.nested(|parser| {
            let inner = parser.path("a field")?;
            if !parser.at(Kind::Open) {
                return Ok(Expression::Call(outer, inner));
            }
            let function = parser.function(inner)?;
            let path = parser.nested(|parser| parser.path("a field"))?;
            Ok(Expression::Nested(outer, function, path))
        })
    }

    fn function(&self, name: Span) -> Parse<Function> {
        let expected = "a function of SOQL before `(`";
        Function::find(self.text_of(name)).ok_or(Fault { at: name.start, expected })
    }

    fn distance(&mut self) -> Parse<Distance> {
        self.nested(|parser| {
            let from = parser.path("a location field")?;
            parser.expect(Kind::Comma, "`,`")?;
            let to = parser.geo()?;
            parser.expect(Kind::Comma, "`,`")?;
            let unit = parser.expect(Kind::Text, "a unit: `'km'` or `'mi'`")?;
            Ok(Distance { from, to, unit })
        })
    }

    fn geo(&mut self) -> Parse<Geo> {
        let path = self.path("a location field or GEOLOCATION(..)")?;
        if !self.at(Kind::Open) {
            return Ok(Geo::Path(path));
        }
        if !self.text_of(path).eq_ignore_ascii_case("GEOLOCATION") {
            return Err(Fault { at: path.start, expected: "GEOLOCATION before `(`" });
        }
        self.nested(|parser| {
            let latitude = parser.number()?;
            parser.expect(Kind::Comma, "`,`")?;
            Ok(Geo::Point(latitude, parser.number()?))
        })
    }

    fn number(&mut self) -> Parse<Span> {
        match self.next.kind {
            Kind::Integer | Kind::Number => Ok(self.take()?.span),
            _ => self.fault("a number"),
        }
    }
}

const MAX_DEPTH: u8 = 32;
