//! Conditions: each value is brought to the type of what it is compared with.

use super::super::ast::{Condition, Literal};
use super::super::eval::{View, key, wild};
use super::super::plan::{Scalar, Test};
use super::super::{dates, run};
use super::Binder;
use crate::fault::{Fault, Outcome};
use crate::id;
use crate::schema::Kind;
use crate::value::Value;

impl Binder<'_> {
    /// Binds a condition.
    pub(crate) fn condition(&mut self, condition: &Condition) -> Outcome<Test> {
        match condition {
            Condition::All(parts) => Ok(Test::All(self.conditions(parts)?)),
            Condition::Any(parts) => Ok(Test::Any(self.conditions(parts)?)),
            Condition::Not(part) => Ok(Test::Not(Box::new(self.condition(part)?))),
            Condition::Compare { left, operator, right } => {
                let left = self.filterable(left)?;
                compare(self.view, left, operator, right)
            }
            Condition::Like { left, pattern } => {
                let left = self.filterable(left)?;
                if !matches!(left.kind(), Kind::Text(_)) {
                    return Err(Fault::bad("INVALID_QUERY_FILTER_OPERATOR", "LIKE needs a text field"));
                }
                Ok(Test::Like { left, pattern: wild(pattern) })
            }
            Condition::In { left, negated, values } => {
                let left = self.filterable(left)?;
                let exact = is_exact(left.kind());
                let values = values
                    .iter()
                    .map(|value| typed(left.kind(), value).map(|value| key(&value, exact)))
                    .collect::<Outcome<_>>()?;
                Ok(Test::In { left, negated: *negated, values, exact })
            }
            Condition::InQuery { left, negated, query } => {
                let left = self.filterable(left)?;
                let plan = super::bind(self.view, self.touches, query, self.all_rows)?;
                let values = run::single_column(self.view, &plan)?;
                let exact = is_exact(left.kind());
                let values = values.iter().filter(|value| !value.is_null()).map(|value| key(value, exact));
                Ok(Test::In { left, negated: *negated, values: values.collect(), exact })
            }
            Condition::Includes { left, negated, values } => {
                let left = self.filterable(left)?;
                if left.kind() != Kind::MultiPicklist {
                    return Err(Fault::bad(
                        "INVALID_QUERY_FILTER_OPERATOR",
                        "INCLUDES and EXCLUDES need a multi-select picklist",
                    ));
                }
                Ok(Test::Includes { left, negated: *negated, values: values.clone() })
            }
        }
    }

    fn conditions(&mut self, parts: &[Condition]) -> Outcome<Vec<Test>> {
        parts.iter().map(|part| self.condition(part)).collect()
    }

    fn filterable(&mut self, expr: &super::super::ast::Expr) -> Outcome<Scalar> {
        let scalar = self.scalar(expr)?;
        match scalar.kind() {
            Kind::Blob => {
                Err(Fault::bad("INVALID_FIELD", "a field of this type can not be filtered in a query call"))
            }
            _ => Ok(scalar),
        }
    }
}

/// A value without a field to be typed by.
pub(super) fn plain(literal: &Literal) -> Value {
    match literal {
        Literal::Num(number) => Value::Num(*number),
        Literal::Bool(value) => Value::Bool(*value),
        Literal::Text(text) | Literal::Date(text) | Literal::DateTime(text) | Literal::Time(text) => {
            Value::text(text.as_str())
        }
        Literal::Null | Literal::Formula(..) => Value::Null,
    }
}

fn compare(view: View<'_>, left: Scalar, operator: &'static str, right: &Literal) -> Outcome<Test> {
    let kind = left.kind();
    if let Literal::Formula(name, n) = right {
        let (from, to) = dates::span(name, *n, dates::day_of(view.now))
            .ok_or_else(|| Fault::malformed_query(format!("unexpected token: '{name}'")))?;
        let bound = |day| match kind {
            Kind::Date => Ok(Value::text(jiff::civil::Date::to_string(&day))),
            Kind::DateTime => Ok(Value::text(dates::midnight(day))),
            _ => Err(mismatch(kind)),
        };
        return Ok(Test::Span { left, operator, from: bound(from)?, to: bound(to)? });
    }
    let right = typed(kind, right)?;
    Ok(Test::Compare { left, operator, right, exact: is_exact(kind) })
}

/// Ids and times are compared as written, other text without regard to case.
fn is_exact(kind: Kind) -> bool {
    matches!(kind, Kind::Id | Kind::Reference | Kind::Date | Kind::DateTime | Kind::Time)
}

fn typed(kind: Kind, literal: &Literal) -> Outcome<Value> {
    match (kind, literal) {
        (_, Literal::Null) => Ok(Value::Null),
        (Kind::Id | Kind::Reference, Literal::Text(text)) => match id::normalise(text) {
            Some(id) => Ok(Value::text(id)),
            None if text.is_empty() => Ok(Value::Null),
            None => Err(Fault::bad("INVALID_QUERY_FILTER_OPERATOR", format!("invalid ID field: {text}"))),
        },
        (Kind::Boolean, Literal::Bool(value)) => Ok(Value::Bool(*value)),
        (Kind::Double(_) | Kind::Integer(_), Literal::Num(number)) => Ok(Value::Num(*number)),
        (Kind::Date, Literal::Date(text)) => {
            dates::parse_day(text).map(Value::text).ok_or_else(|| mismatch(kind))
        }
        (Kind::DateTime, Literal::DateTime(text)) => {
            dates::parse_moment(text).map(Value::text).ok_or_else(|| mismatch(kind))
        }
        (Kind::Time, Literal::Time(text)) => Ok(Value::text(text.as_str())),
        (Kind::Text(_) | Kind::MultiPicklist, Literal::Text(text)) => {
            let unescaped = text.replace("\\%", "%").replace("\\_", "_");
            Ok(if unescaped.is_empty() { Value::Null } else { Value::text(unescaped) })
        }
        _ => Err(mismatch(kind)),
    }
}

fn mismatch(kind: Kind) -> Fault {
    let wanted = kind.describe_type();
    let quotes = if matches!(kind, Kind::Text(_)) { "should" } else { "should not" };
    Fault::bad(
        "INVALID_FIELD",
        format!("value of filter criterion must be of type {wanted} and {quotes} be enclosed in quotes"),
    )
}
