//! Cursors and jobs: the caller's own only, and only while the grants still cover what they read or write.

use super::{Reason, check};
use crate::grant::Grants;
use crate::request::{Access, Columns, Handle, HandleUse, Origin, Verb};

/// Decides the use of a handle.
pub(super) fn handle(grants: &Grants, handle: &Handle, origin: Option<&Origin>) -> Result<(), Reason> {
    let origin = origin.ok_or(Reason::NotOwn(handle.kind))?;
    let job = origin.job.as_ref();
    match handle.use_ {
        HandleUse::Page => reads(grants, origin, false),
        // The results of an upload are what became of its rows.
        HandleUse::Results if job.is_some_and(|job| !job.is_query()) => Ok(()),
        HandleUse::Results => reads(grants, origin, true),
        HandleUse::Ask(object) => {
            let job = job.ok_or(Reason::NotOwn(handle.kind))?;
            let object = check::name(grants, object);
            match (job.is_query(), job.object.eq_ignore_ascii_case(&object)) {
                (true, true) => Ok(()),
                (true, false) => {
                    Err(Reason::Job(format!("it was made for {}, not for {object}", job.object)))
                }
                (false, _) => Err(Reason::Job("it takes records, not a query".to_owned())),
            }
        }
        HandleUse::Readback
        | HandleUse::Status
        | HandleUse::Change
        | HandleUse::Upload
        | HandleUse::Delete => Ok(()),
    }
}

/// Everything that the handle's request read must still be granted.
fn reads(grants: &Grants, origin: &Origin, export: bool) -> Result<(), Reason> {
    for (object, fields) in &origin.reads {
        let unknown = |field: Option<&String>| Reason::NoGrant(Verb::Read, object.clone(), field.cloned());
        let (id, known) = grants.schema().look_up(object).ok_or_else(|| unknown(None))?;
        if export && !grants.exports(id) {
            return Err(Reason::Export(object.clone()));
        }
        check::covered(grants, Access::object(Verb::Read, id))?;
        for field in fields {
            // `*` was narrowed to what was granted when the handle was made.
            if field != "*" {
                let field = known.find(field).ok_or_else(|| unknown(Some(field)))?;
                check::covered(grants, Access::field(Verb::Read, id, field))?;
            }
        }
    }
    Ok(())
}

/// Decides the columns of an upload by the object and operation of its job.
pub(super) fn columns(grants: &Grants, columns: &Columns, origin: Option<&Origin>) -> Result<(), Reason> {
    let not_own = Reason::NotOwn(columns.handle.kind);
    let job = origin.and_then(|origin| origin.job.as_ref()).ok_or(not_own)?;
    if job.is_query() {
        return Err(Reason::Job("it takes a query, not records".to_owned()));
    }
    let schema = grants.schema();
    let (id, object) =
        schema.look_up(&job.object).ok_or_else(|| Reason::NoGrant(Verb::Create, job.object.clone(), None))?;
    for verb in job.verbs(object) {
        check::plain(grants, Access::object(*verb, id))?;
    }
    if columns.delimiter != job.delimiter && columns.names.len() > 1 {
        return Err(Reason::Job("its delimiter is not the one that the header has".to_owned()));
    }
    for column in &columns.names {
        let accesses = job.column(schema, column).ok_or_else(|| Reason::Column(column.to_string()))?;
        accesses.into_iter().try_for_each(|access| check::plain(grants, access))?;
    }
    Ok(())
}
