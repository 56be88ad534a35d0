//! `/query` and `/queryAll`, their locators, plans, stored queries, and queries that run later.

use crate::classify::call::{Call, Envelope};
use crate::classify::json::{Document, Value, hole};
use crate::classify::{Place, Unclear};
use crate::request::{
    Access, Answer, Api, Body, Handle, HandleKind, HandleUse, Method, Need, Needs, Never, Operation, Request,
    Rows, Verb, What,
};

/// `/query` and `/queryAll`
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    match (call.is_get(), &*call.names()) {
        (true, ["query" | "queryAll"]) => text(call, Api::Query),
        (true, ["query" | "queryAll", locator]) => page(call, Api::Query, locator),
        _ => Err(call.unknown()),
    }
}

/// `/named/query/{name}`: its text is stored in the org.
pub(crate) fn named(call: &Call<'_>) -> Result<Request, Unclear> {
    match (call.is_get(), &*call.names()) {
        (true, ["named", "query", name]) if crate::names::is_api_name(name) => {
            Ok(call.never(Api::Query, Operation::Query, Never::StoredQuery))
        }
        _ => Err(call.unknown()),
    }
}

/// A query, or with `explain` the plan of one.
fn text(call: &Call<'_>, api: Api) -> Result<Request, Unclear> {
    let parameters = call.parameters(&["q", "explain", "columns"])?;
    let (name, marker) = match (parameters.get("q"), parameters.get("explain")) {
        (Some(_), None) => ("q", "?q="),
        (None, Some(_)) => ("explain", "?explain="),
        _ => return Err(Unclear::form(Place::Path, "exactly one of `q` and `explain` holds the query")),
    };
    if parameters.get("columns").is_some_and(|columns| !matches!(columns, "true" | "false")) {
        return Err(Unclear::form(Place::Parameter("columns".into()), "it is `true` or `false`"));
    }
    let (what, read) =
        call.soql_with_references(parameters.required(name)?, &Place::Parameter(name.into()))?;
    let mut needs = Needs::new(what);
    for access in read {
        needs.push(What::Access(access));
    }
    let target = call.target_with(&parameters, &[(marker, 0)]);
    let request = call.request(api, Operation::Query, needs, target);
    let answer = match (call.method, name) {
        (Method::Get, "q") => {
            Answer { rows: Rows::JsonRecords, issues: Some(HandleKind::Locator), ..Answer::PLAIN }
        }
        _ => Answer::PLAIN,
    };
    Ok(Request { answer, ..request })
}

/// The next page of a query's rows. Some clients repeat the query; it is checked, and not sent.
pub(crate) fn page(call: &Call<'_>, api: Api, locator: &str) -> Result<Request, Unclear> {
    let parameters = call.parameters(&["q", "columns"])?;
    if let Some(query) = parameters.get("q") {
        call.soql(query, &Place::Parameter("q".into()))?;
    }
    let handle = self::locator(locator, HandleUse::Page)
        .ok_or_else(|| Unclear::form(Place::Path, "a locator is an id, `-` and the number of a row"))?;
    let target = crate::request::Template::from(call.path());
    let request = call.request(api, Operation::Query, Needs::new(What::Handle(handle)), target);
    let answer = match call.method {
        Method::Head => Answer::PLAIN,
        _ => Answer { rows: Rows::JsonRecords, issues: Some(HandleKind::Locator), ..Answer::PLAIN },
    };
    Ok(Request { answer, ..request })
}

/// A query locator: 15 to 18 letters and digits, `-`, and the row to continue at (reference, section 3.3).
pub(crate) fn locator(text: &str, use_: HandleUse) -> Option<Handle> {
    let (id, offset) = text.split_once('-')?;
    let is_id = (15..=18).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_offset = (1..=7).contains(&offset.len()) && offset.bytes().all(|byte| byte.is_ascii_digit());
    (is_id && is_offset).then(|| Handle {
        kind: HandleKind::Locator,
        id: id.into(),
        offset: offset.parse().ok(),
        use_,
    })
}

/// `/async-queries`: copies what a query reads into another object.
pub(crate) fn asynchronous(call: &Call<'_>) -> Result<Request, Unclear> {
    match (call.method, &*call.names()) {
        (Method::Post, ["async-queries"]) if matches!(call.envelope, Envelope::None) => copy(call),
        (Method::Get, ["async-queries"]) => call.opaque(Api::Query, Operation::Job, Vec::new()),
        (Method::Get | Method::Delete, ["async-queries", id]) if crate::id::RecordId::parse(id).is_some() => {
            call.opaque(Api::Query, Operation::Job, Vec::new())
        }
        _ => Err(call.unknown()),
    }
}

fn copy(call: &Call<'_>) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    let document: Document<'_> = call.json()?;
    let body = document.root().only(&[
        "query",
        "operation",
        "targetObject",
        "targetFieldMap",
        "targetValueMap",
        "targetExternalIdField",
    ])?;
    let query = body.required("query")?;
    let what = call.soql(&query.string()?, &query.into()).map_err(Unclear::of_export)?;
    let accesses = copied(call, body).map_err(Unclear::of_export)?;
    let needs = std::iter::once(what).chain(accesses.into_iter().map(What::Access));
    let needs = Needs::gathered(needs.map(|what| Need { part: None, what })).ok_or_else(|| call.unknown())?;
    let draft =
        call.draft(call.target(&parameters), Body::Whole(document.rebuilt(vec![(query.content(), hole(0))])));
    Ok(Request { export: true, ..call.sending(Api::Query, Operation::Export, needs, draft) })
}

/// What a copy writes: fields of the target object, by each of its maps.
fn copied(call: &Call<'_>, body: Value<'_>) -> Result<Vec<Access>, Unclear> {
    let target = body.required("targetObject")?;
    let object = call.object_at(&target.string()?, target)?;
    let upserts = body.get("targetExternalIdField").is_some()
        || body
            .get("operation")
            .is_some_and(|operation| operation.as_str().is_none_or(|name| name != "insert"));
    let verbs: &[Verb] = if upserts { &[Verb::Create, Verb::Update] } else { &[Verb::Create] };
    let mut accesses: Vec<Access> = verbs.iter().map(|verb| Access::object(*verb, object)).collect();
    let maps = ["targetFieldMap", "targetValueMap"].into_iter().filter_map(|name| body.get(name));
    let key = body.get("targetExternalIdField");
    let written = maps.flat_map(Value::entries).map(|(_, field)| field).chain(key);
    for field in written {
        let name = field.string()?;
        let field = call.field(object, &name, field)?;
        accesses.extend(verbs.iter().map(|verb| Access::field(*verb, object, field)));
    }
    Ok(accesses)
}
