//! The table of doors: which function reads which resource, how it is decided, and why.
//!
//! `docs/doors.md` is written from this table; a test keeps them the same.

use std::fmt::Write as _;

use super::call::Call;
use super::path::Segment;
use super::{BodyUse, Root, Unclear, body, bulk1, bulk2, graphql, outside, rest, soap, streaming, ui};
use crate::request::{Api, Method, Request, What};

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
    let first = call.segments.first().and_then(Segment::name).unwrap_or_default();
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

/// The lines of the documentation.
pub fn entries() -> impl Iterator<Item = &'static DoorEntry> {
    DOORS.iter().flat_map(|door| door.entries)
}

/// The documentation of all doors, as a Markdown table.
#[must_use]
pub fn documentation() -> String {
    let mut text = String::from("| door | resource | decided by | why |\n|---|---|---|---|\n");
    for entry in entries() {
        let DoorEntry { api, resource, decided, why } = entry;
        let _ = writeln!(text, "| {api} | `{resource}` | {} | {why} |", decided.as_str());
    }
    text
}

impl Decided {
    /// How a request is decided in the end: by the strictest of its needs.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let strictness = |what: &What| match what {
            What::Access(_)
            | What::Query(_)
            | What::Search(_)
            | What::Condition(_)
            | What::Connection(_)
            | What::Fields(_)
            | What::Rows(_) => (1, Self::Accesses),
            What::Named(_) => (0, Self::Named),
            What::Opaque(_) => (2, Self::Opaque),
            What::Handle(_) | What::Columns(_) => (3, Self::Handle),
            What::Never(_) => (4, Self::Never),
        };
        let strictest = request.needs.iter().map(|need| strictness(&need.what)).max_by_key(|(rank, _)| *rank);
        strictest.map_or(Self::Never, |(_, decided)| decided)
    }

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
        entry(Api::Versions, "GET /services/data", Decided::Named, "`versions`: nothing of the org"),
        entry(Api::Resources, "GET /services/data/vXX.0", Decided::Named, "`resources`: no record data"),
    ]),
    data("sobjects", rest::sobject::read, &[
        entry(Api::Sobject, "GET /sobjects", Decided::Named, "`describe-global`; the list is cut to the objects granted"),
        entry(Api::Sobject, "GET /sobjects/Global/describe/layouts", Decided::Named, "`resources`: no record data"),
        entry(Api::Sobject, "GET POST /sobjects/{O}", Decided::Accesses, "description with recent records; creation by the keys of the body, for events publication"),
        entry(Api::Sobject, "GET /sobjects/{O}/describe[/...]", Decided::Accesses, "`describe`; fields not granted are cut out"),
        entry(Api::Sobject, "GET PATCH DELETE /sobjects/{O}/{id}", Decided::Accesses, "`fields=` or, without it, the fields granted; keys of the body; the id must be of the object"),
        entry(Api::Sobject, "GET PATCH DELETE /sobjects/{O}/{field}/{value}", Decided::Accesses, "the same; the key is read, and an upsert creates and updates it"),
        entry(Api::Sobject, "GET PATCH DELETE /sobjects/{O}/{id}/{relationship}[/...]", Decided::Accesses, "the object at the end, and every reference field on the way"),
        entry(Api::Sobject, "GET /sobjects/{O}/{id}/{file}", Decided::Accesses, "read of the field; `EventLogFile.LogFile` is an export"),
        entry(Api::Sobject, "GET /sobjects/{O}/deleted, updated", Decided::Accesses, "read of the ids"),
        entry(Api::Sobject, "GET /sobjects/{O}/listviews[/...]", Decided::Accesses, "description; results run stored SOQL, so they need every field"),
        entry(Api::Sobject, "GET /sobjects/{O}/quickActions[/...]", Decided::Accesses, "description; default values need every field"),
        entry(Api::Sobject, "POST /sobjects/{O}/quickActions/{name}", Decided::Opaque, "what it does is defined in the org"),
        entry(Api::Sobject, "* /sobjects/User/{id}/password", Decided::Never, "passwords are not managed through a proxy"),
        entry(Api::Streaming, "GET POST /sobjects/StreamingChannel/{id}/push", Decided::Opaque, "generic events hold anything"),
    ]),
    data("composite", rest::composite::read, &[
        entry(Api::Composite, "GET /composite", Decided::Named, "`resources`: a list"),
        entry(Api::Composite, "POST /composite[/batch, /graph, /tree/{O}]", Decided::Accesses, "every part as itself; one part refused refuses all; references only where they cannot change the meaning"),
        entry(Api::Composite, "POST /composite[/batch] with opaque parts", Decided::Opaque, "the part's own method and path"),
        entry(Api::Composite, "POST /composite[/batch] with locators", Decided::Handle, "as the part itself"),
        entry(Api::Composite, "POST /composite[/batch] with parts refused always", Decided::Never, "as the part itself"),
        entry(Api::Collections, "* /composite/sobjects[/{O}[/{field}]]", Decided::Accesses, "the keys of every record; deletion by the objects of the ids"),
    ]),
    data("query", rest::query::read, &[
        entry(Api::Query, "GET /query, /queryAll ?q=, ?explain=", Decided::Accesses, "every object and field in any clause; narrowed where the grant is narrower"),
        entry(Api::Query, "GET /query/{locator}, /queryAll/{locator}", Decided::Handle, "locators belong to the Salesforce user, so only the caller's own are taken"),
    ]),
    data("queryAll", rest::query::read, &[]),
    data("named", rest::query::named, &[
        entry(Api::Query, "GET /named/query/{name}", Decided::Never, "the request does not show what is read"),
    ]),
    data("async-queries", rest::query::asynchronous, &[
        entry(Api::Query, "POST /async-queries", Decided::Accesses, "an export: the query, and the fields of the target"),
        entry(Api::Query, "GET DELETE /async-queries[/{id}]", Decided::Opaque, "jobs of anybody"),
    ]),
    data("search", rest::search::read, &[
        entry(Api::Search, "GET /search?q=", Decided::Accesses, "the objects of RETURNING; matching needs every field, or is narrowed to names"),
        entry(Api::Search, "GET POST /parameterizedSearch", Decided::Accesses, "rewritten as SOSL, then the same"),
        entry(Api::Search, "GET /search/suggestions, suggestTitleMatches, layout", Decided::Accesses, "names and the fields asked for; layouts need `describe`"),
        entry(Api::Search, "GET /search/scopeOrder", Decided::Named, "`resources`: names of objects"),
        entry(Api::Search, "GET /search/suggestSearchQueries", Decided::Opaque, "what others searched for"),
    ]),
    data("searchlayout", rest::search::read, &[]),
    data("parameterizedSearch", rest::search::parameterized, &[]),
    data("limits", rest::limits::read, &[
        entry(Api::Limits, "GET /limits", Decided::Named, "`limits`: no record data"),
        entry(Api::Limits, "GET /limits/recordCount?sObjects=", Decided::Accesses, "row counts of the objects named; without names, of every object: refused"),
    ]),
    data("tooling", rest::tooling::read, &[
        entry(Api::Tooling, "GET /tooling/...", Decided::Opaque, "its entities are not the org's objects"),
        entry(Api::Tooling, "GET /tooling/query/{locator}", Decided::Handle, "only the caller's own"),
        entry(Api::Tooling, "POST PATCH DELETE /tooling/..., * /tooling/executeAnonymous, runTests...", Decided::Never, "code can do anything"),
    ]),
    data("metadata", rest::tooling::metadata, &[
        entry(Api::Metadata, "POST PATCH /metadata/deployRequest[/{id}]", Decided::Never, "a deployment can change anything"),
        entry(Api::Metadata, "GET /metadata/deployRequest/{id}", Decided::Handle, "only the caller's own"),
    ]),
    data("connect", rest::automation::connect, &[
        entry(Api::Connect, "* /connect/..., /chatter/...", Decided::Opaque, "hundreds of resources that are not about objects"),
    ]),
    data("chatter", rest::automation::connect, &[]),
    data("actions", rest::automation::actions, &[
        entry(Api::Actions, "GET /actions/...", Decided::Named, "`resources`: names and parameters of actions"),
        entry(Api::Actions, "POST /actions/...", Decided::Opaque, "flows and Apex do what the org defined"),
    ]),
    data("quickActions", rest::automation::quick_actions, &[
        entry(Api::QuickActions, "GET /quickActions[/{name}]", Decided::Named, "`resources`: names and layouts of actions"),
        entry(Api::QuickActions, "POST /quickActions/{name}, GET .../defaultValues", Decided::Opaque, "what it does is defined in the org"),
    ]),
    data("process", rest::automation::process, &[
        entry(Api::Process, "GET /process/approvals, /process/rules", Decided::Named, "`resources`: names of processes"),
        entry(Api::Process, "GET /process/rules/{O}[/{id}]", Decided::Accesses, "`describe`"),
        entry(Api::Process, "POST /process/...", Decided::Opaque, "approvals and rules do what the org defined; the records' objects are recorded"),
    ]),
    data("analytics", rest::analytics::read, &[
        entry(Api::Analytics, "GET /analytics/reports, report-types, .../describe", Decided::Named, "`resources`: names of reports"),
        entry(Api::Analytics, "* /analytics/...", Decided::Opaque, "an export: what a report or dashboard reads is stored in the org"),
        entry(Api::Analytics, "GET DELETE /analytics/reports/{id}/instances/{id}", Decided::Handle, "only the caller's own runs, and the path"),
    ]),
    data("folders", rest::analytics::folders, &[
        entry(Api::Analytics, "* /folders/...", Decided::Opaque, "reports, and whom they are shared with"),
    ]),
    data("wave", rest::analytics::wave, &[
        entry(Api::Wave, "* /wave/..., /smartdatadiscovery, /jsonxform, /eclair", Decided::Opaque, "an export in a language of its own"),
    ]),
    data("smartdatadiscovery", rest::analytics::wave, &[]),
    data("jsonxform", rest::analytics::wave, &[]),
    data("eclair", rest::analytics::wave, &[]),
    data("tabs", rest::misc::lists, &[
        entry(Api::Misc, "GET /tabs, /theme, /appMenu/..., /nouns, /knowledgeManagement/settings, /event/eventSchema/{id}, /async/specifications/...", Decided::Named, "`resources`: no record data"),
    ]),
    data("theme", rest::misc::lists, &[]),
    data("appMenu", rest::misc::lists, &[]),
    data("nouns", rest::misc::lists, &[]),
    data("event", rest::misc::lists, &[]),
    data("async", rest::misc::lists, &[]),
    data("knowledgeManagement", rest::misc::lists, &[]),
    data("compactLayouts", rest::misc::compact_layouts, &[
        entry(Api::Misc, "GET /compactLayouts?q=", Decided::Accesses, "`describe` of the objects named"),
    ]),
    data("recent", rest::misc::opaque, &[
        entry(Api::Misc, "* /recent, /support, /scheduling, /consent, /asset-management, /commerce, /payments, /dedupe, /localizedvalue, /contact-tracing, /health, /mobile", Decided::Opaque, "record data whose objects the request does not show; `/consent/dsr/rtp/execute` is an export"),
    ]),
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
    data("named-credentials", rest::misc::administration, &[
        entry(Api::Misc, "* /named-credentials, /licensing", Decided::Never, "credentials and licences"),
    ]),
    data("licensing", rest::misc::administration, &[]),
    Door { body: bulk2::body, ..data("jobs", bulk2::read, &[
        entry(Api::Bulk2, "POST /jobs/query", Decided::Accesses, "the query, as everywhere; results leave as an export"),
        entry(Api::Bulk2, "POST /jobs/ingest", Decided::Accesses, "object and operation of the job"),
        entry(Api::Bulk2, "PUT /jobs/ingest/{id}/batches", Decided::Handle, "the columns of the upload, by the job's object"),
        entry(Api::Bulk2, "GET /jobs/query, /jobs/ingest", Decided::Named, "`resources`; the list is cut to the caller's own jobs"),
        entry(Api::Bulk2, "GET, PATCH, DELETE /jobs/.../{id}[/...]", Decided::Handle, "the caller's own jobs only"),
    ]) },
    data("graphql", graphql::read, &[
        entry(Api::GraphQl, "POST /graphql", Decided::Accesses, "every name of the document and its variables; narrowed where the grant is narrower and a filter can say so"),
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
        entry(Api::SoapPartner, "POST /services/Soap/u/XX.0/queryMore", Decided::Handle, "only the caller's own locators"),
        entry(Api::SoapPartner, "POST /services/Soap/u/XX.0/{getUserInfo, describeGlobal, ...}", Decided::Named, "`userinfo`, `describe-global`, `resources`"),
        entry(Api::SoapMetadata, "POST /services/Soap/m/XX.0/{deploy, createMetadata, ...}", Decided::Never, "a deployment can change anything"),
        entry(Api::SoapTooling, "POST /services/Soap/T/XX.0/{executeAnonymous, create, ...}", Decided::Never, "code can do anything"),
        entry(Api::SoapMetadata, "POST /services/Soap/m/XX.0", Decided::Opaque, "reads of configuration; deployments never"),
        entry(Api::SoapTooling, "POST /services/Soap/T/XX.0", Decided::Opaque, "reads of code and configuration; code never runs"),
        entry(Api::SoapApex, "POST /services/Soap/s/XX.0", Decided::Never, "arbitrary code"),
        entry(Api::SoapClass, "POST /services/Soap/class/{Class}/{operation}", Decided::Opaque, "the org's own code"),
    ]) },
    tree(Root::ApexRest, rest::automation::apex_rest, &[
        entry(Api::ApexRest, "* /services/apexrest/...", Decided::Opaque, "code of the org: its GET proves nothing"),
    ]),
    tree(Root::Cometd, streaming::read, &[
        entry(Api::Streaming, "POST /cometd/XX.0", Decided::Opaque, "the long poll itself; a subscription needs `subscribe` on its object besides"),
        entry(Api::Streaming, "POST /cometd/XX.0 to /topic, /u and custom channels", Decided::Never, "the request does not show what is sent there"),
    ]),
    tree(Root::OAuth, outside::oauth, &[
        entry(Api::OAuth, "* /services/oauth2/..., /services/auth..., /.well-known/...", Decided::Never, "logins and tokens: answered by Forcefield itself, or by nobody"),
        entry(Api::OAuth, "GET /services/oauth2/userinfo", Decided::Named, "`userinfo`"),
    ]),
    tree(Root::Identity, outside::identity, &[
        entry(Api::Identity, "GET /id/{org}/{user}", Decided::Named, "`userinfo`"),
    ]),
    tree(Root::Web, outside::web, &[
        entry(Api::Web, "* /servlet, /secur, /aura, /apex, /lightning, /{id}, ...", Decided::Never, "browser pages and servlets"),
    ]),
];

#[cfg(test)]
mod tests;
