//! The functions of SOQL: of one value, and of a group's values.

use super::dates;
use crate::schema::Kind;
use crate::value::Value;
use std::cmp::Ordering;
use std::collections::HashSet;

/// A function of one row's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    /// The value itself: `toLabel`, `convertCurrency`, `convertTimezone` in an org with one language, currency and zone.
    Same,
    Format,
    Grouping,
    Distance,
    DayOnly,
    /// A part of a date, by the function's name in capitals.
    Part(&'static str),
}

/// A function of a group's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Count,
    CountDistinct,
    Sum,
    Avg,
    Min,
    Max,
}

// === impl Function ===

impl Function {
    pub(crate) fn named(name: &str) -> Option<Self> {
        let upper = name.to_ascii_uppercase();
        match upper.as_str() {
            "TOLABEL" | "CONVERTCURRENCY" | "CONVERTTIMEZONE" => Some(Self::Same),
            "FORMAT" => Some(Self::Format),
            "GROUPING" => Some(Self::Grouping),
            "DISTANCE" => Some(Self::Distance),
            "DAY_ONLY" => Some(Self::DayOnly),
            other => dates::PARTS.iter().find(|part| **part == other).map(|part| Self::Part(part)),
        }
    }

    pub(crate) fn kind(self, arg: Option<Kind>) -> Kind {
        match self {
            Self::Same => arg.unwrap_or(Kind::Text("string")),
            Self::Format => Kind::Text("string"),
            Self::Distance => Kind::Double("double"),
            Self::DayOnly => Kind::Date,
            Self::Grouping | Self::Part(_) => Kind::Integer("int"),
        }
    }

    pub(crate) fn apply(self, args: &[Value]) -> Value {
        let first = args.first().cloned().unwrap_or_default();
        match self {
            Self::Same => first,
            Self::Grouping => Value::Num(0.0),
            Self::Format if first.is_null() => Value::Null,
            Self::Format => Value::text(first.display()),
            Self::Distance => distance(args),
            Self::DayOnly => first.as_str().and_then(|text| text.get(..10)).map_or(Value::Null, Value::text),
            Self::Part(part) => {
                first.as_str().and_then(|text| dates::part(part, text)).map_or(Value::Null, Value::Num)
            }
        }
    }
}

/// Kilometres or miles between two places on a sphere; arguments: latitude, longitude, latitude, longitude, unit.
fn distance(args: &[Value]) -> Value {
    let numbers: Vec<f64> = args
        .iter()
        .filter_map(|arg| match arg {
            Value::Num(number) => Some(number.to_radians()),
            _ => None,
        })
        .collect();
    let [lat1, lon1, lat2, lon2] = numbers.as_slice() else { return Value::Null };
    let half =
        ((lat2 - lat1) / 2.0).sin().powi(2) + lat1.cos() * lat2.cos() * ((lon2 - lon1) / 2.0).sin().powi(2);
    let kilometres = 2.0 * 6371.0088 * half.sqrt().asin();
    let miles = args.last().and_then(Value::as_str).is_some_and(|unit| unit.eq_ignore_ascii_case("mi"));
    Value::Num(if miles { kilometres / 1.609_344 } else { kilometres })
}

// === impl Aggregate ===

impl Aggregate {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "COUNT" => Some(Self::Count),
            "COUNT_DISTINCT" => Some(Self::CountDistinct),
            "SUM" => Some(Self::Sum),
            "AVG" => Some(Self::Avg),
            "MIN" => Some(Self::Min),
            "MAX" => Some(Self::Max),
            _ => None,
        }
    }

    pub(crate) fn kind(self, arg: Option<Kind>) -> Kind {
        match self {
            Self::Count | Self::CountDistinct => Kind::Integer("int"),
            Self::Sum | Self::Avg => Kind::Double("double"),
            Self::Min | Self::Max => arg.unwrap_or(Kind::Text("string")),
        }
    }

    /// The value over the values of a group; nulls do not count.
    pub(crate) fn apply(self, values: &[Value]) -> Value {
        let known: Vec<&Value> = values.iter().filter(|value| !value.is_null()).collect();
        let sum = || {
            known.iter().map(|value| if let Value::Num(number) = value { *number } else { 0.0 }).sum::<f64>()
        };
        match self {
            Self::Count => count(known.len()),
            Self::CountDistinct => {
                count(known.iter().map(|value| value.display()).collect::<HashSet<_>>().len())
            }
            _ if known.is_empty() => Value::Null,
            Self::Sum => Value::Num(sum()),
            Self::Avg => match count(known.len()) {
                Value::Num(rows) => Value::Num(sum() / rows),
                _ => Value::Null,
            },
            Self::Min => extreme(&known, Ordering::Less),
            Self::Max => extreme(&known, Ordering::Greater),
        }
    }
}

fn count(rows: usize) -> Value {
    Value::Num(u32::try_from(rows).map_or(f64::MAX, f64::from))
}

fn extreme(values: &[&Value], wanted: Ordering) -> Value {
    let better = |best: &Value, value: &Value| value.order(best, false) == wanted;
    values.iter().fold(Value::Null, |best, value| {
        if best.is_null() || better(&best, value) { (*value).clone() } else { best }
    })
}
