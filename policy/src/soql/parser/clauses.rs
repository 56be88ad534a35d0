//! The clauses between WHERE and the end, in their one order.

use super::{Parse, Parser};
use crate::soql::ast::{
    Category, Direction, Expression, GroupKind, Grouping, Mode, Nulls, Order, Predicate, Purpose, Reach,
    Track, Value, With,
};
use crate::soql::keyword::Keyword;
use crate::soql::lexer::{Comparison, Kind, Span};

impl Parser<'_> {
    pub(crate) fn where_clause(&mut self) -> Parse<Option<Predicate>> {
        if self.eat_key(Keyword::Where) { self.condition().map(Some) } else { Some(None) }
    }

    pub(super) fn with(&mut self) -> Parse<Option<With>> {
        if !self.eat_key(Keyword::With) {
            return Some(None);
        }
        if let Some(mode) = self.mode()? {
            return Some(Some(With::Mode(mode)));
        }
        let name = self.name("DATA CATEGORY, a mode or a filter")?;
        if self.text_of(name).eq_ignore_ascii_case("DATA") && self.at_word("CATEGORY") {
            self.take();
            return Some(Some(With::DataCategory(self.categories()?)));
        }
        if self.at(Kind::Open) {
            return Some(Some(With::Context(name, self.nested(|parser| parser.list(Self::setting))?)));
        }
        self.equals("`=` or `(`")?;
        Some(Some(With::Equals(name, self.expect(Kind::Text, "a string")?)))
    }

    fn setting(&mut self) -> Parse<(Span, Value)> {
        let key = self.name("a setting")?;
        self.equals("`=`")?;
        Some((key, self.value()?))
    }

    pub(crate) fn equals(&mut self, expected: &'static str) -> Parse<()> {
        self.expect(Kind::Operator(Comparison::Equal), expected).map(|_| ())
    }

    /// `SECURITY_ENFORCED`, `USER_MODE` or `SYSTEM_MODE`, if one is next.
    pub(crate) fn mode(&mut self) -> Parse<Option<Mode>> {
        for (word, mode) in [
            ("SECURITY_ENFORCED", Mode::SecurityEnforced),
            ("USER_MODE", Mode::User),
            ("SYSTEM_MODE", Mode::System),
        ] {
            if self.eat_word(word) {
                return Some(Some(mode));
            }
        }
        Some(None)
    }

    /// What follows `DATA CATEGORY`.
    pub(crate) fn categories(&mut self) -> Parse<Vec<Category>> {
        let mut categories = vec![self.category()?];
        while self.eat_key(Keyword::And) {
            categories.push(self.category()?);
        }
        Some(categories)
    }

    fn category(&mut self) -> Parse<Category> {
        let group = self.name("a category group")?;
        let reach = self.reach()?;
        let names = if self.at(Kind::Open) {
            self.nested(|parser| parser.list(|parser| parser.name("a category")))?
        } else {
            vec![self.name("a category")?]
        };
        Some(Category { group, reach, names })
    }

    fn reach(&mut self) -> Parse<Reach> {
        for (word, reach) in [
            ("AT", Reach::At),
            ("ABOVE", Reach::Above),
            ("BELOW", Reach::Below),
            ("ABOVE_OR_BELOW", Reach::AboveOrBelow),
        ] {
            if self.eat_word(word) {
                return Some(reach);
            }
        }
        self.fault("AT, ABOVE, BELOW or ABOVE_OR_BELOW")
    }

    pub(super) fn group_by(&mut self) -> Parse<Option<Grouping>> {
        if !self.eat_key(Keyword::Group) {
            return Some(None);
        }
        self.expect(Kind::Key(Keyword::By), "BY after GROUP")?;
        let by_call = self.ahead() == Kind::Open;
        let kind = match () {
            () if by_call && self.eat_word("ROLLUP") => GroupKind::Rollup,
            () if by_call && self.eat_word("CUBE") => GroupKind::Cube,
            () => GroupKind::Plain,
        };
        let by = match kind {
            GroupKind::Plain => self.list(Self::grouped)?,
            GroupKind::Rollup | GroupKind::Cube => self.nested(|parser| parser.list(Self::grouped))?,
        };
        let having = if self.eat_key(Keyword::Having) { Some(self.condition()?) } else { None };
        Some(Some(Grouping { kind, by, having }))
    }

    fn grouped(&mut self) -> Parse<Expression> {
        match self.expression()? {
            Expression::Distance(_) => self.fault("a field: rows cannot be grouped by a distance"),
            other => Some(other),
        }
    }

    pub(crate) fn order_by(&mut self) -> Parse<Vec<Order>> {
        if !self.eat_key(Keyword::Order) {
            return Some(Vec::new());
        }
        self.expect(Kind::Key(Keyword::By), "BY after ORDER")?;
        self.orders()
    }

    /// What follows `ORDER BY`.
    pub(crate) fn orders(&mut self) -> Parse<Vec<Order>> {
        self.list(Self::order)
    }

    fn order(&mut self) -> Parse<Order> {
        let by = self.expression()?;
        let direction = match self.next.kind {
            Kind::Key(Keyword::Asc) => Some(Direction::Ascending),
            Kind::Key(Keyword::Desc) => Some(Direction::Descending),
            _ => None,
        };
        if direction.is_some() {
            self.take();
        }
        let mut nulls = None;
        if self.eat_key(Keyword::Nulls) {
            nulls = Some(match self.next.kind {
                Kind::Key(Keyword::First) => Nulls::First,
                Kind::Key(Keyword::Last) => Nulls::Last,
                _ => return self.fault("FIRST or LAST"),
            });
            self.take();
        }
        Some(Order { by, direction, nulls })
    }

    pub(crate) fn limit(&mut self) -> Parse<Option<u32>> {
        if self.eat_key(Keyword::Limit) { self.whole_number(MAX_LIMIT).map(Some) } else { Some(None) }
    }

    pub(crate) fn offset(&mut self) -> Parse<Option<u32>> {
        if self.eat_key(Keyword::Offset) { self.whole_number(MAX_OFFSET).map(Some) } else { Some(None) }
    }

    /// A whole number without a sign.
    pub(crate) fn whole_number(&mut self, most: u32) -> Parse<u32> {
        let number = if self.at(Kind::Integer) { self.text_of(self.next.span).parse().ok() } else { None };
        match number.filter(|number| *number <= most) {
            Some(number) => {
                self.take();
                Some(number)
            }
            None if most == MAX_OFFSET => self.fault("a whole number of at most 2,000"),
            None => self.fault("a whole number"),
        }
    }

    pub(super) fn purpose(&mut self) -> Parse<Option<Purpose>> {
        if !self.eat_key(Keyword::For) {
            return Some(None);
        }
        if self.eat_word("VIEW") {
            return Some(Some(Purpose::View));
        }
        if self.eat_word("REFERENCE") {
            return Some(Some(Purpose::Reference));
        }
        self.fault("VIEW or REFERENCE (FOR UPDATE exists in Apex only)")
    }

    pub(crate) fn track(&mut self) -> Parse<Track> {
        let mut track = Track::default();
        if !self.eat_key(Keyword::Update) {
            return Some(track);
        }
        loop {
            let kind = match () {
                () if self.at_word("TRACKING") => &mut track.tracking,
                () if self.at_word("VIEWSTAT") => &mut track.viewstat,
                () => return self.fault("TRACKING or VIEWSTAT"),
            };
            if std::mem::replace(kind, true) {
                return self.fault("TRACKING and VIEWSTAT once each");
            }
            self.take();
            if !self.eat(Kind::Comma) {
                return Some(track);
            }
        }
    }
}

const MAX_LIMIT: u32 = 2_147_483_647;
const MAX_OFFSET: u32 = 2_000;
