//! The law of the line: it is, byte by byte, what serde makes of a record.

use std::sync::Arc;
use std::time::Duration;

use forcefield_policy::names::{ApiVersion, IdentityName};
use forcefield_policy::request::{Api, HandleKind, Operation, Reading};
use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;
use serde::Serialize;
use ulid::Ulid;

use crate::record::ocsf::{PRODUCT, Product, VERSION};
use crate::record::{Act, Job, Outcome, Proof, Record};

proptest! {
    #[test]
    fn a_line_is_what_serde_makes_of_the_record(record in record()) {
        let (line, expected) = (record.event(), event(&record));
        prop_assert_eq!(String::from_utf8(line).unwrap(), String::from_utf8(expected).unwrap());
    }
}

/// Texts with everything that may have to be escaped, empty ones, and some that are cut.
fn text() -> impl Strategy<Value = String> {
    let long = (text_of("aä\n\"\u{10348}", 200..1200), select(&["", "x"])).prop_map(|(text, end)| text + end);
    prop_oneof![
        4 => "[A-Za-z0-9 _./:-]{0,20}",
        2 => "[\\x00-\\x7f]{0,20}",
        2 => any::<String>(),
        1 => long,
    ]
}

fn text_of(letters: &'static str, length: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    let letters: Vec<char> = letters.chars().collect();
    vec(select(letters), length).prop_map(String::from_iter)
}

fn texts() -> impl Strategy<Value = Vec<String>> {
    vec(text(), 0..4)
}

fn object() -> impl Strategy<Value = String> {
    prop_oneof![select(&["Account", "Case", "a.b", ""]).prop_map(str::to_owned), text()]
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![(object(), text()).prop_map(|(object, field)| format!("{object}.{field}")), text()]
}

fn word() -> impl Strategy<Value = &'static str> {
    select(&["certificate", "session", "no-grant", "a \"word\"", ""])
}

fn job() -> impl Strategy<Value = Job> {
    (select(KINDS), text(), word()).prop_map(|(kind, id, action)| Job { kind, id, action })
}

fn act() -> impl Strategy<Value = Act> {
    let words = (word(), word(), word());
    (of(text()), words, of(object()), of(text())).prop_map(
        |(responder, (role, how, action), target, reason)| Act {
            responder,
            role,
            how,
            action,
            target,
            reason,
        },
    )
}

fn time() -> impl Strategy<Value = Timestamp> {
    let all = Timestamp::MIN.as_millisecond()..=Timestamp::MAX.as_millisecond();
    prop_oneof![1_700_000_000_000_i64..1_900_000_000_000, all]
        .prop_map(|time| Timestamp::from_millisecond(time).unwrap())
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![0_u64..100_000_000, any::<u64>()].prop_map(Duration::from_micros)
}

/// Any record, with whatever in it.
fn record() -> impl Strategy<Value = Record> {
    let began = (any::<u128>(), time(), any::<std::net::SocketAddr>(), text());
    let who = (of("[a-z][a-z0-9]{0,9}"), of((word(), text())), of(text()), of(text()));
    let asked = (of(select(Api::ALL)), vec(select(Operation::ALL), 0..4), of(any::<u16>()), any::<bool>());
    let names = (vec(object(), 0..4), vec(field(), 0..6), texts(), texts(), vec(job(), 0..3));
    let ended = (select(OUTCOMES), of(word()), of(text()), of(act()), texts(), of(text()));
    let counted = (any::<u16>(), of(any::<u16>()), any::<[u64; 3]>(), duration(), of(duration()));
    (began, who, asked, names, ended, counted).prop_map(|(began, who, asked, names, ended, counted)| {
        let mut record = Record::new(Ulid::from(began.0), began.1, began.2, &began.3);
        record.identity = who.0.map(|name| IdentityName::try_from(&*name).unwrap());
        record.proof = who.1.map(|(kind, name)| Proof { kind, name });
        (record.org, record.user_agent) = (who.2, who.3);
        (record.door, record.operations, record.export) = (asked.0, asked.1, asked.3);
        record.version = asked.2.map(ApiVersion::new);
        let (objects, fields) = (names.0, names.1);
        record.reading = Some(Arc::new(Reading { objects, fields }));
        (record.shapes, record.narrowings, record.jobs) = (names.2, names.3, names.4);
        (record.outcome, record.rule, record.reason, record.act) = (ended.0, ended.1, ended.2, ended.3);
        (record.break_glass, record.overlooked) = (ended.4, ended.5);
        (record.status, record.upstream_status) = (counted.0, counted.1);
        [record.rows, record.bytes, record.request_bytes] = counted.2;
        (record.duration, record.upstream_duration) = (counted.3, counted.4);
        record
    })
}

const OUTCOMES: &[Outcome] =
    &[Outcome::Allowed, Outcome::Refused, Outcome::Cut, Outcome::Aborted, Outcome::Failed];
const KINDS: &[HandleKind] = &[HandleKind::Locator, HandleKind::QueryJob, HandleKind::IngestJob];

#[derive(Serialize)]
struct Event<'a> {
    time: i64,
    class_uid: u32,
    category_uid: u32,
    class_name: &'static str,
    activity_id: u32,
    type_uid: u32,
    severity_id: u32,
    status_id: u32,
    status_code: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_detail: Option<&'a str>,
    action_id: u32,
    disposition_id: u32,
    start_time: i64,
    end_time: i64,
    duration: u64,
    metadata: Metadata,
    actor: Actor<'a>,
    src_endpoint: Source,
    #[serde(skip_serializing_if = "Option::is_none")]
    dst_endpoint: Option<Named<'a>>,
    api: ApiCall<'a>,
    http_request: HttpRequest<'a>,
    http_response: HttpResponse,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resources: Vec<Resource<'a>>,
    // Last, since the line's number and hash go to its end.
    unmapped: Ours<'a>,
}

#[derive(Serialize)]
struct Metadata {
    version: &'static str,
    profiles: [&'static str; 1],
    product: Product,
    uid: String,
}

#[derive(Serialize)]
struct Actor<'a> {
    user: User<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Session<'a>>,
}

#[derive(Serialize)]
struct User<'a> {
    name: &'a str,
    /// 3: a system account; 1: a person; 0: unknown.
    type_id: u32,
}

#[derive(Serialize)]
struct Session<'a> {
    uid: &'static str,
    credential_uid: &'a str,
}

#[derive(Serialize)]
struct Source {
    ip: String,
    port: u16,
}

#[derive(Serialize)]
struct Named<'a> {
    name: &'a str,
}

#[derive(Serialize)]
struct ApiCall<'a> {
    operation: String,
    service: Named<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    request: Uid,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<Code>,
}

#[derive(Serialize)]
struct Uid {
    uid: String,
}

#[derive(Serialize)]
struct Code {
    code: u16,
}

#[derive(Serialize)]
struct HttpRequest<'a> {
    http_method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<&'a str>,
}

#[derive(Serialize)]
struct HttpResponse {
    code: u16,
    length: u64,
}

#[derive(Serialize)]
struct Resource<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

#[derive(Serialize)]
struct Data<'a> {
    fields: Vec<&'a str>,
}

#[derive(Serialize)]
struct Ours<'a> {
    outcome: &'static str,
    rows: u64,
    bytes: u64,
    request_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    overlooked: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    break_glass: &'a [String],
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    export: bool,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    shapes: &'a [String],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    narrowings: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    jobs: Vec<JobNote<'a>>,
    /// The reason that a responder gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_micros: Option<u128>,
}

#[derive(Serialize)]
struct JobNote<'a> {
    kind: &'static str,
    id: &'a str,
    action: &'static str,
}

/// The most characters of a client's own words.
const AGENT: usize = 256;
/// The most characters of a reason, which may repeat a client's words.
const REASON: usize = 1024;

fn event(record: &Record) -> Vec<u8> {
    let start = record.time.as_millisecond();
    let duration = u64::try_from(record.duration.as_millis()).unwrap_or(u64::MAX);
    let (severity_id, action_id, disposition_id) = weight(record.outcome);
    let activity_id = activity(&record.operations);
    let event = Event {
        time: start,
        class_uid: 6003,
        category_uid: 6,
        class_name: "API Activity",
        activity_id,
        type_uid: 600_300 + activity_id,
        severity_id,
        status_id: if record.outcome == Outcome::Allowed && record.status < 400 { 1 } else { 2 },
        status_code: record.status.to_string(),
        status_detail: record.reason.as_deref().map(|reason| cut(reason, REASON)),
        action_id,
        disposition_id,
        start_time: start,
        end_time: start.saturating_add_unsigned(duration),
        duration,
        metadata: Metadata {
            version: VERSION,
            profiles: ["security_control"],
            product: PRODUCT,
            uid: record.decision.to_string(),
        },
        actor: actor(record),
        src_endpoint: Source {
            ip: record.source.ip().to_canonical().to_string(),
            port: record.source.port(),
        },
        dst_endpoint: record.org.as_deref().map(|name| Named { name }),
        api: api(record),
        http_request: HttpRequest {
            http_method: cut(&record.method, AGENT),
            user_agent: record.user_agent.as_deref().map(|agent| cut(agent, AGENT)),
        },
        http_response: HttpResponse { code: record.status, length: record.bytes },
        resources: resources(record),
        unmapped: ours(record),
    };
    serde_json::to_vec(&event).unwrap()
}

fn actor(record: &Record) -> Actor<'_> {
    if let Some(act) = &record.act {
        return responder(act);
    }
    let user = match &record.identity {
        Some(identity) => User { name: identity.as_str(), type_id: 3 },
        None => User { name: "unknown", type_id: 0 },
    };
    let session = record.proof.as_ref().map(session);
    Actor { user, session }
}

fn responder(act: &Act) -> Actor<'_> {
    let user = match &act.responder {
        Some(name) => User { name, type_id: 1 },
        None => User { name: "unknown", type_id: 0 },
    };
    Actor { user, session: Some(Session { uid: act.how, credential_uid: act.role }) }
}

fn session(proof: &Proof) -> Session<'_> {
    Session { uid: proof.kind, credential_uid: cut(&proof.name, AGENT) }
}

fn api(record: &Record) -> ApiCall<'_> {
    if let Some(act) = &record.act {
        return ApiCall {
            operation: act.action.to_owned(),
            service: Named { name: "control" },
            version: None,
            request: Uid { uid: record.decision.to_string() },
            response: None,
        };
    }
    let operations: Vec<&str> = record.operations.iter().map(|operation| operation.as_str()).collect();
    ApiCall {
        operation: if operations.is_empty() { "unknown".to_owned() } else { operations.join("+") },
        service: Named { name: record.door.map_or("unknown", |door| door.as_str()) },
        version: record.version.map(|version| version.to_string()),
        request: Uid { uid: record.decision.to_string() },
        response: record.upstream_status.map(|code| Code { code }),
    }
}

fn resources(record: &Record) -> Vec<Resource<'_>> {
    let target = record.act.as_ref().and_then(|act| act.target.as_deref());
    let target = target.map(|name| Resource { name: cut(name, AGENT), kind: "identity", data: None });
    let objects = record.objects().iter().map(|object| resource(object, record.fields()));
    target.into_iter().chain(objects).collect()
}

fn resource<'a>(object: &'a str, fields: &'a [String]) -> Resource<'a> {
    let of =
        |field: &'a String| field.split_once('.').filter(|(owner, _)| *owner == object).map(|(_, name)| name);
    let fields: Vec<&str> = fields.iter().filter_map(of).collect();
    Resource { name: object, kind: "sobject", data: (!fields.is_empty()).then_some(Data { fields }) }
}

fn ours(record: &Record) -> Ours<'_> {
    Ours {
        outcome: record.outcome.as_str(),
        rows: record.rows,
        bytes: record.bytes,
        request_bytes: record.request_bytes,
        rule: record.rule,
        overlooked: record.overlooked.as_deref(),
        break_glass: &record.break_glass,
        export: record.export,
        shapes: &record.shapes,
        narrowings: &record.narrowings,
        jobs: record.jobs.iter().map(note).collect(),
        why: record.act.as_ref().and_then(|act| act.reason.as_deref()).map(|why| cut(why, REASON)),
        upstream_micros: record.upstream_duration.map(|duration| duration.as_micros()),
    }
}

fn note(job: &Job) -> JobNote<'_> {
    JobNote { kind: job.kind.as_str(), id: &job.id, action: job.action }
}

/// Severity, action and disposition.
fn weight(outcome: Outcome) -> (u32, u32, u32) {
    match outcome {
        Outcome::Allowed => (1, 1, 1),
        Outcome::Refused => (2, 2, 2),
        Outcome::Cut => (3, 2, 6),
        Outcome::Aborted => (1, 1, 27),
        Outcome::Failed => (2, 1, 27),
    }
}

/// The activity that all operations are, or 99.
fn activity(operations: &[Operation]) -> u32 {
    let of = |operation: &Operation| match operation {
        Operation::Create | Operation::Publish => 1,
        Operation::Meta
        | Operation::Describe
        | Operation::Read
        | Operation::Query
        | Operation::Search
        | Operation::Export
        | Operation::Subscribe => 2,
        Operation::Update
        | Operation::Upsert
        | Operation::Undelete
        | Operation::Merge
        | Operation::Convert => 3,
        Operation::Delete => 4,
        Operation::Job | Operation::Execute | Operation::Deploy | Operation::Auth | Operation::Admin => 99,
    };
    let mut activities = operations.iter().map(of);
    match activities.next() {
        None => 0,
        Some(first) if activities.all(|other| other == first) => first,
        Some(_) => 99,
    }
}

/// The first characters. Most texts have fewer bytes than that, and are not looked into.
fn cut(text: &str, most: usize) -> &str {
    let end = if text.len() <= most { None } else { text.char_indices().nth(most) };
    end.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}
