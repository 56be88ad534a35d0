//! A request let in: its place among those under way, and what its answer spends.

use std::sync::Arc;

use forcefield_config::config::Budget;
use forcefield_policy::decision::Permit;
use forcefield_policy::request::Rows;

use super::{Counted, CutOff, Ended, Exceeded, ExportBudget, Meter, OfOrg, Spent};
use crate::account::{Amount, Books, Of, Place, Short};
use crate::holding::Among;
use crate::keeper::{Order, Shared};
use crate::settle::Round;

/// A request under way. Dropping it gives its place back; what was counted stays counted.
#[must_use]
pub struct Lease {
    shared: Arc<Shared>,
    meter: Arc<Meter>,
    /// The export budgets that its rows count against.
    exports: Vec<ExportBudget>,
    counted: Amount,
    _place: Place,
}

/// Rows that are written down at once; what is fewer waits for the keeper's next round.
const ROWS_AT_ONCE: u64 = 256;
/// Bytes, likewise: about one chunk.
const BYTES_AT_ONCE: u64 = 64 << 10;
const ROW: Amount = Amount { rows: 1, bytes: 0, calls: 0 };

// === impl Meter ===

impl Meter {
    /// Lets a permitted request in. `objects` are the exported objects that its rows count for.
    pub(crate) fn admit<'a>(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        permit: &Permit,
        objects: impl Iterator<Item = &'a str>,
    ) -> Result<Lease, Exceeded> {
        if !shared.is_writable() {
            return Err(Exceeded::Unavailable);
        }
        let exports = self.exports_of(objects);
        let one = one(permit, &exports);
        let mut books = self.account.books();
        let among = self.among(shared, &books, permit)?;
        for rate in self.rates.iter().filter(|rate| rate.holds(permit)) {
            rate.take(among).map_err(|retry_after| rate.exceeded(retry_after))?;
        }
        self.org.make_room(among)?;
        self.fits(shared, &mut books, &exports, one)?;
        self.has_calls(shared, &mut books)?;
        let most = self.concurrent.map(|most| among.of(most));
        let place = self.account.enter(most).map_err(|limit| Exceeded::Concurrent { limit })?;
        books.spend(Of::Calls, 1, shared.time.now());
        books.unwritten.calls = books.unwritten.calls.saturating_add(1);
        self.tell(shared, &mut books);
        drop(books);
        let (shared, meter) = (Arc::clone(shared), Arc::clone(self));
        Ok(Lease { shared, meter, exports, counted: Amount::default(), _place: place })
    }

    /// What a request waits for before it asks to be let in, when this replica holds too little for it.
    pub(crate) fn short<'a>(
        &self,
        shared: &Shared,
        permit: &Permit,
        objects: impl Iterator<Item = &'a str>,
    ) -> Option<Round> {
        let exports = self.exports_of(objects);
        self.lacks(shared, &exports, one(permit, &exports))
    }

    /// Asks the store of several replicas for more, when what is held is less than what is needed.
    fn lacks(&self, shared: &Shared, exports: &[ExportBudget], needed: Amount) -> Option<Round> {
        let (replicas, now) = (shared.replicas.as_ref()?, shared.time.now());
        let mut books = self.account.books();
        let lasts = books.holding.as_ref().is_some_and(|holding| holding.lasts(now));
        let calls = self.calls().map(|budget| (Of::Calls, budget, needed.calls));
        let mut lacking = Vec::new();
        for (of, budget, needed) in self.counted(exports, needed).chain(calls) {
            let free = books.holding.as_ref().map_or(0, |holding| holding.free(of));
            if books.left(of, budget, now) < needed && (free > 0 || !lasts) {
                lacking.push((of, needed));
            }
        }
        let holding = books.holding.as_mut()?;
        holding.used = now;
        if lacking.is_empty() && lasts {
            return None;
        }
        lacking.into_iter().for_each(|(of, needed)| holding.need(of, needed));
        let number = holding.begun + 1;
        drop(books);
        Some(replicas.ask(&self.account, number))
    }

    /// This replica among those that the identity calls through.
    fn among(&self, shared: &Shared, books: &Books, permit: &Permit) -> Result<Among, Exceeded> {
        let (Some(holding), Some(replicas)) = (&books.holding, &shared.replicas) else {
            return Ok(Among::default());
        };
        let current = !permit.is_export() || replicas.store.is_current();
        if holding.lasts(shared.time.now()) && current { Ok(holding.among()) } else { Err(CutOff.into()) }
    }

    fn exports_of<'a>(&self, objects: impl Iterator<Item = &'a str>) -> Vec<ExportBudget> {
        let mut exports: Vec<ExportBudget> =
            objects.filter_map(|object| self.exports.get(&object.to_ascii_lowercase()).cloned()).collect();
        exports.sort_by(|one, other| one.key.cmp(&other.key));
        exports.dedup_by(|one, other| one.key == other.key);
        exports
    }

    /// Whether its share of the org's API calls has one more.
    fn has_calls(&self, shared: &Shared, books: &mut Books) -> Result<(), Exceeded> {
        let (Some(budget), now) = (self.calls(), shared.time.now()) else { return Ok(()) };
        if books.left(Of::Calls, budget, now) > 0 {
            return Ok(());
        }
        may_come(books, Of::Calls)?;
        let renews = books.renews(Of::Calls, budget.window).unwrap_or(now);
        let (_, most) = self.org.allowance.calls();
        let share = budget.amount.get();
        Err(Exceeded::Share { share, most, renews_at: shared.time.on_the_wall(renews) })
    }

    /// Tells the keeper that there is something to write, unless it knows.
    fn tell(&self, shared: &Shared, books: &mut Books) {
        if !books.told {
            books.told = shared.order(Order::Spent(Arc::clone(&self.account)));
        }
    }

    /// Whether so much more may be spent here and now.
    fn fits(
        &self,
        shared: &Shared,
        books: &mut Books,
        exports: &[ExportBudget],
        more: Amount,
    ) -> Result<(), Ended> {
        let now = shared.time.now();
        if books.holding.as_ref().is_some_and(|holding| !holding.lasts(now)) {
            return Err(CutOff.into());
        }
        books.fits(self.counted(exports, more), now).or_else(|short| {
            may_come(books, short.of)?;
            Err(spent(shared, books, exports, short).into())
        })
    }

    /// The budgets that an answer counts against, and by how much.
    fn counted<'a>(
        &self,
        exports: &'a [ExportBudget],
        more: Amount,
    ) -> impl Iterator<Item = (Of<'a>, Budget, u64)> + use<'a> {
        let rows = self.rows.map(|budget| (Of::Rows, budget, more.rows));
        let bytes = self.bytes.map(|budget| (Of::Bytes, budget, more.bytes));
        let exports = exports.iter().map(move |export| (Of::Export(&export.key), export.rows, more.rows));
        rows.into_iter().chain(bytes).chain(exports)
    }
}

// === impl OfOrg ===

impl OfOrg {
    /// Slows an identity that makes room for others.
    fn make_room(&self, among: Among) -> Result<(), Exceeded> {
        if !self.makes_room.now(&self.allowance) {
            return Ok(());
        }
        let (used, most) = self.allowance.calls();
        self.slow.take(among).map_err(|retry_after| Exceeded::MakesRoom { used, most, retry_after })
    }
}

// === impl Lease ===

impl Lease {
    /// Counts a chunk of the answer, before it goes on to the client.
    ///
    /// # Errors
    /// It is more than is left of a budget, or this replica may not go on: nothing of it was counted, and nothing of it
    /// may go on.
    pub fn count(&mut self, rows: u64, bytes: u64) -> Result<(), Ended> {
        let more = Amount { rows, bytes, calls: 0 };
        let mut books = self.meter.account.books();
        let books = &mut *books;
        self.meter.fits(&self.shared, books, &self.exports, more)?;
        let now = self.shared.time.now();
        books.spend(Of::Rows, rows, now);
        books.spend(Of::Bytes, bytes, now);
        self.exports.iter().for_each(|export| books.spend(Of::Export(&export.key), rows, now));
        self.counted = self.counted.plus(more);
        books.unwritten = books.unwritten.plus(more);
        if books.unwritten.rows >= ROWS_AT_ONCE || books.unwritten.bytes >= BYTES_AT_ONCE {
            let written = self.shared.journal.append(&self.meter.account.identity, books);
            let _ = written.map_err(|error| self.shared.failed(&error));
        }
        self.meter.tell(&self.shared, books);
        Ok(())
    }

    /// What a piece of the answer waits for before it is counted, when this replica holds too little for it: the rows
    /// are counted only when there may be too many. `None` when it need not wait.
    pub fn short(&self, bytes: u64, rows: impl FnOnce() -> u64) -> Option<Round> {
        self.shared.replicas.as_ref()?;
        let now = self.shared.time.now();
        let fewest = {
            let mut books = self.meter.account.books();
            let of_rows = self.meter.counted(&self.exports, ROW).filter(|(_, _, more)| *more > 0);
            of_rows.map(|(of, budget, _)| books.left(of, budget, now)).min()
        };
        let rows = if fewest.is_some_and(|left| left < bytes) { rows() } else { 0 };
        self.meter.lacks(&self.shared, &self.exports, Amount { rows, bytes, calls: 0 })
    }

    /// Asks whether an answer with a known number of rows fits into what is left, before its first byte goes on
    /// (`Sforce-NumberOfRecords`, the number of records of a job, `totalSize` of an answer that is one page).
    ///
    /// # Errors
    /// It does not: the answer must not begin.
    pub fn expect(&self, rows: u64) -> Result<(), Spent> {
        let (more, now) = (Amount { rows, bytes: 0, calls: 0 }, self.shared.time.now());
        let mut books = self.meter.account.books();
        for (of, budget, more) in self.meter.counted(&self.exports, more) {
            let left = books.left_in_all(of, budget, now);
            if more > left {
                return Err(spent(&self.shared, &mut books, &self.exports, Short { of, budget, left }));
            }
        }
        Ok(())
    }

    /// The rows that are left, for `X-Forcefield-Rows-Left`: the least of the budgets that its rows count against.
    /// `None` for no limit.
    #[must_use]
    pub fn rows_left(&self) -> Option<u64> {
        let now = self.shared.time.now();
        let mut books = self.meter.account.books();
        let of_rows = self.meter.counted(&self.exports, ROW).filter(|(_, _, more)| *more > 0);
        of_rows.map(|(of, budget, _)| books.left_in_all(of, budget, now)).min()
    }

    /// Takes up what the org says of its API calls in the whole body of `/limits`, which this lease was for.
    pub fn listed(&self, body: &[u8]) {
        self.meter.allowance().listed(body);
    }

    /// The rows counted so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.counted.rows
    }

    /// The bytes counted so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.counted.bytes
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("counted", &self.counted).finish_non_exhaustive()
    }
}

impl Amount {
    fn plus(self, more: Self) -> Self {
        Self {
            rows: self.rows.saturating_add(more.rows),
            bytes: self.bytes.saturating_add(more.bytes),
            calls: self.calls.saturating_add(more.calls),
        }
    }
}

/// What a request counts for before its answer is known.
fn one(permit: &Permit, exports: &[ExportBudget]) -> Amount {
    let rows = permit.answer().rows != Rows::None || !exports.is_empty();
    Amount { rows: u64::from(rows), bytes: 1, calls: 1 }
}

/// A budget of which this replica has too little may have something left elsewhere, which did not come in time.
fn may_come(books: &Books, of: Of<'_>) -> Result<(), CutOff> {
    let free = books.holding.as_ref().map_or(0, |holding| holding.free(of));
    if free > 0 { Err(CutOff) } else { Ok(()) }
}

/// What is told of a budget that has too little left.
fn spent(
    shared: &Shared,
    books: &mut Books,
    exports: &[ExportBudget],
    Short { of, budget, left }: Short<'_>,
) -> Spent {
    let renews = books.renews(of, budget.window).unwrap_or_else(|| shared.time.now());
    Spent { counted: counted(of, exports), budget, left, renews_at: shared.time.on_the_wall(renews) }
}

/// What is told of it when it is spent.
fn counted(of: Of<'_>, exports: &[ExportBudget]) -> Counted {
    let object = |key: &str| exports.iter().find(|export| export.key == key).map(|export| &export.object);
    match of {
        Of::Bytes => Counted::Bytes,
        Of::Rows | Of::Calls => Counted::Rows,
        Of::Export(key) => object(key).map_or(Counted::Rows, |object| Counted::Export(object.clone())),
    }
}
