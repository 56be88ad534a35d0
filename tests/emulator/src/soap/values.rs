//! Records between JSON, in which they are made, and SOAP's XML.

use super::Dialect;
use crate::bulk::zulu;
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::records::Body;
use crate::value::Value;
use crate::xml::{self, Element};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};

/// A page of query results as the children of `result`.
pub(super) fn page(call: &Call<'_>, dialect: Dialect, page: &Json) -> String {
    let locator =
        match page.get("nextRecordsUrl").and_then(Json::as_str).and_then(|url| url.rsplit('/').next()) {
            Some(locator) => format!("<queryLocator>{locator}</queryLocator>"),
            None => "<queryLocator xsi:nil=\"true\"/>".to_owned(),
        };
    let records: String = page
        .get("records")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .map(|record| object(call, dialect, "records", record))
        .collect();
    let done = page.get("done").and_then(Json::as_bool).unwrap_or(true);
    let size = page.get("totalSize").and_then(Json::as_u64).unwrap_or(0);
    format!("<done>{done}</done>{locator}{records}<size>{size}</size>")
}

/// One record as an element.
pub(super) fn object(call: &Call<'_>, dialect: Dialect, name: &str, record: &Json) -> String {
    let Some(map) = record.as_object() else { return format!("<{name} xsi:nil=\"true\"/>") };
    let kind = record.pointer("/attributes/type").and_then(Json::as_str).unwrap_or_default();
    let id = map.get("Id").and_then(Json::as_str);
    let id = id.map_or_else(|| "<sf:Id xsi:nil=\"true\"/>".to_owned(), |id| format!("<sf:Id>{id}</sf:Id>"));
    let fields: String = map
        .iter()
        .filter(|(field, _)| *field != "attributes" && !(dialect == Dialect::Enterprise && *field == "Id"))
        .map(|(field, value)| element(call, dialect, (record, field), value))
        .collect();
    match dialect {
        Dialect::Partner => {
            format!("<{name} xsi:type=\"sf:sObject\"><sf:type>{kind}</sf:type>{id}{fields}</{name}>")
        }
        Dialect::Enterprise => format!("<{name} xsi:type=\"sf:{kind}\">{id}{fields}</{name}>"),
    }
}

fn element(call: &Call<'_>, dialect: Dialect, (record, field): (&Json, &str), value: &Json) -> String {
    match value {
        Json::Null => format!("<sf:{field} xsi:nil=\"true\"/>"),
        Json::Object(map) if map.contains_key("records") => {
            format!("<sf:{field} xsi:type=\"QueryResult\">{}</sf:{field}>", page(call, dialect, value))
        }
        Json::Object(map) if map.contains_key("attributes") => {
            object(call, dialect, &format!("sf:{field}"), value)
        }
        Json::Object(map) => {
            let parts = map.iter().filter(|(_, part)| !part.is_null());
            let parts: String =
                parts.map(|(name, part)| format!("<{name}>{}</{name}>", text(part))).collect();
            format!("<sf:{field}>{parts}</sf:{field}>")
        }
        Json::String(url) if url.starts_with("/services/data/") && url.ends_with(&format!("/{field}")) => {
            let bytes = blob(call, record, field).unwrap_or_default();
            format!("<sf:{field}>{bytes}</sf:{field}>")
        }
        other => format!("<sf:{field}>{}</sf:{field}>", text(other)),
    }
}

/// Where REST gives the address of bytes, SOAP gives the bytes.
fn blob(call: &Call<'_>, record: &Json, field: &str) -> Option<String> {
    let id = record.pointer("/attributes/url").and_then(Json::as_str)?.rsplit('/').next()?;
    let found = call.state.store.find(&call.state.schema, id)?;
    let (place, _) = call.state.schema.at(found.object)?.field(field)?;
    match found.row.get(place) {
        Value::Blob(bytes) => Some(STANDARD.encode(bytes)),
        _ => None,
    }
}

fn text(value: &Json) -> String {
    match value {
        Json::String(text) => xml::escape(&zulu(text)),
        other => other.to_string(),
    }
}

/// A record as the first bulk generation writes it.
pub(crate) fn bulk_record(record: &Json) -> String {
    let Some(map) = record.as_object() else { return String::new() };
    let kind = record.pointer("/attributes/type").and_then(Json::as_str).unwrap_or_default();
    let id = map.get("Id").map(|id| format!("<Id>{}</Id>", text(id)));
    let id = id.unwrap_or_else(|| "<Id xsi:nil=\"true\"/>".to_owned());
    let field = |(name, value): (&String, &Json)| match value {
        Json::Null => format!("<{name} xsi:nil=\"true\"/>"),
        Json::Object(_) => format!("<{name} xsi:type=\"sObject\">{}</{name}>", bulk_record(value)),
        other => format!("<{name}>{}</{name}>", text(other)),
    };
    let fields: String = map.iter().filter(|(name, _)| *name != "attributes").map(field).collect();
    format!("<type>{kind}</type>{id}{fields}")
}

/// A record as a client sent it: its object, its id, its fields.
pub(super) struct Incoming {
    pub(super) object: String,
    pub(super) id: Option<String>,
    pub(super) fields: Body,
}

/// Reads an `sObjects` element, whichever dialect and namespace it is in.
pub(super) fn incoming(element: &Element) -> Outcome<Incoming> {
    let typed = element.attribute("type").map(local).filter(|kind| *kind != "sObject").map(str::to_owned);
    let named = element.child("type").map(|kind| kind.text.trim().to_owned());
    let object =
        named.or(typed).ok_or_else(|| Fault::bad("INVALID_TYPE", "the sObject's type is missing"))?;
    let mut fields = Map::new();
    let mut id = None;
    for child in &element.children {
        match child.name.as_str() {
            "type" => {}
            "Id" => id = Some(child.text.trim().to_owned()).filter(|id| !id.is_empty()),
            "fieldsToNull" => {
                fields.insert(child.text.trim().to_owned(), Json::Null);
            }
            _ if child.children.is_empty() => {
                let nil = child.attribute("nil") == Some("true");
                let value = if nil { Json::Null } else { Json::from(child.text.as_str()) };
                fields.insert(child.name.clone(), value);
            }
            _ => {
                let parent = incoming(child)?;
                let mut named = parent.fields;
                named.insert("attributes".to_owned(), json!({ "type": parent.object }));
                fields.insert(child.name.clone(), Json::Object(named));
            }
        }
    }
    Ok(Incoming { object, id, fields })
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}
