//! What hangs on one record without being a relationship: files, passwords, series, channels.

use super::needs_of;
use crate::classify::call::Call;
use crate::classify::{Envelope, Place, Unclear};
use crate::id::RecordId;
use crate::request::{
    Access, Answer, Api, Method, Need, Needs, Never, Operation, Operations, Request, Rows, Verb, What,
};
use crate::schema::{FieldId, ObjectId};

/// The fixed words that may follow a record's id.
pub(super) const WORDS: [&str; 5] = [
    "password",
    "fromThisEventOnwards",
    "richTextImageFields",
    "suggestedArticles",
    "OpportunityLineItemSchedules",
];

/// Reads `names`, the segments behind a record's id, of which the first is one of [`WORDS`].
pub(super) fn read(call: &Call<'_>, object: ObjectId, names: &[&str]) -> Result<Request, Unclear> {
    let owner = call.schema.object(object).name();
    match (call.method, names) {
        (Method::Get | Method::Head | Method::Post | Method::Delete, ["password"])
            if owner == "User" || owner == "SelfServiceUser" =>
        {
            password(call, object)
        }
        (Method::Delete, ["fromThisEventOnwards"]) if owner == "Event" => {
            let parameters = call.parameters(&[])?;
            let needs = Needs::new(What::Access(Access::object(Verb::Delete, object)));
            Ok(call.request(Api::Sobject, Operation::Delete, needs, call.target(&parameters)))
        }
        (Method::Get, ["richTextImageFields", field, image])
            if matches!(call.envelope, Envelope::None) && RecordId::parse(image).is_some() =>
        {
            self::blob(call, object, call.field(object, field, Place::Path)?)
        }
        (Method::Get, ["suggestedArticles"]) => super::about::articles(call, object),
        (_, ["OpportunityLineItemSchedules"]) if owner == "OpportunityLineItem" => schedules(call),
        _ => Err(call.unknown()),
    }
}

/// The bytes of a field. Log files of events are exports (reference, section 0.4).
pub(super) fn blob(call: &Call<'_>, object: ObjectId, field: FieldId) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    let export = call.schema.object(object).name() == "EventLogFile";
    let operation = if export { Operation::Export } else { Operation::Read };
    let needs = Needs::new(What::Access(Access::field(Verb::Read, object, field)));
    let request = call.request(Api::Sobject, operation, needs, call.target(&parameters));
    Ok(Request { export, answer: Answer::rows(Rows::One), ..request })
}

fn password(call: &Call<'_>, object: ObjectId) -> Result<Request, Unclear> {
    let touched = What::Access(Access::object(Verb::Update, object));
    let needs = [What::Never(Never::Password), touched].map(|what| Need { part: None, what });
    let needs = Needs::gathered(needs).ok_or_else(|| call.unknown())?;
    Ok(Request { needs, ..call.never(Api::Sobject, Operation::Admin, Never::Password) })
}

/// The schedule of a line item: the only `PUT` under `/sobjects`. Its body is not documented, so it may write any
/// field.
fn schedules(call: &Call<'_>) -> Result<Request, Unclear> {
    let object = call.object("OpportunityLineItemSchedule")?;
    let parameters = call.parameters(&[])?;
    let (verbs, operations): (&[Verb], &[Operation]) = match call.method {
        Method::Get => (&[Verb::Read], &[Operation::Read]),
        Method::Put => (&[Verb::Create, Verb::Update], &[Operation::Create, Operation::Update]),
        Method::Delete => (&[Verb::Delete], &[Operation::Delete]),
        Method::Head | Method::Post | Method::Patch => return Err(call.unknown()),
    };
    if call.method == Method::Put {
        call.json()?;
    }
    let needs = needs_of(verbs.iter().map(|verb| Access::every(*verb, object)), None, call)?;
    let operations = Operations::gathered(operations.iter().copied()).ok_or_else(|| call.unknown())?;
    let request = call.request(Api::Sobject, operations, needs, call.target(&parameters));
    let rows = if call.method == Method::Get { Rows::JsonRecords } else { Rows::None };
    Ok(Request { answer: Answer::rows(rows), ..request })
}

/// Generic streaming: what is pushed is not made of records.
pub(super) fn push(call: &Call<'_>) -> Result<Request, Unclear> {
    let id = call.names().get(2).copied().and_then(RecordId::parse);
    let operation = match (call.method, id) {
        (Method::Get, Some(_)) => Operation::Subscribe,
        (Method::Post, Some(_)) => Operation::Publish,
        _ => return Err(call.unknown()),
    };
    call.opaque(Api::Streaming, operation, Vec::new())
}
