//! Jobs that their owners delete: gone for the client at once, kept at the org as evidence for a while.
//!
//! Thieves delete the jobs of their exports, and honest tools do so after every sync. Both are answered 204.

use bytes::Bytes;
use forcefield_audit::Outcome;
use forcefield_policy::decision::{Denial, Permit, Reason};
use forcefield_policy::request::{Handle, HandleKind, HandleUse};
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};

use super::{Reply, Service};
use crate::exchange::Exchange;
use crate::live::Member;
use crate::reply::Refusal;

/// The Bulk 2.0 job that a request deletes, if it does.
pub(super) fn deleted(permit: &Permit) -> Option<&Handle> {
    let deletes = |handle: &&Handle| {
        handle.use_ == HandleUse::Delete
            && matches!(handle.kind, HandleKind::QueryJob | HandleKind::IngestJob)
    };
    permit.handles().iter().find(deletes)
}

impl Service {
    /// Answers the deletion of a finished Bulk 2.0 job, which then waits on the ledger to be deleted at the org.
    /// `None` when the org has no such job.
    pub(super) async fn defer(
        &self,
        member: &Member,
        (permit, handle): (&Permit, &Handle),
        exchange: &mut Exchange,
    ) -> Result<Option<Reply>, Refusal> {
        let version = permit.version().unwrap_or(member.org.api_versions.newest);
        let asked = Permit::job_status(version, handle.kind, &handle.id)
            .filter(|_| permit.handles().len() == 1)
            .ok_or(Refusal::Unavailable("a job is deleted by a request of its own"))?;
        let answer = self.send_own(member, &asked).await?;
        match answer.status() {
            StatusCode::NOT_FOUND => return Ok(None),
            status if !status.is_success() => return Err(UNKNOWN),
            _ => {}
        }
        let read = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|_| UNKNOWN)?;
        let job: serde_json::Value = serde_json::from_slice(&read.to_bytes()).map_err(|_| UNKNOWN)?;
        let state = job.get("state").and_then(serde_json::Value::as_str).ok_or(UNKNOWN)?;
        if !FINISHED.contains(&state) {
            let reason = Reason::Job("it has not finished; abort it first".to_owned());
            return Err(Refusal::Denied(member.identity.name.clone(), Denial { part: None, reason }));
        }
        let ledger = self.limits.ledger();
        let deferred = ledger.defer(&member.identity.name, handle.into(), member.identity.evidence).await;
        deferred.map_err(|_| {
            Refusal::Unavailable("the ledger of cursors and jobs cannot be written at present")
        })?;
        exchange.note(|record| {
            record.outcome = Outcome::Allowed;
            record.jobs.iter_mut().for_each(|job| job.action = "deferred");
        });
        let mut answer = Response::new(Full::new(Bytes::new()));
        *answer.status_mut() = StatusCode::NO_CONTENT;
        Ok(Some(Reply::whole(answer)))
    }

    /// Deletes the jobs at the org whose time as evidence is over. What fails is tried again at the next round.
    pub(crate) async fn delete_due(&self) {
        let due = match self.limits.ledger().due().await {
            Ok(due) => due,
            Err(error) => return tracing::warn!(%error, "jobs that are due cannot be deleted"),
        };
        let live = self.live.load();
        for entry in due.into_iter().take(AT_ONCE) {
            let Some(member) = live.member(&entry.identity) else { continue };
            let version = member.org.api_versions.newest;
            let Some(permit) = Permit::delete_job(version, entry.key.kind, &entry.key.id) else { continue };
            let (identity, job) = (entry.identity.clone(), entry.key.id.clone());
            match self.send_own(member, &permit).await.map(|answer| answer.status()) {
                Ok(status) if status.is_success() || status == StatusCode::NOT_FOUND => {
                    tracing::info!(%identity, %job, "a deleted job was kept long enough and is deleted at the org");
                    if let Err(error) = self.limits.ledger().delete(&entry.identity, entry.key).await {
                        tracing::warn!(%error, %job, "the ledger cannot be written");
                    }
                }
                Ok(status) => return tracing::warn!(%identity, %job, %status, "the org did not delete a job"),
                Err(error) => return tracing::warn!(%identity, %job, %error, "the org did not delete a job"),
            }
        }
    }
}

/// The org must say that a job has finished before its deletion is put off.
const UNKNOWN: Refusal = Refusal::Unavailable("the org does not say whether the job has finished");
/// The states in which nothing more becomes of a job (reference, sections 5.1 and 5.2).
const FINISHED: [&str; 3] = ["JobComplete", "Failed", "Aborted"];
/// The largest description of a job.
const LARGEST: usize = 64 << 10;
/// Jobs that one round deletes.
const AT_ONCE: usize = 50;
