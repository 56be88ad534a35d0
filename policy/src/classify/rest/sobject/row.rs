//! One record: by its id, by an external id, or by the value of an external object.

use super::forms::{Written, written};
use super::{needs_of, read_fields, related, saving, single};
use crate::classify::call::{Call, Record};
use crate::classify::path::Segment;
use crate::classify::records::Accesses;
use crate::classify::{Envelope, Place, Unclear};
use crate::id::RecordId;
use crate::request::{Access, Api, Method, Needs, Operation, Request, Rows, Verb};
use crate::schema::{FieldId, FieldKind, ObjectId};

/// Reads what follows the name of an object, when it is not one of the fixed words.
pub(super) fn read(call: &Call<'_>, object: ObjectId) -> Result<Request, Unclear> {
    let behind = call.segments.get(2..).unwrap_or_default();
    let Some((second, behind)) = behind.split_first() else { return Err(call.unknown()) };
    if let Some(reference) = second.reference() {
        let Record::Reference(read) = call.record(object, reference, &Place::Path)? else {
            return Err(call.unknown());
        };
        return with_id(call, object, read, behind);
    }
    let id = second.name().and_then(RecordId::parse);
    let id = id.filter(|id| call.schema.with_prefix(id.prefix()).next().is_some());
    let key =
        second.name().and_then(|name| call.schema.object(object).find(name)).filter(|_| !behind.is_empty());
    let key = key.filter(|field| is_key(call, object, *field));
    match (id, key) {
        (Some(_), None) => {
            call.record(object, second.name().unwrap_or_default(), &Place::Path)?;
            with_id(call, object, Vec::new(), behind)
        }
        (None, Some(field)) => with_key(call, (object, field), behind),
        (None, None) if call.schema.object(object).is_external() => external(call, object, second, behind),
        (None, None) if behind.is_empty() && is_id_word(second) && call.method == Method::Post => {
            super::create(call, object)
        }
        (None, None) | (Some(_), Some(_)) => Err(call.unknown()),
    }
}

fn is_id_word(segment: &Segment<'_>) -> bool {
    segment.name().is_some_and(|name| name.eq_ignore_ascii_case("Id"))
}

/// Whether records can be addressed by the value of a field.
fn is_key(call: &Call<'_>, object: ObjectId, field: FieldId) -> bool {
    let field = call.schema.object(object).field(field);
    field.is_external_id() || field.kind() == FieldKind::Id
}

/// A record by its id, and what hangs on it. `reached` is what naming it already reads.
fn with_id(
    call: &Call<'_>,
    object: ObjectId,
    reached: Vec<Access>,
    behind: &[Segment<'_>],
) -> Result<Request, Unclear> {
    let names: Vec<&str> = behind.iter().map(|segment| segment.name().unwrap_or_default()).collect();
    match (call.method, &*names) {
        (Method::Get | Method::Head, []) => read_fields(call, object, reached, Rows::One),
        (Method::Patch, []) => {
            let parameters = call.parameters(&[])?;
            let mut accesses = Accesses::default();
            accesses.extend(reached);
            let Written { accesses: fields, body } = written(call, object, &[Verb::Update])?;
            accesses.extend(fields.into_vec());
            saving(call, Operation::Update, (accesses.into_vec(), body), &parameters)
        }
        (Method::Delete, []) => delete(call, object, reached),
        (Method::Post | Method::Put, []) => Err(call.unknown()),
        (_, [word, ..]) if single::WORDS.contains(word) => single::read(call, object, &names),
        (Method::Get | Method::Head, [field]) if blob(call, object, field).is_some() => {
            if matches!(call.envelope, Envelope::None) {
                let field = blob(call, object, field).ok_or_else(|| call.unknown())?;
                single::blob(call, object, field)
            } else {
                Err(Unclear::form(Place::Path, "files cannot be read in an envelope"))
            }
        }
        (_, hops) => related::read(call, object, reached, hops),
    }
}

/// A field whose value is served as bytes.
fn blob(call: &Call<'_>, object: ObjectId, name: &str) -> Option<FieldId> {
    let object = call.schema.object(object);
    object.find(name).filter(|field| object.field(*field).kind() == FieldKind::Blob)
}

/// A record by the value of an external id, or of `Id`.
fn with_key(
    call: &Call<'_>,
    (object, field): (ObjectId, FieldId),
    behind: &[Segment<'_>],
) -> Result<Request, Unclear> {
    let [value] = behind else { return Err(call.unknown()) };
    let text = value.value().ok_or_else(|| Unclear::form(Place::Path, "a key may not be a reference"))?;
    if call.suffixed {
        return Err(Unclear::form(Place::Path, "the key ends in what could be the suffix of a format"));
    }
    let is_id = call.schema.object(object).field(field).kind() == FieldKind::Id;
    if is_id {
        call.record(object, text, &Place::Path)?;
    }
    let filtered = Access::field(Verb::Read, object, field);
    match call.method {
        Method::Get | Method::Head => read_fields(call, object, vec![filtered], Rows::One),
        Method::Delete => delete(call, object, vec![filtered]),
        Method::Patch => upsert(call, (object, field), is_id),
        Method::Post | Method::Put => Err(call.unknown()),
    }
}

fn upsert(call: &Call<'_>, (object, field): (ObjectId, FieldId), is_id: bool) -> Result<Request, Unclear> {
    let parameters = call.parameters(&["updateOnly"])?;
    let update_only = match parameters.get("updateOnly") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            return Err(Unclear::form(Place::Parameter("updateOnly".into()), "it is `true` or `false`"));
        }
    };
    let (verbs, operation): (&[Verb], _) = match update_only {
        true => (&[Verb::Update], Operation::Update),
        false => (&[Verb::Create, Verb::Update], Operation::Upsert),
    };
    let Written { mut accesses, body } = written(call, object, verbs)?;
    if is_id || update_only {
        accesses.add(Access::field(Verb::Read, object, field));
    } else {
        accesses.extend(verbs.iter().map(|verb| Access::field(*verb, object, field)));
    }
    saving(call, operation, (accesses.into_vec(), body), &parameters)
}

fn delete(call: &Call<'_>, object: ObjectId, reached: Vec<Access>) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    let accesses = std::iter::once(Access::object(Verb::Delete, object)).chain(reached);
    let needs: Needs = needs_of(accesses, None, call)?;
    Ok(call.request(Api::Sobject, Operation::Delete, needs, call.target(&parameters)))
}

/// A record of an external object by the value of its `ExternalId`.
fn external(
    call: &Call<'_>,
    object: ObjectId,
    value: &Segment<'_>,
    behind: &[Segment<'_>],
) -> Result<Request, Unclear> {
    if !behind.is_empty() || value.value().is_none() || !call.is_get() || call.suffixed {
        return Err(call.unknown());
    }
    read_fields(call, object, Vec::new(), Rows::One)
}
