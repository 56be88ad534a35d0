//! The room's door: every identity's meter, the ledger, and the state that both live in.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;

use arc_swap::ArcSwap;
use forcefield_config::config::Identity;
use forcefield_policy::decision::Permit;
use forcefield_policy::names::IdentityName;
use forcefield_policy::request::Origin;
use thiserror::Error;

use crate::allowance::{Allowances, MakesRoom, OrgCalls, priority};
use crate::keeper::{Keeper, Order, Shared, StateStatus};
use crate::ledger::Ledger;
use crate::meter::{Exceeded, Lease, Meter, Spend};
use crate::settle::Replicas;
use crate::shared_store::SharedStore;
use crate::store::StoreError;
use crate::time::Clock;

/// The limits of all identities.
///
/// Dropping it writes down what was spent; leases that are still out go on counting in memory and in the journal.
pub struct Limits {
    meters: ArcSwap<HashMap<IdentityName, Arc<Meter>>>,
    pub(crate) shared: Arc<Shared>,
    allowances: Allowances,
    ledger: Ledger,
    _keeper: Keeper,
}

/// The state cannot be opened or written.
#[derive(Debug, Error)]
#[error(transparent)]
pub struct OpenError(#[from] StoreError);

// === impl Limits ===

impl Limits {
    /// Opens the state under `folder` (made when it is not there), takes over what ended processes left in it, and
    /// makes the meters. Another process may have the same folder open, as while one hands over to the next: each
    /// sees what the other spends up to a second late.
    ///
    /// `store` is what several replicas share; without, the folder is all.
    ///
    /// # Errors
    /// The state cannot be read or written, or another version of Forcefield wrote it.
    pub fn open(
        folder: &Path,
        identities: &BTreeMap<IdentityName, Identity>,
        clock: Clock,
        store: Option<Arc<dyn SharedStore>>,
    ) -> Result<Self, OpenError> {
        let (shared, keeper) =
            Shared::open(folder.to_owned(), lane(&clock), clock, store.map(Replicas::new))?;
        let limits = Self {
            meters: ArcSwap::default(),
            allowances: Allowances::default(),
            ledger: Ledger::new(Arc::clone(&shared)),
            shared,
            _keeper: keeper,
        };
        limits.reload(identities);
        Ok(limits)
    }

    /// Takes up a changed configuration. What was spent stays spent, requests under way stay counted, and a rate
    /// that did not change goes on where it was.
    pub fn reload(&self, identities: &BTreeMap<IdentityName, Identity>) {
        let before = self.meters.load();
        let mut priorities = HashMap::<&str, BTreeSet<u8>>::new();
        for identity in identities.values() {
            priorities.entry(&identity.org).or_default().insert(priority(&identity.limits));
        }
        let meter = |(name, identity): (&IdentityName, &Identity)| {
            let before = before.get(name).map(Arc::as_ref);
            let none = BTreeSet::new();
            let peers = priorities.get(identity.org.as_str()).unwrap_or(&none);
            let makes_room = MakesRoom::among(peers, &identity.limits);
            let of_org = (self.allowances.of(&identity.org), makes_room);
            let meter = Meter::new(&self.shared, identity, of_org, before);
            (name.clone(), Arc::new(meter))
        };
        self.meters.store(Arc::new(identities.iter().map(meter).collect()));
    }

    /// Lets a permitted request in. `origins` is what the ledger holds for the handles that it names.
    ///
    /// # Errors
    /// It comes too fast, too many are under way, or a budget that its answer counts against is spent.
    pub fn admit(
        &self,
        identity: &IdentityName,
        permit: &Permit,
        origins: &[Option<Origin>],
    ) -> Result<Lease, Exceeded> {
        let meters = self.meters.load();
        let meter = meters.get(identity).ok_or(Exceeded::Unknown)?;
        meter.admit(&self.shared, permit, exported(permit, origins))
    }

    /// The same, which waits for this replica's part of what several share, when it holds too little.
    ///
    /// # Errors
    /// As [`Limits::admit`], and when the store does not answer.
    pub async fn admit_soon(
        &self,
        identity: &IdentityName,
        permit: &Permit,
        origins: &[Option<Origin>],
    ) -> Result<Lease, Exceeded> {
        if self.shared.replicas.is_some() {
            let meter = self.meters.load().get(identity).map(Arc::clone).ok_or(Exceeded::Unknown)?;
            for _ in 0..ROUNDS {
                let Some(round) = meter.short(&self.shared, permit, exported(permit, origins)) else { break };
                round.await;
            }
        }
        self.admit(identity, permit, origins)
    }

    /// The API calls of every org that an identity works with.
    #[must_use]
    pub fn orgs(&self) -> Vec<OrgCalls> {
        self.allowances.all()
    }

    /// Takes up what an answer to an identity says of its org's API calls: the value of `Sforce-Limit-Info`.
    pub fn reported(&self, identity: &IdentityName, text: &str) {
        if let Some(meter) = self.meters.load().get(identity) {
            meter.allowance().reported(text);
        }
    }

    /// The ledger of cursors and jobs.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The meters of the configuration in force.
    pub(crate) fn meters(&self) -> Arc<HashMap<IdentityName, Arc<Meter>>> {
        self.meters.load_full()
    }

    /// What each configured identity has spent, by name.
    #[must_use]
    pub fn snapshot(&self) -> Vec<Spend> {
        let now = self.shared.time.now();
        let mut spend: Vec<Spend> = self.meters.load().values().map(|meter| meter.spend(now)).collect();
        spend.sort_by(|one, other| one.identity.cmp(&other.identity));
        spend
    }

    /// Whether what is spent can be written down; while it cannot, requests are refused.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.shared.is_writable()
    }

    /// How the state does.
    #[must_use]
    pub fn status(&self) -> StateStatus {
        self.shared.status()
    }

    /// Writes everything that was spent to the disk now. Waits for it: not for the way of a request.
    ///
    /// # Errors
    /// The state cannot be written.
    pub fn flush(&self) -> Result<(), OpenError> {
        let (done, outcome) = sync_channel(1);
        let lost = || StoreError::from(std::io::Error::other("its thread has ended"));
        if !self.shared.order(Order::Flush(done)) {
            return Err(lost().into());
        }
        Ok(outcome.recv().map_err(|_| lost())??)
    }
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits").field("meters", &self.meters.load().len()).finish_non_exhaustive()
    }
}

/// Rounds that a request waits for: another of the identity may have spent first what came.
const ROUNDS: usize = 3;

/// The objects that a permit exports.
fn exported<'a>(permit: &'a Permit, origins: &'a [Option<Origin>]) -> impl Iterator<Item = &'a str> {
    let reads = origins.iter().flatten().flat_map(|origin| &origin.reads).map(|(object, _)| object);
    permit.reading().objects.iter().chain(reads).filter(|_| permit.is_export()).map(String::as_str)
}

/// A name for this opening of the state that no other has.
fn lane(clock: &Clock) -> String {
    static OPENED: AtomicU64 = AtomicU64::new(0);
    let opened = OPENED.fetch_add(1, Ordering::Relaxed);
    let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), opened);
    format!("{:016}-{}-{random:016x}", clock.wall_seconds(), std::process::id())
}

#[cfg(test)]
mod tests;
