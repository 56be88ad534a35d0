//! The names of a search, and the search made narrower.

use thiserror::Error;

use super::Query;
use super::ast::{MatchScope, Search, With};
use crate::names::ApiVersion;
use crate::request::Access;
use crate::schema::{ObjectId, Schema};
use crate::soql::narrow::Narrower;
use crate::soql::print::Printer;
use crate::soql::resolve::{Findings, Resolver};
use crate::soql::{Inexpressible, NameError, Place, PlaceKind, ResolvedCondition};

/// A search whose every name was found in the schema.
#[derive(Debug)]
pub struct Resolved {
    query: Query,
    found: Findings,
    objects: Vec<ObjectId>,
}

/// What to write narrower than it was asked. Numbers are positions in [`Resolved::places`], which starts with
/// [`Resolved::objects`].
#[derive(Debug, Default)]
pub struct Edits<'a> {
    /// Conditions to AND into an object's part; for a parent place, with every path prefixed by its relationships.
    pub conditions: Vec<(usize, &'a ResolvedCondition)>,
    /// The most rows of an object.
    pub limits: Vec<(usize, u64)>,
    /// A narrower group of fields to match against.
    pub scope: Option<MatchScope>,
}

/// How a search shows or compares fields that it does not name, beside matching its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reveals {
    /// `WITH SNIPPET` shows the text around a match, of whatever field it is in.
    Snippets,
    /// `USING ListView` filters by a condition that is stored in the org.
    ListView,
}

/// A name of a search that was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SearchNameError {
    /// As in queries.
    #[error(transparent)]
    Name(NameError),
    /// An object that RETURNING has twice.
    #[error("RETURNING has `{0}` twice")]
    Repeated(String),
}

/// Looks up every name of a search.
///
/// # Errors
/// The first name that is unknown, ambiguous, or not allowed where it stands.
pub fn resolve(query: Query, schema: &Schema, version: ApiVersion) -> Result<Resolved, SearchNameError> {
    let mut resolver = Resolver::new(schema, &query.text, version);
    let mut scopes = Vec::with_capacity(query.search.returning.len());
    for returning in &query.search.returning {
        let (object, of) = resolver.object(returning.object)?;
        if scopes.iter().any(|(known, _)| *known == object) {
            return Err(SearchNameError::Repeated(of.name().to_owned()));
        }
        scopes.push((object, resolver.scope((returning.scope, PlaceKind::Root), (object, of), None)?));
    }
    for (returning, (_, scope)) in query.search.returning.iter().zip(&scopes) {
        returning.fields.iter().try_for_each(|(field, _)| resolver.expression(scope, field))?;
        if let Some(condition) = &returning.condition {
            resolver.predicate(scope, condition)?;
        }
        returning.order.iter().try_for_each(|order| resolver.expression(scope, &order.by))?;
    }
    let objects = scopes.into_iter().map(|(object, _)| object).collect();
    let found = resolver.finish();
    Ok(Resolved { query, found, objects })
}

// === impl SearchNameError ===

impl From<Box<NameError>> for SearchNameError {
    fn from(error: Box<NameError>) -> Self {
        Self::Name(*error)
    }
}

// === impl Resolved ===

impl Resolved {
    /// Everything the search names, each once, in order of first appearance.
    #[must_use]
    pub fn accesses(&self) -> &[Access] {
        &self.found.accesses
    }

    /// The objects returned, in order.
    #[must_use]
    pub fn objects(&self) -> &[ObjectId] {
        &self.objects
    }

    /// Every place where rows are read: the objects returned, in order, then those reached by parent paths.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.found.places
    }

    /// What the term is matched against.
    #[must_use]
    pub fn scope(&self) -> MatchScope {
        self.query.search.scope.unwrap_or(MatchScope::All)
    }

    /// How the search shows or compares fields that it does not name: it then needs every field of the objects
    /// returned.
    #[must_use]
    pub fn reveals(&self) -> Option<Reveals> {
        let Search { with, returning, .. } = &self.query.search;
        let snippets = with.iter().any(|with| matches!(with, With::Snippet(_)));
        let list_view = returning.iter().any(|returning| returning.list_view.is_some());
        snippets.then_some(Reveals::Snippets).or(list_view.then_some(Reveals::ListView))
    }

    /// The search as it was read.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The search's text, canonical, narrowed by `edits`.
    ///
    /// # Errors
    /// When a condition cannot be expressed in its place.
    pub fn narrowed(&self, edits: &Edits<'_>) -> Result<String, Inexpressible> {
        let mut narrower = Narrower::new(&self.query.text, &self.found);
        for (place, condition) in &edits.conditions {
            if condition.condition().has_semi_join() {
                return Err(Inexpressible("the condition of a search cannot have a subquery"));
            }
            narrower.condition(*place, condition)?;
        }
        for (place, most) in edits.limits.iter().filter(|(place, _)| *place < self.objects.len()) {
            narrower.limit(*place, *most)?;
        }
        let edits_of_scopes = narrower.finish();
        let mut printer = Printer::new(&self.query.text).edits(&edits_of_scopes);
        printer.search(&self.query.search, edits.scope.or(self.query.search.scope));
        Ok(printer.finish())
    }

    /// The search's text with the term and every literal replaced by `?`.
    #[must_use]
    pub fn redacted(&self) -> String {
        self.query.redacted()
    }
}
