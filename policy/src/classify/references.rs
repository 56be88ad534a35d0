//! `@{ref.path}`: what an earlier part of a composite will have answered, as far as it is known before anything runs.
//!
//! Salesforce puts the values in after the decision, so a reference is only taken where its value cannot change what
//! the request means: as an id whose object is known, or as a value written into a field (reference, section 4.2).

use super::call::{Call, targets_of};
use super::path::is_reference;
use super::queries::renames;
use super::{Place, Unclear};
use crate::request::{Access, Method, Operation, Request, Verb, What};
use crate::schema::{FieldKind, ObjectId, Schema};

/// What the earlier parts of one composite answer.
#[derive(Debug, Default)]
pub(crate) struct Known {
    answers: Vec<(Box<str>, Reply)>,
}

/// What one part answers.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Nothing that may be referred to.
    Opaque,
    /// The results of saving records: an `id` of this object.
    Saved(ObjectId),
    /// The results of saving several, each of its object.
    SavedList(Vec<ObjectId>),
    /// Records of an object, of which these accesses were asked for.
    Records(Shape, ObjectId, Vec<Access>),
}

/// Where in an answer its records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The answer is one.
    One,
    /// It is a list of them.
    List,
    /// Under `records`.
    Rows,
    /// Under `recentItems`.
    Recent,
}

/// What a reference stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Referenced {
    /// The objects of which it is an id; empty when it is not an id.
    pub(crate) ids_of: Vec<ObjectId>,
    /// What it reads.
    pub(crate) accesses: Vec<Access>,
}

// === impl Known ===

impl Known {
    /// Adds what a part answers; `false` when the name is there already.
    pub(crate) fn add(&mut self, name: &str, reply: Reply) -> bool {
        let new = self.answers.iter().all(|(known, _)| **known != *name);
        self.answers.push((name.into(), reply));
        new
    }

    /// What a whole reference stands for.
    pub(crate) fn resolve(
        &self,
        schema: &Schema,
        text: &str,
        place: impl Into<Place> + Copy,
    ) -> Result<Referenced, Unclear> {
        let wrong = |what: &str| Unclear::form(place, what);
        if !is_reference(text) {
            return Err(wrong("a reference must be the whole value"));
        }
        let inner = text.trim_start_matches("@{").trim_end_matches('}');
        let end = inner.find(['.', '[']).ok_or_else(|| wrong("a reference names a property"))?;
        let (name, path) = inner.split_at_checked(end).unwrap_or_default();
        let reply = self.answers.iter().find(|(known, _)| **known == *name).map(|(_, reply)| reply);
        let reply = reply.ok_or_else(|| wrong("the reference is not to an earlier part"))?;
        let steps = steps(path).ok_or_else(|| wrong("the reference is malformed"))?;
        reply.property(schema, &steps).ok_or_else(|| {
            wrong("the reference is to a property that the earlier part does not answer for certain")
        })
    }
}

/// One step of a path.
#[derive(Debug, PartialEq, Eq)]
enum Step<'t> {
    Name(&'t str),
    Index(usize),
}

/// The steps of `.records[0].Id`; `None` when it is malformed.
fn steps(path: &str) -> Option<Vec<Step<'_>>> {
    let mut steps = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        if let Some(behind) = rest.strip_prefix('[') {
            let (index, behind) = behind.split_once(']')?;
            let number = index.bytes().all(|digit| digit.is_ascii_digit()).then(|| index.parse().ok())??;
            steps.push(Step::Index(number));
            rest = behind;
        } else {
            let behind = rest.strip_prefix('.')?;
            let end = behind.find(['.', '[']).unwrap_or(behind.len());
            let (name, behind) = behind.split_at_checked(end)?;
            if !crate::names::is_api_name(name) {
                return None;
            }
            steps.push(Step::Name(name));
            rest = behind;
        }
    }
    Some(steps)
}

// === impl Reply ===

impl Reply {
    /// What the answer to a part will hold for certain.
    pub(crate) fn to(call: &Call<'_>, request: &Request) -> Self {
        let names = call.names();
        let whats = || request.needs.iter().map(|need| &need.what);
        let saves = request
            .operations
            .iter()
            .all(|operation| matches!(operation, Operation::Create | Operation::Upsert | Operation::Publish));
        let saved = whats().filter_map(|what| match what {
            What::Access(access) if access.verb == Verb::Create || access.verb == Verb::Publish => {
                Some(access.object)
            }
            _ => None,
        });
        match (&*names, call.method) {
            (["sobjects", _, ..], Method::Post | Method::Patch) if saves => {
                saved.last().map_or(Self::Opaque, Self::Saved)
            }
            (["composite", "sobjects", ..], Method::Post | Method::Patch) if saves => {
                call.declared_list().map_or(Self::Opaque, Self::SavedList)
            }
            (["sobjects", _], Method::Get) => whats()
                .find_map(object_described)
                .map_or(Self::Opaque, |object| Self::Records(Shape::Recent, object, accesses(request))),
            _ => whats().find_map(|what| records(what, &names, request)).unwrap_or(Self::Opaque),
        }
    }

    /// What a property of the answer stands for.
    fn property(&self, schema: &Schema, steps: &[Step<'_>]) -> Option<Referenced> {
        match (self, steps) {
            (Self::Saved(object), [Step::Name("id")]) => saved_id(schema, *object),
            (Self::SavedList(objects), [Step::Index(number), Step::Name("id")]) => {
                saved_id(schema, *objects.get(*number)?)
            }
            (Self::Records(Shape::One, object, known), path) => of_record(schema, *object, known, path),
            (Self::Records(Shape::List, object, known), [Step::Index(_), path @ ..]) => {
                of_record(schema, *object, known, path)
            }
            (
                Self::Records(Shape::Rows, object, known),
                [Step::Name("records"), Step::Index(_), path @ ..],
            )
            | (
                Self::Records(Shape::Recent, object, known),
                [Step::Name("recentItems"), Step::Index(_), path @ ..],
            ) => of_record(schema, *object, known, path),
            _ => None,
        }
    }
}

fn saved_id(schema: &Schema, object: ObjectId) -> Option<Referenced> {
    let id = schema.object(object).find("Id")?;
    Some(Referenced { ids_of: vec![object], accesses: vec![Access::field(Verb::Read, object, id)] })
}

/// A property of a record: a path of relationships and a field, all of which were asked for.
fn of_record(
    schema: &Schema,
    mut object: ObjectId,
    known: &[Access],
    path: &[Step<'_>],
) -> Option<Referenced> {
    let mut referenced = Referenced::default();
    let mut steps = path.iter();
    while let Some(step) = steps.next() {
        let Step::Name(name) = step else { return None };
        let of = schema.object(object);
        if let Some(field) = of.find(name) {
            let access = Access::field(Verb::Read, object, field);
            let part = steps.next();
            let compound = matches!(of.field(field).kind(), FieldKind::Address | FieldKind::Location);
            if steps.next().is_some() || (part.is_some() && !compound) || !asked(schema, known, access) {
                return None;
            }
            referenced.accesses.push(access);
            referenced.ids_of = match of.field(field).kind() {
                FieldKind::Id => vec![object],
                FieldKind::Reference => targets_of(schema, of, field, &Place::Body).ok()?,
                _ => Vec::new(),
            };
            return Some(referenced);
        }
        let (access, next) = match (of.parent(name), of.child(name)) {
            (Some(foreign_key), None) => {
                let [only] = *targets_of(schema, of, foreign_key, &Place::Body).ok()? else { return None };
                (Access::field(Verb::Read, object, foreign_key), only)
            }
            (None, Some(child)) => {
                let (next, of) = schema.look_up(&child.object)?;
                let (Some(Step::Name("records")), Some(Step::Index(_))) = (steps.next(), steps.next()) else {
                    return None;
                };
                (Access::field(Verb::Read, next, of.find(&child.field)?), next)
            }
            (Some(_), Some(_)) | (None, None) => return None,
        };
        if !asked(schema, known, access) {
            return None;
        }
        referenced.accesses.push(access);
        object = next;
    }
    None
}

/// Whether a part asked for a field. Ids come with every record.
fn asked(schema: &Schema, known: &[Access], access: Access) -> bool {
    let every = Access::every(access.verb, access.object);
    let is_id = |access: Access| match access.fields {
        crate::request::Fields::One(field) => {
            schema.object(access.object).field(field).kind() == FieldKind::Id
        }
        _ => false,
    };
    known.contains(&access) || known.contains(&every) || is_id(access)
}

fn object_described(what: &What) -> Option<ObjectId> {
    match what {
        What::Access(access) if access.verb == Verb::Describe => Some(access.object),
        _ => None,
    }
}

/// The records that a need reads, when their properties are those that the request names.
fn records(what: &What, names: &[&str], request: &Request) -> Option<Reply> {
    match what {
        What::Fields(list) => {
            let shape = if names.first() == Some(&"composite") { Shape::List } else { Shape::One };
            let shape =
                if request.answer.rows == crate::request::Rows::JsonRecords { Shape::Rows } else { shape };
            Some(Reply::Records(shape, list.object, accesses(request)))
        }
        What::Query(query) if !renames(query.query()) => {
            let root = query.places().first()?.object;
            Some(Reply::Records(Shape::Rows, root, accesses(request)))
        }
        _ => None,
    }
}

/// Everything that a request reads.
fn accesses(request: &Request) -> Vec<Access> {
    let mut all = Vec::new();
    for need in request.needs.iter() {
        match &need.what {
            What::Access(access) => all.push(*access),
            What::Query(query) => all.extend_from_slice(query.accesses()),
            What::Fields(list) => match &list.named {
                None => all.push(Access::every(Verb::Read, list.object)),
                Some(named) => all.extend(named.iter().flat_map(|field| field.accesses.iter().copied())),
            },
            _ => {}
        }
    }
    all
}
