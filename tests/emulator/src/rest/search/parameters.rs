//! Searches told by parameters.

use super::{Group, Search, Target};
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::wire::Ask;
use serde_json::Value as Json;

/// `GET /parameterizedSearch`
pub(super) fn from_query(call: &Call<'_>, ask: &Ask) -> Outcome<Search> {
    let listed = |name: &str| {
        let values = ask.query.iter().filter(move |(key, _)| key == name);
        values.flat_map(|(_, value)| value.split(',')).map(|part| part.trim().to_owned()).collect::<Vec<_>>()
    };
    let shared = listed("fields").join(",");
    let number = |name: &str| ask.param(name).and_then(|value| value.parse().ok());
    let target = |object: String| {
        let own = |part: &str| ask.param(&format!("{object}.{part}")).map(str::to_owned);
        Target {
            fields: own("fields").unwrap_or_else(|| shared.clone()),
            filter: own("where"),
            order: own("orderBy"),
            limit: own("limit").and_then(|limit| limit.parse().ok()).or_else(|| number("defaultLimit")),
            offset: 0,
            object,
        }
    };
    let objects = listed("sobject").into_iter().filter(|name| !name.is_empty());
    Ok(Search {
        terms: terms(ask.param("q").unwrap_or_default()),
        group: Group::named(ask.param("in").unwrap_or_default())?,
        targets: objects.map(target).map(|target| named(call, target)).collect(),
        limit: ask.param("overallLimit").and_then(|limit| limit.parse().ok()),
    })
}

/// `POST /parameterizedSearch`
pub(super) fn from_body(call: &Call<'_>, body: &Json) -> Outcome<Search> {
    let text = |value: &Json, name: &str| value.get(name).and_then(Json::as_str).map(str::to_owned);
    let list = |value: &Json, name: &str| {
        let entries = value.get(name).and_then(Json::as_array)?;
        Some(entries.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(","))
    };
    let shared = list(body, "fields").unwrap_or_default();
    let default = body.get("defaultLimit").and_then(Json::as_u64);
    let target = |entry: &Json| Target {
        object: text(entry, "name").unwrap_or_default(),
        fields: list(entry, "fields").unwrap_or_else(|| shared.clone()),
        filter: text(entry, "where"),
        order: text(entry, "orderBy"),
        limit: entry.get("limit").and_then(Json::as_u64).or(default),
        offset: 0,
    };
    let objects = body.get("sobjects").and_then(Json::as_array).into_iter().flatten();
    let limit = body.get("overallLimit").and_then(Json::as_u64);
    Ok(Search {
        terms: terms(&text(body, "q").ok_or_else(|| Fault::bad("MALFORMED_SEARCH", "q is needed"))?),
        group: Group::named(&text(body, "in").unwrap_or_default())?,
        targets: objects.map(target).map(|target| named(call, target)).collect(),
        limit: limit.and_then(|limit| usize::try_from(limit).ok()),
    })
}

/// `GET /search/suggestions`
pub(super) fn suggestion(call: &Call<'_>, ask: &Ask) -> Outcome<Search> {
    let search = Search { group: Group::Name, ..from_query(call, ask)? };
    if search.targets.is_empty() {
        return Err(Fault::bad("MISSING_ARGUMENT", "sobject is needed"));
    }
    Ok(search)
}

/// An entry without fields returns the id and the name.
fn named(call: &Call<'_>, target: Target) -> Target {
    if !target.fields.is_empty() {
        return target;
    }
    let schema = call.schema();
    let name =
        schema.object(&target.object).and_then(|object| object.name_field()).map(|field| field.name.clone());
    Target { fields: name.map_or_else(|| "Id".to_owned(), |name| format!("Id,{name}")), ..target }
}

fn terms(text: &str) -> Vec<String> {
    super::sosl::terms(text)
}
