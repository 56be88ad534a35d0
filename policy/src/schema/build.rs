//! From what describe says of each object to a [`Schema`].

use super::compound;
use super::table::NameTable;
use super::{Child, Field, FieldId, FieldKind, Object, ObjectId, Reference, Schema};
use crate::id::KeyPrefix;
use crate::names::is_api_name;

/// Collects objects and makes a schema of them.
#[derive(Debug, Default)]
pub struct SchemaBuilder {
    objects: Vec<ObjectSpec>,
}

/// One object as describe gives it.
#[derive(Debug, Clone, Default)]
pub struct ObjectSpec {
    /// The API name.
    pub name: String,
    /// The prefix of its ids, where it has one.
    pub prefix: Option<String>,
    /// Its fields; those past 65,535 are unknown, and so refused.
    pub fields: Vec<FieldSpec>,
    /// Its child relationships that have a name.
    pub children: Vec<ChildSpec>,
}

/// One field as describe gives it.
#[derive(Debug, Clone)]
pub struct FieldSpec {
    /// The API name.
    pub name: String,
    /// The type.
    pub kind: FieldKind,
    /// `externalId` or `idLookup`.
    pub external_id: bool,
    /// `compoundFieldName`, where describe gives it.
    pub compound: Option<String>,
    /// `relationshipName`, `referenceTo`, and whether targets were left out.
    pub reference: Option<(Option<String>, Vec<String>, bool)>,
}

/// One child relationship as describe gives it.
#[derive(Debug, Clone)]
pub struct ChildSpec {
    /// `relationshipName`.
    pub relationship: String,
    /// `childSObject`.
    pub object: String,
    /// `field`.
    pub field: String,
}

impl SchemaBuilder {
    /// Adds an object, in place of an earlier one of the same name.
    pub fn object(&mut self, spec: ObjectSpec) -> &mut Self {
        match self.objects.iter_mut().find(|known| known.name.eq_ignore_ascii_case(&spec.name)) {
            Some(known) => *known = spec,
            None => self.objects.push(spec),
        }
        self
    }

    /// Adds objects known to have different names, in time proportional to their number.
    pub fn distinct(&mut self, specs: impl IntoIterator<Item = ObjectSpec>) -> &mut Self {
        self.objects.extend(specs);
        self
    }

    /// Makes the schema. Objects and fields whose names are not API names are left out, and so refused.
    #[must_use]
    pub fn build(mut self) -> Schema {
        if !self.objects.iter().any(|spec| spec.name.eq_ignore_ascii_case("Name")) {
            self.objects.push(virtual_name());
        }
        let named = self.objects.into_iter().filter(|spec| is_api_name(&spec.name));
        let objects: Vec<Object> = named.map(object).collect();
        let by_name = NameTable::build(objects.iter().map(|object| &*object.name));
        let mut by_prefix: Vec<(KeyPrefix, ObjectId)> = (0_u32..)
            .zip(&objects)
            .filter_map(|(number, object)| Some((object.prefix?, ObjectId(number))))
            .collect();
        by_prefix.sort_unstable();
        Schema { objects, by_name, by_prefix }
    }
}

/// The virtual object that polymorphic relationships show of whatever they point at (reference, section 15.3). The
/// org does not describe it.
fn virtual_name() -> ObjectSpec {
    let scalar = |name: &str| FieldSpec {
        name: name.to_owned(),
        kind: if name == "Id" { FieldKind::Id } else { FieldKind::Text },
        external_id: false,
        compound: None,
        reference: None,
    };
    let parent = |key: &str, relationship: &str| FieldSpec {
        kind: FieldKind::Reference,
        reference: Some((Some(relationship.to_owned()), vec![relationship.to_owned()], false)),
        ..scalar(key)
    };
    let mut fields: Vec<FieldSpec> = [
        "Id",
        "Name",
        "FirstName",
        "LastName",
        "Type",
        "Email",
        "Phone",
        "Title",
        "Username",
        "Alias",
        "IsActive",
    ]
    .map(scalar)
    .into();
    fields.extend([parent("UserRoleId", "UserRole"), parent("ProfileId", "Profile")]);
    ObjectSpec { name: "Name".to_owned(), prefix: None, fields, children: Vec::new() }
}

fn object(spec: ObjectSpec) -> Object {
    let specs: Vec<FieldSpec> =
        spec.fields.into_iter().filter(|field| is_api_name(&field.name)).take(0xffff).collect();
    let by_field = NameTable::build(specs.iter().map(|field| field.name.as_str()));
    let find = |name: &str| {
        let found = by_field.find(name, |at| specs.get(at).map_or("", |field| field.name.as_str()))?;
        Some(FieldId(u16::try_from(found).ok()?))
    };
    let compounds: Vec<Option<FieldId>> =
        specs.iter().map(|field| find(&compound::of(field, &spec.name, &specs)?)).collect();
    let fields: Vec<Field> =
        specs.into_iter().zip(compounds).map(|(spec, compound)| field(spec, compound)).collect();

    let traversable =
        |field: &Field| field.reference().is_some_and(|reference| reference.relationship.is_some());
    let parents: Vec<FieldId> = (0_u16..)
        .zip(&fields)
        .filter(|(_, field)| traversable(field))
        .map(|(number, _)| FieldId(number))
        .collect();
    let parent_name = |id: &FieldId| {
        let reference = fields.get(usize::from(id.0)).and_then(Field::reference);
        reference.and_then(|reference| reference.relationship.as_deref()).unwrap_or("")
    };
    let by_relationship = NameTable::build(parents.iter().map(parent_name));
    let children: Vec<Child> = spec.children.into_iter().map(child).collect();
    let by_child = NameTable::build(children.iter().map(|child| &*child.relationship));
    Object {
        name: spec.name.into(),
        prefix: spec.prefix.as_deref().and_then(KeyPrefix::parse),
        fields,
        by_field,
        by_relationship,
        parents,
        children,
        by_child,
    }
}

fn field(spec: FieldSpec, compound: Option<FieldId>) -> Field {
    let reference = spec.reference.map(|(relationship, targets, more)| {
        let targets = targets.into_iter().map(String::into_boxed_str).collect();
        Box::new(Reference { relationship: relationship.map(String::into_boxed_str), targets, more })
    });
    Field { name: spec.name.into(), kind: spec.kind, external_id: spec.external_id, compound, reference }
}

fn child(spec: ChildSpec) -> Child {
    Child { relationship: spec.relationship.into(), object: spec.object.into(), field: spec.field.into() }
}
