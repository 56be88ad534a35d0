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
    let object = || name(grants, access.object);
    let Some(grant) = grants.on(access.object) else {
        let field = match access.fields {
            Fields::One(field) => Some(grants.schema().object(access.object).field(field).name().to_owned()),
            Fields::None | Fields::Every => None,
        };
        return Err(Reason::NoGrant(access.verb, object(), field));
    };
    if !grant.allows(access.verb) {
        return Err(Reason::Verb(access.verb, object()));
    }
    let Some(fields) = grant.fields(access.verb) else { return Ok(grant) };
    match access.fields {
        Fields::None => Ok(grant),
        Fields::One(field) if fields.contains(field) => Ok(grant),
        Fields::One(field) => {
            let field = grants.schema().object(access.object).field(field).name();
            Err(Reason::Field(access.verb, object(), field.to_owned()))
        }
        Fields::Every if fields.covers_every() => Ok(grant),
        Fields::Every => Err(Reason::EveryField(access.verb, object())),
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
