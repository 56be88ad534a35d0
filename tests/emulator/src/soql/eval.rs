//! Values of scalars and truth of conditions, for a row or for a group of rows.

use super::plan::{ENTITY, Hop, Reach, Scalar, Test, Wild};
use crate::id::Id;
use crate::schema::{Kind, Schema};
use crate::store::{Found, Store};
use crate::value::Value;
use jiff::Timestamp;
use std::cmp::Ordering;

/// What a query may look at while it runs.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) schema: &'a Schema,
    pub(crate) store: &'a Store,
    pub(crate) now: Timestamp,
    pub(crate) user: &'a str,
    /// `60` of `v60.0`.
    pub(crate) version: u32,
    /// The namespace that unqualified names are first looked up in.
    pub(crate) namespace: Option<&'a str>,
}

// === impl View ===

impl View<'_> {
    /// The value of a scalar for a group; for a single row, a group of one.
    pub(crate) fn value(&self, scalar: &Scalar, rows: &[Found]) -> Value {
        match scalar {
            Scalar::Constant(value) => value.clone(),
            Scalar::Field(reach) => rows.first().map_or(Value::Null, |row| self.field(reach, row)),
            Scalar::Call(function, args) => {
                let args: Vec<Value> = args.iter().map(|arg| self.value(arg, rows)).collect();
                function.apply(&args)
            }
            Scalar::Aggregate(aggregate, None) => aggregate.apply(&vec![Value::Bool(true); rows.len()]),
            Scalar::Aggregate(aggregate, Some(arg)) => {
                let values: Vec<Value> =
                    rows.iter().map(|row| self.value(arg, std::slice::from_ref(row))).collect();
                aggregate.apply(&values)
            }
        }
    }

    /// The row at the end of some hops.
    pub(crate) fn follow(&self, row: &Found, hops: &[Hop]) -> Option<Found> {
        hops.iter().try_fold(row.clone(), |row, hop| {
            let (place, _) = self.schema.at(row.object)?.field(&hop.key)?;
            let id = row.row.get(place).as_str()?;
            self.store.find(self.schema, id).filter(|parent| !parent.row.deleted)
        })
    }

    fn field(&self, reach: &Reach, row: &Found) -> Value {
        if reach.hops.is_empty() {
            return self.own_field(&reach.field, row);
        }
        self.follow(row, &reach.hops).map_or(Value::Null, |parent| self.own_field(&reach.field, &parent))
    }

    /// A field of the row itself, by name: what the row holds, or what follows from it.
    pub(crate) fn own_field(&self, name: &str, row: &Found) -> Value {
        let Some(object) = self.schema.at(row.object) else { return Value::Null };
        if name == ENTITY {
            return Value::text(object.name.as_str());
        }
        let Some((place, field)) = object.field(name) else { return Value::Null };
        match field.kind {
            Kind::Id => Value::text(row.id.as_str()),
            Kind::Boolean if field.name == "IsDeleted" => Value::Bool(row.row.deleted),
            Kind::Boolean if row.row.get(place).is_null() => Value::Bool(false),
            // A compound is nothing when all its parts are.
            Kind::Address | Kind::Location => {
                let mut parts =
                    object.fields.iter().enumerate().filter(|(_, part)| is_part(&field.name, &part.name));
                let held = parts.any(|(part, _)| !row.row.get(part).is_null());
                if held { Value::text(field.name.as_str()) } else { Value::Null }
            }
            _ => row.row.get(place).clone(),
        }
    }

    /// Whether a condition holds for a group; for a single row, a group of one.
    pub(crate) fn holds(&self, test: &Test, rows: &[Found]) -> bool {
        match test {
            Test::All(parts) => parts.iter().all(|part| self.holds(part, rows)),
            Test::Any(parts) => parts.iter().any(|part| self.holds(part, rows)),
            Test::Not(part) => !self.holds(part, rows),
            Test::Compare { left, operator, right, exact } => {
                compare(operator, &self.value(left, rows), right, *exact)
            }
            Test::Span { left, operator, from, to } => in_span(operator, &self.value(left, rows), from, to),
            Test::Like { left, pattern } => match self.value(left, rows) {
                Value::Text(text) => like(&text.to_lowercase().chars().collect::<Vec<_>>(), pattern),
                _ => false,
            },
            Test::In { left, negated, values, exact } => {
                values.contains(&key(&self.value(left, rows), *exact)) != *negated
            }
            Test::Includes { left, negated, values } => {
                includes(self.value(left, rows).as_str().unwrap_or_default(), values) != *negated
            }
        }
    }
}

/// `BillingCity` is part of `BillingAddress`, `Loc__latitude__s` of `Loc__c`.
fn is_part(compound: &str, field: &str) -> bool {
    let stem = compound.strip_suffix("Address").map(str::to_owned);
    let stem = stem.or_else(|| compound.strip_suffix("__c").map(|stem| format!("{stem}__")));
    let rest = stem.and_then(|stem| field.strip_prefix(&stem).map(str::to_owned)).unwrap_or_default();
    [
        "City",
        "Country",
        "Latitude",
        "Longitude",
        "PostalCode",
        "State",
        "Street",
        "latitude__s",
        "longitude__s",
    ]
    .contains(&rest.as_str())
}

/// A value as a member of a set.
pub(crate) fn key(value: &Value, exact: bool) -> String {
    match value {
        Value::Null => "\u{0}".to_owned(),
        Value::Text(text) if exact => text.to_string(),
        other => other.display().to_lowercase(),
    }
}

/// The id a value holds.
pub(crate) fn id_of(value: &Value) -> Option<Id> {
    value.as_str().map(str::to_owned)
}

fn compare(operator: &str, left: &Value, right: &Value, exact: bool) -> bool {
    let order = left.order(right, exact);
    match operator {
        "=" => order == Ordering::Equal,
        "!=" => order != Ordering::Equal,
        // Nothing is neither less nor more than something.
        _ if left.is_null() || right.is_null() => false,
        "<" => order == Ordering::Less,
        "<=" => order != Ordering::Greater,
        ">" => order == Ordering::Greater,
        _ => order != Ordering::Less,
    }
}

fn in_span(operator: &str, value: &Value, from: &Value, to: &Value) -> bool {
    let before = value.order(from, true) == Ordering::Less;
    let after = value.order(to, true) != Ordering::Less;
    match operator {
        "!=" => value.is_null() || before || after,
        _ if value.is_null() => false,
        "=" => !before && !after,
        "<" => before,
        "<=" => !after,
        ">" => after,
        _ => !before,
    }
}

/// Whether a text, in lower case, is like a pattern. Linear in the common case and never worse than the product of
/// both lengths: after a mismatch only the last `%` takes one more letter.
fn like(text: &[char], pattern: &[Wild]) -> bool {
    let (mut at, mut part) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(at) {
        match pattern.get(part) {
            Some(Wild::Any) => {
                part += 1;
                retry = Some((at, part));
            }
            Some(Wild::One) => (at, part) = (at + 1, part + 1),
            Some(Wild::Letter(wanted)) if wanted == letter => (at, part) = (at + 1, part + 1),
            _ => match retry {
                Some((from, after)) => {
                    (at, part) = (from + 1, after);
                    retry = Some((from + 1, after));
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(part).all(|part| *part == Wild::Any)
}

/// A pattern of LIKE, in lower case: `%` is any text, `_` any letter, `\` takes the meaning from the next.
pub(crate) fn wild(pattern: &str) -> Vec<Wild> {
    let lower = pattern.to_lowercase();
    let mut letters = lower.chars();
    let mut parts = Vec::new();
    while let Some(letter) = letters.next() {
        parts.push(match letter {
            '%' => Wild::Any,
            '_' => Wild::One,
            '\\' => Wild::Letter(letters.next().unwrap_or('\\')),
            other => Wild::Letter(other),
        });
    }
    parts
}

/// Each value may join several with `;`, all of which must be picked.
fn includes(picked: &str, values: &[String]) -> bool {
    let picked: Vec<&str> = picked.split(';').collect();
    values
        .iter()
        .any(|value| value.split(';').all(|one| picked.iter().any(|have| have.eq_ignore_ascii_case(one))))
}

#[cfg(test)]
mod tests {
    use super::{like, wild};

    #[test]
    fn patterns_match_whole_texts() {
        let is_like = |text: &str, pattern: &str| like(&text.chars().collect::<Vec<_>>(), &wild(pattern));
        for (text, pattern, expected) in [
            ("account 1", "Account%", true),
            ("account 1", "%1", true),
            ("account 1", "acc_unt _", true),
            ("account 1", "account", false),
            ("a%b", r"a\%b", true),
            ("axb", r"a\%b", false),
            ("abcabd", "%ab%d", true),
            ("", "%", true),
            ("", "_", false),
        ] {
            assert_eq!(is_like(text, pattern), expected, "{text} LIKE {pattern}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_answered_in_time() {
        let text = vec!['a'; 20_000];
        assert!(!like(&text, &wild(&format!("{}b", "%a".repeat(200)))));
    }
}
