//! How many records a second are written, and what one costs:
//! `cargo run --profile bench -p forcefield-audit --example records`

use std::sync::Arc;
use std::time::{Duration, Instant};

use forcefield_audit::{AuditKey, Outcome, Proofs, Record, Settings, Writer, verify};
use forcefield_config::config::WhenFull;
use forcefield_policy::names::IdentityName;
use forcefield_policy::request::Reading;
use jiff::Timestamp;
use ulid::Ulid;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::TempDir::new_in(".")?;
    let key = || AuditKey::new(&[7; 32]);
    let writer = Arc::new(Writer::open(folder.path(), Settings::new(key()?, WhenFull::Block))?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    for (together, each) in [(1_u32, 20_000_u32), (64, 5_000), (512, 500)] {
        let (start, cpu) = (Instant::now(), cpu());
        let tasks: Vec<_> = (0..together)
            .map(|_| {
                let writer = Arc::clone(&writer);
                runtime.spawn(async move {
                    for number in 0..each {
                        let slot = writer.admit().map_err(|error| error.to_string())?;
                        writer.write(slot, &record(number)).await.map_err(|error| error.to_string())?;
                    }
                    Ok::<(), String>(())
                })
            })
            .collect();
        for task in tasks {
            runtime.block_on(task)??;
        }
        let records = together * each;
        eprintln!(
            "{together} at once: {:.0} records/s, {:.1} us of CPU each, {:?} from call to written",
            f64::from(records) / start.elapsed().as_secs_f64(),
            (self::cpu() - cpu).as_secs_f64() * 1e6 / f64::from(records),
            start.elapsed() / each,
        );
    }
    drop(writer);
    let start = Instant::now();
    let report = verify(folder.path(), &Proofs::key(&key()?, key()?.public()))?;
    let bytes: u64 = std::fs::read_dir(folder.path())?
        .map(|entry| entry.map_or(0, |entry| entry.metadata().map_or(0, |data| data.len())))
        .sum();
    eprintln!(
        "verified {} lines in {} files: {:.0} MB/s, sound: {}",
        report.lines,
        report.files,
        bytes as f64 / 1e6 / start.elapsed().as_secs_f64(),
        report.is_sound(),
    );
    Ok(())
}

/// The CPU time that this process has used.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: u64 =
        stat.split_whitespace().skip(13).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn record(number: u32) -> Record {
    let mut record = Record::new(
        Ulid::from(u128::from(number)),
        Timestamp::UNIX_EPOCH,
        ([10, 0, 0, 7], 4711).into(),
        "GET",
    );
    record.identity = IdentityName::try_from("billing-sync").ok();
    let fields = (0..10).map(|at| format!("Account.Field{at}__c")).collect();
    record.reading = Some(Arc::new(Reading { objects: vec!["Account".into(), "Contact".into()], fields }));
    record.shapes = vec!["SELECT Id, Name FROM Account WHERE Industry = ? LIMIT 10".into()];
    (record.outcome, record.status, record.rows, record.bytes) = (Outcome::Allowed, 200, 10, 1024);
    record
}
