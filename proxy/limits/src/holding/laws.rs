//! Several replicas and the store that they share, whatever is lost, late, or ends on the way between them: never more
//! than the budget, and in the end nothing is missing.
//!
//! The store is a model of `settle.lua`, with one budget.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tests::{NOW, budget};
use super::*;
use crate::account::Books;
use crate::holding::{Active, Begun};

const BUDGET: u64 = 1000;
const REPLICAS: usize = 3;

/// What one process told last.
#[derive(Clone, Debug, Default)]
struct Lane {
    report: u64,
    held: u64,
    spent: u64,
}

/// The store. A lane is a replica and the number of its process.
#[derive(Clone, Debug, Default)]
struct Store {
    epoch: u64,
    /// Counts the servers that it went on with.
    history: u64,
    lanes: BTreeMap<(usize, u64), Lane>,
    /// The replicas that told what they know since epoch and history began, while nothing is granted before all have.
    settling: Option<[bool; REPLICAS]>,
}

/// A report on its way.
#[derive(Clone, Debug)]
struct Told {
    lane: (usize, u64),
    generation: (u64, u64),
    number: u64,
    held: u64,
    need: u64,
    spent: u64,
    active: Active,
    restore: BTreeMap<(usize, u64), Lane>,
}

/// A process, with the round that it has under way and the answer that is on its way back.
#[derive(Default)]
struct Process {
    number: u64,
    books: Books,
    spent: u64,
    round: Option<(Begun, Told, Option<Settled>)>,
    /// What it last saw of others, and in which epoch and history of the store.
    seen: BTreeMap<(usize, u64), Lane>,
    generation: (u64, u64),
}

#[derive(Clone, Debug)]
enum Step {
    /// Rows are asked for at a replica.
    Spend(usize, u64),
    /// It begins a round; the report is under way.
    Begin(usize, Active),
    /// The report comes to the store.
    Arrive(usize),
    /// The answer comes back.
    Answer(usize),
    /// Nobody waits for the answer any more; the report may still come.
    GiveUp(usize),
    /// A report comes that nobody waits for any more.
    ComeLate(usize),
    /// The process takes its leave, whatever is under way.
    Leave(usize),
    /// The process is killed, and another one begins with what the journal holds.
    Kill(usize),
    /// The store is empty, or an older copy of it takes over.
    Lose(bool),
    /// A server takes over that lacks the last writes, in the same epoch: no count shows it.
    Promote,
}

struct World {
    store: Store,
    /// An older copy.
    copy: Store,
    processes: Vec<Process>,
    late: Vec<Told>,
    gone: u64,
}

impl Store {
    fn settle(&mut self, told: &Told) -> Option<Settled> {
        if told.generation.0 != self.epoch {
            return None;
        }
        for (lane, seen) in told.restore.iter().filter(|(lane, _)| lane.0 != told.lane.0) {
            let known = self.lanes.entry(*lane).or_default();
            if known.report < seen.report {
                known.clone_from(seen);
            }
        }
        if self.lanes.get(&told.lane).is_some_and(|known| known.report >= told.number) {
            return None;
        }
        // What ended processes of this replica spent is in its report.
        self.lanes.retain(|lane, _| lane.0 != told.lane.0 || lane.1 > told.lane.1);
        let elsewhere: u64 = self.lanes.values().map(|lane| lane.held + lane.spent).sum();
        let free = BUDGET.saturating_sub(told.spent + elsewhere);
        if let Some(all) = &mut self.settling {
            all[told.lane.0] = true;
            if all.iter().all(|told| *told) {
                self.settling = None;
            }
        }
        let mut holds = 0;
        if told.active == Active::Yes {
            holds = told.held.min(free);
            let wanted = told.need.max(free.div_ceil(4));
            if self.settling.is_none() && (holds < told.need || holds * 2 < wanted) {
                holds = free.min(wanted);
            }
        }
        let others = self.lanes.clone();
        self.lanes.insert(told.lane, Lane { report: told.number, held: holds, spent: told.spent });
        let more = i64::try_from(holds).unwrap() - i64::try_from(told.held).unwrap();
        let rows = Granted { more, free: free - holds, ..Granted::default() };
        let lanes = others.keys().map(|lane| (format!("{lane:?}"), String::new())).collect();
        Some(Settled { replicas: 1, rank: 0, purses: vec![("rows".to_owned(), rows)], lanes })
    }
}

impl World {
    fn new() -> Self {
        let process = |_| Process {
            number: 1,
            books: Books { holding: Some(Holding::default()), ..Books::default() },
            ..Process::default()
        };
        let processes = (0..REPLICAS).map(process).collect();
        Self { store: Store::default(), copy: Store::default(), processes, late: Vec::new(), gone: 0 }
    }

    fn spend(&mut self, at: usize, rows: u64) {
        let process = &mut self.processes[at];
        let fits = process.books.fits([(Of::Rows, budget(BUDGET), rows)].into_iter(), NOW).is_ok();
        if fits {
            process.books.spend(Of::Rows, rows, NOW);
            process.spent += rows;
            self.gone += rows;
        } else {
            process.books.holding.as_mut().unwrap().need(Of::Rows, rows);
        }
    }

    fn report(&mut self, at: usize, active: Active) -> (Begun, Told) {
        let process = &mut self.processes[at];
        let holding = process.books.holding.as_mut().unwrap();
        let ask = holding.ask(Of::Rows, budget(BUDGET));
        let round = holding.begin(NOW, active);
        let generation = (self.store.epoch, self.store.history);
        let restore = if process.generation == generation { BTreeMap::new() } else { process.seen.clone() };
        let told = Told {
            lane: (at, process.number),
            generation,
            number: round.number,
            held: ask.held,
            need: ask.need,
            spent: process.spent,
            active,
            restore,
        };
        (round, told)
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Spend(at, rows) => self.spend(at, rows),
            Step::Begin(at, active) if self.processes[at].round.is_none() => {
                let (round, told) = self.report(at, active);
                self.processes[at].round = Some((round, told, None));
            }
            Step::Arrive(at) => {
                if let Some((_, told, answer @ None)) = &mut self.processes[at].round {
                    *answer = self.store.settle(told);
                }
            }
            Step::Answer(at) => self.answer(at),
            Step::GiveUp(at) => {
                self.late.extend(self.processes[at].round.take().map(|(_, told, _)| told));
            }
            Step::ComeLate(which) if !self.late.is_empty() => {
                let told = self.late.remove(which % self.late.len());
                self.store.settle(&told);
            }
            Step::Leave(at) => {
                let (_, told) = self.report(at, Active::No);
                self.store.settle(&told);
            }
            Step::Kill(at) => {
                let before = std::mem::take(&mut self.processes[at]);
                self.late.extend(before.round.map(|(_, told, _)| told));
                let mut books = Books { holding: Some(Holding::default()), ..Books::default() };
                books.own.merge(&before.books.own);
                let (number, spent) = (before.number + 1, before.spent);
                self.processes[at] = Process { number, books, spent, ..Process::default() };
                // It tells what it knows as soon as it runs.
                let (round, told) = self.report(at, Active::No);
                self.processes[at].round = Some((round, told, None));
            }
            Step::Lose(is_empty) => {
                let lanes = if is_empty { BTreeMap::new() } else { self.copy.lanes.clone() };
                self.take_over(self.store.epoch + 1, lanes);
            }
            Step::Promote if self.copy.epoch == self.store.epoch => {
                // What was on its way to the server before does not come to this one.
                self.late.clear();
                self.processes.iter_mut().for_each(|process| {
                    process.round.take_if(|(_, _, answer)| answer.is_none());
                });
                self.take_over(self.store.epoch, self.copy.lanes.clone());
            }
            Step::Begin(..) | Step::ComeLate(_) | Step::Promote => {}
        }
    }

    fn take_over(&mut self, epoch: u64, lanes: BTreeMap<(usize, u64), Lane>) {
        let history = self.store.history + 1;
        self.store = Store { epoch, history, lanes, settling: Some([false; REPLICAS]) };
    }

    fn answer(&mut self, at: usize) {
        let process = &mut self.processes[at];
        let Some((round, told, Some(settled))) = process.round.take_if(|(_, _, answer)| answer.is_some())
        else {
            // A refused report is made anew.
            process.round = None;
            return;
        };
        process.seen = self.store.lanes.clone();
        process.generation = told.generation;
        process.books.holding.as_mut().unwrap().take(settled, round);
    }
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0..REPLICAS;
    prop_oneof![
        8 => (at.clone(), 1_u64..120).prop_map(|(at, rows)| Step::Spend(at, rows)),
        6 => at.clone().prop_map(|at| Step::Begin(at, Active::Yes)),
        1 => at.clone().prop_map(|at| Step::Begin(at, Active::No)),
        6 => at.clone().prop_map(Step::Arrive),
        6 => at.clone().prop_map(Step::Answer),
        1 => at.clone().prop_map(Step::GiveUp),
        1 => (0_usize..8).prop_map(Step::ComeLate),
        1 => at.clone().prop_map(Step::Leave),
        1 => at.prop_map(Step::Kill),
        1 => any::<bool>().prop_map(Step::Lose),
        1 => Just(Step::Promote),
    ]
}

proptest! {
    #[test]
    fn replicas_never_spend_more_than_the_budget_and_lose_nothing(
        steps in prop::collection::vec(step(), 1..200),
        copied in 0_usize..200,
    ) {
        let mut world = World::new();
        for (number, step) in steps.iter().enumerate() {
            if number == copied {
                world.copy = world.store.clone();
            }
            world.step(step);
            prop_assert!(world.gone <= BUDGET, "{} rows of {}", world.gone, BUDGET);
        }
        // When all is quiet, everybody gives back. Twice, since what one saw of another before the store was lost may
        // be older than what the other told since.
        for at in (0..REPLICAS).chain(0..REPLICAS) {
            world.processes[at].round = None;
            world.step(&Step::Begin(at, Active::No));
            world.step(&Step::Arrive(at));
            world.step(&Step::Answer(at));
            prop_assert!(!world.processes[at].books.holding.as_ref().unwrap().owes);
        }
        let counted: u64 = world.store.lanes.values().map(|lane| lane.held + lane.spent).sum();
        prop_assert_eq!(counted, world.gone, "nothing is held, everything that went is counted");
    }
}
