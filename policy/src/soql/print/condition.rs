//! Conditions and what they are made of.

use super::{Edit, Printer};
use crate::soql::ast::{Distance, Expression, Geo, Membership, Picks, Predicate, SemiJoin, Value};

impl Printer<'_> {
    pub(crate) fn expression(&mut self, expression: &Expression) {
        match expression {
            Expression::Path(path) => self.path(*path),
            Expression::Call(function, path) => {
                self.write(function.as_str());
                self.write("(");
                self.path(*path);
                self.write(")");
            }
            Expression::Nested(outer, inner, path) => {
                self.write(outer.as_str());
                self.write("(");
                self.write(inner.as_str());
                self.write("(");
                self.path(*path);
                self.write("))");
            }
            Expression::Distance(distance) => self.distance(distance),
        }
    }

    fn distance(&mut self, distance: &Distance) {
        self.write("DISTANCE(");
        self.path(distance.from);
        self.write(", ");
        match &distance.to {
            Geo::Path(path) => self.path(*path),
            Geo::Point(latitude, longitude) => {
                self.write("GEOLOCATION(");
                self.literal(*latitude);
                self.write(", ");
                self.literal(*longitude);
                self.write(")");
            }
        }
        self.write(", ");
        self.literal(distance.unit);
        self.write(")");
    }

    /// ` WHERE ..`, with the conditions that are added to it: whatever the original says, it and they must hold.
    pub(crate) fn where_clause(&mut self, condition: Option<&Predicate>, edit: Option<&Edit>) {
        let added = edit.map_or(&[][..], |edit| &edit.conditions);
        match (condition, added) {
            (None, []) => {}
            (Some(condition), []) => {
                self.write(" WHERE ");
                self.predicate(condition);
            }
            (None, [first, rest @ ..]) => {
                self.write(" WHERE (");
                self.write(first);
                self.added(rest);
            }
            (Some(condition), added) => {
                self.write(" WHERE (");
                self.predicate(condition);
                self.added(added);
            }
        }
    }

    /// Closes the parenthesis of a condition and joins others to it.
    pub(crate) fn added(&mut self, conditions: &[String]) {
        for condition in conditions {
            self.write(") AND (");
            self.write(condition);
        }
        self.write(")");
    }

    pub(crate) fn predicate(&mut self, predicate: &Predicate) {
        match predicate {
            Predicate::And(parts) => self.joined(parts, " AND "),
            Predicate::Or(parts) => self.joined(parts, " OR "),
            Predicate::Not(inner) => {
                self.write("NOT ");
                self.predicate(inner);
            }
            Predicate::Group(inner) => {
                self.write("(");
                self.predicate(inner);
                self.write(")");
            }
            Predicate::Compare(left, comparison, value) => {
                self.expression(left);
                self.write(" ");
                self.write(comparison.as_str());
                self.write(" ");
                self.value(*value);
            }
            Predicate::Like(left, pattern) => {
                self.expression(left);
                self.write(" LIKE ");
                self.literal(*pattern);
            }
            Predicate::In(left, membership, values) => {
                self.member(left, *membership);
                self.literals_of(values, |printer, value| printer.value(*value));
                self.write(")");
            }
            Predicate::SemiJoin(left, membership, inner) => {
                self.member(left, *membership);
                self.semi_join(inner);
                self.write(")");
            }
            Predicate::Picks(path, picks, values) => {
                self.path(*path);
                self.write(match picks {
                    Picks::Includes => " INCLUDES (",
                    Picks::Excludes => " EXCLUDES (",
                });
                self.literals_of(values, |printer, value| printer.literal(*value));
                self.write(")");
            }
        }
    }

    fn joined(&mut self, parts: &[Predicate], by: &str) {
        for (position, part) in parts.iter().enumerate() {
            if position > 0 {
                self.write(by);
            }
            self.predicate(part);
        }
    }

    fn member(&mut self, left: &Expression, membership: Membership) {
        self.expression(left);
        self.write(match membership {
            Membership::In => " IN (",
            Membership::NotIn => " NOT IN (",
        });
    }

    /// Its names belong to another object: no prefix goes before them.
    fn semi_join(&mut self, inner: &SemiJoin) {
        let edit = self.edit(inner.scope);
        let outer = std::mem::take(&mut self.prefix);
        self.write("SELECT ");
        self.span(inner.column.span);
        self.write(" FROM ");
        self.source(&inner.from);
        self.using(&inner.using);
        self.where_clause(inner.condition.as_ref(), edit);
        self.prefix = outer;
    }

    pub(crate) fn value(&mut self, value: Value) {
        match value {
            Value::Text(literal) | Value::Plain(literal) => self.literal(literal),
            Value::True => self.write("TRUE"),
            Value::False => self.write("FALSE"),
            Value::Null => self.write("NULL"),
            Value::Formula(name, None) => self.span(name),
            Value::Formula(name, Some(count)) => {
                self.span(name);
                self.write(":");
                self.literal(count);
            }
        }
    }
}
