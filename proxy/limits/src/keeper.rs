//! The thread that keeps the state on disk: groups of ledger changes, the journal's rest, and the fold of what was
//! spent into the store.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use forcefield_policy::names::IdentityName;
use tokio::sync::oneshot;
use tracing::error;

use crate::account::{Account, Sums};
use crate::holding::Holding;
use crate::journal::{self, Ended, Found, Journal};
use crate::ledger::{self, LedgerError};
use crate::settle::Replicas;
use crate::store::{self, Store, StoreError, Tables};
use crate::time::Time;

/// What the keeper and the requests share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) journal: Journal,
    pub(crate) time: Time,
    folder: PathBuf,
    accounts: Mutex<BTreeMap<IdentityName, Arc<Account>>>,
    /// Whether the last attempt to write succeeded.
    writable: AtomicBool,
    work: Work,
    orders: SyncSender<Order>,
    /// The processes that have the folder open and run, this one included.
    living: Mutex<Vec<String>>,
    /// The store of several replicas, where there are several.
    pub(crate) replicas: Option<Replicas>,
}

/// What the thread has done since the start.
#[derive(Debug, Default)]
struct Work {
    /// Folds of what was spent into the store that succeeded, and the nanoseconds that they took.
    folds: AtomicU64,
    folding: AtomicU64,
    /// Attempts to write that failed: into the journal, and into the store.
    journal_failures: AtomicU64,
    store_failures: AtomicU64,
}

/// How the state does, for `readyz` and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateStatus {
    /// Whether the last attempt to write succeeded.
    pub writable: bool,
    /// How often what was spent was put into the store.
    pub folds: u64,
    /// How long that took together.
    pub folding: Duration,
    /// Attempts to write into the journal that failed.
    pub journal_failures: u64,
    /// Attempts to write into the store that failed.
    pub store_failures: u64,
}

/// A change of the ledger: checks first and changes after, so that a refused one leaves nothing behind.
pub(crate) type Change = Box<dyn FnOnce(&mut Tables<'_>) -> Result<(), LedgerError> + Send>;

/// What the keeper is told.
pub(crate) enum Order {
    /// Make this change durable.
    Change(Change, oneshot::Sender<Result<(), LedgerError>>),
    /// Something was spent that no journal holds yet.
    Spent(Arc<Account>),
    /// Write everything now.
    Flush(SyncSender<Result<(), StoreError>>),
    /// Write everything and end.
    Stop,
}

/// The running thread. Dropping it writes everything and waits for it to end.
#[derive(Debug)]
pub(crate) struct Keeper {
    orders: SyncSender<Order>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread holds between two orders.
#[derive(Default)]
struct Backlog {
    /// Accounts with something that no journal holds.
    fresh: Vec<Arc<Account>>,
    /// Accounts with something that the store does not hold.
    unfolded: BTreeMap<IdentityName, Arc<Account>>,
    /// Processes whose spending was added to this one's, until the store holds it.
    ended: Vec<(String, Ended)>,
    /// Whether the journal was turned for a fold that has not succeeded yet.
    turned: bool,
}

/// Orders that may wait.
const WAITING: usize = 65_536;
/// Changes made durable together, at most.
const GROUP: usize = 512;
/// The longest that something small which was spent is in no journal.
const JOURNAL_EVERY: Duration = Duration::from_millis(50);
/// The longest that something which was spent is only in the journal, and so lost if the machine crashes.
const FOLD_EVERY: Duration = Duration::from_secs(1);

// === impl Work ===

impl Work {
    fn folded(&self, outcome: &Result<(), StoreError>, took: Duration) {
        if outcome.is_err() {
            self.store_failures.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.folds.fetch_add(1, Ordering::Relaxed);
        self.folding.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

// === impl Shared ===

impl Shared {
    /// Opens the state, takes over what ended processes left, and starts the thread.
    pub(crate) fn open(
        folder: PathBuf,
        lane: String,
        clock: crate::time::Clock,
        replicas: Option<Replicas>,
    ) -> Result<(Arc<Self>, Keeper), StoreError> {
        std::fs::create_dir_all(&folder)?;
        let store = Store::open(&folder.join("limits.redb"))?;
        let time = Time::new(clock, store.seen()?);
        let journal = Journal::create(&folder, lane)?;
        let (orders, inbox) = sync_channel(WAITING);
        let shared = Arc::new(Self {
            store,
            journal,
            time,
            folder,
            accounts: Mutex::default(),
            writable: AtomicBool::new(true),
            work: Work::default(),
            orders: orders.clone(),
            living: Mutex::default(),
            replicas,
        });
        let mut backlog = Backlog::default();
        shared.fold(&mut backlog)?;
        let keeper = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("limits".to_owned())
            .spawn(move || keeper.keep(&inbox, backlog))?;
        Ok((shared, Keeper { orders, thread: Some(thread) }))
    }

    /// The account of an identity, made when there is none.
    pub(crate) fn account(&self, identity: &IdentityName) -> Arc<Account> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        let account = accounts.entry(identity.clone()).or_insert_with(|| {
            Account::new(identity.clone(), self.replicas.as_ref().map(|_| Holding::default()))
        });
        Arc::clone(account)
    }

    /// The processes that have the folder open and run. What others spent that have ended is this one's.
    pub(crate) fn living(&self) -> Vec<String> {
        self.living.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Tells the keeper of something new. `false` when it cannot be told now.
    pub(crate) fn order(&self, order: Order) -> bool {
        self.orders.try_send(order).is_ok()
    }

    /// Whether what is spent can be written down.
    pub(crate) fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Acquire)
    }

    /// How the state does.
    pub(crate) fn status(&self) -> StateStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        StateStatus {
            writable: self.is_writable(),
            folds: count(&self.work.folds),
            folding: Duration::from_nanos(count(&self.work.folding)),
            journal_failures: count(&self.work.journal_failures),
            store_failures: count(&self.work.store_failures),
        }
    }

    /// Notes a failure to write: from now on nothing new is let in, until writing works.
    pub(crate) fn failed(&self, error: &dyn std::fmt::Display) {
        if self.writable.swap(false, Ordering::AcqRel) {
            error!(%error, "the state of limits cannot be written: requests are refused until it can");
        }
    }

    fn keep(&self, inbox: &Receiver<Order>, mut backlog: Backlog) {
        let (mut journaled, mut folded) = (Instant::now(), Instant::now());
        loop {
            let idle = backlog.fresh.is_empty() && backlog.unfolded.is_empty() && self.is_writable();
            let wait = if idle { FOLD_EVERY } else { JOURNAL_EVERY.saturating_sub(journaled.elapsed()) };
            let mut stop = false;
            match inbox.recv_timeout(wait) {
                Ok(Order::Change(change, done)) => self.group(inbox, &mut backlog, (change, done), &mut stop),
                Ok(order) => stop = self.obey(order, &mut backlog),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => stop = true,
            }
            if stop {
                let _ = self.flush(&mut backlog).map_err(|error| self.failed(&error));
                return;
            }
            if journaled.elapsed() >= JOURNAL_EVERY {
                journaled = Instant::now();
                self.journal(&mut backlog);
            }
            if folded.elapsed() >= FOLD_EVERY {
                folded = Instant::now();
                if !idle {
                    self.try_fold(&mut backlog);
                }
            }
        }
    }

    /// Does anything but a change. `true` to end.
    fn obey(&self, order: Order, backlog: &mut Backlog) -> bool {
        match order {
            Order::Spent(account) => backlog.fresh.push(account),
            Order::Flush(done) => drop(done.send(self.flush(backlog))),
            Order::Change(_, refused) => drop(refused.send(Err(LedgerError::Busy))),
            Order::Stop => return true,
        }
        false
    }

    /// Makes a change durable together with those that wait behind it.
    fn group(
        &self,
        inbox: &Receiver<Order>,
        backlog: &mut Backlog,
        first: (Change, oneshot::Sender<Result<(), LedgerError>>),
        stop: &mut bool,
    ) {
        let mut group = vec![first];
        while group.len() < GROUP {
            match inbox.try_recv() {
                Ok(Order::Change(change, done)) => group.push((change, done)),
                Ok(order) => *stop |= self.obey(order, backlog),
                Err(_) => break,
            }
        }
        let (changes, waiting): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        match self.commit(changes) {
            Ok(outcomes) => {
                for (done, outcome) in waiting.into_iter().zip(outcomes) {
                    let _ = done.send(outcome);
                }
            }
            Err(error) => {
                for done in waiting {
                    let _ = done.send(Err(LedgerError::Store(error.to_string())));
                }
            }
        }
    }

    fn commit(&self, changes: Vec<Change>) -> Result<Vec<Result<(), LedgerError>>, StoreError> {
        let txn = self.store.write()?;
        let mut outcomes = Vec::with_capacity(changes.len());
        {
            let mut tables = Tables::open(&txn)?;
            for change in changes {
                outcomes.push(change(&mut tables));
            }
        }
        if outcomes.iter().any(|outcome| matches!(outcome, Err(LedgerError::Store(_)))) {
            return Err(StoreError::from(std::io::Error::other("a change could not be made")));
        }
        txn.commit()?;
        Ok(outcomes)
    }

    /// Writes into the journal what of each account is in none.
    fn journal(&self, backlog: &mut Backlog) {
        let mut failed = Vec::new();
        for account in backlog.fresh.drain(..) {
            let mut books = account.books();
            books.told = false;
            if books.unwritten != Default::default()
                && let Err(error) = self.journal.append(&account.identity, &mut books)
            {
                self.work.journal_failures.fetch_add(1, Ordering::Relaxed);
                self.failed(&error);
                books.told = true;
                failed.push(Arc::clone(&account));
            }
            drop(books);
            backlog.unfolded.insert(account.identity.clone(), account);
        }
        backlog.fresh = failed;
    }

    fn flush(&self, backlog: &mut Backlog) -> Result<(), StoreError> {
        self.journal(backlog);
        self.fold(backlog)
    }

    fn try_fold(&self, backlog: &mut Backlog) {
        let began = Instant::now();
        let folded = self.fold(backlog);
        self.work.folded(&folded, began.elapsed());
        match folded {
            Ok(()) if backlog.fresh.is_empty() => self.writable.store(true, Ordering::Release),
            Ok(()) => {}
            Err(error) => self.failed(&error),
        }
    }

    /// Puts what was spent into the store, takes over what ended processes left, and reads what others spend.
    fn fold(&self, backlog: &mut Backlog) -> Result<(), StoreError> {
        self.look_around(backlog)?;
        if !backlog.turned {
            self.journal.turn()?;
            backlog.turned = true;
        }
        let now = self.time.now();
        let txn = self.store.write()?;
        let sums = |account: &Arc<Account>| account.books().own.clone();
        let spent = backlog.unfolded.values().map(|account| (account.identity.as_str(), sums(account)));
        store::put_spent(&txn, self.journal.lane(), spent, now)?;
        for (lane, _) in &backlog.ended {
            store::remove_lane(&txn, lane)?;
        }
        ledger::sweep(&mut Tables::open(&txn)?, now)?;
        txn.commit()?;
        backlog.turned = false;
        backlog.unfolded.clear();
        backlog.ended.drain(..).try_for_each(|(_, ended)| Ok(ended.remove()?))
    }

    /// Looks after the other processes: adds what ended ones left to what this one spent, and notes what those that
    /// live have spent.
    fn look_around(&self, backlog: &mut Backlog) -> Result<(), StoreError> {
        let mut alive = BTreeMap::<IdentityName, Sums>::new();
        let mut living = vec![self.journal.lane().to_owned()];
        let known: Vec<&str> = backlog.ended.iter().map(|(lane, _)| lane.as_str()).collect();
        for (lane, found) in journal::others(&self.folder, self.journal.lane(), &known)? {
            let mut spent = self.spent(&lane)?;
            match found {
                Found::Alive => {
                    living.push(lane);
                    spent.iter().for_each(|(identity, sums)| {
                        alive.entry(identity.clone()).or_default().merge(sums);
                    });
                }
                Found::Dead(ended) => {
                    for (identity, line) in &ended.lines {
                        line.replay(spent.entry(identity.clone()).or_default());
                    }
                    for (identity, sums) in spent {
                        let account = self.account(&identity);
                        account.books().own.merge(&sums);
                        backlog.unfolded.insert(identity, account);
                    }
                    backlog.ended.push((lane, *ended));
                }
            }
        }
        alive.keys().for_each(|identity| drop(self.account(identity)));
        for account in self.accounts() {
            account.books().others = alive.remove(&account.identity).unwrap_or_default();
        }
        *self.living.lock().unwrap_or_else(PoisonError::into_inner) = living;
        Ok(())
    }

    /// What the store holds of one process.
    fn spent(&self, lane: &str) -> Result<BTreeMap<IdentityName, Sums>, StoreError> {
        let named = |(identity, sums): (String, Sums)| Some((IdentityName::try_from(&*identity).ok()?, sums));
        Ok(self.store.spent(lane)?.into_iter().filter_map(named).collect())
    }

    /// All accounts.
    pub(crate) fn accounts(&self) -> Vec<Arc<Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }
}

// === impl Keeper ===

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
