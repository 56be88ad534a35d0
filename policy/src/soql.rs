//! SOQL: the text of a query to the objects and fields it touches.
//!
//! (The interface that `decision` builds on; the language itself is being written beside it.)

use thiserror::Error;

use crate::request::Access;
use crate::schema::{ObjectId, Schema};

/// A query whose every name was found in the schema.
#[derive(Debug)]
pub struct Resolved {
    accesses: Vec<Access>,
    places: Vec<Place>,
}

/// One place in a query where rows of an object are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The object.
    pub object: ObjectId,
    /// How its rows are reached there.
    pub kind: PlaceKind,
    /// What a `FIELDS()` in its select list stands for; `None` where there is none. `Every` of the accesses is then
    /// replaced by the list that [`Edits::fields`] gives.
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

/// The argument of `FIELDS()`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldsFunction {
    /// `FIELDS(ALL)`
    All,
    /// `FIELDS(STANDARD)`
    Standard,
    /// `FIELDS(CUSTOM)`
    Custom,
}

/// A condition that stands by itself, resolved against one object: a grant's `where`, a search's `Account.where`.
#[derive(Debug)]
pub struct ResolvedCondition {
    object: ObjectId,
    accesses: Vec<Access>,
    text: Box<str>,
}

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

impl Resolved {
    /// Everything the query touches, each once, in order of first appearance.
    #[must_use]
    pub fn accesses(&self) -> &[Access] {
        &self.accesses
    }

    /// Every place where rows are read; the first is the root.
    #[must_use]
    pub fn places(&self) -> &[Place] {
        &self.places
    }

    /// The query's text, canonical, narrowed by `edits`.
    ///
    /// # Errors
    /// When a condition cannot be expressed in its place.
    pub fn narrowed(&self, _edits: &Edits<'_>) -> Result<String, Inexpressible> {
        Err(Inexpressible("not available"))
    }

    /// The query's text with every literal replaced by `?`.
    #[must_use]
    pub fn redacted(&self) -> String {
        String::new()
    }
}

/// A condition that cannot be held: it does not parse, or names what the object does not have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ConditionProblem(pub String);

impl ResolvedCondition {
    /// Parses a condition and resolves it against an object.
    ///
    /// # Errors
    /// When it does not parse, or names what the object does not have.
    pub fn new(_text: &str, _schema: &Schema, _object: ObjectId) -> Result<Self, ConditionProblem> {
        Err(ConditionProblem("not available".to_owned()))
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
}
