//! Cursors and jobs: the caller's own only, and only while the grants still cover what they read or write.

use super::{Reason, check};
use crate::grant::Grants;
use crate::request::{Access, Columns, Handle, HandleKind, HandleUse, JobOperation, JobOrigin, Origin, Verb};
use crate::schema::{Object, ObjectId};

/// Decides the use of a handle.
pub(super) fn handle(grants: &Grants, handle: &Handle, origin: Option<&Origin>) -> Result<(), Reason> {
    let origin = origin.ok_or(Reason::NotOwn(handle.kind))?;
    let export =
        matches!(handle.kind, HandleKind::QueryJob | HandleKind::ClassicJob | HandleKind::ReportInstance);
    match handle.use_ {
        HandleUse::Page => reads(grants, origin, false),
        HandleUse::Results => reads(grants, origin, export),
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
    let (id, object) = grants.schema().look_up(&job.object).ok_or_else(|| {
        Reason::NoGrant(
            verbs(job.operation).first().copied().unwrap_or(Verb::Create),
            job.object.clone(),
            None,
        )
    })?;
    for verb in verbs(job.operation) {
        check::plain(grants, Access::object(*verb, id))?;
    }
    if columns.delimiter != job.delimiter && columns.names.len() > 1 {
        return Err(Reason::Column(columns.names.first().map(ToString::to_string).unwrap_or_default()));
    }
    columns.names.iter().try_for_each(|column| self::column(grants, job, (id, object), column))
}

/// One column: a field, a lookup by a parent's key (`Account.ExtId__c`), or one with its type (`Lead:Who.Email`).
fn column(
    grants: &Grants,
    job: &JobOrigin,
    (id, object): (ObjectId, &Object),
    column: &str,
) -> Result<(), Reason> {
    let unknown = || Reason::Column(column.to_owned());
    let written = |name: &str| object.find(name).ok_or_else(unknown);
    let is_key = column.eq_ignore_ascii_case("Id")
        || job.external_id.as_deref().is_some_and(|external| external.eq_ignore_ascii_case(column));
    let Some((hop, key)) = column.split_once('.') else {
        let field = written(column)?;
        if column.eq_ignore_ascii_case("Id") {
            return Ok(());
        }
        let verbs = if is_key { &[] } else { verbs(job.operation) };
        return verbs.iter().try_for_each(|verb| check::plain(grants, Access::field(*verb, id, field)));
    };
    let (target, relationship) = match hop.split_once(':') {
        Some((target, relationship)) => (Some(target), relationship),
        None => (None, hop),
    };
    let foreign_key = object.parent(relationship).ok_or_else(unknown)?;
    for verb in verbs(job.operation) {
        check::plain(grants, Access::field(*verb, id, foreign_key))?;
    }
    let reference = object.field(foreign_key).reference().ok_or_else(unknown)?;
    let target = match (target, &*reference.targets, reference.more) {
        (None, [only], false) => &**only,
        (Some(named), targets, more)
            if more || targets.iter().any(|known| known.eq_ignore_ascii_case(named)) =>
        {
            named
        }
        _ => return Err(unknown()),
    };
    let (parent, object) = grants.schema().look_up(target).ok_or_else(unknown)?;
    let key = object.find(key).ok_or_else(unknown)?;
    check::plain(grants, Access::field(Verb::Read, parent, key))
}

/// The verbs that an upload to a job of this operation needs.
fn verbs(operation: JobOperation) -> &'static [Verb] {
    match operation {
        JobOperation::Insert => &[Verb::Create],
        JobOperation::Update => &[Verb::Update],
        JobOperation::Upsert => &[Verb::Create, Verb::Update],
        JobOperation::Delete | JobOperation::HardDelete => &[Verb::Delete],
        JobOperation::Query | JobOperation::QueryAll => &[Verb::Read],
    }
}
