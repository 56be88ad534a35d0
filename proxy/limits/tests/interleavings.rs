//! Every order in which a few threads can come, tried by loom, on the counters that requests share.
//!
//! The files of the counters are compiled here once more, with loom's types under the names of `sync`.

#![expect(dead_code, unreachable_pub, reason = "the rest of the room, which uses it, is not compiled here")]
#![expect(clippy::unwrap_used, reason = "a model stops where it cannot go on")]

#[path = "../src/account.rs"]
mod account;
#[path = "../src/holding.rs"]
mod holding;
#[path = "../src/pace.rs"]
mod pace;
#[path = "../src/ring.rs"]
mod ring;
#[path = "../src/shared_store.rs"]
mod shared_store;
#[path = "../src/usage.rs"]
mod usage;

mod sync {
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};
}

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use forcefield_config::config::{Budget, Window};
use forcefield_policy::names::IdentityName;
use loom::thread;

use account::{Account, Of};
use holding::{Active, Begun, Holding};
use pace::Pace;
use shared_store::{Ask, Granted, Settled};
use sync::{AtomicU32, AtomicU64, Mutex, Ordering};
use usage::Usage;

const NOW: Duration = Duration::from_secs(1_790_000_000);

/// Tries a model in every order with at most three threads cut off in the middle of their work.
fn in_every_order(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

fn account(holding: Option<Holding>) -> Arc<Account> {
    Account::new(IdentityName::try_from("drift").unwrap(), holding)
}

fn budget(amount: u64) -> Budget {
    Budget { amount: NonZeroU64::new(amount).unwrap(), window: Window::Hour }
}

/// Spends some rows if they are left, as an answer's chunk does.
fn take(account: &Account, amount: u64, budget: Budget, now: impl Fn() -> Duration) -> u64 {
    let mut books = account.books();
    let now = now();
    if books.fits([(Of::Rows, budget, amount)].into_iter(), now).is_err() {
        return 0;
    }
    books.spend(Of::Rows, amount, now);
    amount
}

#[test]
fn places_are_never_too_many_and_given_back_once() {
    in_every_order(|| {
        let (account, inside) = (account(None), Arc::new(AtomicU32::new(0)));
        let work = |account: Arc<Account>, inside: Arc<AtomicU32>| {
            let Ok(place) = account.enter(Some(2)) else { return 0 };
            assert!(inside.fetch_add(1, Ordering::AcqRel) < 2, "a third was let in");
            inside.fetch_sub(1, Ordering::AcqRel);
            drop(place);
            1
        };
        let threads = [(), ()].map(|()| {
            let (account, inside) = (Arc::clone(&account), Arc::clone(&inside));
            thread::spawn(move || work(account, inside))
        });
        let mine = work(Arc::clone(&account), inside);
        let entered = threads.into_iter().map(|thread| thread.join().unwrap()).sum::<u32>() + mine;
        assert!(entered >= 2, "a free place was refused");
        assert_eq!(account.in_flight(), 0);
    });
}

#[test]
fn a_pace_lets_through_its_burst_and_what_time_brings() {
    in_every_order(|| {
        let pace = Arc::new(Pace::new());
        // Ten a piece, two at once; the clock of one thread is at ten.
        let take = |pace: &Pace, moments: [u64; 2]| {
            moments.into_iter().filter(|now| pace.take(*now, 10, 2).is_ok()).count()
        };
        let threads = [[0, 0], [0, 10]].map(|moments| {
            let pace = Arc::clone(&pace);
            thread::spawn(move || take(&pace, moments))
        });
        let let_through: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert!((2..=3).contains(&let_through), "{let_through}");
        assert!(pace.take(10, 10, 2).is_err() || let_through == 2, "a refusal takes nothing, an entry one");
    });
}

#[test]
fn what_an_org_says_of_its_calls_is_never_seen_apart() {
    in_every_order(|| {
        let usage = Arc::new(Usage::of(5));
        let told = Arc::clone(&usage);
        let org = thread::spawn(move || {
            told.tell(10, 100);
            told.tell(200, 1000);
        });
        for _ in 0..2 {
            assert!([(0, 5), (10, 100), (200, 1000)].contains(&usage.told()), "{:?}", usage.told());
        }
        org.join().unwrap();
        assert_eq!(usage.told(), (200, 1000));
    });
}

#[test]
fn no_more_rows_go_than_the_budget_and_none_is_lost() {
    in_every_order(|| {
        let account = account(None);
        let threads = [[2, 1], [1, 2]].map(|pieces| {
            let account = Arc::clone(&account);
            thread::spawn(move || {
                pieces.map(|rows| take(&account, rows, budget(4), || NOW)).iter().sum::<u64>()
            })
        });
        let gone: u64 = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert!((3..=4).contains(&gone), "{gone} rows");
        assert_eq!(account.books().left(Of::Rows, budget(4), NOW), 4 - gone);
    });
}

#[test]
fn a_window_that_ends_under_its_takers_gives_back_once() {
    in_every_order(|| {
        let account = account(None);
        account.books().spend(Of::Rows, 2, NOW);
        let clock = Arc::new(AtomicU64::new(NOW.as_secs()));
        let after = NOW.as_secs() + 3600 + 60;
        let ticking = Arc::clone(&clock);
        let time = thread::spawn(move || ticking.store(after, Ordering::Release));
        let takers = [(), ()].map(|()| {
            let (account, clock) = (Arc::clone(&account), Arc::clone(&clock));
            let now = move || Duration::from_secs(clock.load(Ordering::Acquire));
            thread::spawn(move || take(&account, 2, budget(3), now))
        });
        let gone: u64 = takers.into_iter().map(|taker| taker.join().unwrap()).sum();
        time.join().unwrap();
        assert!(gone <= 2, "{gone} rows in a window of 3, of which 2 were spent in the one before");
        assert_eq!(account.books().left(Of::Rows, budget(3), Duration::from_secs(after)), 3 - gone);
    });
}

/// The store that replicas share, as far as it counts one replica: what it holds and what it told that it spent.
#[derive(Default)]
struct Store {
    report: u64,
    held: u64,
    spent: u64,
}

const SHARED: u64 = 8;

impl Store {
    /// As `settle.lua`: a late report is refused, and half of what is free is held, if anything may be.
    fn settle(&mut self, (round, ask): &(Begun, Ask), spent: u64, active: Active) -> Option<Settled> {
        if self.report >= round.number {
            return None;
        }
        let free = SHARED - spent;
        let holds = if active == Active::Yes { (free / 2).max(ask.held.min(free)) } else { 0 };
        *self = Self { report: round.number, held: holds, spent };
        let more = i64::try_from(holds).unwrap() - i64::try_from(ask.held).unwrap();
        let rows = Granted { more, free: free - holds, ..Granted::default() };
        Some(Settled { replicas: 1, rank: 0, purses: vec![("rows".to_owned(), rows)], lanes: Vec::new() })
    }
}

/// A round, as `settle` makes it: told, asked, and, unless the answer is lost, taken up.
fn round(account: &Account, store: &Mutex<Store>, active: Active, answered: bool) {
    let (asked, spent) = {
        let mut books = account.books();
        let spent = books.own.rows.ring(Window::Hour).total(NOW);
        let holding = books.holding.as_mut().unwrap();
        let ask = holding.ask(Of::Rows, budget(SHARED));
        ((holding.begin(NOW, active), ask), spent)
    };
    let settled = store.lock().unwrap().settle(&asked, spent, active);
    if let Some(settled) = settled.filter(|_| answered) {
        account.books().holding.as_mut().unwrap().take(settled, asked.0);
    }
}

#[test]
fn the_store_counts_all_that_a_replica_has_spent_and_may_spend() {
    for answered in [true, false] {
        in_every_order(move || {
            let (account, store) =
                (account(Some(Holding::default())), Arc::new(Mutex::new(Store::default())));
            round(&account, &store, Active::Yes, true);
            let taking = Arc::clone(&account);
            let taker = thread::spawn(move || {
                let now = || NOW;
                take(&taking, 1, budget(SHARED), now) + take(&taking, 3, budget(SHARED), now)
            });
            let (settling, shared) = (Arc::clone(&account), Arc::clone(&store));
            let settler = thread::spawn(move || round(&settling, &shared, Active::Yes, answered));
            // The process takes its leave in the middle of it.
            round(&account, &store, Active::No, true);
            let gone = taker.join().unwrap();
            settler.join().unwrap();
            let left = account.books().left(Of::Rows, budget(SHARED), NOW);
            let known = store.lock().unwrap();
            assert!(known.held + known.spent <= SHARED);
            assert!(gone + left <= known.spent + known.held, "{gone} gone, {left} may go");
        });
    }
}
