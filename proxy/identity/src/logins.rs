//! The login endpoints, answered here: nothing of a login ever reaches Salesforce.
//!
//! Checking a secret takes tens of milliseconds and some megabytes on purpose: call these on a blocking thread. As many
//! run at once as there are processors.

mod grant;
mod problem;
mod soap;

use std::io;
use std::sync::Arc;

use forcefield_config::config::Identity;
use forcefield_policy::id::RecordId;
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;
use serde_json::json;

pub use problem::LoginProblem;

use crate::answer::Answer;
use crate::attempts::Attempts;
use crate::carriers::Carriers;
use crate::documents::Subject;
use crate::form::Form;
use crate::identities::{Caller, Identities, Names};
use crate::peer::Peer;
use crate::sessions::{Kind, Revoked, Sessions};
use crate::turns::Turns;
use crate::user::UserId;
use grant::{Client, Granted};

/// Answers the login endpoints.
#[derive(Debug)]
pub struct Logins {
    sessions: Arc<Sessions>,
    attempts: Attempts,
    turns: Turns,
}

/// A login endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// `/services/oauth2/token`
    Token,
    /// `/services/oauth2/revoke`
    Revoke,
    /// `/services/oauth2/introspect`
    Introspect,
    /// `/services/oauth2/userinfo`
    Userinfo,
    /// `/id/{org}/{user}`
    Identity {
        /// The org's id, as the path has it.
        org: String,
        /// The user's id, as the path has it.
        user: String,
    },
}

/// One request to a login endpoint.
#[derive(Debug)]
pub struct LoginRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// The form of the body of a POST, of the query string otherwise.
    pub form: &'a Form,
    /// What it carries in headers, and in `oauth_token` on `/id/`.
    pub carriers: Carriers<'a>,
    /// Who sends it.
    pub peer: &'a Peer,
    /// When.
    pub now: Timestamp,
}

/// What came of a request to a login endpoint.
#[derive(Debug)]
pub struct Login {
    /// What is answered.
    pub answer: Answer,
    /// What was asked for, for the record: `token client_credentials`, `revoke`, `soap login`, ...
    pub what: &'static str,
    /// Whose it is, as far as that is known.
    pub identity: Option<IdentityName>,
    /// Why it was refused, for the record.
    pub problem: Option<LoginProblem>,
}

// === impl Route ===

impl Route {
    /// The endpoint of a path, decoded and without a query string. `None` for all others, `authorize` and
    /// `singleaccess` among them.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        match path.strip_prefix("/services/oauth2/") {
            Some("token") => Some(Self::Token),
            Some("revoke") => Some(Self::Revoke),
            Some("introspect") => Some(Self::Introspect),
            Some("userinfo") => Some(Self::Userinfo),
            Some(_) => None,
            None => {
                let (org, user) = path.strip_prefix("/id/")?.split_once('/')?;
                RecordId::parse(org).and(RecordId::parse(user))?;
                Some(Self::Identity { org: org.to_owned(), user: user.to_owned() })
            }
        }
    }
}

// === impl Logins ===

impl Logins {
    /// Logins that end in these sessions.
    #[must_use]
    pub fn new(sessions: Arc<Sessions>) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { sessions, attempts: Attempts::default(), turns: Turns::new(processors) }
    }

    /// Answers one request to a login endpoint.
    #[must_use]
    pub fn answer(&self, identities: &Identities, route: &Route, request: &LoginRequest<'_>) -> Login {
        match route {
            Route::Token => self.token(identities, request),
            Route::Revoke => self.revoke(request),
            Route::Introspect => self.introspect(identities, request),
            Route::Userinfo => document("userinfo", identities, request, |subject| Some(subject.userinfo())),
            Route::Identity { org, user } => document("id", identities, request, |subject| {
                let is_own = RecordId::parse(org) == RecordId::parse(&subject.org)
                    && RecordId::parse(user) == RecordId::parse(&subject.user);
                is_own.then(|| subject.identity_document())
            }),
        }
    }

    /// The answer to a caller that reads its own user record, at `/services/data/{version}/sobjects/User/{id}`; `None`
    /// for every other id, which is a request like any other. The `sf` CLI cannot log in without.
    #[must_use]
    pub fn own_user(
        &self,
        identities: &Identities,
        caller: &Caller,
        peer: &Peer,
        (version, id): (&str, &str),
    ) -> Option<Answer> {
        let identity = &caller.identity;
        if !UserId::of(&identity.name)?.is(id) {
            return None;
        }
        let subject = Subject::new(identity, identities.org_id(identity)?, peer)?;
        Some(Answer::json(200, &subject.user_record(version)))
    }

    fn token(&self, identities: &Identities, request: &LoginRequest<'_>) -> Login {
        let kind = request.form.value("grant_type").unwrap_or_default();
        let what = grant::named(kind);
        let outcome = match request.method {
            "POST" => self.granted(identities, kind, request),
            _ => Err(LoginProblem::Malformed("the token endpoint takes POST only")),
        };
        let outcome = outcome.and_then(|granted| {
            let name = granted.identity.name.clone();
            Ok((name, self.issued(identities, &granted, request)?))
        });
        Login::of(what, outcome, |problem| problem.oauth_answer(request.carriers.authorization.is_some()))
    }

    /// Revoking takes the token itself as the proof, from wherever it comes.
    fn revoke(&self, request: &LoginRequest<'_>) -> Login {
        let outcome = (|| {
            let token = request.form.value("token").ok_or(LoginProblem::Malformed("`token` is missing"))?;
            let session = self.sessions.any(token).ok_or(LoginProblem::NoSuchToken)?;
            let Revoked(count) = self.sessions.revoke(token)?;
            tracing::info!(identity = %session.identity, count, "tokens revoked");
            Ok((session.identity.clone(), Answer::empty()))
        })();
        Login::of("revoke", outcome, |problem| problem.oauth_answer(false))
    }

    /// Tells a client about tokens of its own identity; those of others are as if they did not exist.
    fn introspect(&self, identities: &Identities, request: &LoginRequest<'_>) -> Login {
        let outcome = (|| {
            let client = Client::of(request)?;
            let identity = self.client(identities, client.as_ref(), request)?;
            identities.admit(&identity, request.peer, request.now)?;
            let token = request.form.value("token").ok_or(LoginProblem::Malformed("`token` is missing"))?;
            let session = self.sessions.any(token).filter(|session| session.identity == identity.name);
            let alive = session.filter(|session| !session.is_ended() && request.now < session.expires);
            let answer = match alive {
                None => json!({ "active": false }),
                Some(session) => {
                    let org = identities.org_id(&identity).unwrap_or_default();
                    let subject = Subject::new(&identity, org, request.peer).ok_or(LoginProblem::NoOrg)?;
                    json!({
                        "active": true,
                        "scope": "api",
                        "client_id": session.client.as_deref().unwrap_or(identity.name.as_str()),
                        "username": subject.username(),
                        "sub": subject.id_url(),
                        "token_type": match session.kind {
                            Kind::Access => "access_token",
                            Kind::Refresh => "refresh_token",
                        },
                        "exp": session.expires.as_second(),
                        "iat": session.issued.as_second(),
                        "nbf": session.issued.as_second(),
                    })
                }
            };
            Ok((identity.name.clone(), Answer::json(200, &answer)))
        })();
        Login::of("introspect", outcome, |problem| {
            problem.oauth_answer(request.carriers.authorization.is_some())
        })
    }

    /// The identity that a client proves to be, by its secret or by the certificate of its connection.
    fn client(
        &self,
        identities: &Identities,
        client: Option<&Client>,
        request: &LoginRequest<'_>,
    ) -> Result<Arc<Identity>, LoginProblem> {
        match client {
            Some(Client { id, secret: Some(secret) }) => {
                let guess = || identities.secret(Names::Clients, id, secret);
                self.guess(id, request, guess)?.ok_or(LoginProblem::WrongSecret)
            }
            // RFC 8705, section 2: a certificate in place of a secret. The id says which of several identities.
            Some(Client { id, secret: None }) => {
                let shown = identities.shown(request.peer, request.now)?;
                let of_this_id = shown.into_iter().find(|identity| grant::has_client(identity, id));
                of_this_id.cloned().ok_or(LoginProblem::WrongSecret)
            }
            None => match identities.shown(request.peer, request.now)?.as_slice() {
                [identity] => Ok(Arc::clone(identity)),
                _ => Err(LoginProblem::NoClient),
            },
        }
    }

    /// The identity that a user name and a password prove.
    fn user(
        &self,
        identities: &Identities,
        (username, password): (&str, &str),
        request: &LoginRequest<'_>,
    ) -> Result<Arc<Identity>, LoginProblem> {
        let guess = || identities.secret(Names::Users, username, password);
        self.guess(username, request, guess)?.ok_or(LoginProblem::WrongPassword)
    }

    /// Checks a guess, slowly for those who guess wrong.
    fn guess<T>(
        &self,
        name: &str,
        request: &LoginRequest<'_>,
        check: impl FnOnce() -> Option<T>,
    ) -> Result<Option<T>, LoginProblem> {
        let (address, now) = (request.peer.address(), request.now);
        let too_many = |retry_after| LoginProblem::TooManyAttempts { retry_after };
        self.attempts.take(name, address, now).map_err(too_many)?;
        let turn = self.turns.take();
        let proven = turn.as_ref().and_then(|_| check());
        if turn.is_none() || proven.is_some() {
            self.attempts.give_back(name, address, now);
        }
        if turn.is_some() { Ok(proven) } else { Err(LoginProblem::Busy) }
    }

    fn issued(
        &self,
        identities: &Identities,
        granted: &Granted,
        request: &LoginRequest<'_>,
    ) -> Result<Answer, LoginProblem> {
        let identity = &granted.identity;
        let org = identities.org_id(identity).ok_or(LoginProblem::NoOrg)?;
        let subject = Subject::new(identity, org, request.peer).ok_or(LoginProblem::NoOrg)?;
        let access = self.issue(granted, Kind::Access, org, request)?;
        let issued_at = request.now.as_millisecond().to_string();
        let id = subject.id_url();
        let mut answer = json!({
            "access_token": access,
            "signature": granted.signature(&id, &issued_at)?,
            "scope": if granted.refresh { "refresh_token api" } else { "api" },
            "instance_url": request.peer.base_url(),
            "id": id,
            "token_type": "Bearer",
            "issued_at": issued_at,
            "expires_in": identity.session.as_secs(),
        });
        if let Some(members) = answer.as_object_mut() {
            if granted.refresh {
                members
                    .insert("refresh_token".into(), self.issue(granted, Kind::Refresh, org, request)?.into());
            }
            if granted.exchanged {
                members.insert("issued_token_type".into(), ACCESS_TOKEN.into());
            }
        }
        Ok(Answer::json(200, &answer))
    }
}

// === impl Login ===

impl Login {
    fn of(
        what: &'static str,
        outcome: Result<(IdentityName, Answer), LoginProblem>,
        refused: impl FnOnce(&LoginProblem) -> Answer,
    ) -> Self {
        match outcome {
            Ok((identity, answer)) => Self { answer, what, identity: Some(identity), problem: None },
            Err(problem) => {
                let answer = refused(&problem);
                Self { answer, what, identity: problem.identity().cloned(), problem: Some(problem) }
            }
        }
    }
}

/// A document about the caller. Whoever is not known gets what makes stock clients log in again (clients.md, section
/// 2.5.3).
fn document(
    what: &'static str,
    identities: &Identities,
    request: &LoginRequest<'_>,
    shape: impl FnOnce(&Subject<'_>) -> Option<serde_json::Value>,
) -> Login {
    let outcome = (|| {
        let caller = identities.identify(request.peer, &request.carriers, request.now)?;
        let org = identities.org_id(&caller.identity).ok_or(LoginProblem::NoOrg)?;
        let subject = Subject::new(&caller.identity, org, request.peer).ok_or(LoginProblem::NoOrg)?;
        let document = shape(&subject).ok_or(LoginProblem::OtherUser(caller.identity.name.clone()))?;
        Ok((caller.identity.name.clone(), Answer::json(200, &document)))
    })();
    Login::of(what, outcome, |problem| match problem {
        LoginProblem::Refused(reason) if reason.status() == 401 => Answer::text(403, "Bad_OAuth_Token"),
        LoginProblem::Refused(reason) => Answer::text(403, reason.told()),
        LoginProblem::OtherUser(_) => Answer::text(404, "Bad_Id"),
        _ => Answer::text(503, "Service unavailable"),
    })
}

impl From<io::Error> for LoginProblem {
    fn from(error: io::Error) -> Self {
        Self::State(error.to_string())
    }
}

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
