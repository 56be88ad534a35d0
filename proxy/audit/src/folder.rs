//! The audit folder: which runs and files it has, how far each run came, and which are still going on.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::key::AuditKey;
use crate::line::{Hash, LONGEST, Mark, Tip, unseal};
use crate::note::Read as ReadLine;
use crate::section::Section;
use crate::signer::PublicKeys;

/// The runs of a folder, oldest first: each with the numbers of its files, in order.
pub(crate) type Runs = BTreeMap<String, Vec<u32>>;

/// The head of a run that goes on: how far its chain has come.
pub(crate) struct Head {
    file: File,
    run: String,
}

/// What the head of a run says: how far its chain has come, sealed with the key of the chain, and signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) mark: Mark,
    /// What is sealed and signed.
    text: Vec<u8>,
    seal: Hash,
    /// Not there in heads of earlier versions.
    signature: Option<Vec<u8>>,
}

/// The end of a file.
#[derive(Debug)]
pub(crate) struct Tail {
    /// The last line that can be read.
    pub(crate) tip: Option<Tip>,
    /// Bytes up to and with the last line feed.
    pub(crate) whole: u64,
    /// Bytes after it: a line that was being written when the process ended.
    pub(crate) torn: u64,
}

/// Finds the runs of a folder. Other files are left alone.
pub(crate) fn runs(dir: &Path) -> io::Result<Runs> {
    let mut runs = Runs::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str().and_then(|name| name.strip_prefix("audit-")) else { continue };
        if let Some(run) = name.strip_suffix(".head").filter(|run| is_run(run)) {
            runs.entry(run.to_owned()).or_default();
        }
        let numbered = name.strip_suffix(".jsonl").and_then(|name| name.rsplit_once('-'));
        if let Some((run, number)) = numbered.filter(|(run, number)| is_run(run) && number.len() == 6) {
            runs.entry(run.to_owned()).or_default().extend(number.parse::<u32>().ok());
        }
    }
    runs.values_mut().for_each(|files| files.sort_unstable());
    Ok(runs)
}

fn is_run(text: &str) -> bool {
    text.len() == 26 && ulid::Ulid::from_string(text).is_ok()
}

/// The path of a file of a run.
pub(crate) fn file(dir: &Path, run: &str, number: u32) -> PathBuf {
    dir.join(format!("audit-{run}-{number:06}.jsonl"))
}

/// Whether an open file still is the one at its path: who deletes or replaces it does not stop what writes to it.
pub(crate) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        there => there.map(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())),
    }
}

fn head(dir: &Path, run: &str) -> PathBuf {
    dir.join(format!("audit-{run}.head"))
}

/// Whether the process of a run lives.
pub(crate) fn is_alive(dir: &Path, run: &str) -> io::Result<bool> {
    match File::open(head(dir, run)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        },
    }
}

/// Reads what the head of a run says: `None` when there is none, an error within when it cannot be read.
pub(crate) fn said(dir: &Path, run: &str) -> io::Result<Option<Result<Said, Garbled>>> {
    let read = || match std::fs::read(head(dir, run)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        text => text.map(Some),
    };
    let Some(mut text) = read()? else { return Ok(None) };
    loop {
        // The process of the run may be writing it: what is read twice is what stands there.
        match read()? {
            Some(again) if again != text => text = again,
            Some(_) | None => return Ok(Some(Said::read(&text).ok_or(Garbled))),
        }
    }
}

/// A head that is of no form that was ever written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Garbled;

fn head_text(mark: &Mark) -> String {
    let Mark { tip, digest } = mark;
    let digest = digest.map(|digest| format!(" {digest}")).unwrap_or_default();
    format!("{:020} {}{digest}", tip.sequence, tip.hash)
}

/// What of a head is signed.
fn head_message(run: &str, text: &[u8]) -> Vec<u8> {
    [run.as_bytes(), b"\n", text].concat()
}

/// The kind of what is signed in a head.
const HEAD: &str = "forcefield audit head 1\n";

/// The digest of the last section in a file; a section never begins before its file.
pub(crate) fn last_section(path: &Path) -> io::Result<Hash> {
    let (mut lines, mut section) = (Lines::open(path)?, Section::new());
    while let Some(line) = lines.next()? {
        let Line::Whole(line) = line else { break };
        if is_checkpoint(line) {
            section = Section::new();
        }
        section.add_line(line);
    }
    Ok(section.digest())
}

fn is_checkpoint(line: &[u8]) -> bool {
    // Read as JSON only where it may be one.
    line.windows(CHECKPOINT.len()).any(|text| text == CHECKPOINT)
        && serde_json::from_slice::<ReadLine>(line).is_ok_and(|read| read.unmapped.is_checkpoint())
}

const CHECKPOINT: &[u8] = b"\"checkpoint\"";

/// Looks at the end of a file.
pub(crate) fn tail(path: &Path) -> io::Result<Tail> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let window = length.min(2 * LONGEST as u64);
    file.seek(SeekFrom::Start(length - window))?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let torn = (text.len() - whole) as u64;
    let lines = text.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n').rev();
    let tip = lines.filter_map(unseal).map(|sealed| sealed.tip).next();
    Ok(Tail { tip, whole: length - torn, torn })
}

/// The lines of a file, without their line feeds.
pub(crate) struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
}

/// One line of a file.
#[derive(Clone, Copy)]
pub(crate) enum Line<'a> {
    /// A line and its line feed.
    Whole(&'a [u8]),
    /// The end of the file without a line feed, or a line that is too long to be ours.
    Broken,
}

// === impl Said ===

impl Said {
    fn read(text: &[u8]) -> Option<Self> {
        let line = text.strip_suffix(b"\n")?;
        let parts: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let (sequence, hash, digest, seal, signature) = match parts.as_slice() {
            [sequence, hash, seal] => (sequence, hash, None, seal, None),
            [sequence, hash, digest, seal, signature] => {
                (sequence, hash, Some(Hash::parse(digest)?), seal, Some(STANDARD.decode(signature).ok()?))
            }
            _ => return None,
        };
        let sequence = std::str::from_utf8(sequence).ok()?.parse().ok()?;
        let mark = Mark { tip: Tip { sequence, hash: Hash::parse(hash)? }, digest };
        Some(Self { mark, text: head_text(&mark).into_bytes(), seal: Hash::parse(seal)?, signature })
    }

    /// Whether it is sealed with the key.
    pub(crate) fn is_sealed(&self, key: &AuditKey, run: &str) -> bool {
        key.head(run, &self.text) == self.seal
    }

    /// Whether it is signed; `None` when it is of an earlier version.
    pub(crate) fn is_signed(&self, keys: &PublicKeys, run: &str) -> Option<bool> {
        let signature = self.signature.as_ref()?;
        Some(keys.have_signed(HEAD, &head_message(run, &self.text), signature))
    }
}

// === impl Lines ===

impl Lines {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { reader: BufReader::with_capacity(1 << 18, File::open(path)?), line: Vec::new() })
    }

    pub(crate) fn next(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let read = (&mut self.reader).take(LONGEST as u64).read_until(b'\n', &mut self.line)?;
        if read == 0 {
            return Ok(None);
        }
        Ok(Some(match self.line.strip_suffix(b"\n") {
            Some(line) => Line::Whole(line),
            None => Line::Broken,
        }))
    }
}

// === impl Head ===

impl Head {
    /// Makes the head of a new run, locked until it is dropped.
    pub(crate) fn create(dir: &Path, run: &str) -> io::Result<Self> {
        let file = OpenOptions::new().create_new(true).read(true).write(true).open(head(dir, run))?;
        file.lock()?;
        Ok(Self { file, run: run.to_owned() })
    }

    /// Whether it still is in its folder.
    pub(crate) fn is_in(&self, dir: &Path) -> io::Result<bool> {
        is_at(&self.file, &head(dir, &self.run))
    }

    /// Says that the chain has come so far, and the section with it.
    pub(crate) fn say(&self, key: &AuditKey, tip: Tip, section: &Section) -> io::Result<()> {
        let text = head_text(&Mark { tip, digest: Some(section.digest()) });
        let seal = key.head(&self.run, text.as_bytes());
        let signature = key.signer().sign(HEAD, &head_message(&self.run, text.as_bytes()));
        let line = format!("{text} {seal} {}\n", STANDARD.encode(signature));
        self.file.write_all_at(line.as_bytes(), 0)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
