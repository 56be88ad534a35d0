use tempfile::TempDir;

use super::*;

/// Other replicas, of which one hears nothing when it is told not to.
#[derive(Default)]
struct Others {
    told: Mutex<Vec<String>>,
    later: Mutex<Vec<String>>,
    claims: Mutex<BTreeMap<String, String>>,
    gone: std::sync::atomic::AtomicBool,
}

impl Others {
    fn go(&self, gone: bool) {
        self.gone.store(gone, std::sync::atomic::Ordering::SeqCst);
    }

    fn reached(&self) -> io::Result<()> {
        if self.hears() { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
    }
}

impl SharedWidenings for Others {
    fn tell(&self, line: &str, later: bool) -> io::Result<()> {
        let told = self.reached();
        match (&told, later) {
            (Ok(()), _) => self.told.lock().unwrap().push(line.to_owned()),
            (Err(_), true) => self.later.lock().unwrap().push(line.to_owned()),
            (Err(_), false) => {}
        }
        told
    }

    fn claim(&self, proposal: &str, claim: &str) -> io::Result<String> {
        self.reached()?;
        let mut claims = self.claims.lock().unwrap();
        Ok(claims.entry(proposal.to_owned()).or_insert_with(|| claim.to_owned()).clone())
    }

    fn hears(&self) -> bool {
        !self.gone.load(std::sync::atomic::Ordering::SeqCst)
    }
}

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

#[test]
fn replicas_that_hear_the_same_lines_hold_the_same() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let others = Arc::new(Others::default());
    let one = Widenings::open(here.path()).unwrap().shared(Arc::clone(&others) as _);
    let two = Widenings::open(there.path()).unwrap().shared(Arc::clone(&others) as _);
    let hear = |widenings: &Widenings| {
        let told = others.told.lock().unwrap().clone();
        told.iter().map(|line| widenings.hear(line).unwrap()).filter(|changed| *changed).count()
    };
    one.propose(proposal(1, Ask::Restore, "a")).unwrap();
    assert!(one.put_on(grant(3, 100)).unwrap());
    assert_eq!((hear(&two), hear(&one)), (1, 0), "its own lines change nothing");
    assert_eq!((two.grants(at(1)), two.proposals(at(1))), (one.grants(at(1)), one.proposals(at(1))));
    let (approved, withdrawn) = (Closed::Approved("b".into()), Closed::Withdrawn("c".into()));
    assert_eq!(two.claim(Ulid::from(1_u128), &withdrawn).unwrap(), withdrawn);
    assert_eq!(one.claim(Ulid::from(1_u128), &approved).unwrap(), withdrawn, "who came first");
    two.close(Ulid::from(1_u128), withdrawn.clone(), at(2)).unwrap();
    assert_eq!(two.end(&identity(), "b", at(2)).unwrap(), 1);
    let again = Widenings::open(there.path()).unwrap();
    hear(&one);
    for widenings in [&one, &again] {
        assert_eq!(widenings.grants(at(3)), []);
        assert_eq!(widenings.proposal(Ulid::from(1_u128)).unwrap().closed, Some(withdrawn.clone()));
    }
    assert!(one.hear("{}").is_err());
}

#[test]
fn what_cannot_be_told_does_not_widen_and_ends_all_the_same() {
    let folder = TempDir::new().unwrap();
    let others = Arc::new(Others::default());
    let widenings = Widenings::open(folder.path()).unwrap().shared(Arc::clone(&others) as _);
    assert!(widenings.put_on(grant(3, 100)).unwrap() && widenings.are_confirmed());
    others.go(true);
    assert!(!widenings.are_confirmed());
    assert!(widenings.put_on(grant(4, 200)).is_err());
    assert!(widenings.propose(proposal(1, Ask::Restore, "a")).is_err());
    assert!(widenings.claim(Ulid::from(1_u128), &Closed::Approved("b".into())).is_err());
    assert!(widenings.end(&identity(), "b", at(2)).is_err(), "others do not know");
    assert_eq!((widenings.grants(at(3)), widenings.proposals(at(3))), (vec![], vec![]));
    assert_eq!(others.later.lock().unwrap().len(), 1, "they will be told");
    others.go(false);
    assert!(widenings.put_on(grant(5, 100)).unwrap());
    widenings.forget().unwrap();
    let again = Widenings::open(folder.path()).unwrap();
    assert_eq!((widenings.grants(at(3)), again.grants(at(3))), (vec![], vec![]));
}

#[test]
fn alone_the_first_who_settles_a_proposal_does() {
    let folder = TempDir::new().unwrap();
    let widenings = Widenings::open(folder.path()).unwrap();
    let id = widenings.propose(proposal(1, Ask::Restore, "a")).unwrap().id;
    let (one, two) = (Closed::Approved("b".into()), Closed::Approved("c".into()));
    assert_eq!(widenings.claim(id, &one).unwrap(), one);
    assert_eq!(widenings.claim(id, &two).unwrap(), one);
    assert_eq!(widenings.claim(id, &one).unwrap(), one, "who did not get through may try again");
}
