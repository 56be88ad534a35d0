//! What a document touches: every branch taken, every fragment opened, every variable looked up.

use std::collections::HashSet;

use super::ast::{Directive, Document, Field, Kind, Selection, Value};
use crate::classify::unclear::{Place, Unclear, UnclearKind};
use crate::request::{Access, Connection, Operation, Verb};
use crate::schema::{FieldId, Object, ObjectId, Schema};

/// What a document was found to touch.
#[derive(Debug, Default)]
pub(super) struct Touched {
    pub(super) operations: Vec<Operation>,
    /// What it touches outside its connections' own rows: parents, and what filters ask of others.
    pub(super) accesses: Vec<Access>,
    /// Its connections, each with the number of its field.
    pub(super) connections: Vec<(usize, Connection)>,
    /// Whether it asks for GraphQL's own schema, which names every object of the org.
    pub(super) introspects: bool,
}

/// The walk over one document.
pub(super) struct Walk<'a> {
    pub(super) schema: &'a Schema,
    document: &'a Document,
    variables: &'a [(Box<str>, Value)],
    pub(super) touched: Touched,
    /// The connection whose rows are being walked, while they are its own.
    pub(super) own: Option<usize>,
    pub(super) seen: HashSet<(Option<usize>, Access)>,
    steps: usize,
}

/// A field, and the innermost type condition around it.
#[derive(Clone, Copy)]
pub(super) struct Chosen<'a> {
    pub(super) field: &'a Field,
    pub(super) on: Option<&'a str>,
}

/// The objects that a record may be of.
#[derive(Clone)]
pub(super) struct Objects {
    pub(super) known: Vec<ObjectId>,
    /// Whether there are targets that the schema does not list.
    pub(super) more: bool,
}

/// The most selections and names, fragments opened wherever they are spread.
const MAX_STEPS: usize = 20_000;
/// The deepest chain of fragments.
const MAX_FRAGMENTS: usize = 16;
/// The deepest nesting of selections and filters, fragments opened.
pub(super) const MAX_DEPTH: usize = 24;

const NULL: Value = Value::Null;

/// Checks that every variable that has a value is declared.
///
/// # Errors
/// When one is not.
pub(super) fn check_declared(document: &Document, variables: &[(Box<str>, Value)]) -> Result<(), Unclear> {
    let undeclared = |(name, _): &&(Box<str>, Value)| {
        !document.operation.variables.iter().any(|declared| declared.name == *name)
    };
    match variables.iter().find(undeclared) {
        Some((name, _)) => Err(unclear(format!("the variable `{name}` is not declared"))),
        None => Ok(()),
    }
}

/// Walks a document.
///
/// # Errors
/// What is not known, and names that the schema does not have.
pub(super) fn touched(
    schema: &Schema,
    document: &Document,
    variables: &[(Box<str>, Value)],
) -> Result<Touched, Unclear> {
    let mut walk = Walk {
        schema,
        document,
        variables,
        touched: Touched::default(),
        own: None,
        seen: HashSet::new(),
        steps: 0,
    };
    walk.directives(&document.operation.directives)?;
    for chosen in walk.open(&document.operation.selections)? {
        match (&*chosen.field.name, document.operation.kind) {
            ("__typename", _) => walk.leaf(chosen.field)?,
            ("__schema" | "__type", Kind::Query) => {
                walk.touched.introspects = true;
                walk.does(Operation::Describe);
            }
            ("uiapi", Kind::Query) => walk.uiapi(chosen.field)?,
            ("uiapi", Kind::Mutation) => walk.mutations(chosen.field)?,
            (other, _) => return Err(unclear(format!("`{other}` is not known here; expected `uiapi`"))),
        }
    }
    Ok(walk.touched)
}

impl<'a> Walk<'a> {
    fn uiapi(&mut self, field: &'a Field) -> Result<(), Unclear> {
        self.arguments(field, &[])?;
        for chosen in self.open(&field.selections)? {
            match &*chosen.field.name {
                "__typename" => self.leaf(chosen.field)?,
                "query" | "aggregate" => {
                    self.arguments(chosen.field, &[])?;
                    for root in self.open(&chosen.field.selections)? {
                        if &*root.field.name == "__typename" {
                            continue;
                        }
                        let object = self.object(&root.field.name)?;
                        self.does(Operation::Query);
                        match &*chosen.field.name {
                            "query" => self.connection((object, None), root.field, 0)?,
                            _ => self.aggregates(object, root.field)?,
                        }
                    }
                }
                "objectInfos" => self.object_infos(chosen.field)?,
                "relatedListByName" => self.related_list(chosen.field)?,
                other => return Err(unclear(format!("`uiapi.{other}` is not known"))),
            }
        }
        Ok(())
    }

    /// `objectInfos(apiNames: [..])`, `objectInfos(objectInfoInputs: [{apiName: ..}])`: descriptions.
    fn object_infos(&mut self, field: &'a Field) -> Result<(), Unclear> {
        self.arguments(field, &["apiNames", "objectInfoInputs"])?;
        let mut names = Vec::new();
        for (_, value) in &field.arguments {
            let Value::List(values) = self.given(value)? else {
                return Err(unclear("`objectInfos` takes a list of names"));
            };
            for value in values {
                names.push(match self.given(value)? {
                    Value::Text(name) => &**name,
                    Value::Object(pairs) => {
                        let name = pairs.iter().find(|(key, _)| &**key == "apiName");
                        self.text(name.map_or(&NULL, |(_, value)| value))?
                    }
                    _ => return Err(unclear("`objectInfos` takes a list of names")),
                });
            }
        }
        if names.is_empty() {
            return Err(unclear("`objectInfos` names no object"));
        }
        for name in names {
            let object = self.object(name)?;
            self.describes(object);
        }
        self.no_data(&field.selections, 0)
    }

    /// `relatedListByName(parentApiName: .., relatedListName: ..)`: the layout of a related list.
    fn related_list(&mut self, field: &'a Field) -> Result<(), Unclear> {
        self.arguments(field, &["parentApiName", "relatedListName"])?;
        let given = |name: &str| {
            let value = field.arguments.iter().find(|(known, _)| &**known == name);
            self.text(value.map_or(&NULL, |(_, value)| value))
        };
        let (parent, list) = (given("parentApiName")?, given("relatedListName")?);
        let parent = self.object(parent)?;
        let child = self.schema.object(parent).child(list).ok_or_else(|| unknown(list))?;
        let child = self.object(&child.object)?;
        self.describes(parent);
        self.describes(child);
        self.no_data(&field.selections, 0)
    }

    /// Selections of descriptions: whatever is asked there is no record data.
    fn no_data(&mut self, selections: &'a [Selection], depth: usize) -> Result<(), Unclear> {
        deep(depth)?;
        for chosen in self.open(selections)? {
            for (_, value) in &chosen.field.arguments {
                self.plain(value, 0)?;
            }
            self.no_data(&chosen.field.selections, depth + 1)?;
        }
        Ok(())
    }

    // === What every part of the walk uses ===

    /// Opens the fragments of a selection set.
    pub(super) fn open(&mut self, selections: &'a [Selection]) -> Result<Vec<Chosen<'a>>, Unclear> {
        let mut chosen = Vec::new();
        self.open_into(selections, None, &mut Vec::new(), &mut chosen)?;
        Ok(chosen)
    }

    fn open_into(
        &mut self,
        selections: &'a [Selection],
        on: Option<&'a str>,
        within: &mut Vec<&'a str>,
        chosen: &mut Vec<Chosen<'a>>,
    ) -> Result<(), Unclear> {
        for selection in selections {
            self.step()?;
            match selection {
                Selection::Field(field) => {
                    self.directives(&field.directives)?;
                    chosen.push(Chosen { field, on });
                }
                Selection::Inline { on: inner, directives, selections } => {
                    self.directives(directives)?;
                    self.open_into(selections, inner.as_deref().or(on), within, chosen)?;
                }
                Selection::Spread { name, directives } => {
                    self.directives(directives)?;
                    let document = self.document;
                    let fragment = document.fragments.iter().find(|known| known.name == *name);
                    let fragment =
                        fragment.ok_or_else(|| unclear(format!("the fragment `{name}` is not defined")))?;
                    if within.contains(&&**name) || within.len() >= MAX_FRAGMENTS {
                        return Err(unclear(format!(
                            "the fragment `{name}` contains itself, or the chain is too long"
                        )));
                    }
                    self.directives(&fragment.directives)?;
                    within.push(name);
                    self.open_into(&fragment.selections, Some(&fragment.on), within, chosen)?;
                    within.pop();
                }
            }
        }
        Ok(())
    }

    /// Holds the arguments of a field to a list.
    pub(super) fn arguments(&mut self, field: &'a Field, known: &[&str]) -> Result<(), Unclear> {
        match field.arguments.iter().find(|(name, _)| !known.contains(&&**name)) {
            Some((name, _)) => Err(unclear(format!("`{}` has an unknown argument `{name}`", field.name))),
            None => Ok(()),
        }
    }

    /// A field without arguments and selections.
    pub(super) fn leaf(&mut self, field: &'a Field) -> Result<(), Unclear> {
        if field.selections.is_empty() && field.arguments.is_empty() {
            Ok(())
        } else {
            Err(unclear(format!("`{}` has neither arguments nor fields", field.name)))
        }
    }

    /// Selections that are all leaves, of the names given.
    pub(super) fn leaves(&mut self, field: &'a Field, names: &[&str]) -> Result<(), Unclear> {
        self.arguments(field, &[])?;
        for chosen in self.open(&field.selections)? {
            self.leaf(chosen.field)?;
            if !names.contains(&&*chosen.field.name) {
                return Err(unclear(format!("`{}` is not known in `{}`", chosen.field.name, field.name)));
            }
        }
        Ok(())
    }

    fn directives(&mut self, directives: &'a [Directive]) -> Result<(), Unclear> {
        for directive in directives {
            if !["include", "skip", "optional", "category"].contains(&&*directive.name) {
                return Err(unclear(format!("the directive `@{}` is not known", directive.name)));
            }
            for (_, value) in &directive.arguments {
                self.plain(value, 0)?;
            }
        }
        Ok(())
    }

    /// The value that is meant: a variable's, or the value itself. A declared variable without a value is null.
    pub(super) fn given(&self, value: &'a Value) -> Result<&'a Value, Unclear> {
        let Value::Variable(name) = value else { return Ok(value) };
        let declared = self.document.operation.variables.iter().find(|known| known.name == *name);
        let declared = declared.ok_or_else(|| unclear(format!("the variable `{name}` is not declared")))?;
        match self.variables.iter().find(|(known, _)| known == name) {
            Some((_, value)) => Ok(value),
            None => Ok(declared.default.as_ref().unwrap_or(&NULL)),
        }
    }

    /// A value that has to be text.
    pub(super) fn text(&self, value: &'a Value) -> Result<&'a str, Unclear> {
        match self.given(value)? {
            Value::Text(text) => Ok(text),
            _ => Err(unclear("a string is expected")),
        }
    }

    /// The pairs of a value that has to be an object; none where it is null.
    pub(super) fn pairs(&self, value: &'a Value) -> Result<&'a [(Box<str>, Value)], Unclear> {
        match self.given(value)? {
            Value::Object(pairs) => Ok(pairs),
            Value::Null => Ok(&[]),
            _ => Err(unclear("an object is expected")),
        }
    }

    /// A value that names nothing: only its variables are looked at.
    pub(super) fn plain(&mut self, value: &'a Value, depth: usize) -> Result<(), Unclear> {
        deep(depth)?;
        self.step()?;
        match self.given(value)? {
            Value::List(values) => values.iter().try_for_each(|value| self.plain(value, depth + 1)),
            Value::Object(pairs) => pairs.iter().try_for_each(|(_, value)| self.plain(value, depth + 1)),
            Value::Variable(name) => Err(unclear(format!("the variable `{name}` stands for another"))),
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::Enum(_) => Ok(()),
        }
    }

    pub(super) fn step(&mut self) -> Result<(), Unclear> {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            let what = format!("more than {MAX_STEPS} selections and names, fragments opened");
            return Err(Unclear::new(UnclearKind::TooLarge, place(), what));
        }
        Ok(())
    }

    // === What is touched ===

    pub(super) fn object(&self, name: &str) -> Result<ObjectId, Unclear> {
        self.schema.find(name).ok_or_else(|| unknown(name))
    }

    pub(super) fn of(&self, object: ObjectId) -> &'a Object {
        self.schema.object(object)
    }

    pub(super) fn does(&mut self, operation: Operation) {
        if !self.touched.operations.contains(&operation) {
            self.touched.operations.push(operation);
        }
    }

    fn describes(&mut self, object: ObjectId) {
        self.does(Operation::Describe);
        self.touch(Access::object(Verb::Describe, object));
    }

    /// Reads the foreign key of a parent relationship, and gives the objects behind it.
    pub(super) fn parents(&mut self, object: ObjectId, key: FieldId) -> Result<Objects, Unclear> {
        self.touch(Access::object(Verb::Read, object));
        self.touch(Access::field(Verb::Read, object, key));
        let Some(reference) = self.of(object).field(key).reference() else {
            return Err(unknown(self.of(object).field(key).name()));
        };
        let known =
            reference.targets.iter().filter_map(|target| self.schema.find(target)).collect::<Vec<_>>();
        Ok(Objects { more: reference.more || known.len() < reference.targets.len(), known })
    }

    /// The objects that a condition, or none, leaves of those that a record may be of.
    pub(super) fn narrowed(&self, objects: &Objects, on: Option<&str>) -> Result<Vec<ObjectId>, Unclear> {
        match on.filter(|name| *name != "Record") {
            Some(name) => {
                let object = self.object(name)?;
                if objects.more || objects.known.contains(&object) {
                    Ok(vec![object])
                } else {
                    Err(unclear(format!("`{name}` is not what stands here")))
                }
            }
            // Of records whose objects are not all listed, only what every record has can be read: that of `Name`.
            None if objects.more => Ok(vec![self.object("Name")?]),
            None => Ok(objects.known.clone()),
        }
    }
}

impl From<ObjectId> for Objects {
    fn from(object: ObjectId) -> Self {
        Self { known: vec![object], more: false }
    }
}

pub(super) fn deep(depth: usize) -> Result<(), Unclear> {
    if depth > MAX_DEPTH { Err(unclear(format!("nests deeper than {MAX_DEPTH}"))) } else { Ok(()) }
}

pub(super) fn unknown(name: &str) -> Unclear {
    Unclear::new(UnclearKind::Name(name.into()), place(), format!("`{name}` is not known"))
}

pub(super) fn unclear(what: impl Into<String>) -> Unclear {
    Unclear::form(place(), what)
}

fn place() -> Place {
    Place::Pointer("/query".into())
}
