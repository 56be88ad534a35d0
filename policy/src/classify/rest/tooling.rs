//! `/tooling` and `/metadata`: code and configuration.
//!
//! The entities of the Tooling API are another universe than the org's objects: what is read of them is opaque, and
//! granted by method and path. Whatever writes or runs code is refused always. Reference, section 7.

use crate::classify::call::{Call, Envelope};
use crate::classify::{Place, Unclear};
use crate::id::RecordId;
use crate::request::{
    Answer, Api, Handle, HandleKind, HandleUse, Mention, Method, Needs, Never, Opaque, Operation, Request,
    Rows, What,
};
use crate::soql;
use crate::soql::ast::{Expression, Item};

/// `/tooling`
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    let get = call.is_get();
    match (call.method, names.get(1..).unwrap_or_default()) {
        (_, ["query"]) if get => query(call),
        (_, ["query", locator]) if get => super::query::page(call, Api::Tooling, locator),
        (_, ["search"]) if get => call.opaque(Api::Tooling, Operation::Search, Vec::new()),
        (_, [] | ["sobjects"] | ["sobjects", _] | ["sobjects", _, "describe", ..]) if get => {
            call.opaque(Api::Tooling, Operation::Describe, Vec::new())
        }
        (_, ["sobjects", _, _, ..]) if get => {
            let request = call.opaque(Api::Tooling, Operation::Read, mentioned(call))?;
            Ok(Request { answer: Answer::rows(Rows::One), ..request })
        }
        (Method::Post, ["sobjects", _]) => Ok(code(call, Operation::Create)),
        (Method::Patch, ["sobjects", _, _]) => Ok(code(call, Operation::Update)),
        (Method::Delete, ["sobjects", _, _]) => Ok(code(call, Operation::Delete)),
        (_, ["executeAnonymous"] | ["runTestsAsynchronous"] | ["runTestsSynchronous"]) => {
            Ok(code(call, Operation::Execute))
        }
        (_, ["completions"]) if get => call.opaque(Api::Tooling, Operation::Meta, Vec::new()),
        (Method::Post, ["composite", ..]) => Ok(code(call, Operation::Execute)),
        _ => Err(call.unknown()),
    }
}

/// A query over entities of the Tooling API: the same language, another schema.
fn query(call: &Call<'_>) -> Result<Request, Unclear> {
    let parameters = call.parameters(&["q", "explain"])?;
    let name = if parameters.get("explain").is_some() { "explain" } else { "q" };
    let place = Place::Parameter(name.into());
    let text = parameters.required(name)?;
    call.no_references(text, &place)?;
    let query = soql::parse(text).map_err(|error| Unclear::form(place, error.to_string()))?;
    let request = call.opaque(Api::Tooling, Operation::Query, query_mentions(&query))?;
    let issues = (call.method == Method::Get).then_some(HandleKind::Locator);
    Ok(Request { answer: Answer { rows: Rows::JsonRecords, issues, ..Answer::PLAIN }, ..request })
}

/// The root of a query and the fields that it shows, as it names them.
fn query_mentions(query: &soql::Query) -> Vec<Mention> {
    let root = query.root();
    let object: Box<str> = root.from.path.of(query.text()).into();
    let mut mentions = vec![Mention { object: object.clone(), field: None }];
    for item in &root.items {
        let field = match item {
            Item::Expression(Expression::Path(path), _) => path.of(query.text()),
            Item::Fields(_) => "*",
            Item::Expression(..) | Item::Count | Item::Child(..) | Item::TypeOf(..) => continue,
        };
        mentions.push(Mention { object: object.clone(), field: Some(field.into()) });
    }
    mentions
}

/// Code or configuration that would change or run.
fn code(call: &Call<'_>, operation: Operation) -> Request {
    let never = call.never(Api::Tooling, operation, Never::Code);
    let mut needs = Needs::new(What::Never(Never::Code));
    let mentions = mentioned(call);
    if !mentions.is_empty() {
        needs.push(What::Opaque(Opaque::plain(call.method, call.opaque_path(), mentions)));
    }
    Request { needs, ..never }
}

/// The entity that a path names, when it is an object of the org too.
fn mentioned(call: &Call<'_>) -> Vec<Mention> {
    let names = call.names();
    let known = names.get(2).and_then(|name| call.schema.look_up(name));
    known.map(|(_, object)| Mention { object: object.name().into(), field: None }).into_iter().collect()
}

/// `/metadata/deployRequest`
pub(crate) fn metadata(call: &Call<'_>) -> Result<Request, Unclear> {
    if !matches!(call.envelope, Envelope::None) {
        return Err(call.unknown());
    }
    match (call.method, &*call.names()) {
        (Method::Post, ["metadata", "deployRequest"] | ["metadata", "deployRequest", _])
        | (Method::Patch, ["metadata", "deployRequest", _]) => {
            Ok(call.never(Api::Metadata, Operation::Deploy, Never::Deploy))
        }
        (Method::Get, ["metadata", "deployRequest", id]) => {
            let parameters = call.parameters(&["includeDetails"])?;
            let id = RecordId::parse(id).ok_or_else(|| call.unknown())?;
            let handle = Handle::job(HandleKind::Deployment, id, HandleUse::Status);
            let needs = Needs::new(What::Handle(handle));
            Ok(call.request(Api::Metadata, Operation::Job, needs, call.target(&parameters)))
        }
        _ => Err(call.unknown()),
    }
}
