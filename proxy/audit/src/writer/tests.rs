//! What the writer promises: records survive, gaps are told, and a folder goes on where it was.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use forcefield_policy::names::IdentityName;
use forcefield_policy::request::Reading;
use tempfile::TempDir;
use ulid::Ulid;

use super::*;
use crate::query::{Filter, query};
use crate::record::Outcome;
use crate::verify::{Proofs, Report, verify};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

pub(crate) fn key() -> AuditKey {
    AuditKey::new(SECRET).unwrap()
}

/// Verified with the key of the chain.
pub(crate) fn verified(dir: &Path) -> io::Result<Report> {
    verify(dir, &Proofs::key(&key(), key().public()))
}

pub(crate) fn settings() -> Settings {
    Settings::new(key(), WhenFull::Block)
}

pub(crate) fn record(number: u64) -> Record {
    let time = Timestamp::from_second(1_790_000_000 + i64::try_from(number).unwrap()).unwrap();
    let mut record =
        Record::new(Ulid::from(u128::from(number)), time, "10.0.0.7:4711".parse().unwrap(), "GET");
    record.identity = Some(IdentityName::try_from("drift").unwrap());
    record.outcome = Outcome::Allowed;
    record.status = 200;
    record.reading = reading("Case", "Case.Subject");
    record.rows = number;
    record
}

/// One object and one field.
pub(crate) fn reading(object: &str, field: &str) -> Option<Arc<Reading>> {
    let (objects, fields) = (vec![object.to_owned()], vec![field.to_owned()]);
    Some(Arc::new(Reading { objects, fields }))
}

pub(crate) async fn write(writer: &Writer, numbers: std::ops::Range<u64>) {
    for number in numbers {
        writer.write(writer.admit().unwrap(), &record(number)).await.unwrap();
    }
}

pub(crate) fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "jsonl"));
    files.sort();
    files
}

fn rows(dir: &Path) -> u64 {
    query(dir, &Filter::default(), |_| {}).unwrap().rows
}

#[tokio::test]
async fn a_written_record_is_in_the_file() {
    let dir = TempDir::new().unwrap();
    let writer = Writer::open(dir.path(), settings()).unwrap();
    write(&writer, 1..4).await;
    assert_eq!(rows(dir.path()), 6, "while the writer runs");
    writer.submit(writer.admit().unwrap(), &record(4));
    drop(writer);
    assert_eq!(rows(dir.path()), 10);
    assert!(verified(dir.path()).unwrap().is_sound());
}

#[tokio::test]
async fn runs_and_files_follow_each_other() {
    let dir = TempDir::new().unwrap();
    for run in 0..3 {
        let settings = Settings { file_bytes: 4000, checkpoint_records: 5, ..settings() };
        let writer = Writer::open(dir.path(), settings).unwrap();
        write(&writer, run * 10..run * 10 + 10).await;
    }
    let report = verified(dir.path()).unwrap();
    assert_eq!(report.problems, []);
    assert_eq!((report.runs, report.records, report.lost), (3, 30, 0));
    assert!(report.files > 6, "{report:?}");
}

#[tokio::test]
async fn an_old_file_is_followed_by_the_next() {
    let dir = TempDir::new().unwrap();
    let writer =
        Writer::open(dir.path(), Settings { file_age: Duration::from_secs(100), ..settings() }).unwrap();
    write(&writer, 0..3).await;
    write(&writer, 99..100).await;
    assert_eq!(files(dir.path()).len(), 1);
    write(&writer, 100..101).await;
    assert_eq!(files(dir.path()).len(), 2);
}

#[tokio::test]
async fn two_processes_may_write_at_once() {
    let dir = TempDir::new().unwrap();
    let old = Writer::open(dir.path(), settings()).unwrap();
    write(&old, 1..3).await;
    let new = Writer::open(dir.path(), settings()).unwrap();
    write(&new, 3..5).await;
    write(&old, 5..7).await;
    assert!(verified(dir.path()).unwrap().is_sound(), "while both run");
    drop((old, new));
    drop(Writer::open(dir.path(), settings()).unwrap());
    let report = verified(dir.path()).unwrap();
    assert_eq!((report.problems.as_slice(), report.records, report.runs), (&[][..], 6, 3));
}

#[tokio::test]
async fn a_torn_line_is_cut_off_and_recorded() {
    let dir = TempDir::new().unwrap();
    let writer = Writer::open(dir.path(), settings()).unwrap();
    write(&writer, 1..3).await;
    drop(writer);
    let file = files(dir.path()).remove(0);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}{{\"time\":17900")).unwrap();
    assert_eq!(verified(dir.path()).unwrap().torn, 1);
    drop(Writer::open(dir.path(), settings()).unwrap());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let report = verified(dir.path()).unwrap();
    assert!(report.is_sound() && report.torn == 0, "{report:?}");
    let told = std::fs::read_to_string(files(dir.path()).remove(1)).unwrap();
    assert!(told.contains("was torn and is cut off"), "{told}");
}

#[tokio::test]
async fn a_lost_tail_is_recorded_when_the_folder_is_opened_again() {
    let dir = TempDir::new().unwrap();
    let writer = Writer::open(dir.path(), settings()).unwrap();
    write(&writer, 1..5).await;
    drop(writer);
    let file = files(dir.path()).remove(0);
    let text = std::fs::read_to_string(&file).unwrap();
    let kept: String = text.lines().take(3).map(|line| format!("{line}\n")).collect();
    std::fs::write(&file, kept).unwrap();
    drop(Writer::open(dir.path(), settings()).unwrap());
    let told = std::fs::read_to_string(files(dir.path()).remove(1)).unwrap();
    assert!(told.contains("had 6 lines and has 3"), "{told}");
    assert!(!verified(dir.path()).unwrap().is_sound(), "and stays a problem");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn records_of_many_at_once_are_each_written_once_before_that_is_told() {
    let dir = TempDir::new().unwrap();
    let settings = Settings { checkpoint_records: 50, ..settings() };
    let writer = Arc::new(Writer::open(dir.path(), settings).unwrap());
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let writer = Arc::clone(&writer);
            tokio::spawn(async move { write(&writer, 0..100).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut seen = [0; 100];
    query(dir.path(), &Filter::default(), |record| seen[record.rows as usize] += 1).unwrap();
    assert_eq!(seen, [8; 100], "while the writer runs");
    assert_eq!(writer.status().queued, 0);
    drop(writer);
    let report = verified(dir.path()).unwrap();
    assert_eq!((report.problems.as_slice(), report.records, report.lost), (&[][..], 800, 0));
}

#[tokio::test]
async fn no_request_is_let_in_past_the_queue() {
    let dir = TempDir::new().unwrap();
    let writer = Writer::open(dir.path(), Settings { queue: 2, ..settings() }).unwrap();
    let (one, _two) = (writer.admit().unwrap(), writer.admit().unwrap());
    assert_eq!(writer.admit().unwrap_err(), Unavailable::Full);
    writer.write(one, &record(1)).await.unwrap();
    assert!(writer.admit().is_ok(), "a written record gives its place back");
}

#[tokio::test]
async fn a_full_queue_that_counts_tells_its_gap() {
    let dir = TempDir::new().unwrap();
    let writer =
        Writer::open(dir.path(), Settings { queue: 0, when_full: WhenFull::Count, ..settings() }).unwrap();
    write(&writer, 1..4).await;
    assert_eq!(writer.status().lost, 3);
    drop(writer);
    let report = verified(dir.path()).unwrap();
    assert_eq!((report.lost, report.records, report.is_sound()), (3, 0, true));
}

/// Each record begins a new file, which cannot be made while the folder is away. Gives a place that was taken before.
async fn while_the_disk_fails(when_full: WhenFull) -> (TempDir, Writer, Slot) {
    let dir = TempDir::new().unwrap();
    let writer = Writer::open(dir.path(), Settings { file_bytes: 1, when_full, ..settings() }).unwrap();
    write(&writer, 1..2).await;
    let slot = writer.admit().unwrap();
    std::fs::remove_dir_all(dir.path()).unwrap();
    (dir, writer, slot)
}

/// Waits until a request is let in, or not.
async fn until(writer: &Writer, let_in: bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while writer.admit().is_ok() != let_in {
        assert!(Instant::now() < deadline, "it never came");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_folder_that_is_deleted_blocks_requests_though_nothing_is_to_be_written() {
    let dir = TempDir::new().unwrap();
    let writer = Writer::open(dir.path(), settings()).unwrap();
    write(&writer, 1..3).await;
    std::fs::remove_dir_all(dir.path()).unwrap();
    until(&writer, false).await;
    assert!(!writer.status().writable);
    std::fs::create_dir_all(dir.path()).unwrap();
    until(&writer, true).await;
    write(&writer, 3..4).await;
    drop(writer);
    let report = verified(dir.path()).unwrap();
    assert_eq!((report.records, report.is_sound()), (1, false), "it goes on, and what is gone is missed");
}

#[tokio::test]
async fn a_file_or_a_head_that_is_deleted_is_missed_and_followed_by_the_next() {
    for end in ["jsonl", "head"] {
        let dir = TempDir::new().unwrap();
        let writer = Writer::open(dir.path(), settings()).unwrap();
        write(&writer, 1..3).await;
        let files = || std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path());
        let of = |end: &str| files().filter(|path| path.extension().is_some_and(|is| is == end)).count();
        let gone = files().find(|path| path.extension().is_some_and(|is| is == end)).unwrap();
        std::fs::remove_file(gone).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while (of("jsonl"), of("head")) != (if end == "head" { 2 } else { 1 }, 1) {
            assert!(Instant::now() < deadline, "it never came");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        until(&writer, true).await;
        write(&writer, 3..4).await;
        drop(writer);
        let report = verified(dir.path()).unwrap();
        let (records, sound) = if end == "head" { (3, true) } else { (1, false) };
        assert_eq!((report.records, report.is_sound()), (records, sound), "{end}: {:?}", report.problems);
    }
}

#[tokio::test]
async fn a_failing_disk_blocks_requests_until_it_works_again() {
    let (dir, writer, slot) = while_the_disk_fails(WhenFull::Block).await;
    assert_eq!(writer.write(slot, &record(2)).await, Err(WriteError));
    assert_eq!(writer.admit().unwrap_err(), Unavailable::Broken);
    std::fs::create_dir_all(dir.path()).unwrap();
    let admitted = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            match writer.admit() {
                Ok(slot) => return slot,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    writer.write(admitted.await.unwrap(), &record(3)).await.unwrap();
    drop(writer);
    let report = verified(dir.path()).unwrap();
    assert_eq!((report.lost, report.records), (1, 1), "the gap is recorded before what comes after it");
}

#[tokio::test]
async fn a_failing_disk_that_counts_lets_requests_pass() {
    let (dir, writer, _) = while_the_disk_fails(WhenFull::Count).await;
    write(&writer, 2..5).await;
    assert_eq!(writer.status().lost, 3);
    assert!(!writer.status().writable);
    std::fs::create_dir_all(dir.path()).unwrap();
    write(&writer, 5..6).await;
    drop(writer);
    let report = verified(dir.path()).unwrap();
    assert_eq!((report.lost, report.records), (3, 1));
}

const CHILD: &str = "FORCEFIELD_AUDIT_CHILD";

/// Not a test by itself: the process that [`a_killed_process_loses_no_record_that_was_answered_for`] kills.
#[tokio::test]
async fn writes_until_killed() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let writer = Arc::new(Writer::open(dir.as_ref(), settings()).unwrap());
    for number in 1.. {
        // Two at once, so that batches form.
        let other = Arc::clone(&writer);
        let beside = tokio::spawn(async move { other.write(other.admit().unwrap(), &record(0)).await });
        writer.write(writer.admit().unwrap(), &record(number)).await.unwrap();
        eprintln!("answered {number}");
        beside.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_killed_process_loses_no_record_that_was_answered_for() {
    let dir = TempDir::new().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "writer::tests::writes_until_killed", "--nocapture"])
        .env(CHILD, dir.path())
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let number = |line: String| line.strip_prefix("answered ").and_then(|number| number.parse::<u64>().ok());
    let mut answered = lines.by_ref().filter_map(number).take(700).last().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    answered = lines.filter_map(number).last().unwrap_or(answered);
    drop(Writer::open(dir.path(), settings()).unwrap());
    let report = verified(dir.path()).unwrap();
    assert_eq!(report.problems, []);
    let mut seen = 0;
    query(dir.path(), &Filter::default(), |record| seen = seen.max(record.rows)).unwrap();
    assert!(seen >= answered, "{answered} were answered, {seen} are recorded");
}

#[test]
fn a_key_is_made_once_and_kept_private() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("audit.key");
    let (first, again) = (AuditKey::kept_in(&path).unwrap(), AuditKey::kept_in(&path).unwrap());
    assert_eq!(first.public(), again.public());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(format!("{first:?}"), "AuditKey(redacted)");
    assert!(AuditKey::new(b"short").is_err());
}
