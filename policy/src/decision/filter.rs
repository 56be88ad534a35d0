//! A grant's condition as a filter of GraphQL, where the two can say exactly the same.
//!
//! What has no counterpart (functions, subqueries, pick-lists, relative dates, parents of several sorts) is refused with
//! a reason, so that a request never gets fewer limits than its grant has.

use crate::classify::GraphQlValue;
use crate::schema::{FieldKind, Object, Schema};
use crate::soql::ast::{Expression, Membership, Predicate, Value};
use crate::soql::lexer::{Comparison, Span};
use crate::soql::{Inexpressible, ResolvedCondition};

/// The filter, as GraphQL writes it.
pub(super) fn of(condition: &ResolvedCondition, schema: &Schema) -> Result<String, Inexpressible> {
    let (of, condition) = (schema.object(condition.object()), condition.condition());
    let translator = Translator { schema, of, text: condition.text() };
    Ok(translator.predicate(condition.root())?.to_string())
}

struct Translator<'a> {
    schema: &'a Schema,
    of: &'a Object,
    text: &'a str,
}

/// A field of the object or of a parent: the names on the way to it, and its kind.
struct Target<'a> {
    names: Vec<&'a str>,
    kind: FieldKind,
}

impl<'a> Translator<'a> {
    fn predicate(&self, predicate: &Predicate) -> Result<GraphQlValue, Inexpressible> {
        match predicate {
            Predicate::And(parts) => self.joined("and", parts),
            Predicate::Or(parts) => self.joined("or", parts),
            Predicate::Not(inner) => Ok(one("not", self.predicate(inner)?)),
            Predicate::Group(inner) => self.predicate(inner),
            Predicate::Compare(left, comparison, value) => {
                let target = self.target(left)?;
                let compared = match (value, comparison) {
                    (Value::Null, Comparison::Equal | Comparison::NotEqual) => GraphQlValue::Null,
                    _ => self.value(target.kind, *value)?,
                };
                Ok(target.compared(operator(*comparison), compared))
            }
            Predicate::Like(left, pattern) => {
                let target = self.target(left)?;
                let pattern = pattern.of(self.text);
                if target.kind != FieldKind::Text || pattern.contains('\\') {
                    return Err(Inexpressible("GraphQL has no such LIKE"));
                }
                Ok(target.compared("like", GraphQlValue::Text(pattern.trim_matches('\'').into())))
            }
            Predicate::In(left, membership, values) => {
                let target = self.target(left)?;
                if target.kind == FieldKind::Time {
                    return Err(Inexpressible("GraphQL has no lists of dates"));
                }
                let values = values.iter().map(|value| self.value(target.kind, *value));
                let operator = match membership {
                    Membership::In => "in",
                    Membership::NotIn => "nin",
                };
                Ok(target.compared(operator, GraphQlValue::List(values.collect::<Result<_, _>>()?)))
            }
            Predicate::SemiJoin(..) => Err(Inexpressible("a subquery cannot be asked in GraphQL")),
            Predicate::Picks(..) => Err(Inexpressible("INCLUDES and EXCLUDES cannot be asked in GraphQL")),
        }
    }

    fn joined(&self, by: &str, parts: &[Predicate]) -> Result<GraphQlValue, Inexpressible> {
        let parts = parts.iter().map(|part| self.predicate(part)).collect::<Result<_, _>>()?;
        Ok(one(by, GraphQlValue::List(parts)))
    }

    /// A field, by relationships that lead to one object each.
    fn target(&self, left: &Expression) -> Result<Target<'a>, Inexpressible> {
        let Expression::Path(path) = left else {
            return Err(Inexpressible("a function cannot be asked in GraphQL"));
        };
        let (mut of, mut path, mut names) = (self.of, *path, Vec::new());
        while let (relationship, Some(rest)) = path.split(self.text) {
            let (name, parent) = self.parent(of, relationship)?;
            names.push(name);
            (of, path) = (parent, rest);
        }
        let field = of.find(path.of(self.text)).map(|field| of.field(field));
        let field = field.ok_or(Inexpressible("it names a field that is not known"))?;
        names.push(field.name());
        Ok(Target { names, kind: field.kind() })
    }

    fn parent(&self, of: &'a Object, relationship: Span) -> Result<(&'a str, &'a Object), Inexpressible> {
        const SEVERAL: Inexpressible = Inexpressible("the relationship may point at several objects");
        let name = relationship.of(self.text);
        let reference = of.parent(name).and_then(|key| of.field(key).reference()).ok_or(SEVERAL)?;
        let [only] = reference.targets.as_slice() else { return Err(SEVERAL) };
        if reference.more || only.eq_ignore_ascii_case("Name") || of.find(name).is_some() {
            return Err(SEVERAL);
        }
        let (_, parent) = self.schema.look_up(only).ok_or(SEVERAL)?;
        Ok((reference.relationship.as_deref().ok_or(SEVERAL)?, parent))
    }

    fn value(&self, kind: FieldKind, value: Value) -> Result<GraphQlValue, Inexpressible> {
        match (kind, value) {
            (FieldKind::Text | FieldKind::Id | FieldKind::Reference, Value::Text(literal)) => {
                Ok(GraphQlValue::Text(unescaped(literal.of(self.text))?.into()))
            }
            (FieldKind::Number, Value::Plain(literal)) if is_number(literal.of(self.text)) => {
                Ok(GraphQlValue::Number(literal.of(self.text).into()))
            }
            (FieldKind::Time, Value::Plain(literal)) if literal.of(self.text).contains('-') => {
                Ok(one("value", GraphQlValue::Text(literal.of(self.text).into())))
            }
            (FieldKind::Boolean, Value::True) => Ok(GraphQlValue::Boolean(true)),
            (FieldKind::Boolean, Value::False) => Ok(GraphQlValue::Boolean(false)),
            (_, Value::Formula(..)) => Err(Inexpressible("a relative date cannot be asked in GraphQL")),
            _ => Err(Inexpressible("a value cannot be written in GraphQL")),
        }
    }
}

impl Target<'_> {
    fn compared(&self, operator: &str, value: GraphQlValue) -> GraphQlValue {
        self.names.iter().rev().fold(one(operator, value), |inner, name| one(name, inner))
    }
}

fn one(name: &str, value: GraphQlValue) -> GraphQlValue {
    GraphQlValue::Object(vec![(name.into(), value)])
}

fn operator(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "eq",
        Comparison::NotEqual => "ne",
        Comparison::Less => "lt",
        Comparison::LessOrEqual => "lte",
        Comparison::Greater => "gt",
        Comparison::GreaterOrEqual => "gte",
    }
}

/// Whether a number of SOQL is one of GraphQL as well: neither signed by `+` nor starting with a dot or a spare zero.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let whole = digits.split('.').next().unwrap_or_default();
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain && !whole.is_empty() && (whole == "0" || !whole.starts_with('0'))
}

/// What a string literal of SOQL stands for.
fn unescaped(literal: &str) -> Result<String, Inexpressible> {
    const ODD: Inexpressible = Inexpressible("a string cannot be written in GraphQL");
    let inner = literal.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')).ok_or(ODD)?;
    let (mut text, mut rest) = (String::with_capacity(inner.len()), inner.chars());
    while let Some(character) = rest.next() {
        if character != '\\' {
            text.push(character);
            continue;
        }
        text.push(match rest.next().ok_or(ODD)? {
            'n' | 'N' => '\n',
            'r' | 'R' => '\r',
            't' | 'T' => '\t',
            'b' | 'B' => '\u{8}',
            'f' | 'F' => '\u{c}',
            'u' | 'U' => {
                let digits: String = rest.by_ref().take(4).collect();
                u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).ok_or(ODD)?
            }
            itself @ ('"' | '\'' | '\\') => itself,
            _ => return Err(ODD),
        });
    }
    Ok(text)
}
