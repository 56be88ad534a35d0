//! Cursors and jobs: whose they are, and what they read.

use std::collections::BTreeSet;
use std::sync::Arc;

use forcefield_limits::Learned;
use forcefield_policy::decision::Permit;
use forcefield_policy::request::{Handle, HandleKind, HandleUse, Origin, Request as Asked};

use super::Service;
use crate::live::Member;
use crate::passing::Issues;
use crate::reply::Refusal;

impl Service {
    /// What the ledger holds for the handles that a request names.
    pub(super) async fn origins(
        &self,
        member: &Member,
        asked: &Asked,
    ) -> Result<Vec<Option<Origin>>, Refusal> {
        let mut origins = Vec::new();
        for handle in asked.handles() {
            let known = self.limits.ledger().look_up(&member.identity.name, handle).await;
            origins.push(known.map_err(|_| Refusal::Unavailable(UNREAD))?);
        }
        Ok(origins)
    }

    /// What becomes of the handles that an answer gives out. Those of the next page read what the first page read.
    pub(super) async fn issues(&self, member: &Member, permit: &Arc<Permit>) -> Result<Issues, Refusal> {
        let (ledger, identity) = (self.limits.ledger(), &member.identity.name);
        let first = match permit.handles().first() {
            None => None,
            Some(page) => {
                let known = Box::pin(ledger.look_up(identity, page)).await;
                known.map_err(|_| Refusal::Unavailable(UNREAD))?
            }
        };
        Ok(Issues { ledger: ledger.clone(), identity: identity.clone(), permit: Arc::clone(permit), first })
    }

    /// Adds a query to what its Bulk 1.0 job reads, and the columns of an upload to what its job writes, so that what is
    /// read from them later is decided on it. Before it is sent: an answer that is lost must not leave behind what the
    /// ledger does not know.
    pub(super) async fn learn(&self, member: &Member, permit: &Permit) -> Result<(), Refusal> {
        let asks = permit.handles().iter().filter(|handle| matches!(handle.use_, HandleUse::Ask(_)));
        let asks = asks.map(|handle| (handle, Learned::Reads(permit.origin().reads)));
        let uploads = permit.uploads().map(|up| (&up.handle, Learned::Columns(up.names.clone())));
        for (handle, learned) in asks.chain(uploads) {
            let ledger = self.limits.ledger();
            let kept = Box::pin(ledger.amend(&member.identity.name, handle.into(), learned)).await;
            kept.map_err(|_| Refusal::Unavailable(LEDGER))?;
        }
        Ok(())
    }

    /// Forgets jobs that are gone.
    pub(super) async fn forget(&self, member: &Member, permit: &Permit) -> Result<(), Refusal> {
        for handle in permit.handles().iter().filter(|handle| handle.use_ == HandleUse::Delete) {
            let ledger = self.limits.ledger();
            let forgotten = Box::pin(ledger.delete(&member.identity.name, handle.into())).await;
            forgotten.map_err(|_| Refusal::Unavailable(LEDGER))?;
        }
        Ok(())
    }

    /// Those of some jobs, of any kind, that are the integration's own.
    pub(super) async fn own_jobs(
        &self,
        member: &Member,
        ids: BTreeSet<String>,
    ) -> Result<BTreeSet<String>, Refusal> {
        let mut own = BTreeSet::new();
        for text in ids {
            let Some(id) = forcefield_policy::id::RecordId::parse(&text) else { continue };
            for kind in [HandleKind::QueryJob, HandleKind::IngestJob, HandleKind::ClassicJob] {
                let handle = Handle::job(kind, id, HandleUse::Status);
                let found = self.limits.ledger().look_up(&member.identity.name, &handle).await;
                if found.map_err(|_| Refusal::Unavailable(UNREAD))?.is_some() {
                    own.insert(text);
                    break;
                }
            }
        }
        Ok(own)
    }
}

const LEDGER: &str = "the ledger of cursors and jobs cannot be written at present";
const UNREAD: &str = "the ledger of cursors and jobs cannot be read at present";
