use std::time::Duration;

use forcefield_config::quantity;
use tempfile::TempDir;

use super::*;

fn identity() -> IdentityName {
    IdentityName::try_from("nightly").unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn restraint(by: &str, effect: Effect, until: Option<i64>) -> Restraint {
    let (by, reason) = (by.to_owned(), "a test".to_owned());
    Restraint { identity: identity(), effect, by, reason, since: at(0), until: until.map(at) }
}

fn throttle(requests: Option<&str>, rows: Option<&str>) -> Effect {
    let requests = requests.map(|text| quantity::rate(text).unwrap());
    Effect::Throttle { requests, rows: rows.map(|text| quantity::rows(text).unwrap()) }
}

#[test]
fn a_quarantine_outlives_the_process_and_ends_at_its_time() {
    let folder = TempDir::new().unwrap();
    let restraints = Restraints::open(folder.path()).unwrap();
    assert!(restraints.admit(&identity(), at(1)).is_ok());
    assert!(restraints.put_on(restraint("a", Effect::Quarantine, Some(10))).unwrap());
    drop(restraints);
    let restraints = Restraints::open(folder.path()).unwrap();
    let quarantined = restraints.admit(&identity(), at(9)).unwrap_err();
    assert_eq!(quarantined.until, Some(at(10)));
    let other = IdentityName::try_from("other").unwrap();
    assert!(restraints.admit(&other, at(9)).is_ok());
    assert!(restraints.admit(&identity(), at(10)).is_ok());
    assert!(restraints.look_after(at(10)).unwrap());
    assert!(!restraints.look_after(at(10)).unwrap());
}

#[test]
fn restraints_add_up_and_a_repetition_changes_nothing() {
    let folder = TempDir::new().unwrap();
    let restraints = Restraints::open(folder.path()).unwrap();
    assert!(restraints.put_on(restraint("a", Effect::Quarantine, None)).unwrap());
    assert!(!restraints.put_on(restraint("a", Effect::Quarantine, None)).unwrap());
    // Neither somebody else's shorter one nor one's own lets the first end earlier.
    assert!(restraints.put_on(restraint("b", Effect::Quarantine, Some(5))).unwrap());
    assert!(!restraints.put_on(restraint("a", Effect::Quarantine, Some(5))).unwrap());
    assert_eq!(restraints.quarantined(&identity(), at(6)), Some(Quarantined { until: None }));
    assert_eq!(restraints.on(&identity(), at(1)).len(), 2);
    assert_eq!(restraints.lift(&identity(), "c", at(6)).unwrap().len(), 1);
    assert_eq!(restraints.quarantined(&identity(), at(1)), None);
    assert_eq!(Restraints::open(folder.path()).unwrap().on(&identity(), at(1)), []);
}

#[test]
fn the_narrowest_of_all_limits_holds() {
    let folder = TempDir::new().unwrap();
    let restraints = Restraints::open(folder.path()).unwrap();
    let configured = Limits {
        requests: Some(quantity::rate("20/s").unwrap()),
        burst: std::num::NonZeroU32::new(40),
        rows: Some(quantity::rows("200000/day").unwrap()),
        ..Limits::default()
    };
    restraints.put_on(restraint("a", throttle(Some("30/s"), Some("1000/hour")), None)).unwrap();
    let narrowed = restraints.narrowed(&identity(), &configured, at(1));
    assert_eq!((narrowed.requests, narrowed.burst), (configured.requests, configured.burst));
    assert_eq!(narrowed.rows, Some(quantity::rows("1000/hour").unwrap()));
    restraints.put_on(restraint("b", throttle(Some("60/m"), Some("500/day")), None)).unwrap();
    let narrowed = restraints.narrowed(&identity(), &configured, at(1));
    assert_eq!(narrowed.requests, Some(quantity::rate("60/m").unwrap()));
    assert_eq!(narrowed.rows, Some(quantity::rows("500/day").unwrap()));
    let hour = quantity::rows("100000/hour").unwrap();
    let day = quantity::rows("200000/day").unwrap();
    assert_eq!(narrower(hour, day), quantity::rows("100000/day").unwrap());
}

#[test]
fn another_process_hears_of_it_and_a_torn_line_is_passed_over() {
    let folder = TempDir::new().unwrap();
    let one = Restraints::open(folder.path()).unwrap();
    let other = Restraints::open(folder.path()).unwrap();
    let journal = folder.path().join("restraints.journal");
    let mut torn = std::fs::OpenOptions::new().append(true).open(&journal).unwrap();
    std::io::Write::write_all(&mut torn, b"{\"event\":\"put").unwrap();
    assert!(!one.look_after(at(1)).unwrap());
    other.put_on(restraint("a", Effect::Kill, None)).unwrap();
    assert!(one.quarantined(&identity(), at(1)).is_none());
    assert!(one.look_after(at(1)).unwrap());
    assert!(one.quarantined(&identity(), at(1)).is_some());
    std::io::Write::write_all(&mut torn, b"nonsense\n").unwrap();
    assert!(one.look_after(at(1)).is_err() && one.quarantined(&identity(), at(1)).is_some());
    assert!(Restraints::open(folder.path()).is_err(), "a line that may be a quarantine");
}

#[tokio::test]
async fn what_was_let_in_hears_of_a_cut_while_it_waits() {
    let folder = TempDir::new().unwrap();
    let restraints = Restraints::open(folder.path()).unwrap();
    let mut admitted = restraints.admit(&identity(), at(1)).unwrap();
    assert_eq!(admitted.unless_cut(async { 7 }).await, Some(7));
    let (waits, _) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(5), admitted.unless_cut(std::future::pending::<()>())),
        async { restraints.cut(&identity()) }
    );
    assert_eq!(waits.unwrap(), None);
    let mut later = restraints.admit(&identity(), at(1)).unwrap();
    assert_eq!(later.unless_cut(std::future::ready(())).await, Some(()));
}
