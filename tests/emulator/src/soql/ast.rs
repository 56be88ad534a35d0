//! The syntax tree of a query, names as written.

/// A whole query, or a subquery.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pub(crate) select: Vec<Item>,
    pub(crate) from: Vec<Source>,
    pub(crate) scope: Option<String>,
    pub(crate) filter: Option<Condition>,
    pub(crate) group: Vec<Expr>,
    pub(crate) having: Option<Condition>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: u64,
    /// `FOR VIEW`, `FOR REFERENCE`: a read that leaves a mark.
    pub(crate) marks: bool,
}

/// One thing selected.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    Expr { expr: Expr, alias: Option<String> },
    Children { query: Box<Query> },
    TypeOf { path: Vec<String>, when: Vec<(String, Vec<Vec<String>>)>, otherwise: Vec<Vec<String>> },
}

/// What is queried.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) path: Vec<String>,
    pub(crate) alias: Option<String>,
}

/// A path or a function call.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    Path(Vec<String>),
    Call { name: String, args: Vec<Arg> },
}

/// An argument of a function.
#[derive(Debug, Clone)]
pub(crate) enum Arg {
    Expr(Expr),
    Literal(Literal),
}

/// A condition of WHERE or HAVING.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Not(Box<Condition>),
    Compare { left: Expr, operator: &'static str, right: Literal },
    Like { left: Expr, pattern: String },
    In { left: Expr, negated: bool, values: Vec<Literal> },
    InQuery { left: Expr, negated: bool, query: Box<Query> },
    Includes { left: Expr, negated: bool, values: Vec<String> },
}

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Null,
    Bool(bool),
    Num(f64),
    Text(String),
    Date(String),
    DateTime(String),
    Time(String),
    /// `LAST_N_DAYS:30`: the name in capitals, and the number.
    Formula(String, i64),
}

/// One key of ORDER BY.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) expr: Expr,
    pub(crate) descending: bool,
    pub(crate) nulls_last: bool,
}
