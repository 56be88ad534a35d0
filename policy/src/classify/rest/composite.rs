//! The composite family: envelopes whose parts are read by the doors they go to.
//!
//! Reference, section 4. Every part is classified as itself; what it needs, the envelope needs, said of the part.
//! One part that is not understood refuses the whole.

mod batch;
mod graph;
mod tree;

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use super::collections::{self, switch};
use crate::classify::call::{Call, Content, Envelope};
use crate::classify::json::{Document, Kind, Value};
use crate::classify::references::{Known, Reply};
use crate::classify::{Unclear, doors, headers};
use crate::names::ApiVersion;
use crate::request::{
    Answer, Api, Body, Cut, HandleKind, Method, Named, Need, Needs, Operation, Operations, Request, Rows,
    Template, What,
};

/// Reads a call to `/composite`.
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    if names.get(1) == Some(&"sobjects") {
        return collections::read(call);
    }
    if !matches!(call.envelope, Envelope::None) {
        return Err(call.unknown());
    }
    match (call.method, &*names) {
        (Method::Get | Method::Head, ["composite"]) => {
            let parameters = call.parameters(&[])?;
            let needs = Needs::new(What::Named(Named::Resources));
            Ok(call.request(Api::Composite, Operation::Meta, needs, call.target(&parameters)))
        }
        (Method::Post, ["composite"]) => composite(call),
        (Method::Post, ["composite", "batch"]) => batch::read(call),
        (Method::Post, ["composite", "graph"]) => graph::read(call),
        (Method::Post, ["composite", "tree", object]) => tree::read(call, call.object(object)?),
        _ => Err(call.unknown()),
    }
}

/// `POST /composite`: up to 25 parts, which may refer to the answers of earlier ones.
fn composite(call: &Call<'_>) -> Result<Request, Unclear> {
    let document = call.json()?;
    let body = document.root().only(&["allOrNone", "collateSubrequests", "compositeRequest"])?;
    switch(body.get("allOrNone"))?;
    switch(body.get("collateSubrequests"))?;
    let mut gathered = Gathered::default();
    let mut known = Known::default();
    let mut queries = 0_usize;
    for (number, part) in parts(body, "compositeRequest", 25)?.into_iter().enumerate() {
        let name = format!("compositeRequest[{number}]");
        let read = read_part(call, part, Envelope::Composite(&known), allowed_in_composite);
        let (place, request, reply) = read.map_err(|unclear| unclear.in_part(&*name))?;
        queries += usize::from(matches!(request.api, Api::Query | Api::Collections));
        if queries > 5 {
            return Err(part.unclear("five queries and collections are the limit").in_part(&*name));
        }
        gathered.add(&name, place, request);
        if !known.add(&reference_id(part)?, reply) {
            return Err(part.unclear("the `referenceId` is there twice").in_part(&*name));
        }
    }
    gathered.finish(call, &document)
}

/// The parts of an envelope: at least one, at most `most`.
fn parts<'d>(body: Value<'d>, key: &str, most: usize) -> Result<Vec<Value<'d>>, Unclear> {
    let parts: Vec<Value<'d>> = body.required(key)?.is(Kind::Array)?.items().collect();
    if parts.is_empty() || parts.len() > most {
        return Err(body.unclear(format!("between 1 and {most} parts are taken")));
    }
    Ok(parts)
}

/// Reads a part of a composite or graph: where its url stands, what it asks, and what it will answer.
fn read_part(
    call: &Call<'_>,
    part: Value<'_>,
    envelope: Envelope<'_>,
    allowed: fn(&Call<'_>) -> bool,
) -> Result<(Range<usize>, Request, Reply), Unclear> {
    part.only(&["method", "url", "referenceId", "body", "httpHeaders"])?;
    if let Some(sent) = part.get("httpHeaders") {
        part_headers(sent)?;
    }
    let method = part.required("method")?;
    let url = part.required("url")?;
    let path = url.string()?;
    let called = call.part((part_method(method)?, &path), content(part.get("body")), envelope)?;
    if !allowed(&called) {
        return Err(url.unclear("this resource cannot be called in this envelope"));
    }
    let request = doors::read(&called)?;
    let reply = Reply::to(&called, &request);
    Ok((url.content(), request, reply))
}

/// What may be called in a composite (reference, section 4.1), and what is classified there although Salesforce
/// does not list it (`tooling`).
fn allowed_in_composite(call: &Call<'_>) -> bool {
    matches!(
        &*call.names(),
        ["sobjects", ..] | ["query" | "queryAll", ..] | ["composite" | "tooling", "sobjects", ..]
    )
}

fn part_method(value: Value<'_>) -> Result<Method, Unclear> {
    let method = Method::parse(&value.string()?).filter(|method| *method != Method::Head);
    method.ok_or_else(|| value.unclear("methods are GET, POST, PATCH, PUT and DELETE"))
}

/// The body of a part; `null` is none.
fn content(value: Option<Value<'_>>) -> Content<'_> {
    match value.filter(|value| value.kind() != Kind::Null) {
        Some(value) => Content::Part(value.document()),
        None => Content::None,
    }
}

fn part_headers(value: Value<'_>) -> Result<(), Unclear> {
    value.is(Kind::Object)?;
    if value.folded_duplicate().is_some() {
        return Err(value.unclear("a header is there twice"));
    }
    value.entries().try_for_each(|(name, value)| headers::check_part(&name.string()?, &value.string()?))
}

/// The name by which later parts refer to this one.
fn reference_id(part: Value<'_>) -> Result<Cow<'_, str>, Unclear> {
    let value = part.required("referenceId")?;
    let name = value.string()?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if starts && name.bytes().all(allowed) {
        Ok(name)
    } else {
        Err(value.unclear("it consists of letters, digits and `_`, and starts with a letter or digit"))
    }
}

/// What the parts read so far amount to.
#[derive(Default)]
struct Gathered {
    needs: Vec<Need>,
    operations: Vec<Operation>,
    versions: Vec<ApiVersion>,
    targets: Vec<(Range<usize>, Template, usize)>,
    answers: Vec<Answer>,
    export: bool,
}

impl Gathered {
    /// Adds a part, whose url stands at `place` in the envelope.
    fn add(&mut self, name: &str, place: Range<usize>, request: Request) {
        let name: Arc<str> = name.into();
        let first = self.needs.len();
        self.operations.extend(request.operations.iter());
        self.versions.extend(request.version);
        self.export |= request.export;
        self.answers.push(request.answer);
        self.targets.push((place, request.draft.target, first));
        self.needs.extend(request.needs.into_iter().map(|need| Need { part: Some(name.clone()), ..need }));
    }

    /// The envelope as a request: its text with the urls of its parts written anew.
    fn finish(self, call: &Call<'_>, document: &Document<'_>) -> Result<Request, Unclear> {
        let parameters = call.parameters(&[])?;
        let answer = self.answer(document)?;
        let holes = self.targets.into_iter().map(|(place, target, first)| {
            let write = move |template: &mut Template| {
                template.embed(target, first);
            };
            (place, write)
        });
        let text = document.rebuilt(holes.collect());
        let needs = Needs::gathered(self.needs).ok_or_else(|| call.unknown())?;
        let operations = Operations::gathered(self.operations).ok_or_else(|| call.unknown())?;
        let draft = call.draft(call.target(&parameters), Body::Whole(text));
        let request = call.sending(Api::Composite, operations, needs, draft);
        Ok(Request { answer, export: self.export, part_versions: self.versions, ..request })
    }

    /// The answers of all parts as one: what has to be cut must be the same in each that needs it.
    fn answer(&self, document: &Document<'_>) -> Result<Answer, Unclear> {
        let mut cuts = self.answers.iter().map(|answer| answer.cut).filter(|cut| *cut != Cut::Nothing);
        let cut = cuts.next().unwrap_or(Cut::Nothing);
        if cuts.any(|other| other != cut) {
            return Err(document
                .root()
                .unclear("descriptions of different sorts cannot be asked for at once"));
        }
        let mut named = 0_u32;
        let mut counted = false;
        for answer in &self.answers {
            match answer.rows {
                Rows::None => {}
                // Records of the UI API have no `attributes` by which they could be counted.
                Rows::Known(rows) if answer.cut == Cut::UiRecord => named = named.saturating_add(rows),
                Rows::Enveloped(rows) => named = named.saturating_add(rows),
                Rows::One
                | Rows::Known(_)
                | Rows::JsonRecords
                | Rows::JsonArray
                | Rows::Csv
                | Rows::XmlRecords
                | Rows::Bulk
                | Rows::GraphQlNodes
                | Rows::ReportRows => counted = true,
            }
        }
        let rows = match (named, counted) {
            (0, false) => Rows::None,
            (0, true) => Rows::JsonRecords,
            (named, _) => Rows::Enveloped(named),
        };
        let issues = self.answers.iter().any(|answer| answer.issues.is_some());
        Ok(Answer { rows, cut, issues: issues.then_some(HandleKind::Locator) })
    }
}
