//! What a column of a bulk upload touches.

use super::{Access, JobOperation, JobOrigin, Verb};
use crate::schema::{Object, Schema};

impl JobOrigin {
    /// What writing a column to records of the job touches; `None` when the column is not understood.
    ///
    /// Columns are a field, a parent's key (`Account.ExtId__c`), or one with the parent's object
    /// (`Lead:Who.Email`), as reference section 5.2 has them.
    #[must_use]
    pub fn column(&self, schema: &Schema, column: &str) -> Option<Vec<Access>> {
        let (id, object) = schema.look_up(&self.object)?;
        let verbs = self.verbs(object);
        let is_key = column.eq_ignore_ascii_case("Id")
            || self.external_id.as_deref().is_some_and(|external| external.eq_ignore_ascii_case(column));
        let Some((hop, key)) = column.split_once('.') else {
            let field = object.find(column)?;
            let verbs = if is_key { &[] } else { verbs };
            return Some(verbs.iter().map(|verb| Access::field(*verb, id, field)).collect());
        };
        let (target, relationship) = match hop.split_once(':') {
            Some((target, relationship)) => (Some(target), relationship),
            None => (None, hop),
        };
        let foreign_key = object.parent(relationship)?;
        let reference = object.field(foreign_key).reference()?;
        let target = match (target, &*reference.targets, reference.more) {
            (None, [only], false) => &**only,
            (Some(named), targets, more)
                if more || targets.iter().any(|known| known.eq_ignore_ascii_case(named)) =>
            {
                named
            }
            _ => return None,
        };
        let (parent, target) = schema.look_up(target)?;
        let key = Access::field(Verb::Read, parent, target.find(key)?);
        Some(verbs.iter().map(|verb| Access::field(*verb, id, foreign_key)).chain([key]).collect())
    }

    /// The verbs that an upload to the job needs. Inserting events is publishing them.
    #[must_use]
    pub fn verbs(&self, object: &Object) -> &'static [Verb] {
        match self.operation {
            JobOperation::Insert if object.is_event() => &[Verb::Publish],
            JobOperation::Insert => &[Verb::Create],
            JobOperation::Update => &[Verb::Update],
            JobOperation::Upsert => &[Verb::Create, Verb::Update],
            JobOperation::Delete | JobOperation::HardDelete => &[Verb::Delete],
            JobOperation::Query | JobOperation::QueryAll => &[Verb::Read],
        }
    }

    /// Adds columns that are uploaded to it. Those that were not kept stay unknown.
    pub fn upload(&mut self, names: &[impl AsRef<str>]) {
        let Some(known) = &mut self.columns else { return };
        for name in names.iter().map(AsRef::as_ref) {
            if !known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                known.push(name.to_owned());
            }
        }
    }

    /// Whether the job's batches are queries.
    #[must_use]
    pub fn is_query(&self) -> bool {
        matches!(self.operation, JobOperation::Query | JobOperation::QueryAll)
    }
}
