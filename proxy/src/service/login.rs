//! Logins: answered here, on threads that may wait, never sent to Salesforce.

use std::sync::Arc;

use bytes::Bytes;
use forcefield_identity::{
    Answer, Carriers, Form as LoginForm, Login, LoginRequest, Peer, Route, SoapBody, SoapCall,
};
use forcefield_policy::classify::{Place, Unclear};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use jiff::Timestamp;

use super::{Reply, Service};
use crate::exchange::Exchange;
use crate::live::Snapshot;
use crate::reply::Refusal;

/// The login endpoint that a request is for. One leading `/` too many is folded, and one leading segment that ends in
/// `.salesforce.com` is taken off: what simple-salesforce makes of a domain with a path (clients.md, section 2.1).
pub(super) fn route(parts: &Parts) -> Option<Route> {
    let path = folded(parts.uri.path());
    let without_domain = path.strip_prefix('/').and_then(|rest| {
        let (domain, _) = rest.split_once('/').filter(|(first, _)| first.ends_with(".salesforce.com"))?;
        path.get(domain.len() + 1..)
    });
    Route::of(without_domain.unwrap_or(path))
}

/// A path without the one `/` too many that the sf CLI may write in front.
pub(super) fn folded(path: &str) -> &str {
    path.strip_prefix('/').filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

impl Service {
    /// Answers a login endpoint.
    pub(super) async fn login(
        self: &Arc<Self>,
        (live, route): (&Arc<Snapshot>, Route),
        (peer, parts): (&Peer, &Parts),
        body: Incoming,
        exchange: &mut Exchange,
    ) -> Result<Reply, Refusal> {
        let taken = self.intake.whole(body, LARGEST_FORM).await?;
        let text = |name: HeaderName| {
            parts.headers.get(&name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let (authorization, session) = (text(AUTHORIZATION), text(HeaderName::from_static("x-sfdc-session")));
        let is_form =
            text(CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let query = parts.uri.query().unwrap_or_default().as_bytes().to_vec();
        let method = parts.method.as_str().to_owned();
        let unclear = |what: String| Refusal::Unclear(Unclear::form(Place::Body, what));
        let form = match method.as_str() {
            "POST" if is_form || taken.bytes.is_empty() => LoginForm::parse(&taken.bytes),
            "POST" => return Err(unclear("expected `application/x-www-form-urlencoded`".to_owned())),
            _ => LoginForm::parse(&query),
        };
        let form = form.map_err(|malformed| unclear(malformed.to_string()))?;
        let named = ["token", "refresh_token"].into_iter().filter_map(|name| form.value(name));
        let carried = carriers((&authorization, &session), &form, &route);
        self.learn_sessions(carried.to_learn().chain(named), peer).await?;
        let (service, live, peer) = (Arc::clone(self), Arc::clone(live), peer.clone());
        // Checking a secret takes tens of milliseconds of a core: few at once, and not on the way of other requests.
        let _turn =
            self.logging_in.acquire().await.map_err(|_| Refusal::Unavailable("the process is ending"))?;
        let login = tokio::task::spawn_blocking(move || {
            let carriers = carriers((&authorization, &session), &form, &route);
            let request =
                LoginRequest { method: &method, form: &form, carriers, peer: &peer, now: Timestamp::now() };
            service.logins.answer(&live.identities, &route, &request)
        });
        let login = login.await.map_err(|_| Refusal::Unavailable("the login broke off"))?;
        self.logged_in(login, exchange)
    }

    /// Answers SOAP `login`, `logout` and `getUserInfo`; gives the envelope back when it is another call.
    pub(super) async fn soap_login(
        self: &Arc<Self>,
        live: &Arc<Snapshot>,
        soap: SoapBody,
        (peer, parts): (&Peer, &Parts),
        exchange: &mut Exchange,
    ) -> Result<Result<Reply, SoapBody>, Refusal> {
        if matches!(soap.call(), SoapCall::Other(_)) {
            return Ok(Err(soap));
        }
        let text = |name: HeaderName| {
            parts.headers.get(&name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let (authorization, session) = (text(AUTHORIZATION), text(HeaderName::from_static("x-sfdc-session")));
        self.learn_session(parts, Some(&soap), peer).await?;
        let (service, live, peer) = (Arc::clone(self), Arc::clone(live), peer.clone());
        let path = folded(parts.uri.path()).to_owned();
        let _turn =
            self.logging_in.acquire().await.map_err(|_| Refusal::Unavailable("the process is ending"))?;
        let login = tokio::task::spawn_blocking(move || {
            let carriers = Carriers {
                authorization: authorization.as_deref(),
                x_sfdc_session: session.as_deref(),
                ..Carriers::default()
            };
            let now = (&peer, Timestamp::now());
            let login = service.logins.soap(&live.identities, (&path, &soap), &carriers, now);
            login.ok_or(soap)
        });
        let login = login.await.map_err(|_| Refusal::Unavailable("the login broke off"))?;
        match login {
            Ok(login) => self.logged_in(login, exchange).map(Ok),
            Err(soap) => Ok(Err(soap)),
        }
    }

    /// Notes a login and makes an answer of it, unless a responder has stopped whose it is. A token that was made for
    /// it is then nobody's.
    fn logged_in(&self, login: Login, exchange: &mut Exchange) -> Result<Reply, Refusal> {
        let Login { answer, what, identity, problem } = login;
        exchange.login(what, identity.clone(), problem.as_ref().map(ToString::to_string));
        if let (Some(identity), None) = (identity, problem) {
            self.let_in(&identity)?;
        }
        Ok(Reply::whole(response(answer)))
    }
}

/// The tokens that a login request carries.
fn carriers<'a>(
    (authorization, session): (&'a Option<String>, &'a Option<String>),
    form: &'a LoginForm,
    route: &Route,
) -> Carriers<'a> {
    Carriers {
        authorization: authorization.as_deref(),
        x_sfdc_session: session.as_deref(),
        soap_session: None,
        oauth_token: form.value("oauth_token").filter(|_| matches!(route, Route::Identity { .. })),
    }
}

pub(super) fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// The largest form of a login: a workload JWT or an assertion is some KiB.
const LARGEST_FORM: usize = 64 << 10;
