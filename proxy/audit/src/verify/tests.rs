//! Every way to tamper with a folder is found, and where.

mod signed;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::line::{Tip, seal};
use crate::writer::tests::{files, key, settings, verified, write};
use crate::writer::{Settings, Writer};

/// Two runs of three files or so, with thirty records.
async fn folder() -> TempDir {
    let dir = TempDir::new().unwrap();
    for run in 0..2 {
        let settings = Settings { file_bytes: 6000, checkpoint_records: 7, ..settings() };
        let writer = Writer::open(dir.path(), settings).unwrap();
        write(&writer, run * 15..run * 15 + 15).await;
    }
    for report in [verified(dir.path()).unwrap(), signed::verified(dir.path())] {
        assert_eq!((report.problems.as_slice(), report.records), (&[][..], 30));
        assert!(report.files >= 4 && report.unsigned.is_empty(), "{report:?}");
    }
    dir
}

fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

fn put(path: &Path, lines: &[String]) {
    std::fs::write(path, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let mut all = lines(path);
    change(&mut all);
    put(path, &all);
}

fn problems(dir: &TempDir) -> Vec<String> {
    told(&verified(dir.path()).unwrap())
}

/// What is found with the key and with the public key alone, where the two find the same.
fn either_way(dir: &TempDir) -> Vec<String> {
    let found = problems(dir);
    assert_eq!(signed::problems(dir), found, "with the public key alone");
    found
}

/// Takes a run away with all that is of it.
fn remove_run(dir: &Path, run: &str) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().contains(run) {
            std::fs::remove_file(path).unwrap();
        }
    }
}

fn told(report: &Report) -> Vec<String> {
    report
        .problems
        .iter()
        .map(|problem| format!("{}:{} {:?}", place(&problem.file), problem.line, problem.what))
        .collect()
}

/// The number of a file within its run, or nothing for a run.
fn place(file: &str) -> &str {
    file.strip_suffix(".jsonl").and_then(|name| name.rsplit_once('-')).map_or("", |(_, number)| number)
}

#[tokio::test]
async fn an_edited_line_is_found() {
    let dir = folder().await;
    change(&files(dir.path())[0], |lines| lines[3] = lines[3].replace("\"Case\"", "\"Lead\""));
    assert_eq!(problems(&dir), ["000001:4 Changed"]);
}

#[tokio::test]
async fn a_changed_number_or_hash_is_found() {
    let dir = folder().await;
    change(&files(dir.path())[0], |lines| lines[3] = lines[3].replace("\"sequence\":4,", "\"sequence\":5,"));
    assert_eq!(problems(&dir), ["000001:4 Removed(1)", "000001:5 OutOfOrder"]);
    let dir = folder().await;
    change(&files(dir.path())[0], |lines| {
        let at = lines[3].len() - 10;
        let other = if lines[3].as_bytes()[at] == b'0' { "1" } else { "0" };
        lines[3].replace_range(at..=at, other);
    });
    assert_eq!(problems(&dir), ["000001:4 Changed", "000001:5 Changed"]);
}

#[tokio::test]
async fn a_removed_line_is_found() {
    let dir = folder().await;
    change(&files(dir.path())[0], |lines| drop(lines.drain(2..4)));
    assert_eq!(either_way(&dir), ["000001:3 Removed(2)"]);
}

#[tokio::test]
async fn reordered_and_repeated_lines_are_found() {
    let dir = folder().await;
    change(&files(dir.path())[0], |lines| lines.swap(2, 3));
    assert_eq!(either_way(&dir), ["000001:3 Removed(1)", "000001:4 OutOfOrder", "000001:5 Removed(1)"]);
    let dir = folder().await;
    change(&files(dir.path())[0], |lines| lines.insert(3, lines[2].clone()));
    assert_eq!(either_way(&dir), ["000001:4 OutOfOrder"]);
}

#[tokio::test]
async fn an_inserted_line_is_found() {
    let dir = folder().await;
    change(&files(dir.path())[0], |lines| lines.insert(3, "{\"time\":1}".to_owned()));
    assert_eq!(either_way(&dir), ["000001:4 Unreadable"]);
}

#[tokio::test]
async fn a_cut_tail_is_found() {
    let dir = folder().await;
    let last = files(dir.path()).pop().unwrap();
    change(&last, |lines| drop(lines.split_off(lines.len() - 2)));
    let found = either_way(&dir);
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with(&format!(":{} CutTail(2)", lines(&last).len())), "{found:?}");
}

#[tokio::test]
async fn a_cut_tail_of_an_earlier_run_is_known_to_the_later_one_without_its_head() {
    let dir = folder().await;
    let runs = folder::runs(dir.path()).unwrap();
    let (run, numbers) = runs.first_key_value().unwrap();
    let last = folder::file(dir.path(), run, *numbers.last().unwrap());
    change(&last, |lines| drop(lines.pop()));
    std::fs::remove_file(dir.path().join(format!("audit-{run}.head"))).unwrap();
    let found = problems(&dir);
    assert_eq!(found[0], ":0 NoHead");
    assert!(found[1].ends_with("CutTail(1)"), "{found:?}");
}

#[tokio::test]
async fn missing_files_and_runs_are_found() {
    let dir = folder().await;
    std::fs::remove_file(&files(dir.path())[1]).unwrap();
    let found = either_way(&dir);
    assert_eq!(found[0], ":0 NoFile(2)");
    assert!(found[1].starts_with("000003:1 Removed("), "{found:?}");

    let dir = folder().await;
    let runs = folder::runs(dir.path()).unwrap();
    remove_run(dir.path(), runs.keys().next().unwrap());
    assert_eq!(either_way(&dir), [":0 NoRun"]);
}

#[tokio::test]
async fn the_files_of_the_newest_run_are_missed_by_its_head() {
    let dir = folder().await;
    let newest = folder::runs(dir.path()).unwrap().keys().next_back().unwrap().clone();
    for file in files(dir.path()).iter().filter(|file| file.to_string_lossy().contains(&newest)) {
        std::fs::remove_file(file).unwrap();
    }
    let found = problems(&dir);
    assert_eq!(found[0], ":0 NoFile(1)");
    assert!(found[1].starts_with(":0 CutTail("), "{found:?}");
}

#[tokio::test]
async fn a_changed_head_is_found() {
    let dir = folder().await;
    let run = folder::runs(dir.path()).unwrap().keys().next().unwrap().clone();
    let path = dir.path().join(format!("audit-{run}.head"));
    let head = std::fs::read_to_string(&path).unwrap();
    let (_, rest) = head.split_once(' ').unwrap();
    std::fs::write(&path, format!("{:020} {rest}", 1)).unwrap();
    assert_eq!(problems(&dir), [":0 ForgedHead"]);
}

/// Somebody without the key writes a whole run anew, in good order.
#[tokio::test]
async fn a_run_chained_anew_with_another_key_is_found() {
    let dir = folder().await;
    let other = AuditKey::new(&[1; 32]).unwrap();
    let run = folder::runs(dir.path()).unwrap().keys().next().unwrap().clone();
    let mut tip = Tip { sequence: 0, hash: other.genesis(&run) };
    for file in files(dir.path()).iter().filter(|file| file.to_string_lossy().contains(&run)) {
        let mut out = Vec::new();
        for line in lines(file) {
            let (event, _) = line.rsplit_once(",\"sequence\":").unwrap();
            seal(&other, &mut tip, format!("{}}}}}", event.replace("Case", "Lead")).as_bytes(), &mut out);
        }
        std::fs::write(file, out).unwrap();
    }
    let report = verified(dir.path()).unwrap();
    let changed = report.problems.iter().filter(|problem| problem.what == Wrong::Changed).count();
    assert_eq!(changed as u64, tip.sequence, "every line");
    assert!(
        report.problems.iter().any(|problem| problem.what == Wrong::Rewritten),
        "and the run after it knows"
    );
}

/// Somebody with the key, but not with what was said elsewhere, writes a run anew.
#[tokio::test]
async fn a_run_chained_anew_with_the_key_is_known_to_head_and_later_runs() {
    let dir = folder().await;
    let run = folder::runs(dir.path()).unwrap().keys().next().unwrap().clone();
    let mut tip = Tip { sequence: 0, hash: key().genesis(&run) };
    for file in files(dir.path()).iter().filter(|file| file.to_string_lossy().contains(&run)) {
        let mut out = Vec::new();
        for line in lines(file) {
            let (event, _) = line.rsplit_once(",\"sequence\":").unwrap();
            seal(&key(), &mut tip, format!("{}}}}}", event.replace("Case", "Lead")).as_bytes(), &mut out);
        }
        std::fs::write(file, out).unwrap();
    }
    let found = problems(&dir);
    assert!(found.iter().any(|problem| problem.ends_with("Rewritten")), "{found:?}");
}

#[tokio::test]
async fn the_wrong_key_verifies_nothing() {
    let dir = folder().await;
    let other = AuditKey::new(&[9; 32]).unwrap();
    let report = verify(dir.path(), &Proofs::key(&other, other.public())).unwrap();
    let changed = report.problems.iter().filter(|problem| problem.what == Wrong::Changed).count();
    assert_eq!(changed as u64, report.lines);
}

#[test]
fn an_empty_folder_is_sound_and_a_missing_one_an_error() {
    let dir = TempDir::new().unwrap();
    assert_eq!(verified(dir.path()).unwrap(), Report::default());
    assert!(verified(&dir.path().join("none")).is_err());
}

/// A folder of four records with one byte changed; `None` when it is that byte already.
fn with_a_changed_byte(at: usize, to: u8) -> Option<TempDir> {
    let dir = TempDir::new().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { write(&Writer::open(dir.path(), settings()).unwrap(), 0..4).await });
    let file = files(dir.path()).remove(0);
    let mut text = std::fs::read(&file).unwrap();
    let at = at % text.len();
    let before = std::mem::replace(&mut text[at], to);
    std::fs::write(&file, text).unwrap();
    (before != to).then_some(dir)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_changed_byte_is_found(at in 0_usize..10_000, to in any::<u8>()) {
        let Some(dir) = with_a_changed_byte(at, to) else { return Err(TestCaseError::reject("no change")) };
        for report in [verified(dir.path()).unwrap(), signed::verified(dir.path())] {
            // A last line feed that is gone leaves a torn line, which the head knows.
            prop_assert!(!report.is_sound() || report.torn > 0, "byte {} to {}", at, to);
        }
    }
}
