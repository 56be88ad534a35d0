//! `where` and `orderBy`: JSON to the conditions and keys of SOQL.

use super::invalid;
use crate::fault::Outcome;
use crate::schema::{Kind, Object, Schema};
use crate::soql::ast::{Condition, Expr, Item, Literal, Order, Query, Source};
use serde_json::Value as Json;

/// A `where` argument; nothing when it is null or empty.
pub(super) fn condition(schema: &Schema, object: &Object, filter: &Json) -> Outcome<Option<Condition>> {
    if filter.is_null() {
        return Ok(None);
    }
    let mut parts = Vec::new();
    collect(schema, object, (&[], filter), &mut parts)?;
    Ok(if parts.is_empty() { None } else { Some(Condition::All(parts)) })
}

fn collect(
    schema: &Schema,
    object: &Object,
    (path, filter): (&[String], &Json),
    parts: &mut Vec<Condition>,
) -> Outcome<()> {
    let map = filter.as_object().ok_or_else(|| invalid("a filter must be an object"))?;
    for (name, value) in map {
        match name.as_str() {
            "and" | "or" => {
                let entries = match value {
                    Json::Array(entries) => entries.clone(),
                    one => vec![one.clone()],
                };
                let mut inner = Vec::new();
                for entry in &entries {
                    let mut joined = Vec::new();
                    collect(schema, object, (path, entry), &mut joined)?;
                    inner.push(Condition::All(joined));
                }
                parts.push(if name == "and" { Condition::All(inner) } else { Condition::Any(inner) });
            }
            "not" => {
                let mut inner = Vec::new();
                collect(schema, object, (path, value), &mut inner)?;
                parts.push(Condition::Not(Box::new(Condition::All(inner))));
            }
            _ => field(schema, object, (path, name, value), parts)?,
        }
    }
    Ok(())
}

fn field(
    schema: &Schema,
    object: &Object,
    (path, name, value): (&[String], &str, &Json),
    parts: &mut Vec<Condition>,
) -> Outcome<()> {
    let path: Vec<String> = path.iter().cloned().chain([name.to_owned()]).collect();
    if let Some((_, field)) = object.field(name) {
        let operators = value.as_object().ok_or_else(|| invalid(format!("{name} needs an operator")))?;
        for (operator, operand) in operators {
            parts.push(predicate(schema, (field.kind, &path), operator, operand)?);
        }
        return Ok(());
    }
    let (_, parent) = object.parent(name).ok_or_else(|| invalid(format!("Unknown field {name}")))?;
    let target = if parent.is_polymorphic() { None } else { parent.targets.first() };
    // A polymorphic parent may be told apart by its type; without that, its first target has the common fields.
    let target = target.or_else(|| parent.targets.last()).and_then(|target| schema.object(target));
    let target = target.ok_or_else(|| invalid(format!("Unknown field {name}")))?;
    collect(schema, target, (&path, value), parts)
}

fn predicate(
    schema: &Schema,
    (kind, path): (Kind, &[String]),
    operator: &str,
    operand: &Json,
) -> Outcome<Condition> {
    let left = Expr::Path(path.to_vec());
    let list = || operand.as_array().cloned().unwrap_or_default();
    let texts = || list().iter().filter_map(Json::as_str).map(str::to_owned).collect();
    let compare =
        |operator| Ok(Condition::Compare { left: left.clone(), operator, right: literal(kind, operand)? });
    match operator {
        "eq" => compare("="),
        "ne" => compare("!="),
        "lt" => compare("<"),
        "lte" => compare("<="),
        "gt" => compare(">"),
        "gte" => compare(">="),
        "like" => {
            let pattern = operand.as_str().ok_or_else(|| invalid("like needs a text"))?.to_owned();
            Ok(Condition::Like { left, pattern })
        }
        "in" | "nin" => {
            let values = list().iter().map(|value| literal(kind, value)).collect::<Outcome<_>>()?;
            Ok(Condition::In { left, negated: operator == "nin", values })
        }
        "inq" | "ninq" => {
            let query = Box::new(semi_join(schema, operand)?);
            Ok(Condition::InQuery { left, negated: operator == "ninq", query })
        }
        "includes" => Ok(Condition::Includes { left, negated: false, values: texts() }),
        "excludes" => Ok(Condition::Includes { left, negated: true, values: texts() }),
        other => Err(invalid(format!("Unknown operator {other}"))),
    }
}

/// `{Contact: {LastName: {like: "A%"}}, ApiName: "AccountId"}`
fn semi_join(schema: &Schema, operand: &Json) -> Outcome<Query> {
    let map = operand.as_object().ok_or_else(|| invalid("a semi join must be an object"))?;
    let column = map.get("ApiName").and_then(Json::as_str).ok_or_else(|| invalid("ApiName is needed"))?;
    let inner = map.iter().find(|(name, _)| *name != "ApiName");
    let (name, filter) = inner.ok_or_else(|| invalid("a semi join needs an object"))?;
    let object = schema.object(name).ok_or_else(|| invalid(format!("Unknown object {name}")))?;
    Ok(Query {
        select: vec![Item::Expr { expr: Expr::Path(vec![column.to_owned()]), alias: None }],
        from: vec![Source { path: vec![name.clone()], alias: None }],
        filter: condition(schema, object, filter)?,
        ..Query::default()
    })
}

fn literal(kind: Kind, value: &Json) -> Outcome<Literal> {
    Ok(match (kind, value) {
        (_, Json::Null) => Literal::Null,
        (_, Json::Bool(value)) => Literal::Bool(*value),
        (_, Json::Number(number)) => Literal::Num(number.as_f64().unwrap_or_default()),
        (Kind::Date, Json::String(text)) => Literal::Date(text.clone()),
        (Kind::DateTime, Json::String(text)) => Literal::DateTime(text.clone()),
        (_, Json::String(text)) => Literal::Text(text.clone()),
        (Kind::Date | Kind::DateTime, Json::Object(map)) => {
            let named = map.get("literal").and_then(Json::as_str);
            let ranged = map.get("range").and_then(Json::as_object).and_then(|range| range.iter().next());
            match (named, ranged, map.get("value")) {
                (Some(name), _, _) => Literal::Formula(name.to_ascii_uppercase(), 0),
                (None, Some((name, count)), _) => {
                    Literal::Formula(name.to_ascii_uppercase(), count.as_i64().unwrap_or_default())
                }
                (None, None, Some(value)) => literal(kind, value)?,
                _ => return Err(invalid("a date needs a value, a literal or a range")),
            }
        }
        _ => return Err(invalid("a value of this kind cannot be compared")),
    })
}

/// An `orderBy` argument.
pub(super) fn order(value: &Json) -> Outcome<Vec<Order>> {
    let mut keys = Vec::new();
    match value {
        Json::Null => {}
        Json::Array(entries) => {
            for entry in entries {
                keys.extend(order(entry)?);
            }
        }
        _ => keys_of(&[], value, &mut keys)?,
    }
    Ok(keys)
}

fn keys_of(path: &[String], value: &Json, keys: &mut Vec<Order>) -> Outcome<()> {
    let map = value.as_object().ok_or_else(|| invalid("orderBy must be an object"))?;
    for (name, inner) in map {
        let path: Vec<String> = path.iter().cloned().chain([name.clone()]).collect();
        match inner.get("order").and_then(Json::as_str) {
            Some(direction) => {
                let descending = direction == "DESC";
                let nulls_last =
                    inner.get("nulls").and_then(Json::as_str).map_or(descending, |nulls| nulls == "LAST");
                keys.push(Order { expr: Expr::Path(path), descending, nulls_last });
            }
            None => keys_of(&path, inner, keys)?,
        }
    }
    Ok(())
}
