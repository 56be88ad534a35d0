//! Lines that are not about an exchange: checkpoints, gaps, and what was found when the folder was opened.
//!
//! They are base events of the framework (class 0), with what they say under `unmapped`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::line::{Hash, Mark, Sealed, Tip};
use crate::record::{PRODUCT, VERSION};
use crate::signer::{PublicKeys, Signer};

/// What such a line says.
#[derive(Debug)]
pub(crate) enum Note<'a> {
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

/// A signed statement of how far a chain had come, and of the lines since the statement before.
#[derive(Debug)]
pub(crate) struct Checkpoint<'a> {
    pub(crate) why: Why,
    pub(crate) run: &'a str,
    /// The number of the file that it stands in.
    pub(crate) file: u32,
    /// Before this line.
    pub(crate) tip: Tip,
    /// Of the section that ends before this line.
    pub(crate) digest: Hash,
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
    /// The digest of its last section, when that was known to be complete.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) digest: Option<String>,
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
    pub(crate) run: Option<String>,
    pub(crate) file: Option<u32>,
    pub(crate) follows: Vec<Follow>,
    after: Option<After>,
    pub(crate) signature: Option<String>,
    pub(crate) lost: Option<u64>,
}

/// What a checkpoint says of the lines before it.
#[derive(Debug, Deserialize)]
struct After {
    sequence: u64,
    chain: String,
    /// Not there in checkpoints of earlier versions, which sign the chain alone.
    #[serde(default)]
    digest: Option<String>,
}

/// What a checkpoint's signature proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signed {
    /// Nothing: it is not by a key that counts, or not for this place.
    Wrong,
    /// How far the chain had come.
    Chain,
    /// That, and the digest of the section before it.
    Section(Hash),
}

// === impl Note ===

impl Note<'_> {
    /// The line as JSON, before it is chained.
    pub(crate) fn event(&self, now: Timestamp) -> Vec<u8> {
        match self {
            Note::Gap(lost) => event(
                (4, &format!("{lost} records could not be written")),
                json!({ "note": "gap", "lost": lost }),
                now,
            ),
            Note::Torn { file, bytes } => event(
                (2, &format!("the last line of `{file}` was torn and is cut off")),
                json!({ "note": "torn", "of": file, "bytes": bytes }),
                now,
            ),
            Note::Lost { run, last, head } => event(
                (4, &format!("run {run} had {head} lines and has {last}")),
                json!({ "note": "missing", "of": run, "last": last, "head": head }),
                now,
            ),
        }
    }
}

fn event((severity, message): (u32, &str), ours: Value, now: Timestamp) -> Vec<u8> {
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

impl Checkpoint<'_> {
    /// The line as JSON, before it is chained. All of it is signed but the signature, its last member.
    pub(crate) fn event(&self, signer: &Signer, now: Timestamp) -> Vec<u8> {
        let ours = json!({
            "note": "checkpoint",
            "why": self.why,
            "run": self.run,
            "file": self.file,
            "follows": self.follows,
            "after": {
                "sequence": self.tip.sequence,
                "chain": self.tip.hash.to_string(),
                "digest": self.digest.to_string(),
            },
            "public_key": STANDARD.encode(signer.public()),
        });
        let mut event = event((1, "checkpoint"), ours, now);
        event.truncate(event.len() - 2);
        let signature = signer.sign(CHECKPOINT, &event);
        event.extend_from_slice(SIGNATURE);
        event.extend_from_slice(STANDARD.encode(signature).as_bytes());
        event.extend_from_slice(b"\"}}");
        event
    }
}

impl ReadNote {
    /// Whether it is a checkpoint.
    pub(crate) fn is_checkpoint(&self) -> bool {
        self.note.as_deref() == Some("checkpoint")
    }

    /// What the signature of a checkpoint proves where it stands: in this run and file, after this line. `chain` is
    /// whether the chain up to there is verified: what an earlier version signed.
    pub(crate) fn proves(
        &self,
        keys: &PublicKeys,
        sealed: &Sealed<'_>,
        (run, file): (&str, u32),
        (tip, chain): (&Tip, bool),
    ) -> Signed {
        let Some(after) = &self.after else { return Signed::Wrong };
        let Some(digest) = &after.digest else {
            let signature = self.signature.as_deref().and_then(|text| STANDARD.decode(text).ok());
            let message = format!("{run}\n{file}\n{}\n{}\n", after.sequence, after.chain);
            let signed = signature.is_some_and(|signature| {
                keys.have_signed(CHECKPOINT_OF_CHAIN, message.as_bytes(), &signature)
            });
            return if signed && after.is(tip, chain) { Signed::Chain } else { Signed::Wrong };
        };
        let signed = signed_part(sealed.event)
            .is_some_and(|(message, signature)| keys.have_signed(CHECKPOINT, message, &signature));
        // The chain is in the lines, so in the digest of them.
        let stands = self.run.as_deref() == Some(run) && self.file == Some(file) && after.is(tip, false);
        match Hash::parse(digest.as_bytes()) {
            Some(digest) if signed && stands => Signed::Section(digest),
            Some(_) | None => Signed::Wrong,
        }
    }
}

impl After {
    fn is(&self, tip: &Tip, chain: bool) -> bool {
        self.sequence == tip.sequence && (!chain || self.chain == tip.hash.to_string())
    }
}

/// What of a checkpoint was signed, and the signature.
fn signed_part(event: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let rest = event.strip_suffix(b"\"")?;
    let (rest, signature) = rest.split_at_checked(rest.len().checked_sub(SIGNATURE_LENGTH)?)?;
    Some((rest.strip_suffix(SIGNATURE)?, STANDARD.decode(signature).ok()?))
}

/// The last member of a checkpoint.
const SIGNATURE: &[u8] = b",\"signature\":\"";
/// 64 bytes in base64.
const SIGNATURE_LENGTH: usize = 88;
/// The kinds of what is signed.
const CHECKPOINT: &str = "forcefield audit checkpoint 2\n";
const CHECKPOINT_OF_CHAIN: &str = "forcefield audit checkpoint 1\n";

impl Follow {
    pub(crate) fn mark(&self) -> Option<Mark> {
        let tip = Tip { sequence: self.sequence, hash: Hash::parse(self.chain.as_bytes())? };
        let digest = match &self.digest {
            None => None,
            Some(digest) => Some(Hash::parse(digest.as_bytes())?),
        };
        Some(Mark { tip, digest })
    }
}
