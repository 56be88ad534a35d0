//! Budgets under clocks that jump, over restarts, and at the moments of a calendar: a window is so many seconds, no day
//! of anybody's.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

const BUDGET: u64 = 100;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// What has left a window comes back a bucket later: a sixtieth of the window.
const LATE: Duration = Duration::from_secs(24 * 60);

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    /// Time passes, in seconds.
    Pass(u64),
    /// So many rows are asked for, one after the other.
    Read(u64),
    /// The process ends, the clock on the wall is set by so many seconds, and the process begins again.
    Restart(i64),
}

fn steps(jumps: impl Strategy<Value = i64>) -> impl Strategy<Value = Vec<Step>> {
    let pass = prop_oneof![0_u64..90, 0_u64..7200, 0_u64..200_000].prop_map(Step::Pass);
    let read = (1_u64..80).prop_map(Step::Read);
    prop::collection::vec(prop_oneof![3 => pass, 4 => read, 1 => jumps.prop_map(Step::Restart)], 1..30)
}

/// Plays the steps. Gives the moments at which rows went, by the time that truly passed and by the time of the state,
/// and how many.
fn play(world: &World, start: Duration, steps: &[Step]) -> Vec<(Duration, Duration, u64)> {
    let (mut gone, mut offset) = (Vec::new(), 0_i64);
    let passed = || world.ticks.load(Ordering::Relaxed);
    let wall = |offset: i64| Duration::from_secs((start.as_secs() + passed()).saturating_add_signed(offset));
    let mut limits = world.open_at(start, rows(BUDGET, Window::Day));
    for step in steps {
        match step {
            Step::Pass(seconds) => world.pass(Duration::from_secs(*seconds)),
            Step::Restart(jump) => {
                offset += jump;
                drop(limits);
                limits = world.open_at(wall(offset), rows(BUDGET, Window::Day));
            }
            Step::Read(most) => {
                let Ok(mut lease) = admit(&limits) else { continue };
                let read = (0..*most).take_while(|_| lease.count(1, 1).is_ok()).count() as u64;
                gone.push((Duration::from_secs(passed()), limits.shared.time.now(), read));
            }
        }
    }
    // Whatever the clocks said, a window later everything is there again.
    world.pass(DAY + LATE);
    assert_eq!(admit(&limits).unwrap().rows_left(), Some(BUDGET), "a clock that jumped froze the budget");
    gone
}

/// The most rows that went in any window.
fn most_in_a_window(gone: impl Iterator<Item = (Duration, u64)> + Clone) -> u64 {
    let until = |end: Duration| {
        let within = gone.clone().filter(move |(at, _)| *at <= end && *at + DAY > end);
        within.map(|(_, rows)| rows).sum::<u64>()
    };
    gone.clone().map(|(end, _)| until(end)).max().unwrap_or_default()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_clock_set_back_never_brings_more_than_the_budget(steps in steps(-90 * 86_400_i64..=0)) {
        let gone = play(&World::new(), NOW, &steps);
        prop_assert!(most_in_a_window(gone.iter().map(|(truly, _, rows)| (*truly, *rows))) <= BUDGET);
    }

    #[test]
    fn a_clock_set_forth_and_back_brings_what_the_time_it_claims_would(steps in steps(-40 * 86_400_i64..=40 * 86_400)) {
        let gone = play(&World::new(), NOW, &steps);
        prop_assert!(gone.is_sorted_by_key(|(_, told, _)| *told), "the time of the state goes forward only");
        prop_assert!(most_in_a_window(gone.iter().map(|(_, told, rows)| (*told, *rows))) <= BUDGET);
    }
}

#[test]
fn a_day_is_as_long_at_every_date() {
    let dates = [
        "2026-01-31T23:59:30Z", // ends of a month and of a year
        "2026-12-31T23:59:59Z",
        "2028-02-28T23:59:30Z", // before a leap day, and on it
        "2028-02-29T12:00:00Z",
        "2100-02-28T23:59:30Z", // a century without one
        "2016-12-31T23:59:59Z", // before a leap second
        "2026-03-29T00:59:50Z", // Europe's clocks go forth and back
        "2026-10-25T00:59:50Z",
        "2026-03-08T09:59:50Z", // California's
        "2026-11-01T08:59:50Z",
    ];
    for date in dates {
        let start: Timestamp = date.parse().unwrap();
        let start = Duration::from_secs(start.as_second().try_into().unwrap());
        let world = World::new();
        let open = || {
            world.open_at(
                start + Duration::from_secs(world.ticks.load(Ordering::Relaxed)),
                rows(BUDGET, Window::Day),
            )
        };
        let limits = open();
        admit(&limits).unwrap().count(BUDGET, 1).unwrap();
        drop(limits);
        world.pass(DAY - Duration::from_secs(1));
        let limits = open();
        let Exceeded::Spent(spent) = admit(&limits).unwrap_err() else { panic!("{date}") };
        let renews = Duration::from_secs(spent.renews_at.as_second().try_into().unwrap());
        assert!(renews > start + DAY && renews <= start + DAY + LATE, "{date}: {renews:?}");
        world.pass(renews - start - DAY);
        assert!(admit(&limits).is_err(), "{date}: a second before");
        world.pass(Duration::from_secs(1));
        assert!(admit(&limits).is_ok(), "{date}: when it was said to come back");
    }
}
