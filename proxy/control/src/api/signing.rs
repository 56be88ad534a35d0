//! Who calls: by token or certificate each time, or in a session of the web console, for which a token is shown once,
//! or the certificate of the connection, and a cookie stands for it until it ends.

use forcefield_config::config::CertificateMatch;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Method, StatusCode};
use http_body::Body;
use jiff::Timestamp;

use super::{Api, Caller, Refused, Reply, Shown, read, role, value};
use crate::page;
use crate::routes::NoRoute;
use crate::running::Call;
use crate::sessions::{Key, Session, forgotten};
use crate::staff::{Proof, Responder};
use crate::wire::{SignIn, SignedIn};

// === impl Api ===

impl Api {
    /// Who calls. A token or session that is shown must be right, whatever certificate comes with it; and a web page
    /// calls in a session alone.
    pub(super) fn identify(
        &self,
        shown: Shown<'_>,
        parts: &Parts,
        call: &mut Call,
    ) -> Result<Caller, Refused> {
        if page::is_of_page(parts) {
            let caller = self.identify_session(shown, parts, call);
            page::own(parts, shown.host)?;
            let caller = caller?;
            if let Some((_, session)) = &caller.session {
                page::guarded(parts, session)?;
            }
            return Ok(caller);
        }
        let unknown = || Refused::new(StatusCode::UNAUTHORIZED, "show a responder's certificate or token");
        let staff = self.staff.load();
        let mut tokens = parts.headers.get_all(AUTHORIZATION).iter();
        let (responder, how) = match (tokens.next(), tokens.next(), shown.certificate) {
            (Some(header), None, _) => {
                let token = header.as_bytes().split_at_checked(BEARER.len());
                let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case(BEARER));
                let known = token.and_then(|(_, token)| staff.by_token(token));
                (known.filter(|who| staff.agrees(who, beside(shown))), "token")
            }
            (None, _, Some(certificate)) => (staff.by_certificate(certificate), "certificate"),
            (Some(_), Some(_), _) | (None, _, None) => (None, "nothing"),
        };
        let responder = responder.cloned().ok_or_else(unknown)?;
        call.who = Some((responder.name.clone(), responder.role, how));
        Ok(Caller { responder, session: None })
    }

    /// Begins a session, tells of it, or ends it.
    pub(super) async fn sign<B>(
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
        match parts.method {
            Method::POST => {
                call.action = "sign-in";
                page::own(parts, shown.host)?;
                self.sign_in(shown, parts, body, call).await
            }
            Method::GET | Method::DELETE => {
                call.action = if parts.method == Method::GET { "session" } else { "sign-out" };
                let caller = self.identify(shown, parts, call)?;
                let Some((key, session)) = &caller.session else {
                    return Err(Refused::new(StatusCode::NOT_FOUND, "there is no session; sign in"));
                };
                if parts.method == Method::GET {
                    return Ok(Reply::Data(value(&signed_in(&caller.responder, session))));
                }
                self.sessions.end(key);
                Ok(Reply::Signed(serde_json::json!({}), forgotten()))
            }
            _ => Err(Refused::no_route(NoRoute::Method("GET, POST, DELETE"))),
        }
    }

    async fn sign_in<B>(
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
        // What is wrong with the body is not told: it would be told to the record, and the body holds a token.
        let asked: Result<SignIn, Refused> = read(parts, body).await;
        let asked =
            asked.map_err(|wrong| Refused { text: "send `{\"token\": ..}` or `{}`".to_owned(), ..wrong })?;
        let staff = self.staff.load();
        let responder = match (&asked.token, shown.certificate) {
            (Some(token), _) => {
                let known = staff.by_token(token.trim().as_bytes());
                known.filter(|who| staff.agrees(who, beside(shown)))
            }
            (None, Some(certificate)) => staff.by_certificate(certificate),
            (None, None) => None,
        };
        let responder = responder.ok_or_else(|| {
            let text = match (&asked.token, shown.certificate) {
                (Some(_), _) => "this is no responder's token",
                (None, Some(_)) => "the browser's certificate is no responder's",
                (None, None) => "the browser shows no certificate that this listener trusts",
            };
            Refused::new(StatusCode::UNAUTHORIZED, text)
        })?;
        let how = if asked.token.is_some() { "token" } else { "certificate" };
        call.who = Some((responder.name.clone(), responder.role, how));
        if !self.running.can_record() {
            return Err(Refused::unrecorded());
        }
        if let Some(former) = Key::shown(&parts.headers) {
            self.sessions.end(&former);
        }
        let begun = self.sessions.begin(responder, Timestamp::now());
        let no_chance = || Refused::new(StatusCode::SERVICE_UNAVAILABLE, "there is no randomness to be had");
        let begun = begun.ok_or_else(no_chance)?;
        Ok(Reply::Signed(value(&signed_in(responder, &begun.session)), begun.cookie))
    }

    /// Whose session a page's request is in: of somebody who still proves themselves as they did at its begin.
    fn identify_session(&self, shown: Shown<'_>, parts: &Parts, call: &mut Call) -> Result<Caller, Refused> {
        let ended = || Refused::new(StatusCode::UNAUTHORIZED, "no session, or one that has ended; sign in");
        let key = Key::shown(&parts.headers).ok_or_else(ended)?;
        let session = self.sessions.of(&key, call.time).ok_or_else(ended)?;
        let staff = self.staff.load();
        let responder = staff.still(&session.responder, &session.proof).filter(|who| match &session.proof {
            Proof::Token(_) => staff.agrees(who, beside(shown)),
            Proof::Certificate(_) => {
                let shows = shown.certificate.and_then(|fits| staff.by_certificate(fits));
                shows.is_some_and(|shows| shows.name == who.name)
            }
        });
        let responder = responder.cloned().ok_or_else(ended)?;
        call.who = Some((responder.name.clone(), responder.role, "session"));
        Ok(Caller { responder, session: Some((key, session)) })
    }
}

/// The certificate that comes beside a token.
fn beside<'a>(shown: Shown<'a>) -> Option<&'a dyn Fn(&CertificateMatch) -> bool> {
    shown.certificate.map(|fits| fits as &dyn Fn(&CertificateMatch) -> bool)
}

fn signed_in(responder: &Responder, session: &Session) -> SignedIn {
    SignedIn {
        responder: responder.name.clone(),
        role: role(responder.role).to_owned(),
        guard: session.guard.clone(),
        ends: session.ends,
    }
}

const BEARER: &[u8] = b"Bearer ";
/// Where the console signs in and out.
pub(super) const PATH: &str = "/console/session";
