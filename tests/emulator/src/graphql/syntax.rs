//! The syntax tree of a document, and what its parts mean once fragments and variables are filled in.

use super::{Scope, invalid};
use crate::fault::Outcome;
use serde_json::{Map, Value as Json};

/// A whole document.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) operations: Vec<Operation>,
    pub(super) fragments: Vec<(String, Vec<Selection>)>,
}

/// A query or a mutation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) name: Option<String>,
    pub(super) is_mutation: bool,
    /// Variables with their default values.
    pub(super) defaults: Vec<(String, Option<Value>)>,
    pub(super) selection: Vec<Selection>,
}

/// One entry of a selection set.
#[derive(Debug)]
pub(super) enum Selection {
    Field(Field),
    Spread(String),
    Inline { on: Option<String>, selection: Vec<Selection> },
}

/// A field with its arguments and its own selection.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) alias: Option<String>,
    pub(super) name: String,
    pub(super) arguments: Vec<(String, Value)>,
    pub(super) selection: Vec<Selection>,
}

/// A value as written.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Variable(String),
    Plain(Json),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Field {
    /// The name in the answer.
    pub(super) fn key(&self) -> &str {
        self.alias.as_deref().unwrap_or(&self.name)
    }
}

impl Value {
    /// The value with variables filled in; enums are text.
    pub(super) fn json(&self, variables: &Map<String, Json>) -> Outcome<Json> {
        Ok(match self {
            Self::Plain(value) => value.clone(),
            Self::Variable(name) => variables
                .get(name)
                .cloned()
                .ok_or_else(|| invalid(format!("Variable '{name}' is undefined")))?,
            Self::List(values) => {
                Json::Array(values.iter().map(|value| value.json(variables)).collect::<Outcome<_>>()?)
            }
            Self::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((name.clone(), value.json(variables)?)));
                Json::Object(fields.collect::<Outcome<_>>()?)
            }
        })
    }
}

impl<'a> Scope<'a> {
    /// The fields of a selection, fragments opened, whatever type they are on.
    pub(super) fn fields(&self, selection: &'a [Selection]) -> Outcome<Vec<&'a Field>> {
        Ok(self.typed(selection)?.into_iter().map(|(_, field)| field).collect())
    }

    /// The same, each with the type that its inline fragment is on.
    pub(super) fn typed(&self, selection: &'a [Selection]) -> Outcome<Vec<(Option<&'a str>, &'a Field)>> {
        let mut fields = Vec::new();
        self.collect(selection, None, 0, &mut fields)?;
        Ok(fields)
    }

    fn collect(
        &self,
        selection: &'a [Selection],
        on: Option<&'a str>,
        depth: usize,
        fields: &mut Vec<(Option<&'a str>, &'a Field)>,
    ) -> Outcome<()> {
        if depth > 20 {
            return Err(invalid("fragments are nested too deeply"));
        }
        for entry in selection {
            match entry {
                Selection::Field(field) => fields.push((on, field)),
                Selection::Inline { on: inner, selection } => {
                    self.collect(selection, inner.as_deref().or(on), depth + 1, fields)?;
                }
                Selection::Spread(name) => {
                    let fragment = self.document.fragments.iter().find(|(known, _)| known == name);
                    let (_, selection) =
                        fragment.ok_or_else(|| invalid(format!("Fragment '{name}' is undefined")))?;
                    self.collect(selection, on, depth + 1, fields)?;
                }
            }
        }
        Ok(())
    }

    /// An argument of a field; null without one.
    pub(super) fn argument(&self, field: &Field, name: &str) -> Outcome<Json> {
        match field.arguments.iter().find(|(known, _)| known == name) {
            Some((_, value)) => value.json(&self.variables),
            None => Ok(Json::Null),
        }
    }
}
