//! Batches: the text of a query, or records as CSV, JSON or XML.

use std::collections::HashSet;

use super::NAMESPACE;
use crate::classify::bulk::{self, unclear};
use crate::classify::call::Call;
use crate::classify::csv::Header;
use crate::classify::json::{Kind, Value};
use crate::classify::unclear::{Place, Unclear};
use crate::classify::xml::{Node, Writer, XSI, Xml};
use crate::names::{ApiVersion, is_api_name};
use crate::request::{
    Api, Body, Columns, Encoding, Handle, HandleKind, HandleUse, Needs, Operation, Request, Template, What,
};

/// The most columns of a batch (reference, section 5.5).
const MAX_COLUMNS: usize = 5_000;

/// Reads a batch.
pub(super) fn read(call: &Call<'_>, id: &str, version: ApiVersion) -> Result<Request, Unclear> {
    let payload = call.payload()?;
    let essence = &*payload.kind.essence;
    if !matches!(essence, "text/csv" | "application/json" | "application/xml" | "text/xml") {
        let what = "expected text/csv, application/json or application/xml";
        return Err(Unclear::form(Place::Header("content-type".into()), what));
    }
    if let Some(text) = query_text(&payload.bytes) {
        return query(call, id, text, version);
    }
    match essence {
        "text/csv" => {
            let Header { names, delimiter } = Header::parse(&payload.bytes)?;
            let bytes = payload.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&payload.bytes);
            upload(call, id, (names, delimiter), Template::from(bytes))
        }
        "application/json" => {
            let json = call.json()?;
            let mut columns = Written::default();
            for record in json.root().is(Kind::Array)?.items() {
                columns.record(record)?;
            }
            upload(call, id, (columns.names, b','), json.as_sent())
        }
        _ => {
            let xml = Xml::parse(&payload.bytes)?;
            let root = xml.root();
            if root.local() != "sObjects" || root.namespace() != Some(NAMESPACE) {
                return Err(root.unclear("is not a list of `sObject`"));
            }
            root.only(&["sObject"])?;
            bare(root)?;
            let mut columns = Written::default();
            for record in root.children() {
                columns.element(record)?;
            }
            let mut writer = Writer::new(&[]);
            writer.element(root);
            upload(call, id, (columns.names, b','), writer.finish())
        }
    }
}

/// The body as the text of a query, if it starts like one.
fn query_text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?.trim();
    let (word, rest) = text.split_at_checked("select".len())?;
    (word.eq_ignore_ascii_case("select") && rest.starts_with(|next: char| next.is_ascii_whitespace()))
        .then_some(text)
}

fn query(call: &Call<'_>, id: &str, text: &str, version: ApiVersion) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    let query = bulk::query(call, text, version, &Place::Body)?;
    let root = query.places().first().map(|place| place.object);
    let root = root.ok_or_else(|| unclear("the query has no object"))?;
    let mut needs = Needs::new(What::Query(Box::new(query)));
    let id = bulk::id(call, id, "750")?;
    needs.push(What::Handle(Handle::job(HandleKind::ClassicJob, id, HandleUse::Ask(root))));
    let mut request = call.request(Api::Bulk1, Operation::Export, needs, call.target(&parameters));
    let mut body = Template::default();
    body.hole(0, "", Encoding::Raw);
    request.draft.body = Body::Whole(body);
    request.export = true;
    Ok(request)
}

fn upload(
    call: &Call<'_>,
    id: &str,
    (names, delimiter): (Vec<Box<str>>, u8),
    body: Template,
) -> Result<Request, Unclear> {
    let parameters = call.parameters(&[])?;
    if names.is_empty() {
        return Err(unclear("the batch has no record with a field"));
    }
    let handle = Handle::job(HandleKind::ClassicJob, bulk::id(call, id, "750")?, HandleUse::Upload);
    let needs = Needs::new(What::Columns(Columns { handle, names, delimiter }));
    let mut request = call.request(Api::Bulk1, Operation::Job, needs, call.target(&parameters));
    request.draft.body = Body::Whole(body);
    Ok(request)
}

/// The fields of all records, named as columns of a CSV batch would be.
#[derive(Default)]
struct Written {
    names: Vec<Box<str>>,
    seen: HashSet<Box<str>>,
}

impl Written {
    fn add(&mut self, name: String) -> Result<(), Unclear> {
        if !self.seen.contains(&*name) {
            self.names.push(name.as_str().into());
            self.seen.insert(name.into());
        }
        if self.names.len() > MAX_COLUMNS {
            return Err(unclear(format!("more than {MAX_COLUMNS} fields")));
        }
        Ok(())
    }

    /// `{"LastName": "A", "Account": {"ExtId__c": "7"}}`
    fn record(&mut self, record: Value<'_>) -> Result<(), Unclear> {
        if let Some(name) = record.is(Kind::Object)?.folded_duplicate() {
            return Err(record.unclear(format!("the field `{name}` is given twice")));
        }
        for (key, value) in record.entries() {
            let name = key.string()?;
            if !is_api_name(&name) || name.eq_ignore_ascii_case("attributes") {
                return Err(value.unclear("is not under the name of a field"));
            }
            match value.kind() {
                Kind::Object => self.parent(&name, value)?,
                Kind::Array => return Err(value.unclear("a list is not the value of a field")),
                Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::String => {
                    self.add(name.into_owned())?
                }
            }
        }
        Ok(())
    }

    /// `{"attributes": {"type": "Lead"}, "Email": "a@b.c"}`
    fn parent(&mut self, relationship: &str, value: Value<'_>) -> Result<(), Unclear> {
        if let Some(name) = value.folded_duplicate() {
            return Err(value.unclear(format!("the field `{name}` is given twice")));
        }
        let target = match value.get("attributes") {
            Some(attributes) => {
                let name = attributes.only(&["type"])?.required("type")?.string()?;
                Some(name).filter(|name| is_api_name(name)).map(|name| format!("{name}:"))
            }
            None => Some(String::new()),
        };
        let target = target.ok_or_else(|| value.unclear("`attributes.type` is not the name of an object"))?;
        for (key, inner) in value.entries() {
            let name = key.string()?;
            if name == "attributes" {
                continue;
            }
            if !is_api_name(&name) || matches!(inner.kind(), Kind::Object | Kind::Array) {
                return Err(inner.unclear("is not the key of a parent"));
            }
            self.add(format!("{target}{relationship}.{name}"))?;
        }
        Ok(())
    }

    /// `<sObject><LastName>A</LastName><Account><sObject><ExtId__c>7</ExtId__c></sObject></Account></sObject>`
    fn element(&mut self, record: Node<'_>) -> Result<(), Unclear> {
        record.distinct()?;
        for field in record.children() {
            if !is_api_name(field.local()) {
                return Err(field.unclear("is not the name of a field"));
            }
            if !field.has_children() {
                self.add(field.local().to_owned())?;
                continue;
            }
            field.only(&["sObject"])?;
            let parent = field.need("sObject")?;
            parent.distinct()?;
            let target = match parent.one("type")? {
                Some(target) if is_api_name(target.text()?) => format!("{}:", target.text()?),
                Some(odd) => return Err(odd.unclear("is not the name of an object")),
                None => String::new(),
            };
            for key in parent.children().filter(|key| key.local() != "type") {
                key.text()?;
                if !is_api_name(key.local()) {
                    return Err(key.unclear("is not the name of a field"));
                }
                self.add(format!("{target}{}.{}", field.local(), key.local()))?;
            }
        }
        Ok(())
    }
}

/// Holds the attributes of all elements to `xsi:nil` on those without text.
pub(super) fn bare(node: Node<'_>) -> Result<(), Unclear> {
    if let Some((_, name)) = node.attributes().find(|known| *known != (Some(XSI), "nil")) {
        return Err(node.unclear(format!("has the unknown attribute `{name}`")));
    }
    let nil = node.xsi("nil").is_some_and(|nil| !matches!(nil, "false" | "0"));
    if nil && (node.has_children() || !node.text()?.is_empty()) {
        return Err(node.unclear("is nil and has a value"));
    }
    node.children().try_for_each(bare)
}
