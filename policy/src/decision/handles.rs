//! Cursors and jobs: the caller's own only, and only while the grants still cover what they read or write.

use super::{Reason, check};
use crate::grant::Grants;
use crate::request::{Access, Columns, Handle, HandleKind, HandleUse, JobOperation, JobOrigin, Origin, Verb};

/// Decides the use of a handle.
pub(super) fn handle(grants: &Grants, handle: &Handle, origin: Option<&Origin>) -> Result<(), Reason> {
    let origin = origin.ok_or(Reason::NotOwn(handle.kind))?;
    let job = origin.job.as_ref();
    match handle.use_ {
        HandleUse::Page => reads(grants, (handle.kind, origin), false),
        // The results of an upload are what became of its rows.
        HandleUse::Results if job.is_some_and(|job| !job.is_query()) => Ok(()),
        HandleUse::Results => reads(grants, (handle.kind, origin), true),
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
        // Closing a job is what carries its uploads out, and what went in comes back only while it might go in.
        HandleUse::Change | HandleUse::Readback => {
            job.filter(|job| !job.is_query()).map_or(Ok(()), |job| uploads(grants, job))
        }
        HandleUse::Status | HandleUse::Upload | HandleUse::Delete => Ok(()),
    }
}

/// Everything that the handle's request read must still be granted, under the conditions that it was made with.
fn reads(grants: &Grants, (kind, origin): (HandleKind, &Origin), export: bool) -> Result<(), Reason> {
    // Batches of a classic job are narrowed each by itself; reports are opened by their path.
    let is_query = matches!(kind, HandleKind::Locator | HandleKind::QueryJob);
    for (object, fields) in &origin.reads {
        let unknown = |field: Option<&String>| Reason::NoGrant(Verb::Read, object.clone(), field.cloned());
        let (id, known) = grants.schema().look_up(object).ok_or_else(|| unknown(None))?;
        if export && !grants.exports(id) {
            return Err(Reason::Export(object.clone()));
        }
        let grant = check::covered(grants, Access::object(Verb::Read, id))?;
        let held = |text: &str| origin.conditions.iter().any(|(of, known)| of == object && known == text);
        if is_query && grant.condition().is_some_and(|condition| !held(condition.text())) {
            return Err(Reason::Condition(object.clone(), "its rows were chosen without it; ask again"));
        }
        for field in fields {
            match field.as_str() {
                // Where fewer fields were granted when the handle was made, they are listed.
                "*" if is_query => check::covered(grants, Access::every(Verb::Read, id)).map(|_| ())?,
                "*" => {}
                field => {
                    let field = known.find(field).ok_or_else(|| unknown(Some(&field.to_owned())))?;
                    check::covered(grants, Access::field(Verb::Read, id, field))?;
                }
            }
        }
    }
    Ok(())
}

/// What was uploaded to a job must be such as may be uploaded now: every field, where its columns were not kept.
fn uploads(grants: &Grants, job: &JobOrigin) -> Result<(), Reason> {
    writes(grants, job)?;
    if let Some(columns) = &job.columns {
        return columns.iter().try_for_each(|column| self::column(grants, job, column));
    }
    let found = grants.schema().look_up(&job.object);
    let (id, object) = found.ok_or_else(|| Reason::Column(job.object.clone()))?;
    job.verbs(object).iter().try_for_each(|verb| check::plain(grants, Access::every(*verb, id)))
}

/// What the uploads to a job do must still be granted on its object.
fn writes(grants: &Grants, job: &JobOrigin) -> Result<(), Reason> {
    let schema = grants.schema();
    let (id, object) =
        schema.look_up(&job.object).ok_or_else(|| Reason::NoGrant(Verb::Create, job.object.clone(), None))?;
    job.verbs(object).iter().try_for_each(|verb| check::plain(grants, Access::object(*verb, id)))?;
    // Every record of an upsert may be created with its key, which no column needs a grant for.
    let key = job.external_id.as_deref().filter(|key| !key.eq_ignore_ascii_case("Id"));
    let Some(key) = key.filter(|_| job.operation == JobOperation::Upsert) else { return Ok(()) };
    let field = object.find(key).ok_or_else(|| Reason::Column(key.to_owned()))?;
    check::plain(grants, Access::field(Verb::Create, id, field))
}

/// Decides the columns of an upload by the object and operation of its job.
pub(super) fn columns(grants: &Grants, columns: &Columns, origin: Option<&Origin>) -> Result<(), Reason> {
    let not_own = Reason::NotOwn(columns.handle.kind);
    let job = origin.and_then(|origin| origin.job.as_ref()).ok_or(not_own)?;
    if job.is_query() {
        return Err(Reason::Job("it takes a query, not records".to_owned()));
    }
    writes(grants, job)?;
    if columns.delimiter != job.delimiter && columns.names.len() > 1 {
        return Err(Reason::Job("its delimiter is not the one that the header has".to_owned()));
    }
    columns.names.iter().try_for_each(|column| self::column(grants, job, column))
}

fn column(grants: &Grants, job: &JobOrigin, column: &str) -> Result<(), Reason> {
    let accesses = job.column(grants.schema(), column);
    let accesses = accesses.ok_or_else(|| Reason::Column(column.to_owned()))?;
    accesses.into_iter().try_for_each(|access| check::plain(grants, access))
}
