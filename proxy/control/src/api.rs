//! The control API: who calls, whether they may, what it does, and one record of every call.
//!
//! Order is the safety: nothing is told to anybody who is not known, an order is read whole before anything changes,
//! and what narrows is in force before it is told to be. Narrowing never waits: where the record cannot be written it
//! is done all the same, and the answer says so. Everything else is refused then.

mod order;
mod query;
mod widen;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use forcefield_config::config::{CertificateMatch, Role};
use forcefield_policy::names::IdentityName;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, ORIGIN, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full, Limited};
use jiff::Timestamp;
use serde_json::Value;
use ulid::Ulid;

use crate::openapi;
use crate::restraints::{Effect, Restraint, Restraints};
use crate::routes::{Entry, NoRoute, Route, find};
use crate::running::{Call, Running};
use crate::staff::{Responder, Staff};
use crate::widenings::Widenings;
use crate::wire::{
    ActionAnswer, ActionRequest, IdentityStatus, Problem, Proposal, Proposals, Status, Streams,
};
use order::{Order, What};

/// The control API.
pub struct Api {
    running: Arc<dyn Running>,
    restraints: Arc<Restraints>,
    widenings: Arc<Widenings>,
    staff: ArcSwap<Staff>,
}

/// What a caller showed before its request: where it is, and its certificate.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// Its address.
    pub source: SocketAddr,
    /// Whether its verified certificate carries something; `None` when it showed none.
    pub certificate: Option<&'a (dyn Fn(&CertificateMatch) -> bool + Sync)>,
}

/// What the API answers.
pub type Answer = Response<Full<Bytes>>;

/// What a call came to, before it is recorded.
enum Reply {
    Data(Value),
    Acted(Box<ActionAnswer>),
    /// Nothing happens before another person approves it.
    Proposed(Box<Proposal>),
}

/// Why a call is not answered.
#[derive(Debug)]
struct Refused {
    status: StatusCode,
    text: String,
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
        Self { running, restraints, widenings, staff: ArcSwap::from_pointee(staff) }
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
            Ok(Reply::Data(_)) => {}
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
            Ok(Reply::Data(_) | Reply::Proposed(_)) if recorded.is_err() => {
                problem(id, Refused::unrecorded())
            }
            Ok(Reply::Proposed(proposal)) => json(StatusCode::ACCEPTED, id, &proposal),
            Ok(Reply::Data(data)) => json(StatusCode::OK, id, &data),
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
        let who = self.identify(shown, parts, call)?;
        if parts.headers.contains_key(ORIGIN) {
            return Err(Refused::new(StatusCode::FORBIDDEN, "web pages may not call; there is no `Origin`"));
        }
        let (entry, target) = found.map_err(Refused::no_route)?;
        if who.role < entry.least {
            let (has, least) = (role(who.role), role(entry.least));
            let text = format!("a {has} may not {}; it needs the role `{least}`", entry.name);
            return Err(Refused::new(StatusCode::FORBIDDEN, &text));
        }
        let request = if entry.method == http::Method::POST { Some(read(parts, body).await?) } else { None };
        call.reason = request.as_ref().map(|request| request.reason.clone());
        if let (Some(request), Route::Approve | Route::Withdraw) = (&request, entry.route) {
            return self.settle(entry, target.unwrap_or_default(), request, (&who, call)).await;
        }
        let target = target.map(|target| self.known(target)).transpose()?;
        match (request, target) {
            (None, target) => self.look(entry, target.as_ref(), parts).await,
            (Some(request), Some(target)) => self.act(entry, target, request, (&who, call.decision)).await,
            (Some(request), None) => self.reload(&request, call.decision).await,
        }
    }

    /// Who calls. A token that is shown must be right, whatever certificate comes with it.
    fn identify(&self, shown: Shown<'_>, parts: &Parts, call: &mut Call) -> Result<Responder, Refused> {
        let unknown = || Refused::new(StatusCode::UNAUTHORIZED, "show a responder's certificate or token");
        let staff = self.staff.load();
        let mut tokens = parts.headers.get_all(AUTHORIZATION).iter();
        let (responder, how) = match (tokens.next(), tokens.next(), shown.certificate) {
            (Some(header), None, _) => {
                let token = header.as_bytes().split_at_checked(BEARER.len());
                let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(BEARER));
                let known = token.and_then(|(_, token)| staff.by_token(token));
                let beside = shown.certificate.map(|fits| fits as &dyn Fn(&CertificateMatch) -> bool);
                (known.filter(|who| staff.agrees(who, beside)), "token")
            }
            (None, _, Some(certificate)) => (staff.by_certificate(certificate), "certificate"),
            (Some(_), Some(_), _) | (None, _, None) => (None, "nothing"),
        };
        let responder = responder.cloned().ok_or_else(unknown)?;
        call.who = Some((responder.name.clone(), responder.role, how));
        Ok(responder)
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
        if !query.is_empty() && entry.route != Route::Audit {
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
            Route::Audit => {
                let asked = query::parse(query).map_err(|wrong| Refused::bad(&wrong))?;
                let answer = self.running.audit(asked).await;
                let failed = |text: String| Refused::new(StatusCode::SERVICE_UNAVAILABLE, &text);
                value(&answer.map_err(failed)?)
            }
            Route::Proposals => value(&Proposals { proposals: self.proposals() }),
            Route::Act(_) | Route::Approve | Route::Withdraw | Route::Reload => {
                return Err(Refused::no_route(NoRoute::Method));
            }
        };
        Ok(Reply::Data(data))
    }

    fn identities(&self) -> Vec<IdentityStatus> {
        let now = Timestamp::now();
        let mut all = self.running.identities();
        for status in &mut all {
            if let Ok(name) = IdentityName::try_from(status.identity.as_str()) {
                status.restraints = order::statuses(&self.restraints.on(&name, now));
                status.break_glass = self.grants_on(&name, now);
            }
        }
        all
    }

    async fn act(
        &self,
        entry: &Entry,
        target: IdentityName,
        request: ActionRequest,
        (who, decision): (&Responder, Ulid),
    ) -> Result<Reply, Refused> {
        let Route::Act(action) = entry.route else { return Err(Refused::no_route(NoRoute::Method)) };
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

    async fn restrain(&self, restraint: Restraint, who: &Responder, answer: &mut ActionAnswer) {
        let (target, effect, now) = (restraint.identity.clone(), restraint.effect, restraint.since);
        match self.restraints.put_on(restraint) {
            Ok(changed) => {
                answer.changed = changed;
                let what = if changed { "it holds from now on" } else { "it held already" };
                answer.done.push(what.to_owned());
            }
            Err(error) => {
                answer.changed = true;
                answer.done.push("it holds from now on".to_owned());
                answer.undone.push(format!("it cannot be written down and ends with this process: {error}"));
            }
        }
        if matches!(effect, Effect::Throttle { .. }) {
            self.running.throttles_changed();
        }
        if effect == Effect::Kill {
            let stopped = self.running.stop(&target).await;
            answer.done.extend(stopped.done);
            answer.undone.extend(stopped.undone);
            self.end_grants(&target, (who, now), answer);
        }
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

/// Reads an order: JSON, of one reading, short, and in time.
async fn read<B>(parts: &Parts, body: B) -> Result<ActionRequest, Refused>
where
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

fn json(status: StatusCode, id: Ulid, data: &impl serde::Serialize) -> Answer {
    let body = serde_json::to_vec(data).unwrap_or_default();
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    if let Ok(id) = HeaderValue::from_str(&id.to_string()) {
        headers.insert("x-forcefield-decision", id);
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    answer
}

fn problem(id: Ulid, refused: Refused) -> Answer {
    json(refused.status, id, &Problem { error: refused.text, decision: id.to_string() })
}

// === impl Refused ===

impl Refused {
    fn new(status: StatusCode, text: &str) -> Self {
        Self { status, text: text.to_owned() }
    }

    fn bad(text: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    fn no_route(no_route: NoRoute) -> Self {
        match no_route {
            NoRoute::Unknown => {
                Self::new(StatusCode::NOT_FOUND, "there is no such path; see /v1/openapi.json")
            }
            NoRoute::Method => Self::new(StatusCode::METHOD_NOT_ALLOWED, "not with this method"),
        }
    }

    fn unrecorded() -> Self {
        let text = "records cannot be written at present, and only what narrows goes on without";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, text)
    }
}

/// The word for a role in records and messages.
pub(crate) fn role(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Responder => "responder",
        Role::Admin => "admin",
    }
}

const BEARER: &[u8] = b"Bearer ";
const LARGEST_BODY: usize = 16 << 10;
const BODY_TIME: Duration = Duration::from_secs(10);
const LONGEST_NAME: usize = 128;

#[cfg(test)]
mod tests;
