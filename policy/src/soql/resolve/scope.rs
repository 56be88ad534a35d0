//! A scope: one object, what else names may start with there, and what its select list calls its columns.

use super::found::{Anchor, Step, StepSort};
use super::names::{Lookup, NameError, refuse};
use super::walk::{Here, Resolver};
use super::{Place, PlaceKind};
use crate::schema::{Object, ObjectId};
use crate::soql::ast::{FieldsFunction, ScopeId, Source, Using};
use crate::soql::lexer::{Path, Span};

/// One query, subquery, semi-join or condition while its names are looked up.
pub(crate) struct Scope<'a> {
    pub(super) here: Here<'a>,
    /// The object's own name, where paths may start with it.
    own_name: Option<&'a str>,
    alias: Option<&'a str>,
    pub(super) parents: Vec<Parent<'a>>,
    /// The aliases of the select list.
    pub(super) outputs: Vec<&'a str>,
}

/// An alias of the FROM list for a parent.
pub(super) struct Parent<'a> {
    alias: &'a str,
    pub(super) from: Here<'a>,
    pub(super) step: Step,
}

/// Where a path starts, with what remains of it.
pub(super) enum Start<'s, 'a> {
    Own(Path),
    Parent(&'s Parent<'a>, Path),
    /// The first name is both the object and a relationship of it.
    Namesake(Path),
}

// === impl Scope ===

impl<'a> Scope<'a> {
    /// Takes the part of a path off that only says where it starts.
    pub(super) fn start(&self, resolver: &Resolver<'a>, path: Path) -> Start<'_, 'a> {
        let (first, Some(rest)) = resolver.split(path) else { return Start::Own(path) };
        let name = resolver.word(first);
        if self.alias.is_some_and(|alias| alias.eq_ignore_ascii_case(name)) {
            return Start::Own(rest);
        }
        if let Some(parent) = self.parents.iter().find(|parent| parent.alias.eq_ignore_ascii_case(name)) {
            return Start::Parent(parent, rest);
        }
        if self.own_name.is_some_and(|own| own.eq_ignore_ascii_case(name)) {
            return match self.here.of.parent(name) {
                None => Start::Own(rest),
                Some(_) => Start::Namesake(rest),
            };
        }
        Start::Own(path)
    }

    /// Whether a name means this scope's object.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let names = [self.alias, self.own_name];
        names.into_iter().flatten().any(|own| own.eq_ignore_ascii_case(name))
    }
}

// === impl Resolver ===

impl<'a> Resolver<'a> {
    /// The scope of a query, a subquery or a semi-join over a known object.
    pub(crate) fn scope(
        &mut self,
        (id, kind): (ScopeId, PlaceKind),
        (object, of): (ObjectId, &'a Object),
        alias: Option<Span>,
    ) -> Lookup<Scope<'a>> {
        let anchor = Anchor { scope: id, alias, from: None, hops: 0, named: Vec::new() };
        let place = self.found.place(object, kind, anchor);
        let alias = alias.map(|alias| self.word(alias));
        if let Some(alias) = alias {
            self.check_alias(alias, object, of)?;
        }
        let here = Here { object, of, place, hops: 0 };
        Ok(Scope { here, own_name: Some(of.name()), alias, parents: Vec::new(), outputs: Vec::new() })
    }

    /// The scope of a condition that stands alone. Its paths do not start with the object's name, so that they can
    /// be written after a relationship.
    pub(crate) fn condition_scope(&mut self, object: ObjectId) -> Scope<'a> {
        let of = self.schema.object(object);
        let anchor = Anchor { scope: ScopeId(u16::MAX), alias: None, from: None, hops: 0, named: Vec::new() };
        let place = self.found.place(object, PlaceKind::Root, anchor);
        let here = Here { object, of, place, hops: 0 };
        Scope { here, own_name: None, alias: None, parents: Vec::new(), outputs: Vec::new() }
    }

    /// An alias must not be anything else, or a path would have two readings.
    fn check_alias(&self, alias: &str, object: ObjectId, of: &Object) -> Lookup<()> {
        let other_object = self.schema.find(alias).is_some_and(|named| named != object);
        let member = of.find(alias).is_some() || of.parent(alias).is_some() || of.child(alias).is_some();
        if other_object || member { refuse(NameError::Ambiguous(alias.to_owned())) } else { Ok(()) }
    }

    /// An item of the FROM list after the first: `c.Account a`.
    pub(super) fn parent_source(&mut self, scope: &mut Scope<'a>, source: &Source) -> Lookup<()> {
        let (first, rest) = self.split(source.path);
        let name = self.word(first);
        let declared = |parent: &Parent<'a>| parent.alias.eq_ignore_ascii_case(name);
        if rest.is_none() || !(scope.is_called(name) || scope.parents.iter().any(declared)) {
            return refuse(NameError::Alias(name.to_owned()));
        }
        let (from, step) = self.relationship(scope, source.path)?;
        let certain = self.follow(from, step)?;
        let Some(alias) = source.alias.map(|alias| self.word(alias)) else { return Ok(()) };
        let taken = |parent: &Parent<'a>| parent.alias.eq_ignore_ascii_case(alias);
        if scope.is_called(alias) || scope.parents.iter().any(taken) {
            return refuse(NameError::Ambiguous(alias.to_owned()));
        }
        self.check_alias(alias, scope.here.object, scope.here.of)?;
        if let Some(there) = certain {
            self.check_alias(alias, there.object, there.of)?;
        }
        scope.parents.push(Parent { alias, from, step });
        Ok(())
    }

    /// `USING SCOPE` chooses rows by owner. A look-up filter's effect is unknown.
    pub(super) fn using(&self, using: &[Using]) -> Lookup<()> {
        let lookup = using.iter().find_map(|using| match using {
            Using::Scope(_) => None,
            Using::Lookup(name) => Some(*name),
        });
        lookup.map_or(Ok(()), |name| refuse(NameError::Filter(format!("USING LOOKUP {}", self.word(name)))))
    }
}

// === impl Place ===

impl Place {
    /// Joins what two `FIELDS()` of one select list stand for.
    pub(super) fn expand(&mut self, function: FieldsFunction) {
        self.expands = Some(match self.expands {
            None => function,
            Some(known) if known == function => function,
            Some(_) => FieldsFunction::All,
        });
    }
}

impl StepSort {
    /// How a relationship leads to its only target.
    pub(super) fn of(relationship: &str, object: &Object) -> Self {
        if relationship.eq_ignore_ascii_case(object.name()) { Self::Namesake } else { Self::Certain }
    }
}
