use std::num::NonZeroU64;

use super::*;
use crate::account::Books;

pub(super) const NOW: Duration = Duration::from_secs(1_790_000_000);

pub(super) fn budget(amount: u64) -> Budget {
    Budget { amount: NonZeroU64::new(amount).unwrap(), window: Window::Day }
}

fn granted(more: i64, free: u64) -> Settled {
    let rows = Granted { more, free, ..Granted::default() };
    Settled { replicas: 2, rank: 1, purses: vec![("rows".to_owned(), rows)], lanes: Vec::new() }
}

/// A round with this answer.
fn round(holding: &mut Holding, settled: Settled, active: Active) {
    let round = holding.begin(NOW, active);
    holding.take(settled, round);
}

fn books(holding: Holding) -> Books {
    Books { holding: Some(holding), ..Books::default() }
}

#[test]
fn nothing_may_be_spent_before_it_is_granted_nor_after_the_lease() {
    let mut books = books(Holding::default());
    assert_eq!(books.left(Of::Rows, budget(100), NOW), 0);
    let holding = books.holding.as_mut().unwrap();
    round(holding, granted(25, 75), Active::Yes);
    assert_eq!(books.left(Of::Rows, budget(100), NOW), 25);
    assert_eq!(books.left_in_all(Of::Rows, budget(100), NOW), 100);
    assert_eq!(books.left(Of::Rows, budget(100), NOW + LEASE - Duration::from_millis(1)), 25);
    assert_eq!(books.left(Of::Rows, budget(100), NOW + LEASE), 0);
}

#[test]
fn what_is_spent_while_a_question_is_under_way_stays_spent() {
    let mut books = books(Holding::default());
    round(books.holding.as_mut().unwrap(), granted(25, 75), Active::Yes);
    books.spend(Of::Rows, 10, NOW);
    let holding = books.holding.as_mut().unwrap();
    let asked = holding.ask(Of::Rows, budget(100));
    let begun = holding.begin(NOW, Active::Yes);
    assert_eq!((asked.held, asked.budget, asked.window), (15, 100, "d"));
    books.spend(Of::Rows, 5, NOW);
    let holding = books.holding.as_mut().unwrap();
    holding.take(granted(8, 67), begun);
    assert_eq!(books.left(Of::Rows, budget(100), NOW), 18);
}

#[test]
fn a_smaller_budget_holds_at_once_whatever_was_granted_of_the_larger() {
    let mut books = books(Holding::default());
    round(books.holding.as_mut().unwrap(), granted(25, 75), Active::Yes);
    books.spend(Of::Rows, 10, NOW);
    assert_eq!(books.left(Of::Rows, budget(12), NOW), 2);
    round(books.holding.as_mut().unwrap(), granted(-15, 0), Active::Yes);
    assert_eq!(books.left(Of::Rows, budget(100), NOW), 0);
}

#[test]
fn what_was_given_back_cannot_be_spent() {
    let mut holding = Holding::default();
    round(&mut holding, granted(25, 75), Active::Yes);
    let late = holding.begin(NOW, Active::Yes);
    round(&mut holding, granted(-25, 100), Active::No);
    holding.take(granted(30, 70), late);
    let mut books = books(holding);
    assert_eq!(books.left(Of::Rows, budget(100), NOW), 0);
    assert!(!books.holding.as_ref().unwrap().lasts(NOW));
}

#[test]
fn parts_add_up_to_the_whole_and_each_is_at_least_one() {
    for replicas in 1..=7 {
        for number in 1..=40 {
            let parts = (0..replicas).map(|rank| Among { replicas, rank }.of(number));
            assert_eq!(parts.sum::<u32>(), number.max(replicas));
        }
    }
}

#[test]
fn what_was_spent_is_told_by_bucket() {
    let mut books = Books::default();
    books.spend(Of::Rows, 3, Duration::from_secs(3600));
    books.spend(Of::Rows, 4, Duration::from_secs(3700));
    books.spend(Of::Export("case"), 4, Duration::from_secs(3700));
    let told: serde_json::Value = serde_json::from_str(&spent(&books.own, NOW)).unwrap();
    assert_eq!(told["rows"], serde_json::json!({ "h": [[60, 3], [61, 4]], "d": [[2, 7]] }));
    assert_eq!(told["export:case"]["h"], serde_json::json!([[61, 4]]));
    assert_eq!(told["now"], NOW.as_secs());
}
