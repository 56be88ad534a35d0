//! `POST /composite/batch`: up to 25 parts that know nothing of each other.

use super::{Gathered, content, part_method, parts};
use crate::classify::call::{Call, Envelope};
use crate::classify::json::Value;
use crate::classify::rest::collections::switch;
use crate::classify::{Place, Unclear, doors};
use crate::names::ApiVersion;
use crate::request::Request;

/// Reads a batch.
pub(super) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    let document = call.json()?;
    let body = document.root().only(&["batchRequests", "haltOnError"])?;
    switch(body.get("haltOnError"))?;
    let mut gathered = Gathered::default();
    for (number, part) in parts(body, "batchRequests", 25)?.into_iter().enumerate() {
        let name = format!("batchRequests[{number}]");
        let request = self::part(call, part).map_err(|unclear| unclear.in_part(&*name))?;
        gathered.add(&name, part.required("url")?.content(), request);
    }
    gathered.finish(call, &document)
}

/// Reads one part. Its url is relative to `/services/data/`; the whole path is taken too, since clients send it.
fn part(call: &Call<'_>, part: Value<'_>) -> Result<Request, Unclear> {
    part.only(&["method", "url", "richInput"])?;
    let method = part_method(part.required("method")?)?;
    let url = part.required("url")?;
    let text = url.string()?;
    let path = match text.strip_prefix('v') {
        Some(_) => format!("/services/data/{text}"),
        None => text.into_owned(),
    };
    let called = call.part((method, &path), content(part.get("richInput")), Envelope::Batch)?;
    let version = called.version.ok_or_else(|| called.unknown())?;
    if version < OLDEST || call.version.is_none_or(|outer| version > outer) {
        return Err(Unclear::form(Place::Path, "a part's version is between 34.0 and that of the batch"));
    }
    if !allowed(&called, version) {
        return Err(url.unclear("this resource cannot be called in a batch"));
    }
    doors::read(&called)
}

/// What may be called in a batch (reference, section 4.3).
fn allowed(call: &Call<'_>, version: ApiVersion) -> bool {
    match call.names().first() {
        Some(&("limits" | "sobjects" | "query" | "queryAll" | "search" | "connect" | "chatter")) => true,
        Some(&"actions") => version > OLDEST,
        _ => false,
    }
}

const OLDEST: ApiVersion = ApiVersion::new(34);
