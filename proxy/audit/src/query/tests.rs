//! What the record answers.

use forcefield_policy::names::IdentityName;
use tempfile::TempDir;

use super::*;
use crate::finding::Finding;
use crate::record::Outcome;
use crate::writer::Writer;
use crate::writer::tests::{reading, record, settings};

#[tokio::test]
async fn what_an_identity_read_in_a_while_and_from_where() {
    let dir = TempDir::new().unwrap();
    let writer = Writer::open(dir.path(), settings()).unwrap();
    for number in 0..10 {
        let mut record = record(number);
        if number % 2 == 1 {
            record.identity = Some(IdentityName::try_from("other").unwrap());
        }
        if number == 4 {
            record.reading = reading("Account", "Account.Name");
            record.source = "[::ffff:10.0.0.8]:1".parse().unwrap();
        }
        if number == 6 {
            record.outcome = Outcome::Refused;
            record.reading = reading("User", "Case.Subject");
            record.rows = 0;
        }
        writer.write(writer.admit().unwrap(), &record).await.unwrap();
    }
    let finding = Finding {
        time: Timestamp::from_second(1_790_000_005).unwrap(),
        id: ulid::Ulid::from(99_u128),
        identity: IdentityName::try_from("drift").unwrap(),
        rule: "reconnaissance",
        level: "quarantine",
        what: "looks around".into(),
        done: "quarantined".into(),
        evidence: Vec::new(),
    };
    writer.write_finding(writer.admit().unwrap(), &finding).await.unwrap();
    drop(writer);
    let at = |second: i64| Some(Timestamp::from_second(1_790_000_000 + second).unwrap());
    let filter = Filter { identity: Some("drift".into()), from: at(2), until: at(8), ..Filter::default() };
    let mut seen = Vec::new();
    let summary = query(dir.path(), &filter, |exchange| seen.push(exchange.rows)).unwrap();
    assert_eq!(seen, [2, 4, 0, 0], "the finding of a signal stands among them");
    assert_eq!((summary.exchanges, summary.findings, summary.rows), (3, 1, 6));
    assert_eq!(summary.sources.iter().map(String::as_str).collect::<Vec<_>>(), ["10.0.0.7", "10.0.0.8"]);
    let objects: Vec<_> =
        summary.objects.iter().map(|(object, fields)| (object.as_str(), fields.len())).collect();
    assert_eq!(objects, [("Account", 1), ("Case", 1)], "what was refused was not read");
    assert_eq!(summary.outcomes.get("refused"), Some(&1));
    let by = |filter: Filter| query(dir.path(), &filter, |_| {}).unwrap().exchanges;
    assert_eq!(by(Filter { object: Some("account".into()), ..Filter::default() }), 1);
    assert_eq!(by(Filter { outcome: Some("refused".into()), ..Filter::default() }), 1);
    assert_eq!(by(Filter { decision: Some(record(3).decision.to_string()), ..Filter::default() }), 1);
    assert_eq!(by(Filter::default()), 10);
    let (some, cut) = query_some(dir.path(), &Filter::default(), 4, |_| {}).unwrap();
    assert!(some.exchanges < 10 && cut, "no more than four lines are read");
    assert!(!query_some(dir.path(), &Filter::default(), 1000, |_| {}).unwrap().1);
    let filter = Filter { outcome: Some("quarantine".into()), ..Filter::default() };
    let mut found = Vec::new();
    query(dir.path(), &filter, |seen| found.push((seen.door, seen.operation, seen.reason))).unwrap();
    let reason = Some("drift looks around; quarantined".to_owned());
    assert_eq!(found, [("signal".to_owned(), "reconnaissance".to_owned(), reason)]);
}
