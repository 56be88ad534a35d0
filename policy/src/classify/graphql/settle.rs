//! What a document is made into before it is walked: its fields numbered, and the arguments that a grant may narrow
//! written out.
//!
//! `first: $n` may become a smaller number, and a `where` that is null nothing but the grant's condition. A variable that
//! nothing uses any more would then be an error, so the values of such variables are put in their place, always.

use super::ast::{Directive, Document, Field, Selection, Value};

/// Numbers the fields of a document, and puts in the values of its `first: $n` and of `where: $w` where that is null.
/// Variables that nothing uses after that are left out.
pub(super) fn settle(document: &mut Document, variables: &mut Vec<(Box<str>, Value)>) {
    let defaults = document.operation.variables.iter();
    let values: Vec<(Box<str>, Value)> = defaults
        .map(|declared| {
            let given = variables.iter().find(|(name, _)| *name == declared.name).map(|(_, value)| value);
            let value = given.or(declared.default.as_ref()).cloned().unwrap_or(Value::Null);
            (declared.name.clone(), value)
        })
        .collect();
    let mut settling = Settling { values, settled: Vec::new(), fields: 0 };
    settling.selections(&mut document.operation.selections);
    for fragment in &mut document.fragments {
        settling.selections(&mut fragment.selections);
    }
    let settled = settling.settled;
    let unused: Vec<Box<str>> = settled.into_iter().filter(|name| !uses(document, name)).collect();
    document.operation.variables.retain(|declared| !unused.contains(&declared.name));
    variables.retain(|(name, _)| !unused.contains(name));
}

struct Settling {
    values: Vec<(Box<str>, Value)>,
    /// The variables whose values were put in somewhere.
    settled: Vec<Box<str>>,
    fields: usize,
}

impl Settling {
    fn selections(&mut self, selections: &mut [Selection]) {
        for selection in selections {
            match selection {
                Selection::Field(field) => {
                    field.number = self.fields;
                    self.fields += 1;
                    self.arguments(field);
                    self.selections(&mut field.selections);
                }
                Selection::Inline { selections, .. } => self.selections(selections),
                Selection::Spread { .. } => {}
            }
        }
    }

    fn arguments(&mut self, field: &mut Field) {
        for (argument, value) in &mut field.arguments {
            let Value::Variable(name) = value else { continue };
            let Some((name, given)) = self.values.iter().find(|(known, _)| known == name) else { continue };
            if &**argument == "first" || &**argument == "where" && *given == Value::Null {
                self.settled.push(name.clone());
                *value = given.clone();
            }
        }
    }
}

/// Whether a document uses a variable anywhere.
fn uses(document: &Document, name: &str) -> bool {
    let operation = &document.operation;
    let fragments = &document.fragments;
    in_directives(&operation.directives, name)
        || in_selections(&operation.selections, name)
        || fragments.iter().any(|fragment| {
            in_directives(&fragment.directives, name) || in_selections(&fragment.selections, name)
        })
}

fn in_selections(selections: &[Selection], name: &str) -> bool {
    selections.iter().any(|selection| match selection {
        Selection::Field(field) => {
            in_pairs(&field.arguments, name)
                || in_directives(&field.directives, name)
                || in_selections(&field.selections, name)
        }
        Selection::Spread { directives, .. } => in_directives(directives, name),
        Selection::Inline { directives, selections, .. } => {
            in_directives(directives, name) || in_selections(selections, name)
        }
    })
}

fn in_directives(directives: &[Directive], name: &str) -> bool {
    directives.iter().any(|directive| in_pairs(&directive.arguments, name))
}

fn in_pairs(pairs: &[(Box<str>, Value)], name: &str) -> bool {
    pairs.iter().any(|(_, value)| in_value(value, name))
}

fn in_value(value: &Value, name: &str) -> bool {
    match value {
        Value::Variable(used) => **used == *name,
        Value::List(values) => values.iter().any(|value| in_value(value, name)),
        Value::Object(pairs) => in_pairs(pairs, name),
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::Enum(_) => false,
    }
}
