//! The script that grants parts of a budget, on a real Redis: whatever is lost, late or ended between it and the
//! replicas, never more than the budget; and clocks need not agree.

use std::time::{SystemTime, UNIX_EPOCH};

use forcefield_tests::Redis;
use serde_json::{Value, json};

use super::until;

const SETTLE: &str = concat!(
    include_str!("../../../proxy/src/replicas/history.lua"),
    include_str!("../../../proxy/src/replicas/settle.lua")
);
const KEYS: [&str; 4] =
    ["forcefield:spent:drift", "forcefield:epoch", "forcefield:settling", "forcefield:history"];
const BUDGET: u64 = 1000;
const REPLICAS: u64 = 3;
const DAY: u64 = 24 * 3600;
/// How long nothing is granted when another server took over, in milliseconds.
const PAUSE: u64 = 1500;

/// A process of a replica, as the script hears of it.
#[derive(Clone, Default)]
struct Process {
    replica: u64,
    number: u64,
    report: u64,
    held: u64,
    spent: u64,
    /// By how many seconds its clock is off.
    clock: i64,
}

impl Process {
    fn lane(&self, number: u64) -> String {
        format!("replica{}/{number:03}", self.replica)
    }

    /// What it tells next, and asks.
    fn report(&mut self, need: u64, active: bool) -> Vec<String> {
        self.report += 1;
        if !active {
            self.held = 0;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let now = now.saturating_add_signed(self.clock);
        let purse = json!({"h": [[now / 60, self.spent]], "d": [[now / 1440, self.spent]]});
        let spent = json!({"rows": purse, "now": now});
        let ask =
            json!([{"purse": "rows", "window": "d", "budget": BUDGET, "held": self.held, "need": need}]);
        vec![
            "epoch".to_owned(),
            self.lane(self.number),
            self.lane(0).trim_end_matches('0').to_owned(),
            self.report.to_string(),
            u8::from(active).to_string(),
            spent.to_string(),
            ask.to_string(),
            json!([self.lane(self.number)]).to_string(),
            "[]".to_owned(),
            PAUSE.to_string(),
        ]
    }

    /// Takes up an answer.
    fn take(&mut self, answer: &Value) -> Option<()> {
        let more: i64 = answer.get(2)?.get(0)?.get(1)?.as_str()?.parse().ok()?;
        self.held = self.held.saturating_add_signed(more);
        Some(())
    }

    fn spend(&mut self, rows: u64) -> u64 {
        let rows = rows.min(self.held);
        (self.held, self.spent) = (self.held - rows, self.spent + rows);
        rows
    }
}

/// Numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

async fn redis() -> Redis {
    let redis = Redis::start().await.unwrap();
    begin(&redis).await;
    redis
}

/// Forgets everything, and begins an epoch.
async fn begin(redis: &Redis) {
    redis.run("redis.call('FLUSHALL') redis.call('SET', KEYS[1], 'epoch')", &KEYS[1..2], &[]).await.unwrap();
}

#[tokio::test]
async fn whatever_is_lost_or_late_no_more_than_the_budget_is_spent() {
    let redis = redis().await;
    for seed in 1..=12 {
        begin(&redis).await;
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let clock =
            |dice: &mut Dice| i64::try_from(dice.below(4 * DAY)).unwrap() - i64::try_from(2 * DAY).unwrap();
        let mut processes: Vec<Process> = (0..REPLICAS)
            .map(|replica| Process { replica, number: 1, clock: clock(&mut dice), ..Process::default() })
            .collect();
        let (mut late, mut gone) = (Vec::new(), 0);
        for _ in 0..150 {
            let at = usize::try_from(dice.below(REPLICAS)).unwrap();
            let process = &mut processes[at];
            match dice.below(12) {
                0..=4 => gone += process.spend(dice.below(120)),
                5..=8 => {
                    let asked = process.report(dice.below(150), true);
                    let answer = redis.run(SETTLE, &KEYS, &asked).await.unwrap();
                    process.take(&answer).unwrap();
                }
                9 => {
                    // The answer is lost, or the report itself is, for now.
                    let asked = process.report(dice.below(150), dice.below(4) > 0);
                    if dice.below(2) == 0 {
                        late.push(asked)
                    } else {
                        drop(redis.run(SETTLE, &KEYS, &asked).await.unwrap())
                    }
                }
                10 if !late.is_empty() => {
                    // One that is overtaken is refused; one that is not grants what nobody takes.
                    let _ = redis.run(SETTLE, &KEYS, &late.swap_remove(0)).await;
                }
                11 => {
                    // It is killed; the next process has its journal, and tells what it knows.
                    *process = Process { number: process.number + 1, report: 0, held: 0, ..process.clone() };
                    let asked = process.report(0, false);
                    redis.run(SETTLE, &KEYS, &asked).await.unwrap();
                }
                _ => {}
            }
            assert!(gone <= BUDGET, "seed {seed}: {gone} rows");
        }
        for process in &mut processes {
            let asked = process.report(0, false);
            redis.run(SETTLE, &KEYS, &asked).await.unwrap();
        }
        let rest = processes[0].report(BUDGET, true);
        let answer = redis.run(SETTLE, &KEYS, &rest).await.unwrap();
        processes[0].take(&answer).unwrap();
        assert_eq!(processes[0].held, BUDGET - gone, "seed {seed}: what nobody spent may be spent");
    }
}

#[tokio::test]
async fn clocks_that_are_off_by_days_hide_nothing() {
    let redis = redis().await;
    for off in [-40, -1, 0, 1, 40] {
        begin(&redis).await;
        let clock = off * i64::try_from(DAY).unwrap();
        let mut wrong = Process { replica: 1, number: 1, clock, ..Process::default() };
        let mut right = Process { replica: 2, number: 1, ..Process::default() };
        let asked = wrong.report(600, true);
        wrong.take(&redis.run(SETTLE, &KEYS, &asked).await.unwrap()).unwrap();
        assert_eq!(wrong.spend(600), 600, "{off} days off");
        redis.run(SETTLE, &KEYS, &wrong.report(0, false)).await.unwrap();
        let asked = right.report(BUDGET, true);
        let answer = redis.run(SETTLE, &KEYS, &asked).await.unwrap();
        right.take(&answer).unwrap();
        assert_eq!(right.held, 400, "{off} days off");
        let renews: u64 = answer[2][0][5].as_str().unwrap().parse().unwrap();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        assert!(renews > now + DAY - 60 && renews < now + DAY + 1440 + 60, "{off} days off: {renews}");
    }
}

#[tokio::test]
async fn a_server_that_takes_over_without_the_last_writes_grants_nothing_before_they_are_told_again() {
    let mut primary = redis().await;
    let standby = Redis::start().await.unwrap();
    standby.follow(&primary).await.unwrap();
    standby.caught_up(&primary).await.unwrap();
    let (mut one, mut other) = (process(1), process(2));
    async fn asks(redis: &Redis, process: &mut Process, need: u64) -> u64 {
        let asked = process.report(need, true);
        process.take(&redis.run(SETTLE, &KEYS, &asked).await.unwrap()).unwrap();
        process.held
    }
    assert_eq!((asks(&primary, &mut one, 300).await, asks(&primary, &mut other, 200).await), (300, 200));
    standby.caught_up(&primary).await.unwrap();
    standby.lead().await.unwrap();
    // What is granted now is known to the primary alone, and nothing that it counts otherwise goes back.
    assert_eq!(asks(&primary, &mut one, 700).await, 700);
    primary.kill().await.unwrap();

    assert_eq!(asks(&standby, &mut other, 600).await, 200, "it does not know what the one holds");
    assert_eq!(asks(&standby, &mut one, 700).await, 700, "and is told");
    until(|| async { standby.ask("EXISTS forcefield:settling").await.unwrap().starts_with(":0") }).await;
    assert_eq!(asks(&standby, &mut other, 600).await, 300, "the rest, and no row more");
    // A server that goes on as it was grants at once.
    assert_eq!(asks(&standby, &mut one, 0).await, 700);
    let asked = one.report(0, false);
    standby.run(SETTLE, &KEYS, &asked).await.unwrap();
    assert_eq!(asks(&standby, &mut other, 600).await, 600);
}

fn process(replica: u64) -> Process {
    Process { replica, number: 1, ..Process::default() }
}
