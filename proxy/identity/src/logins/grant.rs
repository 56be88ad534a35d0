//! The grants of the token endpoint: what a client shows, and whom it proves.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::{hmac, rand};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forcefield_config::config::{Authenticate, Identity};
use zeroize::Zeroizing;

use super::{LoginProblem, LoginRequest, Logins};
use crate::identities::Identities;
use crate::jwt::Rules;
use crate::sessions::{Kind, NewSession};
use crate::token::NoRandomness;

/// A login that succeeded: what is to be issued, to whom.
pub(super) struct Granted {
    pub(super) identity: Arc<Identity>,
    /// The client id that was proven by a secret, to which a refresh token is bound.
    pub(super) client: Option<String>,
    /// The client secret that was shown, with which clients check the answer's signature.
    pub(super) secret: Option<Zeroizing<String>>,
    /// What comes from the same login shares it.
    pub(super) family: u64,
    /// Whether a refresh token is issued too.
    pub(super) refresh: bool,
    /// Whether it was a token exchange.
    pub(super) exchanged: bool,
}

/// A client id, with its secret where one was shown.
pub(super) struct Client {
    pub(super) id: String,
    pub(super) secret: Option<Zeroizing<String>>,
}

/// The name of a grant type for the record.
pub(super) fn named(kind: &str) -> &'static str {
    match kind {
        "client_credentials" => "token client_credentials",
        "password" => "token password",
        JWT_BEARER => "token jwt-bearer",
        "refresh_token" => "token refresh_token",
        TOKEN_EXCHANGE => "token token-exchange",
        _ => "token",
    }
}

/// Whether a client may call itself so: by the identity's name, or by a client id of its.
pub(super) fn has_client(identity: &Identity, id: &str) -> bool {
    let is_client = |proof: &Authenticate| matches!(proof, Authenticate::Client { id: own, .. } if own == id);
    identity.name.as_str() == id || identity.authenticate.iter().any(is_client)
}

// === impl Logins ===

impl Logins {
    /// Whom a request to the token endpoint proves, and what is to be issued.
    pub(super) fn granted(
        &self,
        identities: &Identities,
        kind: &str,
        request: &LoginRequest<'_>,
    ) -> Result<Granted, LoginProblem> {
        let granted = match kind {
            "client_credentials" => self.client_credentials(identities, request),
            "password" => self.password(identities, request),
            JWT_BEARER => {
                let assertion = required(request, "assertion")?;
                let rules = Rules::Assertion(&request.peer.base_url());
                Granted::new(identities.subject(assertion, rules, request.now)?.0)
            }
            "refresh_token" => self.refresh_token(identities, request),
            TOKEN_EXCHANGE => {
                if !required(request, "subject_token_type").is_ok_and(|kind| SUBJECT_TOKENS.contains(&kind)) {
                    return Err(LoginProblem::Malformed("the subject token has to be a JWT"));
                }
                let token = required(request, "subject_token")?;
                let granted = Granted::new(identities.subject(token, Rules::Workload, request.now)?.0)?;
                Ok(Granted { exchanged: true, ..granted })
            }
            "" => Err(LoginProblem::Malformed("`grant_type` is missing")),
            _ => Err(LoginProblem::UnsupportedGrant),
        }?;
        identities.admit(&granted.identity, request.peer, request.now)?;
        Ok(granted)
    }

    /// Issues a token of this kind for a login.
    pub(super) fn issue(
        &self,
        granted: &Granted,
        kind: Kind,
        org: &str,
        request: &LoginRequest<'_>,
    ) -> Result<String, LoginProblem> {
        let (token, _) = self.sessions.issue(NewSession {
            kind,
            identity: &granted.identity,
            org,
            family: granted.family,
            client: granted.client.as_deref(),
            peer: request.peer,
            now: request.now,
        })?;
        Ok(token.expose().to_owned())
    }

    fn client_credentials(
        &self,
        identities: &Identities,
        request: &LoginRequest<'_>,
    ) -> Result<Granted, LoginProblem> {
        if let Some(assertion) = request.form.value("client_assertion") {
            let is_jwt =
                required(request, "client_assertion_type").is_ok_and(|kind| kind == CLIENT_ASSERTION);
            if !is_jwt {
                return Err(LoginProblem::Malformed("the client assertion has to be a JWT"));
            }
            let rules = Rules::Assertion(&request.peer.base_url());
            return Granted::new(identities.subject(assertion, rules, request.now)?.0);
        }
        let client = Client::of(request)?;
        let identity = self.client(identities, client.as_ref(), request)?;
        Granted::new(identity)?.by(client).refreshable()
    }

    /// A user name and password. Stock clients send a client id and secret too; if the id is one of ours, it must be
    /// proven and of the same identity, else it is the connected app's that they used before.
    fn password(&self, identities: &Identities, request: &LoginRequest<'_>) -> Result<Granted, LoginProblem> {
        let (username, password) = (required(request, "username")?, required(request, "password")?);
        let identity = self.user(identities, (username, password), request)?;
        let client = Client::of(request)?;
        match client {
            Some(client) if has_client(&identity, &client.id) && client.secret.is_some() => {
                let proven = self.client(identities, Some(&client), request)?;
                if proven.name != identity.name {
                    return Err(LoginProblem::WrongSecret);
                }
                Granted::new(identity)?.by(Some(client)).refreshable()
            }
            other => {
                let secret = other.and_then(|client| client.secret);
                Granted { secret, ..Granted::new(identity)? }.refreshable()
            }
        }
    }

    /// A refresh token of ours: it stays as it is. One that was issued to a client with a secret needs the secret.
    fn refresh_token(
        &self,
        identities: &Identities,
        request: &LoginRequest<'_>,
    ) -> Result<Granted, LoginProblem> {
        let token = required(request, "refresh_token")?;
        let (identity, session) = identities.session(token, Kind::Refresh, request.peer, request.now)?;
        let client = Client::of(request)?;
        let family = session.family;
        let Some(bound) = session.client.as_deref() else {
            let secret = client.and_then(|client| client.secret);
            return Ok(Granted { secret, family, ..Granted::new(identity)? });
        };
        let client = client.filter(|client| client.id == bound);
        let client = client.ok_or_else(|| LoginProblem::OtherClient(identity.name.clone()))?;
        if self.client(identities, Some(&client), request)?.name != identity.name {
            return Err(LoginProblem::OtherClient(identity.name.clone()));
        }
        Ok(Granted { family, ..Granted::new(identity)?.by(Some(client)) })
    }
}

// === impl Granted ===

impl Granted {
    pub(super) fn new(identity: Arc<Identity>) -> Result<Self, LoginProblem> {
        let family = random()?;
        Ok(Self { identity, client: None, secret: None, family, refresh: false, exchanged: false })
    }

    fn by(self, client: Option<Client>) -> Self {
        match client {
            Some(Client { id, secret: Some(secret) }) => {
                Self { client: Some(id), secret: Some(secret), ..self }
            }
            Some(Client { secret: None, .. }) | None => self,
        }
    }

    fn refreshable(self) -> Result<Self, LoginProblem> {
        Ok(Self { refresh: true, ..self })
    }

    /// `base64(HMAC-SHA256(secret, id + issued_at))`, with the secret that the client showed and so can check it with.
    /// Without one it is made with any key, since some clients need the member to be there.
    pub(super) fn signature(&self, id: &str, issued_at: &str) -> Result<String, LoginProblem> {
        let any = random()?.to_be_bytes();
        let secret = self.secret.as_ref().map_or(&any[..], |secret| secret.as_bytes());
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Ok(STANDARD.encode(hmac::sign(&key, format!("{id}{issued_at}").as_bytes())))
    }
}

impl fmt::Debug for Granted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Granted({}, redacted)", self.identity.name)
    }
}

// === impl Client ===

impl Client {
    /// The client that a request names: in HTTP Basic, in the form, or in both alike. Other schemes of `Authorization`
    /// are passed over: nforce sends one of OAuth 1 here.
    pub(super) fn of(request: &LoginRequest<'_>) -> Result<Option<Self>, LoginProblem> {
        let in_form = request.form.value("client_id").map(|id| Self {
            id: id.to_owned(),
            secret: request.form.value("client_secret").map(|secret| Zeroizing::new(secret.to_owned())),
        });
        let basic = request.carriers.authorization.and_then(|value| value.trim().split_once(' '));
        let basic = basic.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Basic"));
        let Some((_, encoded)) = basic else { return Ok(in_form) };
        let unreadable = LoginProblem::Malformed("the client's credentials cannot be read");
        let decoded = Zeroizing::new(STANDARD.decode(encoded.trim()).map_err(|_| unreadable.clone())?);
        let (id, secret) =
            std::str::from_utf8(&decoded).ok().and_then(|text| text.split_once(':')).ok_or(unreadable)?;
        let is_same = |other: &Self| {
            other.id == id && other.secret.as_ref().is_none_or(|other| other.as_str() == secret)
        };
        if in_form.is_some_and(|other| !is_same(&other)) {
            return Err(LoginProblem::Malformed("the request names two clients"));
        }
        Ok(Some(Self { id: id.to_owned(), secret: Some(Zeroizing::new(secret.to_owned())) }))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({:?}, redacted)", self.id)
    }
}

fn required<'a>(request: &LoginRequest<'a>, name: &'static str) -> Result<&'a str, LoginProblem> {
    let missing = match name {
        "assertion" => "`assertion` is missing",
        "username" => "`username` is missing",
        "password" => "`password` is missing",
        "refresh_token" => "`refresh_token` is missing",
        _ => "a parameter is missing",
    };
    request.form.value(name).ok_or(LoginProblem::Malformed(missing))
}

fn random() -> Result<u64, LoginProblem> {
    let mut bytes = [0; 8];
    rand::fill(&mut bytes).map_err(|_| LoginProblem::State(NoRandomness.to_string()))?;
    Ok(u64::from_be_bytes(bytes))
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const SUBJECT_TOKENS: [&str; 3] = [
    "urn:ietf:params:oauth:token-type:jwt",
    "urn:ietf:params:oauth:token-type:id_token",
    "urn:ietf:params:oauth:token-type:access_token",
];
