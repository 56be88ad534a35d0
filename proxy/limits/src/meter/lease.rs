//! A request let in: its place among those under way, and what its answer spends.

use std::sync::Arc;
use std::time::Duration;

use forcefield_config::config::Budget;
use forcefield_policy::decision::Permit;
use forcefield_policy::request::Rows;

use super::{Counted, Exceeded, ExportBudget, Meter, OfOrg, Spent};
use crate::account::{Amount, Books};
use crate::keeper::{Order, Shared};

/// A request under way. Dropping it gives its place back; what was counted stays counted.
#[must_use]
pub struct Lease {
    shared: Arc<Shared>,
    meter: Arc<Meter>,
    /// The export budgets that its rows count against.
    exports: Vec<ExportBudget>,
    counted: Amount,
}

/// Rows that are written down at once; what is fewer waits for the keeper's next round.
const ROWS_AT_ONCE: u64 = 256;
/// Bytes, likewise: about one chunk.
const BYTES_AT_ONCE: u64 = 64 << 10;

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
        for rate in self.rates.iter().filter(|rate| rate.holds(permit)) {
            rate.take().map_err(|retry_after| rate.exceeded(retry_after))?;
        }
        self.org.make_room()?;
        let rows = permit.answer().rows != Rows::None;
        let mut exports: Vec<ExportBudget> =
            objects.filter_map(|object| self.exports.get(&object.to_ascii_lowercase()).cloned()).collect();
        exports.sort_by(|one, other| one.key.cmp(&other.key));
        exports.dedup_by(|one, other| one.key == other.key);
        let one = Amount { rows: u64::from(rows || !exports.is_empty()), bytes: 1, calls: 1 };
        let mut books = self.account.books();
        self.fits(shared, &mut books, &exports, one)?;
        self.has_calls(shared, &mut books)?;
        self.account.enter(self.concurrent).map_err(|limit| Exceeded::Concurrent { limit })?;
        books.own.calls.add(shared.time.now(), 1);
        books.unwritten.calls = books.unwritten.calls.saturating_add(1);
        self.tell(shared, &mut books);
        drop(books);
        Ok(Lease { shared: Arc::clone(shared), meter: Arc::clone(self), exports, counted: Amount::default() })
    }

    /// Whether its share of the org's API calls has one more.
    fn has_calls(&self, shared: &Shared, books: &mut Books) -> Result<(), Exceeded> {
        let Some(percent) = self.org.share else { return Ok(()) };
        let (share, now) = (self.org.allowance.share(percent), shared.time.now());
        let made = books.own.calls.day.total(now).saturating_add(books.others.calls.day.total(now));
        if made < share {
            return Ok(());
        }
        let renews = [&books.own, &books.others].map(|sums| sums.calls.day.renews());
        let renews = renews.into_iter().flatten().min().unwrap_or(now);
        let (_, most) = self.org.allowance.calls();
        Err(Exceeded::Share { share, most, renews_at: shared.time.on_the_wall(renews) })
    }

    /// Tells the keeper that there is something to write, unless it knows.
    fn tell(&self, shared: &Shared, books: &mut Books) {
        if !books.told {
            books.told = shared.order(Order::Spent(Arc::clone(&self.account)));
        }
    }

    /// Whether so much more may be spent now.
    fn fits(
        &self,
        shared: &Shared,
        books: &mut Books,
        exports: &[ExportBudget],
        more: Amount,
    ) -> Result<(), Spent> {
        let now = shared.time.now();
        let rows = self.rows.map(|budget| (Counted::Rows, "", budget, more.rows));
        let bytes = self.bytes.map(|budget| (Counted::Bytes, "", budget, more.bytes));
        let exports = exports.iter().map(|export| {
            (Counted::Export(export.object.clone()), export.key.as_str(), export.rows, more.rows)
        });
        for (counted, key, budget, more) in rows.into_iter().chain(bytes).chain(exports) {
            let left = budget.amount.get().saturating_sub(spent(books, &counted, key, budget, now));
            if more > left {
                let renews = renews(books, &counted, key, budget).unwrap_or(now);
                return Err(Spent { counted, budget, left, renews_at: shared.time.on_the_wall(renews) });
            }
        }
        Ok(())
    }
}

// === impl OfOrg ===

impl OfOrg {
    /// Slows an identity that makes room for others.
    fn make_room(&self) -> Result<(), Exceeded> {
        if !self.makes_room.now(&self.allowance) {
            return Ok(());
        }
        let (used, most) = self.allowance.calls();
        self.slow.take().map_err(|retry_after| Exceeded::MakesRoom { used, most, retry_after })
    }
}

// === impl Lease ===

impl Lease {
    /// Counts a chunk of the answer, before it goes on to the client.
    ///
    /// # Errors
    /// It is more than is left of a budget: nothing of it was counted, and nothing of it may go on.
    pub fn count(&mut self, rows: u64, bytes: u64) -> Result<(), Spent> {
        let more = Amount { rows, bytes, calls: 0 };
        let mut books = self.meter.account.books();
        let books = &mut *books;
        self.meter.fits(&self.shared, books, &self.exports, more)?;
        let now = self.shared.time.now();
        books.own.rows.add(now, rows);
        books.own.bytes.add(now, bytes);
        for export in &self.exports {
            books.own.exports.entry(export.key.clone()).or_default().add(now, rows);
        }
        self.counted = self.counted.plus(more);
        books.unwritten = books.unwritten.plus(more);
        if books.unwritten.rows >= ROWS_AT_ONCE || books.unwritten.bytes >= BYTES_AT_ONCE {
            let written = self.shared.journal.append(&self.meter.account.identity, books);
            let _ = written.map_err(|error| self.shared.failed(&error));
        }
        self.meter.tell(&self.shared, books);
        Ok(())
    }

    /// Asks whether an answer with a known number of rows fits into what is left, before its first byte goes on
    /// (`Sforce-NumberOfRecords`, the number of records of a job, `totalSize` of an answer that is one page).
    ///
    /// # Errors
    /// It does not: the answer must not begin.
    pub fn expect(&self, rows: u64) -> Result<(), Spent> {
        let more = Amount { rows, bytes: 0, calls: 0 };
        self.meter.fits(&self.shared, &mut self.meter.account.books(), &self.exports, more)
    }

    /// The rows that are left, for `X-Forcefield-Rows-Left`: the least of the budgets that its rows count against.
    /// `None` for no limit.
    #[must_use]
    pub fn rows_left(&self) -> Option<u64> {
        let now = self.shared.time.now();
        let mut books = self.meter.account.books();
        let rows = self.meter.rows.map(|budget| (Counted::Rows, "", budget));
        let exports = self
            .exports
            .iter()
            .map(|export| (Counted::Export(export.object.clone()), &*export.key, export.rows));
        rows.into_iter()
            .chain(exports)
            .map(|(counted, key, budget)| {
                budget.amount.get().saturating_sub(spent(&mut books, &counted, key, budget, now))
            })
            .min()
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

impl Drop for Lease {
    fn drop(&mut self) {
        self.meter.account.leave();
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

/// What was spent of a budget in its window, by every process.
pub(super) fn spent(books: &mut Books, counted: &Counted, key: &str, budget: Budget, now: Duration) -> u64 {
    let sums = [&mut books.own, &mut books.others];
    sums.into_iter()
        .filter_map(|sums| match counted {
            Counted::Rows => Some(&mut sums.rows),
            Counted::Bytes => Some(&mut sums.bytes),
            Counted::Export(_) => sums.exports.get_mut(key),
        })
        .fold(0, |spent, purse| spent.saturating_add(purse.ring(budget.window).total(now)))
}

/// When the first of it comes back.
fn renews(books: &mut Books, counted: &Counted, key: &str, budget: Budget) -> Option<Duration> {
    let sums = [&mut books.own, &mut books.others];
    sums.into_iter()
        .filter_map(|sums| match counted {
            Counted::Rows => Some(&mut sums.rows),
            Counted::Bytes => Some(&mut sums.bytes),
            Counted::Export(_) => sums.exports.get_mut(key),
        })
        .filter_map(|purse| purse.ring(budget.window).renews())
        .min()
}
