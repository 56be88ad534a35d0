//! Records reached from a record by relationships: `/sobjects/Contact/{id}/Account/Owner`.

use super::forms::{Written, written};
use super::{needs_of, read_fields, saving, unbounded};
use crate::classify::call::{Call, parents, unknown_name};
use crate::classify::records::Accesses;
use crate::classify::{Place, Unclear};
use crate::request::{Access, Answer, Api, Method, Operation, Request, Rows, Verb};
use crate::schema::ObjectId;

/// Follows up to five parents and at most one child relationship, the last.
pub(super) fn read(
    call: &Call<'_>,
    object: ObjectId,
    reached: Vec<Access>,
    hops: &[&str],
) -> Result<Request, Unclear> {
    let mut accesses = Accesses::default();
    accesses.extend(reached);
    accesses.add(Access::object(Verb::Read, object));
    let mut targets = vec![object];
    let mut rows = Rows::One;
    for (number, hop) in hops.iter().enumerate() {
        if rows != Rows::One || number > MOST_PARENTS {
            return Err(Unclear::form(Place::Path, "at most five parents and one last child relationship"));
        }
        let child = match *targets {
            [only] => call.schema.object(only).child(hop),
            _ => None,
        };
        let is_parent = targets.iter().any(|target| call.schema.object(*target).parent(hop).is_some());
        match child {
            Some(_) if is_parent => {
                return Err(Unclear::form(Place::Path, "the relationship has two meanings"));
            }
            Some(child) => {
                let (target, known) =
                    call.schema.look_up(&child.object).ok_or_else(|| unknown_name(Place::Path, hop))?;
                let field = known.find(&child.field).ok_or_else(|| unknown_name(Place::Path, hop))?;
                accesses.extend(targets.iter().map(|parent| Access::object(Verb::Read, *parent)));
                accesses.add(Access::field(Verb::Read, target, field));
                targets = vec![target];
                rows = Rows::JsonRecords;
            }
            None if number == MOST_PARENTS => return Err(call.unknown()),
            None => {
                let (foreign_keys, next) = parents(call.schema, &targets, hop, &Place::Path)?;
                accesses.extend(foreign_keys);
                targets = next;
            }
        }
    }
    let accesses = accesses.into_vec();
    match (call.method, &*targets) {
        (Method::Get | Method::Head, [only]) => {
            let request = read_fields(call, *only, accesses, rows)?;
            Ok(if rows == Rows::One { request } else { unbounded(request, *only) })
        }
        (Method::Get | Method::Head, _) => read_several(call, &targets, accesses),
        (Method::Patch, [only]) if rows == Rows::One && is_real(call, *only) => update(call, *only, accesses),
        (Method::Delete, [only]) if rows == Rows::One && is_real(call, *only) => {
            let parameters = call.parameters(&[])?;
            let deleted = std::iter::once(Access::object(Verb::Delete, *only));
            let needs = needs_of(accesses.into_iter().chain(deleted), None, call)?;
            Ok(call.request(Api::Sobject, Operation::Delete, needs, call.target(&parameters)))
        }
        _ => Err(Unclear::form(Place::Path, "only one record of a known object can be changed in this way")),
    }
}

fn update(call: &Call<'_>, object: ObjectId, reached: Vec<Access>) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    let Written { accesses, body } = written(call, object, &[Verb::Update])?;
    let accesses = reached.into_iter().chain(accesses.into_vec()).collect();
    saving(call, Operation::Update, (accesses, body), &parameters)
}

/// A record that may be of several objects: the fields must be granted on each.
fn read_several(
    call: &Call<'_>,
    targets: &[ObjectId],
    mut accesses: Vec<Access>,
) -> Result<Request, Unclear> {
    let parameters = call.parameters(&["fields"])?;
    for target in targets {
        let list = super::field_list(call, *target, &parameters)?;
        accesses.push(Access::object(Verb::Read, *target));
        match list.named {
            None => accesses.push(Access::every(Verb::Read, *target)),
            Some(named) => accesses.extend(named.into_iter().flat_map(|field| field.accesses)),
        }
    }
    let needs = needs_of(accesses, None, call)?;
    let request = call.request(Api::Sobject, Operation::Read, needs, call.target(&parameters));
    Ok(Request { answer: Answer::rows(Rows::One), ..request })
}

/// Whether an object is one, and not the virtual parent of many.
fn is_real(call: &Call<'_>, object: ObjectId) -> bool {
    call.schema.object(object).name() != "Name"
}

/// How many parents a path may go up.
const MOST_PARENTS: usize = 5;
