//! `/sobjects`: objects, their descriptions, their records and what hangs on them.
//!
//! Reference, section 2. The words behind an object's name are told apart in the order of section 2.2: fixed words,
//! record ids, values of external objects, external ids.

mod about;
mod forms;
mod related;
mod row;
mod single;

pub(crate) use about::article_titles;

use crate::classify::call::Call;
use crate::classify::parameters::Parameters;
use crate::classify::{Place, Unclear};
use crate::request::{
    Access, Answer, Api, Body, Cut, FieldList, Method, Named, Need, Needs, Operation, Operations, Request,
    Rows, RowsAsked, Verb, What,
};
use crate::schema::{FieldId, Object, ObjectId};

use forms::{Written, written};

/// Reads a call to `/sobjects`.
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    match names.get(1..).unwrap_or_default() {
        [] => global(call),
        ["relevantItems"] => about::relevant_items(call),
        ["Global", "describe", "layouts"] => about::global_layouts(call),
        ["StreamingChannel", _, "push"] => single::push(call),
        [object] => whole(call, call.object(object)?),
        [object, word, behind @ ..] if about::WORDS.contains(word) => {
            about::read(call, call.object(object)?, word, behind)
        }
        [object, ..] => row::read(call, call.object(object)?),
    }
}

/// Whether a segment behind an object's name is a fixed word, and not what names a record.
pub(crate) fn is_word(segment: &str) -> bool {
    about::WORDS.contains(&segment)
}

/// The list of all objects.
fn global(call: &Call<'_>) -> Result<Request, Unclear> {
    if !call.is_get() {
        return Err(call.unknown());
    }
    let parameters = call.parameters(&[])?;
    let needs = Needs::new(What::Named(Named::DescribeGlobal));
    let request = call.request(Api::Sobject, Operation::Describe, needs, call.target(&parameters));
    Ok(Request { answer: Answer { cut: Cut::Objects, ..Answer::PLAIN }, ..request })
}

/// One object: its description with recently viewed records, or a new record.
fn whole(call: &Call<'_>, object: ObjectId) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    let describe = Access::object(Verb::Describe, object);
    match call.method {
        Method::Head => {
            let needs = Needs::new(What::Access(describe));
            Ok(call.request(Api::Sobject, Operation::Describe, needs, call.target(&parameters)))
        }
        Method::Get => {
            let recent =
                name_fields(call.schema.object(object)).map(|field| Access::field(Verb::Read, object, field));
            let needs = needs_of(std::iter::once(describe).chain(recent), None, call)?;
            let mut operations = Operations::from(Operation::Describe);
            operations.add(Operation::Read);
            let request = call.request(Api::Sobject, operations, needs, call.target(&parameters));
            Ok(Request { answer: Answer { cut: Cut::RecentItems, ..Answer::PLAIN }, ..request })
        }
        Method::Post => create(call, object),
        Method::Patch | Method::Put | Method::Delete => Err(call.unknown()),
    }
}

/// A new record, or a published event.
fn create(call: &Call<'_>, object: ObjectId) -> Result<Request, Unclear> {
    let (verb, operation) = match call.schema.object(object).is_event() {
        true => (Verb::Publish, Operation::Publish),
        false => (Verb::Create, Operation::Create),
    };
    let parameters = call.parameters(&[])?;
    let Written { accesses, body } = written(call, object, &[verb])?;
    saving(call, operation, (accesses.into_vec(), body), &parameters)
}

/// A request that writes a record, with its body in the form that was parsed.
fn saving(
    call: &Call<'_>,
    operation: Operation,
    (accesses, body): (Vec<Access>, Body),
    parameters: &Parameters<'_>,
) -> Result<Request, Unclear> {
    let needs = needs_of(accesses, None, call)?;
    Ok(call.sending(Api::Sobject, operation, needs, call.draft(call.target(parameters), body)))
}

/// The fields that stand for a record in lists: its id and its name.
fn name_fields(object: &Object) -> impl Iterator<Item = FieldId> {
    object.find("Id").into_iter().chain(name_field(object))
}

/// The field that holds the name of an object's records.
pub(crate) fn name_field(object: &Object) -> Option<FieldId> {
    NAMES.iter().find_map(|name| object.find(name))
}

/// What the name field of an object is called: `nameField` of describe, which the schema does not keep.
const NAMES: [&str; 12] = [
    "Name",
    "CaseNumber",
    "ContractNumber",
    "OrderNumber",
    "SolutionName",
    "Subject",
    "Title",
    "MasterLabel",
    "DeveloperName",
    "WorkOrderNumber",
    "AppointmentNumber",
    "LineItemNumber",
];

/// Needs for accesses, with one more behind them.
fn needs_of(
    accesses: impl IntoIterator<Item = Access>,
    last: Option<What>,
    call: &Call<'_>,
) -> Result<Needs, Unclear> {
    let whats = accesses.into_iter().map(What::Access).chain(last);
    Needs::gathered(whats.map(|what| Need { part: None, what })).ok_or_else(|| call.unknown())
}

/// The `fields` parameter of a record read.
fn field_list(call: &Call<'_>, object: ObjectId, parameters: &Parameters<'_>) -> Result<FieldList, Unclear> {
    match parameters.get("fields") {
        None => Ok(FieldList { object, named: None, qualified: false }),
        Some(names) => call.fields(object, names.split(','), &Place::Parameter("fields".into())),
    }
}

/// A request whose answer may have any number of rows of an object, and cannot be clamped.
fn unbounded(mut request: Request, object: ObjectId) -> Request {
    request.needs.push(What::Rows(RowsAsked { object, most: None }));
    request
}

/// Reads records of one object: `accesses` say how they are reached, `fields=` what of them is answered.
fn read_fields(
    call: &Call<'_>,
    object: ObjectId,
    accesses: Vec<Access>,
    rows: Rows,
) -> Result<Request, Unclear> {
    let parameters = call.parameters(&["fields"])?;
    let list = field_list(call, object, &parameters)?;
    let number = accesses.len();
    let needs = needs_of(accesses, Some(What::Fields(list)), call)?;
    let target = call.target_with(&parameters, &[("?fields=", number)]);
    let request = call.request(Api::Sobject, Operation::Read, needs, target);
    let rows = if call.method == Method::Head { Rows::None } else { rows };
    Ok(Request { answer: Answer::rows(rows), ..request })
}
