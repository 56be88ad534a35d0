//! The unfinished bulk jobs of an integration that a responder killed: aborted at the org, as far as it does that in time.

use std::sync::Arc;
use std::time::Duration;

use forcefield_control::Stopped;
use forcefield_limits::Entry;
use forcefield_policy::decision::Permit;
use forcefield_policy::names::IdentityName;
use forcefield_policy::request::HandleKind;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::Service;
use crate::live::Member;

/// What became of one job.
enum Ended {
    Aborted,
    /// It had ended before, or is gone.
    Before,
    /// Why it goes on, perhaps.
    Not(String),
}

impl Service {
    /// Aborts the jobs that the ledger knows, newest first, and tells what came of it.
    pub(crate) async fn abort_jobs(self: &Arc<Self>, identity: &IdentityName, stopped: &mut Stopped) {
        let mut jobs = match self.jobs_of(identity).await {
            Ok(jobs) => jobs,
            Err(error) => return stopped.undone.push(format!("its bulk jobs are not known: {error}")),
        };
        let live = self.live.load();
        let Some(member) = live.member(identity).filter(|_| !jobs.is_empty()) else { return };
        jobs.sort_by_key(|job| std::cmp::Reverse(job.created));
        let (mut aborted, mut left) = (Vec::new(), Vec::new());
        left.extend(jobs.split_off(jobs.len().min(MOST)).into_iter().map(|job| job.key.id.to_string()));
        let deadline = Instant::now() + IN_ALL;
        for few in jobs.chunks(AT_ONCE) {
            let mut under_way = JoinSet::new();
            for job in few {
                let (service, member, job) = (Arc::clone(self), Arc::clone(member), job.clone());
                under_way.spawn(async move {
                    let ended = timeout_at(deadline, Box::pin(service.abort(&member, &job))).await;
                    (job.key.id, ended.unwrap_or_else(|_| Ended::Not("no time was left".to_owned())))
                });
            }
            for (id, ended) in under_way.join_all().await {
                match ended {
                    Ended::Aborted => aborted.push(id.to_string()),
                    Ended::Before => {}
                    Ended::Not(why) => left.push(format!("{id} ({why})")),
                }
            }
        }
        if !aborted.is_empty() {
            stopped.done.push(format!(
                "aborted {} bulk jobs at the org: {}",
                aborted.len(),
                listed(&aborted)
            ));
        }
        if !left.is_empty() {
            let text = format!("{} bulk jobs may go on at the org: {}", left.len(), listed(&left));
            stopped.undone.push(text);
        }
    }

    /// The jobs that an identity created and did not delete.
    async fn jobs_of(&self, identity: &IdentityName) -> Result<Vec<Entry>, forcefield_limits::LedgerError> {
        let mut jobs = Vec::new();
        for kind in [HandleKind::QueryJob, HandleKind::IngestJob, HandleKind::ClassicJob] {
            let known = self.limits.ledger().list(identity, kind).await?;
            jobs.extend(known.into_iter().filter(|job| job.deferred.is_none()));
        }
        Ok(jobs)
    }

    async fn abort(&self, member: &Member, job: &Entry) -> Ended {
        let version = member.org.api_versions.newest;
        let Some(permit) = Permit::abort_job(version, job.key.kind, &job.key.id) else {
            return Ended::Not("it cannot be named".to_owned());
        };
        let answer = match self.send_last(member, &permit).await {
            Ok(answer) => answer,
            Err(refusal) => return Ended::Not(refusal.to_string()),
        };
        let status = answer.status();
        if status.is_success() {
            return Ended::Aborted;
        }
        let body = Limited::new(answer.into_body(), LARGEST).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let over = OVER.iter().any(|code| memchr::memmem::find(&body, code.as_bytes()).is_some());
        if status == StatusCode::NOT_FOUND || status == StatusCode::BAD_REQUEST && over {
            return Ended::Before;
        }
        Ended::Not(format!("the org answered {}", status.as_u16()))
    }
}

fn listed(ids: &[String]) -> String {
    let told: Vec<&str> = ids.iter().take(TOLD).map(String::as_str).collect();
    let more = if ids.len() > TOLD { " and more" } else { "" };
    format!("{}{more}", told.join(", "))
}

/// Jobs that are looked at, the newest: older ones have ended.
const MOST: usize = 500;
const AT_ONCE: usize = 16;
/// How long all of them may take.
const IN_ALL: Duration = Duration::from_secs(10);
/// Ids that an answer names.
const TOLD: usize = 20;
/// How the org says that a job has ended: Bulk 2.0 and Bulk 1.0.
const OVER: [&str; 2] = ["INVALIDJOBSTATE", "InvalidJobState"];
/// The largest problem that is read.
const LARGEST: usize = 64 << 10;
