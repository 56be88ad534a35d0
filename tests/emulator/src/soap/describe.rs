//! Describe, in XML: the same facts as REST gives.

use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::rest::describe;
use crate::xml::{self, Element};
use serde_json::Value as Json;

/// `describeGlobal`
pub(super) fn global(call: &mut Call<'_>) -> String {
    let facts = describe::global(call);
    let objects = facts.get("sobjects").and_then(Json::as_array).into_iter().flatten();
    let objects: String = objects.map(|object| element("sobjects", object)).collect();
    format!("<result><encoding>UTF-8</encoding><maxBatchSize>200</maxBatchSize>{objects}</result>")
}

/// `describeSObject`, `describeSObjects`
pub(super) fn objects(call: &mut Call<'_>, request: &Element, name: &str) -> Outcome<String> {
    let schema = call.schema();
    let mut results = String::new();
    for wanted in request.all(name) {
        let wanted = wanted.text.trim();
        let object = call.object(&schema, wanted).map_err(|_| Fault::no_such_object(wanted))?;
        let mut facts = describe::object(call, object);
        if let Some(facts) = facts.as_object_mut() {
            let urls = facts.shift_remove("urls").unwrap_or_default();
            for (from, to) in
                [("uiDetailTemplate", "urlDetail"), ("uiEditTemplate", "urlEdit"), ("uiNewRecord", "urlNew")]
            {
                facts.insert(to.to_owned(), urls.get(from).cloned().unwrap_or_default());
            }
        }
        results += &element("result", &facts);
    }
    Ok(results)
}

/// JSON as elements: lists repeat, nulls vanish, the addresses of REST have no place here.
fn element(name: &str, value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::Array(entries) => entries.iter().map(|entry| element(name, entry)).collect(),
        Json::Object(map) => {
            let parts: String = map
                .iter()
                .filter(|(name, _)| *name != "urls")
                .map(|(name, value)| element(name, value))
                .collect();
            format!("<{name}>{parts}</{name}>")
        }
        Json::String(text) => format!("<{name}>{}</{name}>", xml::escape(text)),
        other => format!("<{name}>{other}</{name}>"),
    }
}
