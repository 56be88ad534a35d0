//! Tokens outlive the process, and so does their end.

use std::sync::Arc;

use forcefield_identity::Sessions;

use crate::world::{World, after, body, name, now, peer, text};

const FORM: &str = "grant_type=client_credentials&client_id=reporting&client_secret=r3port";

fn open(folder: &tempfile::TempDir) -> World {
    World::with(Sessions::open(folder.path(), now()).unwrap())
}

#[test]
fn a_token_works_after_a_restart_and_a_revoked_one_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let home = peer("10.0.0.1");
    let (first, second) = {
        let world = open(&folder);
        let (first, second) = (world.log_in("10.0.0.1").0, world.log_in("10.0.0.1").0);
        let revoked = world.ask(
            forcefield_identity::Route::Revoke,
            &home,
            &format!("token={}", second.replace('!', "%21")),
            (forcefield_identity::Carriers::default(), now()),
        );
        assert_eq!((revoked.answer.status, revoked.answer.body.as_str()), (200, ""));
        (first, second)
    };
    let world = open(&folder);
    assert_eq!(world.call(&home, &first, now()), Ok("reporting".into()));
    assert_eq!(world.call(&home, &second, now()), Err("401 the token was revoked".into()));
    assert_eq!(
        world.call(&peer("10.0.0.2"), &first, now()),
        Err("403 the token is bound to another network".into())
    );

    let journal = std::fs::read_to_string(folder.path().join("sessions.journal")).unwrap();
    assert!(!journal.contains(&first[16..]) && !journal.contains(&second[16..]));
    world.sessions.revoke_identity(&name("reporting")).unwrap();
    assert_eq!(open(&folder).call(&home, &first, now()), Err("401 the token was revoked".into()));
}

#[test]
fn two_processes_share_one_journal_while_one_hands_over_to_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let (before, next) = (open(&folder), open(&folder));
    let home = peer("10.0.0.1");
    let (token, _) = before.log_in("10.0.0.1");
    assert_eq!(next.call(&home, &token, now()), Ok("reporting".into()));
    let (other, _) = next.log_in("10.0.0.1");
    assert_eq!(before.call(&home, &other, now()), Ok("reporting".into()));
    next.sessions.revoke_identity(&name("reporting")).unwrap();
    before.sessions.prune(now()).unwrap();
    assert_eq!(before.call(&home, &token, now()), Err("401 the token was revoked".into()));
}

#[test]
fn a_line_that_a_crash_cut_off_harms_no_other() {
    use std::io::Write;
    let folder = tempfile::tempdir().unwrap();
    let (first, _) = open(&folder).log_in("10.0.0.1");
    let path = folder.path().join("sessions.journal");
    let mut journal = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    journal.write_all(br#"{"event":"issued","hash":"00"#).unwrap();
    let (second, _) = open(&folder).log_in("10.0.0.1");
    let world = open(&folder);
    for token in [first, second] {
        assert_eq!(world.call(&peer("10.0.0.1"), &token, now()), Ok("reporting".into()));
    }
}

#[test]
fn what_ended_is_forgotten_and_the_journal_stays_short() {
    let folder = tempfile::tempdir().unwrap();
    let world = open(&folder);
    let home = peer("10.0.0.1");
    for _ in 0..6_000 {
        let login = world.token_at(&home, FORM, None, now());
        assert_eq!(login.answer.status, 200);
    }
    let (refresh, _) = (text(&body(&world.token(&home, FORM)), "refresh_token"), ());
    // The most that one identity may hold: the rest ended, and is remembered for the reason.
    assert_eq!(world.sessions.count(), 12_002);
    world.sessions.prune(after(1_800 + 3_601)).unwrap();
    assert!(world.sessions.count() <= 6_001);
    let lines = std::fs::read_to_string(folder.path().join("sessions.journal")).unwrap().lines().count();
    assert!(lines < 24_000, "{lines}");

    let other = open(&folder);
    let form =
        format!("grant_type=refresh_token&refresh_token={refresh}&client_id=reporting&client_secret=r3port");
    assert_eq!(other.token(&home, &form).answer.status, 200);
    assert_eq!(world.token(&home, &form).answer.status, 200);
}

#[test]
fn an_unusable_state_folder_is_an_error_not_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    assert!(Sessions::open(&folder.path().join("file"), now()).is_err());
}

#[test]
fn sessions_are_shared_between_threads() {
    let world = Arc::new(World::new());
    let (token, _) = world.log_in("10.0.0.1");
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (world, token) = (Arc::clone(&world), token.clone());
            std::thread::spawn(move || {
                let (own, _) = world.log_in("10.0.0.1");
                for _ in 0..500 {
                    assert!(world.call(&peer("10.0.0.1"), &token, now()).is_ok());
                    assert!(world.call(&peer("10.0.0.1"), &own, now()).is_ok());
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}
