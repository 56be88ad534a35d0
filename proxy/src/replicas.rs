//! What several replicas share, over one Redis or Valkey: budgets and rates, the ledger, sessions, and what responders
//! have put on integrations.
//!
//! A keeper, on threads of its own, holds the connection and hears the news: streams of restraints and of revoked
//! sessions, read as they come. As long as it hears, this replica knows what was decided elsewhere. When it has not
//! heard for [`SILENCE`], exports and new sessions are refused; and what was granted to it ends with its lease.
//!
//! The store may lose what it holds, or an older copy of it may take over. A count of calls that falls behind what a
//! replica has seen gives that away; then an *epoch* begins, in which nothing is granted until every replica has had
//! time to tell again what it knows. A server that takes over, or starts again, may lack the last writes without such a
//! count that went back: it is known by its history of writes, and grants nothing of a budget before that time either.

mod inquiries;
mod link;
mod memory;
mod sessions;
mod shares;
mod tokens;
mod widenings;

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use forcefield_control::Relay;
use forcefield_credentials::{Credentials, Secret};
use forcefield_limits::OutOfReach;
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Script, Value};
use tokio::sync::watch;
use tokio::time::timeout;
use ulid::Ulid;

use crate::service::Service;
use inquiries::Inquiries;
pub use link::Mistake;
use link::{DEADLINE, Link};
use memory::Memory;

/// The connection of this replica to the others.
pub struct Replicas {
    link: Link,
    name: String,
    runtime: Option<tokio::runtime::Runtime>,
    /// For what is run there on behalf of others.
    own: std::sync::Weak<Self>,
    memory: Mutex<Memory>,
    /// When the news were last heard.
    heard: Mutex<Option<Instant>>,
    /// The largest count of calls that was seen.
    count: AtomicU64,
    /// The history of writes that the store went on with, as last heard.
    history: Mutex<Option<String>>,
    generation: AtomicU64,
    others: AtomicU64,
    joined: watch::Sender<bool>,
    inquiries: Arc<Inquiries>,
}

/// How long nothing may be heard before what others decided counts as unknown.
pub const SILENCE: Duration = Duration::from_secs(2);
/// How long a read of the news waits for some, in milliseconds.
const LISTENING: u64 = 200;
/// How long nothing is granted after the store lost what it held, in milliseconds: replicas say hello several times in
/// it, and tell what they know.
const SETTLING_FOR: u64 = 1500;
/// The pauses between attempts to reach the store: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

// === impl Replicas ===

impl Replicas {
    /// Prepares the connection; it is made by [`Replicas::keep`].
    ///
    /// # Errors
    /// The URL cannot be used, or the state folder not be written.
    pub fn new(
        url: &str,
        (password, ca): (Option<&Secret>, Option<&Secret>),
        state: &Path,
    ) -> Result<Arc<Self>> {
        let link = Link::new(url, password, ca)?;
        let memory = Memory::open(state).context("what this replica knows of the store")?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("replicas")
            .enable_all()
            .build()
            .context("the threads of the connection to other replicas")?;
        Ok(Arc::new_cyclic(|own| Self {
            link,
            name: memory.name().to_owned(),
            runtime: Some(runtime),
            own: own.clone(),
            memory: Mutex::new(memory),
            heard: Mutex::default(),
            count: AtomicU64::new(0),
            history: Mutex::default(),
            generation: AtomicU64::new(1),
            others: AtomicU64::new(0),
            joined: watch::Sender::new(false),
            inquiries: Arc::default(),
        }))
    }

    /// Looks once whether the store can be logged in at.
    ///
    /// # Errors
    /// A wrong password, or a certificate that does not verify. A store that is out of reach is none: it may come.
    pub fn probe(&self) -> Result<(), Mistake> {
        let (Some(own), Some(runtime)) = (self.own.upgrade(), &self.runtime) else { return Ok(()) };
        let (tell, told) = sync_channel(1);
        runtime.spawn(async move {
            let _ = tell.send(own.link.probe().await);
        });
        told.recv_timeout(PROBING).unwrap_or(Ok(()))
    }

    /// Keeps the connection for a service that has one, on threads of its own, until the process ends.
    pub fn keep(service: &Arc<Service>) {
        let Some(replicas) = service.replicas.clone() else { return };
        let (keeping, settling) = (Arc::clone(service), Arc::clone(service));
        if let Some(runtime) = &Arc::clone(&replicas).runtime {
            runtime.spawn(async move { replicas.keep_in_touch(&keeping).await });
            runtime.spawn(async move { settling.limits.keep_settled().await });
        }
    }

    /// Resolves when this replica is in touch with the others, and budgets are granted.
    pub async fn joined(&self) {
        // The sender lives as long as this.
        let _ = self.joined.subscribe().wait_for(|joined| *joined).await;
    }

    /// Whether the news are heard.
    #[must_use]
    pub fn hears(&self) -> bool {
        self.heard_within(SILENCE)
    }

    /// Whether the news were heard in the last while.
    #[must_use]
    pub fn heard_within(&self, while_: Duration) -> bool {
        self.heard_at().is_some_and(|at| at.elapsed() < while_)
    }

    /// The other replicas that are in touch with the store, as last heard.
    #[must_use]
    pub fn others(&self) -> u64 {
        self.others.load(Ordering::Relaxed)
    }

    /// Has work done before the process ends, and waits for it, but not for ever.
    pub fn finish(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            let (tell, told) = sync_channel(1);
            runtime.spawn(async move {
                work.await;
                let _ = tell.send(());
            });
            let _ = told.recv_timeout(FINISHING);
        }
    }

    async fn keep_in_touch(&self, service: &Arc<Service>) {
        let mut failures = 0_u32;
        loop {
            let before = Instant::now();
            let ended = self.in_touch(service).await;
            let was_in_touch = self.heard_at().is_some_and(|at| at > before);
            self.link.hang_up();
            if was_in_touch {
                failures = 0;
            }
            if failures == 0 {
                let why = ended.err().map_or_else(|| "it was slow".to_owned(), |error| error.to_string());
                tracing::warn!(%why, "the store that the replicas share is out of reach; exports and new sessions are refused until it is back, and everything when the lease ends");
            }
            failures = failures.saturating_add(1);
            let pause = PAUSES.0.saturating_mul(1 << failures.min(5)).min(PAUSES.1);
            tokio::time::sleep(pause.mul_f64(0.5 + f64::from(jitter()) / 512.0)).await;
        }
    }

    /// Connects, takes up what was missed, tells what the store may lack, and then hears until something fails.
    async fn in_touch(&self, service: &Arc<Service>) -> Result<(), RedisError> {
        let (mut main, mut ear) = (self.link.dial().await?, self.link.dial().await?);
        let known = service.restraints.lines()?;
        let lost = self.hello(&mut main, service).await?;
        let mut revoked = last(&mut main, REVOKED).await?;
        let began = Instant::now();
        self.catch_up(&mut main, service).await?;
        self.link.put_up(main.clone());
        self.tell_again(service, lost.then_some(known)).await?;
        self.set_heard(began);
        tracing::info!(replica = %self.name, others = self.others(), "in touch with the other replicas");
        loop {
            let began = Instant::now();
            let news = tokio::select! {
                news = self.listen(&mut ear, &revoked) => news?,
                () = self.link.hung_up() => return Ok(()),
            };
            for (stream, id, line) in news {
                if stream == key(&[RESTRAINTS]) {
                    let killed = self.heard_restraint(service, id, &line);
                    killed.into_iter().for_each(|killed| stop(service, killed));
                } else if stream == self.widenings() {
                    self.heard_widening(service, id, &line);
                } else {
                    revoked = id;
                    warn_if(service.sessions().hear(&line));
                }
            }
            self.set_heard(began);
            let known = service.restraints.lines()?;
            if self.hello(&mut main, service).await? {
                self.tell_again(service, Some(known)).await?;
            }
            let settling = redis::cmd("EXISTS").arg(key(&[SETTLING])).to_owned();
            if !in_time(DEADLINE, settling.query_async::<bool>(&mut main)).await? {
                self.joined.send_replace(true);
            }
        }
    }

    /// Waits a moment for news.
    async fn listen(
        &self,
        ear: &mut MultiplexedConnection,
        revoked: &str,
    ) -> Result<Vec<(String, String, String)>, RedisError> {
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(AT_ONCE).arg("BLOCK").arg(LISTENING).arg("STREAMS");
        read.arg(key(&[RESTRAINTS])).arg(self.widenings()).arg(key(&[REVOKED]));
        let (restraints, widenings) = self.memory().heard_last();
        read.arg(restraints).arg(widenings).arg(revoked);
        let deadline = DEADLINE + Duration::from_millis(LISTENING);
        Ok(entries(&in_time(deadline, read.query_async::<Value>(ear)).await?))
    }

    /// Says that this replica is there; gives whether the store lost what was told to it.
    async fn hello(
        &self,
        connection: &mut MultiplexedConnection,
        service: &Arc<Service>,
    ) -> Result<bool, RedisError> {
        let mut hello = HELLO.prepare_invoke();
        for name in [EPOCH, COUNT, SETTLING, REPLICAS, HISTORY] {
            hello.key(key(&[name]));
        }
        let seen = self.count.load(Ordering::Relaxed);
        hello.arg(seen).arg(Ulid::new().to_string()).arg(SETTLING_FOR).arg(&self.name);
        let (epoch, count, replicas, history): (String, u64, u64, String) =
            in_time(DEADLINE, hello.invoke_async(connection)).await?;
        self.others.store(replicas.saturating_sub(1), Ordering::Relaxed);
        self.count.fetch_max(count, Ordering::Relaxed);
        if self.epoch() != epoch {
            // First, so that a crash in between leaves nothing to be confirmed wrongly.
            Self::forget_widenings(service)?;
        }
        let lost = self.memory().enter(&epoch)?;
        if self.goes_on_as(history) && !lost {
            tracing::warn!(
                "the store that the replicas share was started anew, or another server took over: what was spent here is told to it again"
            );
            self.generation.fetch_add(1, Ordering::AcqRel);
        }
        if lost {
            tracing::warn!(%epoch, "the store that the replicas share is empty, older than it was, or new to this replica: what is known here is told to it");
            self.generation.fetch_add(1, Ordering::AcqRel);
            self.inquiries.forget();
        }
        Ok(lost)
    }

    /// Notes the history of writes that the store goes on with; gives whether it was another.
    fn goes_on_as(&self, history: String) -> bool {
        let mut known = self.history.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = known.as_ref().is_some_and(|known| *known != history);
        *known = Some(history);
        changed
    }

    /// Takes up the restraints and widenings that were told while this replica did not hear.
    async fn catch_up(
        &self,
        connection: &mut MultiplexedConnection,
        service: &Arc<Service>,
    ) -> Result<(), RedisError> {
        let mut killed = BTreeSet::new();
        loop {
            let mut read = redis::cmd("XREAD");
            let (restraints, widenings) = self.memory().heard_last();
            read.arg("COUNT")
                .arg(AT_ONCE)
                .arg("STREAMS")
                .arg(key(&[RESTRAINTS]))
                .arg(self.widenings())
                .arg(restraints)
                .arg(widenings);
            let news = entries(&in_time(DEADLINE, read.query_async::<Value>(connection)).await?);
            if news.is_empty() {
                break;
            }
            for (stream, id, line) in news {
                if stream == key(&[RESTRAINTS]) {
                    killed.extend(self.heard_restraint(service, id, &line));
                } else {
                    self.heard_widening(service, id, &line);
                }
            }
        }
        // Who was let in again since is left alone.
        let now = Timestamp::now();
        killed.retain(|killed| service.restraints.quarantined(killed, now).is_some());
        killed.into_iter().for_each(|killed| stop(service, killed));
        Ok(())
    }

    /// Takes up a restraint that some replica told; gives whom it kills.
    fn heard_restraint(&self, service: &Arc<Service>, id: String, line: &str) -> Option<IdentityName> {
        let heard = service.restraints.hear(line);
        if let Err(error) = self.memory().heard(id) {
            tracing::warn!(%error, "what this replica knows of the store cannot be written down");
        }
        match heard {
            Ok((killed, changed)) => {
                if changed {
                    service.follow_throttles();
                }
                killed
            }
            Err(error) => {
                tracing::error!(%error, "what a responder did at another replica may not be known here");
                None
            }
        }
    }

    /// Tells the store what it does not know: what could not be told while it was out of reach, and, when it lost what
    /// it held, every restraint that was in force here.
    async fn tell_again(&self, service: &Arc<Service>, lost: Option<Vec<String>>) -> Result<(), RedisError> {
        let failed = |_| broken("what is known here could not be told");
        let (untold, ends) = self.memory().untold();
        for lines in [untold.as_slice(), lost.as_deref().unwrap_or_default()] {
            self.tell_restraints(lines).await.map_err(failed)?;
        }
        if lost.is_some() {
            let noted = Credentials::noted(&service.live.load().config)?;
            self.miss_tokens(&noted).await.map_err(failed)?;
        }
        for line in &ends {
            self.tell_widening(line).await.map_err(failed)?;
        }
        self.memory().told((untold.len(), ends.len()))?;
        let known = service.sessions().told()?;
        for line in self.compare_sessions(known).await.map_err(failed)? {
            warn_if(service.sessions().hear(&line));
        }
        Ok(())
    }

    async fn tell_restraints(&self, lines: &[String]) -> Result<(), OutOfReach> {
        for lines in lines.chunks(TOLD_AT_ONCE) {
            let mut all = redis::pipe();
            for line in lines {
                all.cmd("XADD").arg(key(&[RESTRAINTS])).arg("*").arg("line").arg(line).ignore();
            }
            self.link.all::<()>(&all).await?;
        }
        Ok(())
    }

    /// Waits for work that goes over the link.
    fn wait<T, F>(&self, work: impl FnOnce(Arc<Self>) -> F) -> io::Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, OutOfReach>> + Send + 'static,
    {
        let out_of_reach = || io::Error::new(io::ErrorKind::NotConnected, OutOfReach);
        let (Some(own), Some(runtime)) = (self.own.upgrade(), &self.runtime) else {
            return Err(out_of_reach());
        };
        let (tell, told) = sync_channel(1);
        let work = work(own);
        runtime.spawn(async move {
            let _ = tell.send(work.await);
        });
        match told.recv_timeout(WAITING) {
            Ok(answer) => answer.map_err(|_| out_of_reach()),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Err(out_of_reach()),
        }
    }

    /// The name of a process of this replica among those of all.
    fn lane(&self, lane: &str) -> String {
        format!("{}/{lane}", self.name)
    }

    fn epoch(&self) -> String {
        self.memory().epoch().to_owned()
    }

    fn heard_at(&self) -> Option<Instant> {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_heard(&self, at: Instant) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(at);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Held for a few assignments only.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Relay for Replicas {
    fn tell(&self, lines: &[String]) -> io::Result<()> {
        let own = lines.to_vec();
        let told = self.wait(|replicas| async move { replicas.tell_restraints(&own).await });
        told.or_else(|error| self.memory().keep_untold(lines).and(Err(error)))
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The id of the last entry of a stream.
async fn last(connection: &mut MultiplexedConnection, stream: &str) -> Result<String, RedisError> {
    let mut read = redis::cmd("XREVRANGE");
    read.arg(key(&[stream])).arg("+").arg("-").arg("COUNT").arg(1);
    let last: Vec<(String, Value)> = in_time(DEADLINE, read.query_async(connection)).await?;
    Ok(last.into_iter().next().map_or_else(|| FIRST.to_owned(), |(id, _)| id))
}

/// The stream, id and line of every entry of an answer to XREAD.
fn entries(news: &Value) -> Vec<(String, String, String)> {
    type Stream = (String, Vec<(String, Vec<String>)>);
    let streams: Vec<Stream> = redis::from_redis_value_ref(news).unwrap_or_default();
    let mut all = Vec::new();
    for (stream, entries) in streams {
        for (id, fields) in entries {
            all.extend(fields.into_iter().nth(1).map(|line| (stream.clone(), id, line)));
        }
    }
    all
}

async fn in_time<T>(
    deadline: Duration,
    work: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, RedisError> {
    timeout(deadline, work).await.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

fn broken(what: &'static str) -> RedisError {
    io::Error::new(io::ErrorKind::BrokenPipe, what).into()
}

fn warn_if(heard: io::Result<()>) {
    if let Err(error) = heard {
        tracing::warn!(%error, "a session that ended at another replica cannot be written down");
    }
}

/// Ends what an integration has here, which was killed at another replica.
fn stop(service: &Arc<Service>, killed: IdentityName) {
    let (service, open) = (Arc::clone(service), service.presences.count(&killed));
    tokio::spawn(async move {
        let stopped = service.stop(&killed, open).await;
        let (done, undone) = (stopped.done.join("; "), stopped.undone.join("; "));
        tracing::warn!(identity = %killed, done, undone, "stopped, as a responder ordered at another replica");
    });
}

fn key(parts: &[&str]) -> String {
    format!("forcefield:{}", parts.join(":"))
}

/// Any number.
fn jitter() -> u8 {
    Timestamp::now().subsec_nanosecond().unsigned_abs().to_le_bytes()[1]
}

static HELLO: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(include_str!("replicas/history.lua"), include_str!("replicas/hello.lua")))
});
const HISTORY: &str = "history";
const EPOCH: &str = "epoch";
const COUNT: &str = "count";
const SETTLING: &str = "settling";
const REPLICAS: &str = "replicas";
const RESTRAINTS: &str = "restraints";
const REVOKED: &str = "revoked";
const FIRST: &str = "0";
/// Entries read in one go.
const AT_ONCE: u32 = 500;
/// Restraints told in one go.
const TOLD_AT_ONCE: usize = 500;
/// How long the last words of a process may take.
const FINISHING: Duration = Duration::from_secs(3);
/// How long the store may take to answer at the start.
const PROBING: Duration = Duration::from_secs(5);
/// Longer than any work that is waited for: a few commands.
const WAITING: Duration = Duration::from_secs(2);
