//! The embedded store: what was spent, and the ledger, in `limits.redb` under the state folder.
//!
//! The module boundary is the seam where a store shared by several replicas comes in. Several processes may have the
//! file open while one hands over to the next.

use std::path::Path;
use std::time::Duration;

use redb::{
    Builder, ConcurrencyMode, Database, ReadTransaction, ReadableTable, Table, TableDefinition, TableError,
    WriteTransaction,
};
use thiserror::Error;

use crate::account::Sums;

/// The embedded store.
pub(crate) struct Store {
    db: Database,
}

/// The tables of the ledger within one change. All changes of one group are made durable together.
pub(crate) struct Tables<'txn> {
    /// Kind and id to the entry.
    pub(crate) handles: Table<'txn, (u8, &'static str), &'static [u8]>,
    /// Identity, kind, expiry, id: an identity's handles, oldest first.
    pub(crate) owned: Table<'txn, (&'static str, u8, u64, &'static str), ()>,
    /// Expiry, kind, id.
    pub(crate) expiry: Table<'txn, (u64, u8, &'static str), ()>,
    /// When a job that its owner deleted is to go at the org, kind, id.
    pub(crate) deferred: Table<'txn, (u64, u8, &'static str), ()>,
    /// How many handles an identity has of a kind.
    pub(crate) counts: Table<'txn, (&'static str, u8), u64>,
}

/// The store does not do what it should.
#[derive(Clone, Debug, Error)]
#[error("the store of limits failed: {0}")]
pub(crate) struct StoreError(String);

/// What the file says about itself.
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
/// Process and identity to what was spent.
const SPENT: TableDefinition<'static, (&str, &str), &[u8]> = TableDefinition::new("spent");
pub(crate) const HANDLES: TableDefinition<'static, (u8, &str), &[u8]> = TableDefinition::new("handles");
pub(crate) const OWNED: TableDefinition<'static, (&str, u8, u64, &str), ()> = TableDefinition::new("owned");
const EXPIRY: TableDefinition<'static, (u64, u8, &str), ()> = TableDefinition::new("expiry");
pub(crate) const DEFERRED: TableDefinition<'static, (u64, u8, &str), ()> = TableDefinition::new("deferred");
const COUNTS: TableDefinition<'static, (&str, u8), u64> = TableDefinition::new("counts");

/// The layout of the tables. A file of another one is refused; a later layout brings the code that moves this one
/// over.
const LAYOUT: u64 = 1;

/// Memory for pages of the file.
const CACHE: usize = 16 << 20;

// === impl Store ===

impl Store {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let db = Builder::new()
            .set_cache_size(CACHE)
            .set_concurrency_mode(ConcurrencyMode::MultiWriter)
            .create(path)?;
        let txn = db.begin_write()?;
        {
            let mut meta = txn.open_table(META)?;
            let layout = meta.get("layout")?.map(|value| value.value());
            match layout {
                None => drop(meta.insert("layout", LAYOUT)?),
                Some(LAYOUT) => {}
                Some(other) => {
                    return Err(StoreError(format!(
                        "`{}` has layout {other}, this version knows {LAYOUT}: use the version that wrote it",
                        path.display()
                    )));
                }
            }
            txn.open_table(SPENT)?;
            Tables::open(&txn)?;
        }
        txn.commit()?;
        Ok(Self { db })
    }

    /// The latest moment that the store has seen, since 1970.
    pub(crate) fn seen(&self) -> Result<Duration, StoreError> {
        let seen = self.read()?.open_table(META)?.get("seen")?.map_or(0, |value| value.value());
        Ok(Duration::from_secs(seen))
    }

    /// What one process spent, by identity.
    pub(crate) fn spent(&self, lane: &str) -> Result<Vec<(String, Sums)>, StoreError> {
        let table = self.read()?.open_table(SPENT)?;
        let mut spent = Vec::new();
        for row in table.range((lane, "")..)? {
            let (key, value) = row?;
            let (owner, identity) = key.value();
            if owner != lane {
                break;
            }
            spent.push((identity.to_owned(), serde_json::from_slice(value.value())?));
        }
        Ok(spent)
    }

    /// A look at everything, as it is now.
    pub(crate) fn read(&self) -> Result<ReadTransaction, StoreError> {
        use redb::ReadableDatabase;
        Ok(self.db.begin_read()?)
    }

    /// A group of changes, durable when committed.
    pub(crate) fn write(&self) -> Result<WriteTransaction, StoreError> {
        Ok(self.db.begin_write()?)
    }
}

/// Puts what a process has spent into a change, and the moment at which it does.
pub(crate) fn put_spent<'a>(
    txn: &WriteTransaction,
    lane: &str,
    spent: impl Iterator<Item = (&'a str, Sums)>,
    now: Duration,
) -> Result<(), StoreError> {
    let mut table = txn.open_table(SPENT)?;
    for (identity, sums) in spent {
        table.insert((lane, identity), serde_json::to_vec(&sums)?.as_slice())?;
    }
    let mut meta = txn.open_table(META)?;
    let seen = meta.get("seen")?.map_or(0, |value| value.value());
    meta.insert("seen", now.as_secs().max(seen))?;
    Ok(())
}

/// Forgets a process whose spending another has taken over.
pub(crate) fn remove_lane(txn: &WriteTransaction, lane: &str) -> Result<(), StoreError> {
    let mut table = txn.open_table(SPENT)?;
    table.retain(|(owner, _), _| owner != lane)?;
    Ok(())
}

// === impl Tables ===

impl<'txn> Tables<'txn> {
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            handles: txn.open_table(HANDLES)?,
            owned: txn.open_table(OWNED)?,
            expiry: txn.open_table(EXPIRY)?,
            deferred: txn.open_table(DEFERRED)?,
            counts: txn.open_table(COUNTS)?,
        })
    }
}

macro_rules! from {
    ($($error:ty),*) => { $(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        }
    )* };
}

from!(
    redb::DatabaseError,
    redb::TransactionError,
    TableError,
    redb::StorageError,
    redb::CommitError,
    serde_json::Error,
    std::io::Error
);
