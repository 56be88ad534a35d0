//! Verifying a folder: whether every line is as it was written, in its place, and none is missing.
//!
//! With the key of the chain each line is proven by itself. With public keys alone, which prove nothing to who could
//! write lines, sections are: the lines between two signatures, and those up to what a head or a later run signed.

mod run;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;

use crate::folder::{self, Garbled, Line, Lines, Said};
use crate::key::AuditKey;
use crate::line::Mark;
use crate::note::Read;
use crate::signer::PublicKeys;

/// What a folder is verified with.
#[derive(Clone, Debug)]
pub struct Proofs<'a> {
    chain: Option<&'a AuditKey>,
    public: PublicKeys,
}

/// What verifying found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Runs, files and lines looked at.
    pub runs: u64,
    /// Files.
    pub files: u64,
    /// Lines, of every sort.
    pub lines: u64,
    /// Lines about exchanges.
    pub records: u64,
    /// Records that could not be written, as the gap lines say.
    pub lost: u64,
    /// Torn last lines that are not cut off yet: their records were never answered for.
    pub torn: u64,
    /// Where each run ends: its name, the number of its last line, the hash after it. To be compared with what was
    /// logged elsewhere.
    pub ends: Vec<(String, u64, String)>,
    /// Lines at the end of runs that no signature covers yet, without the key of the chain: run by run. With the key,
    /// the chain covers them.
    pub unsigned: Vec<Unsigned>,
    /// Everything that is not as it was written.
    pub problems: Vec<Problem>,
}

/// Lines that were written after the last signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    /// The run.
    pub run: String,
    /// How many there are.
    pub lines: u64,
    /// The last line that a signature covers.
    pub after: u64,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file's name, or the run's when there is no file.
    pub file: String,
    /// The line, from 1; 0 for the file as a whole.
    pub line: u64,
    /// What is wrong.
    pub what: Wrong,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The line was changed, or was written with another key.
    Changed,
    /// It is no line of a record.
    Unreadable,
    /// So many lines before this one were removed.
    Removed(u64),
    /// The line stands after one that came later, or stands there twice.
    OutOfOrder,
    /// A checkpoint's signature is wrong, or not for where it stands.
    Signature,
    /// Between this line and that one, something was changed, removed or added.
    Section(u64),
    /// The run was written by a version that signed the chain alone.
    Unsigned,
    /// The run ends before its head says: so many lines at its end were cut off.
    CutTail(u64),
    /// The run was written anew: its head or a later run knows another line here.
    Rewritten,
    /// The run's head is missing.
    NoHead,
    /// The run's head was changed.
    ForgedHead,
    /// A file of the run is missing.
    NoFile(u32),
    /// A run that a later one names is missing.
    NoRun,
    /// The first line of a file is not the checkpoint that belongs there.
    NoCheckpoint,
}

/// Problems that are told one by one.
const MOST: usize = 1000;

/// Verifies a folder. It may be written to meanwhile.
///
/// # Errors
/// The folder cannot be read.
pub fn verify(dir: &Path, proofs: &Proofs<'_>) -> io::Result<Report> {
    let runs = folder::runs(dir)?;
    let mut known = BTreeMap::<String, Vec<Mark>>::new();
    for (run, files) in &runs {
        let first = files.first().map(|first| folder::file(dir, run, *first));
        let mut lines = first.map(|path| Lines::open(&path)).transpose()?;
        if let Some(Line::Whole(line)) = lines.as_mut().map(Lines::next).transpose()?.flatten()
            && let Ok(read) = serde_json::from_slice::<Read>(line)
        {
            for follow in read.unmapped.follows {
                let mark = follow.mark();
                known.entry(follow.run).or_default().extend(mark);
            }
        }
    }
    let mut report = Report::default();
    for run in known.keys().filter(|run| !runs.contains_key(*run)) {
        report.add(run, 0, Wrong::NoRun);
    }
    for (run, files) in &runs {
        // The head first: a chain that goes on meanwhile only comes further than it says.
        let head = proofs.head(run, folder::said(dir, run)?);
        let mut marks = known.remove(run).unwrap_or_default();
        match head {
            Head::Missing => report.add(run, 0, Wrong::NoHead),
            Head::Forged => report.add(run, 0, Wrong::ForgedHead),
            Head::Old(mark) => marks.extend(mark),
            Head::Signed(mark) => marks.push(mark),
        }
        run::verify((dir, run, files), proofs, (marks, matches!(head, Head::Old(_))), &mut report)?;
    }
    Ok(report)
}

/// What the head of a run proves.
#[derive(Clone, Copy)]
enum Head {
    Missing,
    Forged,
    /// One of an earlier version, without a signature: something to who has the key.
    Old(Option<Mark>),
    Signed(Mark),
}

// === impl Proofs ===

impl<'a> Proofs<'a> {
    /// The key of the chain, and the keys whose signatures count.
    #[must_use]
    pub fn key(chain: &'a AuditKey, public: PublicKeys) -> Self {
        Self { chain: Some(chain), public }
    }

    /// Public keys alone.
    #[must_use]
    pub fn public(keys: PublicKeys) -> Self {
        Self { chain: None, public: keys }
    }

    fn head(&self, run: &str, said: Option<Result<Said, Garbled>>) -> Head {
        let said = match said {
            None => return Head::Missing,
            Some(Err(Garbled)) => return Head::Forged,
            Some(Ok(said)) => said,
        };
        let sealed = self.chain.is_none_or(|key| said.is_sealed(key, run));
        match said.is_signed(&self.public, run) {
            None if sealed => Head::Old(self.chain.map(|_| said.mark)),
            Some(true) if sealed => Head::Signed(said.mark),
            None | Some(_) => Head::Forged,
        }
    }
}

// === impl Report ===

impl Report {
    /// Whether everything is as it was written. Gaps and torn lines are no problems: they say themselves what they
    /// are.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    fn add(&mut self, file: &str, line: u64, what: Wrong) {
        if self.problems.len() < MOST {
            self.problems.push(Problem { file: file.to_owned(), line, what });
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.what),
            line => write!(f, "{}:{line}: {}", self.file, self.what),
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed => f.write_str("the line was changed, or written with another key"),
            Self::Unreadable => f.write_str("not a line of a record"),
            Self::Removed(lines) => write!(f, "{lines} lines before this one were removed"),
            Self::OutOfOrder => f.write_str("the line is out of order, or stands there twice"),
            Self::Signature => {
                f.write_str("the checkpoint's signature is wrong, by another key, or not for this place")
            }
            Self::Section(last) => write!(
                f,
                "from this line to line {last}, something was changed, removed or added: a later signature knows other lines"
            ),
            Self::Unsigned => f.write_str(
                "the run was written by a version that signed no lines; only the audit key proves it (--key)",
            ),
            Self::CutTail(lines) => write!(f, "at least {lines} lines after this one were cut off"),
            Self::Rewritten => f.write_str("another line is known to have stood here"),
            Self::NoHead => f.write_str("the head of the run is missing"),
            Self::ForgedHead => {
                f.write_str("the head of the run was changed, or written or signed with another key")
            }
            Self::NoFile(number) => write!(f, "file {number} of the run is missing"),
            Self::NoRun => f.write_str("the run is missing, and a later one names it"),
            Self::NoCheckpoint => f.write_str("the checkpoint that begins a file is missing"),
        }
    }
}

#[cfg(test)]
mod tests;
