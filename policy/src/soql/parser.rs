//! From tokens to the syntax tree, by recursive descent with at most one token of look-ahead past the next.
//!
//! The grammar is section 15.2 of the reference. `parser/select.rs` reads queries, `parser/predicate.rs` conditions,
//! `parser/clauses.rs` what stands between; this file holds what they share. SOSL's parser is built on the same.

mod clauses;
mod predicate;
mod select;

use super::ast::{Distance, Expression, Geo, ScopeId};
use super::keyword::{Function, Keyword};
use super::lexer::{Fault, Kind, Lexer, Path, Span, Token};

/// What a parsing step gives: `None` when reading stopped. Why is kept in one place ([`Parser::stopped`]), so that steps
/// stay small on the way back.
pub(crate) type Parse<T> = Option<T>;

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
    pub(crate) fn new(text: &'a str, semi_joins: SemiJoins) -> Self {
        let mut lexer = Lexer::new(text);
        let next = lexer.next();
        Self { text, lexer, next, depth: 0, scopes: 0, subqueries: 0, semi_joins }
    }

    /// Takes the next token, and gives where it stands. Its kind is not copied: all of it would be read as one, right
    /// after it was written one by one, for which the processor has to wait.
    #[inline]
    pub(crate) fn take(&mut self) -> Path {
        let taken = self.next.path();
        self.lexer.advance(&mut self.next);
        taken
    }

    /// The search term of SOSL, which comes right after the token `FIND` that is still the next one.
    pub(crate) fn take_and_term(&mut self) -> Parse<Span> {
        self.next = self.lexer.term();
        self.expect(Kind::Term, "the search text in braces: `{text}`")
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

    pub(crate) fn eat(&mut self, kind: Kind) -> bool {
        let found = self.at(kind);
        if found {
            self.take();
        }
        found
    }

    pub(crate) fn eat_key(&mut self, keyword: Keyword) -> bool {
        self.eat(Kind::Key(keyword))
    }

    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.take();
        }
        found
    }

    pub(crate) fn expect(&mut self, kind: Kind, expected: &'static str) -> Parse<Span> {
        if self.at(kind) { Some(self.take().span) } else { self.fault(expected) }
    }

    pub(crate) fn expect_word(&mut self, word: &str, expected: &'static str) -> Parse<()> {
        if self.eat_word(word) { Some(()) } else { self.fault(expected) }
    }

    /// Why reading stopped.
    pub(crate) fn stopped(&self) -> Fault {
        self.lexer.fault().unwrap_or(Fault { at: 0, expected: "a text that can be read" })
    }

    pub(crate) fn end(&mut self) -> Parse<()> {
        if self.at(Kind::End) { Some(()) } else { self.fault("the end, or a clause in its order") }
    }

    /// The next token, not taken.
    pub(crate) fn next_token(&self) -> &Token {
        &self.next
    }

    /// Stops at a token that was met before.
    pub(crate) fn fault_at<T>(&mut self, span: Span, expected: &'static str) -> Parse<T> {
        self.lexer.stop_at(span.start(), expected)
    }

    /// Stops at the next token.
    pub(crate) fn fault<T>(&mut self, expected: &'static str) -> Parse<T> {
        self.fault_at(self.next.span, expected)
    }

    pub(crate) fn text_of(&self, span: Span) -> &'a str {
        span.of(self.text)
    }

    /// The token after the next.
    pub(crate) fn ahead(&self) -> Kind {
        let mut lexer = self.lexer;
        lexer.next().kind
    }

    /// Items with commas between: at least one.
    pub(crate) fn list<T>(&mut self, mut item: impl FnMut(&mut Self) -> Parse<T>) -> Parse<Vec<T>> {
        let mut items = Vec::with_capacity(USUAL_ITEMS);
        items.push(item(self)?);
        while self.eat(Kind::Comma) {
            items.push(item(self)?);
        }
        Some(items)
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
        Some(value)
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
            Kind::Word => Some(self.take().span),
            Kind::Key(keyword) if keyword.may_be_name() => Some(self.take().span),
            _ => self.fault(expected),
        }
    }

    /// A name, or names joined by dots.
    pub(crate) fn path(&mut self, expected: &'static str) -> Parse<Path> {
        match self.next.kind {
            Kind::Word | Kind::Path => Some(self.take()),
            Kind::Key(keyword) if keyword.may_be_name() => Some(self.take()),
            _ => self.fault(expected),
        }
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
        Some(if alias { Some(self.take().span) } else { None })
    }

    /// A field, a function of one, or a distance.
    pub(crate) fn expression(&mut self) -> Parse<Expression> {
        let path = self.path("a field or a function")?;
        if self.at(Kind::Open) { self.call(path.span) } else { Some(Expression::Path(path)) }
    }

    /// The rest of `name(..)`, whose name was taken.
    pub(crate) fn call(&mut self, name: Span) -> Parse<Expression> {
        if self.text_of(name).eq_ignore_ascii_case("DISTANCE") {
            return Some(Expression::Distance(Box::new(self.distance()?)));
        }
        let outer = self.function(name)?;
        self.nested(|parser| {
            let inner = parser.path("a field")?;
            if !parser.at(Kind::Open) {
                return Some(Expression::Call(outer, inner));
            }
            let function = parser.function(inner.span)?;
            let path = parser.nested(|parser| parser.path("a field"))?;
            Some(Expression::Nested(outer, function, path))
        })
    }

    fn function(&mut self, name: Span) -> Parse<Function> {
        match Function::find(self.text_of(name)) {
            Some(function) => Some(function),
            None => self.fault_at(name, "a function of SOQL before `(`"),
        }
    }

    fn distance(&mut self) -> Parse<Distance> {
        self.nested(|parser| {
            let from = parser.path("a location field")?;
            parser.expect(Kind::Comma, "`,`")?;
            let to = parser.geo()?;
            parser.expect(Kind::Comma, "`,`")?;
            let unit = parser.expect(Kind::Text, "a unit: `'km'` or `'mi'`")?;
            Some(Distance { from, to, unit })
        })
    }

    fn geo(&mut self) -> Parse<Geo> {
        let path = self.path("a location field or GEOLOCATION(..)")?;
        if !self.at(Kind::Open) {
            return Some(Geo::Path(path));
        }
        if !self.text_of(path.span).eq_ignore_ascii_case("GEOLOCATION") {
            return self.fault_at(path.span, "GEOLOCATION before `(`");
        }
        self.nested(|parser| {
            let latitude = parser.number()?;
            parser.expect(Kind::Comma, "`,`")?;
            Some(Geo::Point(latitude, parser.number()?))
        })
    }

    fn number(&mut self) -> Parse<Span> {
        match self.next.kind {
            Kind::Integer | Kind::Number => Some(self.take().span),
            _ => self.fault("a number"),
        }
    }
}

const MAX_DEPTH: u8 = 32;
/// What most lists have room in; one allocation costs the same for few items as for these.
const USUAL_ITEMS: usize = 32;
