//! A query whose names have become places.

use super::functions::{Aggregate, Function};
use crate::id::Id;
use crate::schema::Kind;
use crate::value::Value;
use std::collections::HashSet;
use std::sync::Arc;

/// A bound query.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Place of the queried object in the schema.
    pub(crate) object: usize,
    pub(crate) columns: Vec<Column>,
    pub(crate) filter: Option<Test>,
    pub(crate) group: Vec<Scalar>,
    /// Rows of the answer stand for groups of records.
    pub(crate) aggregated: bool,
    /// `SELECT COUNT()`.
    pub(crate) count_only: bool,
    pub(crate) having: Option<Test>,
    pub(crate) order: Vec<Key>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: u64,
    /// Rows in the recycle bin count too.
    pub(crate) all_rows: bool,
    pub(crate) marks: bool,
}

/// One column of the answer.
#[derive(Debug)]
pub(crate) enum Column {
    Value {
        /// Foreign keys on the way to the parent under which the value is shown.
        hops: Vec<Hop>,
        label: String,
        scalar: Scalar,
    },
    Children {
        name: String,
        /// The child's foreign key.
        key: String,
        plan: Arc<Plan>,
    },
    TypeOf {
        hops: Vec<Hop>,
        when: Vec<(usize, Vec<Column>)>,
        otherwise: Vec<Column>,
    },
}

/// One step to a parent.
#[derive(Debug, Clone)]
pub(crate) struct Hop {
    pub(crate) key: String,
    pub(crate) relationship: String,
}

/// Something that has a value for a row or a group of rows.
#[derive(Debug)]
pub(crate) enum Scalar {
    Field(Reach),
    Constant(Value),
    Call(Function, Vec<Scalar>),
    Aggregate(Aggregate, Option<Box<Scalar>>),
}

/// A field, perhaps of a parent.
#[derive(Debug, Clone)]
pub(crate) struct Reach {
    pub(crate) hops: Vec<Hop>,
    /// The field's name, or [`ENTITY`].
    pub(crate) field: String,
    pub(crate) kind: Kind,
}

/// Stands for the name of the object that a polymorphic reference points at: `What.Type`, which is not the field
/// `Type` that the object may have.
pub(crate) const ENTITY: &str = ":entity";

/// A bound condition.
#[derive(Debug)]
pub(crate) enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Compare {
        left: Scalar,
        operator: &'static str,
        right: Value,
        exact: bool,
    },
    /// A comparison with a span of days: from, up to but without.
    Span {
        left: Scalar,
        operator: &'static str,
        from: Value,
        to: Value,
    },
    Like {
        left: Scalar,
        pattern: Vec<Wild>,
    },
    In {
        left: Scalar,
        negated: bool,
        values: HashSet<String>,
        exact: bool,
    },
    Includes {
        left: Scalar,
        negated: bool,
        values: Vec<String>,
    },
}

/// One part of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wild {
    /// Any text, even none.
    Any,
    /// Any one letter.
    One,
    Letter(char),
}

/// One key of the order.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) scalar: Scalar,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
}

/// Where the rows of an answer come from, page by page.
#[derive(Debug, Clone)]
pub(crate) enum Rows {
    Ids(Arc<Vec<Id>>),
    /// Rows made up on demand, from a place on.
    Virtual {
        from: u64,
        count: u64,
    },
    /// Finished rows, such as groups.
    Ready(Arc<Vec<serde_json::Value>>),
}

// === impl Scalar ===

impl Scalar {
    /// What kind of value it yields.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Field(reach) => reach.kind,
            Self::Constant(_) => Kind::Double("double"),
            Self::Call(function, args) => function.kind(args.first().map(Self::kind)),
            Self::Aggregate(aggregate, arg) => aggregate.kind(arg.as_deref().map(Self::kind)),
        }
    }

    /// Holds an aggregate function somewhere.
    pub(crate) fn is_aggregate(&self) -> bool {
        match self {
            Self::Aggregate(..) => true,
            Self::Call(_, args) => args.iter().any(Self::is_aggregate),
            Self::Field(_) | Self::Constant(_) => false,
        }
    }

    /// The field at the bottom, if there is exactly one.
    pub(crate) fn reach(&self) -> Option<&Reach> {
        match self {
            Self::Field(reach) => Some(reach),
            Self::Call(_, args) => args.first().and_then(Self::reach),
            Self::Aggregate(_, arg) => arg.as_deref().and_then(Self::reach),
            Self::Constant(_) => None,
        }
    }
}

// === impl Reach ===

impl Reach {
    /// The name in the answer.
    pub(crate) fn label(&self) -> &str {
        if self.field == ENTITY { "Type" } else { &self.field }
    }
}

// === impl Rows ===

impl Rows {
    pub(crate) fn len(&self) -> u64 {
        let held = match self {
            Self::Virtual { count, .. } => return *count,
            Self::Ids(ids) => ids.len(),
            Self::Ready(rows) => rows.len(),
        };
        u64::try_from(held).unwrap_or(u64::MAX)
    }
}
