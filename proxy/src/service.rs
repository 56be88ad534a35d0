//! The request walk: everything that a request may cause, in order.

mod aborting;
mod adopting;
mod destination;
mod evidence;
mod handles;
mod health;
mod learning;
mod ledgered;
mod login;
mod own;
mod restrained;
mod send;
mod signals;

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use forcefield_audit::{Outcome, Proof};
use forcefield_config::config::Mode;
use forcefield_control::Restraints;
use forcefield_identity::{Caller, Carriers, Peer, PeerCertificate, Proof as How, SoapBody, Unidentified};
use forcefield_limits::{Format, Lease, Limits, Scanner};
use forcefield_policy::classify::{BodyUse, Unclear, UnclearKind, body_use, classify, decoded};
use forcefield_policy::decision::{Permit, decide};
use forcefield_policy::request::{Api, Cut, Head, Operation, Request as Asked, Rows};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{HeaderName, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;

use crate::answer::AnswerBody;
use crate::cut::{self, Keep};
use crate::exchange::Exchange;
use crate::front::Arrival;
use crate::intake::{Intake, Taken};
use crate::live::{Live, Member, Snapshot};
use crate::passing::Passing;
use crate::presence::{Presence, Presences};
use crate::replicas::Replicas;
use crate::reply::{Form, Refusal, Rewriter, is_text, passes};
use crate::rooms::Rooms;
use crate::telemetry::{observed, timing::Step};
use crate::upstream::{Upstream, UpstreamBody};
pub use adopting::LookUps;
use arc_swap::ArcSwap;
use destination::Export;
pub(crate) use destination::Watch;
use forcefield_credentials::{AccessToken, Credentials};
use forcefield_identity::Logins;
use send::{OrgBody, Sent};

/// Answers requests. One for the life of the process; what changes is behind [`Live`].
pub struct Service {
    /// Configuration, schemas and grants in force.
    pub live: Live,
    /// The login endpoints.
    pub logins: Logins,
    /// The orgs' tokens.
    pub credentials: ArcSwap<Credentials>,
    /// Rates, budgets, the ledger.
    pub limits: Limits,
    /// Connections to the orgs.
    pub upstream: Arc<Upstream>,
    /// Where request bodies wait.
    pub intake: Intake,
    /// Audit, metrics, watchers.
    pub rooms: Arc<Rooms>,
    /// What responders have put on integrations.
    pub restraints: Arc<Restraints>,
    /// The other replicas, where there are any.
    pub replicas: Option<Arc<Replicas>>,
    /// The exchanges under way.
    pub presences: Arc<Presences>,
    /// Jobs that nobody owned here and that the org was asked about.
    pub look_ups: LookUps,
    /// Held while limits are made to follow throttles.
    pub throttling: Mutex<()>,
    /// How many logins are checked at one time.
    pub logging_in: tokio::sync::Semaphore,
    /// Told when a request names what the schema of an org does not have.
    pub strange: tokio::sync::mpsc::Sender<String>,
}

/// The body of every answer.
///
/// Boxed, as is what the walk carries from step to step: hyper and every future on the way hand it on by copying it.
pub type Body = Box<AnswerBody<Either<UpstreamBody, Full<Bytes>>>>;

/// An answer whose exchange is not ended yet.
struct Reply {
    head: http::response::Parts,
    body: OrgBody,
    passing: Option<Box<Passing>>,
    exact: Option<u64>,
    presence: Option<Presence>,
}

impl Service {
    /// Answers one request, and leaves one record of it.
    pub async fn handle(self: Arc<Self>, arrival: Arrival, request: Request<Incoming>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let form = || Form::of(&parts);
        let mut exchange = Exchange::begin(&self.rooms, arrival.peer.address, &parts);
        let id = exchange.id();
        let mut reply = match Box::pin(self.answer(&arrival, &parts, body, &mut exchange)).await {
            Ok(reply) => reply,
            Err(refusal) => {
                if let Some(detail) = refusal.detail() {
                    tracing::info!(decision = %id, rule = refusal.rule(), detail, "refused");
                }
                exchange.refused(&refusal);
                Box::new(Reply::whole(form().refuse(&refusal, id)))
            }
        };
        reply.settle(id, &mut exchange);
        // Nobody polls the body of an answer that has none: its record is written before its head goes out.
        let bodyless = parts.method == Method::HEAD
            || matches!(reply.head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        if bodyless && Box::pin(exchange.end()).await.is_err() {
            let unrecorded = Refusal::Unavailable("the record could not be written");
            *reply = Reply::whole(form().refuse(&unrecorded, id));
        }
        reply.sent(exchange)
    }

    /// The walk.
    async fn answer(
        self: &Arc<Self>,
        arrival: &Arrival,
        parts: &Parts,
        body: Incoming,
        exchange: &mut Exchange,
    ) -> Result<Box<Reply>, Refusal> {
        let host = &arrival.head.as_ref().map_err(|bad| Refusal::Head(*bad))?.host;
        if !exchange.can_be_recorded() {
            return Err(Refusal::Unavailable("records of exchanges cannot be written at present"));
        }
        let live = self.live.load(); // one snapshot for the whole request
        let peer = peer(arrival, host.authority())?;
        if let Some(route) = login::route(parts) {
            let login = self.login((&live, route), (&peer, parts), body, exchange);
            return Box::pin(login).await.map(Box::new); // logins are answered here
        }
        if let Some(reply) = own::public(&live, &peer, parts, exchange) {
            return Ok(Box::new(reply));
        }
        let headers = headers(parts);
        let head = head(parts, &headers);
        let taken = self.take(&head, body, exchange).await?;
        let soap = match soap(parts, &head, &taken)? {
            None => None,
            Some(soap) => match Box::pin(self.soap_login(&live, soap, (&peer, parts), exchange)).await? {
                Ok(reply) => return Ok(Box::new(reply)),
                Err(soap) => Some(soap),
            },
        };
        self.learn_session(parts, soap.as_ref(), &peer).await?; // perhaps another replica gave its token out
        let (caller, member) = identify(&live, &peer, parts, soap.as_ref(), exchange)?; // who is calling
        let admitted = self.let_in(&member.identity.name)?; // has no responder stopped it
        if let Some(reply) = self.own_user(&live, &caller, (&peer, parts), exchange) {
            return Ok(Box::new(reply));
        }
        let asked = self.classify(&member, &head, &taken)?; // what it asks of Salesforce
        exchange.asked(&asked);
        let origins = self.origins(&member, &asked).await?; // what the ledger holds of its jobs and cursors
        let origins = self.take_over(&member, &asked, origins).await?; // perhaps they are older than the ledger
        let permit = decide(&member.grants, asked, &origins).map(Arc::new); // may it, and in which form
        let permit = permit.map_err(|denial| Refusal::Denied(member.identity.name.clone(), denial))?;
        exchange.permitted(&permit);
        self.still_in(&member.identity.name)?; // did a signal stop it by this very request
        let export = Export::of(&peer, &member, &permit, &origins);
        export.as_ref().map_or(Ok(()), |export| export.check(&live))?; // exports go to named places only
        let lease = self.limits.admit_soon(&member.identity.name, &permit, &origins).await; // has it budget left
        let lease = lease.map_err(|exceeded| Refusal::Exceeded(member.identity.name.clone(), exceeded))?;
        let whose = (exchange.id(), &member.identity.name);
        let mut presence = self.presences.enter(whose, &permit, &arrival.peer, admitted);
        let org = pin!(async {
            if let Some(job) = evidence::deleted(&permit)
                && let Some(reply) = Box::pin(self.defer(&member, (&permit, job), exchange)).await?
            {
                return Ok(Box::new(reply)); // a deleted job stays at the org for a while
            }
            self.learn(&member, &permit).await?; // what a job is about to read or write is known before it does
            let sent = self.send(&member, &permit, taken, exchange).await?; // credential in, answer out
            Box::pin(self.reply(&member, permit, lease, (sent, &host.base()))).await // rows and bytes counted as they pass
        });
        let reply = presence.unless_cut(org).await; // until a responder kills it
        let mut reply = reply.ok_or_else(|| Refusal::Killed(member.identity.name.clone()))??;
        reply.present(presence);
        reply.watched(export.map(|export| export.watch(self, live)));
        Ok(reply)
    }

    /// Shares it, with what its rooms tell of themselves among the metrics and the checks of readiness.
    #[must_use]
    pub fn shown(self) -> Arc<Self> {
        let service = Arc::new(self);
        let telemetry = &service.rooms.telemetry;
        let of = Arc::downgrade(&service);
        telemetry.observe(Box::new(move || of.upgrade().map_or_else(Vec::new, |of| observed::service(&of))));
        let of = Arc::downgrade(&service);
        telemetry.health().check(Box::new(move || of.upgrade().map_or_else(Vec::new, |of| of.problems())));
        telemetry.instruments().loaded(Timestamp::now());
        service
    }

    /// Writes down what is only in memory, before the process ends.
    pub fn flush(self: &Arc<Self>) {
        if let Some(replicas) = &self.replicas {
            let service = Arc::clone(self);
            replicas.finish(async move { service.limits.leave().await });
        }
        if let Err(error) = self.limits.flush() {
            tracing::error!(%error, "what was spent cannot be written down");
        }
        if let Err(error) = self.rooms.signals.save() {
            tracing::warn!(%error, "the histories that signals keep cannot be written down");
        }
    }

    /// Reads as much of the body as its meaning needs.
    async fn take(&self, head: &Head<'_>, body: Incoming, exchange: &mut Exchange) -> Result<Taken, Refusal> {
        if http_body::Body::is_end_stream(&body) {
            return Ok(Taken::nothing());
        }
        Ok(match body_use(head) {
            BodyUse::None => Taken::nothing(),
            BodyUse::Whole(limit) => {
                exchange.during(Step::Intake, Box::pin(self.intake.whole(body, limit))).await?
            }
            BodyUse::Start(limit) => {
                exchange.during(Step::Intake, Box::pin(self.intake.start(body, limit))).await?
            }
        })
    }

    fn classify(&self, member: &Member, head: &Head<'_>, taken: &Taken) -> Result<Asked, Refusal> {
        classify(member.grants.schema(), head, &taken.bytes).map_err(|unclear| {
            if matches!(unclear.kind, UnclearKind::Name(_)) {
                // The org may have a new object or field: look again, behind this request's back.
                let _ = self.strange.try_send(member.org.name.clone());
            }
            let method = head.method.parse().unwrap_or_default();
            Refusal::unclear(unclear, &member.grants, &method)
        })
    }

    /// Makes of Salesforce's answer what the client may have of it.
    async fn reply(
        &self,
        member: &Member,
        permit: Arc<Permit>,
        lease: Lease,
        ((answer, token), base): (Sent, &str),
    ) -> Result<Box<Reply>, Refusal> {
        let (mut head, body) = answer.into_parts();
        let plan = permit.answer();
        let success = head.status.is_success();
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        if content_type.contains("html") && permit.method() != forcefield_policy::request::Method::Head {
            return Err(Refusal::NotPassed(format!("status {} with a page of HTML", head.status)));
        }
        let length =
            head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        forward(&mut head, &member.bases, base, &token);
        warn(&mut head, member, &permit);
        if let Some(rows) = known_rows(&head).filter(|_| success && plan.rows == Rows::Csv) {
            let spent = lease.expect(rows);
            spent.map_err(|spent| Refusal::Exceeded(member.identity.name.clone(), spent.into()))?;
        }
        if let Some(left) = lease.rows_left() {
            head.headers.insert(ROWS_LEFT, left.into());
        }
        let rows = if success { plan.rows } else { Rows::None };
        let text = is_text(&content_type);
        let format = if content_type.contains("xml") { Format::Xml } else { Format::Json };
        let handles = plan.issues.filter(|_| success).map(|kind| (kind, format));
        let issues = if handles.is_some() { Some(self.issues(member, &permit).await?) } else { None };
        let mut passing = Box::new(Passing {
            lease,
            scanner: Scanner::new(rows, handles),
            issues,
            watch: None,
            blotter: token.blotter(),
            rewriter: text.then(|| Rewriter::new(Arc::clone(&member.bases), base.to_owned())),
            listed: (success && lists_limits(&permit)).then(Vec::new),
        });
        if success {
            self.forget(member, &permit).await?;
        }
        // What `observe` lets through comes whole; the jobs of others stay theirs.
        let cut = match plan.cut {
            Cut::Jobs => Cut::Jobs,
            _ if permit.overlooked().is_some() => Cut::Nothing,
            cut => cut,
        };
        if cut != Cut::Nothing && success && permit.method() != forcefield_policy::request::Method::Head {
            let cut = Box::pin(self.cut(member, cut, &content_type, body)).await?;
            passing.issues = None;
            let (body, passing) = (Either::Right(Full::from(cut)), Some(passing));
            return Ok(Box::new(Reply { head, body, passing, exact: None, presence: None }));
        }
        let exact = length.filter(|_| !text);
        Ok(Box::new(Reply { head, body, passing: Some(passing), exact, presence: None }))
    }

    async fn cut(
        &self,
        member: &Member,
        what: Cut,
        content_type: &str,
        body: OrgBody,
    ) -> Result<Vec<u8>, Refusal> {
        let read = Limited::new(body, cut::LIMIT).collect().await;
        let bytes = read.map_err(|error| Refusal::NotPassed(error.to_string()))?.to_bytes();
        let cut = |own: &dyn Fn(&str) -> bool| {
            let keep = Keep { grants: &member.grants, own };
            cut::cut(what, &keep, content_type, &bytes).map_err(|error| Refusal::NotPassed(error.to_string()))
        };
        if what != Cut::Jobs {
            return cut(&|_| false);
        }
        let named = Mutex::new(BTreeSet::new());
        cut(&|id| named.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned()))?;
        let own = self.own_jobs(member, named.into_inner().unwrap_or_else(PoisonError::into_inner)).await?;
        cut(&|id| own.contains(id))
    }
}

/// The peer as the identity room knows it.
fn peer(arrival: &Arrival, host: &str) -> Result<Peer, Refusal> {
    let not_here = |error: &dyn std::fmt::Display| Refusal::Unidentified(error.to_string());
    let certificate = arrival.peer.certificate().map(|der| PeerCertificate::from_der(der)).transpose();
    let certificate = certificate.map_err(|error| not_here(&error))?.map(Arc::new);
    Peer::new(arrival.peer.address.ip(), certificate, host).map_err(|error| not_here(&error))
}

/// Who is calling.
fn identify(
    live: &Snapshot,
    peer: &Peer,
    parts: &Parts,
    soap: Option<&SoapBody>,
    exchange: &mut Exchange,
) -> Result<(Caller, Arc<Member>), Refusal> {
    let text = |name: HeaderName| match parts.headers.get(&name) {
        None => Ok(None),
        Some(value) => value.to_str().map(Some).map_err(|_| Unidentified::Malformed),
    };
    let now = Timestamp::now();
    let identified = (|| {
        let carriers = Carriers {
            authorization: text(AUTHORIZATION)?,
            x_sfdc_session: text(X_SFDC_SESSION)?,
            soap_session: soap.and_then(SoapBody::session),
            oauth_token: None,
        };
        live.identities.identify(peer, &carriers, now)
    })();
    let caller = identified.map_err(|unidentified| refusal(&unidentified))?;
    let member = live.member_at(&caller.identity.name, now);
    let member = Arc::clone(member.ok_or_else(|| Refusal::Unidentified("no member".to_owned()))?);
    exchange.caller(&member, proof(&caller));
    Ok((caller, member))
}

/// What the record says of a proof: never a secret.
fn proof(caller: &Caller) -> Proof {
    let fingerprint = caller.certificate.as_ref().map(|certificate| certificate.fingerprint().to_owned());
    match &caller.how {
        How::Certificate => Proof { kind: "certificate", name: fingerprint.unwrap_or_default() },
        How::Session => Proof { kind: "session", name: fingerprint.unwrap_or_default() },
        How::Jwt(issuer) => Proof { kind: "jwt", name: issuer.clone() },
    }
}

fn refusal(unidentified: &Unidentified) -> Refusal {
    match unidentified.status() {
        401 => Refusal::Unidentified(unidentified.to_string()),
        _ => Refusal::NotHere(unidentified.to_string()),
    }
}

/// What a SOAP envelope says about its session, for the doors that carry it there.
fn soap(parts: &Parts, head: &Head<'_>, taken: &Taken) -> Result<Option<SoapBody>, Refusal> {
    if !login::folded(parts.uri.path()).starts_with("/services/Soap/") || taken.bytes.is_empty() {
        return Ok(None);
    }
    let body = decoded(head, &taken.bytes).map_err(Refusal::Unclear)?;
    let soap = SoapBody::parse(&body);
    soap.map(Some).map_err(|problem| {
        let place = forcefield_policy::classify::Place::Body;
        Refusal::Unclear(Unclear::form(place, problem.to_string()))
    })
}

/// The headers of a request as the classifier reads them.
fn headers(parts: &Parts) -> Vec<(&str, &[u8])> {
    parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

fn head<'a>(parts: &'a Parts, headers: &'a [(&'a str, &'a [u8])]) -> Head<'a> {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    Head { method: parts.method.as_str(), target, headers }
}

/// Leaves in the head of an answer what may go on, with the org's addresses replaced.
fn forward(head: &mut http::response::Parts, orgs: &[String], base: &str, token: &AccessToken) {
    let location = head.headers.get(http::header::LOCATION).and_then(|value| value.to_str().ok());
    let is_path = |rest: &&str| rest.is_empty() || rest.starts_with('/') && !rest.starts_with("//");
    // An address elsewhere would lead the client away.
    let path_of = |location: &str| {
        let within = orgs.iter().filter_map(|org| location.strip_prefix(org.as_str())).find(is_path);
        within.or(Some(location).filter(is_path)).map(str::to_owned)
    };
    let location = location.and_then(path_of).map(|path| format!("{base}{path}"));
    let kept = head
        .headers
        .iter()
        .filter(|(name, value)| passes(name) && !token.is_in(value.as_bytes()))
        .map(|(name, value)| (name.clone(), value.clone()));
    head.headers = kept.collect();
    if let Some(location) = location.and_then(|location| HeaderValue::from_str(&location).ok()) {
        head.headers.insert(http::header::LOCATION, location);
    }
    head.extensions.clear();
    head.version = http::Version::HTTP_11;
}

/// What a client of `mode: warn` is told of a request that `enforce` would have refused.
fn warn(head: &mut http::response::Parts, member: &Member, permit: &Permit) {
    let Some(denial) = permit.overlooked().filter(|_| matches!(member.identity.mode, Mode::Warn(_))) else {
        return;
    };
    let text: String = denial.to_string().chars().filter(|letter| matches!(letter, ' '..='~')).collect();
    if let Ok(value) = HeaderValue::from_str(&text) {
        head.headers.insert(WOULD_REFUSE, value);
    }
}

/// Whether the answer lists the limits of the org.
fn lists_limits(permit: &Permit) -> bool {
    let is_list = permit.operations().iter().all(|operation| operation == Operation::Meta);
    permit.api() == Api::Limits && permit.method() == forcefield_policy::request::Method::Get && is_list
}

/// The number of rows that the head of an answer announces.
fn known_rows(head: &http::response::Parts) -> Option<u64> {
    head.headers.get(NUMBER_OF_RECORDS)?.to_str().ok()?.trim().parse().ok()
}

// === impl Reply ===

impl Reply {
    fn whole(answer: Response<Full<Bytes>>) -> Self {
        let (head, body) = answer.into_parts();
        let exact = http_body::Body::size_hint(&body).exact();
        Self { head, body: Either::Right(body), passing: None, exact, presence: None }
    }

    /// Lists it among what is under way.
    fn present(&mut self, presence: Presence) {
        self.presence = Some(presence);
    }

    /// Has it broken off when its export may no longer go where it goes.
    fn watched(&mut self, watch: Option<Watch>) {
        if let Some(passing) = &mut self.passing {
            passing.watch = watch;
        }
    }

    /// Names the decision, and notes how it ended.
    fn settle(&mut self, id: ulid::Ulid, exchange: &mut Exchange) {
        if let Ok(value) = HeaderValue::from_str(id.array_to_str(&mut [0; ulid::ULID_LEN])) {
            self.head.headers.insert(DECISION, value);
        }
        let (status, refused) = (self.head.status, self.passing.is_none());
        exchange.answered();
        exchange.note(|record| {
            record.status = status.as_u16();
            if !refused {
                record.outcome = Outcome::Allowed;
            }
        });
    }

    fn sent(self, exchange: Exchange) -> Response<Body> {
        let pass: Box<dyn crate::answer::Pass> = match self.passing {
            Some(passing) => passing,
            None => Box::new(crate::answer::AsItIs),
        };
        let body = Box::new(AnswerBody::new(self.body, pass, exchange, self.exact, self.presence));
        Response::from_parts(self.head, body)
    }
}

// Names of headers, read once by the compiler rather than once a request.
const DECISION: HeaderName = HeaderName::from_static("x-forcefield-decision");
const NUMBER_OF_RECORDS: HeaderName = HeaderName::from_static("sforce-numberofrecords");
const ROWS_LEFT: HeaderName = HeaderName::from_static("x-forcefield-rows-left");
const WOULD_REFUSE: HeaderName = HeaderName::from_static("x-forcefield-would-refuse");
const X_SFDC_SESSION: HeaderName = HeaderName::from_static("x-sfdc-session");
