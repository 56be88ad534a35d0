//! What is known about an object: descriptions, layouts, list views, quick actions, and lists of its records by id.

use super::{needs_of, unbounded};
use crate::classify::call::{Call, unknown_name};
use crate::classify::{Place, Unclear};
use crate::id::RecordId;
use crate::request::{
    Access, Answer, Api, Cut, Mention, Method, Named, Needs, Operation, Request, Rows, Verb, What,
};
use crate::schema::ObjectId;

/// The fixed words that may follow an object's name.
pub(super) const WORDS: [&str; 7] =
    ["describe", "deleted", "updated", "listviews", "quickActions", "suggestedArticles", "eventSchema"];

/// Reads a fixed word behind an object's name, and what follows it.
pub(super) fn read(
    call: &Call<'_>,
    object: ObjectId,
    word: &str,
    behind: &[&str],
) -> Result<Request, Unclear> {
    match (word, call.method) {
        ("quickActions", Method::Post) => execute(call, object, behind),
        (_, Method::Post | Method::Patch | Method::Put | Method::Delete) => Err(call.unknown()),
        ("describe", _) => describe(call, object, behind),
        ("deleted" | "updated", _) if behind.is_empty() => changed(call, object),
        ("listviews", _) => list_views(call, object, behind),
        ("quickActions", _) => quick_actions(call, object, behind),
        ("suggestedArticles", _) if behind.is_empty() => articles(call, object),
        ("eventSchema", _) if behind.is_empty() && call.schema.object(object).is_event() => {
            described(call, object, &["payloadFormat"])
        }
        _ => Err(call.unknown()),
    }
}

fn describe(call: &Call<'_>, object: ObjectId, behind: &[&str]) -> Result<Request, Unclear> {
    match behind {
        [] => {
            let request = described(call, object, &[])?;
            Ok(Request { answer: Answer { cut: Cut::Description, ..Answer::PLAIN }, ..request })
        }
        ["layouts" | "compactLayouts" | "approvalLayouts"] => described(call, object, &[]),
        ["layouts", record_type] if has_prefix(record_type, "012") => described(call, object, &[]),
        ["compactLayouts", "primary"] => described(call, object, &[]),
        ["namedLayouts" | "approvalLayouts", name] if crate::names::is_api_name(name) => {
            described(call, object, &[])
        }
        _ => Err(call.unknown()),
    }
}

/// An answer about the object that holds no records.
fn described(call: &Call<'_>, object: ObjectId, known: &[&str]) -> Result<Request, Unclear> {
    let parameters = call.parameters(known)?;
    let needs = Needs::new(What::Access(Access::object(Verb::Describe, object)));
    Ok(call.request(Api::Sobject, Operation::Describe, needs, call.target(&parameters)))
}

/// The ids of records deleted or changed in a time.
fn changed(call: &Call<'_>, object: ObjectId) -> Result<Request, Unclear> {
    let parameters = call.parameters(&["start", "end"])?;
    parameters.required("start")?;
    parameters.required("end")?;
    let id = call.field(object, "Id", Place::Path)?;
    let needs = Needs::new(What::Access(Access::field(Verb::Read, object, id)));
    let request = call.request(Api::Sobject, Operation::Read, needs, call.target(&parameters));
    Ok(Request { answer: Answer::rows(Rows::JsonRecords), ..request })
}

/// List views: their results run stored SOQL, which may touch any field.
fn list_views(call: &Call<'_>, object: ObjectId, behind: &[&str]) -> Result<Request, Unclear> {
    match behind {
        [] => described(call, object, &["limit", "offset", "order", "recentListsOnly", "appId"]),
        ["recent"] => described(call, object, &[]),
        [view] | [view, "describe"] if has_prefix(view, "00B") => described(call, object, &[]),
        [view, "results"] if has_prefix(view, "00B") => {
            let parameters = call.parameters(&["limit", "offset"])?;
            every_field(call, object, &parameters).map(|request| unbounded(request, object))
        }
        _ => Err(call.unknown()),
    }
}

fn every_field(
    call: &Call<'_>,
    object: ObjectId,
    parameters: &crate::classify::parameters::Parameters<'_>,
) -> Result<Request, Unclear> {
    let needs = Needs::new(What::Access(Access::every(Verb::Read, object)));
    let request = call.request(Api::Sobject, Operation::Read, needs, call.target(parameters));
    Ok(Request { answer: Answer::rows(Rows::JsonRecords), ..request })
}

fn quick_actions(call: &Call<'_>, object: ObjectId, behind: &[&str]) -> Result<Request, Unclear> {
    match behind {
        [] => described(call, object, &[]),
        [action] | [action, "describe"] if is_action(action) => described(call, object, &[]),
        [action, "defaultValues"] if is_action(action) => {
            let parameters = call.parameters(&[])?;
            every_field(call, object, &parameters)
        }
        [action, "defaultValues", context] if is_action(action) => {
            call.record(object, context, &Place::Path)?;
            let parameters = call.parameters(&[])?;
            every_field(call, object, &parameters)
        }
        _ => Err(call.unknown()),
    }
}

/// A quick action runs what the org defined under its name.
fn execute(call: &Call<'_>, object: ObjectId, behind: &[&str]) -> Result<Request, Unclear> {
    match behind {
        [action] if is_action(action) => {
            call.json()?;
            let mention = Mention { object: call.schema.object(object).name().into(), field: None };
            call.opaque(Api::Sobject, Operation::Execute, vec![mention])
        }
        _ => Err(call.unknown()),
    }
}

/// Knowledge articles that match a record or a subject: answers the titles of any article.
pub(super) fn articles(call: &Call<'_>, object: ObjectId) -> Result<Request, Unclear> {
    let known =
        ["language", "subject", "description", "articleTypes", "categories", "topics", "validationStatus"];
    let parameters = call.parameters(&known)?;
    let titles = article_titles(call)?;
    let matched = Access::every(Verb::Read, object);
    let with_record = call.names().len() == 4;
    let accesses = titles.into_iter().chain(with_record.then_some(matched));
    let needs = needs_of(accesses, None, call)?;
    let request = call.request(Api::Sobject, Operation::Search, needs, call.target(&parameters));
    Ok(Request { answer: Answer::rows(Rows::JsonArray), ..request })
}

/// The titles of articles of every type that the org has.
pub(crate) fn article_titles(call: &Call<'_>) -> Result<Vec<Access>, Unclear> {
    let articles = call.schema.objects().filter(|(_, object)| object.name().ends_with("__kav"));
    let titles: Vec<Access> = articles
        .filter_map(|(id, object)| Some(Access::field(Verb::Read, id, object.find("Title")?)))
        .collect();
    if titles.is_empty() { Err(unknown_name(Place::Path, "Knowledge__kav")) } else { Ok(titles) }
}

/// Recently used records of the objects named.
pub(super) fn relevant_items(call: &Call<'_>) -> Result<Request, Unclear> {
    if !call.is_get() {
        return Err(call.unknown());
    }
    let parameters = call.parameters(&["sobjects", "lastUpdatedId"])?;
    let place = Place::Parameter("sobjects".into());
    let objects = call.listed(parameters.required("sobjects")?, &place)?;
    let needs = needs_of(objects.into_iter().map(|object| Access::every(Verb::Read, object)), None, call)?;
    let request = call.request(Api::Sobject, Operation::Read, needs, call.target(&parameters));
    Ok(Request { answer: Answer::rows(Rows::JsonRecords), ..request })
}

/// The layouts of actions that belong to no object.
pub(super) fn global_layouts(call: &Call<'_>) -> Result<Request, Unclear> {
    if !call.is_get() {
        return Err(call.unknown());
    }
    let parameters = call.parameters(&[])?;
    let needs = Needs::new(What::Named(Named::Resources));
    Ok(call.request(Api::Sobject, Operation::Describe, needs, call.target(&parameters)))
}

/// Whether a text is an id of a sort of record that the schema need not know.
fn has_prefix(text: &str, prefix: &str) -> bool {
    RecordId::parse(text).is_some_and(|id| id.prefix().as_str() == prefix)
}

/// Names of actions: `NewCase`, `Account.NewCase`, `acme__Sync`.
fn is_action(name: &str) -> bool {
    name.split('.').all(crate::names::is_api_name)
}
