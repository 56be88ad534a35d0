//! A record as an event of the Open Cybersecurity Schema Framework: API Activity, class 6003 of category 6, version
//! 1.5, with the `security_control` profile (which, as `http_response`, that class has from 1.4 on).
//!
//! | attribute | what it says here |
//! |---|---|
//! | `time`, `start_time`, `end_time`, `duration` | milliseconds |
//! | `activity_id`, `type_uid` | create 1, read 2, update 3, delete 4, other or mixed 99; 600300 + that |
//! | `severity_id` | 1 allowed, 2 refused or failed, 3 cut |
//! | `action_id`, `disposition_id` | 1 and 1 allowed; 2 and 2 (blocked) refused; 2 and 6 (dropped) cut; 1 and 27 (error) otherwise |
//! | `status_id`, `status_code`, `status_detail` | 1 success, 2 failure; the client's HTTP status; the reason |
//! | `metadata.uid` | the decision's id |
//! | `actor.user`, `actor.session` | the identity; the kind (`uid`) and name (`credential_uid`) of its proof |
//! | `src_endpoint`, `dst_endpoint` | the caller's address; the org |
//! | `api.operation`, `api.service`, `api.version` | what it does, joined by `+`; the door; the version |
//! | `api.request.uid`, `api.response.code` | the decision's id; the org's HTTP status |
//! | `http_request`, `http_response` | method and user agent; status and length of the answer |
//! | `resources` | one per object: `name`, `type` `sobject`, its `data.fields` |
//! | of a call of the control plane | `actor.user` the responder (type 1), `actor.session` how and in which role; `api.service` `control`; `resources` the integration (`identity`); `unmapped.why` the reason |
//! | `unmapped` | ours: outcome, rule, overlooked, break_glass, export, rows, bytes, shapes, narrowings, jobs, upstream time; at the end of the written line `sequence` and `chain` |
//!
//! Paths and query strings are left out: they hold ids and literals.

use forcefield_policy::request::Operation;
use serde::Serialize;
use ulid::ULID_LEN;

use super::{Act, Outcome, Record};
use crate::json::Json;

/// What wrote a line.
#[derive(Serialize)]
pub(crate) struct Product {
    name: &'static str,
    vendor_name: &'static str,
    version: &'static str,
}

/// The version of the framework that lines are written in.
pub(crate) const VERSION: &str = "1.5.0";

pub(crate) const PRODUCT: Product =
    Product { name: "forcefield", vendor_name: "forcefield", version: env!("CARGO_PKG_VERSION") };

/// Bytes that most lines fit into.
const USUAL: usize = 2048;
/// The most characters of a client's own words.
const AGENT: usize = 256;
/// The most characters of a reason, which may repeat a client's words.
const REASON: usize = 1024;

/// The event, as JSON.
pub(super) fn event(record: &Record) -> Vec<u8> {
    let start = record.time.as_millisecond();
    let duration = u64::try_from(record.duration.as_millis()).unwrap_or(u64::MAX);
    let (severity, action, disposition) = weight(record.outcome);
    let activity = activity(&record.operations);
    let status = if record.outcome == Outcome::Allowed && record.status < 400 { 1 } else { 2 };
    let mut decision = [0; ULID_LEN];
    let decision = &*record.decision.array_to_str(&mut decision);

    let mut line = Json::with_capacity(USUAL);
    line.plain(r#"{"time":"#).number(start);
    line.plain(r#","class_uid":6003,"category_uid":6,"class_name":"API Activity","activity_id":"#)
        .number(activity);
    line.plain(r#","type_uid":"#).number(600_300 + activity);
    line.plain(r#","severity_id":"#).number(severity);
    line.plain(r#","status_id":"#).number(status);
    line.plain(r#","status_code":""#).number(record.status).plain("\"");
    if let Some(reason) = &record.reason {
        line.plain(r#","status_detail":"#).string(cut(reason, REASON));
    }
    line.plain(r#","action_id":"#).number(action);
    line.plain(r#","disposition_id":"#).number(disposition);
    line.plain(r#","start_time":"#).number(start);
    line.plain(r#","end_time":"#).number(start.saturating_add_unsigned(duration));
    line.plain(r#","duration":"#).number(duration);
    line.plain(METADATA).string(decision).plain("}");
    actor(&mut line, record);
    line.plain(r#","src_endpoint":{"ip":"#).address(record.source.ip().to_canonical());
    line.plain(r#","port":"#).number(record.source.port()).plain("}");
    if let Some(org) = &record.org {
        line.plain(r#","dst_endpoint":{"name":"#).string(org).plain("}");
    }
    api(&mut line, record, decision);
    line.plain(r#","http_request":{"http_method":"#).string(cut(&record.method, AGENT));
    if let Some(agent) = &record.user_agent {
        line.plain(r#","user_agent":"#).string(cut(agent, AGENT));
    }
    line.plain(r#"},"http_response":{"code":"#).number(record.status);
    line.plain(r#","length":"#).number(record.bytes).plain("}");
    resources(&mut line, record);
    // Last, since the line's number and hash go to its end.
    ours(&mut line, record);
    line.plain("}");
    line.into_bytes()
}

fn actor(line: &mut Json, record: &Record) {
    // 3: a system account; 1: a person; 0: unknown.
    let (user, kind) = match (&record.act, &record.identity) {
        (Some(Act { responder: Some(name), .. }), _) => (name.as_str(), 1),
        (None, Some(identity)) => (identity.as_str(), 3),
        (Some(Act { responder: None, .. }), _) | (None, None) => ("unknown", 0),
    };
    let session = match (&record.act, &record.proof) {
        (Some(act), _) => Some((act.how, act.role)),
        (None, Some(proof)) => Some((proof.kind, cut(&proof.name, AGENT))),
        (None, None) => None,
    };
    line.plain(r#","actor":{"user":{"name":"#).string(user);
    line.plain(r#","type_id":"#).number(kind).plain("}");
    if let Some((kind, name)) = session {
        line.plain(r#","session":{"uid":"#).string(kind);
        line.plain(r#","credential_uid":"#).string(name).plain("}");
    }
    line.plain("}");
}

fn api(line: &mut Json, record: &Record, decision: &str) {
    line.plain(r#","api":{"operation":"#);
    match (&record.act, record.operations.as_slice()) {
        (Some(act), _) => line.string(act.action),
        (None, []) => line.string("unknown"),
        (None, operations) => line.joined(operations.iter().map(|operation| operation.as_str())),
    };
    let door = record.door.map_or("unknown", |door| door.as_str());
    let service = if record.act.is_some() { "control" } else { door };
    line.plain(r#","service":{"name":"#).string(service).plain("}");
    if let Some(version) = record.version.filter(|_| record.act.is_none()) {
        line.plain(r#","version":""#).number(version.major()).plain(r#".0""#);
    }
    line.plain(r#","request":{"uid":"#).string(decision).plain("}");
    if let Some(code) = record.upstream_status.filter(|_| record.act.is_none()) {
        line.plain(r#","response":{"code":"#).number(code).plain("}");
    }
    line.plain("}");
}

fn resources(line: &mut Json, record: &Record) {
    let target = record.act.as_ref().and_then(|act| act.target.as_deref());
    let target = target.map(|name| (cut(name, AGENT), "identity", [].as_slice()));
    let objects = record.objects().iter().map(|object| (object.as_str(), "sobject", record.fields()));
    let all = target.into_iter().chain(objects);
    line.list((r#","resources":["#, "]"), all, |line, (name, kind, fields)| {
        line.plain(r#"{"name":"#).string(name).plain(r#","type":"#).string(kind);
        let fields = fields.iter().filter_map(|field| field.split_once('.'));
        let fields = fields.filter(|(owner, _)| *owner == name).map(|(_, field)| field);
        line.strings((r#","data":{"fields":["#, "]}"), fields).plain("}");
    });
}

fn ours(line: &mut Json, record: &Record) {
    line.plain(r#","unmapped":{"outcome":"#).string(record.outcome.as_str());
    line.plain(r#","rows":"#).number(record.rows);
    line.plain(r#","bytes":"#).number(record.bytes);
    line.plain(r#","request_bytes":"#).number(record.request_bytes);
    if let Some(rule) = record.rule {
        line.plain(r#","rule":"#).string(rule);
    }
    if let Some(overlooked) = &record.overlooked {
        line.plain(r#","overlooked":"#).string(overlooked);
    }
    line.strings((r#","break_glass":["#, "]"), &record.break_glass);
    if record.export {
        line.plain(r#","export":true"#);
    }
    line.strings((r#","shapes":["#, "]"), &record.shapes);
    line.strings((r#","narrowings":["#, "]"), &record.narrowings);
    line.list((r#","jobs":["#, "]"), &record.jobs, |line, job| {
        line.plain(r#"{"kind":"#).string(job.kind.as_str());
        line.plain(r#","id":"#).string(&job.id);
        line.plain(r#","action":"#).string(job.action).plain("}");
    });
    if let Some(why) = record.act.as_ref().and_then(|act| act.reason.as_deref()) {
        line.plain(r#","why":"#).string(cut(why, REASON));
    }
    if let Some(duration) = record.upstream_duration {
        line.plain(r#","upstream_micros":"#).number(duration.as_micros());
    }
    line.plain("}");
}

/// From the comma before it to its `uid`.
const METADATA: &str = concat!(
    r#","metadata":{"version":"1.5.0","profiles":["security_control"],"product":{"name":"forcefield","#,
    r#""vendor_name":"forcefield","version":""#,
    env!("CARGO_PKG_VERSION"),
    r#""},"uid":"#
);

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
