//! Rounds with the store that several replicas share: what was spent is told, and more is granted.
//!
//! A round is made every moment for each identity that calls through this replica, and at once when what is held runs
//! short. One that does not call any more gives back what it holds. Requests do not wait for rounds, but the first of
//! an identity, and one that finds its part spent before the next round has come: each for one round, and not long.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use forcefield_policy::names::IdentityName;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::account::{Account, Books};
use crate::holding::{Active, Begun, spent};
use crate::keeper::Shared;
use crate::limits::Limits;
use crate::meter::Meter;
use crate::shared_store::{Ask, Report, SharedStore};

/// The store, and who waits for a round.
pub(crate) struct Replicas {
    pub(crate) store: Arc<dyn SharedStore>,
    asked: Mutex<BTreeSet<IdentityName>>,
    wake: Notify,
}

/// Something to wait for before a request or a piece of an answer is counted.
pub type Round = Pin<Box<dyn Future<Output = ()> + Send>>;

/// How often a round is made for who calls.
const EVERY: Duration = Duration::from_millis(500);
/// How long an identity that does not call keeps what it holds.
const LINGERS: Duration = Duration::from_secs(5);
/// The longest that a request waits for a round.
const PATIENCE: Duration = Duration::from_millis(500);
/// How long giving everything back may take.
const LEAVING: Duration = Duration::from_secs(2);

// === impl Limits ===

impl Limits {
    /// Makes the rounds with the store that several replicas share; never ends. To be run beside the requests.
    pub async fn keep_settled(&self) {
        let Some(replicas) = &self.shared.replicas else { return std::future::pending().await };
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let asked = tokio::select! {
                () = replicas.wake.notified() => replicas.take_asked(),
                _ = ticks.tick() => self.due(replicas),
            };
            let meters = self.meters();
            for meter in asked.iter().filter_map(|identity| meters.get(identity)) {
                begin_rounds(Arc::clone(meter), Arc::clone(&self.shared));
            }
        }
    }

    /// Gives back what is held of every budget, before the process ends.
    pub async fn leave(&self) {
        let Some(replicas) = &self.shared.replicas else { return };
        let mut leaving = JoinSet::new();
        for meter in self.meters().values() {
            let mut books = meter.account().books();
            if books.holding.as_ref().is_some_and(|holding| holding.owes) {
                let report = meter.report(&self.shared, &mut books, Active::No);
                let store = Arc::clone(&replicas.store);
                leaving.extend(report.map(|(report, _)| async move { store.settle(&report).await.is_ok() }));
            }
        }
        // Who cannot give back any more loses what the window holds; nobody gains.
        let _ = timeout(LEAVING, leaving.join_all()).await;
    }

    /// Who holds something, and who has something to tell that the store has lost.
    fn due(&self, replicas: &Replicas) -> BTreeSet<IdentityName> {
        let (now, generation) = (self.shared.time.now(), replicas.store.generation());
        let is_due = |meter: &Meter| {
            let mut books = meter.account().books();
            let told = books.holding.as_ref().is_none_or(|holding| holding.generation == generation);
            let knows = books.knows_something(now);
            books.holding.as_ref().is_some_and(|holding| holding.owes) || !told && knows
        };
        let meters = self.meters();
        let due = meters.iter().filter(|(_, meter)| is_due(meter));
        due.map(|(identity, _)| identity.clone()).collect()
    }
}

/// Makes rounds until nobody asks for another, unless that is being done.
fn begin_rounds(meter: Arc<Meter>, shared: Arc<Shared>) {
    {
        let mut books = meter.account().books();
        let Some(holding) = &mut books.holding else { return };
        if holding.settling {
            holding.again = true;
            return;
        }
        holding.settling = true;
    }
    tokio::spawn(async move {
        loop {
            round(&meter, &shared).await;
            let mut books = meter.account().books();
            let Some(holding) = &mut books.holding else { return };
            if !std::mem::take(&mut holding.again) {
                holding.settling = false;
                return;
            }
        }
    });
}

/// One round.
pub(crate) async fn round(meter: &Meter, shared: &Shared) {
    let Some(replicas) = &shared.replicas else { return };
    let (account, generation) = (meter.account(), replicas.store.generation());
    let begun = {
        let mut books = account.books();
        let active = is_active(account, &books, shared.time.now());
        meter.report(shared, &mut books, active)
    };
    let Some((report, round)) = begun else { return };
    let answer = replicas.store.settle(&report).await;
    if let (Ok(settled), Some(holding)) = (answer, &mut account.books().holding) {
        holding.take(settled, round);
        holding.generation = generation;
    }
    account.settled.send_replace(report.version);
}

/// Whether an identity calls through this replica.
fn is_active(account: &Account, books: &Books, now: Duration) -> Active {
    let recently = books.holding.as_ref().is_some_and(|holding| now < holding.used + LINGERS);
    if recently || account.in_flight() > 0 { Active::Yes } else { Active::No }
}

// === impl Meter ===

impl Meter {
    /// Begins a round: what is told and asked in it. `None` when nothing is shared.
    fn report(&self, shared: &Shared, books: &mut Books, active: Active) -> Option<(Report, Begun)> {
        let (replicas, holding) = (shared.replicas.as_ref()?, books.holding.as_mut()?);
        let asks: Vec<Ask> = self.budgets().map(|(of, budget)| holding.ask(of, budget)).collect();
        let is_known = holding.generation == replicas.store.generation();
        let restore = if is_known { Vec::new() } else { holding.lanes.clone() };
        let now = shared.time.now();
        let round = holding.begin(now, active);
        let report = Report {
            identity: self.account().identity.clone(),
            lane: shared.journal.lane().to_owned(),
            living: shared.living(),
            version: round.number,
            active: active == Active::Yes,
            spent: spent(&books.own, now),
            asks,
            restore,
        };
        Some((report, round))
    }
}

// === impl Replicas ===

impl Replicas {
    pub(crate) fn new(store: Arc<dyn SharedStore>) -> Self {
        Self { store, asked: Mutex::default(), wake: Notify::new() }
    }

    /// Asks for the round `number` of an account, and gives what to wait for.
    pub(crate) fn ask(&self, account: &Arc<Account>, number: u64) -> Round {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(account.identity.clone());
        self.wake.notify_one();
        let mut settled = account.settled.subscribe();
        Box::pin(async move {
            // What is not there by then is refused.
            let _ = timeout(PATIENCE, settled.wait_for(|done| *done >= number)).await;
        })
    }

    fn take_asked(&self) -> BTreeSet<IdentityName> {
        std::mem::take(&mut *self.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
