//! The control plane over what runs: its listener, its staff, and what its orders do.

mod day;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use async_trait::async_trait;
use forcefield_audit::{Act, Filter, Outcome, Record};
use forcefield_config::Config;
use forcefield_config::config::{CertificateMatch, Mode, ResponderProof, Role, Timeouts};
use forcefield_control::{
    Answer, Api, AuditQuery, Call, GrantText, Heard, Proof, Refusals, Responder, Running, Shown, Staff,
    Stopped, TokenHash, Unrecorded, wire,
};
use forcefield_credentials::Secrets;
use forcefield_identity::PeerCertificate;
use forcefield_policy::grant::Grants;
use forcefield_policy::names::IdentityName;
use http::Request;
use hyper::body::Incoming;
use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::warn;

use super::{read, tls};
use crate::exchange::Decided;
use crate::front::{Arrival, Front, Host, Trust};
use crate::process::Stop;
use crate::service::Service;
use crate::telemetry::health::Problem;
use crate::workload::Bundles;

/// The control plane of a configuration that has one.
pub(super) struct Control {
    /// Its API.
    pub(super) api: Arc<Api>,
    /// Its listener's rules.
    pub(super) front: Arc<Front>,
}

/// A wish to reload, to be told what came of it.
pub(super) type Reload = oneshot::Sender<Result<(), String>>;

/// Refusals as they happen.
struct Watch(broadcast::Receiver<Decided>);

/// What runs, as the API sees it.
struct Steering {
    service: Arc<Service>,
    reloads: mpsc::Sender<Reload>,
    /// Readings of the record at one time: each keeps a core busy.
    readings: Semaphore,
}

// === impl Control ===

impl Control {
    /// The control plane, when the configuration has a listener for it.
    pub(super) fn new(
        service: &Arc<Service>,
        secrets: &Secrets,
        bundles: &Bundles,
        reloads: mpsc::Sender<Reload>,
    ) -> Result<Option<Self>> {
        let config = Arc::clone(&service.live.load().config);
        let Some(listener) = &config.listen.control else { return Ok(None) };
        let trust = Trust::new(tls(&config, listener, secrets, bundles).context("`listen.control`")?);
        let timeouts = Timeouts { connections: CONNECTIONS, ..config.timeouts };
        let front = Arc::new(Front::new(Arc::new(trust), timeouts));
        super::told::front("control", &service.rooms.telemetry, (&front, Problem::ControlCertificate));
        let running =
            Arc::new(Steering { service: Arc::clone(service), reloads, readings: Semaphore::new(READINGS) });
        let widenings = Arc::clone(&service.live.load().standing().widenings);
        let kept = (Arc::clone(&service.restraints), widenings);
        let api = Api::new(running, kept, staff(&config, secrets)?);
        Ok(Some(Self { api: Arc::new(api), front }))
    }

    /// Serves at an address for as long as the tasks go on; gives where that is.
    pub(super) fn start(&self, address: SocketAddr, tasks: &mut JoinSet<()>) -> Result<SocketAddr> {
        let listener = std::net::TcpListener::bind(address);
        let listener = listener.with_context(|| format!("listening on {address}"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (api, front) = (Arc::clone(&self.api), Arc::clone(&self.front));
        tasks.spawn(Self::serve(api, front, listener, Box::pin(std::future::pending())));
        Ok(address)
    }

    /// Serves until told to stop.
    pub(super) async fn serve(api: Arc<Api>, front: Arc<Front>, listener: std::net::TcpListener, stop: Stop) {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        let handler = {
            let (api, front) = (Arc::clone(&api), Arc::clone(&front));
            move |arrival, request| answer(Arc::clone(&api), Arc::clone(&front), arrival, request)
        };
        let accepting = tokio::spawn(Arc::clone(&front).accept(listener, handler));
        stop.await;
        api.close();
        let _ = front.drain().await;
        let _ = accepting.await;
    }
}

async fn answer(api: Arc<Api>, front: Arc<Front>, arrival: Arrival, request: Request<Incoming>) -> Answer {
    let host = match &arrival.head {
        Ok(checked) => &checked.host,
        Err(bad) => return Api::malformed(bad.status(), &bad.to_string()),
    };
    let host = is_own(&front, host).then(|| host.to_string());
    let certificate = arrival.peer.certificate().and_then(|der| PeerCertificate::from_der(der).ok());
    let fits = certificate.map(|certificate| move |wanted: &CertificateMatch| certificate.matches(wanted));
    let certificate = fits.as_ref().map(|fits| fits as &(dyn Fn(&CertificateMatch) -> bool + Sync));
    let shown = Shown { source: arrival.peer.address, certificate, host: host.as_deref() };
    api.answer(shown, request).await
}

/// Whether a host is one of the listener's certificate: a name that somebody else has lead here is not.
fn is_own(front: &Front, host: &Host) -> bool {
    let address = host.name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    front.trust().current().is_for(address.unwrap_or(&host.name))
}

/// The responders of a configuration.
pub(super) fn staff(config: &Config, secrets: &Secrets) -> Result<Staff> {
    let responder = |responder: &forcefield_config::config::Responder| {
        let proof = match &responder.proof {
            ResponderProof::Certificate(wanted) => Proof::Certificate(wanted.clone()),
            ResponderProof::Token(reference) => {
                let hash = TokenHash::of(read(secrets, reference)?.expose());
                Proof::Token(hash.with_context(|| format!("the token of responder `{}`", responder.name))?)
            }
        };
        Ok(Responder { name: responder.name.clone(), role: responder.role, proof })
    };
    let responders = config.responders.iter().map(responder).collect::<Result<_>>()?;
    Ok(Staff::new(responders)?.approving(config.approvals))
}

/// Has what runs follow the restraints: until the process ends.
pub(super) async fn look_after(service: Arc<Service>) {
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match service.restraints.look_after(Timestamp::now()) {
            Ok(false) => {}
            Ok(true) => service.follow_throttles(),
            Err(error) => warn!(%error, "what another process put on integrations cannot be read"),
        }
        let widenings = Arc::clone(&service.live.load().standing().widenings);
        match widenings.look_after(Timestamp::now()) {
            Ok(false) => {}
            Ok(true) => service.follow_grants(),
            Err(error) => warn!(%error, "what another process granted or ended cannot be read"),
        }
    }
}

// === impl Steering ===

#[async_trait]
impl Running for Steering {
    fn knows(&self, identity: &IdentityName) -> bool {
        self.service.live.load().member(identity).is_some()
    }

    fn identities(&self) -> Vec<wire::IdentityStatus> {
        let live = self.service.live.load();
        let spends = self.service.limits.snapshot();
        spends
            .iter()
            .filter_map(|spend| {
                let identity = &live.member(&spend.identity)?.identity;
                let tallied = self.service.rooms.tally.of(&spend.identity);
                Some(wire::IdentityStatus {
                    identity: identity.name.as_str().to_owned(),
                    org: identity.org.clone(),
                    owner: identity.owner.clone(),
                    mode: mode(identity.mode).to_owned(),
                    in_flight: spend.in_flight,
                    exchanges: tallied.exchanges,
                    refused: tallied.refused,
                    last_refusal: tallied
                        .last
                        .map(|(at, rule)| wire::LastRefusal { at, rule: rule.to_owned() }),
                    rows: spent(spend.rows, spend.rows_budget),
                    bytes: spent(spend.bytes, spend.bytes_budget),
                    calls: spent(spend.calls, spend.calls_budget),
                    restraints: Vec::new(),
                    break_glass: Vec::new(),
                })
            })
            .collect()
    }

    fn streams(&self) -> Vec<wire::Stream> {
        self.service.presences.list()
    }

    fn refusals(&self) -> Box<dyn Refusals> {
        Box::new(Watch(self.service.rooms.refusals.subscribe()))
    }

    fn throttles_changed(&self) {
        self.service.follow_throttles();
    }

    fn grantable(&self, identity: &IdentityName, text: &GrantText) -> Result<(), String> {
        let live = self.service.live.load();
        let member = live.member(identity).ok_or_else(|| format!("there is no identity `{identity}`"))?;
        let whose = (identity, member.org.api_versions);
        let spec = forcefield_config::granted(&text.allow, &text.also, whose);
        let spec = spec.map_err(|problems| problems.to_string())?;
        let (_, problems) = Grants::compile(&spec, member.grants.schema());
        let told: Vec<String> =
            problems.iter().map(|wrong| format!("{}: {}", wrong.key, wrong.problem)).collect();
        if told.is_empty() { Ok(()) } else { Err(told.join("; ")) }
    }

    fn grants_changed(&self) {
        self.service.follow_grants();
    }

    async fn stop(&self, identity: &IdentityName, open: usize) -> Stopped {
        let mut stopped = self.service.stop(identity, open).await;
        match self.service.replicas.as_ref().map(|replicas| (replicas.hears(), replicas.others())) {
            Some((true, others)) => {
                stopped.done.push(format!("told {others} other replicas, which do the same"))
            }
            Some((false, _)) => stopped.undone.push(
                "the other replicas cannot be told now; each refuses everything when its lease ends"
                    .to_owned(),
            ),
            None => {}
        }
        stopped
    }

    fn sessions(&self, identity: Option<&IdentityName>) -> Result<Vec<wire::Session>, String> {
        let live = self.service.live.load();
        let held = live.standing().sessions.held(Timestamp::now());
        let held = held.map_err(|error| format!("the sessions cannot be read: {error}"))?;
        let wanted = held.into_iter().filter(|held| identity.is_none_or(|wanted| *wanted == held.identity));
        let told = wanted.map(|held| wire::Session {
            id: held.id,
            identity: held.identity.as_str().to_owned(),
            kind: held.kind.to_owned(),
            since: held.since,
            until: held.until,
            bound_to: held.bound_to,
        });
        Ok(told.collect())
    }

    fn revoke_session(&self, id: &str) -> Result<Option<(IdentityName, usize)>, String> {
        let live = self.service.live.load();
        let revoked = live.standing().sessions.revoke_held(id).map_err(|error| error.to_string())?;
        Ok(revoked.map(|(identity, revoked)| (identity, revoked.0)))
    }

    async fn jobs(&self, identity: Option<&IdentityName>) -> Result<wire::Jobs, String> {
        self.service.ledgered(identity).await
    }

    async fn reload(&self) -> Result<(), String> {
        let (tell, told) = oneshot::channel();
        let busy = || "the process is busy; try again".to_owned();
        self.reloads.try_send(tell).map_err(|_| busy())?;
        match tokio::time::timeout(RELOADING, told).await {
            Ok(Ok(reloaded)) => reloaded,
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    async fn audit(&self, asked: AuditQuery) -> Result<wire::AuditAnswer, String> {
        let _reading = self.readings.acquire().await;
        let folder = self.record_folder();
        let read = tokio::task::spawn_blocking(move || {
            let AuditQuery { identity, object, outcome, decision, from, until, limit } = asked;
            let filter = Filter { identity, from, until, object, outcome, decision };
            let (mut records, mut cut) = (std::collections::VecDeque::new(), false);
            let summary = forcefield_audit::query(&folder, &filter, |seen| {
                if records.len() == limit {
                    records.pop_front();
                    cut = true;
                }
                records.push_back(serde_json::to_value(seen).unwrap_or_default());
            })?;
            let summary = serde_json::to_value(summary)?;
            Ok::<_, std::io::Error>(wire::AuditAnswer { summary, records: records.into(), cut })
        });
        let read = read.await.map_err(|_| "reading the record broke off".to_owned())?;
        read.map_err(|error| format!("the record cannot be read: {error}"))
    }

    fn public_key(&self) -> String {
        self.service.rooms.signed_by.to_pem()
    }

    async fn day(&self, identity: &IdentityName, date: Date) -> Result<wire::Day, String> {
        let _reading = self.readings.acquire().await;
        let (folder, identity) = (self.record_folder(), identity.as_str().to_owned());
        let read = tokio::task::spawn_blocking(move || day::read(&folder, &identity, date)).await;
        let read = read.map_err(|_| "reading the record broke off".to_owned())?;
        read.map_err(|error| format!("the record cannot be read: {error}"))
    }

    fn can_record(&self) -> bool {
        self.service.rooms.slot().is_some()
    }

    async fn record(&self, call: Call) -> Result<(), Unrecorded> {
        let rooms = &self.service.rooms;
        let slot = rooms.slot().ok_or(Unrecorded)?;
        rooms.record(&record_of(call), slot).await.map_err(|_| Unrecorded)
    }
}

#[async_trait]
impl Refusals for Watch {
    async fn next(&mut self) -> Heard {
        match self.0.recv().await {
            Ok(decided) => Heard::Refused(Box::new(decided.refusal())),
            Err(RecvError::Lagged(missed)) => Heard::Missed(missed),
            // What is watched lives as long as the process.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Steering {
    fn record_folder(&self) -> PathBuf {
        let config = Arc::clone(&self.service.live.load().config);
        config.root.join(&config.audit.path)
    }
}

impl Service {
    /// Cuts everything that an integration, which is quarantined already, has open here, and revokes what it holds.
    /// `open` is how much it had open before.
    pub(crate) async fn stop(self: &Arc<Self>, identity: &IdentityName, open: usize) -> Stopped {
        let mut stopped = Stopped::default();
        self.cut_all((identity, open), &mut stopped).await;
        let (sessions, whose) = (self.sessions(), identity.clone());
        let revoked = tokio::task::spawn_blocking(move || sessions.revoke_identity(&whose)).await;
        match revoked.unwrap_or_else(|_| Err(std::io::Error::other("it broke off"))) {
            Ok(revoked) => stopped.done.push(format!("revoked {} sessions at forcefield", revoked.0)),
            Err(error) => stopped.undone.push(format!("sessions are revoked here and not for good: {error}")),
        }
        self.abort_jobs(identity, &mut stopped).await; // while there is a token for it
        let credentials = self.credentials.load_full();
        match tokio::time::timeout(REVOKING, credentials.revoke(identity)).await {
            Ok(Ok(())) => stopped.done.push("gave the org's token back to the org".to_owned()),
            Ok(Err(error)) => stopped.undone.push(format!("the org did not take its token back: {error}")),
            Err(_) => stopped.undone.push("the org did not take its token back in time".to_owned()),
        }
        self.upstream.forget(identity.as_str());
        stopped
    }

    /// Cuts what is open: what reads hears at once, and the connection of what does not is closed.
    async fn cut_all(&self, (identity, open): (&IdentityName, usize), stopped: &mut Stopped) {
        let presences = &self.presences;
        self.restraints.cut(identity);
        for _ in 0..LOOKS {
            if presences.count(identity) == 0 {
                break;
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        let closed = presences.close(identity);
        let how =
            if closed > 0 { format!(", {closed} of them with their connection") } else { String::new() };
        stopped.done.push(format!("cut {open} exchanges under way{how}"));
    }
}

fn record_of(call: Call) -> Record {
    let mut record = Record::new(call.decision, call.time, call.source, &call.method);
    let (responder, role, how) = match call.who {
        Some((name, Role::Viewer, how)) => (Some(name), "viewer", how),
        Some((name, Role::Responder, how)) => (Some(name), "responder", how),
        Some((name, Role::Admin, how)) => (Some(name), "admin", how),
        None => (None, "unknown", "nothing"),
    };
    let (action, target, reason) = (call.action, call.target, call.reason);
    record.act = Some(Act { responder, role, how, action, target, reason });
    record.status = call.status;
    record.reason = call.detail;
    if call.status < 400 {
        record.outcome = Outcome::Allowed;
    } else {
        record.outcome = Outcome::Refused;
        record.rule = Some("control");
    }
    record.duration = Timestamp::now().duration_since(call.time).unsigned_abs();
    record
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Observe(_) => "observe",
        Mode::Warn(_) => "warn",
    }
}

fn spent((hour, day): (u64, u64), budget: Option<forcefield_config::config::Budget>) -> wire::Spent {
    let window = |window| if window == forcefield_config::config::Window::Hour { "hour" } else { "day" };
    let budget = budget
        .map(|budget| wire::Budget { amount: budget.amount.get(), window: window(budget.window).to_owned() });
    wire::Spent { hour, day, budget }
}

/// Connections of responders at one time.
const CONNECTIONS: usize = 256;
/// How many may read the record at one time.
const READINGS: usize = 2;
/// How often restraints are looked after.
const LOOK: Duration = Duration::from_millis(500);
/// How often, and how long after one another, it is looked whether everything is cut: 60 ms.
const LOOKS: u32 = 12;
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);
/// How long the org may take to take a token back.
const REVOKING: Duration = Duration::from_secs(10);
/// How long a reload may take before its caller is told to come again.
const RELOADING: Duration = Duration::from_secs(30);
