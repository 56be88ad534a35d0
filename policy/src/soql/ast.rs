//! The syntax tree. It holds no text: names and literals are spans of the query they were read from.

use super::keyword::Function;
use super::lexer::{Comparison, Path, Span};

/// The number of a scope: a place with an object of its own and, perhaps, a condition. Counted from zero in the
/// order of the text: the query itself, then its subqueries and semi-joins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopeId(pub(crate) u16);

/// A query or a child subquery.
#[derive(Debug)]
pub(crate) struct Select {
    pub(crate) scope: ScopeId,
    pub(crate) items: Vec<Item>,
    pub(crate) from: Source,
    /// Further items of the FROM list, which name parents. Empty in subqueries.
    pub(crate) parents: Vec<Source>,
    pub(crate) using: Vec<Using>,
    pub(crate) condition: Option<Predicate>,
    pub(crate) with: Option<With>,
    /// Absent in subqueries.
    pub(crate) group: Option<Grouping>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<u32>,
    pub(crate) offset: Option<u32>,
    pub(crate) purpose: Option<Purpose>,
    pub(crate) track: Track,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Item {
    /// `Name`, `MAX(Amount) most`
    Expression(Expression, Option<Span>),
    /// `COUNT()`, always alone and in the outermost query.
    Count,
    /// `FIELDS(ALL)`
    Fields(FieldsFunction),
    /// `(SELECT Id FROM Contacts)`
    Child(Box<Select>, Option<Span>),
    /// `TYPEOF What WHEN Account THEN Phone END`
    TypeOf(Box<TypeOf>, Option<Span>),
}

/// The argument of `FIELDS()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldsFunction {
    /// `FIELDS(ALL)`
    All,
    /// `FIELDS(STANDARD)`
    Standard,
    /// `FIELDS(CUSTOM)`
    Custom,
}

/// A field, or something made of fields.
#[derive(Debug)]
pub(crate) enum Expression {
    Path(Path),
    Call(Function, Path),
    Nested(Function, Function, Path),
    Distance(Box<Distance>),
}

/// `DISTANCE(from, to, unit)`
#[derive(Debug)]
pub(crate) struct Distance {
    pub(crate) from: Path,
    pub(crate) to: Geo,
    pub(crate) unit: Span,
}

/// One end of a distance.
#[derive(Debug)]
pub(crate) enum Geo {
    Path(Path),
    Point(Span, Span),
}

#[derive(Debug)]
pub(crate) struct TypeOf {
    pub(crate) path: Path,
    pub(crate) when: Vec<When>,
    pub(crate) otherwise: Vec<Path>,
}

#[derive(Debug)]
pub(crate) struct When {
    pub(crate) object: Span,
    pub(crate) fields: Vec<Path>,
}

/// An item of a FROM list.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: Path,
    pub(crate) alias: Option<Span>,
}

/// `SCOPE mine` of a USING clause.
#[derive(Debug)]
pub(crate) enum Using {
    Scope(Span),
    Lookup(Span),
}

/// What a condition says, with the parentheses it was written with: nothing here depends on which operator binds
/// tighter.
#[derive(Debug)]
pub(crate) enum Predicate {
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
    Not(Box<Predicate>),
    Group(Box<Predicate>),
    Compare(Expression, Comparison, Value),
    Like(Expression, Span),
    In(Expression, Membership, Vec<Value>),
    SemiJoin(Expression, Membership, Box<SemiJoin>),
    /// `INCLUDES ('a;b', 'c')` and `EXCLUDES`, on multi-select pick-lists.
    Picks(Path, Picks, Vec<Span>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    In,
    NotIn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picks {
    Includes,
    Excludes,
}

/// `SELECT column FROM object WHERE ..` inside `IN (..)`.
#[derive(Debug)]
pub(crate) struct SemiJoin {
    pub(crate) scope: ScopeId,
    pub(crate) column: Path,
    pub(crate) from: Source,
    pub(crate) using: Vec<Using>,
    pub(crate) condition: Option<Predicate>,
}

/// A literal.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value {
    Text(Span),
    /// A number, currency, date, datetime or time.
    Plain(Span),
    True,
    False,
    Null,
    /// `TODAY`, `LAST_N_DAYS:30`
    Formula(Span, Option<Span>),
}

#[derive(Debug)]
pub(crate) enum With {
    DataCategory(Vec<Category>),
    /// `SECURITY_ENFORCED`, `USER_MODE`, `SYSTEM_MODE`: rights checked more strictly, or as they are anyway.
    Mode(Mode),
    /// `UserId = '005..'`
    Equals(Span, Span),
    /// `RecordVisibilityContext (maxDescriptorPerRecord = 100)`
    Context(Span, Vec<(Span, Value)>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    SecurityEnforced,
    User,
    System,
}

#[derive(Debug)]
pub(crate) struct Category {
    pub(crate) group: Span,
    pub(crate) reach: Reach,
    pub(crate) names: Vec<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    At,
    Above,
    Below,
    AboveOrBelow,
}

#[derive(Debug)]
pub(crate) struct Grouping {
    pub(crate) kind: GroupKind,
    pub(crate) by: Vec<Expression>,
    pub(crate) having: Option<Predicate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GroupKind {
    Plain,
    Rollup,
    Cube,
}

#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) by: Expression,
    pub(crate) direction: Option<Direction>,
    pub(crate) nulls: Option<Nulls>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nulls {
    First,
    Last,
}

/// `FOR VIEW` and `FOR REFERENCE`: reads that write when the rows were last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    View,
    Reference,
}

/// `UPDATE TRACKING, VIEWSTAT`: reads that write statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Track {
    pub(crate) tracking: bool,
    pub(crate) viewstat: bool,
}

// === impl Track ===

impl Track {
    pub(crate) fn is_empty(self) -> bool {
        self == Self::default()
    }
}

// === impl Predicate ===

impl Predicate {
    /// Whether it, or any part of it, asks another object.
    pub(crate) fn has_semi_join(&self) -> bool {
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::has_semi_join),
            Self::Not(inner) | Self::Group(inner) => inner.has_semi_join(),
            Self::SemiJoin(..) => true,
            Self::Compare(..) | Self::Like(..) | Self::In(..) | Self::Picks(..) => false,
        }
    }
}

/// The structure of a tree over `text`, as text: two trees are equal when their shapes are, wherever the names and
/// literals stood.
pub(crate) fn shape(tree: &impl std::fmt::Debug, text: &str) -> String {
    let debug = format!("{tree:?}");
    let mut shape = String::with_capacity(debug.len());
    let mut rest = debug.as_str();
    while let Some((before, after)) = rest.split_once('<') {
        shape.push_str(before);
        let Some((range, tail)) = after.split_once('>') else { break };
        let (start, end) = range.split_once("..").unwrap_or_default();
        let range = start.parse().unwrap_or_default()..end.parse().unwrap_or_default();
        let named = text.get::<std::ops::Range<usize>>(range).unwrap_or_default();
        shape.push_str(&format!("{named:?}"));
        rest = tail;
    }
    shape.push_str(rest);
    shape
}
