//! Paths: from the object of a scope over parent relationships to a field.

use super::PlaceKind;
use super::found::{Anchor, Findings, Step, StepSort};
use super::names::{Lookup, NameError, refuse};
use super::scope::{Scope, Start};
use crate::names::ApiVersion;
use crate::schema::{FieldKind, Object, ObjectId, Schema};
use crate::soql::ast::ScopeId;
use crate::soql::lexer::{Path, Span};

/// Looks up the names of one text.
pub(crate) struct Resolver<'a> {
    pub(super) schema: &'a Schema,
    pub(super) text: &'a str,
    pub(super) version: ApiVersion,
    pub(super) found: Findings,
    /// Whether a select list is being visited.
    pub(super) selecting: bool,
    relationships: u8,
}

/// Where on a path one stands.
#[derive(Clone, Copy)]
pub(super) struct Here<'a> {
    pub(super) object: ObjectId,
    pub(super) of: &'a Object,
    pub(super) place: usize,
    pub(super) hops: u8,
}

// === impl Resolver ===

impl<'a> Resolver<'a> {
    pub(crate) fn new(schema: &'a Schema, text: &'a str, version: ApiVersion) -> Self {
        Self { schema, text, version, found: Findings::with_capacity(), selecting: false, relationships: 0 }
    }

    pub(crate) fn finish(self) -> Findings {
        self.found
    }

    pub(super) fn word(&self, span: Span) -> &'a str {
        span.of(self.text)
    }

    /// The first name of a path, and the rest.
    pub(super) fn split(&self, path: Path) -> (Span, Option<Path>) {
        path.split(self.text)
    }

    /// Notes everything that a field path of a scope touches.
    pub(crate) fn path(&mut self, scope: &Scope<'a>, path: Path) -> Lookup<()> {
        if path.is_name() {
            return self.field(scope.here, path.span);
        }
        match scope.start(self, path) {
            Start::Own(rest) => self.walk(scope.here, rest),
            Start::Parent(parent, rest) => self.step(parent.from, parent.step, rest),
            Start::Namesake(rest) => self.namesake(scope.here, path, rest),
        }
    }

    /// The relationship at the end of a path: where it starts, and what it is. Its key is not noted yet.
    pub(super) fn relationship(&mut self, scope: &Scope<'a>, path: Path) -> Lookup<(Here<'a>, Step)> {
        let (mut here, mut rest) = match scope.start(self, path) {
            Start::Own(rest) => (scope.here, rest),
            Start::Parent(parent, rest) => match self.follow(parent.from, parent.step)? {
                Some(there) => (there, rest),
                None => return refuse(self.polymorphic_error(parent.step, rest.span)),
            },
            Start::Namesake(_) => return refuse(NameError::Ambiguous(self.word(path.span).to_owned())),
        };
        loop {
            let (first, after) = self.split(rest);
            let step = self.step_of(here, first)?;
            let Some(after) = after else { return Ok((here, step)) };
            here = match self.follow(here, step)? {
                Some(there) => there,
                None => return refuse(self.polymorphic_error(step, after.span)),
            };
            rest = after;
        }
    }

    pub(super) fn walk(&mut self, here: Here<'a>, path: Path) -> Lookup<()> {
        match self.split(path) {
            (field, None) => self.field(here, field),
            (first, Some(rest)) => {
                let step = self.step_of(here, first)?;
                self.step(here, step, rest)
            }
        }
    }

    fn step_of(&self, here: Here<'a>, relationship: Span) -> Lookup<Step> {
        let name = self.word(relationship);
        let Some(key) = here.of.parent(name) else {
            return refuse(NameError::Relationship {
                object: here.of.name().to_owned(),
                name: name.to_owned(),
            });
        };
        Ok(Step { place: here.place, key, relationship, sort: StepSort::of(name, here.of) })
    }

    fn step(&mut self, here: Here<'a>, step: Step, rest: Path) -> Lookup<()> {
        match self.follow(here, step)? {
            Some(there) => self.walk(there, rest),
            None => self.polymorphic(here, step, rest),
        }
    }

    /// Goes over a relationship, which reads its key. `None` when it may lead to several objects.
    pub(super) fn follow(&mut self, here: Here<'a>, step: Step) -> Lookup<Option<Here<'a>>> {
        self.found.field(here.object, step.key);
        if here.hops >= MAX_HOPS {
            return refuse(NameError::Hops(self.word(step.relationship).to_owned()));
        }
        if !self.found.has_parent(here.place, step.key) {
            self.relationships += 1;
            if self.relationships > MAX_RELATIONSHIPS {
                return refuse(NameError::Relationships);
            }
        }
        match here.of.field(step.key).reference().map(|reference| (&*reference.targets, reference.more)) {
            Some(([only], false)) if !only.eq_ignore_ascii_case(NAME) => {
                self.enter(here, step, only).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A place that a relationship leads to.
    pub(super) fn enter(&mut self, from: Here<'a>, step: Step, target: &str) -> Lookup<Here<'a>> {
        let Some((object, of)) = self.schema.look_up(target) else {
            return refuse(NameError::Object(target.to_owned()));
        };
        let hops = from.hops + 1;
        if let Some(place) = self.found.parent(from.place, step.key, object) {
            return Ok(Here { object, of, place, hops });
        }
        let start = self.found.anchors.get(from.place);
        let (scope, alias) = start.map_or((ScopeId(u16::MAX), None), |at| (at.scope, at.alias));
        let anchor = Anchor { scope, alias, from: Some(step), hops, named: Vec::new() };
        let place = self.found.place(object, PlaceKind::Parent, anchor);
        Ok(Here { object, of, place, hops })
    }

    /// The rest of a path after a relationship that may point at several objects. It may use what the virtual object
    /// `Name` has; the type of the target is told by the key alone.
    fn polymorphic(&mut self, here: Here<'a>, step: Step, rest: Path) -> Lookup<()> {
        let (first, after) = self.split(rest);
        let name = self.word(first);
        if after.is_none() && name.eq_ignore_ascii_case("Type") {
            return Ok(());
        }
        let members: &[&str] = if after.is_some() { &NAME_PARENTS } else { &NAME_FIELDS };
        if !members.iter().any(|member| member.eq_ignore_ascii_case(name)) {
            return refuse(self.polymorphic_error(step, first));
        }
        let step = Step { sort: StepSort::Polymorphic, ..step };
        let Some(reference) = here.of.field(step.key).reference() else {
            return refuse(self.polymorphic_error(step, first));
        };
        if reference.more || reference.targets.is_empty() {
            let there = self.enter(here, step, NAME)?;
            return self.walk(there, rest);
        }
        let mut found = false;
        for target in &reference.targets {
            let there = self.enter(here, step, target)?;
            let known = if after.is_some() { there.of.parent(name) } else { there.of.find(name) };
            if known.is_some() {
                found = true;
                self.walk(there, rest)?;
            }
        }
        if found { Ok(()) } else { refuse(self.polymorphic_error(step, first)) }
    }

    fn polymorphic_error(&self, step: Step, name: Span) -> NameError {
        let (relationship, name) = (self.word(step.relationship).to_owned(), self.word(name).to_owned());
        NameError::Polymorphic { relationship, name }
    }

    /// A path whose first name is the object and a relationship of it. What resolves only one way is read that way;
    /// what resolves both ways needs both.
    fn namesake(&mut self, here: Here<'a>, path: Path, rest: Path) -> Lookup<()> {
        let (next, after) = self.split(rest);
        let name = self.word(next);
        let has =
            |of: &Object| if after.is_some() { of.parent(name).is_some() } else { of.find(name).is_some() };
        let own = has(here.of);
        let (first, _) = self.split(path);
        let reference = here.of.parent(self.word(first)).and_then(|key| here.of.field(key).reference());
        let known = |target: &str| self.schema.look_up(target).is_some_and(|(_, of)| has(of));
        let related = reference
            .is_some_and(|reference| reference.more || reference.targets.iter().any(|target| known(target)));
        if own || !related {
            self.walk(here, rest)?;
        }
        if related { self.walk(here, path) } else { Ok(()) }
    }

    pub(super) fn field(&mut self, here: Here<'a>, field: Span) -> Lookup<()> {
        let name = self.word(field);
        let Some(id) = here.of.find(name) else {
            return refuse(NameError::Field { object: here.of.name().to_owned(), name: name.to_owned() });
        };
        self.found.field(here.object, id);
        if self.selecting && matches!(here.of.field(id).kind(), FieldKind::Address | FieldKind::Location) {
            self.found.selects_compound = true;
        }
        Ok(())
    }
}

/// What polymorphic relationships lead to when the targets are too many to list (reference, section 15.3).
pub(super) const NAME: &str = "Name";

/// The fields that every path through a polymorphic relationship may end in.
pub(super) const NAME_FIELDS: [&str; 13] = [
    "Id",
    "Name",
    "FirstName",
    "LastName",
    "Type",
    "Email",
    "Phone",
    "Title",
    "Username",
    "UserRoleId",
    "ProfileId",
    "Alias",
    "IsActive",
];

/// The relationships that such a path may go on with.
const NAME_PARENTS: [&str; 2] = ["Profile", "UserRole"];

const MAX_HOPS: u8 = 5;
const MAX_RELATIONSHIPS: u8 = 55;
