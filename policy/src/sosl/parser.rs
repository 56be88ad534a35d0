//! From text to a search, on SOQL's parser (reference, section 15.5).

use std::mem::discriminant;

use super::ast::{MatchScope, Returning, Search, Switch, With};
use crate::soql::ast::Expression;
use crate::soql::keyword::{Function, Keyword};
use crate::soql::lexer::{Kind, Span};
use crate::soql::parser::{Parse, Parser};

impl Parser<'_> {
    /// A whole search.
    pub(crate) fn search(&mut self) -> Parse<Search> {
        if !self.at_word("FIND") {
            return self.fault("FIND");
        }
        let term = self.take_and_term()?;
        let scope = self.match_scope()?;
        self.expect_word("RETURNING", "RETURNING: without it the answer is of every object")?;
        let returning = self.list(Self::returning)?;
        let mut with: Vec<With> = Vec::new();
        while self.at_key(Keyword::With) {
            let at = self.next_token().span;
            self.take();
            let clause = self.search_with()?;
            if with.iter().any(|known| discriminant(known) == discriminant(&clause)) {
                return self.fault_at(at, "each WITH clause once");
            }
            with.push(clause);
        }
        let limit = self.limit()?;
        let track = self.track()?;
        self.end()?;
        Some(Search { term, scope, returning, with, limit, track })
    }

    fn match_scope(&mut self) -> Parse<Option<MatchScope>> {
        if !self.eat_key(Keyword::In) {
            return Some(None);
        }
        let Some(scope) = MatchScope::find(self.text_of(self.next_token().span)) else {
            return self.fault("ALL, NAME, EMAIL, PHONE or SIDEBAR");
        };
        self.take();
        self.expect_word("FIELDS", "FIELDS")?;
        Some(Some(scope))
    }

    fn returning(&mut self) -> Parse<Returning> {
        let object = self.name("an object")?;
        let mut returning = Returning {
            scope: self.scope(),
            object,
            fields: Vec::new(),
            condition: None,
            list_view: None,
            order: Vec::new(),
            limit: None,
            offset: None,
        };
        if self.at(Kind::Open) {
            self.nested(|parser| parser.returned(&mut returning))?;
        }
        Some(returning)
    }

    fn returned(&mut self, returning: &mut Returning) -> Parse<()> {
        returning.fields = self.list(Self::returned_field)?;
        returning.condition = self.where_clause()?;
        if self.eat_key(Keyword::Using) {
            self.expect_word("ListView", "ListView")?;
            self.equals("`=`")?;
            returning.list_view = Some(self.name("the name of a list view")?);
        }
        returning.order = self.order_by()?;
        returning.limit = self.limit()?;
        returning.offset = self.offset()?;
        Some(())
    }

    /// A field, or what a search may make of one.
    fn returned_field(&mut self) -> Parse<(Expression, Option<Span>)> {
        let at = self.next_token().span;
        let expression = self.expression()?;
        let usable = |function: Function| {
            matches!(function, Function::ToLabel | Function::ConvertCurrency | Function::Format)
        };
        let usable = match &expression {
            Expression::Path(_) => return Some((expression, None)),
            Expression::Distance(_) => true,
            Expression::Call(function, _) => usable(*function),
            Expression::Nested(outer, inner, _) => usable(*outer) && usable(*inner),
        };
        if !usable {
            return self.fault_at(at, "a field, or toLabel, convertCurrency, FORMAT or DISTANCE of one");
        }
        Some((expression, self.alias()?))
    }

    fn search_with(&mut self) -> Parse<With> {
        if let Some(mode) = self.search_mode()? {
            return Some(With::Mode(mode));
        }
        let name = self.name("what the search is WITH")?;
        let word = self.text_of(name);
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        if is("DATA") {
            self.expect_word("CATEGORY", "CATEGORY")?;
            return Some(With::DataCategory(self.categories()?));
        }
        if is("HIGHLIGHT") {
            return Some(With::Highlight);
        }
        if is("SNIPPET") {
            return self.snippet().map(With::Snippet);
        }
        if is("NETWORK") && self.eat_key(Keyword::In) {
            return Some(With::Network(self.nested(|parser| parser.list(Self::string))?));
        }
        self.equals("`=`")?;
        match () {
            () if is("NETWORK") => Some(With::Network(vec![self.string()?])),
            () if is("DIVISION") => self.string().map(With::Division),
            () if is("PricebookId") => self.string().map(With::PricebookId),
            () if is("METADATA") => self.string().map(With::Metadata),
            () if is("SPELL_CORRECTION") => self.switch().map(With::SpellCorrection),
            () => self.fault_at(name, "a WITH clause of searches"),
        }
    }

    fn search_mode(&mut self) -> Parse<Option<crate::soql::ast::Mode>> {
        if self.at_word("SECURITY_ENFORCED") {
            return self.fault("USER_MODE or SYSTEM_MODE");
        }
        self.mode()
    }

    fn snippet(&mut self) -> Parse<Option<u32>> {
        if !self.at(Kind::Open) {
            return Some(None);
        }
        self.nested(|parser| {
            parser.expect_word("target_length", "target_length")?;
            parser.equals("`=`")?;
            parser.whole_number(MAX_SNIPPET).map(Some)
        })
    }

    fn switch(&mut self) -> Parse<Switch> {
        if self.eat_key(Keyword::True) {
            return Some(Switch::On);
        }
        if self.eat_key(Keyword::False) { Some(Switch::Off) } else { self.fault("TRUE or FALSE") }
    }

    fn string(&mut self) -> Parse<Span> {
        self.expect(Kind::Text, "a string")
    }
}

const MAX_SNIPPET: u32 = 1_000;
