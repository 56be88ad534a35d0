//! Lines that are not about an exchange: checkpoints, gaps, and what was found when the folder was opened.
//!
//! They are base events of the framework (class 0), with what they say under `unmapped`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::key::AuditKey;
use crate::line::{Hash, Tip};
use crate::record::{PRODUCT, VERSION};

/// What such a line says.
#[derive(Debug)]
pub(crate) enum Note<'a> {
    /// The chain had come so far; signed.
    Checkpoint(Checkpoint<'a>),
    /// So many records could not be written.
    Gap(u64),
    /// The last line of another run was torn when its process ended, and was cut off.
    Torn {
        /// The file.
        file: &'a str,
        /// How much was cut off.
        bytes: u64,
    },
    /// Lines of another run are missing that its head knows.
    Lost {
        /// The run.
        run: &'a str,
        /// The last line there is.
        last: u64,
        /// The last line there was, at least.
        head: u64,
    },
}

/// A signed statement of how far a chain had come.
#[derive(Debug)]
pub(crate) struct Checkpoint<'a> {
    pub(crate) why: Why,
    pub(crate) run: &'a str,
    /// The number of the file that it stands in.
    pub(crate) file: u32,
    /// Before this line.
    pub(crate) tip: Tip,
    /// The runs before this one, on its first line.
    pub(crate) follows: &'a [Follow],
}

/// What a checkpoint is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Why {
    /// The first line of a run.
    Opened,
    /// The first line of a later file.
    Rotated,
    /// From time to time.
    Regular,
    /// The last line of a run that ended in order.
    Closed,
}

/// How far an earlier run had come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Follow {
    pub(crate) run: String,
    pub(crate) sequence: u64,
    pub(crate) chain: String,
    /// Whether its process had ended.
    pub(crate) ended: bool,
}

/// What a line says that matters to the verifier.
#[derive(Debug, Deserialize)]
pub(crate) struct Read {
    pub(crate) class_uid: u32,
    pub(crate) unmapped: ReadNote,
}

/// The part of it under `unmapped`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ReadNote {
    pub(crate) note: Option<String>,
    pub(crate) why: Option<Why>,
    pub(crate) file: Option<u32>,
    pub(crate) follows: Vec<Follow>,
    pub(crate) signature: Option<String>,
    pub(crate) lost: Option<u64>,
}

// === impl Note ===

impl Note<'_> {
    /// The line as JSON, before it is chained.
    pub(crate) fn event(&self, key: &AuditKey, now: Timestamp) -> Vec<u8> {
        let (severity, message, ours) = self.parts(key);
        let event = json!({
            "time": now.as_millisecond(),
            "class_uid": 0,
            "category_uid": 0,
            "class_name": "Base Event",
            "activity_id": 99,
            "activity_name": "Audit",
            "type_uid": 99,
            "severity_id": severity,
            "message": message,
            "metadata": { "version": VERSION, "product": PRODUCT },
            "unmapped": ours,
        });
        event.to_string().into_bytes()
    }

    fn parts(&self, key: &AuditKey) -> (u32, String, Value) {
        match self {
            Note::Checkpoint(checkpoint) => (1, "checkpoint".to_owned(), checkpoint.parts(key)),
            Note::Gap(lost) => {
                (4, format!("{lost} records could not be written"), json!({ "note": "gap", "lost": lost }))
            }
            Note::Torn { file, bytes } => (
                2,
                format!("the last line of `{file}` was torn and is cut off"),
                json!({ "note": "torn", "of": file, "bytes": bytes }),
            ),
            Note::Lost { run, last, head } => (
                4,
                format!("run {run} had {head} lines and has {last}"),
                json!({ "note": "missing", "of": run, "last": last, "head": head }),
            ),
        }
    }
}

impl Checkpoint<'_> {
    fn parts(&self, key: &AuditKey) -> Value {
        let signature = key.sign(&message(self.run, self.file, &self.tip));
        json!({
            "note": "checkpoint",
            "why": self.why,
            "run": self.run,
            "file": self.file,
            "follows": self.follows,
            "after": { "sequence": self.tip.sequence, "chain": self.tip.hash.to_string() },
            "public_key": STANDARD.encode(key.public()),
            "signature": STANDARD.encode(signature),
        })
    }
}

impl ReadNote {
    /// Whether it is a checkpoint.
    pub(crate) fn is_checkpoint(&self) -> bool {
        self.note.as_deref() == Some("checkpoint")
    }

    /// Whether the signature of a checkpoint is right for where it stands.
    pub(crate) fn is_signed(&self, key: &AuditKey, run: &str, file: u32, tip: &Tip) -> bool {
        let signature = self.signature.as_deref().and_then(|text| STANDARD.decode(text).ok());
        signature.is_some_and(|signature| key.has_signed(&message(run, file, tip), &signature))
    }
}

impl Follow {
    pub(crate) fn tip(&self) -> Option<Tip> {
        Some(Tip { sequence: self.sequence, hash: Hash::parse(self.chain.as_bytes())? })
    }
}

/// What a checkpoint signs.
fn message(run: &str, file: u32, tip: &Tip) -> Vec<u8> {
    format!("forcefield audit checkpoint 1\n{run}\n{file}\n{}\n{}\n", tip.sequence, tip.hash).into_bytes()
}
