//! The other REST resources that are known (reference, sections 9.7 and 9.9).

use super::automation::listed;
use crate::classify::call::Call;
use crate::classify::{Place, Unclear};
use crate::request::{Access, Api, Method, Named, Needs, Never, Operation, Request, Verb, What};

/// Lists and settings without record data: `/tabs`, `/theme`, `/appMenu/...`, `/nouns`, `/knowledgeManagement`.
pub(crate) fn lists(call: &Call<'_>) -> Result<Request, Unclear> {
    match (call.is_get(), &*call.names()) {
        (
            true,
            ["tabs" | "theme" | "nouns" | "appMenu"] | ["appMenu", _] | ["knowledgeManagement", "settings"],
        ) => listed(call, Api::Misc, Operation::Meta),
        (true, ["event", "eventSchema", schema])
            if schema.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) =>
        {
            listed(call, Api::Misc, Operation::Describe)
        }
        (true, ["async", "specifications", "oas3", ..]) => listed(call, Api::Misc, Operation::Describe),
        (false, ["async", "specifications", "oas3"]) if call.method == Method::Post => {
            call.json()?;
            listed(call, Api::Misc, Operation::Describe)
        }
        _ => Err(call.unknown()),
    }
}

/// `/compactLayouts?q=`: descriptions of the objects named.
pub(crate) fn compact_layouts(call: &Call<'_>) -> Result<Request, Unclear> {
    if !call.is_get() || call.segments.len() != 1 {
        return Err(call.unknown());
    }
    let parameters = call.parameters(&["q"])?;
    let objects = call.listed(parameters.required("q")?, &Place::Parameter("q".into()))?;
    let described = objects.into_iter().map(|object| Access::object(Verb::Describe, object));
    let needs = Needs::accesses(described).ok_or_else(|| call.unknown())?;
    Ok(call.request(Api::Misc, Operation::Describe, needs, call.target(&parameters)))
}

/// Record data of a form that does not show its objects: granted by method and path, or not at all.
pub(crate) fn opaque(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    let reads = call.is_get() || (names.first() == Some(&"scheduling") && call.method == Method::Post);
    let operation = if reads { Operation::Read } else { Operation::Execute };
    match (call.method, &*names) {
        (Method::Get | Method::Head, ["recent"]) => call.opaque(Api::Misc, operation, Vec::new()),
        (_, ["recent", ..]) => Err(call.unknown()),
        (Method::Get | Method::Post, ["consent", "dsr", "rtp", "execute"]) => {
            let request = call.opaque(Api::Misc, Operation::Export, Vec::new())?;
            Ok(Request { export: true, ..request })
        }
        _ => call.opaque(Api::Misc, operation, Vec::new()),
    }
}

/// What manages credentials and licences.
pub(crate) fn administration(call: &Call<'_>) -> Result<Request, Unclear> {
    Ok(call.never(Api::Misc, Operation::Admin, Never::Session))
}

/// The identity of the session's user, as the resource map names it.
pub(crate) fn who_am_i(call: &Call<'_>, api: Api) -> Result<Request, Unclear> {
    let parameters = call.parameters(&["format", "version"])?;
    let needs = Needs::new(What::Named(Named::Userinfo));
    Ok(call.request(api, Operation::Auth, needs, call.target(&parameters)))
}
