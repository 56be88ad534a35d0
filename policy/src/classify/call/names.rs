//! The names in a call: objects, fields, field paths, record ids.

use std::borrow::Cow;

use super::{Call, Envelope};
use crate::classify::path::is_reference;
use crate::classify::{Place, Unclear, UnclearKind};
use crate::id::RecordId;
use crate::request::{Access, FieldList, NamedField, Verb};
use crate::schema::{FieldId, Object, ObjectId, Reference, Schema};

/// What names one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// Its id.
    Id(RecordId),
    /// A reference to the answer of an earlier part of a composite, which is an id of the object asked for; reading
    /// it needs these accesses.
    Reference(Vec<Access>),
}

impl<'a> Call<'a> {
    /// The object of this name.
    pub(crate) fn object(&self, name: &str) -> Result<ObjectId, Unclear> {
        self.schema.find(name).ok_or_else(|| unknown_name(Place::Path, name))
    }

    /// The objects of a comma-separated list.
    pub(crate) fn listed(&self, names: &str, place: &Place) -> Result<Vec<ObjectId>, Unclear> {
        names.split(',').map(|name| self.object_at(name.trim_matches(' '), place)).collect()
    }

    /// The object of this name, found elsewhere than in the path.
    pub(crate) fn object_at(&self, name: &str, place: impl Into<Place>) -> Result<ObjectId, Unclear> {
        self.schema.find(name).ok_or_else(|| unknown_name(place, name))
    }

    /// The field of this name.
    pub(crate) fn field(
        &self,
        object: ObjectId,
        name: &str,
        place: impl Into<Place>,
    ) -> Result<FieldId, Unclear> {
        self.schema.object(object).find(name).ok_or_else(|| unknown_name(place, name))
    }

    /// A record of `object`, by its id or a reference to one.
    pub(crate) fn record(
        &self,
        object: ObjectId,
        text: &str,
        place: impl Into<Place> + Copy,
    ) -> Result<Record, Unclear> {
        let wrong = || Unclear::form(place, "it is not the id of a record of this object");
        if let (Envelope::Composite(known) | Envelope::Graph(known), true) =
            (self.envelope, is_reference(text))
        {
            let referenced = known.resolve(self.schema, text, place)?;
            let fits = !referenced.ids_of.is_empty() && referenced.ids_of.iter().all(|of| *of == object);
            return if fits { Ok(Record::Reference(referenced.accesses)) } else { Err(wrong()) };
        }
        let id = RecordId::parse(text).ok_or_else(wrong)?;
        if self.schema.with_prefix(id.prefix()).any(|known| known == object) {
            Ok(Record::Id(id))
        } else {
            Err(wrong())
        }
    }

    /// The objects that a record may be of, by its id alone: all that share the prefix.
    pub(crate) fn objects_of(
        &self,
        text: &str,
        place: impl Into<Place> + Copy,
    ) -> Result<Vec<ObjectId>, Unclear> {
        let id = RecordId::parse(text).ok_or_else(|| Unclear::form(place, "it is not the id of a record"))?;
        let objects: Vec<ObjectId> = self.schema.with_prefix(id.prefix()).collect();
        if objects.is_empty() { Err(unknown_name(place, id.prefix().as_str())) } else { Ok(objects) }
    }

    /// The list of a `fields=` parameter: comma-separated, parent paths by relationship names.
    pub(crate) fn fields<'n>(
        &self,
        object: ObjectId,
        names: impl IntoIterator<Item = &'n str>,
        place: &Place,
    ) -> Result<FieldList, Unclear> {
        let mut named = Vec::new();
        for path in names {
            let path = path.trim_matches(' ');
            named.push(NamedField {
                path: path.into(),
                accesses: field_path(self.schema, &[object], path, place)?,
            });
        }
        if named.is_empty() {
            return Err(Unclear::form(place, "no field is named"));
        }
        Ok(FieldList { object, named: Some(named), qualified: false })
    }
}

/// What reading a field path touches: every hop's reference field, and the field at the end. From several objects,
/// that of each.
pub(crate) fn field_path(
    schema: &Schema,
    objects: &[ObjectId],
    path: &str,
    place: &Place,
) -> Result<Vec<Access>, Unclear> {
    let mut accesses = Vec::new();
    let mut objects = Cow::Borrowed(objects);
    let mut hops = path.split('.');
    let last = hops.next_back().unwrap_or_default();
    for (number, hop) in hops.enumerate() {
        if number == MOST_HOPS {
            return Err(Unclear::form(place, "a path goes up five parents at most"));
        }
        let only_type = last.eq_ignore_ascii_case("Type") && path.split('.').count() == number + 2;
        let (foreign_keys, targets) = parents(schema, &objects, hop, place)?;
        accesses.extend(foreign_keys);
        if only_type && targets.len() > 1 {
            return Ok(accesses);
        }
        objects = Cow::Owned(targets);
    }
    for object in objects.iter().copied() {
        let field = schema.object(object).find(last).ok_or_else(|| unknown_name(place, last))?;
        accesses.push(Access::field(Verb::Read, object, field));
    }
    Ok(accesses)
}

/// One hop to a parent: the reference fields that implement it, and the objects it may lead to. A reference with
/// targets that the schema does not list leads to the virtual object `Name`.
pub(crate) fn parents(
    schema: &Schema,
    objects: &[ObjectId],
    hop: &str,
    place: &Place,
) -> Result<(Vec<Access>, Vec<ObjectId>), Unclear> {
    let (mut accesses, mut targets) = (Vec::new(), Vec::new());
    for id in objects {
        let object = schema.object(*id);
        let field = object.parent(hop).ok_or_else(|| unknown_name(place, hop))?;
        accesses.push(Access::field(Verb::Read, *id, field));
        for target in targets_of(schema, object, field, place)? {
            if !targets.contains(&target) {
                targets.push(target);
            }
        }
    }
    Ok((accesses, targets))
}

/// The one object that a reference field points at in a body: the only one there is, or the one that is named.
pub(crate) fn field_target(
    schema: &Schema,
    (object, field): (&Object, FieldId),
    named: Option<&str>,
    place: impl Into<Place> + Copy,
) -> Result<ObjectId, Unclear> {
    let reference = object.field(field).reference();
    let (targets, more) =
        reference.map_or((&[][..], false), |reference| (&*reference.targets, reference.more));
    let allowed = |name: &str| more || targets.iter().any(|known| known.eq_ignore_ascii_case(name));
    let name = match (named, targets) {
        (Some(name), _) if allowed(name) => name,
        (None, [only]) if !more => only,
        (Some(_), _) => {
            return Err(Unclear::form(place, "the reference cannot point at that object"));
        }
        (None, _) => {
            let what = "the reference may point at several objects: name one in `attributes.type`";
            return Err(Unclear::form(place, what));
        }
    };
    schema.find(name).ok_or_else(|| unknown_name(place, name))
}

/// The objects that a reference field may point at.
pub(crate) fn targets_of(
    schema: &Schema,
    object: &Object,
    field: FieldId,
    place: &Place,
) -> Result<Vec<ObjectId>, Unclear> {
    let wide = Reference { relationship: None, targets: vec!["Name".into()], more: false };
    let reference = object.field(field).reference();
    let reference = reference.map(|reference| if reference.more { &wide } else { reference });
    let names = reference.map(|reference| &*reference.targets).unwrap_or_default();
    let found: Option<Vec<ObjectId>> = names.iter().map(|name| schema.find(name)).collect();
    found.filter(|targets| !targets.is_empty()).ok_or_else(|| unknown_name(place, object.field(field).name()))
}

/// A name that the schema does not have: said in the same words whether or not it exists elsewhere.
pub(crate) fn unknown_name(place: impl Into<Place>, name: &str) -> Unclear {
    let name: String = name.chars().take(80).collect();
    Unclear::new(UnclearKind::Name(name.clone().into()), place, format!("`{name}` is not known"))
}

/// How many parents a field path may go up (reference, section 13).
const MOST_HOPS: usize = 5;
