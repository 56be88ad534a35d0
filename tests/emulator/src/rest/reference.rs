//! `@{ref.path[0].field}`: values of earlier answers, put into later requests, wherever they stand.

use super::composite::Answers;
use crate::fault::{Fault, Outcome};
use serde_json::Value as Json;

/// Fills the references in every string of a value.
pub(super) fn fill(value: &Json, answers: &Answers) -> Outcome<Json> {
    Ok(match value {
        Json::String(text) => match whole(text) {
            Some(path) => look_up(path, answers)?,
            None => Json::from(fill_text(text, answers)?),
        },
        Json::Array(entries) => {
            Json::Array(entries.iter().map(|entry| fill(entry, answers)).collect::<Outcome<_>>()?)
        }
        Json::Object(map) => {
            let filled = map.iter().map(|(key, entry)| Ok((key.clone(), fill(entry, answers)?)));
            Json::Object(filled.collect::<Outcome<_>>()?)
        }
        other => other.clone(),
    })
}

/// Fills the references in a text.
pub(super) fn fill_text(text: &str, answers: &Answers) -> Outcome<String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((path, tail)) = after.split_once('}') else { break };
        filled.push_str(before);
        match look_up(path, answers)? {
            Json::String(value) => filled.push_str(&value),
            other => filled.push_str(&other.to_string()),
        }
        rest = tail;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The path of a text that is one reference and nothing else.
fn whole(text: &str) -> Option<&str> {
    text.strip_prefix("@{")?.strip_suffix('}').filter(|path| !path.contains("@{"))
}

fn look_up(path: &str, answers: &Answers) -> Outcome<Json> {
    let invalid = || {
        Fault::bad("PROCESSING_HALTED", format!("Invalid reference specified. No value for {path} found."))
    };
    let (reference, steps) = path.split_once('.').ok_or_else(invalid)?;
    let mut value = answers.get(reference).ok_or_else(invalid)?;
    for step in steps.split('.') {
        let (name, indexes) = step.split_once('[').map_or((step, ""), |(name, indexes)| (name, indexes));
        value = value.get(name).ok_or_else(invalid)?;
        for index in indexes.split('[').filter(|index| !index.is_empty()) {
            let index: usize = index.trim_end_matches(']').parse().map_err(|_| invalid())?;
            value = value.get(index).ok_or_else(invalid)?;
        }
    }
    Ok(value.clone())
}
