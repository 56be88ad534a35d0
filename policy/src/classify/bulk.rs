//! What both Bulk APIs share: job documents, and what a job needs when it is made.

use super::call::Call;
use super::csv;
use super::json::{Kind, Value};
use super::unclear::{Place, Unclear, UnclearKind};
use crate::id::RecordId;
use crate::names::ApiVersion;
use crate::request::{
    Access, Answer, Api, Handle, HandleKind, HandleUse, JobOperation, JobOrigin, Needs, Operation, Request,
    Rows, Verb, What,
};
use crate::schema::{FieldId, ObjectId};
use crate::soql;

/// A job document: its properties in order, `None` for null.
pub(super) type Properties = Vec<(Box<str>, Option<Box<str>>)>;

/// A job as it was declared.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) object: ObjectId,
    key: Option<FieldId>,
    pub(super) origin: JobOrigin,
}

/// The properties of a JSON object whose values are strings, null, or the one number that clients send
/// (`concurrencyMode`, of simple-salesforce).
pub(super) fn properties(json: Value<'_>, known: &[&str]) -> Result<Properties, Unclear> {
    let mut properties = Properties::new();
    for (name, value) in json.only(known)?.entries() {
        let name = name.string()?;
        let value = match value.kind() {
            Kind::Null => None,
            Kind::Number if &*name == "concurrencyMode" => Some(value.raw().into()),
            _ => Some(value.string()?.into()),
        };
        properties.push((name.into(), value));
    }
    Ok(properties)
}

/// The value of a property.
pub(super) fn get<'p>(properties: &'p Properties, name: &str) -> Option<&'p str> {
    properties.iter().find(|(known, _)| **known == *name).and_then(|(_, value)| value.as_deref())
}

/// The value of a property that has to be one of a list, if it is there.
pub(super) fn held(properties: &Properties, name: &str, values: &[&str]) -> Result<(), Unclear> {
    match get(properties, name) {
        Some(value) if !values.contains(&value) => {
            Err(unclear(format!("`{name}` must be one of {}", values.join(", "))))
        }
        _ => Ok(()),
    }
}

impl Declared {
    /// Reads a job document.
    pub(super) fn of(call: &Call<'_>, properties: &Properties) -> Result<Self, Unclear> {
        let required =
            |name: &str| get(properties, name).ok_or_else(|| unclear(format!("`{name}` is missing")));
        let operation = match required("operation")? {
            "insert" => JobOperation::Insert,
            "update" => JobOperation::Update,
            "upsert" => JobOperation::Upsert,
            "delete" => JobOperation::Delete,
            "hardDelete" => JobOperation::HardDelete,
            "query" => JobOperation::Query,
            "queryAll" => JobOperation::QueryAll,
            _ => return Err(unclear("`operation` is not one that is known")),
        };
        let object = call.object_at(required("object")?, &Place::Body)?;
        let name = get(properties, "externalIdFieldName").filter(|name| !name.is_empty());
        let key = match (operation, name) {
            (JobOperation::Upsert, Some(name)) => Some(call.field(object, name, Place::Body)?),
            (JobOperation::Upsert, None) => return Err(unclear("`externalIdFieldName` is missing")),
            (_, None) => None,
            (_, Some(_)) => return Err(unclear("`externalIdFieldName` belongs to an upsert")),
        };
        let delimiter = get(properties, "columnDelimiter").unwrap_or("COMMA");
        let delimiter = csv::DELIMITERS.iter().find(|(name, _)| *name == delimiter);
        let (_, delimiter) =
            delimiter.ok_or_else(|| unclear("`columnDelimiter` is not one that is known"))?;
        let known = call.schema.object(object);
        let origin = JobOrigin {
            object: known.name().to_owned(),
            operation,
            external_id: key.map(|key| known.field(key).name().to_owned()),
            delimiter: *delimiter,
            columns: Some(Vec::new()),
        };
        Ok(Self { object, key, origin })
    }

    /// What making the job needs.
    pub(super) fn accesses(&self, call: &Call<'_>) -> Vec<Access> {
        let object = call.schema.object(self.object);
        if self.origin.is_query() {
            // The query comes later, and is decided then with all that it touches.
            return vec![Access::object(Verb::Describe, self.object)];
        }
        let verbs = self.origin.verbs(object).iter().map(|verb| Access::object(*verb, self.object));
        // Every record is created with its key, and has no other way to get it.
        let key = self.key.filter(|key| !object.field(*key).name().eq_ignore_ascii_case("Id"));
        verbs.chain(key.map(|key| Access::field(Verb::Create, self.object, key))).collect()
    }

    /// What it does.
    pub(super) fn operation(&self, call: &Call<'_>) -> Operation {
        match self.origin.operation {
            JobOperation::Insert if call.schema.object(self.object).is_event() => Operation::Publish,
            JobOperation::Insert => Operation::Create,
            JobOperation::Update => Operation::Update,
            JobOperation::Upsert => Operation::Upsert,
            JobOperation::Delete | JobOperation::HardDelete => Operation::Delete,
            JobOperation::Query | JobOperation::QueryAll => Operation::Export,
        }
    }
}

/// Reads a query that is to run as a bulk job, which knows less than others.
pub(super) fn query(
    call: &Call<'_>,
    text: &str,
    version: ApiVersion,
    place: &Place,
) -> Result<soql::Resolved, Unclear> {
    let query = call.soql_of(text, place, version).map_err(Unclear::of_export)?;
    match query.bulk_problem() {
        Some(problem) => {
            let what = format!("a bulk query cannot have {problem}");
            Err(Unclear::form(place.clone(), what).of_export())
        }
        None => Ok(query),
    }
}

/// A request about a job that was made earlier.
pub(super) fn about(
    call: &Call<'_>,
    api: Api,
    (kind, id): (HandleKind, &str),
    (use_, rows): (HandleUse, Rows),
    known: &[&str],
) -> Result<Request, Unclear> {
    let parameters = call.parameters(known)?;
    let id = self::id(call, id, "750")?;
    let operation = match use_ {
        HandleUse::Results | HandleUse::Ask(_) => Operation::Export,
        HandleUse::Readback | HandleUse::Page => Operation::Read,
        HandleUse::Status | HandleUse::Change | HandleUse::Upload | HandleUse::Delete => Operation::Job,
    };
    let needs = Needs::new(What::Handle(Handle::job(kind, id, use_)));
    let mut request = call.request(api, operation, needs, call.target(&parameters));
    request.export = operation == Operation::Export;
    request.answer = Answer::rows(rows);
    Ok(request)
}

/// The id of a job, batch or result in the path.
pub(super) fn id(call: &Call<'_>, text: &str, prefix: &str) -> Result<RecordId, Unclear> {
    let id = RecordId::parse(text).filter(|id| id.prefix().as_str() == prefix);
    id.ok_or_else(|| call.unknown())
}

pub(super) fn unclear(what: impl Into<String>) -> Unclear {
    Unclear::form(Place::Body, what)
}

/// A column that is no field of the job's object.
pub(super) fn unknown(column: &str) -> Unclear {
    let name: String = column.chars().take(80).collect();
    let what = format!("the column `{name}` is not known");
    Unclear::new(UnclearKind::Name(name.into()), Place::Body, what)
}
