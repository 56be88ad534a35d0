//! An entry of the ledger as it is written.

use std::time::Duration;

use forcefield_policy::names::IdentityName;
use forcefield_policy::request::{HandleKind, Origin};
use serde::{Deserialize, Serialize};

use super::{Entry, HandleKey, Learned, LedgerError, timestamp};

/// One entry. Times are seconds since 1970.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) identity: String,
    pub(super) origin: Origin,
    created: u64,
    pub(super) expires: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) deferred: Option<u64>,
    /// The offset that it was first issued with: later ones are multiples of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    batch: Option<u64>,
    /// Offsets that were issued and are no multiples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    odd: Vec<u64>,
}

/// Odd offsets kept for one locator; older ones are forgotten.
const MOST_ODD: usize = 64;

// === impl Kept ===

impl Kept {
    pub(super) fn new(identity: &IdentityName, now: Duration, lifetime: Duration) -> Self {
        Self {
            identity: identity.to_string(),
            origin: Origin::default(),
            created: now.as_secs(),
            expires: (now + lifetime).as_secs(),
            deferred: None,
            batch: None,
            odd: Vec::new(),
        }
    }

    pub(super) fn is_over(&self, now: Duration) -> bool {
        self.expires <= now.as_secs()
    }

    pub(super) fn owned_by(&self, identity: &IdentityName) -> Result<(), LedgerError> {
        if self.identity == identity.as_str() { Ok(()) } else { Err(LedgerError::Foreign) }
    }

    /// Whether an offset was issued, or follows from one that was.
    pub(super) fn accepts(&self, offset: Option<u64>) -> bool {
        let Some(offset) = offset else { return true };
        let multiple = self.batch.is_some_and(|batch| batch > 0 && offset.is_multiple_of(batch));
        multiple || self.odd.contains(&offset) || self.batch == Some(offset)
    }

    /// Learns that an offset was issued.
    pub(super) fn issue(&mut self, offset: Option<u64>) {
        let Some(offset) = offset else { return };
        if self.batch.is_none() {
            self.batch = Some(offset);
        } else if !self.accepts(Some(offset)) {
            if self.odd.len() == MOST_ODD {
                self.odd.remove(0);
            }
            self.odd.push(offset);
        }
    }

    pub(super) fn entry(self, key: HandleKey) -> Option<Entry> {
        let at = |seconds| timestamp(Duration::from_secs(seconds));
        Some(Entry {
            key,
            identity: IdentityName::try_from(&*self.identity).ok()?,
            origin: self.origin,
            created: at(self.created),
            deferred: self.deferred.map(at),
        })
    }
}

// === impl Learned ===

impl Learned {
    pub(super) fn add_to(&self, origin: &mut Origin) {
        match self {
            Self::Reads(reads) => add_reads(&mut origin.reads, reads.clone()),
            Self::Columns(names) => origin.job.iter_mut().for_each(|job| job.upload(names)),
        }
    }
}

/// Adds reads, each object and field once.
fn add_reads(known: &mut Vec<(String, Vec<String>)>, reads: Vec<(String, Vec<String>)>) {
    for (object, fields) in reads {
        match known.iter_mut().find(|(known, _)| *known == object) {
            None => known.push((object, fields)),
            Some((_, known)) => {
                fields.into_iter().for_each(|field| {
                    if !known.contains(&field) {
                        known.push(field);
                    }
                });
            }
        }
    }
}

/// How a kind is written: these numbers are part of the store's layout.
pub(super) fn tag(kind: HandleKind) -> u8 {
    match kind {
        HandleKind::Locator => 1,
        HandleKind::QueryJob => 2,
        HandleKind::IngestJob => 3,
        HandleKind::ClassicJob => 4,
        HandleKind::ReportInstance => 5,
        HandleKind::Deployment => 6,
    }
}

/// The kind that is written so.
pub(super) fn kind(written: u8) -> Option<HandleKind> {
    let kinds = [
        HandleKind::Locator,
        HandleKind::QueryJob,
        HandleKind::IngestJob,
        HandleKind::ClassicJob,
        HandleKind::ReportInstance,
        HandleKind::Deployment,
    ];
    kinds.into_iter().find(|kind| tag(*kind) == written)
}
