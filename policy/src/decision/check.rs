//! Whether the grants cover one access.

use super::Reason;
use crate::grant::{FieldSet, Grant, Grants};
use crate::request::{Access, Fields, RowsAsked, Verb, What};
use crate::schema::{FieldId, ObjectId};

/// Checks an access that a condition cannot narrow: rows named by id, counted, or looked up by a key.
pub(super) fn plain(grants: &Grants, access: Access) -> Result<(), Reason> {
    let grant = covered(grants, access)?;
    if access.verb == Verb::Read && grant.condition().is_some() {
        return Err(Reason::Condition(name(grants, access.object), "read it with a query"));
    }
    Ok(())
}

/// Checks an access whose rows a condition narrows elsewhere, and gives the grant.
pub(super) fn covered(grants: &Grants, access: Access) -> Result<&Grant, Reason> {
    let grant = grants.on(access.object);
    match grant.filter(|grant| grant.covers(access.verb, access.fields)) {
        Some(grant) => Ok(grant),
        None => Err(uncovered(grants, access, grant)),
    }
}

/// Why an access is not covered.
fn uncovered(grants: &Grants, access: Access, grant: Option<&Grant>) -> Reason {
    let object = grants.schema().object(access.object);
    let (verb, name) = (access.verb, object.name().to_owned());
    let field = match access.fields {
        Fields::One(field) => Some(object.field(field).name().to_owned()),
        Fields::None | Fields::Every => None,
    };
    match (grant, field) {
        (None, field) => Reason::NoGrant(verb, name, field),
        (Some(grant), _) if !grant.allows(verb) => Reason::Verb(verb, name),
        (Some(_), Some(field)) => Reason::Field(verb, name, field),
        (Some(_), None) => Reason::EveryField(verb, name),
    }
}

/// Checks a number of rows that cannot be clamped.
pub(super) fn rows(grants: &Grants, asked: RowsAsked) -> Result<(), Reason> {
    match grants.on(asked.object).and_then(Grant::max_rows) {
        Some(most) if asked.most.is_none_or(|rows| rows > most) => {
            Err(Reason::Rows(name(grants, asked.object), most))
        }
        _ => Ok(()),
    }
}

/// Checks that everything an exporting request reads may leave by an export.
pub(super) fn exportable(grants: &Grants, what: &What, export: bool) -> Result<(), Reason> {
    if !export {
        return Ok(());
    }
    let objects: Vec<ObjectId> = match what {
        What::Access(access) => vec![access.object],
        What::Query(query) => query.accesses().iter().map(|access| access.object).collect(),
        What::Search(search) => search.objects().to_vec(),
        What::Condition(condition) => vec![condition.object()],
        What::Connection(connection) => vec![connection.object],
        What::Fields(list) => vec![list.object],
        What::Rows(_)
        | What::Named(_)
        | What::Opaque(_)
        | What::Handle(_)
        | What::Columns(_)
        | What::Never(_) => Vec::new(),
    };
    match objects.into_iter().find(|object| !grants.exports(*object)) {
        Some(object) => Err(Reason::Export(name(grants, object))),
        None => Ok(()),
    }
}

/// Whether a grant covers every field for a verb, also unknown ones.
pub(super) fn covers_every(grant: &Grant, verb: Verb) -> bool {
    grant.fields(verb).is_some_and(FieldSet::covers_every)
}

/// Whether a grant covers a field for a verb.
pub(super) fn covers(grant: &Grant, verb: Verb, field: FieldId) -> bool {
    grant.fields(verb).is_some_and(|fields| fields.contains(field))
}

/// An object's name for messages.
pub(super) fn name(grants: &Grants, object: ObjectId) -> String {
    grants.schema().object(object).name().to_owned()
}
