//! Jobs that are in nobody's name here, made before Forcefield stood before the org: looked up there, once, and taken
//! over by the integration whose own user made them, as far as it could make them now. All others stay refused.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use forcefield_limits::{HandleKey, Issued, LedgerError};
use forcefield_policy::classify::{ToldJob, classify, told_batches};
use forcefield_policy::decision::{Permit, decide};
use forcefield_policy::names::{ApiVersion, IdentityName};
use forcefield_policy::request::{Handle, HandleKind, Head, JobOrigin, Origin, Request as Asked};
use http::StatusCode;
use http_body_util::{BodyExt, Limited};

use super::Service;
use crate::live::Member;
use crate::reply::Refusal;

/// The jobs that each integration had looked up of late. Ids can be guessed, and each look-up is a call of the org's
/// allowance.
#[derive(Default)]
pub struct LookUps(Mutex<HashMap<IdentityName, Vec<(HandleKey, Instant)>>>);

impl Service {
    /// Looks up the jobs of a request that the ledger has no origin of in this integration's name, and takes over those
    /// that fit.
    ///
    /// # Errors
    /// The org or the ledger does not answer.
    pub(super) async fn take_over(
        &self,
        member: &Member,
        asked: &Asked,
        mut origins: Vec<Option<Origin>>,
    ) -> Result<Vec<Option<Origin>>, Refusal> {
        for (handle, origin) in asked.handles().zip(&mut origins).filter(|(_, origin)| origin.is_none()) {
            *origin = Box::pin(self.adopt(member, handle)).await?;
        }
        Ok(origins)
    }

    /// What a job reads or writes that the ledger has in nobody's name, if it becomes the integration's now.
    ///
    /// # Errors
    /// The org or the ledger does not answer.
    async fn adopt(&self, member: &Member, handle: &Handle) -> Result<Option<Origin>, Refusal> {
        let (name, key, ledger) = (&member.identity.name, HandleKey::from(handle), self.limits.ledger());
        if !matches!(handle.kind, HandleKind::IngestJob | HandleKind::ClassicJob)
            || ledger.owner(&key).await.map_err(|_| UNREAD)?.is_some()
            || !self.look_ups.begin(name, &key, Instant::now())
        {
            return Ok(None);
        }
        let found = Box::pin(self.fitting(member, handle)).await;
        if found.is_err() {
            self.look_ups.failed(name, &key);
        }
        let Some(origin) = found? else {
            tracing::info!(identity = %name, job = %key.id, "a job that is not known here does not fit, and stays refused");
            return Ok(None);
        };
        match ledger.record(name, Issued { key, offset: None }, origin.clone()).await {
            Ok(()) => {}
            Err(LedgerError::Foreign) => return Ok(None),
            Err(_) => {
                return Err(Refusal::Unavailable(
                    "the ledger of cursors and jobs cannot be written at present",
                ));
            }
        }
        tracing::info!(identity = %name, job = %handle.id, "a job that was made before it was known here is its maker's own");
        Ok(Some(origin))
    }

    /// What a job reads or writes, if the integration's own user made it, no other integration acts as that user,
    /// nothing can be added to it, and the integration could make it now as it is.
    async fn fitting(&self, member: &Member, handle: &Handle) -> Result<Option<Origin>, Refusal> {
        let version = member.org.api_versions.newest;
        let asked = match handle.kind {
            HandleKind::ClassicJob => Permit::classic_job(version, &handle.id),
            kind => Permit::job_status(version, kind, &handle.id),
        };
        let Some(answer) = self.ask(member, asked).await? else { return Ok(None) };
        let Some(job) = ToldJob::read(handle.kind, &answer) else { return Ok(None) };
        let made_it = job.creator().is_some_and(|creator| self.is_alone(member, creator.as_str()));
        if !made_it || !job.is_closed() {
            return Ok(None);
        }
        let (path, body) = job.making(version);
        let Some(made) = decided(member, ("POST", &path, "application/json"), &body, &[]) else {
            return Ok(None);
        };
        let mut origin = made.origin();
        // What was put into it may be read back, so it has to be such as the integration may put in now.
        let fits = if handle.kind == HandleKind::ClassicJob {
            Box::pin(self.batches(member, (handle, &job), &mut origin, version)).await?
        } else {
            Box::pin(self.columns(member, handle, &mut origin, version)).await?
        };
        Ok(fits.then_some(origin))
    }

    /// Whether the columns that were uploaded to a Bulk 2.0 job could be uploaded now; they are added to what it writes.
    async fn columns(
        &self,
        member: &Member,
        handle: &Handle,
        origin: &mut Origin,
        version: ApiVersion,
    ) -> Result<bool, Refusal> {
        let asked = Permit::failed_rows(version, &handle.id);
        let (Some(asked), Some(job)) = (asked, origin.job.as_ref()) else { return Ok(false) };
        let mut answer = Box::pin(self.send_own(member, &asked)).await?;
        let mut head = Vec::new();
        while answer.status().is_success() && head.len() < LARGEST && !head.contains(&b'\n') {
            match answer.body_mut().frame().await {
                Some(frame) => head.extend(frame.map_err(|_| UNTOLD)?.into_data().unwrap_or_default()),
                None => break,
            }
        }
        let line = head.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        // Before them stand what became of the row, and why.
        let Some(uploaded) = line.splitn(3, |byte| *byte == job.delimiter).nth(2) else { return Ok(false) };
        let path = format!("/services/data/v{version}/jobs/ingest/{}/batches", handle.id);
        let job_of = [Some(origin.clone())];
        let permit = decided(member, ("PUT", &path, "text/csv"), uploaded, &job_of);
        permit.iter().for_each(|permit| upload(permit, origin));
        Ok(permit.is_some())
    }

    /// Whether each batch of a Bulk 1.0 job could be sent now as it is; its queries are added to what the job reads, its
    /// columns to what it writes.
    async fn batches(
        &self,
        member: &Member,
        (handle, job): (&Handle, &ToldJob),
        origin: &mut Origin,
        version: ApiVersion,
    ) -> Result<bool, Refusal> {
        let list = self.ask(member, Permit::classic_batches(version, &handle.id)).await?;
        let Some(batches) = list.and_then(|list| told_batches(&list)) else { return Ok(false) };
        if batches.is_empty() || batches.len() > MOST_BATCHES {
            return Ok(false);
        }
        let path = format!("/services/async/{version}/job/{}/batch", handle.id);
        for batch in &batches {
            let sent = self.ask(member, Permit::classic_batch(version, &handle.id, batch)).await?;
            let Some(sent) = sent else { return Ok(false) };
            let job_of = [Some(origin.clone())];
            let Some(permit) = decided(member, ("POST", &path, job.batch_type()), &sent, &job_of) else {
                return Ok(false);
            };
            // What would be written into it now is not in what ran.
            if !permit.narrowings().is_empty() {
                return Ok(false);
            }
            if origin.job.as_ref().is_some_and(JobOrigin::is_query) {
                origin.reads.extend(permit.origin().reads);
            }
            upload(&permit, origin);
        }
        Ok(true)
    }

    /// Whether the integration acts as this user of its org, and no other does. One that has no token now may be it.
    fn is_alone(&self, member: &Member, user: &str) -> bool {
        let (live, credentials) = (self.live.load(), self.credentials.load());
        let acts = |name: &IdentityName| credentials.current(name).map(|token| token.user() == user);
        live.members().filter(|other| other.org.name == member.org.name).all(|other| {
            let own = other.identity.name == member.identity.name;
            acts(&other.identity.name) == Some(own)
        })
    }

    /// What the org answers; `None` when it has no such thing.
    async fn ask(&self, member: &Member, permit: Option<Permit>) -> Result<Option<Bytes>, Refusal> {
        let Some(permit) = permit else { return Ok(None) };
        let answer = Box::pin(self.send_own(member, &permit)).await?;
        match answer.status() {
            // Bulk 1.0 says 400 of what does not exist.
            StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST => return Ok(None),
            status if !status.is_success() => return Err(UNTOLD),
            _ => {}
        }
        let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|_| UNTOLD)?;
        Ok(Some(body.to_bytes()))
    }
}

/// Adds the columns of an upload to those of its job.
fn upload(permit: &Permit, origin: &mut Origin) {
    permit.uploads().for_each(|up| origin.job.iter_mut().for_each(|job| job.upload(&up.names)));
}

/// A request as if the integration had sent it now, if that would pass as it is.
fn decided(
    member: &Member,
    (method, path, content_type): (&str, &str, &str),
    body: &[u8],
    origins: &[Option<Origin>],
) -> Option<Permit> {
    let headers = [("content-type", content_type.as_bytes())];
    let head = Head { method, target: path, headers: &headers };
    let asked = classify(member.grants.schema(), &head, body).ok()?;
    decide(&member.grants, asked, origins).ok().filter(|permit| permit.overlooked().is_none())
}

// === impl LookUps ===

impl LookUps {
    /// Whether a job may be looked up for an integration; then it is counted.
    fn begin(&self, identity: &IdentityName, key: &HandleKey, now: Instant) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let late = all.entry(identity.clone()).or_default();
        late.retain(|(_, at)| now.saturating_duration_since(*at) < FOR);
        if late.len() >= MOST || late.iter().any(|(known, _)| known == key) {
            return false;
        }
        late.push((key.clone(), now));
        true
    }

    /// The org did not say; it may be asked again, but the try counts.
    fn failed(&self, identity: &IdentityName, key: &HandleKey) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let late = all.entry(identity.clone()).or_default();
        late.iter_mut().filter(|(known, _)| known == key).for_each(|(known, _)| known.id = Box::default());
    }
}

const UNREAD: Refusal = Refusal::Unavailable("the ledger of cursors and jobs cannot be read at present");
const UNTOLD: Refusal = Refusal::Unavailable("the org does not say what this job is");
/// Jobs looked up for one integration within this time.
const MOST: usize = 20;
const FOR: Duration = Duration::from_secs(3600);
/// Batches whose queries are read.
const MOST_BATCHES: usize = 10;
/// The largest answer, in bytes.
const LARGEST: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_looked_up_once_and_few_for_one_integration() {
        let look_ups = LookUps::default();
        let (name, now) = (IdentityName::try_from("nightly").unwrap(), Instant::now());
        let key = |id: usize| HandleKey { kind: HandleKind::IngestJob, id: id.to_string().into() };
        assert!(look_ups.begin(&name, &key(0), now));
        assert!(!look_ups.begin(&name, &key(0), now), "it was looked up");
        look_ups.failed(&name, &key(0));
        assert!(look_ups.begin(&name, &key(0), now), "the org did not say");
        assert_eq!((1..100).filter(|id| look_ups.begin(&name, &key(*id), now)).count(), MOST - 2);
        assert!(look_ups.begin(&IdentityName::try_from("other").unwrap(), &key(0), now));
        assert!(look_ups.begin(&name, &key(0), now + FOR), "after a while again");
    }
}
