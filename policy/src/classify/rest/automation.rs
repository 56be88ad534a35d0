//! Server-side automation: actions, quick actions, approvals and rules, Connect, Apex REST.
//!
//! What these do is defined in the org, so they are opaque: granted by method and path, or not at all. Their lists
//! and descriptions hold no record data.

use crate::classify::call::Call;
use crate::classify::json::{Kind, Value};
use crate::classify::{Place, Unclear};
use crate::names::is_api_name;
use crate::request::{Access, Api, Mention, Method, Named, Needs, Operation, Request, Verb, What};

/// `/actions`: standard and custom actions.
pub(crate) fn actions(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    let behind = names.get(1..).unwrap_or_default();
    let all_named = behind.iter().all(|name| name.split('.').all(is_api_name));
    match (call.method, behind) {
        _ if !all_named => Err(call.unknown()),
        (
            Method::Get | Method::Head,
            []
            | ["standard" | "custom"]
            | ["standard" | "custom", _]
            | ["custom", _, _]
            | ["custom", "emailAlert" | "quickAction", _, _],
        ) => listed(call, Api::Actions, Operation::Describe),
        (
            Method::Post,
            ["standard", _] | ["custom", _, _] | ["custom", "emailAlert" | "quickAction", _, _],
        ) => {
            call.json()?;
            call.opaque(Api::Actions, Operation::Execute, Vec::new())
        }
        _ => Err(call.unknown()),
    }
}

/// `/quickActions`: actions that belong to no object.
pub(crate) fn quick_actions(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    let behind = names.get(1..).unwrap_or_default();
    let is_action = |name: &str| name.split('.').all(is_api_name);
    match (call.method, behind) {
        (Method::Get | Method::Head, []) => listed(call, Api::QuickActions, Operation::Describe),
        (Method::Get | Method::Head, [action] | [action, "describe"]) if is_action(action) => {
            listed(call, Api::QuickActions, Operation::Describe)
        }
        (Method::Get | Method::Head, [action, "defaultValues"] | [action, "defaultValues", _])
            if is_action(action) =>
        {
            call.opaque(Api::QuickActions, Operation::Read, Vec::new())
        }
        (Method::Post, [action]) if is_action(action) => {
            call.json()?;
            call.opaque(Api::QuickActions, Operation::Execute, Vec::new())
        }
        _ => Err(call.unknown()),
    }
}

/// `/process`: approvals and workflow rules, run on records that the body names.
pub(crate) fn process(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    match (call.method, names.get(1..).unwrap_or_default()) {
        (Method::Get | Method::Head, ["approvals"] | ["rules"]) => {
            listed(call, Api::Process, Operation::Describe)
        }
        (Method::Get | Method::Head, ["rules", object] | ["rules", object, _]) => {
            let parameters = call.parameters(&[])?;
            let needs = Needs::new(What::Access(Access::object(Verb::Describe, call.object(object)?)));
            Ok(call.request(Api::Process, Operation::Describe, needs, call.target(&parameters)))
        }
        (Method::Post, ["approvals"]) => {
            let document = call.json()?;
            let requests = document.root().required("requests")?.is(Kind::Array)?;
            let contexts = requests.items().map(|request| request.required("contextId"));
            let mentions = contexts_of(call, contexts.collect::<Result<Vec<_>, _>>()?)?;
            call.opaque(Api::Process, Operation::Execute, mentions)
        }
        (Method::Post, ["rules"]) => {
            let document = call.json()?;
            let contexts = document.root().required("contextIds")?.is(Kind::Array)?;
            let mentions = contexts_of(call, contexts.items().collect())?;
            call.opaque(Api::Process, Operation::Execute, mentions)
        }
        (Method::Post, ["rules", object, _]) => {
            let object = call.schema.object(call.object(object)?).name().into();
            call.opaque(Api::Process, Operation::Execute, vec![Mention { object, field: None }])
        }
        _ => Err(call.unknown()),
    }
}

/// The objects of the records that automation is run on.
fn contexts_of(call: &Call<'_>, ids: Vec<Value<'_>>) -> Result<Vec<Mention>, Unclear> {
    let mut mentions = Vec::new();
    for id in ids {
        for object in call.objects_of(&id.string()?, id)? {
            let mention = Mention { object: call.schema.object(object).name().into(), field: None };
            if !mentions.contains(&mention) {
                mentions.push(mention);
            }
        }
    }
    if mentions.is_empty() { Err(Unclear::form(Place::Body, "no record is named")) } else { Ok(mentions) }
}

/// `/connect` and `/chatter`: hundreds of resources whose model is not that of objects.
pub(crate) fn connect(call: &Call<'_>) -> Result<Request, Unclear> {
    let operation = if call.is_get() { Operation::Read } else { Operation::Execute };
    call.opaque(Api::Connect, operation, Vec::new())
}

/// `/services/apexrest`: code of the org, whatever the method.
pub(crate) fn apex_rest(call: &Call<'_>) -> Result<Request, Unclear> {
    if call.segments.is_empty() {
        return Err(call.unknown());
    }
    call.opaque(Api::ApexRest, Operation::Execute, Vec::new())
}

/// A list or description that holds no record data.
pub(super) fn listed(call: &Call<'_>, api: Api, operation: Operation) -> Result<Request, Unclear> {
    let parameters = call.any_parameters()?;
    let needs = Needs::new(What::Named(Named::Resources));
    Ok(call.request(api, operation, needs, call.target(&parameters)))
}
