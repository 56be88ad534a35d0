//! The table of doors: which function reads which resource, how it is decided, and why.
//!
//! `docs/doors.md` is written from this table; a test keeps them the same.

use std::fmt::Write as _;

use super::call::Call;
use super::{BodyUse, Root, Unclear, body, bulk1, bulk2, graphql, outside, rest, soap, streaming, ui};
use crate::request::{Api, Method, Request};

/// One door.
pub(crate) struct Door {
    /// The tree that it is in.
    root: Root,
    /// The segment behind the root (and version) that names it; `*` for the whole tree, empty for the root itself.
    segment: &'static str,
    /// Reads a call to it.
    read: fn(&Call<'_>) -> Result<Request, Unclear>,
    /// How much of a body it has to see.
    body: fn(&Call<'_>) -> BodyUse,
    /// Its documentation, resource by resource.
    entries: &'static [DoorEntry],
}

/// One line of the documentation of doors.
#[derive(Debug)]
pub struct DoorEntry {
    /// The door's name in records.
    pub api: Api,
    /// Methods and path.
    pub resource: &'static str,
    /// How it is decided.
    pub decided: Decided,
    /// Why so.
    pub why: &'static str,
}

/// How a door is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// By the objects and fields that it touches.
    Accesses,
    /// By a name under `also`.
    Named,
    /// By method and path under `also`.
    Opaque,
    /// By what the caller created earlier.
    Handle,
    /// Refused always.
    Never,
}

/// The door of a call, if one is known.
fn find(call: &Call<'_>) -> Option<&'static Door> {
    let names = call.names();
    let first = names.first().copied().unwrap_or_default();
    DOORS.iter().find(|door| door.root == call.root && (door.segment == "*" || door.segment == first))
}

/// Reads a call through its door.
pub(crate) fn read(call: &Call<'_>) -> Result<Request, Unclear> {
    match find(call) {
        Some(door) => (door.read)(call),
        None => Err(call.unknown()),
    }
}

/// How much of a body the door of a call has to see.
pub(crate) fn body_use(call: &Call<'_>) -> BodyUse {
    find(call).map_or(BodyUse::None, |door| (door.body)(call))
}

/// The whole body, where the method has one.
pub(crate) fn whole(call: &Call<'_>) -> BodyUse {
    match call.method {
        Method::Get | Method::Head | Method::Delete => BodyUse::None,
        Method::Post | Method::Patch | Method::Put => BodyUse::Whole(body::MOST),
    }
}

/// The documentation of all doors, as a Markdown table.
#[must_use]
pub fn documentation() -> String {
    let mut text = String::from("| door | resource | decided by | why |\n|---|---|---|---|\n");
    for entry in DOORS.iter().flat_map(|door| door.entries) {
        let DoorEntry { api, resource, decided, why } = entry;
        let _ = writeln!(text, "| {api} | `{resource}` | {} | {why} |", decided.as_str());
    }
    text
}

impl Decided {
    fn as_str(self) -> &'static str {
        match self {
            Self::Accesses => "objects and fields",
            Self::Named => "name under `also`",
            Self::Opaque => "method and path under `also`",
            Self::Handle => "own cursor or job",
            Self::Never => "never",
        }
    }
}

/// A line of documentation.
const fn entry(api: Api, resource: &'static str, decided: Decided, why: &'static str) -> DoorEntry {
    DoorEntry { api, resource, decided, why }
}

/// A resource under `/services/data/vXX.0`.
const fn data(
    segment: &'static str,
    read: fn(&Call<'_>) -> Result<Request, Unclear>,
    entries: &'static [DoorEntry],
) -> Door {
    Door { root: Root::Data, segment, read, body: whole, entries }
}

/// A whole tree of resources.
const fn tree(
    root: Root,
    read: fn(&Call<'_>) -> Result<Request, Unclear>,
    entries: &'static [DoorEntry],
) -> Door {
    Door { root, segment: "*", read, body: whole, entries }
}

/// All doors. The first that matches is taken.
#[rustfmt::skip]
const DOORS: &[Door] = &[
    data("", rest::versions::read, &[
        entry(Api::Versions, "GET /services/data", Decided::Named, "`versions`: no org data"),
        entry(Api::Resources, "GET /services/data/vXX.0", Decided::Named, "`resources`: no record data"),
    ]),
    data("sobjects", rest::sobject::read, &[
        entry(Api::Sobject, "GET /sobjects", Decided::Named, "`describe-global`; the list is cut to the objects granted"),
        entry(Api::Sobject, "GET /sobjects/{O}", Decided::Accesses, "description and recent records"),
    ]),
    data("composite", rest::composite::read, &[]),
    data("query", rest::query::read, &[]),
    data("queryAll", rest::query::read, &[]),
    data("search", rest::search::read, &[]),
    data("searchlayout", rest::search::read, &[]),
    data("parameterizedSearch", rest::search::parameterized, &[]),
    data("named", rest::query::named, &[]),
    data("async-queries", rest::query::asynchronous, &[]),
    data("limits", rest::limits::read, &[
        entry(Api::Limits, "GET /limits", Decided::Named, "`limits`: no record data"),
        entry(Api::Limits, "GET /limits/recordCount?sObjects=", Decided::Accesses, "row counts of the objects named; without names, of every object: refused"),
    ]),
    data("tooling", rest::tooling::read, &[]),
    data("metadata", rest::tooling::metadata, &[]),
    data("connect", rest::automation::connect, &[]),
    data("chatter", rest::automation::connect, &[]),
    data("actions", rest::automation::actions, &[]),
    data("quickActions", rest::automation::quick_actions, &[]),
    data("process", rest::automation::process, &[]),
    data("analytics", rest::analytics::read, &[]),
    data("folders", rest::analytics::folders, &[]),
    data("wave", rest::analytics::wave, &[]),
    data("smartdatadiscovery", rest::analytics::wave, &[]),
    data("jsonxform", rest::analytics::wave, &[]),
    data("eclair", rest::analytics::wave, &[]),
    data("tabs", rest::misc::lists, &[]),
    data("theme", rest::misc::lists, &[]),
    data("appMenu", rest::misc::lists, &[]),
    data("nouns", rest::misc::lists, &[]),
    data("event", rest::misc::lists, &[]),
    data("async", rest::misc::lists, &[]),
    data("compactLayouts", rest::misc::compact_layouts, &[]),
    data("knowledgeManagement", rest::misc::lists, &[]),
    data("recent", rest::misc::opaque, &[]),
    data("support", rest::misc::opaque, &[]),
    data("scheduling", rest::misc::opaque, &[]),
    data("asset-management", rest::misc::opaque, &[]),
    data("commerce", rest::misc::opaque, &[]),
    data("payments", rest::misc::opaque, &[]),
    data("consent", rest::misc::opaque, &[]),
    data("dedupe", rest::misc::opaque, &[]),
    data("localizedvalue", rest::misc::opaque, &[]),
    data("contact-tracing", rest::misc::opaque, &[]),
    data("health", rest::misc::opaque, &[]),
    data("mobile", rest::misc::opaque, &[]),
    data("named-credentials", rest::misc::administration, &[]),
    data("licensing", rest::misc::administration, &[]),
    Door { body: bulk2::body, ..data("jobs", bulk2::read, &[
        entry(Api::Bulk2, "POST /jobs/query", Decided::Accesses, "the query, as everywhere; results leave as an export"),
        entry(Api::Bulk2, "POST /jobs/ingest", Decided::Accesses, "object and operation of the job"),
        entry(Api::Bulk2, "PUT /jobs/ingest/{id}/batches", Decided::Handle, "the columns of the upload, by the job's object"),
        entry(Api::Bulk2, "GET /jobs/query, /jobs/ingest", Decided::Named, "`resources`; the list is cut to the caller's own jobs"),
        entry(Api::Bulk2, "GET, PATCH, DELETE /jobs/.../{id}[/...]", Decided::Handle, "the caller's own jobs only"),
    ]) },
    data("graphql", graphql::read, &[
        entry(Api::GraphQl, "POST /graphql", Decided::Accesses, "every name of the document and its variables; objects under a condition are refused"),
        entry(Api::GraphQl, "POST /graphql/__schema", Decided::Opaque, "introspection names every object of the org"),
    ]),
    data("ui-api", ui::read, &[
        entry(Api::Ui, "GET /ui-api/records/{ids}", Decided::Accesses, "the fields named; for layouts, the answer is cut to the grant"),
        entry(Api::Ui, "POST, PATCH, DELETE /ui-api/records", Decided::Accesses, "the fields written; the record answered is cut to the grant"),
        entry(Api::Ui, "GET /ui-api/record-ui, record-defaults, predupe, duplicates", Decided::Accesses, "every field: layouts choose"),
        entry(Api::Ui, "GET /ui-api/list-records, list-info, list-ui, mru-*", Decided::Accesses, "every field: filters are stored; by id alone, method and path under `also`"),
        entry(Api::Ui, "GET /ui-api/related-list-records, lookups", Decided::Accesses, "parent, child and the fields named"),
        entry(Api::Ui, "GET /ui-api/object-info/{O}, layout/{O}", Decided::Accesses, "descriptions of the objects named"),
        entry(Api::Ui, "GET /ui-api/actions, apps, nav-items, themes/active", Decided::Named, "`resources`: no record data"),
        entry(Api::Ui, "/ui-api/favorites, object-info, user states, file uploads", Decided::Opaque, "what they touch is not in the request"),
        entry(Api::Ui, "GET /ui-api/session/csrf", Decided::Never, "it answers a token"),
    ]),
    Door { body: bulk1::body, ..tree(Root::Async, bulk1::read, &[
        entry(Api::Bulk1, "POST /services/async/XX.0/job", Decided::Accesses, "object and operation of the job; query jobs by their batches"),
        entry(Api::Bulk1, "POST /services/async/XX.0/job/{id}/batch", Decided::Handle, "a query, as everywhere, on the job's object; or fields, by the job's object"),
        entry(Api::Bulk1, "GET /services/async/XX.0/job/{id}[/...]", Decided::Handle, "the caller's own jobs only"),
    ]) },
    Door { body: soap::body, ..tree(Root::Soap, soap::read, &[
        entry(Api::SoapPartner, "POST /services/Soap/u/XX.0", Decided::Accesses, "the operation in the body: records, queries, descriptions"),
        entry(Api::SoapEnterprise, "POST /services/Soap/c/XX.0", Decided::Accesses, "as partner, with types of its own"),
        entry(Api::SoapPartner, "POST /services/Soap/u/XX.0/{sendEmail, process, performQuickActions, ...}", Decided::Opaque, "automation; the operation's name is the path's last segment"),
        entry(Api::SoapPartner, "POST /services/Soap/u/XX.0/{login, setPassword, ...}", Decided::Never, "sessions and passwords"),
        entry(Api::SoapMetadata, "POST /services/Soap/m/XX.0", Decided::Opaque, "reads of configuration; deployments never"),
        entry(Api::SoapTooling, "POST /services/Soap/T/XX.0", Decided::Opaque, "reads of code and configuration; code never runs"),
        entry(Api::SoapApex, "POST /services/Soap/s/XX.0", Decided::Never, "arbitrary code"),
        entry(Api::SoapClass, "POST /services/Soap/class/{Class}/{operation}", Decided::Opaque, "the org's own code"),
    ]) },
    tree(Root::ApexRest, rest::automation::apex_rest, &[]),
    tree(Root::Cometd, streaming::read, &[]),
    tree(Root::OAuth, outside::oauth, &[]),
    tree(Root::Identity, outside::identity, &[]),
    tree(Root::Web, outside::web, &[]),
];
