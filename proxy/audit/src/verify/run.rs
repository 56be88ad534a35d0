//! Verifying one run: its chain and its signatures, line after line and file after file.

use std::io;
use std::path::Path;

use super::{Proofs, Report, Unsigned, Wrong};
use crate::folder::{self, Line, Lines};
use crate::line::{Hash, Mark, Sealed, Tip, unseal};
use crate::note::{Read, ReadNote, Signed};
use crate::section::Section;

/// Where verifying a run stands.
struct Walk<'a> {
    proofs: &'a Proofs<'a>,
    run: &'a str,
    /// The last line seen, as it says itself.
    tip: Tip,
    /// The highest number seen.
    highest: u64,
    /// Lines that are known from elsewhere.
    marks: Vec<Mark>,
    section: Section,
    /// Where the section begins, and how many problems there were before.
    begins: (Place, usize),
    /// The line before this one.
    last: Place,
    /// The last line that a signature covers; `None` while no checkpoint signed lines.
    covered: Option<u64>,
    /// Whether a checkpoint of an earlier version was seen.
    earlier: bool,
    report: &'a mut Report,
}

/// Where a line stands: its file's name, and its number there.
type Place = (String, u64);

/// Verifies the files of one run: its folder, name and files. `marks` are lines that its head and later runs know, and
/// whether the head is of an earlier version.
pub(super) fn verify(
    (dir, run, files): (&Path, &str, &[u32]),
    proofs: &Proofs<'_>,
    (marks, old_head): (Vec<Mark>, bool),
    report: &mut Report,
) -> io::Result<()> {
    report.runs += 1;
    let alive = folder::is_alive(dir, run)?;
    let genesis = proofs.chain.map_or(Hash([0; 32]), |key| key.genesis(run));
    let (begins, last) = (((run.to_owned(), 0), report.problems.len()), (run.to_owned(), 0));
    let (tip, section) = (Tip { sequence: 0, hash: genesis }, Section::new());
    let (covered, earlier) = (None, false);
    let mut walk =
        Walk { proofs, run, tip, highest: 0, marks, section, begins, last, covered, earlier, report };
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
        walk.last = (name, at);
    }
    walk.end(old_head);
    Ok(())
}

// === impl Walk ===

impl Walk<'_> {
    /// One line: `place` is its file's name and number, and its own number there.
    fn line(&mut self, line: &[u8], place: (&str, u32, u64)) {
        let (name, _, at) = place;
        self.report.lines += 1;
        match unseal(line) {
            None => {
                self.report.add(name, at, Wrong::Unreadable);
                self.section.add_line(line);
            }
            Some(sealed) => {
                let follows = self.chained(&sealed, (name, at));
                self.says(line, (&sealed, follows), place);
                self.highest = self.highest.max(sealed.tip.sequence);
                self.tip = sealed.tip;
                self.marked((name, at));
            }
        }
        self.last = (name.to_owned(), at);
    }

    /// Whether a line follows the one before, of which the chain is proof to who has its key.
    fn chained(&mut self, sealed: &Sealed<'_>, (name, at): (&str, u64)) -> bool {
        let expected = self.tip.sequence + 1;
        let is_changed =
            || self.proofs.chain.is_some_and(|key| key.after(&self.tip.hash, sealed.text) != sealed.tip.hash);
        if sealed.tip.sequence < expected {
            self.report.add(name, at, Wrong::OutOfOrder);
        } else if sealed.tip.sequence > expected {
            self.report.add(name, at, Wrong::Removed(sealed.tip.sequence - expected));
        } else if is_changed() {
            self.report.add(name, at, Wrong::Changed);
        }
        sealed.tip.sequence == expected
    }

    /// What the line says: a record, a gap, a checkpoint, whose signature is of the lines before it if they are there.
    fn says(&mut self, line: &[u8], (sealed, follows): (&Sealed<'_>, bool), place: (&str, u32, u64)) {
        let (name, number, at) = place;
        let read = serde_json::from_slice::<Read>(line);
        if read.is_err() {
            self.report.add(name, at, Wrong::Unreadable);
        }
        let checkpoint = read.as_ref().is_ok_and(|read| read.unmapped.is_checkpoint());
        if let Ok(read) = &read {
            if at == 1 && !(checkpoint && read.unmapped.file == Some(number)) {
                self.report.add(name, at, Wrong::NoCheckpoint);
            }
            if checkpoint && follows {
                self.signed(&read.unmapped, sealed, place);
            }
            self.report.records += u64::from(read.class_uid == 6003);
            self.report.lost += read.unmapped.lost.unwrap_or_default();
        }
        if checkpoint {
            self.section = Section::new();
            self.begins = ((name.to_owned(), at), self.report.problems.len());
        }
        self.section.add_line(line);
    }

    /// What the signature of a checkpoint proves of the lines before it.
    fn signed(&mut self, note: &ReadNote, sealed: &Sealed<'_>, (name, number, at): (&str, u32, u64)) {
        let chain = self.proofs.chain.is_some();
        match note.proves(&self.proofs.public, sealed, (self.run, number), (&self.tip, chain)) {
            Signed::Wrong => self.report.add(name, at, Wrong::Signature),
            // An earlier version's says nothing of lines to who has not the key, and none stands among later ones.
            Signed::Chain if self.covered.is_some() => self.report.add(name, at, Wrong::Signature),
            Signed::Chain => self.earlier = true,
            Signed::Section(digest) => {
                if digest != self.section.digest() {
                    self.section_changed();
                }
                self.covered = Some(sealed.tip.sequence);
            }
        }
    }

    /// Compares the line that was just read with what is known of it from elsewhere.
    fn marked(&mut self, (name, at): (&str, u64)) {
        let (sequence, hash) = (self.tip.sequence, self.tip.hash);
        let marks: Vec<Mark> =
            self.marks.iter().filter(|mark| mark.tip.sequence == sequence).copied().collect();
        if marks.iter().any(|mark| mark.tip.hash != hash) {
            self.report.add(name, at, Wrong::Rewritten);
        }
        for digest in marks.iter().filter_map(|mark| mark.digest) {
            if digest != self.section.digest() {
                self.last = (name.to_owned(), at);
                self.section_changed();
            }
            self.covered = self.covered.map(|covered| covered.max(sequence));
        }
    }

    /// Tells that the lines since the last checkpoint are not those that were signed, unless it is known where.
    fn section_changed(&mut self) {
        let ((file, line), problems) = &self.begins;
        if self.report.problems.len() == *problems {
            self.report.add(file, *line, Wrong::Section(self.last.1));
        }
    }

    /// The end of the run. `old_head`: its head is of an earlier version.
    fn end(self, old_head: bool) {
        let known = self.marks.iter().map(|mark| mark.tip.sequence).max().unwrap_or_default();
        if known > self.highest {
            self.report.add(&self.last.0, self.last.1, Wrong::CutTail(known - self.highest));
        }
        if old_head && self.covered.is_some() {
            self.report.add(self.run, 0, Wrong::ForgedHead);
        }
        let (run, last) = (self.run.to_owned(), self.tip.sequence);
        if self.proofs.chain.is_none() {
            match self.covered {
                None if self.earlier => self.report.add(self.run, 0, Wrong::Unsigned),
                Some(after) if after < self.highest => {
                    let lines = self.highest - after;
                    self.report.unsigned.push(Unsigned { run: run.clone(), lines, after });
                }
                None | Some(_) => {}
            }
        }
        self.report.ends.push((run, last, self.tip.hash.to_string()));
    }
}
