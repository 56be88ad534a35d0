//! Mutations: `{Object}Create`, `{Object}Update`, `{Object}Delete` (reference, section 8).

use super::ast::{Field, Value};
use super::walk::{Walk, unclear, unknown};
use crate::classify::unclear::Unclear;
use crate::id::RecordId;
use crate::request::{Access, Operation, Verb};
use crate::schema::ObjectId;

impl<'a> Walk<'a> {
    /// `uiapi(input: {allOrNone: true}) {..}`.
    pub(super) fn mutations(&mut self, field: &'a Field) -> Result<(), Unclear> {
        self.arguments(field, &["input"])?;
        for (_, input) in &field.arguments {
            if self.pairs(input)?.iter().any(|(name, _)| &**name != "allOrNone") {
                return Err(unclear("the input of `uiapi` is `{allOrNone: ..}`"));
            }
            self.plain(input, 0)?;
        }
        for chosen in self.open(&field.selections)? {
            match &*chosen.field.name {
                "__typename" => self.leaf(chosen.field)?,
                _ => self.mutation(chosen.field)?,
            }
        }
        Ok(())
    }

    fn mutation(&mut self, field: &'a Field) -> Result<(), Unclear> {
        let forms = [
            ("Create", Verb::Create, Operation::Create),
            ("Update", Verb::Update, Operation::Update),
            ("Delete", Verb::Delete, Operation::Delete),
        ];
        let form = forms
            .into_iter()
            .find_map(|(suffix, verb, operation)| Some((field.name.strip_suffix(suffix)?, verb, operation)));
        let (name, verb, operation) =
            form.ok_or_else(|| unclear(format!("the mutation `{}` is not known", field.name)))?;
        let object = self.object(name)?;
        self.does(operation);
        // Creating an event is publishing it.
        let verb = if verb == Verb::Create && self.of(object).is_event() { Verb::Publish } else { verb };
        self.touch(Access::object(verb, object));
        self.arguments(field, &["input"])?;
        let [(_, input)] = field.arguments.as_slice() else {
            return Err(unclear(format!("`{}` has no input", field.name)));
        };
        self.input(object, verb, input)?;
        for chosen in self.open(&field.selections)? {
            match &*chosen.field.name {
                "Record" if verb != Verb::Delete => {
                    self.arguments(chosen.field, &[])?;
                    self.does(Operation::Read);
                    self.touch(Access::object(Verb::Read, object));
                    self.record(&object.into(), &chosen.field.selections, 0)?;
                }
                "Id" | "success" | "__typename" => self.leaf(chosen.field)?,
                other => return Err(unclear(format!("`{other}` is not known in a mutation"))),
            }
        }
        Ok(())
    }

    /// `{Id: "..", Object: {Field: value}}`: the id where there is one already, the fields where they are written.
    fn input(&mut self, object: ObjectId, verb: Verb, input: &'a Value) -> Result<(), Unclear> {
        let (mut id, mut fields) = (None, None);
        for (name, value) in self.pairs(input)? {
            match &**name {
                "Id" if verb != Verb::Create && verb != Verb::Publish => id = Some(self.text(value)?),
                other if verb != Verb::Delete && other.eq_ignore_ascii_case(self.of(object).name()) => {
                    fields = Some(self.pairs(value)?);
                }
                other => return Err(unclear(format!("`{other}` is not known in the input"))),
            }
        }
        if matches!(verb, Verb::Update | Verb::Delete) {
            self.id_of(object, id.ok_or_else(|| unclear("the input has no `Id`"))?)?;
        }
        if verb == Verb::Delete {
            return Ok(());
        }
        for (name, value) in fields.ok_or_else(|| unclear("the input has no fields"))? {
            let field = self.of(object).find(name).ok_or_else(|| unknown(name))?;
            match self.given(value)? {
                Value::List(_) | Value::Object(_) | Value::Variable(_) => {
                    return Err(unclear(format!("the value of `{name}` must be a plain value")));
                }
                Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::Enum(_) => {}
            }
            self.touch(Access::field(verb, object, field));
        }
        Ok(())
    }

    /// Holds an id to the object that the mutation names.
    fn id_of(&self, object: ObjectId, id: &str) -> Result<(), Unclear> {
        let prefix = RecordId::parse(id).map(|id| id.prefix());
        match prefix {
            Some(prefix) if self.schema.with_prefix(prefix).any(|known| known == object) => Ok(()),
            _ => Err(unclear(format!("the id is not one of {}", self.of(object).name()))),
        }
    }
}
