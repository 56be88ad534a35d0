//! What is written: batches of lines, files one after another, checkpoints, the head, and the disk's own keeping.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Instant;

use jiff::Timestamp;
use tracing::{error, info};

use super::opening::now;
use super::{SYNC_EVERY, Settings, Shared, WriteError};
use crate::folder::{self, Head};
use crate::line::{Tip, seal};
use crate::note::{Checkpoint, Follow, Note, Why};
use crate::section::Section;

/// One run being written.
pub(super) struct Log {
    dir: PathBuf,
    run: String,
    settings: Settings,
    shared: Arc<Shared>,
    head: Head,
    file: File,
    number: u32,
    /// Bytes of the file that are whole lines.
    size: u64,
    /// Whether the file, or the head, was taken away under the writing.
    gone: bool,
    /// Whether a failed write may have left bytes behind them.
    soiled: bool,
    /// The time of the first record in the file.
    since: Option<Timestamp>,
    tip: Tip,
    /// The lines since the last checkpoint, that included.
    section: Section,
    /// What the head says.
    said: u64,
    /// Records since the last checkpoint, and when that was.
    unmarked: (u64, Instant),
    /// What the disk was last told to keep.
    synced: (Instant, u64),
    syncer: SyncSender<File>,
    buffer: Vec<u8>,
}

// === impl Log ===

impl Log {
    /// Makes the first file of a run.
    pub(super) fn begin(
        dir: &Path,
        run: String,
        head: Head,
        settings: Settings,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let tip = Tip { sequence: 0, hash: settings.key.genesis(&run) };
        let section = Section::new();
        head.say(&settings.key, tip, &section)?;
        let file = create(dir, &run, 1)?;
        Ok(Self {
            dir: dir.to_owned(),
            syncer: syncer()?,
            run,
            settings,
            shared,
            head,
            file,
            number: 1,
            size: 0,
            gone: false,
            soiled: false,
            since: None,
            tip,
            section,
            said: 0,
            unmarked: (0, Instant::now()),
            synced: (Instant::now(), 0),
            buffer: Vec::new(),
        })
    }

    /// Writes the first line of the run.
    pub(super) fn opened(&mut self, follows: &[Follow]) -> io::Result<()> {
        self.checkpoint(Why::Opened, follows)
    }

    /// Writes a line that is not about an exchange.
    pub(super) fn note(&mut self, note: &Note<'_>) -> io::Result<()> {
        let event = note.event(now());
        self.append(&[&event])
    }

    /// Brings everything onto the disk.
    pub(super) fn sync_now(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        self.say()?;
        self.head.sync()?;
        File::open(&self.dir)?.sync_all()
    }

    /// Ends the run.
    pub(super) fn close(&mut self) {
        let closed = self.checkpoint(Why::Closed, &[]).and_then(|()| self.sync_now());
        let _ = closed.map_err(|error| self.failed(&error));
    }

    /// Writes records, in a file that is right for this moment: all of them, or none.
    pub(super) fn write(&mut self, time: Timestamp, events: &[&[u8]]) -> Result<(), WriteError> {
        self.records(time, events).map_err(|error| {
            self.failed(&error);
            self.shared.lose(events.len() as u64);
            WriteError
        })
    }

    fn records(&mut self, time: Timestamp, events: &[&[u8]]) -> io::Result<()> {
        self.ready(time)?;
        self.append(events)?;
        self.since.get_or_insert(time);
        self.works();
        self.unmarked.0 += events.len() as u64;
        if self.unmarked.0 >= self.settings.checkpoint_records {
            // The records are written; a checkpoint that is not comes with the next ones.
            let _ = self.checkpoint(Why::Regular, &[]).map_err(|error| self.failed(&error));
        }
        Ok(())
    }

    /// What is done from time to time, whatever comes in.
    pub(super) fn tick(&mut self) {
        self.look();
        let broken = !self.shared.writable.load(Ordering::Acquire);
        let gap = self.shared.untold.load(Ordering::Acquire) > 0;
        let (records, since) = self.unmarked;
        let due = broken || records > 0 && since.elapsed() >= self.settings.checkpoint_age;
        let tried = match (gap, due) {
            (true, _) => self.ready(now()),
            (false, true) => self.ready(now()).and_then(|()| self.checkpoint(Why::Regular, &[])),
            (false, false) => Ok(()),
        };
        match tried.and_then(|()| self.say()) {
            Ok(()) if broken => self.works(),
            Ok(()) => {}
            Err(error) => self.failed(&error),
        }
        let (when, what) = self.synced;
        if what != self.tip.sequence && when.elapsed() >= SYNC_EVERY {
            // A sync that is still under way covers what the next one would begin with.
            if let Ok(file) = self.file.try_clone()
                && self.syncer.try_send(file).is_ok()
            {
                self.synced = (Instant::now(), self.tip.sequence);
            }
        }
    }

    /// Looks whether what is written is where it can be found.
    fn look(&mut self) {
        let path = folder::file(&self.dir, &self.run, self.number);
        let there =
            folder::is_at(&self.file, &path).and_then(|there| Ok(there && self.head.is_in(&self.dir)?));
        if !self.gone && !there.unwrap_or_default() {
            self.gone = true;
            let what = format!("`{}` or its head was taken away, and with it what it held", path.display());
            self.failed(&io::Error::new(io::ErrorKind::NotFound, what));
        }
    }

    /// Makes ready for lines of this moment: in the right file, after what was lost.
    fn ready(&mut self, time: Timestamp) -> io::Result<()> {
        if self.gone {
            self.begin_anew()?;
        }
        self.rotate_when_due(time)?;
        self.tell_gap()
    }

    /// Records that records were lost, if any were.
    fn tell_gap(&mut self) -> io::Result<()> {
        let lost = self.shared.untold.load(Ordering::Acquire);
        if lost == 0 {
            return Ok(());
        }
        self.note(&Note::Gap(lost))?;
        self.shared.untold.fetch_sub(lost, Ordering::AcqRel);
        error!(lost, "audit records could not be written; the gap is recorded");
        Ok(())
    }

    fn checkpoint(&mut self, why: Why, follows: &[Follow]) -> io::Result<()> {
        let (tip, digest) = (self.tip, self.section.digest());
        let checkpoint = Checkpoint { why, run: &self.run, file: self.number, tip, digest, follows };
        let event = checkpoint.event(self.settings.key.signer(), now());
        self.append(&[&event])?;
        self.section = Section::of(&self.buffer);
        self.unmarked = (0, Instant::now());
        // The log is where the anchor of the chain is kept apart from the folder.
        info!(run = self.run, sequence = self.tip.sequence, chain = %self.tip.hash, "audit checkpoint");
        Ok(())
    }

    /// Goes on in the next file when this one is full or old.
    fn rotate_when_due(&mut self, time: Timestamp) -> io::Result<()> {
        let age = self.since.map(|since| time.duration_since(since).unsigned_abs());
        let old = age.is_some_and(|age| age >= self.settings.file_age);
        if self.size < self.settings.file_bytes && !old {
            return Ok(());
        }
        self.clean()?;
        self.file.sync_data()?;
        self.next_file()
    }

    /// Goes on after a file or the head was taken away, as soon as the folder is there.
    fn begin_anew(&mut self) -> io::Result<()> {
        if !self.head.is_in(&self.dir)? {
            self.head = Head::create(&self.dir, &self.run)?;
            self.said = 0;
        }
        self.next_file()?;
        self.gone = false;
        Ok(())
    }

    fn next_file(&mut self) -> io::Result<()> {
        self.file = create(&self.dir, &self.run, self.number + 1)?;
        self.number += 1;
        (self.size, self.since, self.soiled) = (0, None, false);
        self.checkpoint(Why::Rotated, &[])?;
        File::open(&self.dir)?.sync_all()
    }

    /// Appends lines with one write. Either all of them are written, or the chain has not moved.
    fn append(&mut self, events: &[&[u8]]) -> io::Result<()> {
        self.clean()?;
        let mut tip = self.tip;
        self.buffer.clear();
        for event in events {
            seal(&self.settings.key, &mut tip, event, &mut self.buffer);
        }
        let began = Instant::now();
        if let Err(error) = self.file.write_all(&self.buffer) {
            self.soiled = true;
            return Err(error);
        }
        self.shared.wrote(self.buffer.len(), began.elapsed());
        self.section.add(&self.buffer);
        self.size += self.buffer.len() as u64;
        self.shared.lines.store(tip.sequence, Ordering::Relaxed);
        self.tip = tip;
        Ok(())
    }

    /// Cuts off what a failed write left.
    fn clean(&mut self) -> io::Result<()> {
        if self.soiled {
            self.file.set_len(self.size)?;
            self.soiled = false;
        }
        Ok(())
    }

    fn say(&mut self) -> io::Result<()> {
        if self.said != self.tip.sequence {
            self.head.say(&self.settings.key, self.tip, &self.section)?;
            self.said = self.tip.sequence;
        }
        Ok(())
    }

    fn failed(&self, error: &io::Error) {
        if self.shared.writable.swap(false, Ordering::AcqRel) {
            error!(%error, "the audit record cannot be written");
        }
    }

    fn works(&self) {
        self.shared.writable.store(true, Ordering::Release);
    }
}

fn create(dir: &Path, run: &str, number: u32) -> io::Result<File> {
    OpenOptions::new().create_new(true).append(true).open(folder::file(dir, run, number))
}

/// A thread that has the disk keep what was written, so that writing never waits for it.
fn syncer() -> io::Result<SyncSender<File>> {
    let (files, inbox) = sync_channel::<File>(0);
    let sync = move || {
        while let Ok(file) = inbox.recv() {
            if let Err(error) = file.sync_data() {
                error!(%error, "the disk did not keep audit records; a crash of the machine may lose them");
            }
        }
    };
    std::thread::Builder::new().name("audit-sync".to_owned()).spawn(sync)?;
    Ok(files)
}
