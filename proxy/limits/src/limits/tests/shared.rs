//! What an identity is told when this replica may not spend, though the budget is not spent.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::*;
use crate::meter::{CutOff, Ended};
use crate::shared_store::{Granted, OutOfReach, Replaced, Replacement, Report, Settled};

/// A store that answers as a test tells it, and does not answer when it was told nothing.
#[derive(Default)]
struct Told(Mutex<VecDeque<Granted>>);

#[async_trait]
impl SharedStore for Told {
    async fn settle(&self, report: &Report) -> Result<Settled, OutOfReach> {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let granted = answers.pop_front().ok_or(OutOfReach)?;
        let purses = report.asks.iter().map(|ask| (ask.purse.clone(), granted)).collect();
        Ok(Settled { replicas: 1, rank: 0, purses, lanes: Vec::new() })
    }

    fn generation(&self) -> u64 {
        1
    }

    fn is_current(&self) -> bool {
        true
    }

    async fn entry(&self, _: u8, _: &str) -> Result<Option<String>, OutOfReach> {
        Ok(None)
    }

    async fn replace(&self, _: &Replacement) -> Result<Replaced, OutOfReach> {
        Ok(Replaced::Done)
    }

    async fn entries(&self, _: &IdentityName, _: u8) -> Result<Vec<(String, String)>, OutOfReach> {
        Ok(Vec::new())
    }

    async fn due(&self, _: u64) -> Result<Vec<(u8, String, String)>, OutOfReach> {
        Ok(Vec::new())
    }
}

/// Limits over a store that gives these answers, each of them more and what is free besides.
fn shared(world: &World, limits: Configured, answers: &[(i64, u64)]) -> Limits {
    let granted = |(more, free): &(i64, u64)| Granted { more: *more, free: *free, ..Granted::default() };
    let store = Told(Mutex::new(answers.iter().map(granted).collect()));
    let ticks = Arc::clone(&world.ticks);
    let clock = Clock::new(NOW, move || Duration::from_secs(ticks.load(Ordering::Relaxed)));
    Limits::open(world.folder.path(), &identities(limits), clock, Some(Arc::new(store))).unwrap()
}

/// A round of an identity that calls, without the threads that make them.
async fn round(limits: &Limits) {
    let meter = Arc::clone(&limits.meters()[&drift()]);
    drop(meter.short(&limits.shared, &permit(Rows::None, false), std::iter::empty()));
    crate::settle::round(&meter, &limits.shared).await;
}

#[tokio::test]
async fn while_nothing_is_granted_no_budget_is_told_to_be_spent() {
    let some = || NonZeroU64::new(100).unwrap();
    let day = || Budget { amount: some(), window: Window::Day };
    let (reads, exports) = (permit(Rows::JsonRecords, false), permit(Rows::Csv, true));
    for (limits, asked) in [
        (Configured { rows: Some(day()), ..Configured::default() }, &reads),
        (Configured { bytes: Some(day()), ..Configured::default() }, &reads),
        (Configured { daily_api_share: Some(1.0), ..Configured::default() }, &reads),
        (Configured::default(), &exports), // 50 rows of Case
    ] {
        let world = World::new();
        let limits = shared(&world, limits, &[(0, 100), (25, 75), (-25, 0)]);
        let admit = || limits.admit(&drift(), asked, &[]);
        assert_eq!(admit().unwrap_err(), Exceeded::CutOff(CutOff), "before the store has answered");
        round(&limits).await;
        assert_eq!(admit().unwrap_err(), Exceeded::CutOff(CutOff), "while all replicas tell what they know");
        round(&limits).await;
        assert!(admit().is_ok());
        round(&limits).await;
        let refused = admit().unwrap_err();
        assert!(matches!(refused, Exceeded::Spent(_) | Exceeded::Share { .. }), "{refused:?}");
    }
}

#[tokio::test]
async fn an_answer_ends_with_the_lease_whatever_its_budget() {
    for limits in [Configured::default(), rows(1000, Window::Day)] {
        let world = World::new();
        let limits = shared(&world, limits, &[(500, 500), (0, 500)]);
        round(&limits).await;
        let mut lease = admit(&limits).unwrap();
        lease.count(10, 1000).unwrap();
        world.pass(crate::LEASE - Duration::from_secs(1));
        lease.count(10, 1000).unwrap();
        assert!(lease.short(1000, || 10).is_none());
        world.pass(Duration::from_secs(1));
        assert_eq!(lease.count(10, 1000).unwrap_err(), Ended::CutOff(CutOff));
        assert!(lease.short(1000, || 10).is_some(), "it waits for the store once more");
        assert_eq!((lease.rows(), lease.bytes()), (20, 2000), "nothing of it was counted");
        round(&limits).await;
        lease.count(10, 1000).unwrap();
    }
}

#[tokio::test]
async fn an_answer_of_known_length_may_begin_though_only_a_part_is_held() {
    let world = World::new();
    let limits = shared(&world, rows(1000, Window::Day), &[(250, 750), (750, 0)]);
    round(&limits).await;
    let mut lease = admit(&limits).unwrap();
    assert!(lease.expect(1000).is_ok());
    assert!(lease.expect(1001).is_err());
    assert_eq!(lease.count(300, 10).unwrap_err(), Ended::CutOff(CutOff), "more may come");
    round(&limits).await;
    lease.count(1000, 10).unwrap();
    assert!(matches!(lease.count(1, 10).unwrap_err(), Ended::Spent(_)));
}
