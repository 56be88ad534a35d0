//! `/composite/sobjects`: up to two hundred records in one call.
//!
//! Reference, section 4.5. With an object in the path a `POST` reads; without one it creates.

use crate::classify::call::{Call, Record};
use crate::classify::json::{Kind, Value};
use crate::classify::records::{Accesses, Children, IdRule, PLAIN_ATTRIBUTES, Writing};
use crate::classify::{Envelope, Place, Unclear};
use crate::request::{
    Access, Answer, Api, Method, Need, Needs, Operation, Operations, Request, Rows, Verb, What,
};
use crate::schema::{FieldKind, ObjectId};

/// Reads a call to `/composite/sobjects`.
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    match (call.method, names.get(2..).unwrap_or_default()) {
        (Method::Post, []) => create(call),
        (Method::Patch, []) => write(call, None, (&[Verb::Update], IdRule::Required), Operation::Update),
        (Method::Patch, [object, field]) => upsert(call, object, field),
        (Method::Delete, []) => delete(call),
        (Method::Get | Method::Head, [object]) => by_parameters(call, call.object(object)?),
        (Method::Post, [object]) => by_body(call, call.object(object)?),
        _ => Err(call.unknown()),
    }
}

/// New records, events among them: those are published.
fn create(call: &Call<'_>) -> Result<Request, Unclear> {
    write(call, None, (&[Verb::Create], IdRule::Refused), Operation::Create)
}

fn upsert(call: &Call<'_>, object: &str, field: &str) -> Result<Request, Unclear> {
    let object = call.object(object)?;
    let key = call.field(object, field, Place::Path)?;
    let known = call.schema.object(object).field(key);
    let (is_id, is_key) = (known.kind() == FieldKind::Id, known.is_external_id());
    if !is_id && !is_key {
        return Err(Unclear::form(Place::Path, "records are not found by this field"));
    }
    let rule = if is_id { IdRule::Key } else { IdRule::Refused };
    let request =
        write(call, Some((object, field)), (&[Verb::Create, Verb::Update], rule), Operation::Upsert)?;
    let mut needs = request.needs;
    if is_id {
        needs.push(What::Access(Access::field(Verb::Read, object, key)));
    }
    Ok(Request { needs, ..request })
}

/// The records of a body, each of the object that it says it is of. `key` is what an upsert finds them by.
fn write(
    call: &Call<'_>,
    key: Option<(ObjectId, &str)>,
    (verbs, id): (&[Verb], IdRule),
    operation: Operation,
) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    let document = call.json()?;
    let body = document.root().only(&["allOrNone", "records"])?;
    switch(body.get("allOrNone"))?;
    let records = body.required("records")?.is(Kind::Array)?;
    let (mut accesses, mut operations) = (Accesses::default(), Vec::new());
    let mut count = 0_usize;
    for record in records.items() {
        count += 1;
        if count > MOST_RECORDS {
            return Err(record.unclear("200 records are the limit"));
        }
        let object = call.declared(record)?;
        if let Some((expected, field)) = key {
            let named = |(name, _): (Value<'_>, Value<'_>)| {
                name.as_str().is_some_and(|name| name.eq_ignore_ascii_case(field))
            };
            if object != expected || !record.entries().any(named) {
                return Err(record.unclear("every record is of the object in the path, and has its key"));
            }
        }
        let publishes = verbs == [Verb::Create] && call.schema.object(object).is_event();
        let verbs: &[Verb] = if publishes { &[Verb::Publish] } else { verbs };
        operations.push(if publishes { Operation::Publish } else { operation });
        let writing = Writing { verbs, id, attributes: PLAIN_ATTRIBUTES, children: Children::Refused };
        call.record_body(record, object, writing, &mut accesses)?;
    }
    let needs = Needs::accesses(accesses.into_vec()).ok_or_else(|| body.unclear("there are no records"))?;
    let operations = Operations::gathered(operations).ok_or_else(|| call.unknown())?;
    Ok(call.request(Api::Collections, operations, needs, call.target(&parameters)))
}

/// Records deleted by their ids alone: an id says which objects it may be of.
fn delete(call: &Call<'_>) -> Result<Request, Unclear> {
    let parameters = call.parameters(&["ids", "allOrNone"])?;
    let place = Place::Parameter("ids".into());
    if parameters.get("allOrNone").is_some_and(|text| !matches!(text, "true" | "false")) {
        return Err(Unclear::form(Place::Parameter("allOrNone".into()), "it is `true` or `false`"));
    }
    let mut accesses = Accesses::default();
    for (number, id) in parameters.required("ids")?.split(',').enumerate() {
        if number == MOST_RECORDS {
            return Err(Unclear::form(place, "200 records are the limit"));
        }
        call.no_references(id, &place)?;
        let objects = call.objects_of(id, &place)?;
        accesses.extend(objects.into_iter().map(|object| Access::object(Verb::Delete, object)));
    }
    let needs = Needs::accesses(accesses.into_vec()).ok_or_else(|| call.unknown())?;
    Ok(call.request(Api::Collections, Operation::Delete, needs, call.target(&parameters)))
}

/// Reads `ids=` and `fields=`, both required.
fn by_parameters(call: &Call<'_>, object: ObjectId) -> Result<Request, Unclear> {
    let parameters = call.parameters(&["ids", "fields"])?;
    let ids = Place::Parameter("ids".into());
    let mut whats = Vec::new();
    for (number, id) in parameters.required("ids")?.split(',').enumerate() {
        if number == MOST_READ {
            return Err(Unclear::form(ids, "2000 records are the limit"));
        }
        if let Record::Reference(accesses) = call.record(object, id, &ids)? {
            whats.extend(accesses.into_iter().map(What::Access));
        }
    }
    let fields = Place::Parameter("fields".into());
    let names = parameters.required("fields")?;
    call.no_references(names, &fields)?;
    whats.push(What::Fields(call.fields(object, names.split(','), &fields)?));
    let request =
        call.request(Api::Collections, Operation::Read, needs_of(call, whats)?, ids_last(call, &parameters));
    let rows = if call.method == Method::Head {
        Rows::None
    } else {
        rows(call, parameters.required("ids")?.split(',').count())
    };
    Ok(Request { answer: Answer::rows(rows), ..request })
}

/// The target of a read: references among the ids stand as they are, since Salesforce looks for them there.
fn ids_last(
    call: &Call<'_>,
    parameters: &crate::classify::parameters::Parameters<'_>,
) -> crate::request::Template {
    let ids = parameters.get("ids").unwrap_or_default();
    if !ids.contains("@{") {
        return call.target(parameters);
    }
    let mut target = call.path();
    parameters.write(&["ids"], &mut target);
    target.extend_from_slice(b"&ids=");
    target.extend_from_slice(ids.as_bytes());
    crate::request::Template::from(target)
}

/// Reads the ids and fields of a body.
fn by_body(call: &Call<'_>, object: ObjectId) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    let document = call.json()?;
    let body = document.root().only(&["ids", "fields"])?;
    let mut whats = Vec::new();
    let ids: Vec<Value<'_>> = body.required("ids")?.is(Kind::Array)?.items().collect();
    if ids.is_empty() || ids.len() > MOST_READ {
        return Err(body.unclear("between 1 and 2000 ids are read"));
    }
    let count = ids.len();
    for id in ids {
        if let Record::Reference(accesses) = call.record(object, &id.string()?, id)? {
            whats.extend(accesses.into_iter().map(What::Access));
        }
    }
    let fields = body.required("fields")?.is(Kind::Array)?;
    let names = fields.items().map(Value::string).collect::<Result<Vec<_>, _>>()?;
    whats.push(What::Fields(call.fields(object, names.iter().map(|name| &**name), &fields.into())?));
    let request =
        call.request(Api::Collections, Operation::Read, needs_of(call, whats)?, call.target(&parameters));
    Ok(Request { answer: Answer::rows(rows(call, count)), ..request })
}

/// How rows are counted: inside an envelope the answer is not the list alone, so by the ids asked for.
fn rows(call: &Call<'_>, ids: usize) -> Rows {
    match call.envelope {
        Envelope::None => Rows::JsonArray,
        _ => Rows::Known(u32::try_from(ids).unwrap_or(u32::MAX)),
    }
}

fn needs_of(call: &Call<'_>, whats: Vec<What>) -> Result<Needs, Unclear> {
    let needs = whats.into_iter().map(|what| Need { part: None, what });
    Needs::gathered(needs).ok_or_else(|| call.unknown())
}

impl Call<'_> {
    /// The objects of the records in a body that was read before, in order.
    pub(crate) fn declared_list(&self) -> Option<Vec<ObjectId>> {
        let document = self.json().ok()?;
        document.root().get("records")?.items().map(|record| self.declared(record).ok()).collect()
    }
}

/// Checks a value that switches something on or off. django-salesforce writes `null` for what it does not say.
pub(crate) fn switch(value: Option<Value<'_>>) -> Result<(), Unclear> {
    match value.map(|value| (value.kind(), value)) {
        None | Some((Kind::True | Kind::False | Kind::Null, _)) => Ok(()),
        Some((_, value)) => Err(value.unclear("expected `true` or `false`")),
    }
}

const MOST_RECORDS: usize = 200;
const MOST_READ: usize = 2000;
