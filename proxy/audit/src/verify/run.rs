//! Verifying one run: its chain, line after line and file after file.

use std::io;
use std::path::Path;

use super::{Report, Wrong};
use crate::folder::{self, Line, Lines};
use crate::key::AuditKey;
use crate::line::{Tip, unseal};
use crate::note::Read;

/// Where verifying a run stands.
struct Walk<'a> {
    key: &'a AuditKey,
    run: &'a str,
    /// The last line seen, as it says itself.
    tip: Tip,
    /// The highest number seen.
    highest: u64,
    /// Lines that are known from elsewhere.
    marks: Vec<Tip>,
    report: &'a mut Report,
}

/// Verifies the files of one run: its folder, name and files. `marks` are lines that its head and later runs know.
pub(super) fn verify(
    (dir, run, files): (&Path, &str, &[u32]),
    key: &AuditKey,
    marks: Vec<Tip>,
    report: &mut Report,
) -> io::Result<()> {
    report.runs += 1;
    let alive = folder::is_alive(dir, run)?;
    let tip = Tip { sequence: 0, hash: key.genesis(run) };
    let mut walk = Walk { key, run, tip, highest: 0, marks, report };
    let mut last = (run.to_owned(), 0);
    for number in 1..=files.last().copied().unwrap_or(1) {
        let path = folder::file(dir, run, number);
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !files.contains(&number) {
            walk.report.add(run, 0, Wrong::NoFile(number));
            continue;
        }
        walk.report.files += 1;
        let (mut lines, mut at) = (Lines::open(&path)?, 0);
        while let Some(line) = lines.next()? {
            at += 1;
            match line {
                Line::Whole(line) => walk.line(line, (&name, number, at)),
                Line::Broken if Some(&number) == files.last() => walk.report.torn += u64::from(!alive),
                Line::Broken => walk.report.add(&name, at, Wrong::Unreadable),
            }
        }
        last = (name, at);
    }
    walk.end(&last);
    Ok(())
}

// === impl Walk ===

impl Walk<'_> {
    /// One line: `place` is its file's name and number, and its own number there.
    fn line(&mut self, line: &[u8], place: (&str, u32, u64)) {
        let (name, _, at) = place;
        self.report.lines += 1;
        let Some(sealed) = unseal(line) else { return self.report.add(name, at, Wrong::Unreadable) };
        let expected = self.tip.sequence + 1;
        if sealed.tip.sequence < expected {
            self.report.add(name, at, Wrong::OutOfOrder);
        } else if sealed.tip.sequence > expected {
            self.report.add(name, at, Wrong::Removed(sealed.tip.sequence - expected));
        } else if self.key.after(&self.tip.hash, sealed.text) != sealed.tip.hash {
            self.report.add(name, at, Wrong::Changed);
        }
        if self.marks.iter().any(|mark| mark.sequence == sealed.tip.sequence && mark.hash != sealed.tip.hash)
        {
            self.report.add(name, at, Wrong::Rewritten);
        }
        self.says(line, sealed.tip.sequence == expected, place);
        self.highest = self.highest.max(sealed.tip.sequence);
        self.tip = sealed.tip;
    }

    /// What the line says: a record, a gap, a checkpoint, whose signature is of the line before it if that is there.
    fn says(&mut self, line: &[u8], follows: bool, (name, number, at): (&str, u32, u64)) {
        let Ok(read) = serde_json::from_slice::<Read>(line) else {
            return self.report.add(name, at, Wrong::Unreadable);
        };
        let checkpoint = read.unmapped.is_checkpoint();
        if checkpoint && follows && !read.unmapped.is_signed(self.key, self.run, number, &self.tip) {
            self.report.add(name, at, Wrong::Signature);
        }
        if at == 1 && !(checkpoint && read.unmapped.file == Some(number)) {
            self.report.add(name, at, Wrong::NoCheckpoint);
        }
        self.report.records += u64::from(read.class_uid == 6003);
        self.report.lost += read.unmapped.lost.unwrap_or_default();
    }

    /// The end of the run, whose last line stands at `last`.
    fn end(self, last: &(String, u64)) {
        let known = self.marks.iter().map(|mark| mark.sequence).max().unwrap_or_default();
        if known > self.highest {
            self.report.add(&last.0, last.1, Wrong::CutTail(known - self.highest));
        }
        self.report.ends.push((self.run.to_owned(), self.tip.sequence, self.tip.hash.to_string()));
    }
}
