//! JSON records: which fields a body writes, and which parents it looks up.
//!
//! Reference, section 2.3. Keys are field names in any letter case; a nested object under a relationship name sets
//! that reference by a key of the parent, which is read for it.

use super::Unclear;
use super::call::{Call, Envelope, Record, field_target, unknown_name};
use super::json::{Kind, Value};
use crate::request::{Access, Verb};
use crate::schema::{FieldId, Object, ObjectId};

/// Accesses, each once, in order of first appearance.
#[derive(Debug, Default)]
pub(crate) struct Accesses {
    all: Vec<Access>,
    seen: std::collections::HashSet<Access>,
}

/// What is done with records, and how their bodies look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Writing<'v> {
    /// The verbs that every field written needs.
    pub(crate) verbs: &'v [Verb],
    /// Whether a body names its record.
    pub(crate) id: IdRule,
    /// The keys that `attributes` may have.
    pub(crate) attributes: &'v [&'v str],
    /// Whether records may hold lists of children, which are read elsewhere.
    pub(crate) children: Children,
}

/// Whether a record may hold lists of children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Children {
    /// It may not.
    Refused,
    /// It may: under the names of child relationships.
    Listed,
}

/// Whether a record body has an `Id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdRule {
    /// It may not: the URL, or Salesforce, names the record.
    Refused,
    /// It must, and it must be of the record's object.
    Required,
    /// It may, as the key of an upsert.
    Key,
}

/// The keys of `attributes` that plain records may have.
pub(crate) const PLAIN_ATTRIBUTES: &[&str] = &["type", "url"];

// === impl Accesses ===

impl Accesses {
    /// Adds one, if it is not there yet.
    pub(crate) fn add(&mut self, access: Access) {
        if self.seen.insert(access) {
            self.all.push(access);
        }
    }

    /// Whether one is there.
    pub(crate) fn has(&self, access: Access) -> bool {
        self.seen.contains(&access)
    }

    /// Adds several.
    pub(crate) fn extend(&mut self, accesses: impl IntoIterator<Item = Access>) {
        accesses.into_iter().for_each(|access| self.add(access));
    }

    /// All of them.
    pub(crate) fn into_vec(self) -> Vec<Access> {
        self.all
    }
}

// === impl Call ===

impl Call<'_> {
    /// What writing a record of a known object touches.
    pub(crate) fn record_body(
        &self,
        value: Value<'_>,
        object: ObjectId,
        writing: Writing<'_>,
        accesses: &mut Accesses,
    ) -> Result<(), Unclear> {
        let known = self.schema.object(object);
        let (mut written, mut lists): (Vec<FieldId>, Vec<String>) = (Vec::new(), Vec::new());
        let mut id = None;
        value.is(Kind::Object)?;
        accesses.extend(writing.verbs.iter().map(|verb| Access::object(*verb, object)));
        for (key, value) in value.entries() {
            let name = key.string()?;
            if name == "attributes" {
                self.attributes(value, known, writing.attributes)?;
                continue;
            }
            if writing.children == Children::Listed && value.get("records").is_some() {
                let folded = name.to_ascii_lowercase();
                if known.child(&name).is_none() {
                    return Err(unknown_name(key, &name));
                }
                if lists.contains(&folded) {
                    return Err(key.unclear("the relationship is there twice"));
                }
                lists.push(folded);
                continue;
            }
            let field = if name.eq_ignore_ascii_case("Id") {
                let text = value.string()?;
                id = Some(self.record(object, &text, value)?);
                known.find("Id").ok_or_else(|| unknown_name(value, "Id"))?
            } else if value.kind() == Kind::Object {
                self.lookup(value, (object, &name), writing.verbs, accesses)?
            } else {
                let field = known.find(&name).ok_or_else(|| unknown_name(key, &name))?;
                accesses.extend(writing.verbs.iter().map(|verb| Access::field(*verb, object, field)));
                self.scalar(value, accesses)?;
                field
            };
            if written.contains(&field) {
                return Err(key.unclear("the field is there twice"));
            }
            written.push(field);
        }
        match (writing.id, id) {
            (IdRule::Refused, Some(_)) => Err(value.unclear("an `Id` may not stand in this body")),
            (IdRule::Required, None) => Err(value.unclear("the `Id` is missing")),
            (_, Some(Record::Reference(read))) => {
                accesses.extend(read);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The object that a record says it is of, in `attributes.type`.
    pub(crate) fn declared(&self, value: Value<'_>) -> Result<ObjectId, Unclear> {
        let kind = value.is(Kind::Object)?.required("attributes")?.required("type")?;
        self.object_at(&kind.string()?, kind)
    }

    /// A value written into a field: a scalar, which in a composite may be a reference to an earlier answer.
    fn scalar(&self, value: Value<'_>, accesses: &mut Accesses) -> Result<(), Unclear> {
        if matches!(value.kind(), Kind::Array | Kind::Object) {
            return Err(value.unclear("expected a value of a field"));
        }
        if let (Envelope::Composite(known) | Envelope::Graph(known), Some(text)) =
            (self.envelope, value.as_str())
            && text.contains("@{")
        {
            accesses.extend(known.resolve(self.schema, &text, value)?.accesses);
        }
        Ok(())
    }

    /// A parent named by one of its keys: reads the key, and writes the reference field.
    fn lookup(
        &self,
        value: Value<'_>,
        (object, relationship): (ObjectId, &str),
        verbs: &[Verb],
        accesses: &mut Accesses,
    ) -> Result<FieldId, Unclear> {
        let known = self.schema.object(object);
        let foreign_key = known.parent(relationship).ok_or_else(|| unknown_name(value, relationship))?;
        let (mut kind, mut parent_key) = (None, None);
        for (key, value) in value.entries() {
            if key.string()? == "attributes" {
                let named = value.only(PLAIN_ATTRIBUTES)?.required("type")?;
                kind = Some(named.string()?);
            } else if parent_key.replace((key, value)).is_some() {
                return Err(key.unclear("a parent is named by one key"));
            }
        }
        let (key, scalar) = parent_key.ok_or_else(|| value.unclear("a parent is named by one key"))?;
        let target = field_target(self.schema, (known, foreign_key), kind.as_deref(), value)?;
        let field = self.field(target, &key.string()?, key)?;
        self.scalar(scalar, accesses)?;
        accesses.extend(verbs.iter().map(|verb| Access::field(*verb, object, foreign_key)));
        accesses.add(Access::field(Verb::Read, target, field));
        Ok(foreign_key)
    }

    /// Checks the `attributes` of a record: nothing unknown, and no other object than the record's.
    fn attributes(&self, value: Value<'_>, object: &Object, known: &[&str]) -> Result<(), Unclear> {
        value.only(known)?;
        for (key, value) in value.entries() {
            let text = value.string()?;
            self.no_references(&text, value)?;
            if key.string()? == "type" && !text.eq_ignore_ascii_case(object.name()) {
                return Err(value.unclear("`attributes.type` contradicts the object"));
            }
        }
        Ok(())
    }
}
