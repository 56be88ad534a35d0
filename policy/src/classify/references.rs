//! `@{ref.path}`: what an earlier part of a composite will have answered, as far as it is known before anything runs.
//!
//! Salesforce puts the values in after the decision, so a reference is only taken where its value cannot change what
//! the request means: as an id whose object is known, or as a value written into a field (reference, section 4.2).

use super::path::is_reference;
use super::{Place, Unclear};
use crate::request::Access;
use crate::schema::ObjectId;

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
    /// The result of a creation or upsert: its `id`.
    Saved(Referenced),
    /// Properties by their exact paths (`Name`, `records[].AccountId`), each with what reading it needs and, where
    /// it is an id, the objects that it may be of.
    Read(Vec<(Box<str>, Referenced)>),
}

/// What a reference stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Referenced {
    /// The objects of which it is an id; empty when it is not an id.
    pub(crate) ids_of: Vec<ObjectId>,
    /// What it reads.
    pub(crate) accesses: Vec<Access>,
}

impl Known {
    /// Adds what a part answers; `false` when the name is there already.
    pub(crate) fn add(&mut self, name: &str, reply: Reply) -> bool {
        let new = self.answers.iter().all(|(known, _)| **known != *name);
        self.answers.push((name.into(), reply));
        new
    }

    /// What a whole reference stands for.
    pub(crate) fn resolve(&self, text: &str, place: Place) -> Result<Referenced, Unclear> {
        let wrong = |what: &str| Unclear::form(place.clone(), what);
        if !is_reference(text) {
            return Err(wrong("a reference must be the whole value"));
        }
        let inner = text.trim_start_matches("@{").trim_end_matches('}');
        let (name, path) = inner.split_once('.').ok_or_else(|| wrong("a reference names a property"))?;
        let reply = self.answers.iter().find(|(known, _)| **known == *name).map(|(_, reply)| reply);
        let reply = reply.ok_or_else(|| wrong("the reference is not to an earlier part"))?;
        let path = indexes_removed(path).ok_or_else(|| wrong("the reference is malformed"))?;
        match reply {
            Reply::Saved(id) if path == "id" => Ok(id.clone()),
            Reply::Read(properties) => {
                let found = properties.iter().find(|(known, _)| known.eq_ignore_ascii_case(&path));
                found.map(|(_, referenced)| referenced.clone()).ok_or_else(|| {
                    wrong("the reference is to a property that the earlier part does not name")
                })
            }
            Reply::Saved(_) | Reply::Opaque => Err(wrong("the reference is to a property that is not known")),
        }
    }
}

/// `records[0].Id` as `records[].Id`; `None` when an index is not a number.
fn indexes_removed(path: &str) -> Option<String> {
    let mut removed = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('[') {
        let (index, behind) = after.split_once(']')?;
        if index.is_empty() || !index.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        removed.push_str(before);
        removed.push_str("[]");
        rest = behind;
    }
    (!rest.contains(']')).then(|| removed + rest)
}
