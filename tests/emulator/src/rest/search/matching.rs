//! Looking for words.

use super::{Group, Search, Target};
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::schema::{Field, Kind, Object};
use crate::soql::ast::Query;
use crate::soql::{parse_condition, parse_fields, parse_order, run};
use crate::store::Found;
use crate::touch::Verb;
use serde_json::Value as Json;

/// The records that match, object by object.
pub(super) fn run(call: &mut Call<'_>, search: &Search) -> Outcome<Vec<Json>> {
    if search.terms.iter().all(|term| term.len() < 2) {
        return Err(Fault::bad("MALFORMED_SEARCH", "search term must be longer than one character"));
    }
    let everything = search.targets.is_empty();
    let all: Vec<Target> = if everything { searchable(call) } else { Vec::new() };
    let mut records = Vec::new();
    for target in if everything { &all } else { &search.targets } {
        records.extend(one(call, search, target)?);
    }
    records.truncate(search.limit.unwrap_or(2000).min(2000));
    Ok(records)
}

/// Without a list, every object that people search for.
fn searchable(call: &Call<'_>) -> Vec<Target> {
    let people = ["Account", "Contact", "Lead", "Opportunity", "Case", "User", "Task", "Campaign"];
    let schema = call.schema();
    let objects = schema
        .objects()
        .iter()
        .filter(|object| people.contains(&object.name.as_str()) || object.name.ends_with("__c"));
    objects
        .map(|object| Target { object: object.name.clone(), fields: "Id".to_owned(), ..Target::default() })
        .collect()
}

fn one(call: &mut Call<'_>, search: &Search, target: &Target) -> Outcome<Vec<Json>> {
    let schema = call.schema();
    let object = schema.object(&target.object).ok_or_else(|| Fault::no_such_object(&target.object))?;
    let query = Query {
        select: parse_fields(if target.fields.is_empty() { "Id" } else { &target.fields })?,
        from: vec![crate::records::source(&object.name)],
        filter: target.filter.as_deref().map(parse_condition).transpose()?,
        order: target.order.as_deref().map(parse_order).transpose()?.unwrap_or_default(),
        ..Query::default()
    };
    let plan = call.bind(&query, false)?;
    let fields: Vec<usize> = object
        .fields
        .iter()
        .enumerate()
        .filter(|(_, field)| looked_at(object, field, search.group))
        .map(|(place, _)| place)
        .collect();
    for place in &fields {
        if let Some(field) = object.fields.get(*place) {
            call.touches.field(Verb::Read, &object.name, &field.name);
        }
    }
    let matches = |row: &Found| {
        search
            .terms
            .iter()
            .all(|term| fields.iter().any(|place| found_in(&row.row.get(*place).display(), term)))
    };
    let rows = run::ordered(call.view(), &plan)?.into_iter().filter(matches);
    let skip = run::whole(target.offset);
    let rows: Vec<Found> = rows.skip(skip).take(run::whole(target.limit.unwrap_or(2000))).collect();
    Ok(call.write("query", |writer| writer.records(&plan, &rows)))
}

fn looked_at(object: &Object, field: &Field, group: Group) -> bool {
    match (group, field.kind) {
        (Group::Name, _) => object.name_field().is_some_and(|name| name.name == field.name),
        (Group::Email, kind) => kind == Kind::Text("email"),
        (Group::Phone, kind) => kind == Kind::Text("phone"),
        (Group::All, kind) => matches!(kind, Kind::Text(_)),
    }
}

/// A word stands at the start of some word of the text; `*` makes it stand anywhere.
fn found_in(text: &str, term: &str) -> bool {
    let text = text.to_lowercase();
    let bare = term.trim_matches('*').to_lowercase();
    if term.starts_with('*') || bare.contains(' ') {
        return text.contains(&bare);
    }
    text.split(|letter: char| !letter.is_alphanumeric() && !bare.contains(letter))
        .any(|word| word.starts_with(&bare))
}
