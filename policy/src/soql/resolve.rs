//! Name resolution: which objects and fields a query touches, and where (reference, section 15.3).
//!
//! A name that is not in the schema, or that could mean two things, refuses the query. `resolve/walk.rs` follows
//! paths, `resolve/clauses.rs` visits the tree, `resolve/found.rs` keeps what they meet.

mod clauses;
mod found;
mod names;
mod scope;
mod walk;

use thiserror::Error;

pub(crate) use found::{Anchor, Findings, StepSort};
pub(crate) use names::Lookup;
pub use names::NameError;
pub(crate) use scope::Scope;
pub(crate) use walk::Resolver;

use super::ast::FieldsFunction;
use super::condition::{Condition, OrderBy, parse_condition, parse_order_by};
use super::lexer::{Kind, Lexer};
use super::query::Query;
use super::unreadable::Unreadable;
use crate::names::ApiVersion;
use crate::request::Access;
use crate::schema::{ObjectId, Schema};

/// A query whose every name was found in the schema.
#[derive(Debug)]
pub struct Resolved {
    query: Query,
    found: Findings,
}

/// One place in a query where rows of an object are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The object.
    pub object: ObjectId,
    /// How its rows are reached there.
    pub kind: PlaceKind,
    /// What a `FIELDS()` in its select list stands for; `None` where there is none. `Every` of the accesses is then
    /// replaced by the list that [`super::Edits::fields`] gives.
    pub expands: Option<FieldsFunction>,
}

/// How rows of an object are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    /// The query's own object.
    Root,
    /// A child subquery.
    Child,
    /// A semi-join or anti-join.
    SemiJoin,
    /// A parent path of another place, by relationships.
    Parent,
}

/// A condition that stands by itself, resolved against one object: a grant's `where`, a search's `Account.where`.
#[derive(Debug)]
pub struct ResolvedCondition {
    object: ObjectId,
    accesses: Vec<Access>,
    text: Box<str>,
    condition: Condition,
    hops: u8,
}

/// An order that stands by itself, resolved against one object: a search's `Account.orderBy`.
#[derive(Debug)]
pub struct ResolvedOrderBy {
    accesses: Vec<Access>,
    text: Box<str>,
}

/// A condition, an order or a path that cannot be held: it does not parse, or names what the object does not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ConditionProblem(pub String);

/// Looks up every name of a query.
///
/// # Errors
/// The first name that is unknown, ambiguous, or not allowed where it stands.
pub fn resolve(query: Query, schema: &Schema, version: ApiVersion) -> Result<Resolved, NameError> {
    let mut resolver = Resolver::new(schema, query.text(), version);
    resolver.query(query.root()).map_err(|error| *error)?;
    let found = resolver.finish();
    Ok(Resolved { query, found })
}

/// What a field path such as `Owner.Email` of an object touches: the field, and the key of every hop.
///
/// # Errors
/// When it is not a path, or names what the object does not have.
pub fn resolve_path(text: &str, schema: &Schema, object: ObjectId) -> Result<Vec<Access>, ConditionProblem> {
    let path = Lexer::new(text).next();
    match path.kind {
        Kind::Word | Kind::Path | Kind::Key(_) if path.span.of(text).len() == text.len() => {
            alone(text, schema, object, |resolver, scope| resolver.path(scope, path.path()))
                .map(|found| found.accesses)
        }
        _ => Err(ConditionProblem(format!("`{}` is not a field", text.escape_default()))),
    }
}

// === impl Resolved ===

impl Resolved {
    /// Everything the query touches, each once, in order of first appearance. Every object comes with an access to
    /// the object as such.
    #[must_use]
    pub fn accesses(&self) -> &[Access] {
        &self.found.accesses
    }

    /// Every place where rows are read; the first is the root.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.found.places
    }

    /// The query as it was read.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// The query's text with every literal replaced by `?`.
    #[must_use]
    pub fn redacted(&self) -> String {
        self.query.redacted()
    }

    /// The construct that Bulk API queries do not know, if there is one (reference, section 5.1).
    #[must_use]
    pub fn bulk_problem(&self) -> Option<&'static str> {
        let compound = self.found.selects_compound.then_some("a compound address or location field");
        self.query.bulk_problem().or(compound)
    }

    pub(super) fn found(&self) -> &Findings {
        &self.found
    }
}

// === impl ResolvedCondition ===

impl ResolvedCondition {
    /// Parses a condition and resolves it against an object. Its paths start at the object, without its name.
    ///
    /// # Errors
    /// When it does not parse, or names what the object does not have.
    pub fn new(text: &str, schema: &Schema, object: ObjectId) -> Result<Self, ConditionProblem> {
        let condition = parse_condition(text)?;
        let found = alone(condition.text(), schema, object, |resolver, scope| {
            resolver.predicate(scope, condition.root())
        })?;
        let text = condition.to_string().into();
        let hops = found.anchors.iter().map(|anchor| anchor.hops).max().unwrap_or(0);
        Ok(Self { object, accesses: found.accesses, text, condition, hops })
    }

    /// The object it is about.
    #[must_use]
    pub fn object(&self) -> ObjectId {
        self.object
    }

    /// Everything it touches.
    #[must_use]
    pub fn accesses(&self) -> &[Access] {
        &self.accesses
    }

    /// Its text, canonical.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its text with every literal replaced by `?`.
    #[must_use]
    pub fn redacted(&self) -> String {
        self.condition.redacted()
    }

    pub(crate) fn condition(&self) -> &Condition {
        &self.condition
    }

    /// The longest way it goes by relationships.
    pub(super) fn hops(&self) -> u8 {
        self.hops
    }
}

// === impl ResolvedOrderBy ===

impl ResolvedOrderBy {
    /// Parses what may follow `ORDER BY` and resolves it against an object.
    ///
    /// # Errors
    /// When it does not parse, or names what the object does not have.
    pub fn new(text: &str, schema: &Schema, object: ObjectId) -> Result<Self, ConditionProblem> {
        let order: OrderBy = parse_order_by(text)?;
        let found = alone(order.text(), schema, object, |resolver, scope| {
            order.orders().iter().try_for_each(|order| resolver.expression(scope, &order.by))
        })?;
        Ok(Self { accesses: found.accesses, text: order.to_string().into() })
    }

    /// Everything it touches.
    #[must_use]
    pub fn accesses(&self) -> &[Access] {
        &self.accesses
    }

    /// Its text, canonical.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

// === impl ConditionProblem ===

impl From<Unreadable> for ConditionProblem {
    fn from(problem: Unreadable) -> Self {
        Self(problem.to_string())
    }
}

impl From<NameError> for ConditionProblem {
    fn from(problem: NameError) -> Self {
        Self(problem.to_string())
    }
}

fn alone<'a>(
    text: &'a str,
    schema: &'a Schema,
    object: ObjectId,
    visit: impl FnOnce(&mut Resolver<'a>, &Scope<'a>) -> Lookup<()>,
) -> Result<Findings, ConditionProblem> {
    let mut resolver = Resolver::new(schema, text, NEWEST);
    let scope = resolver.condition_scope(object);
    visit(&mut resolver, &scope).map_err(|error| *error)?;
    Ok(resolver.finish())
}

/// Conditions have no subqueries whose depth would depend on the version.
const NEWEST: ApiVersion = ApiVersion::new(u16::MAX);
