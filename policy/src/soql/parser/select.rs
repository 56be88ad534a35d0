//! Queries and child subqueries: what is asked for, and from where.

use std::iter;

use super::{Parse, Parser, USUAL_ITEMS};
use crate::soql::ast::{Expression, FieldsFunction, Item, Select, Source, TypeOf, Using, When};
use crate::soql::keyword::Keyword;
use crate::soql::lexer::{Kind, Path};

/// Where a SELECT stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outermost,
    Child,
}

impl Parser<'_> {
    /// A whole query. Boxed, for it is handed on from step to step.
    pub(crate) fn query(&mut self) -> Parse<Box<Select>> {
        let select = Box::new(self.select(Place::Outermost)?);
        self.end()?;
        Some(select)
    }

    /// `SELECT`, which Salesforce's own parser wants followed by a space.
    pub(super) fn select_word(&mut self) -> Parse<()> {
        let select = self.expect(Kind::Key(Keyword::Select), "SELECT")?;
        if self.next.span.start() == select.end() { self.fault("a space after SELECT") } else { Some(()) }
    }

    fn select(&mut self, place: Place) -> Parse<Select> {
        self.select_word()?;
        let scope = self.scope();
        let mut items = Vec::with_capacity(USUAL_ITEMS);
        self.item(place, &mut items)?;
        while self.eat(Kind::Comma) {
            self.item(place, &mut items)?;
        }
        if items.len() > 1 && items.iter().any(|item| matches!(item, Item::Count)) {
            return self.fault("COUNT() alone: it cannot stand beside other items");
        }
        self.expect(Kind::Key(Keyword::From), "FROM, or `,` and another field")?;
        let from = self.source("an object or a relationship")?;
        let outermost = place == Place::Outermost;
        let mut parents = Vec::new();
        while outermost && self.eat(Kind::Comma) {
            parents.push(self.source("a relationship")?);
        }
        Some(Select {
            scope,
            items,
            from,
            parents,
            using: self.using()?,
            condition: self.where_clause()?,
            with: self.with()?,
            group: if outermost { self.group_by()? } else { None },
            order: self.order_by()?,
            limit: self.limit()?,
            offset: self.offset()?,
            purpose: self.purpose()?,
            track: self.track()?,
        })
    }

    /// Reads an item of a select list to the end of `items`. Most are plain fields, which are put together there.
    fn item(&mut self, place: Place, items: &mut Vec<Item>) -> Parse<()> {
        let item = match self.next.kind {
            Kind::Open => Item::Child(Box::new(self.child()?), self.alias()?),
            Kind::Key(Keyword::Typeof) if self.starts_typeof() => {
                Item::TypeOf(Box::new(self.type_of()?), self.alias()?)
            }
            _ => {
                let path = self.path("a field")?;
                if !self.at(Kind::Open) {
                    let alias = self.alias()?;
                    // Unlike `push`, this writes the item where it stays, once there is room for it.
                    items.extend(iter::once_with(|| Item::Expression(Expression::Path(path), alias)));
                    return Some(());
                }
                self.made_of(path, place)?
            }
        };
        items.push(item);
        Some(())
    }

    /// The rest of an item that starts with a function's name.
    fn made_of(&mut self, path: Path, place: Place) -> Parse<Item> {
        let name = self.text_of(path.span);
        if name.eq_ignore_ascii_case("FIELDS") {
            return Some(Item::Fields(self.field_set()?));
        }
        if name.eq_ignore_ascii_case("COUNT") && self.ahead() == Kind::Close {
            return self.count(place);
        }
        let expression = self.call(path.span)?;
        Some(Item::Expression(expression, self.alias()?))
    }

    fn child(&mut self) -> Parse<Select> {
        if self.subqueries >= MAX_SUBQUERIES {
            return self.fault("at most 20 child subqueries");
        }
        self.subqueries += 1;
        self.nested(|parser| parser.select(Place::Child))
    }

    fn count(&mut self, place: Place) -> Parse<Item> {
        if place == Place::Child {
            return self.fault("a field inside COUNT(..): COUNT() cannot stand in a subquery");
        }
        self.nested(|_| Some(()))?;
        Some(Item::Count)
    }

    fn field_set(&mut self) -> Parse<FieldsFunction> {
        self.nested(|parser| {
            for (word, set) in [
                ("ALL", FieldsFunction::All),
                ("STANDARD", FieldsFunction::Standard),
                ("CUSTOM", FieldsFunction::Custom),
            ] {
                if parser.eat_word(word) {
                    return Some(set);
                }
            }
            parser.fault("ALL, STANDARD or CUSTOM")
        })
    }

    /// Whether `TYPEOF` is the clause, not a field of that name.
    fn starts_typeof(&self) -> bool {
        match self.ahead() {
            Kind::Word | Kind::Path => true,
            Kind::Key(keyword) => keyword.may_be_name(),
            _ => false,
        }
    }

    fn type_of(&mut self) -> Parse<TypeOf> {
        self.take();
        let path = self.path("a relationship")?;
        let mut when = Vec::new();
        while self.eat_key(Keyword::When) {
            let object = self.name("an object")?;
            self.expect(Kind::Key(Keyword::Then), "THEN")?;
            when.push(When { object, fields: self.plain_fields()? });
        }
        if when.is_empty() {
            return self.fault("WHEN");
        }
        let otherwise = if self.eat_key(Keyword::Else) { self.plain_fields()? } else { Vec::new() };
        self.expect(Kind::Key(Keyword::End), "END, WHEN or ELSE")?;
        Some(TypeOf { path, when, otherwise })
    }

    fn plain_fields(&mut self) -> Parse<Vec<Path>> {
        self.list(|parser| parser.path("a field"))
    }

    /// An item of a FROM list.
    pub(super) fn source(&mut self, expected: &'static str) -> Parse<Source> {
        let path = self.path(expected)?;
        let alias = if self.eat_key(Keyword::As) {
            match self.alias()? {
                Some(alias) => Some(alias),
                None => return self.fault("an alias after AS"),
            }
        } else {
            self.alias()?
        };
        Some(Source { path, alias })
    }

    pub(super) fn using(&mut self) -> Parse<Vec<Using>> {
        let mut using = Vec::new();
        if !self.eat_key(Keyword::Using) {
            return Some(using);
        }
        self.expect_word("SCOPE", "SCOPE")?;
        using.push(Using::Scope(self.name("a scope")?));
        while self.eat(Kind::Comma) {
            if self.eat_word("SCOPE") {
                using.push(Using::Scope(self.name("a scope")?));
            } else if self.eat_word("LOOKUP") {
                using.push(Using::Lookup(self.name("a look-up filter")?));
            } else {
                return self.fault("SCOPE or LOOKUP");
            }
        }
        Some(using)
    }
}

const MAX_SUBQUERIES: u8 = 20;
