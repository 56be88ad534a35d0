//! Conditions: of WHERE, of HAVING, and those that stand alone.

use super::{Parse, Parser, SemiJoins};
use crate::soql::ast::{Expression, Membership, Picks, Predicate, SemiJoin, Value};
use crate::soql::keyword::Keyword;
use crate::soql::lexer::{Kind, Span};

impl Parser<'_> {
    /// `a AND b AND c`, `a OR b`, `NOT a`, or one predicate. `AND` beside `OR` needs parentheses.
    pub(crate) fn condition(&mut self) -> Parse<Predicate> {
        let first = self.operand()?;
        match self.next.kind {
            Kind::Key(Keyword::And) => {
                let parts = self.operands(first, Keyword::And)?;
                if self.at_key(Keyword::Or) { self.mixed() } else { Some(Predicate::And(parts)) }
            }
            Kind::Key(Keyword::Or) => {
                let parts = self.operands(first, Keyword::Or)?;
                if self.at_key(Keyword::And) { self.mixed() } else { Some(Predicate::Or(parts)) }
            }
            _ => Some(first),
        }
    }

    fn operands(&mut self, first: Predicate, joined_by: Keyword) -> Parse<Vec<Predicate>> {
        let mut parts = Vec::with_capacity(USUAL_OPERANDS);
        parts.push(first);
        while self.eat_key(joined_by) {
            parts.push(self.operand()?);
        }
        Some(parts)
    }

    fn mixed<T>(&mut self) -> Parse<T> {
        self.fault("parentheses where AND and OR meet")
    }

    fn operand(&mut self) -> Parse<Predicate> {
        if !self.eat_key(Keyword::Not) {
            return self.plain();
        }
        if self.at_key(Keyword::Not) {
            return self.fault("parentheses between NOT and NOT");
        }
        Some(Predicate::Not(Box::new(self.plain()?)))
    }

    fn plain(&mut self) -> Parse<Predicate> {
        if self.at(Kind::Open) {
            return Some(Predicate::Group(Box::new(self.nested(Self::condition)?)));
        }
        let left = self.expression()?;
        match self.next.kind {
            Kind::Operator(comparison) => {
                self.take();
                Some(Predicate::Compare(left, comparison, self.value()?))
            }
            Kind::Key(Keyword::Like) => {
                self.take();
                Some(Predicate::Like(left, self.pattern()?))
            }
            Kind::Key(Keyword::In) => {
                self.take();
                self.members(left, Membership::In)
            }
            Kind::Key(Keyword::Not) => {
                self.take();
                self.expect(Kind::Key(Keyword::In), "IN after NOT")?;
                self.members(left, Membership::NotIn)
            }
            Kind::Key(Keyword::Includes) => self.picks(left, Picks::Includes),
            Kind::Key(Keyword::Excludes) => self.picks(left, Picks::Excludes),
            _ => self.fault("a comparison"),
        }
    }

    fn pattern(&mut self) -> Parse<Span> {
        match self.next.kind {
            Kind::Text | Kind::Pattern => Some(self.take().span),
            _ => self.fault("a string after LIKE"),
        }
    }

    fn members(&mut self, left: Expression, membership: Membership) -> Parse<Predicate> {
        if self.at(Kind::Open) && self.ahead() == Kind::Key(Keyword::Select) {
            if self.semi_joins == SemiJoins::Refused {
                return self.fault("a list of values: no subquery can stand here");
            }
            let inner = self.nested(Self::semi_join)?;
            return Some(Predicate::SemiJoin(left, membership, Box::new(inner)));
        }
        let values = self.nested(|parser| parser.list(Self::value))?;
        Some(Predicate::In(left, membership, values))
    }

    fn semi_join(&mut self) -> Parse<SemiJoin> {
        self.select_word()?;
        let scope = self.scope();
        let column = self.path("a field")?;
        self.expect(Kind::Key(Keyword::From), "FROM: a semi-join has one column")?;
        let from = self.source("an object")?;
        Some(SemiJoin { scope, column, from, using: self.using()?, condition: self.where_clause()? })
    }

    fn picks(&mut self, left: Expression, picks: Picks) -> Parse<Predicate> {
        let Expression::Path(path) = left else { return self.fault("a comparison of the function's value") };
        self.take();
        let values = self.nested(|parser| {
            parser.list(|parser| parser.expect(Kind::Text, "a string of pick-list values"))
        })?;
        Some(Predicate::Picks(path, picks, values))
    }

    /// A literal.
    pub(crate) fn value(&mut self) -> Parse<Value> {
        match self.next.kind {
            Kind::Text => Some(Value::Text(self.take().span)),
            Kind::Integer | Kind::Number | Kind::Date | Kind::DateTime | Kind::Time => {
                Some(Value::Plain(self.take().span))
            }
            Kind::Key(Keyword::True) => self.constant(Value::True),
            Kind::Key(Keyword::False) => self.constant(Value::False),
            Kind::Key(Keyword::Null) => self.constant(Value::Null),
            Kind::Word => self.currency_or_formula(),
            Kind::Pattern => self.fault("no `\\%` or `\\_` outside LIKE"),
            _ => self.fault("a literal"),
        }
    }

    fn constant(&mut self, value: Value) -> Parse<Value> {
        self.take();
        Some(value)
    }

    fn currency_or_formula(&mut self) -> Parse<Value> {
        let word = self.take().span;
        if let Some(currency) = self.currency(word)? {
            return Some(Value::Plain(currency));
        }
        let name = self.text_of(word);
        let formula = FORMULAS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        match formula {
            None => self.fault_at(word, "a literal: fields are not compared with fields"),
            Some((_, Count::None)) => Some(Value::Formula(word, None)),
            Some((_, Count::Needed)) => {
                self.expect(Kind::Colon, "`:` and a number")?;
                Some(Value::Formula(word, Some(self.expect(Kind::Integer, "a number of periods")?)))
            }
        }
    }

    /// `USD5000`, `EUR10.5`, `USD-3`: three letters and a number, with nothing between.
    fn currency(&mut self, word: Span) -> Parse<Option<Span>> {
        let (code, digits) = self.text_of(word).split_at_checked(3).unwrap_or_default();
        let code = code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        if !code || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(None);
        }
        let adjacent =
            matches!(self.next.kind, Kind::Integer | Kind::Number) && self.next.span.start() == word.end();
        if !adjacent {
            return Some(Some(word).filter(|_| !digits.is_empty()));
        }
        if !digits.is_empty() && !self.text_of(self.next.span).starts_with('.') {
            return self.fault("a space or a sign after the literal");
        }
        let number = self.take().span;
        Some(Some(Span::new(word.start(), number.end())))
    }
}

const USUAL_OPERANDS: usize = 4;

/// Whether a date formula has a number of periods.
#[derive(Clone, Copy)]
enum Count {
    None,
    Needed,
}

use Count::{Needed, None as Bare};

/// Reference, section 15.2.
const FORMULAS: &[(&str, Count)] = &[
    ("YESTERDAY", Bare),
    ("TODAY", Bare),
    ("TOMORROW", Bare),
    ("LAST_WEEK", Bare),
    ("THIS_WEEK", Bare),
    ("NEXT_WEEK", Bare),
    ("LAST_MONTH", Bare),
    ("THIS_MONTH", Bare),
    ("NEXT_MONTH", Bare),
    ("LAST_QUARTER", Bare),
    ("THIS_QUARTER", Bare),
    ("NEXT_QUARTER", Bare),
    ("LAST_YEAR", Bare),
    ("THIS_YEAR", Bare),
    ("NEXT_YEAR", Bare),
    ("LAST_FISCAL_QUARTER", Bare),
    ("THIS_FISCAL_QUARTER", Bare),
    ("NEXT_FISCAL_QUARTER", Bare),
    ("LAST_FISCAL_YEAR", Bare),
    ("THIS_FISCAL_YEAR", Bare),
    ("NEXT_FISCAL_YEAR", Bare),
    ("LAST_90_DAYS", Bare),
    ("NEXT_90_DAYS", Bare),
    ("LAST_N_DAYS", Needed),
    ("NEXT_N_DAYS", Needed),
    ("N_DAYS_AGO", Needed),
    ("LAST_N_WEEKS", Needed),
    ("NEXT_N_WEEKS", Needed),
    ("N_WEEKS_AGO", Needed),
    ("LAST_N_MONTHS", Needed),
    ("NEXT_N_MONTHS", Needed),
    ("N_MONTHS_AGO", Needed),
    ("LAST_N_QUARTERS", Needed),
    ("NEXT_N_QUARTERS", Needed),
    ("N_QUARTERS_AGO", Needed),
    ("LAST_N_YEARS", Needed),
    ("NEXT_N_YEARS", Needed),
    ("N_YEARS_AGO", Needed),
    ("LAST_N_FISCAL_QUARTERS", Needed),
    ("NEXT_N_FISCAL_QUARTERS", Needed),
    ("N_FISCAL_QUARTERS_AGO", Needed),
    ("LAST_N_FISCAL_YEARS", Needed),
    ("NEXT_N_FISCAL_YEARS", Needed),
    ("N_FISCAL_YEARS_AGO", Needed),
];
