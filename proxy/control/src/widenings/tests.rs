use tempfile::TempDir;

use super::*;

fn identity() -> IdentityName {
    IdentityName::try_from("nightly").unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn proposal(id: u128, ask: Ask, by: &str) -> Proposal {
    let (by, reason) = (by.to_owned(), "a test".to_owned());
    let (since, until) = (at(0), at(3600));
    Proposal { id: Ulid::from(id), identity: identity(), ask, by, reason, since, until, closed: None }
}

fn grant(id: u128, until: i64) -> Grant {
    Grant {
        id: Ulid::from(id),
        identity: identity(),
        text: GrantText { allow: "Case: { read: [Subject] }".into(), also: vec!["limits".into()] },
        by: "a".into(),
        approved_by: Some("b".into()),
        reason: "a test".into(),
        since: at(0),
        until: at(until),
    }
}

#[test]
fn proposals_and_grants_outlive_the_process_and_end_at_their_time() {
    let folder = TempDir::new().unwrap();
    let widenings = Widenings::open(folder.path()).unwrap();
    let ask = Ask::BreakGlass(grant(1, 10).text, Duration::from_secs(60));
    let proposed = widenings.propose(proposal(1, ask.clone(), "a")).unwrap();
    assert_eq!(widenings.propose(proposal(2, ask, "b")).unwrap(), proposed, "the same is open already");
    assert!(widenings.put_on(grant(3, 10)).unwrap());
    assert!(!widenings.put_on(grant(4, 9)).unwrap(), "nothing that was not there");
    drop(widenings);
    let widenings = Widenings::open(folder.path()).unwrap();
    assert_eq!(widenings.proposals(at(1)), [proposed]);
    assert_eq!(widenings.grants(at(9)), [grant(3, 10)]);
    assert_eq!((widenings.grants(at(10)), widenings.proposals(at(3600))), (vec![], vec![]));
    assert!(widenings.look_after(at(10)).unwrap());
    assert!(!widenings.look_after(at(10)).unwrap());
}

#[test]
fn what_was_closed_or_ended_stays_so() {
    let folder = TempDir::new().unwrap();
    let widenings = Widenings::open(folder.path()).unwrap();
    widenings.propose(proposal(1, Ask::Restore, "a")).unwrap();
    widenings.close(Ulid::from(1_u128), Closed::Approved("b".into()), at(1)).unwrap();
    widenings.put_on(grant(2, 10)).unwrap();
    let other = Widenings::open(folder.path()).unwrap();
    assert_eq!(other.end(&identity(), "c", at(1)).unwrap(), 1);
    assert_eq!(other.end(&identity(), "c", at(1)).unwrap(), 0);
    assert_eq!(widenings.grants(at(1)).len(), 1);
    assert!(widenings.look_after(at(1)).unwrap(), "another process ended it");
    assert_eq!(widenings.grants(at(1)), []);
    let again = Widenings::open(folder.path()).unwrap();
    assert_eq!((again.grants(at(1)), again.proposals(at(1))), (vec![], vec![]));
    let closed = again.proposal(Ulid::from(1_u128)).unwrap().closed;
    assert_eq!(closed, Some(Closed::Approved("b".into())));
}
