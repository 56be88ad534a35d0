//! What this replica holds of one identity's limits, where several replicas share them.
//!
//! The store that they share grants each a part of what is left of every budget, for as long as a lease lasts. What a
//! replica holds counts as spent for all others until it says otherwise, so that together they never spend more than
//! the budget. The store's answers and the time are arguments.

use std::collections::BTreeMap;
use std::time::Duration;

use forcefield_config::config::{Budget, Window};

use crate::account::{Of, Purse, Sums};
use crate::shared_store::{Ask, Granted, Settled};

/// What is held of one identity's limits.
#[derive(Debug, Default)]
pub(crate) struct Holding {
    /// Until when: the time of the limits.
    until: Duration,
    /// The replicas that the identity calls through, this one included, and the place of this one among them.
    among: Among,
    rows: Part,
    bytes: Part,
    calls: Part,
    /// By object, lower case.
    exports: BTreeMap<String, Part>,
    /// When anything was last asked of it.
    pub(crate) used: Duration,
    /// What was last seen of the others, for a store that has lost it.
    pub(crate) lanes: Vec<(String, String)>,
    /// Of which generation of the store that is.
    pub(crate) generation: u64,
    /// Rounds begun; a report is numbered by it.
    pub(crate) begun: u64,
    /// Whether the store may count something as held here.
    pub(crate) owes: bool,
    /// Whether one is under way.
    pub(crate) settling: bool,
    /// Whether another is to follow it.
    pub(crate) again: bool,
}

/// A round that was begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    pub(crate) number: u64,
    asked: Duration,
    active: Active,
}

/// Whether an identity calls through this replica. One that does not holds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Active {
    Yes,
    No,
}

/// One replica among those that an identity calls through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Among {
    pub(crate) replicas: u32,
    /// From zero.
    pub(crate) rank: u32,
}

/// What is held of one budget.
#[derive(Debug, Default)]
struct Part {
    held: u64,
    /// What nobody had spent and nobody held, when it was last told.
    free: u64,
    /// What was spent elsewhere in the last hour and in the last day, when it was last told.
    elsewhere: (u64, u64),
    /// When the first of what is spent comes back.
    renews: Duration,
    /// What is needed at least.
    need: u64,
}

/// How long what was granted may be spent without another word from the store. A replica that is cut off from it
/// refuses the identity then, whatever was decided about it elsewhere.
pub const LEASE: Duration = Duration::from_secs(30);

// === impl Holding ===

impl Holding {
    /// Whether the lease lasts.
    pub(crate) fn lasts(&self, now: Duration) -> bool {
        now < self.until
    }

    pub(crate) fn among(&self) -> Among {
        self.among
    }

    /// What is held of a budget and may be spent now.
    pub(crate) fn left(&self, of: Of<'_>, now: Duration) -> u64 {
        self.part(of).filter(|_| self.lasts(now)).map_or(0, |part| part.held)
    }

    /// What is left of a budget that nobody holds, as far as this replica knows.
    pub(crate) fn free(&self, of: Of<'_>) -> u64 {
        self.part(of).map_or(0, |part| part.free)
    }

    /// What was spent elsewhere in the last hour and in the last day.
    pub(crate) fn elsewhere(&self, of: Of<'_>) -> (u64, u64) {
        self.part(of).map_or((0, 0), |part| part.elsewhere)
    }

    /// When the first of what is spent comes back.
    pub(crate) fn renews(&self, of: Of<'_>) -> Option<Duration> {
        self.part(of).map(|part| part.renews).filter(|renews| !renews.is_zero())
    }

    /// Spends of what is held.
    pub(crate) fn spend(&mut self, of: Of<'_>, amount: u64, now: Duration) {
        self.used = now;
        let part = self.part_mut(of);
        part.held = part.held.saturating_sub(amount);
    }

    /// Notes what is needed at least.
    pub(crate) fn need(&mut self, of: Of<'_>, need: u64) {
        let part = self.part_mut(of);
        part.need = part.need.max(need);
    }

    /// The question about one budget.
    pub(crate) fn ask(&mut self, of: Of<'_>, budget: Budget) -> Ask {
        let part = self.part_mut(of);
        Ask {
            purse: name(of),
            window: match budget.window {
                Window::Hour => "h",
                Window::Day => "d",
            },
            budget: budget.amount.get().min(LARGEST),
            held: part.held.min(LARGEST),
            need: std::mem::take(&mut part.need).min(LARGEST),
        }
    }

    /// Begins a round.
    pub(crate) fn begin(&mut self, asked: Duration, active: Active) -> Begun {
        self.begun += 1;
        if active == Active::No {
            self.let_go();
        }
        self.owes = true;
        Begun { number: self.begun, asked, active }
    }

    fn let_go(&mut self) {
        self.until = Duration::ZERO;
        self.rows.held = 0;
        self.bytes.held = 0;
        self.calls.held = 0;
        self.exports.clear();
    }

    /// Takes up what the store answered in a round. When a later one was begun, that one told what is held: what this
    /// one granted is not held, and the store learns so.
    pub(crate) fn take(&mut self, settled: Settled, round: Begun) {
        if round.number != self.begun {
            return;
        }
        self.owes = round.active == Active::Yes;
        self.among = Among { replicas: settled.replicas.max(1), rank: settled.rank };
        self.lanes = settled.lanes;
        for (name, granted) in settled.purses {
            if let Some(part) = self.named(&name) {
                part.take(granted);
            }
        }
        if self.owes {
            self.until = round.asked + LEASE;
        }
    }

    fn part(&self, of: Of<'_>) -> Option<&Part> {
        match of {
            Of::Rows => Some(&self.rows),
            Of::Bytes => Some(&self.bytes),
            Of::Calls => Some(&self.calls),
            Of::Export(object) => self.exports.get(object),
        }
    }

    fn part_mut(&mut self, of: Of<'_>) -> &mut Part {
        match of {
            Of::Rows => &mut self.rows,
            Of::Bytes => &mut self.bytes,
            Of::Calls => &mut self.calls,
            Of::Export(object) => self.exports.entry(object.to_owned()).or_default(),
        }
    }

    fn named(&mut self, name: &str) -> Option<&mut Part> {
        match name {
            "rows" => Some(&mut self.rows),
            "bytes" => Some(&mut self.bytes),
            "calls" => Some(&mut self.calls),
            other => self.exports.get_mut(other.strip_prefix(EXPORT)?),
        }
    }
}

// === impl Part ===

impl Part {
    fn take(&mut self, granted: Granted) {
        // What was spent while the question was on its way is gone from what is held already.
        self.held = self.held.saturating_add_signed(granted.more);
        self.free = granted.free;
        self.elsewhere = granted.elsewhere;
        self.renews = granted.renews;
    }
}

// === impl Among ===

impl Among {
    /// The part of a number that one replica may use: at least one, so that it can serve at all.
    pub(crate) fn of(self, number: u32) -> u32 {
        let (each, rest) = (number / self.replicas, number % self.replicas);
        each.saturating_add(u32::from(self.rank < rest)).max(1)
    }
}

impl Default for Among {
    fn default() -> Self {
        Self { replicas: 1, rank: 0 }
    }
}

/// How the store calls what has a budget.
fn name(of: Of<'_>) -> String {
    match of {
        Of::Rows => "rows".to_owned(),
        Of::Bytes => "bytes".to_owned(),
        Of::Calls => "calls".to_owned(),
        Of::Export(object) => format!("{EXPORT}{object}"),
    }
}

/// What was spent here, as the store keeps it: by purse, the buckets of the last hour and of the last day that are not
/// empty, and the second that it is by the clock that they are of.
pub(crate) fn spent(sums: &Sums, now: Duration) -> String {
    let told = |purse: &Purse| serde_json::json!({ "h": purse.hour.filled(), "d": purse.day.filled() });
    let purses = [(Of::Rows, &sums.rows), (Of::Bytes, &sums.bytes), (Of::Calls, &sums.calls)];
    let exports = sums.exports.iter().map(|(object, purse)| (Of::Export(object), purse));
    let all = purses.into_iter().chain(exports).map(|(of, purse)| (name(of), told(purse)));
    let clock = ("now".to_owned(), now.as_secs().into());
    serde_json::Value::Object(all.chain([clock]).collect()).to_string()
}

const EXPORT: &str = "export:";
/// The largest number that the store adds exactly.
const LARGEST: u64 = 1 << 52;

#[cfg(test)]
#[path = "holding/laws.rs"]
mod laws;
#[cfg(test)]
#[path = "holding/tests.rs"] // `tests/interleavings.rs` compiles this file too, from its own folder
mod tests;
