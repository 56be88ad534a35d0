//! The objects and fields of one org: what names in a request are resolved against.
//!
//! Look-ups fold ASCII case and allocate nothing, for they run on every name of every request. Objects and fields
//! are numbered; the numbers are valid in the schema that gave them and nowhere else.

mod build;
mod compound;
pub mod describe;
mod table;
mod text;

use std::sync::LazyLock;

use crate::id::KeyPrefix;
use crate::names::ObjectName;
pub use build::{ChildSpec, FieldSpec, ObjectSpec, SchemaBuilder};
use table::NameTable;
pub use text::SchemaTextError;

/// The number of an object in its schema.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ObjectId(pub(crate) u32);

/// The number of a field in its object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FieldId(pub(crate) u16);

/// Every object of an org that Forcefield knows.
#[derive(Debug, Default)]
pub struct Schema {
    objects: Vec<Object>,
    by_name: NameTable,
    by_prefix: Vec<(KeyPrefix, ObjectId)>,
}

/// One object: its fields, its parents and its children.
#[derive(Debug)]
pub struct Object {
    name: Box<str>,
    prefix: Option<KeyPrefix>,
    fields: Vec<Field>,
    by_field: NameTable,
    by_relationship: NameTable,
    parents: Vec<FieldId>,
    children: Vec<Child>,
    by_child: NameTable,
}

/// One field.
#[derive(Debug)]
pub struct Field {
    name: Box<str>,
    kind: FieldKind,
    external_id: bool,
    compound: Option<FieldId>,
    reference: Option<Box<Reference>>,
}

/// Where a reference field points.
#[derive(Debug)]
pub struct Reference {
    /// The name to traverse it by, such as `Account` for `AccountId`; `None` when it cannot be traversed.
    pub relationship: Option<Box<str>>,
    /// The objects it may point at, by name: some may be outside this schema.
    pub targets: Vec<Box<str>>,
    /// Whether there are targets that are not listed.
    pub more: bool,
}

/// A child relationship: the rows of another object that point at this one.
#[derive(Debug)]
pub struct Child {
    /// The name in subqueries, such as `Contacts`.
    pub relationship: Box<str>,
    /// The object whose rows they are, by name: it may be outside this schema.
    pub object: Box<str>,
    /// The field of that object that points here.
    pub field: Box<str>,
}

/// The type of a field, as describe names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    /// `id`
    Id,
    /// `reference`
    Reference,
    /// `boolean`
    Boolean,
    /// Numbers: `int`, `long`, `double`, `currency`, `percent`.
    Number,
    /// `date`, `datetime`, `time`.
    Time,
    /// Text of any sort, pick-lists included.
    Text,
    /// `base64`: served as bytes.
    Blob,
    /// `address`, made of other fields.
    Address,
    /// `location`, made of other fields.
    Location,
    /// Anything else: `anyType`, `complexvalue`, `json`, encrypted text.
    Other,
}

// === impl Schema ===

impl Schema {
    /// The objects that every org has, for use until the org's own describe is loaded.
    ///
    /// # Errors
    /// None in practice: a test reads the text that ships.
    pub fn starter() -> Result<Self, SchemaTextError> {
        Self::from_text(include_str!("schema/starter.txt"))
    }

    /// Finds an object by name, in any letter case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ObjectId> {
        let found = self.by_name.find(name, |at| self.objects.get(at).map_or("", |object| &*object.name))?;
        Some(ObjectId(u32::try_from(found).ok()?))
    }

    /// The object with this number. Numbers of another schema give an empty object, which grants nothing.
    #[must_use]
    pub fn object(&self, id: ObjectId) -> &Object {
        static NONE: LazyLock<Object> = LazyLock::new(Object::none);
        self.objects.get(id.0 as usize).unwrap_or_else(|| &NONE)
    }

    /// The object and its number, by name in any letter case.
    #[must_use]
    pub fn look_up(&self, name: &str) -> Option<(ObjectId, &Object)> {
        let id = self.find(name)?;
        Some((id, self.object(id)))
    }

    /// The objects whose ids start with `prefix`: none when it is unknown, several when it is shared.
    pub fn with_prefix(&self, prefix: KeyPrefix) -> impl Iterator<Item = ObjectId> + '_ {
        let from = self.by_prefix.partition_point(|(known, _)| *known < prefix);
        self.by_prefix
            .iter()
            .skip(from)
            .take_while(move |(known, _)| *known == prefix)
            .map(|(_, object)| *object)
    }

    /// All objects, in the order they were read.
    pub fn objects(&self) -> impl Iterator<Item = (ObjectId, &Object)> {
        (0_u32..).map(ObjectId).zip(&self.objects)
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// `Object.Field` for messages.
    #[must_use]
    pub fn field_label(&self, object: ObjectId, field: FieldId) -> String {
        let object = self.object(object);
        format!("{}.{}", object.name(), object.field(field).name())
    }
}

// === impl Object ===

impl Object {
    /// The API name in its own spelling.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name as a value.
    #[must_use]
    pub fn object_name(&self) -> Option<ObjectName> {
        ObjectName::try_from(&*self.name).ok()
    }

    /// The prefix of its record ids, when it has one.
    #[must_use]
    pub fn prefix(&self) -> Option<KeyPrefix> {
        self.prefix
    }

    /// Finds a field by name, in any letter case.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<FieldId> {
        let found = self.by_field.find(name, |at| self.fields.get(at).map_or("", |field| &*field.name))?;
        Some(FieldId(u16::try_from(found).ok()?))
    }

    /// The field with this number. Numbers of another object give a nameless field.
    #[must_use]
    pub fn field(&self, id: FieldId) -> &Field {
        static NONE: LazyLock<Field> = LazyLock::new(Field::none);
        self.fields.get(usize::from(id.0)).unwrap_or_else(|| &NONE)
    }

    /// All fields, in the org's order.
    pub fn fields(&self) -> impl Iterator<Item = (FieldId, &Field)> {
        (0_u16..).map(FieldId).zip(&self.fields)
    }

    /// How many fields it has.
    #[must_use]
    pub fn field_count(&self) -> usize {
        self.fields.len()
    }

    /// The reference field that implements a parent relationship, by relationship name (`Account`, `Owner`).
    #[must_use]
    pub fn parent(&self, relationship: &str) -> Option<FieldId> {
        let name = |at: usize| {
            let field = self.parents.get(at).map(|id| self.field(*id));
            field.and_then(|field| field.reference.as_deref()?.relationship.as_deref()).unwrap_or("")
        };
        let found = self.by_relationship.find(relationship, name)?;
        self.parents.get(found).copied()
    }

    /// A child relationship by name (`Contacts`, `Histories`).
    #[must_use]
    pub fn child(&self, relationship: &str) -> Option<&Child> {
        let found = self
            .by_child
            .find(relationship, |at| self.children.get(at).map_or("", |child| &*child.relationship))?;
        self.children.get(found)
    }

    /// All child relationships.
    #[must_use]
    pub fn children(&self) -> &[Child] {
        &self.children
    }

    /// Whether the name ends like that of a platform event, whose creation is a publication.
    #[must_use]
    pub fn is_event(&self) -> bool {
        ends_with_folded(&self.name, "__e")
    }

    /// Whether the name ends like that of an external object.
    #[must_use]
    pub fn is_external(&self) -> bool {
        ends_with_folded(&self.name, "__x")
    }
}

// === impl Field ===

impl Field {
    /// The API name in its own spelling.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type.
    #[must_use]
    pub fn kind(&self) -> FieldKind {
        self.kind
    }

    /// Whether records can be addressed by its value (`externalId` or `idLookup` of describe).
    #[must_use]
    pub fn is_external_id(&self) -> bool {
        self.external_id
    }

    /// The compound field it is a part of, such as `BillingAddress` for `BillingCity`.
    #[must_use]
    pub fn compound(&self) -> Option<FieldId> {
        self.compound
    }

    /// Where it points, for reference fields.
    #[must_use]
    pub fn reference(&self) -> Option<&Reference> {
        self.reference.as_deref()
    }

    fn none() -> Self {
        Self {
            name: Box::default(),
            kind: FieldKind::Other,
            external_id: false,
            compound: None,
            reference: None,
        }
    }
}

impl Object {
    fn none() -> Self {
        Self {
            name: Box::default(),
            prefix: None,
            fields: Vec::new(),
            by_field: NameTable::new(),
            by_relationship: NameTable::new(),
            parents: Vec::new(),
            children: Vec::new(),
            by_child: NameTable::new(),
        }
    }
}

fn ends_with_folded(name: &str, suffix: &str) -> bool {
    let start = name.len().checked_sub(suffix.len());
    start.and_then(|start| name.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

#[cfg(test)]
mod tests;
