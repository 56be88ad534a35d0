//! `/search` and its kin: SOSL, parameterized searches, suggestions.
//!
//! A parameterized search is rewritten as SOSL and sent to `/search`, which answers the same: so one grammar is
//! decided and narrowed, and conditions and match scopes hold for both. Reference, section 3.4.

mod parameterized;

use super::automation::listed;
use super::sobject::{article_titles, name_field};
use crate::classify::call::Call;
use crate::classify::{Place, Unclear};
use crate::names::ApiVersion;
use crate::request::{Access, Answer, Api, Need, Needs, Operation, Request, Rows, Verb, What};

pub(crate) use parameterized::read as parameterized;

/// `/search`, `/search/...` and `/searchlayout`
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    if !call.is_get() {
        return Err(call.unknown());
    }
    match &*names {
        ["search"] => {
            let parameters = call.parameters(&["q"])?;
            let what = call.sosl(parameters.required("q")?, &Place::Parameter("q".into()))?;
            let target = call.target_with(&parameters, &[("?q=", 0)]);
            let request = call.request(Api::Search, Operation::Search, Needs::new(what), target);
            Ok(Request { answer: answer(call), ..request })
        }
        ["search", "scopeOrder"] => listed(call, Api::Search, Operation::Meta),
        ["search", "layout"] | ["searchlayout"] => {
            let parameters = call.parameters(&["q"])?;
            let objects = call.listed(parameters.required("q")?, &Place::Parameter("q".into()))?;
            let described = objects.into_iter().map(|object| Access::object(Verb::Describe, object));
            let needs = Needs::accesses(described).ok_or_else(|| call.unknown())?;
            Ok(call.request(Api::Search, Operation::Describe, needs, call.target(&parameters)))
        }
        ["search", "suggestions"] => suggestions(call),
        ["search", "suggestTitleMatches"] => titles(call),
        ["search", "suggestSearchQueries"] => call.opaque(Api::Search, Operation::Search, Vec::new()),
        _ => Err(call.unknown()),
    }
}

/// How the answer to a search is counted: until version 36.0 it was a bare list.
fn answer(call: &Call<'_>) -> Answer {
    let wrapped = call.version.is_none_or(|version| version >= ApiVersion::new(37));
    match (call.method, wrapped) {
        (crate::request::Method::Head, _) => Answer::PLAIN,
        (_, true) => Answer::rows(Rows::JsonRecords),
        (_, false) => Answer::rows(Rows::JsonArray),
    }
}

/// Records whose names start with a text: shows their names, and the fields asked for.
fn suggestions(call: &Call<'_>) -> Result<Request, Unclear> {
    let named = call.any_parameters()?;
    let place = Place::Parameter("sobject".into());
    let objects = call.listed(named.required("sobject")?, &place)?;
    let asked: Vec<&str> = named.required("sobject")?.split(',').map(str::trim).collect();
    let own: Vec<String> =
        asked.iter().flat_map(|name| [format!("{name}.fields"), format!("{name}.limit")]).collect();
    let mut known = vec!["q", "sobject", "fields", "limit", "ignoreUnsupportedSObjects"];
    known.extend(own.iter().map(String::as_str));
    let parameters = call.parameters(&known)?;
    parameters.required("q")?;
    let mut accesses = Vec::new();
    for (object, name) in objects.into_iter().zip(asked) {
        accesses.push(Access::object(Verb::Read, object));
        accesses.push(match name_field(call.schema.object(object)) {
            Some(field) => Access::field(Verb::Read, object, field),
            None => Access::every(Verb::Read, object),
        });
        let own = format!("{name}.fields");
        for list in [parameters.get("fields"), parameters.get(&own)].into_iter().flatten() {
            let fields = call.fields(object, list.split(','), &Place::Parameter("fields".into()))?;
            accesses.extend(fields.named.into_iter().flatten().flat_map(|field| field.accesses));
        }
    }
    let needs = Needs::accesses(accesses).ok_or_else(|| call.unknown())?;
    let request = call.request(Api::Search, Operation::Search, needs, call.target(&parameters));
    Ok(Request { answer: Answer::rows(Rows::JsonRecords), ..request })
}

/// Knowledge articles by the words of their titles.
fn titles(call: &Call<'_>) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[
        "q",
        "language",
        "publishStatus",
        "articleTypes",
        "categories",
        "channel",
        "limit",
        "topics",
        "validationStatus",
    ])?;
    parameters.required("q")?;
    let needs =
        article_titles(call)?.into_iter().map(|access| Need { part: None, what: What::Access(access) });
    let needs = Needs::gathered(needs).ok_or_else(|| call.unknown())?;
    let request = call.request(Api::Search, Operation::Search, needs, call.target(&parameters));
    Ok(Request { answer: Answer::rows(Rows::JsonRecords), ..request })
}
