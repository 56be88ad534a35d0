//! The narrowed query: the same one, with the conditions of grants joined to its own, fewer rows, fewer fields.

use thiserror::Error;

use super::ast::{Item, ScopeId, Select};
use super::print::{Edit, Printer};
use super::resolve::{Anchor, Findings, PlaceKind, Resolved, ResolvedCondition, StepSort};
use crate::schema::ObjectId;

/// What to write narrower than it was asked. Numbers are positions in [`Resolved::places`].
#[derive(Debug, Default)]
pub struct Edits<'a> {
    /// Conditions to AND into a place; for a parent place, with every path prefixed by its relationships.
    pub conditions: Vec<(usize, &'a ResolvedCondition)>,
    /// The most rows that a root or child place may ask for.
    pub limits: Vec<(usize, u64)>,
    /// The fields that a place's `FIELDS()` becomes.
    pub fields: Vec<(usize, Vec<&'a str>)>,
}

/// A condition that cannot be expressed where it is needed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the grant's condition cannot be applied here: {0}")]
pub struct Inexpressible(pub &'static str);

// === impl Resolved ===

impl Resolved {
    /// The query's text, canonical, narrowed by `edits`.
    ///
    /// A limit is not written where the answer has no rows of the object: on `COUNT()`, and on aggregates without
    /// groups, where Salesforce refuses one.
    ///
    /// # Errors
    /// When a condition cannot be expressed in its place.
    pub fn narrowed(&self, edits: &Edits<'_>) -> Result<String, Inexpressible> {
        let edits = self.by_scope(edits)?;
        let mut printer = Printer::new(self.query().text()).edits(&edits);
        printer.select(self.query().root());
        Ok(printer.finish())
    }

    fn by_scope(&self, edits: &Edits<'_>) -> Result<Vec<Edit>, Inexpressible> {
        let mut narrower = Narrower::new(self.query().text(), self.found());
        for (place, condition) in &edits.conditions {
            narrower.condition(*place, condition)?;
        }
        for (place, most) in &edits.limits {
            let counts_rows = match self.places().get(*place).ok_or(NO_PLACE)?.kind {
                PlaceKind::Root => counts_rows(self.query().root()),
                PlaceKind::Child => true,
                PlaceKind::SemiJoin | PlaceKind::Parent => false,
            };
            if counts_rows {
                narrower.limit(*place, *most)?;
            }
        }
        for (place, fields) in &edits.fields {
            narrower.fields(*place, fields)?;
        }
        Ok(narrower.finish())
    }
}

/// Whether the answer has rows that a limit could count.
fn counts_rows(root: &Select) -> bool {
    let count_only = matches!(root.items.as_slice(), [Item::Count]);
    !count_only && (root.group.is_some() || !root.is_aggregate())
}

/// Turns edits of places into edits of scopes, as the printer takes them.
pub(crate) struct Narrower<'a> {
    text: &'a str,
    found: &'a Findings,
    edits: Vec<Edit>,
}

// === impl Narrower ===

impl<'a> Narrower<'a> {
    pub(crate) fn new(text: &'a str, found: &'a Findings) -> Self {
        Self { text, found, edits: Vec::new() }
    }

    pub(crate) fn finish(self) -> Vec<Edit> {
        self.edits
    }

    /// Joins a condition to the WHERE clause of the scope that a place belongs to.
    pub(crate) fn condition(
        &mut self,
        place: usize,
        condition: &ResolvedCondition,
    ) -> Result<(), Inexpressible> {
        let (object, kind, anchor) = self.at(place)?;
        if object != condition.object() {
            return Err(Inexpressible("it is about another object"));
        }
        let has_semi_join = condition.condition().has_semi_join();
        match kind {
            PlaceKind::SemiJoin if has_semi_join => {
                return Err(Inexpressible("a subquery cannot stand inside another subquery's condition"));
            }
            PlaceKind::Parent if has_semi_join => {
                return Err(Inexpressible("a condition with a subquery cannot be asked of a parent"));
            }
            PlaceKind::Parent if anchor.hops + condition.hops() > MAX_HOPS => {
                return Err(Inexpressible("it would go through more than five relationships"));
            }
            PlaceKind::Root | PlaceKind::Child | PlaceKind::SemiJoin | PlaceKind::Parent => {}
        }
        let text = condition.condition().prefixed(&self.prefix(anchor)?);
        let edit = self.edit(anchor.scope)?;
        if !edit.conditions.contains(&text) {
            edit.conditions.push(text);
        }
        Ok(())
    }

    /// Clamps the rows of the scope that a place belongs to.
    pub(crate) fn limit(&mut self, place: usize, most: u64) -> Result<(), Inexpressible> {
        let (_, _, anchor) = self.at(place)?;
        let most = u32::try_from(most).unwrap_or(MAX_LIMIT).min(MAX_LIMIT);
        let edit = self.edit(anchor.scope)?;
        edit.limit = Some(edit.limit.map_or(most, |known| known.min(most)));
        Ok(())
    }

    /// Puts a list in place of `FIELDS()`, without what the select list names anyway: Salesforce refuses duplicates.
    fn fields(&mut self, place: usize, fields: &[&str]) -> Result<(), Inexpressible> {
        let (_, _, anchor) = self.at(place)?;
        let text = self.text;
        let named = |field: &&&str| anchor.named.iter().any(|name| name.of(text).eq_ignore_ascii_case(field));
        let rest: Vec<&str> = fields.iter().filter(|field| !named(field)).copied().collect();
        self.edit(anchor.scope)?.fields = Some(rest.join(", "));
        Ok(())
    }

    fn at(&self, place: usize) -> Result<(ObjectId, PlaceKind, &'a Anchor), Inexpressible> {
        let found = self.found.places.get(place).zip(self.found.anchors.get(place));
        found.map(|(place, anchor)| (place.object, place.kind, anchor)).ok_or(NO_PLACE)
    }

    /// The edit of a scope, made where there is none.
    fn edit(&mut self, scope: ScopeId) -> Result<&mut Edit, Inexpressible> {
        let at = self.edits.iter().position(|edit| edit.scope == scope).unwrap_or(self.edits.len());
        if at == self.edits.len() {
            self.edits.push(Edit { scope, conditions: Vec::new(), fields: None, limit: None });
        }
        self.edits.get_mut(at).ok_or(NO_PLACE)
    }

    /// The alias of a scope and the relationships that lead to a place, each with a dot after it.
    fn prefix(&self, anchor: &Anchor) -> Result<String, Inexpressible> {
        let mut steps = Vec::new();
        let mut at = anchor;
        while let Some(step) = at.from {
            match step.sort {
                StepSort::Certain => {}
                StepSort::Polymorphic => {
                    return Err(Inexpressible("the relationship may point at several objects"));
                }
                StepSort::Namesake => {
                    return Err(Inexpressible("the relationship is called like the object it starts at"));
                }
            }
            steps.push(step.relationship.of(self.text));
            at = self.at(step.place)?.2;
        }
        let alias = anchor.alias.map(|alias| alias.of(self.text));
        let mut prefix = String::new();
        for part in alias.into_iter().chain(steps.into_iter().rev()) {
            prefix.push_str(part);
            prefix.push('.');
        }
        Ok(prefix)
    }
}

const NO_PLACE: Inexpressible = Inexpressible("the query has no such place");
const MAX_HOPS: u8 = 5;
const MAX_LIMIT: u32 = 2_147_483_647;
