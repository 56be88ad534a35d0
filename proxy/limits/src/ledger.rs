//! The ledger of cursors and jobs: who created each, and what it reads.
//!
//! Salesforce gives a query locator or a job to its user, not to a client, so any integration that shares the user
//! could page another's cursor or download another's export (reference, sections 3.3 and 5.4). What is not in here
//! under the caller's name does not exist for the caller.

mod entry;

use std::sync::Arc;
use std::time::Duration;

use forcefield_policy::names::IdentityName;
use forcefield_policy::request::{Handle, HandleKind, Origin};
use jiff::Timestamp;
use redb::ReadableTable;
use thiserror::Error;
use tokio::sync::oneshot;

use crate::handles::Issued;
use crate::keeper::{Order, Shared};
use crate::shared_store::{Filed, OutOfReach, Replaced, Replacement, SharedStore};
use crate::store::{DEFERRED, HANDLES, OWNED, StoreError, Tables};
use crate::time::timestamp;
use entry::{Kept, kind, tag};

/// The ledger.
#[derive(Clone)]
pub struct Ledger(Arc<Shared>);

/// What names a handle.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HandleKey {
    /// What it is.
    pub kind: HandleKind,
    /// Its id, as in [`Handle::id`].
    pub id: Box<str>,
}

/// What the ledger holds about one handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What names it.
    pub key: HandleKey,
    /// Who created it.
    pub identity: IdentityName,
    /// What it reads or writes.
    pub origin: Origin,
    /// When it was first recorded.
    pub created: Timestamp,
    /// Until when the org keeps it as evidence, if its owner has deleted it.
    pub deferred: Option<Timestamp>,
}

/// What a request to a job tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Learned {
    /// What a query reads: a Bulk 1.0 query job has its SOQL in its batches.
    Reads(Vec<(String, Vec<String>)>),
    /// The columns of an upload.
    Columns(Vec<Box<str>>),
}

/// A change of the ledger that was not made, or a question it could not answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum LedgerError {
    /// Another identity created it.
    #[error("it belongs to another identity")]
    Foreign,
    /// It is not in the ledger.
    #[error("it is not in the ledger")]
    Unknown,
    /// The identity has as many jobs as the ledger keeps for one.
    #[error("the identity has more jobs than the ledger keeps; delete finished ones")]
    Full,
    /// More changes wait than the store can make.
    #[error("the ledger is busy; try again")]
    Busy,
    /// The store failed.
    #[error("the ledger cannot be read or written: {0}")]
    Store(String),
}

/// How long the org keeps a cursor (reference, section 3.3).
const LOCATORS_LIVE: Duration = Duration::from_secs(2 * 24 * 3600);
/// How long the org keeps a job (reference, section 5.5), and a day for evidence.
const JOBS_LIVE: Duration = Duration::from_secs(8 * 24 * 3600);
/// How long a deferred deletion may be overdue before it is given up.
const DEFERRED_LIVE: Duration = Duration::from_secs(2 * 24 * 3600);
/// Cursors kept for one identity; the oldest goes when a new one comes.
const MOST_LOCATORS: u64 = 20_000;
/// Jobs kept for one identity and kind: Salesforce allows 10,000 a day.
const MOST_JOBS: u64 = 100_000;
/// How often a change of an entry that several replicas share is begun.
const TRIES: u32 = 8;
/// Entries removed in one sweep.
const SWEEP: usize = 2_000;

// === impl Ledger ===

impl Ledger {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// Records that an answer gives a handle to `identity`. Durable when this returns, so that the answer may go on.
    ///
    /// The first offset that a locator is issued with is its batch size: later ones may be any multiple of it.
    /// Recording the same handle again, page after page, costs a look only.
    ///
    /// # Errors
    /// [`LedgerError::Foreign`] when another identity has it: then the answer must not go on.
    pub async fn record(
        &self,
        identity: &IdentityName,
        issued: Issued,
        origin: Origin,
    ) -> Result<(), LedgerError> {
        let Issued { key, offset } = issued;
        let now = self.0.time.now();
        if let Some(kept) = self.kept(&key).await? {
            kept.owned_by(identity)?;
            if kept.deferred.is_none() && kept.origin == origin && kept.accepts(offset) {
                return Ok(());
            }
        }
        let (identity, lifetime) = (identity.clone(), lifetime(key.kind));
        self.edit(key, move |kept| {
            let mut kept = match kept {
                Some(kept) => {
                    kept.owned_by(&identity)?;
                    kept
                }
                None => Kept::new(&identity, now, lifetime),
            };
            kept.origin = origin.clone();
            kept.issue(offset);
            Ok(Some(kept))
        })
        .await
    }

    /// What the ledger holds for a handle that `identity` uses: `None` when it is not its own, not known, deleted,
    /// or a locator with an offset that was never issued.
    ///
    /// # Errors
    /// The store cannot be read: the request must be refused.
    pub async fn look_up(
        &self,
        identity: &IdentityName,
        handle: &Handle,
    ) -> Result<Option<Origin>, LedgerError> {
        let kept = self.kept(&HandleKey::from(handle)).await?;
        let own = kept.filter(|kept| kept.owned_by(identity).is_ok() && kept.deferred.is_none());
        Ok(own.filter(|kept| kept.accepts(handle.offset)).map(|kept| kept.origin))
    }

    /// Who created a handle, also when it was deleted and is kept as evidence.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn owner(&self, key: &HandleKey) -> Result<Option<IdentityName>, LedgerError> {
        Ok(self.kept(key).await?.and_then(|kept| IdentityName::try_from(&*kept.identity).ok()))
    }

    /// Adds to what a job reads or writes. Durable when this returns; what is known already costs a look only.
    ///
    /// # Errors
    /// [`LedgerError::Unknown`] and [`LedgerError::Foreign`].
    pub async fn amend(
        &self,
        identity: &IdentityName,
        key: HandleKey,
        learned: Learned,
    ) -> Result<(), LedgerError> {
        if let Some(kept) = self.kept(&key).await?.filter(|kept| kept.deferred.is_none()) {
            kept.owned_by(identity)?;
            let mut origin = kept.origin.clone();
            learned.add_to(&mut origin);
            if origin == kept.origin {
                return Ok(());
            }
        }
        self.update(identity, key, move |kept| learned.add_to(&mut kept.origin)).await
    }

    /// The handles of one kind that an identity has, oldest first, those deleted and kept as evidence included.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn list(&self, identity: &IdentityName, kind: HandleKind) -> Result<Vec<Entry>, LedgerError> {
        let (tag, now) = (tag(kind), self.0.time.now());
        if let Some(store) = self.shared() {
            let found = store.entries(identity, tag).await?;
            let kept = found.into_iter().map(|(id, text)| Ok((kind, id, parse(&text)?)));
            let mut kept = kept.collect::<Result<Vec<(_, _, Kept)>, LedgerError>>()?;
            kept.retain(|(.., kept)| !kept.is_over(now));
            kept.sort_by_key(|(.., kept)| kept.expires);
            return Ok(entries(kept));
        }
        let read = self.0.store.read()?;
        let (owned, handles) = (read.open_table(OWNED)?, read.open_table(HANDLES)?);
        let mut entries = Vec::new();
        for row in owned.range((identity.as_str(), tag, now.as_secs() + 1, "")..)? {
            let (key, _) = row?;
            let (owner, of, _, id) = key.value();
            if owner != identity.as_str() || of != tag {
                break;
            }
            if let Some(value) = handles.get((tag, id))? {
                let kept: Kept = serde_json::from_slice(value.value())?;
                entries.extend(kept.entry(HandleKey { kind, id: id.into() }));
            }
        }
        Ok(entries)
    }

    /// Forgets a handle: the org has deleted it. Durable when this returns.
    ///
    /// # Errors
    /// [`LedgerError::Unknown`] and [`LedgerError::Foreign`].
    pub async fn delete(&self, identity: &IdentityName, key: HandleKey) -> Result<(), LedgerError> {
        let identity = identity.clone();
        self.edit(key, move |kept| {
            kept.ok_or(LedgerError::Unknown)?.owned_by(&identity)?;
            Ok(None)
        })
        .await
    }

    /// Notes that its owner deleted a job, which stays at the org as evidence for a while: gone for the client,
    /// given by [`Ledger::due`] when the time has come. Durable when this returns.
    ///
    /// # Errors
    /// [`LedgerError::Unknown`], also when it was deleted before, and [`LedgerError::Foreign`].
    pub async fn defer(
        &self,
        identity: &IdentityName,
        key: HandleKey,
        evidence: Duration,
    ) -> Result<(), LedgerError> {
        let until = self.0.time.now() + evidence;
        self.update(identity, key, move |kept| {
            kept.deferred = Some(until.as_secs());
            kept.expires = kept.expires.max((until + DEFERRED_LIVE).as_secs());
        })
        .await
    }

    /// The jobs that are to be deleted at the org now: [`Ledger::delete`] them when that is done.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn due(&self) -> Result<Vec<Entry>, LedgerError> {
        let now = self.0.time.now().as_secs();
        if let Some(store) = self.shared() {
            let found = store.due(now).await?.into_iter();
            let kept = found.filter_map(|(tag, id, text)| {
                let kind = kind(tag)?;
                Some(parse(&text).map(|kept| (kind, id, kept)))
            });
            return Ok(entries(kept.collect::<Result<Vec<_>, _>>()?));
        }
        let read = self.0.store.read()?;
        let (deferred, handles) = (read.open_table(DEFERRED)?, read.open_table(HANDLES)?);
        let mut entries = Vec::new();
        for row in deferred.range(..(now + 1, 0, ""))? {
            let (row, _) = row?;
            let (_, tag, id) = row.value();
            if let (Some(kind), Some(value)) = (kind(tag), handles.get((tag, id))?) {
                let kept: Kept = serde_json::from_slice(value.value())?;
                entries.extend(kept.entry(HandleKey { kind, id: id.into() }));
            }
        }
        Ok(entries)
    }

    /// What is kept and not over.
    async fn kept(&self, key: &HandleKey) -> Result<Option<Kept>, LedgerError> {
        if let Some(store) = self.shared() {
            let text = store.entry(tag(key.kind), &key.id).await?;
            let kept = text.map(|text| parse(&text)).transpose()?;
            return Ok(kept.filter(|kept| !kept.is_over(self.0.time.now())));
        }
        let handles = self.0.store.read()?.open_table(HANDLES)?;
        let Some(value) = handles.get((tag(key.kind), &*key.id))? else { return Ok(None) };
        let kept: Kept = serde_json::from_slice(value.value())?;
        Ok(Some(kept).filter(|kept| !kept.is_over(self.0.time.now())))
    }

    /// Changes an entry that is the identity's own and not deleted.
    async fn update(
        &self,
        identity: &IdentityName,
        key: HandleKey,
        change: impl Fn(&mut Kept) + Send + Sync + 'static,
    ) -> Result<(), LedgerError> {
        let identity = identity.clone();
        self.edit(key, move |kept| {
            let mut kept = kept.filter(|kept| kept.deferred.is_none()).ok_or(LedgerError::Unknown)?;
            kept.owned_by(&identity)?;
            change(&mut kept);
            Ok(Some(kept))
        })
        .await
    }

    /// Makes of an entry that is not over, or of none, what it is to be: `None` for gone. Durable when this returns.
    async fn edit(
        &self,
        key: HandleKey,
        edit: impl Fn(Option<Kept>) -> Result<Option<Kept>, LedgerError> + Send + Sync + 'static,
    ) -> Result<(), LedgerError> {
        let now = self.0.time.now();
        if let Some(store) = self.shared() {
            return edit_shared(&**store, &key, now, edit).await;
        }
        self.change(move |tables| {
            let before = get(tables, &key)?;
            let after = edit(before.clone().filter(|kept| !kept.is_over(now)))?;
            if let Some(before) = &before {
                remove(tables, &key, before)?;
            }
            let Some(after) = after else { return Ok(()) };
            if before.is_none_or(|before| before.is_over(now)) {
                make_room(tables, &after.identity, key.kind)?;
            }
            put(tables, &key, &after)
        })
        .await
    }

    /// The store of several replicas, which holds all of the ledger where there are several.
    fn shared(&self) -> Option<&Arc<dyn SharedStore>> {
        self.0.replicas.as_ref().map(|replicas| &replicas.store)
    }

    async fn change(
        &self,
        change: impl FnOnce(&mut Tables<'_>) -> Result<(), LedgerError> + Send + 'static,
    ) -> Result<(), LedgerError> {
        let (done, outcome) = oneshot::channel();
        if !self.0.order(Order::Change(Box::new(change), done)) {
            return Err(LedgerError::Busy);
        }
        outcome.await.map_err(|_| LedgerError::Store("its thread has ended".to_owned()))?
    }
}

/// Makes of an entry that several replicas share what it is to be. Begun anew when another replica was faster.
async fn edit_shared(
    store: &dyn SharedStore,
    key: &HandleKey,
    now: Duration,
    edit: impl Fn(Option<Kept>) -> Result<Option<Kept>, LedgerError> + Send + Sync,
) -> Result<(), LedgerError> {
    let locator = key.kind == HandleKind::Locator;
    for _ in 0..TRIES {
        let before = store.entry(tag(key.kind), &key.id).await?;
        let known = before.as_deref().map(parse).transpose()?;
        let owner = known.as_ref().map(|known: &Kept| known.identity.clone());
        let after = edit(known.filter(|kept| !kept.is_over(now)))?;
        let Some(identity) = after.as_ref().map(|after| after.identity.clone()).or(owner) else {
            return Ok(());
        };
        let file = |kept: Kept| {
            let text = serde_json::to_string(&kept)?;
            Ok::<_, LedgerError>(Filed { text, expires: kept.expires, deferred: kept.deferred })
        };
        let change = Replacement {
            kind: tag(key.kind),
            id: key.id.to_string(),
            identity,
            before,
            after: after.map(file).transpose()?,
            most: if locator { MOST_LOCATORS } else { MOST_JOBS },
            oldest_goes: locator,
        };
        match store.replace(&change).await? {
            Replaced::Done => return Ok(()),
            Replaced::Full => return Err(LedgerError::Full),
            Replaced::Changed => {}
        }
    }
    Err(LedgerError::Busy)
}

fn parse(text: &str) -> Result<Kept, LedgerError> {
    Ok(serde_json::from_str(text)?)
}

fn entries(kept: Vec<(HandleKind, String, Kept)>) -> Vec<Entry> {
    kept.into_iter().filter_map(|(kind, id, kept)| kept.entry(HandleKey { kind, id: id.into() })).collect()
}

/// Removes what is over.
pub(crate) fn sweep(tables: &mut Tables<'_>, now: Duration) -> Result<(), StoreError> {
    let mut over = Vec::new();
    for row in tables.expiry.range(..(now.as_secs() + 1, 0, ""))?.take(SWEEP) {
        let (key, _) = row?;
        let (_, tag, id) = key.value();
        over.extend(kind(tag).map(|kind| HandleKey { kind, id: id.into() }));
    }
    for key in over {
        let failed = |error: LedgerError| StoreError::from(std::io::Error::other(error));
        if let Some(kept) = get(tables, &key).map_err(failed)? {
            remove(tables, &key, &kept).map_err(failed)?;
        }
    }
    Ok(())
}

fn lifetime(kind: HandleKind) -> Duration {
    match kind {
        HandleKind::Locator => LOCATORS_LIVE,
        HandleKind::QueryJob
        | HandleKind::IngestJob
        | HandleKind::ClassicJob
        | HandleKind::ReportInstance
        | HandleKind::Deployment => JOBS_LIVE,
    }
}

/// Makes sure that one more handle may be kept for an identity.
fn make_room(tables: &mut Tables<'_>, identity: &str, kind: HandleKind) -> Result<(), LedgerError> {
    let count = tables.counts.get((identity, tag(kind)))?.map_or(0, |count| count.value());
    if kind != HandleKind::Locator {
        return if count < MOST_JOBS { Ok(()) } else { Err(LedgerError::Full) };
    }
    if count < MOST_LOCATORS {
        return Ok(());
    }
    let oldest = tables.owned.range((identity, tag(kind), 0, "")..)?.next().transpose()?;
    let oldest = oldest.map(|(key, _)| HandleKey { kind, id: key.value().3.into() });
    match oldest {
        Some(key) => match get(tables, &key)? {
            Some(kept) => remove(tables, &key, &kept),
            None => Ok(()),
        },
        None => Ok(()),
    }
}

fn get(tables: &Tables<'_>, key: &HandleKey) -> Result<Option<Kept>, LedgerError> {
    let value = tables.handles.get((tag(key.kind), &*key.id))?;
    Ok(value.map(|value| serde_json::from_slice(value.value())).transpose()?)
}

/// Writes an entry that is not there, and what finds it.
fn put(tables: &mut Tables<'_>, key: &HandleKey, kept: &Kept) -> Result<(), LedgerError> {
    let (tag, id) = (tag(key.kind), &*key.id);
    tables.handles.insert((tag, id), serde_json::to_vec(kept)?.as_slice())?;
    tables.owned.insert((&*kept.identity, tag, kept.expires, id), ())?;
    tables.expiry.insert((kept.expires, tag, id), ())?;
    if let Some(until) = kept.deferred {
        tables.deferred.insert((until, tag, id), ())?;
    }
    let count = tables.counts.get((&*kept.identity, tag))?.map_or(0, |count| count.value());
    tables.counts.insert((&*kept.identity, tag), count + 1)?;
    Ok(())
}

fn remove(tables: &mut Tables<'_>, key: &HandleKey, kept: &Kept) -> Result<(), LedgerError> {
    let (tag, id) = (tag(key.kind), &*key.id);
    tables.handles.remove((tag, id))?;
    tables.owned.remove((&*kept.identity, tag, kept.expires, id))?;
    tables.expiry.remove((kept.expires, tag, id))?;
    if let Some(until) = kept.deferred {
        tables.deferred.remove((until, tag, id))?;
    }
    let count = tables.counts.get((&*kept.identity, tag))?.map_or(0, |count| count.value());
    tables.counts.insert((&*kept.identity, tag), count.saturating_sub(1))?;
    Ok(())
}

// === impl HandleKey and others ===

impl From<&Handle> for HandleKey {
    fn from(handle: &Handle) -> Self {
        Self { kind: handle.kind, id: handle.id.clone() }
    }
}

impl From<OutOfReach> for LedgerError {
    fn from(error: OutOfReach) -> Self {
        Self::Store(error.to_string())
    }
}

impl<E: Into<StoreError>> From<E> for LedgerError {
    fn from(error: E) -> Self {
        Self::Store(error.into().to_string())
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ledger")
    }
}

#[cfg(test)]
mod tests;
