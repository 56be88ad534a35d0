//! What the pieces of an answer go through: rows and bytes against the budget, cursors onto the ledger, the org's
//! addresses and its token replaced.

use std::sync::Arc;

use bytes::Bytes;
use forcefield_credentials::Blotter;
use forcefield_limits::{Counted, Ended, Found, Issued, Lease, Ledger, Round, Scanner};
use forcefield_policy::decision::Permit;
use forcefield_policy::names::IdentityName;
use forcefield_policy::request::Origin;

use crate::answer::{Pass, Passed, Stop};
use crate::exchange::Exchange;
use crate::reply::Rewriter;
use crate::service::Watch;

/// The way of an answer's pieces.
pub(crate) struct Passing {
    /// The budget.
    pub lease: Lease,
    /// Counts rows, and finds cursors and jobs where the answer can give any out.
    pub scanner: Scanner,
    /// What becomes of them.
    pub issues: Option<Issues>,
    /// Looks again whether it may go where it goes, where it is an export.
    pub watch: Option<Watch>,
    /// Blots the org's token out: code that runs in the org can print the session that it runs in.
    pub blotter: Blotter,
    /// Replaces the org's addresses, where the body is text.
    pub rewriter: Option<Rewriter>,
    /// The body so far, where it says what the org's limits are.
    pub listed: Option<Vec<u8>>,
}

/// The largest body of `/limits` that is read: those of real orgs have some 10 KB.
const LISTED: usize = 64 << 10;

/// Cursors and jobs that an answer gives out, and for whom they are kept.
pub(crate) struct Issues {
    /// Keeps them.
    pub ledger: Ledger,
    /// Whose they are.
    pub identity: IdentityName,
    /// The request, which says what they read.
    pub permit: Arc<Permit>,
    /// What the first page read, if this is the next one.
    pub first: Option<Origin>,
}

impl Pass for Passing {
    fn short(&self, piece: &Bytes) -> Option<Round> {
        self.lease.short(piece.len() as u64, || self.scanner.rows_in(piece))
    }

    fn piece(&mut self, piece: Bytes, exchange: &mut Exchange) -> Result<Passed, Stop> {
        if let Some(watch) = &mut self.watch {
            watch.check().map_err(|refusal| Stop::Elsewhere(refusal.to_string()))?;
        }
        let (piece, found, last) = self.count(piece, exchange);
        if let Some(listed) = &mut self.listed {
            // One byte too many makes it unreadable.
            listed.extend(piece.iter().take(LISTED + 1 - listed.len()));
        }
        let first = self.issues.as_ref().filter(|_| !found.is_empty()).map(|issues| issues.keep(found));
        let mut piece = self.clean(piece);
        if last.is_some() {
            // What is held back is counted, and so goes too.
            piece = [piece, self.rest()].concat().into();
        }
        Ok(Passed { piece, first, last })
    }

    fn end(&mut self, _: &mut Exchange) -> Result<Bytes, Stop> {
        if let Some(listed) = self.listed.take() {
            self.lease.listed(if listed.len() > LISTED { &[] } else { &listed });
        }
        Ok(self.rest())
    }
}

impl Passing {
    /// A piece without what is the org's alone.
    fn clean(&mut self, piece: Bytes) -> Bytes {
        let piece = self.blotter.feed(piece);
        match &mut self.rewriter {
            Some(rewriter) => rewriter.feed(piece),
            None => piece,
        }
    }

    /// What was held back, at the end.
    fn rest(&mut self) -> Bytes {
        let held = self.blotter.finish();
        match &mut self.rewriter {
            Some(rewriter) => [rewriter.feed(held), rewriter.finish()].concat().into(),
            None => held,
        }
    }

    /// Counts a piece against the budget, and gives what of it goes on and the handles in that. Of one that is more than what is left goes what fits, so that the budget is
    /// spent to its last row, and nothing after it; when this replica may not go on, nothing of it goes.
    fn count(&mut self, mut piece: Bytes, exchange: &mut Exchange) -> (Bytes, Vec<Issued>, Option<Stop>) {
        let before = self.scanner.clone();
        let mut found = self.scanner.feed(&piece);
        let mut last = None;
        while let Err(ended) = self.lease.count(found.rows, piece.len() as u64) {
            let spent = match ended {
                Ended::Spent(spent) => spent,
                Ended::CutOff(cut_off) => return (Bytes::new(), Vec::new(), Some(Stop::CutOff(cut_off))),
            };
            let fitting = match spent.counted {
                Counted::Bytes => usize::try_from(spent.left).unwrap_or(usize::MAX),
                Counted::Rows | Counted::Export(_) => before.fitting(&piece, spent.left),
            };
            piece.truncate(fitting.min(piece.len().saturating_sub(1)));
            found = before.clone().feed(&piece);
            last = Some(Stop::Spent(spent.to_string()));
        }
        let Found { rows, issued } = found;
        exchange.note(|record| record.rows += rows);
        (piece, issued, last)
    }
}

impl Issues {
    /// Puts what was found onto the ledger.
    fn keep(&self, found: Vec<Issued>) -> std::pin::Pin<Box<dyn Future<Output = Result<(), Stop>> + Send>> {
        let origin = self.first.clone().unwrap_or_else(|| self.permit.origin());
        let (ledger, identity) = (self.ledger.clone(), self.identity.clone());
        Box::pin(async move {
            for issued in found {
                let kept = ledger.record(&identity, issued, origin.clone()).await;
                kept.map_err(|_| Stop::Unreadable("a cursor in the answer could not be kept for its owner"))?;
            }
            Ok(())
        })
    }
}
