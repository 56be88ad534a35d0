//! `/search`, `/parameterizedSearch` and suggestions. Text is looked for in every text field of an object, or in
//! those that the group names; what it looked at is what it touched.

use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::touch::Verb;
use crate::wire::{Ask, Reply};
use serde_json::{Value as Json, json};

mod matching;
mod parameters;
mod sosl;

pub(crate) use sosl::run_text;

/// What to look for, and what to return of it.
#[derive(Debug, Default)]
pub(crate) struct Search {
    /// The words, without operators.
    pub(crate) terms: Vec<String>,
    pub(crate) group: Group,
    pub(crate) targets: Vec<Target>,
    pub(crate) limit: Option<usize>,
}

/// Which fields are looked at.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    #[default]
    All,
    Name,
    Email,
    Phone,
}

/// One object to return records of.
#[derive(Debug, Default)]
pub(crate) struct Target {
    pub(crate) object: String,
    /// `Id, Name`: what may stand after SELECT.
    pub(crate) fields: String,
    pub(crate) filter: Option<String>,
    pub(crate) order: Option<String>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: u64,
}

// === impl Group ===

impl Group {
    fn named(name: &str) -> Outcome<Self> {
        match name.to_ascii_uppercase().as_str() {
            "ALL" | "SIDEBAR" | "" => Ok(Self::All),
            "NAME" => Ok(Self::Name),
            "EMAIL" => Ok(Self::Email),
            "PHONE" => Ok(Self::Phone),
            other => Err(Fault::bad("MALFORMED_SEARCH", format!("unknown search group {other}"))),
        }
    }
}

/// Anything that searches.
pub(crate) fn answer(call: &mut Call<'_>, path: &[&str], rest: &[&str], ask: &Ask) -> Outcome<Reply> {
    match (path.first().copied(), rest, ask.method.as_str()) {
        (Some("search"), [], "GET") => {
            let text =
                ask.param("q").ok_or_else(|| Fault::bad("MALFORMED_SEARCH", "No search term found"))?;
            let records = run_text(call, text)?;
            Ok(shown(call, records))
        }
        (Some("search"), ["suggestions"], "GET") => {
            let search = parameters::suggestion(call, ask)?;
            let records = matching::run(call, &search)?;
            Ok(Reply::ok(&json!({ "autoSuggestResults": records, "hasMoreResults": false })))
        }
        (Some("search"), ["layout"], "GET") | (Some("searchlayout"), [], "GET") => {
            let schema = call.schema();
            let mut layouts = Vec::new();
            for name in ask.param("q").unwrap_or_default().split(',') {
                let object = call.object(&schema, name)?;
                call.touches.object(Verb::Describe, &object.name);
                layouts.push(json!({ "label": "Search Results", "limitRows": 25, "searchColumns": [] }));
            }
            Ok(Reply::ok(&Json::Array(layouts)))
        }
        (Some("search"), ["scopeOrder"], "GET") => Ok(Reply::ok(&json!([]))),
        (Some("parameterizedSearch"), [], "GET") => {
            let search = parameters::from_query(call, ask)?;
            let records = matching::run(call, &search)?;
            Ok(shown(call, records))
        }
        (Some("parameterizedSearch"), [], "POST") => {
            let search = parameters::from_body(call, &ask.json()?)?;
            let records = matching::run(call, &search)?;
            Ok(shown(call, records))
        }
        _ => Err(Fault::not_found()),
    }
}

fn shown(call: &Call<'_>, records: Vec<Json>) -> Reply {
    if call.version < 37 {
        return Reply::ok(&Json::Array(records));
    }
    Reply::ok(&json!({ "searchRecords": records }))
}
