//! The control API: who calls, whether they may, what it does, and one record of every call.
//!
//! Order is the safety: nothing is told to anybody who is not known, an order is read whole before anything changes,
//! and what narrows is in force before it is told to be. Narrowing never waits: where the record cannot be written it
//! is done all the same, and the answer says so. Everything else is refused then.

mod answer;
mod held;
mod narrow;
mod order;
mod query;
mod signing;
mod standing;
mod widen;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use forcefield_config::config::{CertificateMatch, Role};
use forcefield_policy::names::IdentityName;
use http::header::{CONTENT_TYPE, HeaderValue, SET_COOKIE};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::mpsc;
use ulid::Ulid;

use crate::console;
use crate::content::Content;
use crate::feed::{Feed, NoRoom};
use crate::openapi;
use crate::restraints::{Restraint, Restraints};
use crate::routes::{Entry, NoRoute, Route, find};
use crate::running::{Call, Running};
use crate::sessions::{Key, Session, Sessions};
use crate::staff::{Responder, Staff};
use crate::widenings::Widenings;
use crate::wire::{
    ActionAnswer, ActionRequest, IdentityStatus, Proposal, Proposals, PublicKey, Status, Streams,
};
pub(crate) use answer::Refused;
use answer::{answered, json, problem};
use order::{Order, What};
pub(crate) use standing::Standing;

/// The control API.
pub struct Api {
    running: Arc<dyn Running>,
    restraints: Arc<Restraints>,
    widenings: Arc<Widenings>,
    staff: Arc<ArcSwap<Staff>>,
    standing: Standing,
    sessions: Arc<Sessions>,
    feed: Arc<Feed>,
}

/// What a caller showed before its request: where it is, its certificate, and by which name it called.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// Its address.
    pub source: SocketAddr,
    /// Whether its verified certificate carries something; `None` when it showed none.
    pub certificate: Option<&'a (dyn Fn(&CertificateMatch) -> bool + Sync)>,
    /// The name and port by which it called, if the name is the listener's own.
    pub host: Option<&'a str>,
}

/// What the API answers.
pub type Answer = Response<Content>;

/// What a call came to, before it is recorded.
enum Reply {
    Data(Value),
    Acted(Box<ActionAnswer>),
    /// Nothing happens before another person approves it.
    Proposed(Box<Proposal>),
    /// A session began or ended: what the page is told, and its cookie.
    Signed(Value, String),
    Events(mpsc::Receiver<Bytes>),
}

/// Who calls, and in which session of the console, if in one.
struct Caller {
    responder: Responder,
    session: Option<(Key, Session)>,
}

// === impl Api ===

impl Api {
    /// The API over what runs, for a staff.
    #[must_use]
    pub fn new(
        running: Arc<dyn Running>,
        (restraints, widenings): (Arc<Restraints>, Arc<Widenings>),
        staff: Staff,
    ) -> Self {
        let staff = Arc::new(ArcSwap::from_pointee(staff));
        let standing = Standing {
            running: Arc::clone(&running),
            restraints: Arc::clone(&restraints),
            widenings: Arc::clone(&widenings),
            staff: Arc::clone(&staff),
        };
        let feed = Arc::new(Feed::new(standing.clone()));
        Self { running, restraints, widenings, staff, standing, sessions: Arc::default(), feed }
    }

    /// Ends what goes on for as long as somebody listens: the process is about to end.
    pub fn close(&self) {
        self.feed.close();
    }

    /// Replaces who may call.
    pub fn replace_staff(&self, staff: Staff) {
        self.staff.store(Arc::new(staff));
    }

    /// The answer to a request whose head is not in order. It is of nobody, and not recorded.
    #[must_use]
    pub fn malformed(status: StatusCode, text: &str) -> Answer {
        problem(Ulid::new(), Refused::new(status, text))
    }

    /// Answers one call, and records it.
    pub async fn answer<B>(&self, shown: Shown<'_>, request: Request<B>) -> Answer
    where
        B: Body + Unpin + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (parts, body) = request.into_parts();
        if let Some(file) = console::answer(&parts.method, parts.uri.path(), shown.host) {
            return file;
        }
        let mut call = Call {
            decision: Ulid::new(),
            time: Timestamp::now(),
            source: shown.source,
            method: parts.method.to_string(),
            who: None,
            action: "unknown",
            target: None,
            reason: None,
            status: 200,
            detail: None,
        };
        let reply = self.walk(shown, &parts, body, &mut call).await;
        match &reply {
            Ok(Reply::Data(_) | Reply::Signed(..) | Reply::Events(_)) => {}
            Ok(Reply::Acted(acted)) => call.detail = Some(told(acted)),
            Ok(Reply::Proposed(proposal)) => {
                call.status = StatusCode::ACCEPTED.as_u16();
                call.detail = Some(format!("proposal {} waits for a {}", proposal.id, proposal.needs));
            }
            Err(refused) => {
                call.status = refused.status.as_u16();
                call.detail = Some(refused.text.clone());
            }
        }
        let id = call.decision;
        let recorded = self.running.record(call).await;
        match reply {
            Ok(Reply::Acted(mut acted)) => {
                if recorded.is_err() {
                    acted.undone.push("this call could not be recorded".to_owned());
                }
                json(StatusCode::OK, id, &acted)
            }
            Ok(Reply::Data(_) | Reply::Proposed(_) | Reply::Signed(..) | Reply::Events(_))
                if recorded.is_err() =>
            {
                problem(id, Refused::unrecorded())
            }
            Ok(Reply::Proposed(proposal)) => json(StatusCode::ACCEPTED, id, &proposal),
            Ok(Reply::Data(data)) => json(StatusCode::OK, id, &data),
            Ok(Reply::Events(events)) => answered(StatusCode::OK, id, (EVENTS, Content::events(events))),
            Ok(Reply::Signed(data, cookie)) => {
                let mut answer = json(StatusCode::OK, id, &data);
                if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                    answer.headers_mut().insert(SET_COOKIE, cookie);
                }
                answer
            }
            Err(refused) => problem(id, refused),
        }
    }

    /// From who calls to what it does.
    async fn walk<B>(
        &self,
        shown: Shown<'_>,
        parts: &Parts,
        body: B,
        call: &mut Call,
    ) -> Result<Reply, Refused>
    where
        B: Body + Unpin + Send,
        B::Data: Send,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let found = find(&parts.method, parts.uri.path());
        if let Ok((entry, target)) = &found {
            call.action = entry.name;
            call.target = target.map(|target| target.chars().take(LONGEST_NAME).collect());
        }
        if parts.uri.path() == signing::PATH {
            return self.sign(shown, parts, body, call).await;
        }
        let caller = self.identify(shown, parts, call)?;
        let who = &caller.responder;
        let (entry, target) = found.map_err(Refused::no_route)?;
        if who.role < entry.least {
            let (has, least) = (role(who.role), role(entry.least));
            let text = format!("a {has} may not {}; it needs the role `{least}`", entry.name);
            return Err(Refused::new(StatusCode::FORBIDDEN, &text));
        }
        let request: Option<ActionRequest> =
            if entry.method == http::Method::POST { Some(read(parts, body).await?) } else { None };
        call.reason = request.as_ref().map(|request| request.reason.clone());
        if let (Some(request), Route::Approve | Route::Withdraw) = (&request, entry.route) {
            return self.settle(entry, target.unwrap_or_default(), request, (who, call)).await;
        }
        if let (Some(request), Route::RevokeSession) = (&request, entry.route) {
            return self.revoke_session(target.unwrap_or_default(), request, call);
        }
        let target = target.map(|target| self.known(target)).transpose()?;
        match (request, target) {
            (None, _) if entry.route == Route::Events => self.events(caller),
            (None, target) => self.look(entry, target.as_ref(), parts).await,
            (Some(request), Some(target)) => self.act(entry, target, request, (who, call.decision)).await,
            (Some(request), None) if entry.route == Route::Lockdown => {
                self.lockdown(&request, (who, call.decision))
            }
            (Some(request), None) => self.reload(&request, call.decision).await,
        }
    }

    fn known(&self, name: &str) -> Result<IdentityName, Refused> {
        let known = IdentityName::try_from(name).ok().filter(|name| self.running.knows(name));
        known.ok_or_else(|| {
            let name: String = name.chars().take(LONGEST_NAME).collect();
            Refused::new(StatusCode::NOT_FOUND, &format!("there is no identity `{name}`"))
        })
    }

    async fn look(
        &self,
        entry: &Entry,
        target: Option<&IdentityName>,
        parts: &Parts,
    ) -> Result<Reply, Refused> {
        if !self.running.can_record() {
            return Err(Refused::unrecorded());
        }
        let query = parts.uri.query().unwrap_or_default();
        if !query.is_empty() && !matches!(entry.route, Route::Audit | Route::Day) {
            return Err(Refused::bad("this path takes no query string"));
        }
        let data = match entry.route {
            Route::Status => value(&Status { identities: self.identities() }),
            Route::Streams => value(&Streams { streams: self.running.streams() }),
            Route::OpenApi => openapi::document(),
            Route::Identity => {
                let named =
                    |status: &IdentityStatus| target.is_some_and(|target| target.as_str() == status.identity);
                let found = self.identities().into_iter().find(named);
                value(&found.ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, "there is no such identity"))?)
            }
            Route::Day => {
                let today = jiff::tz::TimeZone::UTC.to_datetime(Timestamp::now()).date();
                let date = query::date(query, today).map_err(|wrong| Refused::bad(&wrong))?;
                let target = target.ok_or_else(|| Refused::no_route(NoRoute::Unknown))?;
                let failed = |text: String| Refused::new(StatusCode::SERVICE_UNAVAILABLE, &text);
                value(&self.running.day(target, date).await.map_err(failed)?)
            }
            Route::Audit => {
                let asked = query::parse(query).map_err(|wrong| Refused::bad(&wrong))?;
                let answer = self.running.audit(asked).await;
                let failed = |text: String| Refused::new(StatusCode::SERVICE_UNAVAILABLE, &text);
                value(&answer.map_err(failed)?)
            }
            Route::PublicKey => value(&PublicKey { public_key: self.running.public_key() }),
            Route::Sessions => self.sessions(target)?,
            Route::Jobs => self.jobs(target).await?,
            Route::Proposals => value(&Proposals { proposals: self.standing.proposals(Timestamp::now()) }),
            Route::Act(_)
            | Route::Approve
            | Route::Withdraw
            | Route::RevokeSession
            | Route::Lockdown
            | Route::Reload
            | Route::Events => {
                return Err(Refused::no_route(NoRoute::Method("POST")));
            }
        };
        Ok(Reply::Data(data))
    }

    /// Has somebody told what happens, as long as they may know.
    fn events(&self, caller: Caller) -> Result<Reply, Refused> {
        if !self.running.can_record() {
            return Err(Refused::unrecorded());
        }
        let Caller { responder, session } = caller;
        let (staff, sessions) = (Arc::clone(&self.staff), Arc::clone(&self.sessions));
        let name = responder.name.clone();
        let holds = move |now| {
            let staff = staff.load();
            staff.still(&responder.name, &responder.proof).is_some()
                && session.as_ref().is_none_or(|(key, _)| sessions.lives(key, now))
        };
        match self.feed.listen(&name, Box::new(holds)) {
            Ok(events) => Ok(Reply::Events(events)),
            Err(NoRoom) => {
                Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, "too many listen already; close a page"))
            }
        }
    }

    fn identities(&self) -> Vec<IdentityStatus> {
        self.standing.identities(Timestamp::now())
    }

    async fn act(
        &self,
        entry: &Entry,
        target: IdentityName,
        request: ActionRequest,
        (who, decision): (&Responder, Ulid),
    ) -> Result<Reply, Refused> {
        let Route::Act(action) = entry.route else { return Err(Refused::no_route(NoRoute::Method("GET"))) };
        let now = Timestamp::now();
        let order = Order::read(action, &request, now).map_err(|wrong| Refused::bad(&wrong))?;
        let mut answer = ActionAnswer {
            decision: decision.to_string(),
            action: entry.name.to_owned(),
            identity: Some(target.as_str().to_owned()),
            changed: false,
            done: Vec::new(),
            undone: Vec::new(),
            restraints: Vec::new(),
        };
        match order.what {
            What::Widen(ask) => return self.widen((target, ask), order.reason, (who, now), answer),
            What::EndGrants => self.end_grants(&target, (who, now), &mut answer),
            What::Restrain(effect, until) => {
                let (by, reason) = (who.name.clone(), order.reason);
                let restraint = Restraint { identity: target.clone(), effect, by, reason, since: now, until };
                self.restrain(restraint, who, &mut answer).await;
            }
        }
        answer.restraints = order::statuses(&self.restraints.on(&target, now));
        Ok(Reply::Acted(Box::new(answer)))
    }

    async fn reload(&self, request: &ActionRequest, decision: Ulid) -> Result<Reply, Refused> {
        order::reason_only(request).map_err(|wrong| Refused::bad(&wrong))?;
        if !self.running.can_record() {
            return Err(Refused::unrecorded());
        }
        let reloaded = self.running.reload().await;
        reloaded.map_err(|why| {
            let text = format!("not reloaded, what ran goes on: {why}");
            Refused::new(StatusCode::UNPROCESSABLE_ENTITY, &text)
        })?;
        Ok(Reply::Acted(Box::new(ActionAnswer {
            decision: decision.to_string(),
            action: "reload".to_owned(),
            identity: None,
            changed: true,
            done: vec!["the configuration is taken up".to_owned()],
            undone: Vec::new(),
            restraints: Vec::new(),
        })))
    }
}

/// Reads a body: JSON, of one reading, short, and in time.
async fn read<T, B>(parts: &Parts, body: B) -> Result<T, Refused>
where
    T: DeserializeOwned,
    B: Body + Unpin + Send,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/json") {
        return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send `application/json`"));
    }
    let read = tokio::time::timeout(BODY_TIME, Limited::new(body, LARGEST_BODY).collect()).await;
    let read = read.map_err(|_| Refused::new(StatusCode::REQUEST_TIMEOUT, "the body came too slowly"))?;
    let read = read.map_err(|_| {
        let text = format!("the body broke off, or is larger than {LARGEST_BODY} bytes");
        Refused::new(StatusCode::PAYLOAD_TOO_LARGE, &text)
    })?;
    serde_json::from_slice(&read.to_bytes()).map_err(|wrong| Refused::bad(&format!("the body: {wrong}")))
}

fn value(data: &impl serde::Serialize) -> Value {
    // Strings, numbers and lists of them cannot fail to be written.
    serde_json::to_value(data).unwrap_or_default()
}

fn told(acted: &ActionAnswer) -> String {
    let undone =
        if acted.undone.is_empty() { String::new() } else { format!("; not: {}", acted.undone.join("; ")) };
    format!("{}{undone}", acted.done.join("; "))
}

/// The word for a role in records and messages.
pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Responder => "responder",
        Role::Admin => "admin",
    }
}

const EVENTS: &str = "text/event-stream";
const LARGEST_BODY: usize = 16 << 10;
const BODY_TIME: Duration = Duration::from_secs(10);
const LONGEST_NAME: usize = 128;

#[cfg(test)]
mod tests;
