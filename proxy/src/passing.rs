//! What the pieces of an answer go through: rows and bytes against the budget, cursors onto the ledger, the org's
//! addresses replaced.

use bytes::Bytes;
use forcefield_limits::{HandleScanner, Issued, Lease, Ledger, RowCounter};
use forcefield_policy::names::IdentityName;
use forcefield_policy::request::Origin;

use crate::answer::{Pass, Passed, Stop};
use crate::exchange::Exchange;
use crate::reply::Rewriter;

/// The way of an answer's pieces.
pub(crate) struct Passing {
    /// The budget.
    pub lease: Lease,
    /// Counts rows.
    pub counter: RowCounter,
    /// Finds cursors and jobs, where the answer can give any out.
    pub issues: Option<Issues>,
    /// Replaces the org's addresses, where the body is text.
    pub rewriter: Option<Rewriter>,
}

/// Cursors and jobs that an answer gives out, and for whom they are kept.
pub(crate) struct Issues {
    /// Finds them.
    pub scanner: HandleScanner,
    /// Keeps them.
    pub ledger: Ledger,
    /// Whose they are.
    pub identity: IdentityName,
    /// What they read.
    pub origin: Origin,
}

impl Pass for Passing {
    fn piece(&mut self, piece: Bytes, exchange: &mut Exchange) -> Result<Passed, Stop> {
        let rows = self.counter.feed(&piece);
        self.lease.count(rows, piece.len() as u64).map_err(|spent| Stop::Spent(spent.to_string()))?;
        exchange.note(|record| record.rows += rows);
        let first = self.issues.as_mut().and_then(|issues| {
            let found = issues.scanner.feed(&piece);
            (!found.is_empty()).then(|| issues.keep(found))
        });
        let piece = match &mut self.rewriter {
            Some(rewriter) => rewriter.feed(piece),
            None => piece,
        };
        Ok(Passed { piece, first })
    }

    fn end(&mut self, _: &mut Exchange) -> Result<Bytes, Stop> {
        Ok(self.rewriter.as_mut().map(Rewriter::finish).unwrap_or_default())
    }
}

impl Issues {
    /// Puts what was found onto the ledger.
    fn keep(&self, found: Vec<Issued>) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Stop>> + Send>> {
        let (ledger, identity, origin) = (self.ledger.clone(), self.identity.clone(), self.origin.clone());
        Box::pin(async move {
            for issued in found {
                let kept = ledger.record(&identity, issued, origin.clone()).await;
                kept.map_err(|_| Stop::Unreadable("a cursor in the answer could not be kept for its owner"))?;
            }
            Ok(())
        })
    }
}
