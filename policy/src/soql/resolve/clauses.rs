//! The visit of the tree: every clause of every scope, in the order of the text.

use super::PlaceKind;
use super::found::{Step, StepSort};
use super::names::{Lookup, NameError, refuse};
use super::scope::Scope;
use super::walk::{NAME, NAME_FIELDS, Resolver};
use crate::names::ApiVersion;
use crate::schema::{Object, ObjectId};
use crate::soql::ast::{
    Distance, Expression, Geo, Item, Order, Predicate, Select, SemiJoin, TypeOf, When, With,
};
use crate::soql::lexer::Span;

impl<'a> Resolver<'a> {
    /// A whole query.
    pub(crate) fn query(&mut self, select: &Select) -> Lookup<()> {
        let object = self.object(select.from.path.span)?;
        let mut scope = self.scope((select.scope, PlaceKind::Root), object, select.from.alias)?;
        for parent in &select.parents {
            self.parent_source(&mut scope, parent)?;
        }
        self.select(&mut scope, select, 1)
    }

    /// An object by name.
    pub(crate) fn object(&self, name: Span) -> Lookup<(ObjectId, &'a Object)> {
        let name = self.word(name);
        self.schema.look_up(name).ok_or_else(|| Box::new(NameError::Object(name.to_owned())))
    }

    fn select(&mut self, scope: &mut Scope<'a>, select: &Select, level: u8) -> Lookup<()> {
        self.using(&select.using)?;
        self.selecting = true;
        self.items(scope, select, level)?;
        self.selecting = false;
        if let Some(condition) = &select.condition {
            self.predicate(scope, condition)?;
        }
        if let Some(with) = &select.with {
            self.with(scope, with)?;
        }
        if let Some(group) = &select.group {
            group.by.iter().try_for_each(|by| self.expression(scope, by))?;
            if let Some(having) = &group.having {
                self.having(scope, having)?;
            }
        }
        self.orders(scope, &select.order)
    }

    pub(crate) fn orders(&mut self, scope: &Scope<'a>, orders: &[Order]) -> Lookup<()> {
        orders.iter().try_for_each(|order| self.output(scope, &order.by))
    }

    fn items(&mut self, scope: &mut Scope<'a>, select: &Select, level: u8) -> Lookup<()> {
        let aggregate = select.is_aggregate();
        for item in &select.items {
            match item {
                Item::Expression(expression, alias) => {
                    self.expression(scope, expression)?;
                    let Some(alias) = alias.map(|alias| self.word(alias)) else { continue };
                    if matches!(expression, Expression::Path(_)) && !aggregate {
                        return refuse(NameError::FieldAlias(alias.to_owned()));
                    }
                    if scope.outputs.iter().any(|known| known.eq_ignore_ascii_case(alias)) {
                        return refuse(NameError::Ambiguous(alias.to_owned()));
                    }
                    scope.outputs.push(alias);
                }
                Item::Count => {}
                Item::Fields(function) => {
                    self.found.every_field(scope.here.object);
                    if let Some(place) = self.found.places.get_mut(scope.here.place) {
                        place.expand(*function);
                    }
                }
                Item::Child(child, _) => self.child(scope, child, level + 1)?,
                Item::TypeOf(choice, _) => self.type_of(scope, choice)?,
            }
        }
        self.beside_fields(scope, select);
        Ok(())
    }

    /// Keeps the names that stand beside a `FIELDS()`, which its list must not repeat.
    fn beside_fields(&mut self, scope: &Scope<'a>, select: &Select) {
        if !select.items.iter().any(|item| matches!(item, Item::Fields(_))) {
            return;
        }
        let named = select.items.iter().filter_map(|item| match item {
            Item::Expression(Expression::Path(path), _) => match self.split(*path) {
                (field, None) => Some(field),
                (first, Some(rest)) if scope.is_called(self.word(first)) => Some(rest.span),
                _ => None,
            },
            _ => None,
        });
        let named = named.collect();
        if let Some(anchor) = self.found.anchors.get_mut(scope.here.place) {
            anchor.named = named;
        }
    }

    fn child(&mut self, outer: &Scope<'a>, select: &Select, level: u8) -> Lookup<()> {
        let most = if self.version < DEEP_SUBQUERIES { 2 } else { 5 };
        if level > most {
            return refuse(NameError::Depth { most, version: self.version });
        }
        let of = outer.here.of;
        let (first, rest) = self.split(select.from.path);
        let relationship = match rest {
            None => first,
            Some(rest) if outer.is_called(self.word(first)) => rest.span,
            Some(_) => return refuse(NameError::Alias(self.word(first).to_owned())),
        };
        let name = self.word(relationship);
        let Some(child) = of.child(name) else {
            return refuse(NameError::Child { object: of.name().to_owned(), name: name.to_owned() });
        };
        let Some((object, of)) = self.schema.look_up(&child.object) else {
            return refuse(NameError::Object(child.object.to_string()));
        };
        let mut scope = self.scope((select.scope, PlaceKind::Child), (object, of), select.from.alias)?;
        let Some(key) = of.find(&child.field) else {
            return refuse(NameError::Field { object: of.name().to_owned(), name: child.field.to_string() });
        };
        self.found.field(object, key);
        self.select(&mut scope, select, level)?;
        self.selecting = true;
        Ok(())
    }

    fn type_of(&mut self, scope: &Scope<'a>, choice: &TypeOf) -> Lookup<()> {
        let (here, step) = self.relationship(scope, choice.path)?;
        self.follow(here, step)?;
        let relationship = || self.word(step.relationship).to_owned();
        let Some(reference) = here.of.field(step.key).reference() else {
            return refuse(NameError::Polymorphic { relationship: relationship(), name: String::new() });
        };
        let step = Step { sort: StepSort::Polymorphic, ..step };
        for When { object, fields } in &choice.when {
            let target = self.word(*object);
            let listed = reference.targets.iter().any(|known| known.eq_ignore_ascii_case(target));
            if !listed && !reference.more {
                let (relationship, object) = (self.word(step.relationship).to_owned(), target.to_owned());
                return refuse(NameError::Target { relationship, object });
            }
            let there = self.enter(here, step, target)?;
            fields.iter().try_for_each(|field| self.walk(there, *field))?;
        }
        if choice.otherwise.is_empty() {
            return Ok(());
        }
        let there = self.enter(here, step, NAME)?;
        choice.otherwise.iter().try_for_each(|field| {
            let name = self.word(field.span);
            if name.contains('.') || NAME_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                return self.walk(there, *field);
            }
            let (relationship, name) = (self.word(step.relationship).to_owned(), name.to_owned());
            refuse(NameError::Polymorphic { relationship, name })
        })
    }

    pub(crate) fn expression(&mut self, scope: &Scope<'a>, expression: &Expression) -> Lookup<()> {
        match expression {
            Expression::Path(path) | Expression::Call(_, path) | Expression::Nested(_, _, path) => {
                self.path(scope, *path)
            }
            Expression::Distance(distance) => self.distance(scope, distance),
        }
    }

    fn distance(&mut self, scope: &Scope<'a>, distance: &Distance) -> Lookup<()> {
        self.path(scope, distance.from)?;
        match distance.to {
            Geo::Path(path) => self.path(scope, path),
            Geo::Point(..) => Ok(()),
        }
    }

    /// What ORDER BY and HAVING name: a column of the select list by its alias, a field, or both when both are
    /// called so.
    fn output(&mut self, scope: &Scope<'a>, expression: &Expression) -> Lookup<()> {
        if let Expression::Path(path) = expression {
            let name = self.word(path.span);
            let is_output = scope.outputs.iter().any(|alias| alias.eq_ignore_ascii_case(name));
            if is_output && scope.here.of.find(name).is_none() {
                return Ok(());
            }
        }
        self.expression(scope, expression)
    }

    /// A condition over rows.
    pub(crate) fn predicate(&mut self, scope: &Scope<'a>, predicate: &Predicate) -> Lookup<()> {
        self.condition(scope, predicate, Self::expression)
    }

    /// A condition over groups.
    fn having(&mut self, scope: &Scope<'a>, predicate: &Predicate) -> Lookup<()> {
        self.condition(scope, predicate, Self::output)
    }

    fn condition(
        &mut self,
        scope: &Scope<'a>,
        predicate: &Predicate,
        left: fn(&mut Self, &Scope<'a>, &Expression) -> Lookup<()>,
    ) -> Lookup<()> {
        match predicate {
            Predicate::And(parts) | Predicate::Or(parts) => {
                parts.iter().try_for_each(|part| self.condition(scope, part, left))
            }
            Predicate::Not(inner) | Predicate::Group(inner) => self.condition(scope, inner, left),
            Predicate::Compare(expression, _, _)
            | Predicate::Like(expression, _)
            | Predicate::In(expression, _, _) => left(self, scope, expression),
            Predicate::SemiJoin(expression, _, inner) => {
                left(self, scope, expression)?;
                self.semi_join(inner)
            }
            Predicate::Picks(path, _, _) => self.path(scope, *path),
        }
    }

    fn semi_join(&mut self, inner: &SemiJoin) -> Lookup<()> {
        let object = self.object(inner.from.path.span)?;
        let scope = self.scope((inner.scope, PlaceKind::SemiJoin), object, inner.from.alias)?;
        self.using(&inner.using)?;
        self.path(&scope, inner.column)?;
        inner.condition.as_ref().map_or(Ok(()), |condition| self.predicate(&scope, condition))
    }

    /// Filters beside WHERE. Those that are not known could compare anything.
    fn with(&self, scope: &Scope<'a>, with: &With) -> Lookup<()> {
        let object = scope.here.of.name();
        let (name, known) = match with {
            With::DataCategory(_) | With::Mode(_) => return Ok(()),
            With::Equals(name, _) => {
                let user_feed = object.eq_ignore_ascii_case("UserProfileFeed");
                (*name, user_feed && self.word(*name).eq_ignore_ascii_case("UserId"))
            }
            With::Context(name, _) => {
                (*name, self.word(*name).eq_ignore_ascii_case("RecordVisibilityContext"))
            }
        };
        if known { Ok(()) } else { refuse(NameError::Filter(format!("WITH {}", self.word(name)))) }
    }
}

/// The first version with subqueries inside subqueries.
const DEEP_SUBQUERIES: ApiVersion = ApiVersion::new(58);
