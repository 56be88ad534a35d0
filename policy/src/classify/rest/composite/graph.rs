//! `POST /composite/graph`: several composites of records, each done as a whole or not at all.

use super::{Gathered, parts, read_part, reference_id};
use crate::classify::Unclear;
use crate::classify::call::{Call, Envelope};
use crate::classify::references::Known;
use crate::classify::rest::sobject::is_word;
use crate::id::RecordId;
use crate::names::ApiVersion;
use crate::request::{Method, Request};

/// Reads the graphs. References reach no further than their graph.
pub(super) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    if call.version.is_none_or(|version| version < FIRST) {
        return Err(call.unknown());
    }
    let document = call.json()?;
    let body = document.root().only(&["graphs"])?;
    let mut gathered = Gathered::default();
    let (mut nodes, mut names) = (0_usize, Vec::new());
    for (number, graph) in parts(body, "graphs", 75)?.into_iter().enumerate() {
        graph.only(&["graphId", "compositeRequest"])?;
        let id = graph.required("graphId")?.string()?;
        if names.contains(&id) {
            return Err(graph.unclear("the `graphId` is there twice"));
        }
        names.push(id);
        let mut known = Known::default();
        for (place, part) in parts(graph, "compositeRequest", MOST_NODES)?.into_iter().enumerate() {
            let name = format!("graphs[{number}].compositeRequest[{place}]");
            nodes += 1;
            if nodes > MOST_NODES {
                return Err(part.unclear("500 parts are the limit").in_part(&*name));
            }
            let read = read_part(call, part, Envelope::Graph(&known), allowed);
            let (url, request, reply) = read.map_err(|unclear| unclear.in_part(&*name))?;
            gathered.add(&name, url, request);
            if !known.add(&reference_id(part)?, reply) {
                return Err(part.unclear("the `referenceId` is there twice").in_part(&*name));
            }
        }
    }
    gathered.finish(call, &document)
}

/// What may be called in a graph: objects and single records, by id or external id (reference, section 4.4).
fn allowed(call: &Call<'_>) -> bool {
    let late = call.version.is_some_and(|version| version >= FIRST);
    let records = match (&*call.names(), call.method) {
        (["sobjects", _], Method::Post) => true,
        (["sobjects", _, record], Method::Get | Method::Patch | Method::Delete) => !is_word(record),
        (["sobjects", _, field, _], Method::Get | Method::Patch | Method::Delete | Method::Post) => {
            !is_word(field) && !field.is_empty() && RecordId::parse(field).is_none()
        }
        _ => false,
    };
    late && records
}

const MOST_NODES: usize = 500;
const FIRST: ApiVersion = ApiVersion::new(50);
