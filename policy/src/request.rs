//! The request model: what one request asks of Salesforce, in terms that can be decided.
//!
//! [`crate::classify`] makes a [`Request`]; [`crate::decision::decide`] consumes it. A request is a list of
//! [`Need`]s (never empty, so "nothing refused" cannot mean "nothing asked") and a [`Draft`] of what will be sent,
//! with holes where the decision may write something narrower than was asked.

mod answer;
mod columns;
mod connection;
mod door;
mod draft;
mod head;
mod reading;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use answer::{Answer, Cut, Rows};
pub use connection::Connection;
pub use door::{Api, Operation, Operations};
pub(crate) use draft::percent_encode;
pub use draft::{Body, Draft, Encoding, Method, Template};
pub use head::{Head, RepeatedHeader};
pub use reading::Reading;

use crate::id::RecordId;
use crate::names::ApiVersion;
use crate::schema::{FieldId, ObjectId};
use crate::soql;
use crate::sosl;

/// One understood request.
#[derive(Debug)]
pub struct Request {
    /// The door it came to.
    pub api: Api,
    /// What it does there, in order of first appearance.
    pub operations: Operations,
    /// The API version it names, where its path has one.
    pub version: Option<ApiVersion>,
    /// The API versions that its parts name, where it is an envelope.
    pub part_versions: Vec<ApiVersion>,
    /// What has to be granted for it to pass.
    pub needs: Needs,
    /// Whether it creates, pages or downloads an export (reference, section 0.4).
    pub export: bool,
    /// What will be sent when it passes.
    pub draft: Draft,
    /// How its answer is to be read: what counts as a row, what must be cut out.
    pub answer: Answer,
    /// What the job that it creates will do with uploads, for the ledger.
    pub job: Option<JobOrigin>,
}

/// Everything one request needs. Never empty.
#[derive(Debug)]
pub struct Needs {
    first: Need,
    rest: Vec<Need>,
}

/// One thing that has to be granted.
#[derive(Debug)]
pub struct Need {
    /// The part of an envelope that needs it, such as `compositeRequest[2]`; `None` outside envelopes.
    pub part: Option<Arc<str>>,
    /// What it is.
    pub what: What,
}

/// What can be needed.
#[derive(Debug)]
pub enum What {
    /// Something about an object.
    Access(Access),
    /// A query, decided with all that it touches and narrowed where the grant is narrower. A draft's hole for it
    /// holds the query's text.
    Query(Box<soql::Resolved>),
    /// A search, likewise.
    Search(Box<sosl::Resolved>),
    /// A condition that stands by itself (`Account.where` of a parameterized search). The hole holds its text.
    Condition(Box<soql::ResolvedCondition>),
    /// Rows that a GraphQL document asks for in one place. The hole holds the arguments that say which.
    Connection(Box<Connection>),
    /// The fields that a record answer will have. The hole holds the comma-separated list, or nothing when the
    /// grant covers every field and the request named none.
    Fields(FieldList),
    /// Rows of an object in a form of request that cannot be clamped.
    Rows(RowsAsked),
    /// A named resource without record data, granted under `also`.
    Named(Named),
    /// A door whose effects cannot be known: granted by method and path under `also`, or not at all.
    Opaque(Opaque),
    /// Something created earlier, which must be the caller's own; its record says what it reads or writes.
    Handle(Handle),
    /// The columns of an upload to a known job.
    Columns(Columns),
    /// Refused always, whatever is granted.
    Never(Never),
}

/// One verb on one object, on some of its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Access {
    /// What is done.
    pub verb: Verb,
    /// On which object.
    pub object: ObjectId,
    /// On which fields.
    pub fields: Fields,
}

/// What can be granted on an object: the keys of `allow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verb {
    /// Records, queries, searches: in every clause, since filters are oracles.
    Read,
    /// New records.
    Create,
    /// Changed records.
    Update,
    /// Deleted records, with and without the recycle bin.
    Delete,
    /// Records taken back from the recycle bin.
    Undelete,
    /// Records merged into others.
    Merge,
    /// Platform events published.
    Publish,
    /// Events listened to.
    Subscribe,
    /// The object's description: implied by any other verb.
    Describe,
}

/// Which fields an access touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fields {
    /// None: the object as such (a deletion, a description, a row count).
    None,
    /// This one.
    One(FieldId),
    /// All of them, or a set that the request does not determine.
    Every,
}

/// The fields that a record answer will have.
#[derive(Debug)]
pub struct FieldList {
    /// The object whose records are answered.
    pub object: ObjectId,
    /// What the request named, hops included, each in its own spelling and with all that it touches; `None` when it
    /// named nothing and the answer would have every field.
    pub named: Option<Vec<NamedField>>,
    /// Whether each name starts with the object, as the UI API has it (`Account.Name`).
    pub qualified: bool,
}

/// One field path of a list, such as `Owner.Email`.
#[derive(Debug)]
pub struct NamedField {
    /// The path as it is written into the request: with the object in front where the list is qualified.
    pub path: Box<str>,
    /// What it touches: every hop and the field.
    pub accesses: Vec<Access>,
}

/// How many rows of an object a request asks for, which a grant's `max_rows` must cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowsAsked {
    /// The object.
    pub object: ObjectId,
    /// The most rows of one answer; `None` when answer may follow answer without an end.
    pub most: Option<u64>,
}

/// The resources that `also` grants by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Named {
    /// The list of API versions.
    Versions,
    /// The resource map of a version, and other lists without record data (tabs, themes).
    Resources,
    /// The org's limits.
    Limits,
    /// The list of objects; the answer is cut to what is granted.
    DescribeGlobal,
    /// Who the caller is at Salesforce.
    Userinfo,
}

/// A door that can only be granted by method and path.
#[derive(Debug, Clone)]
pub struct Opaque {
    /// The method as it would be sent.
    pub method: Method,
    /// The path as it would be sent, without the query string, percent-decoded segment by segment and joined by `/`.
    pub path: Box<str>,
    /// The parameters of its query string, each name once, decoded.
    pub parameters: Vec<(Box<str>, Box<str>)>,
    /// Whether its body is a form, whose fields Salesforce puts among the parameters.
    pub form: bool,
    /// The objects and fields that the request names without that being all it touches: for the record and for
    /// `explain`, in the spelling of the request or the schema.
    pub mentions: Vec<Mention>,
}

/// An object, or a field of one, that an opaque request names. A field of `*` stands for all or unknown fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The object.
    pub object: Box<str>,
    /// The field, if one is named.
    pub field: Option<Box<str>>,
}

/// Something that one call created and later calls name: a cursor or a job.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Handle {
    /// What it is.
    pub kind: HandleKind,
    /// Its id: the part of a locator before the `-`, or the 15 characters of a job's id.
    pub id: Box<str>,
    /// The row that a query locator continues at.
    pub offset: Option<u64>,
    /// What is done with it.
    pub use_: HandleUse,
}

/// The kinds of handles that Salesforce gives out. All belong to the Salesforce user, not to a client, so that
/// Forcefield has to remember who created which (reference, sections 3.3 and 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandleKind {
    /// A query locator, of REST or SOAP.
    Locator,
    /// A Bulk 2.0 query job.
    QueryJob,
    /// A Bulk 2.0 ingest job.
    IngestJob,
    /// A Bulk 1.0 job.
    ClassicJob,
    /// An asynchronous report run.
    ReportInstance,
    /// A metadata deployment.
    Deployment,
}

/// What a call does with a handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandleUse {
    /// Takes the next page of rows.
    Page,
    /// Downloads results of an export.
    Results,
    /// Reads back what was uploaded, or what became of it.
    Readback,
    /// Asks for its state.
    Status,
    /// Changes its state: closes, aborts.
    Change,
    /// Adds data to it.
    Upload,
    /// Adds the text of a query on this object to it.
    Ask(ObjectId),
    /// Deletes it.
    Delete,
}

/// The columns of an upload to an ingest job, whose object and operation only the job's record knows.
#[derive(Debug, Clone)]
pub struct Columns {
    /// The job.
    pub handle: Handle,
    /// The column names as the header has them, in order.
    pub names: Vec<Box<str>>,
    /// The delimiter that the header was read with, for comparison with the job's.
    pub delimiter: u8,
}

/// What the ledger keeps about a handle, and what is decided when the handle is used: the reading of the request
/// that created it, by names, since the schema may have been loaded anew in between.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// What it reads: `Object` and the fields, `*` for every field.
    pub reads: Vec<(String, Vec<String>)>,
    /// The conditions that were added to it: `Object` and the text.
    #[serde(default)]
    pub conditions: Vec<(String, String)>,
    /// What uploads to it do, for jobs that take uploads.
    pub job: Option<JobOrigin>,
}

/// What uploads to a job do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobOrigin {
    /// The object that the job was declared for.
    pub object: String,
    /// What happens to its records.
    pub operation: JobOperation,
    /// The external id field of an upsert.
    pub external_id: Option<String>,
    /// The delimiter of its CSV, in ASCII.
    pub delimiter: u8,
    /// The columns that were uploaded to it, each once; `None` where they were not kept.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
}

/// The operations of bulk jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JobOperation {
    /// New records.
    Insert,
    /// Changed records.
    Update,
    /// New or changed records.
    Upsert,
    /// Deleted records.
    Delete,
    /// Deleted records, past the recycle bin.
    HardDelete,
    /// SOQL in the batches of a Bulk 1.0 job.
    Query,
    /// The same, deleted rows included.
    QueryAll,
}

/// Doors that no grant opens, with what to tell the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Never {
    /// Logins, tokens, sessions: answered by Forcefield itself or by nobody.
    Session,
    /// Passwords of users.
    Password,
    /// Browser pages and servlets.
    Web,
    /// Metadata and code deployment.
    Deploy,
    /// Arbitrary code.
    Code,
    /// Everybody's jobs, or every object at once.
    Everything,
    /// A stored query whose text the request does not show.
    StoredQuery,
}

// === impl Opaque ===

impl Opaque {
    /// A door without parameters and without a form.
    pub(crate) fn plain(method: Method, path: impl Into<Box<str>>, mentions: Vec<Mention>) -> Self {
        Self { method, path: path.into(), parameters: Vec::new(), form: false, mentions }
    }
}

// === impl Request ===

impl Request {
    /// The handles that the request names, for which the ledger must be asked before it is decided.
    pub fn handles(&self) -> impl Iterator<Item = &Handle> {
        self.needs.iter().filter_map(|need| match &need.what {
            What::Handle(handle) => Some(handle),
            What::Columns(columns) => Some(&columns.handle),
            What::Access(_)
            | What::Query(_)
            | What::Search(_)
            | What::Condition(_)
            | What::Connection(_)
            | What::Fields(_)
            | What::Rows(_)
            | What::Named(_)
            | What::Opaque(_)
            | What::Never(_) => None,
        })
    }
}

// === impl Needs ===

impl Needs {
    /// The needs of a request that needs `first` and perhaps more.
    #[must_use]
    pub fn new(first: What) -> Self {
        Self { first: Need { part: None, what: first }, rest: Vec::new() }
    }

    /// All of `accesses`; `None` when there is none.
    pub fn accesses(accesses: impl IntoIterator<Item = Access>) -> Option<Self> {
        let mut needs = accesses.into_iter().map(|access| Need { part: None, what: What::Access(access) });
        Some(Self { first: needs.next()?, rest: needs.collect() })
    }

    /// All of these; `None` when there is none.
    pub fn all(needs: impl IntoIterator<Item = What>) -> Option<Self> {
        Self::gathered(needs.into_iter().map(|what| Need { part: None, what }))
    }

    /// The needs of an envelope: those of its parts, in order; `None` when there is none.
    pub fn gathered(needs: impl IntoIterator<Item = Need>) -> Option<Self> {
        let mut needs = needs.into_iter();
        Some(Self { first: needs.next()?, rest: needs.collect() })
    }

    /// Adds one, and gives its number for a hole in the draft.
    pub fn push(&mut self, what: What) -> usize {
        self.rest.push(Need { part: None, what });
        self.rest.len()
    }

    /// The need with this number.
    #[must_use]
    pub fn at(&self, number: usize) -> Option<&Need> {
        match number.checked_sub(1) {
            None => Some(&self.first),
            Some(at) => self.rest.get(at),
        }
    }

    /// How many there are: at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        1 + self.rest.len()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Need> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

impl IntoIterator for Needs {
    type Item = Need;
    type IntoIter = std::iter::Chain<std::iter::Once<Need>, std::vec::IntoIter<Need>>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self.first).chain(self.rest)
    }
}

// === impl Access and others ===

impl Access {
    /// An access to the object as such.
    #[must_use]
    pub fn object(verb: Verb, object: ObjectId) -> Self {
        Self { verb, object, fields: Fields::None }
    }

    /// An access to one field.
    #[must_use]
    pub fn field(verb: Verb, object: ObjectId, field: FieldId) -> Self {
        Self { verb, object, fields: Fields::One(field) }
    }

    /// An access to all fields, or to unknown ones.
    #[must_use]
    pub fn every(verb: Verb, object: ObjectId) -> Self {
        Self { verb, object, fields: Fields::Every }
    }
}

impl Handle {
    /// A job by its record id.
    #[must_use]
    pub fn job(kind: HandleKind, id: RecordId, use_: HandleUse) -> Self {
        Self { kind, id: id.as_str().into(), offset: None, use_ }
    }
}

impl Verb {
    /// All verbs, in the order of the configuration's documentation.
    pub const ALL: [Self; 9] = [
        Self::Read,
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Undelete,
        Self::Merge,
        Self::Publish,
        Self::Subscribe,
        Self::Describe,
    ];

    /// The word for it in configuration, messages and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Undelete => "undelete",
            Self::Merge => "merge",
            Self::Publish => "publish",
            Self::Subscribe => "subscribe",
            Self::Describe => "describe",
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Named {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Versions, Self::Resources, Self::Limits, Self::DescribeGlobal, Self::Userinfo];

    /// The word for it under `also`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Versions => "versions",
            Self::Resources => "resources",
            Self::Limits => "limits",
            Self::DescribeGlobal => "describe-global",
            Self::Userinfo => "userinfo",
        }
    }
}

impl Never {
    /// Why no grant opens it.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Session => "sessions and tokens of Salesforce are never handed out",
            Self::Password => "passwords are not managed through this proxy",
            Self::Web => "browser pages and servlets are not served",
            Self::Deploy => "metadata deployment can change anything in the org",
            Self::Code => "arbitrary code can do anything in the org",
            Self::Everything => "it covers everything in the org at once",
            Self::StoredQuery => "the stored query does not show what it reads",
        }
    }
}
