//! UI API: `/ui-api/...` (reference, section 9.1).
//!
//! Fields are named with their object in front (`Account.Owner.Email`). Where the request leaves the fields to a
//! layout, the answer is cut to those granted; where it leaves them to what is stored elsewhere (list views, related
//! lists without `fields`), every field is needed. A created or changed record is answered, so writing reads.

mod lists;
mod meta;
mod record;
#[cfg(test)]
mod tests;

use super::call::Call;
use super::parameters::Parameters;
use super::unclear::{Place, Unclear};
use crate::request::{
    Access, Answer, Api, Cut, FieldList, Needs, Operation, Operations, Request, Rows, Template, Verb, What,
};
use crate::schema::ObjectId;

/// Reads a call.
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    match names.get(1..).unwrap_or_default() {
        ["records", rest @ ..] => record::read(call, rest),
        ["record-ui", ids] => record::with_layout(call, ids),
        ["record-defaults", rest @ ..] => record::defaults(call, rest),
        ["duplicates", object] => record::duplicates(call, object),
        ["predupe"] => record::possible_duplicates(call),
        ["lookups", object, field, rest @ ..] => lists::lookup(call, object, field, rest),
        [
            "list-info" | "list-records" | "list-ui" | "mru-list-info" | "mru-list-records" | "mru-list-ui",
            ..,
        ] => lists::views(call),
        ["related-list-records", rest @ ..] => lists::related(call, rest),
        ["related-list-count", rest @ ..] => lists::counts(call, rest),
        ["related-list-info", rest @ ..] => lists::related_info(call, rest),
        rest => meta::read(call, rest),
    }
}

/// Which fields a request names.
#[derive(Debug, Default)]
struct Named {
    accesses: Vec<Access>,
    /// Whether it names any at all.
    any: bool,
}

impl Named {
    /// Adds a list of fields, each with one of `objects` in front; a `-` in front of it all orders downwards.
    fn list(
        &mut self,
        call: &Call<'_>,
        objects: &[ObjectId],
        list: &str,
        place: &Place,
    ) -> Result<(), Unclear> {
        for name in list.split(',').filter(|name| !name.is_empty()) {
            let path = name.strip_prefix('-').unwrap_or(name);
            let (object, field) = path.split_once('.').ok_or_else(|| {
                Unclear::form(place.clone(), format!("`{name}` does not start with its object"))
            })?;
            let object = call.object_at(object, place)?;
            if !objects.contains(&object) {
                let what = format!("`{name}` is not a field of what the request is about");
                return Err(Unclear::form(place.clone(), what));
            }
            let list = call.fields(object, [field], place)?;
            self.accesses.extend(list.named.into_iter().flatten().flat_map(|field| field.accesses));
            self.any = true;
        }
        Ok(())
    }

    /// The lists of the parameters `names`.
    fn parameters(
        call: &Call<'_>,
        parameters: &Parameters<'_>,
        objects: &[ObjectId],
        names: &[&str],
    ) -> Result<Self, Unclear> {
        let mut named = Self::default();
        for name in names {
            if let Some(list) = parameters.get(name) {
                named.list(call, objects, list, &Place::Parameter((*name).into()))?;
            }
        }
        Ok(named)
    }
}

/// A request for records, which are cut to the grant when they are answered.
fn answering(
    call: &Call<'_>,
    operations: impl Into<Operations>,
    needs: Vec<What>,
    target: Template,
    rows: Rows,
) -> Result<Request, Unclear> {
    let mut seen = std::collections::HashSet::new();
    let once = |what: &What| match what {
        What::Access(access) => seen.insert(*access),
        _ => true,
    };
    let needs = Needs::all(needs.into_iter().filter(once)).ok_or_else(|| call.unknown())?;
    let mut request = call.request(Api::Ui, operations, needs, target);
    request.answer = Answer { rows, cut: Cut::UiRecord, issues: None };
    Ok(request)
}

/// A request about descriptions.
fn describing(call: &Call<'_>, objects: Vec<ObjectId>, known: &[&str]) -> Result<Request, Unclear> {
    let parameters = call.parameters(known)?;
    let accesses = objects.into_iter().map(|object| Access::object(Verb::Describe, object));
    let needs = Needs::accesses(accesses).ok_or_else(|| call.unknown())?;
    Ok(call.request(Api::Ui, Operation::Describe, needs, call.target(&parameters)))
}

/// Reads of objects and their named fields.
fn reads(objects: &[ObjectId], named: Named) -> Vec<What> {
    let objects = objects.iter().map(|object| Access::object(Verb::Read, *object));
    objects.chain(named.accesses).map(What::Access).collect()
}

/// Reads of all that a layout shows of an object, of which the answer keeps what is granted.
fn laid_out(object: ObjectId) -> What {
    What::Fields(FieldList { object, named: None, qualified: true })
}

/// Reads of every field of an object.
fn every(object: ObjectId) -> What {
    What::Access(Access::every(Verb::Read, object))
}

/// The objects of a comma-separated list of ids in the path, each once, and how many ids there are.
fn objects_of(call: &Call<'_>, ids: &str) -> Result<(Vec<ObjectId>, u32), Unclear> {
    let mut objects = Vec::new();
    let mut count = 0;
    for id in ids.split(',') {
        objects.extend(call.objects_of(id, &Place::Path)?);
        count += 1;
        if count > MOST_IDS {
            return Err(Unclear::form(Place::Path, format!("more than {MOST_IDS} ids")));
        }
    }
    objects.sort_unstable();
    objects.dedup();
    Ok((objects, count))
}

/// The most ids in a path.
const MOST_IDS: u32 = 200;
