//! What stands in a line.

mod by_serde;
mod schema;

use serde_json::{Value, json};

use super::*;

fn record() -> Record {
    let mut record = Record::new(
        Ulid::from(7_u128),
        Timestamp::from_millisecond(1_790_000_000_123).unwrap(),
        "[::ffff:10.0.0.7]:4711".parse().unwrap(),
        "GET",
    );
    record.identity = Some(IdentityName::try_from("drift").unwrap());
    record.proof = Some(Proof { kind: "certificate", name: "spiffe://corp.example/drift".into() });
    record.org = Some("production".into());
    record.door = Some(Api::Query);
    record.operations = vec![Operation::Query, Operation::Export];
    record.version = Some(ApiVersion::new(62));
    record.reading = Some(Arc::new(Reading {
        objects: vec!["Account".into(), "Case".into()],
        fields: vec!["Account.Name".into(), "Account.Id".into()],
    }));
    record.shapes = vec!["SELECT Name FROM Account WHERE Id = ?".into()];
    record.outcome = Outcome::Allowed;
    record.status = 200;
    record.upstream_status = Some(200);
    (record.rows, record.bytes) = (12, 3456);
    record.duration = Duration::from_millis(250);
    record
}

fn line(record: &Record) -> Value {
    let event = record.event();
    assert!(event.ends_with(b"}}"), "the last member is an object, for the number and the hash");
    serde_json::from_slice(&event).unwrap()
}

#[test]
fn an_exchange_stands_where_the_framework_has_it() {
    let line = line(&record());
    let expected = json!({
        "time": 1_790_000_000_123_i64, "class_uid": 6003, "category_uid": 6, "class_name": "API Activity",
        "activity_id": 2, "type_uid": 600_302, "severity_id": 1, "status_id": 1, "status_code": "200",
        "action_id": 1, "disposition_id": 1,
        "start_time": 1_790_000_000_123_i64, "end_time": 1_790_000_000_373_i64, "duration": 250,
        "metadata": { "version": "1.5.0", "profiles": ["security_control"], "uid": "00000000000000000000000007",
            "product": { "name": "forcefield", "vendor_name": "forcefield", "version": env!("CARGO_PKG_VERSION") } },
        "actor": { "user": { "name": "drift", "type_id": 3 },
            "session": { "uid": "certificate", "credential_uid": "spiffe://corp.example/drift" } },
        "src_endpoint": { "ip": "10.0.0.7", "port": 4711 },
        "dst_endpoint": { "name": "production" },
        "api": { "operation": "query+export", "service": { "name": "query" }, "version": "62.0",
            "request": { "uid": "00000000000000000000000007" }, "response": { "code": 200 } },
        "http_request": { "http_method": "GET" },
        "http_response": { "code": 200, "length": 3456 },
        "resources": [
            { "name": "Account", "type": "sobject", "data": { "fields": ["Name", "Id"] } },
            { "name": "Case", "type": "sobject" }
        ],
        "unmapped": { "outcome": "allowed", "rows": 12, "bytes": 3456, "request_bytes": 0,
            "shapes": ["SELECT Name FROM Account WHERE Id = ?"] },
    });
    assert_eq!(line, expected);
}

#[test]
fn every_kind_of_record_is_an_event_of_the_framework() {
    let bare =
        || Record::new(Ulid::from(1_u128), record().time, "[2001:db8::7]:443".parse().unwrap(), "PATCH");
    let act = |responder: Option<&str>| Act {
        responder: responder.map(str::to_owned),
        role: "responder",
        how: "token",
        action: "quarantine",
        target: Some("drift".to_owned()),
        reason: Some("vendor breached".to_owned()),
    };
    let mut records = vec![record(), bare()];
    let outcomes = [Outcome::Allowed, Outcome::Refused, Outcome::Cut, Outcome::Aborted, Outcome::Failed];
    records.extend(outcomes.map(|outcome| Record { outcome, ..record() }));
    records
        .extend(Operation::ALL.iter().map(|operation| Record { operations: vec![*operation], ..record() }));
    records.extend(Api::ALL.iter().map(|door| Record { door: Some(*door), ..bare() }));
    records.push(Record { rule: Some("no-grant"), reason: Some("may not read Case".into()), ..bare() });
    records.push(Record { act: Some(act(Some("oncall"))), status: 200, outcome: Outcome::Allowed, ..bare() });
    records.push(Record { act: Some(act(None)), status: 401, rule: Some("control"), ..bare() });
    let job = Job { kind: HandleKind::QueryJob, id: "750000000000001".into(), action: "created" };
    let upstream_duration = Some(Duration::from_millis(7));
    records.push(Record { jobs: vec![job], export: true, upstream_duration, ..record() });
    for record in records {
        let line = line(&record);
        assert_eq!(schema::problems(&line), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn every_line_that_is_no_record_is_an_event_of_the_framework() {
    use crate::line::{Hash, Tip};
    use crate::note::{Checkpoint, Note, Why};
    let key = crate::AuditKey::new(b"0123456789abcdef0123456789abcdef").unwrap();
    let (tip, digest) = (Tip { sequence: 7, hash: Hash([7; 32]) }, Hash([8; 32]));
    let checkpoint = Checkpoint { why: Why::Opened, run: "01JD", file: 1, tip, digest, follows: &[] };
    let torn = Note::Torn { file: "audit-1.jsonl", bytes: 12 };
    let lost = Note::Lost { run: "01JD", last: 3, head: 7 };
    let time = record().time;
    let mut lines = vec![checkpoint.event(key.signer(), time)];
    lines.extend([Note::Gap(3), torn, lost].map(|note| note.event(time)));
    for line in lines {
        let line: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(schema::problems(&line), Vec::<String>::new(), "{line}");
    }
}

#[test]
fn what_the_framework_does_not_have_is_found() {
    let changed = |change: fn(&mut Value)| {
        let mut line = line(&record());
        change(&mut line);
        schema::problems(&line).len()
    };
    assert_eq!(changed(|_| {}), 0);
    assert_eq!(changed(|line| drop(line.as_object_mut().unwrap().remove("api"))), 1);
    assert_eq!(changed(|line| line["verdict"] = json!("allowed")), 1);
    assert_eq!(changed(|line| line["severity_id"] = json!(7)), 1);
    assert_eq!(changed(|line| line["activity_id"] = json!(3)), 1, "type_uid follows it");
    assert_eq!(changed(|line| line["time"] = json!(1_790_000_000)), 1, "in seconds");
    assert_eq!(changed(|line| line["src_endpoint"] = json!({"ip": "ten"})), 1);
    assert_eq!(changed(|line| line["resources"][0] = json!({"type": "sobject"})), 1, "neither name nor uid");
    assert_eq!(changed(|line| line["metadata"]["profiles"] = json!([])), 1);
}

#[test]
fn outcomes_weigh_differently() {
    let ids = |outcome| {
        let line = line(&Record { outcome, status: 403, ..record() });
        ["severity_id", "status_id", "action_id", "disposition_id"].map(|id| line[id].as_u64().unwrap())
    };
    assert_eq!(ids(Outcome::Allowed), [1, 2, 1, 1]);
    assert_eq!(ids(Outcome::Refused), [2, 2, 2, 2]);
    assert_eq!(ids(Outcome::Cut), [3, 2, 2, 6]);
    assert_eq!(ids(Outcome::Aborted), [1, 2, 1, 27]);
    assert_eq!(ids(Outcome::Failed), [2, 2, 1, 27]);
}

#[test]
fn activities_are_one_or_other() {
    let activity = |operations: &[Operation]| {
        line(&Record { operations: operations.to_vec(), ..record() })["activity_id"].as_u64().unwrap()
    };
    assert_eq!(activity(&[]), 0);
    assert_eq!(activity(&[Operation::Create]), 1);
    assert_eq!(activity(&[Operation::Update, Operation::Upsert]), 3);
    assert_eq!(activity(&[Operation::Delete]), 4);
    assert_eq!(activity(&[Operation::Read, Operation::Delete]), 99);
}

#[test]
fn nobody_known_is_unknown_and_a_clients_words_are_cut() {
    let line = line(&Record {
        identity: None,
        proof: None,
        user_agent: Some("ä\n".repeat(1000)),
        reason: Some("x".repeat(5000)),
        ..record()
    });
    assert_eq!(line["actor"], json!({ "user": { "name": "unknown", "type_id": 0 } }));
    assert_eq!(line["http_request"]["user_agent"].as_str().unwrap().chars().count(), 256);
    assert_eq!(line["status_detail"].as_str().unwrap().len(), 1024);
}

#[test]
fn a_record_says_aborted_until_told_better() {
    let new = Record::new(Ulid::from(1_u128), Timestamp::UNIX_EPOCH, "10.0.0.1:1".parse().unwrap(), "POST");
    assert_eq!(line(&new)["unmapped"]["outcome"], "aborted");
}
