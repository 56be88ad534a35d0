//! Opening a folder: what earlier runs left is looked at, cut clean and recorded, and a new run begins.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tracing::warn;
use ulid::Ulid;

use super::log::Log;
use super::{Settings, Shared};
use crate::folder::{self, Head, Line, Lines, Runs, Tail};
use crate::key::AuditKey;
use crate::line::Tip;
use crate::note::{Follow, Note, Read};

/// Runs that a new one names.
const FOLLOWED: usize = 16;

/// What looking at the runs before gave.
#[derive(Default)]
struct Before {
    follows: Vec<Follow>,
    /// File and bytes cut off.
    torn: Vec<(String, u64)>,
    /// Run, its last line, what its head says.
    lost: Vec<(String, u64, u64)>,
}

/// Begins a run.
pub(super) fn open(dir: &Path, settings: Settings, shared: Arc<Shared>) -> io::Result<Log> {
    std::fs::create_dir_all(dir)?;
    let runs = folder::runs(dir)?;
    let known = ended(dir, &runs)?;
    let mut before = Before::default();
    for (run, files) in runs.iter().rev().take(FOLLOWED).rev() {
        match known.iter().find(|follow| follow.run == *run) {
            Some(follow) => before.follows.push(follow.clone()),
            None => before.look(dir, &settings.key, run, files)?,
        }
    }
    let run = name(&runs);
    let head = Head::create(dir, &run)?;
    let mut log = Log::begin(dir, run, head, settings, shared)?;
    log.opened(&before.follows)?;
    for (file, bytes) in &before.torn {
        warn!(file, bytes, "the last audit line of an earlier run was torn and is cut off");
        log.note(&Note::Torn { file, bytes: *bytes })?;
    }
    for (run, last, head) in &before.lost {
        warn!(run, last, head, "audit lines of an earlier run are missing");
        log.note(&Note::Lost { run, last: *last, head: *head })?;
    }
    log.sync_now()?;
    Ok(log)
}

/// The runs that the newest run found ended: nothing about them can have changed in order since.
fn ended(dir: &Path, runs: &Runs) -> io::Result<Vec<Follow>> {
    let Some((run, files)) = runs.iter().next_back() else { return Ok(Vec::new()) };
    let Some(first) = files.first() else { return Ok(Vec::new()) };
    let mut lines = Lines::open(&folder::file(dir, run, *first))?;
    let Some(Line::Whole(line)) = lines.next()? else { return Ok(Vec::new()) };
    let follows = serde_json::from_slice::<Read>(line).map(|read| read.unmapped.follows).unwrap_or_default();
    Ok(follows.into_iter().filter(|follow| follow.ended).collect())
}

/// A name after that of every run before, whatever the clock says.
fn name(runs: &Runs) -> String {
    let now = Ulid::new();
    let newest = runs.keys().next_back().and_then(|run| Ulid::from_string(run).ok());
    match newest.filter(|newest| *newest >= now).and_then(|newest| newest.increment()) {
        Some(next) => next.to_string(),
        None => now.to_string(),
    }
}

// === impl Before ===

impl Before {
    fn look(&mut self, dir: &Path, key: &AuditKey, run: &str, files: &[u32]) -> io::Result<()> {
        let alive = folder::is_alive(dir, run)?;
        let (mut tip, mut digest) = (Tip { sequence: 0, hash: key.genesis(run) }, None);
        for (back, number) in files.iter().rev().enumerate() {
            let path = folder::file(dir, run, *number);
            let Tail { tip: last, whole, torn } = folder::tail(&path)?;
            if torn > 0 && back == 0 && !alive {
                let file = OpenOptions::new().write(true).open(&path)?;
                file.set_len(whole)?;
                file.sync_all()?;
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                self.torn.push((name, torn));
            }
            if let Some(last) = last {
                tip = last;
                if !alive {
                    digest = Some(folder::last_section(&path)?.to_string());
                }
                break;
            }
        }
        if let (Some(Ok(said)), false) = (folder::said(dir, run)?, alive)
            && said.is_sealed(key, run)
            && said.mark.tip.sequence > tip.sequence
        {
            self.lost.push((run.to_owned(), tip.sequence, said.mark.tip.sequence));
        }
        let (sequence, chain) = (tip.sequence, tip.hash.to_string());
        self.follows.push(Follow { run: run.to_owned(), sequence, chain, digest, ended: !alive });
        Ok(())
    }
}

/// The time of lines that are not about an exchange.
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}
