//! What is found with the public key alone, by an auditor who could not write a line.

use super::*;
use crate::note::Checkpoint;
use crate::section::Section;

/// The key of the chain, with another key that signs.
fn two_keys() -> AuditKey {
    key().signed_by(SIGNING).unwrap()
}

pub(super) fn verified(dir: &Path) -> Report {
    verify(dir, &Proofs::public(key().public())).unwrap()
}

pub(super) fn problems(dir: &TempDir) -> Vec<String> {
    told(&verified(dir.path()))
}

/// A folder of one run with twelve records, whose process ended in order, or was killed.
async fn run(key: AuditKey, killed: bool) -> TempDir {
    let dir = TempDir::new().unwrap();
    let settings = Settings { checkpoint_records: 5, key, ..settings() };
    let writer = Writer::open(dir.path(), settings).unwrap();
    write(&writer, 0..12).await;
    if killed {
        let head = head(dir.path());
        let said = || std::fs::read_to_string(&head).unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        while !said().starts_with(&format!("{:020}", 15)) {
            assert!(std::time::Instant::now() < deadline, "the head stays behind");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let copy = TempDir::new().unwrap();
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
        return copy;
    }
    drop(writer);
    dir
}

fn head(dir: &Path) -> std::path::PathBuf {
    let mut all = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    all.find(|path| path.extension().is_some_and(|extension| extension == "head")).unwrap()
}

#[tokio::test]
async fn an_edited_line_is_found_between_two_signatures() {
    let dir = folder().await;
    let file = files(dir.path()).remove(0);
    change(&file, |lines| lines[3] = lines[3].replace("\"Case\"", "\"Lead\""));
    // The next checkpoint begins the next file.
    assert_eq!(problems(&dir), [format!("000001:1 Section({})", lines(&file).len())]);
}

#[tokio::test]
async fn lines_that_were_numbered_anew_are_found() {
    let dir = run(key(), false).await;
    change(&files(dir.path())[0], |lines| {
        lines.remove(2);
        for (at, line) in lines.iter_mut().enumerate() {
            let (event, rest) = line.rsplit_once(",\"sequence\":").unwrap();
            let (_, chain) = rest.split_once(',').unwrap();
            *line = format!("{event},\"sequence\":{},{chain}", at + 1);
        }
    });
    let found = problems(&dir);
    assert_eq!(found[0], "000001:6 Signature", "the checkpoint there stands at another number: {found:?}");
}

/// What is left ends with a checkpoint that is rightly signed.
#[tokio::test]
async fn a_tail_that_was_cut_at_a_checkpoint_is_known_to_the_head_and_to_later_runs() {
    let to_checkpoint = |lines: &mut Vec<String>| drop(lines.split_off(7));
    let dir = run(key(), false).await;
    change(&files(dir.path())[0], to_checkpoint);
    assert_eq!(problems(&dir), ["000001:7 CutTail(9)"]);

    let dir = run(key(), false).await;
    let head = head(dir.path());
    drop(Writer::open(dir.path(), settings()).unwrap());
    change(&files(dir.path())[0], to_checkpoint);
    std::fs::remove_file(head).unwrap();
    assert_eq!(problems(&dir), [":0 NoHead", "000001:7 CutTail(9)"]);
}

#[tokio::test]
async fn a_killed_run_is_signed_up_to_its_head_and_then_by_the_next_run() {
    let dir = run(key(), true).await;
    let report = verified(dir.path());
    assert_eq!((told(&report), report.unsigned), (vec![], vec![]));
    let file = files(dir.path()).remove(0);
    change(&file, |lines| *lines.last_mut().unwrap() = lines.last().unwrap().replace("Case", "Lead"));
    assert_eq!(problems(&dir), ["000001:13 Section(15)"], "after the last checkpoint, before the head");

    // What was written after the head spoke last is not signed, and said not to be.
    let dir = run(key(), true).await;
    let (file, run) =
        (files(dir.path()).remove(0), folder::runs(dir.path()).unwrap().into_keys().next().unwrap());
    let last = lines(&file).pop().unwrap();
    let mut tip = crate::line::unseal(last.as_bytes()).unwrap().tip;
    let mut text = std::fs::read(&file).unwrap();
    seal(&key(), &mut tip, &crate::writer::tests::record(13).event(), &mut text);
    std::fs::write(&file, text).unwrap();
    let report = verified(dir.path());
    assert_eq!(told(&report), Vec::<String>::new());
    assert_eq!(report.unsigned, [Unsigned { run, lines: 1, after: 15 }]);
    drop(Writer::open(dir.path(), settings()).unwrap());
    let report = verified(dir.path());
    assert_eq!((told(&report), report.unsigned), (vec![], vec![]), "the next run signs what it found");
    change(&file, |lines| *lines.last_mut().unwrap() = lines.last().unwrap().replace("Case", "Lead"));
    assert_eq!(problems(&dir), ["000001:13 Section(16)"]);
}

/// Somebody with the key of the chain writes a run anew, its head included, and cannot sign.
#[tokio::test]
async fn a_run_chained_anew_with_the_key_of_the_chain_is_found() {
    let dir = run(two_keys(), false).await;
    let public = Proofs::public(two_keys().public());
    let (chain, both) = (key(), two_keys().public());
    let keyed = Proofs::key(&chain, both);
    for proofs in [&public, &keyed] {
        let report = verify(dir.path(), proofs).unwrap();
        assert_eq!((told(&report), report.unsigned), (vec![], vec![]));
    }
    let (run, file) =
        (folder::runs(dir.path()).unwrap().into_keys().next().unwrap(), files(dir.path()).remove(0));
    let (mut tip, mut section, mut out) =
        (Tip { sequence: 0, hash: chain.genesis(&run) }, Section::new(), Vec::new());
    for line in lines(&file) {
        let start = out.len();
        let (event, _) = line.rsplit_once(",\"sequence\":").unwrap();
        let mut event = format!("{}}}}}", event.replace("\"Case\"", "\"Lead\"")).into_bytes();
        if line.contains("\"checkpoint\"") {
            let (why, digest) = (crate::note::Why::Regular, section.digest());
            let anew = Checkpoint { why, run: &run, file: 1, tip, digest, follows: &[] };
            event = anew.event(chain.signer(), jiff::Timestamp::now());
            section = Section::new();
        }
        seal(&chain, &mut tip, &event, &mut out);
        section.add(&out[start..]);
    }
    std::fs::write(&file, out).unwrap();
    std::fs::remove_file(head(dir.path())).unwrap();
    folder::Head::create(dir.path(), &run).unwrap().say(&chain, tip, &section).unwrap();
    assert_eq!(
        super::problems(&dir),
        Vec::<String>::new(),
        "who trusts the key of the chain alone is deceived"
    );
    for proofs in [&public, &keyed] {
        let report = verify(dir.path(), proofs).unwrap();
        let found = told(&report);
        assert_eq!(found[0], ":0 ForgedHead");
        assert_eq!(found[1..].len(), 4, "each checkpoint: {found:?}");
        assert!(found[1..].iter().all(|problem| problem.ends_with("Signature")), "{found:?}");
    }
}

/// ... and leaves the checkpoints as they were signed.
#[tokio::test]
async fn a_run_chained_anew_around_its_checkpoints_is_found() {
    let dir = run(two_keys(), false).await;
    let (run, file) =
        (folder::runs(dir.path()).unwrap().into_keys().next().unwrap(), files(dir.path()).remove(0));
    let (mut tip, mut out) = (Tip { sequence: 0, hash: key().genesis(&run) }, Vec::new());
    for line in lines(&file) {
        let (event, _) = line.rsplit_once(",\"sequence\":").unwrap();
        let event = event.replace("\"rows\":2,", "\"rows\":1,");
        seal(&key(), &mut tip, format!("{event}}}}}").as_bytes(), &mut out);
    }
    std::fs::write(&file, out).unwrap();
    let report = verify(dir.path(), &Proofs::public(two_keys().public())).unwrap();
    assert_eq!(told(&report)[0], "000001:1 Section(6)");
}

#[tokio::test]
async fn signatures_of_another_key_count_only_when_it_is_given() {
    let dir = run(two_keys(), false).await;
    drop(Writer::open(dir.path(), settings()).unwrap());
    let of = |public: PublicKeys| verify(dir.path(), &Proofs::public(public)).unwrap();
    assert_eq!(
        told(&of(key().public().and(two_keys().public()))),
        Vec::<String>::new(),
        "before and after a change of keys"
    );
    let report = of(key().public());
    assert!(report.problems.iter().any(|problem| problem.what == Wrong::Signature), "{report:?}");
}

/// What a version wrote whose checkpoints signed the chain alone.
#[tokio::test]
async fn a_folder_of_an_earlier_version_verifies_with_the_key_and_goes_on() {
    let dir = TempDir::new().unwrap();
    let earlier = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/verify/tests/earlier");
    for entry in std::fs::read_dir(earlier).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    let secret = std::fs::read(dir.path().join("key.txt")).unwrap();
    let key = || AuditKey::new(&secret).unwrap();
    let keyed = |dir: &Path| verify(dir, &Proofs::key(&key(), key().public())).unwrap();
    let public = |dir: &Path| verify(dir, &Proofs::public(key().public())).unwrap();
    assert_eq!(
        (told(&keyed(dir.path())), told(&public(dir.path()))),
        (vec![], vec![":0 Unsigned".to_owned()])
    );
    let writer = Writer::open(dir.path(), Settings { key: key(), ..settings() }).unwrap();
    write(&writer, 0..3).await;
    drop(writer);
    assert_eq!(
        (told(&keyed(dir.path())), told(&public(dir.path()))),
        (vec![], vec![":0 Unsigned".to_owned()])
    );
    change(&files(dir.path())[0], |lines| lines[1] = lines[1].replace("200", "201"));
    assert_eq!(told(&keyed(dir.path())), ["000001:2 Changed"]);
}

/// Made by `openssl genpkey -algorithm ed25519`.
const SIGNING: &[u8] = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIPk1JH9F12uv957dghEzLHs0BnTbdoJ6CXrnMfFyZXa2\n-----END PRIVATE KEY-----\n";
