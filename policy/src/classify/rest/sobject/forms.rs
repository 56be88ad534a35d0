//! The forms in which one record is written: JSON, XML, and multipart with a file.
//!
//! Reference, sections 2.3 and 2.5. XML and multipart bodies are written anew from what was parsed.

use crate::classify::Unclear;
use crate::classify::call::{Call, unknown_name};
use crate::classify::json::Document;
use crate::classify::multipart::{self, Part};
use crate::classify::records::{Accesses, Children, IdRule, PLAIN_ATTRIBUTES, Writing};
use crate::classify::xml::{Node, Writer, Xml};
use crate::classify::{Envelope, Place};
use crate::request::{Access, Body, Method, Template, Verb};
use crate::schema::{FieldKind, ObjectId};

/// A record to be written.
pub(super) struct Written {
    /// What writing it touches.
    pub(super) accesses: Accesses,
    /// The body to send.
    pub(super) body: Body,
}

/// Reads the call's body as one record of `object`, each of whose fields needs `verbs`.
pub(super) fn written(call: &Call<'_>, object: ObjectId, verbs: &[Verb]) -> Result<Written, Unclear> {
    match call.content_type().map(|kind| &*kind.essence) {
        Some("multipart/form-data") => with_file(call, object, verbs),
        Some("application/xml" | "text/xml") => xml(call, object, verbs),
        _ => {
            let document = call.json()?;
            let accesses = json(call, &document, object, verbs)?;
            Ok(Written { accesses, body: Body::Whole(document.as_sent()) })
        }
    }
}

fn json(
    call: &Call<'_>,
    document: &Document<'_>,
    object: ObjectId,
    verbs: &[Verb],
) -> Result<Accesses, Unclear> {
    let mut accesses = Accesses::default();
    let writing =
        Writing { verbs, id: IdRule::Refused, attributes: PLAIN_ATTRIBUTES, children: Children::Refused };
    call.record_body(document.root(), object, writing, &mut accesses)?;
    Ok(accesses)
}

/// `<Contact><LastName>Rossi</LastName></Contact>`: the root names the object. Parents are named in JSON only.
fn xml(call: &Call<'_>, object: ObjectId, verbs: &[Verb]) -> Result<Written, Unclear> {
    let document = Xml::parse(&call.payload()?.bytes)?;
    let (root, known) = (document.root(), call.schema.object(object));
    if !root.local().eq_ignore_ascii_case(known.name()) || root.attributes().next().is_some() {
        return Err(root.unclear("is not the object that the path names"));
    }
    root.distinct()?;
    if !root.has_children() && !root.text()?.trim().is_empty() {
        return Err(root.unclear("has text where fields are expected"));
    }
    let mut accesses = Accesses::default();
    accesses.extend(verbs.iter().map(|verb| Access::object(*verb, object)));
    for child in root.children() {
        let name = child.local();
        let place = || Place::Element(child.path().into());
        child.text()?;
        if child.attributes().any(|attribute| !is_nil(attribute)) || name.eq_ignore_ascii_case("Id") {
            return Err(child.unclear("is not a plain field"));
        }
        let field = known.find(name).ok_or_else(|| unknown_name(place(), name))?;
        accesses.extend(verbs.iter().map(|verb| Access::field(*verb, object, field)));
    }
    Ok(Written { accesses, body: Body::Whole(anew(root)) })
}

fn anew(root: Node<'_>) -> Template {
    let mut writer = Writer::new(&[]);
    writer.element(root);
    writer.finish()
}

fn is_nil((namespace, name): (Option<&str>, &str)) -> bool {
    name == "nil" && namespace == Some(crate::classify::xml::XSI)
}

/// A record in JSON, then the bytes of its file.
fn with_file(call: &Call<'_>, object: ObjectId, verbs: &[Verb]) -> Result<Written, Unclear> {
    let payload = call.payload()?;
    let boundary = payload.kind.boundary.as_deref().unwrap_or_default();
    let parts = multipart::parts(&payload.bytes, boundary)?;
    let unclear = |what: &str| Unclear::form(Place::Body, what);
    let [record, file] = <[Part<'_>; 2]>::try_from(parts)
        .map_err(|_| unclear("a record and a file are expected, in two parts"))?;
    let known = call.schema.object(object);
    let (named, field) = names(known.name(), call.method)
        .filter(|_| matches!(call.envelope, Envelope::None))
        .ok_or_else(|| unclear("this object is not written with a file"))?;
    let is_json = |part: &Part<'_>| {
        part.media.is_some_and(|media| {
            media.split(';').next().is_some_and(|kind| kind.trim() == "application/json")
        })
    };
    if record.name != named || file.name != field || !is_json(&record) || is_json(&file) {
        return Err(unclear(&format!("the parts are `{named}` as application/json, then `{field}`")));
    }
    let file_field = known.find(field).filter(|found| known.field(*found).kind() == FieldKind::Blob);
    let file_field = file_field.ok_or_else(|| unknown_name(Place::Body, field))?;
    let document = Document::parse(record.content)?;
    let mut accesses = json(call, &document, object, verbs)?;
    for verb in verbs {
        let access = Access::field(*verb, object, file_field);
        if accesses.has(access) {
            return Err(unclear("the file is there twice"));
        }
        accesses.add(access);
    }
    let sent = document.as_sent();
    let bytes = Template::from(file.content);
    Ok(Written { accesses, body: Body::Whole(multipart::write(boundary, [(record, sent), (file, bytes)])) })
}

/// The names of the two parts (reference, section 2.5).
fn names(object: &str, method: Method) -> Option<(&'static str, &'static str)> {
    match (object, method) {
        ("ContentVersion", Method::Post) => Some(("entity_content", "VersionData")),
        ("Document", Method::Post) => Some(("entity_document", "Body")),
        ("Document", Method::Patch) => Some(("entity_content", "Body")),
        ("Attachment", Method::Post) => Some(("entity_attachment", "Body")),
        _ => None,
    }
}
