//! Where every exchange is told: the record, the metrics, and people who watch.

use std::sync::Arc;

use anyhow::{Context, Result};
use forcefield_audit::{AuditKey, Finding, PublicKeys, Record, Settings, Slot, Status, Writer, Writing};
use forcefield_config::Config;
use forcefield_credentials::Secret;
use tokio::sync::broadcast;

use crate::exchange::{Decided, Unrecorded};
use crate::signals::Signals;
use crate::tally::Tally;
use crate::telemetry::Telemetry;

/// The rooms that hear of every exchange.
pub struct Rooms {
    writer: Writer,
    /// By which signatures of the record are verified.
    pub signed_by: PublicKeys,
    /// The instruments.
    pub telemetry: Arc<Telemetry>,
    /// Exchanges and refusals by integration.
    pub tally: Tally,
    /// Decisions as they happen.
    pub decisions: broadcast::Sender<Decided>,
    /// Those of them that refused something, or cut it off.
    pub refusals: broadcast::Sender<Decided>,
    /// The rules over what integrations do.
    pub signals: Signals,
}

impl Rooms {
    /// Opens the audit folder, with the key of its chain and the one that signs it. Without a configured key of the
    /// chain one is made and kept in the state folder, which detects accidents but not somebody who has the disk.
    ///
    /// # Errors
    /// When the key cannot be used, or the folder not be opened.
    pub fn open(
        config: &Config,
        (key, signing): (Option<Secret>, Option<Secret>),
        telemetry: Telemetry,
        signals: Signals,
    ) -> Result<Self> {
        let key = match key {
            Some(secret) => AuditKey::new(secret.expose()),
            None => AuditKey::kept_in(&crate::app::state_folder(config).join("audit.key")),
        };
        let mut key = key.context("`key` of `audit`")?;
        if let Some(signing) = signing {
            key = key.signed_by(signing.expose()).context("`signing_key` of `audit`")?;
        }
        let signed_by = key.public();
        let settings = Settings::new(key, config.audit.when_full);
        let writer = Writer::open(&config.root.join(&config.audit.path), settings)?;
        let ((decisions, _), (refusals, _)) = (broadcast::channel(WATCHED), broadcast::channel(WATCHED));
        let (telemetry, tally) = (Arc::new(telemetry), Tally::default());
        Ok(Self { writer, signed_by, telemetry, tally, decisions, refusals, signals })
    }

    /// How the writer of records does.
    #[must_use]
    pub fn audit(&self) -> Status {
        self.writer.status()
    }

    /// A place for the record of one exchange; `None` when records cannot be written, and so nothing be answered.
    #[must_use]
    pub fn slot(&self) -> Option<Slot> {
        self.writer.admit().ok()
    }

    /// Writes a record; it survives the end of this process when what is returned is over.
    pub fn record(&self, record: &Record, slot: Slot) -> Writing {
        self.writer.write(slot, record)
    }

    /// Writes what a signal found.
    ///
    /// # Errors
    /// When it was not written.
    pub async fn record_finding(&self, finding: &Finding, slot: Slot) -> Result<(), Unrecorded> {
        self.writer.write_finding(slot, finding).await.map_err(|_| Unrecorded)
    }

    /// Has a record written without waiting for it.
    pub fn record_later(&self, record: &Record, slot: Slot) {
        self.writer.submit(slot, record);
    }
}

/// Decisions that a slow watcher may be behind.
const WATCHED: usize = 256;
