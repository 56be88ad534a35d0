//! The login endpoints: tokens, revocation, introspection.

use crate::call::{Settings, State};
use crate::session::{self, Carried};
use crate::wire::{Ask, Reply, parse_query};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::{Value as Json, json};
use std::collections::{HashMap, HashSet};

mod users;

/// Who may log in, and how.
#[derive(Default)]
pub(crate) struct Logins {
    pub(crate) jwt: HashMap<String, JwtApp>,
    /// Client id to secret.
    pub(crate) secrets: HashMap<String, String>,
    pub(crate) refresh: HashMap<String, RefreshGrant>,
    /// Refresh tokens that were rotated away, and which family each was of.
    pub(crate) rotated: HashMap<String, String>,
    /// The access tokens that came from each family.
    pub(crate) sessions_of: HashMap<String, Vec<String>>,
    /// How often a token came that was rotated away.
    pub(crate) reused: u64,
    /// Username to password, for SOAP `login`.
    pub(crate) passwords: HashMap<String, String>,
    pub(crate) rotate: bool,
}

/// An app whose assertions are trusted.
pub(crate) struct JwtApp {
    pub(crate) key: DecodingKey,
    pub(crate) users: HashSet<String>,
}

/// What a refresh token stands for.
#[derive(Clone)]
pub(crate) struct RefreshGrant {
    pub(crate) client_id: String,
    pub(crate) username: String,
    /// What all tokens of one approval share: the first of them.
    pub(crate) family: String,
}

/// A refusal by a login endpoint.
struct Refusal(u16, &'static str, &'static str);

type Granted = Result<Json, Refusal>;

impl std::fmt::Debug for Logins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Logins(redacted)")
    }
}

/// A login endpoint at work.
pub(crate) struct Login<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) state: &'a mut State,
    pub(crate) logins: &'a mut Logins,
    pub(crate) now: Timestamp,
}

/// The endpoint's answer to `/services/oauth2/{name}`.
pub(crate) fn answer(login: &mut Login<'_>, name: &str, ask: &Ask, carried: &[Carried]) -> Reply {
    let mut form = Form { fields: parse_query(&ask.text()), basic: session::basic(carried) };
    form.fields.extend(ask.query.iter().cloned());
    match (name, ask.method.as_str()) {
        ("token", "POST") => finish(login.token(&form)),
        ("revoke", "POST" | "GET") => login.revoke(&form),
        ("introspect", "POST") => finish(login.introspect(&form)),
        ("userinfo", "GET" | "POST") => login.userinfo(carried),
        _ => Reply::new(404, "text/html", "<html><body>Not found</body></html>"),
    }
}

fn finish(granted: Granted) -> Reply {
    match granted {
        Ok(body) => Reply::ok(&body).with("cache-control", "no-cache, no-store").with("pragma", "no-cache"),
        Err(refusal) => refuse(&refusal),
    }
}

fn refuse(Refusal(status, error, description): &Refusal) -> Reply {
    Reply::json(*status, &json!({ "error": error, "error_description": description }))
}

// === impl Login ===

impl Login<'_> {
    fn token(&mut self, form: &Form) -> Granted {
        match form.get("grant_type") {
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => self.jwt_bearer(form),
            "client_credentials" => self.client_credentials(form),
            "refresh_token" => self.refresh(form),
            "" => Err(Refusal(400, "invalid_request", "missing required parameter: grant_type")),
            _ => Err(Refusal(400, "unsupported_grant_type", "grant type not supported")),
        }
    }

    fn jwt_bearer(&mut self, form: &Form) -> Granted {
        const BAD: Refusal = Refusal(400, "invalid_grant", "invalid assertion");
        let assertion = form.get("assertion");
        let header = jsonwebtoken::decode_header(assertion).map_err(|_| BAD)?;
        if header.alg != Algorithm::RS256 {
            return Err(BAD);
        }
        let issuer = unverified(assertion, "iss").ok_or(BAD)?;
        let app = self.logins.jwt.get(&issuer).ok_or(Refusal(
            400,
            "invalid_client_id",
            "client identifier invalid",
        ))?;
        let mut validation = Validation::new(Algorithm::RS256);
        // The claims are looked at below: the org is more forgiving than the library about how they are written.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let token = jsonwebtoken::decode::<Json>(assertion, &app.key, &validation).map_err(|_| BAD)?;
        let claim = |name: &str| token.claims.get(name).cloned().unwrap_or_default();
        let subject = claim("sub").as_str().unwrap_or_default().to_owned();
        if !app.users.contains(&subject) {
            return Err(Refusal(400, "invalid_grant", "user hasn't approved this consumer"));
        }
        if !self.is_audience(&claim("aud")) {
            return Err(Refusal(400, "invalid_grant", "audience is invalid"));
        }
        let expires = claim("exp");
        let expires = expires.as_i64().or_else(|| expires.as_str()?.parse().ok()).ok_or(BAD)?;
        let left = expires - self.now.as_second();
        if !(0..=600).contains(&left) {
            return Err(Refusal(400, "invalid_grant", "expired authorization code"));
        }
        let mut body = self.session(&issuer, &subject, None);
        if let Some(body) = body.as_object_mut() {
            body.shift_remove("issued_at");
            body.shift_remove("signature");
        }
        Ok(body)
    }

    fn is_audience(&self, claim: &Json) -> bool {
        let one = |audience: &str| {
            let audience = audience.trim_end_matches('/');
            [&self.settings.url, "https://login.salesforce.com", "https://test.salesforce.com"]
                .contains(&audience)
        };
        match claim {
            Json::String(audience) => one(audience),
            Json::Array(all) => all.iter().filter_map(Json::as_str).any(one),
            _ => false,
        }
    }

    fn client_credentials(&mut self, form: &Form) -> Granted {
        let (client_id, secret) = form.client();
        self.check_secret(&client_id, &secret)?;
        let username = users::integration_user(&client_id);
        Ok(self.session(&client_id, &username, Some(&secret)))
    }

    fn refresh(&mut self, form: &Form) -> Granted {
        let (client_id, secret) = form.client();
        let token = form.get("refresh_token");
        if let Some(family) = self.logins.rotated.get(token).cloned() {
            self.end_family(&family);
        }
        let known = self.logins.refresh.get(token).filter(|grant| grant.client_id == client_id).cloned();
        let grant = known.ok_or(Refusal(400, "invalid_grant", "expired access/refresh token"))?;
        if self.logins.secrets.contains_key(&client_id) {
            self.check_secret(&client_id, &secret)?;
        }
        let mut body = self.session(&client_id, &grant.username, Some(&secret));
        let opened = body.get("access_token").and_then(Json::as_str).unwrap_or_default().to_owned();
        self.logins.sessions_of.entry(grant.family.clone()).or_default().push(opened);
        if self.logins.rotate {
            let next = format!("5Aep861{}{}", session::MARK, session::random_text(42));
            self.logins.refresh.remove(token);
            self.logins.rotated.insert(token.to_owned(), grant.family.clone());
            self.logins.refresh.insert(next.clone(), grant);
            if let Some(body) = body.as_object_mut() {
                body.insert("refresh_token".to_owned(), Json::from(next));
            }
        }
        Ok(body)
    }

    /// A token that was rotated away came again: whoever has it may be a thief, so that all of its approval ends.
    fn end_family(&mut self, family: &str) {
        self.logins.reused += 1;
        self.logins.refresh.retain(|_, grant| grant.family != family);
        for token in self.logins.sessions_of.remove(family).unwrap_or_default() {
            self.state.sessions.close(&token);
        }
    }

    fn check_secret(&self, client_id: &str, secret: &str) -> Result<(), Refusal> {
        match self.logins.secrets.get(client_id) {
            None => Err(Refusal(400, "invalid_client_id", "client identifier invalid")),
            Some(known) if known != secret => {
                Err(Refusal(400, "invalid_client", "invalid client credentials"))
            }
            Some(_) => Ok(()),
        }
    }

    /// Opens a session and writes the answer that hands it out.
    fn session(&mut self, client_id: &str, username: &str, secret: Option<&str>) -> Json {
        let user = users::of_name(self.state, username, &crate::soql::dates::stamp(self.now));
        let token = self.state.sessions.open(&self.settings.org_id, &user, client_id);
        let identity = format!("{}/id/{}/{user}", self.settings.url, self.settings.org_id);
        let issued_at = self.now.as_millisecond().to_string();
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.unwrap_or_default().as_bytes());
        let signature = hmac::sign(&key, format!("{identity}{issued_at}").as_bytes());
        json!({
            "access_token": token,
            "signature": STANDARD.encode(signature.as_ref()),
            "scope": "api",
            "instance_url": self.settings.url,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued_at,
        })
    }

    fn revoke(&mut self, form: &Form) -> Reply {
        let token = form.get("token");
        let was_refresh = self.logins.refresh.remove(token).is_some();
        if self.state.sessions.close(token) || was_refresh {
            return Reply::empty(200);
        }
        refuse(&Refusal(400, "unsupported_token_type", "this token type is not supported"))
    }

    fn introspect(&mut self, form: &Form) -> Granted {
        let (client_id, secret) = form.client();
        self.check_secret(&client_id, &secret)?;
        if let Some(grant) =
            self.logins.refresh.get(form.get("token")).filter(|grant| grant.client_id == client_id)
        {
            let username = &grant.username;
            return Ok(json!({
                "active": true,
                "scope": "api refresh_token",
                "client_id": client_id,
                "username": username,
                "token_type": "refresh_token",
            }));
        }
        let Some(session) = self.state.sessions.touch(form.get("token")) else {
            return Ok(json!({ "active": false }));
        };
        let now = self.now.as_second();
        let lifetime = i64::try_from(self.state.sessions.lifetime.as_secs()).unwrap_or(i64::MAX);
        Ok(json!({
            "active": true,
            "scope": "api",
            "client_id": session.client_id,
            "username": users::name_of(self.state, &session.user),
            "sub": format!("{}/id/{}/{}", self.settings.url, self.settings.org_id, session.user),
            "token_type": "access_token",
            "exp": now.saturating_add(lifetime),
            "iat": now,
            "nbf": now,
        }))
    }

    fn userinfo(&mut self, carried: &[Carried]) -> Reply {
        let session = carried.iter().find_map(|one| self.state.sessions.touch(one.token()));
        match session {
            Some(session) => Reply::ok(&users::userinfo(self.settings, self.state, &session.user)),
            None => Reply::new(403, "text/html;charset=UTF-8", "Bad_OAuth_Token"),
        }
    }

    /// `/id/{org}/{user}`.
    pub(crate) fn identity(&mut self, org: &str, user: &str, carried: &[Carried]) -> Reply {
        let live = carried.iter().any(|one| self.state.sessions.touch(one.token()).is_some());
        if !live {
            return Reply::new(403, "text/html;charset=UTF-8", "Bad_OAuth_Token");
        }
        let ours = org == self.settings.org_id || self.settings.org_id.get(..15) == Some(org);
        match crate::id::normalise(user).filter(|_| ours) {
            Some(user) => Reply::ok(&users::identity(self.settings, self.state, &user)),
            None => Reply::new(404, "text/html;charset=UTF-8", "Bad_Id"),
        }
    }

    /// A SOAP login: the user's id and a new session.
    pub(crate) fn password(&mut self, username: &str, password: &str) -> Option<(String, String)> {
        let known = self.logins.passwords.get(username).is_some_and(|own| password.starts_with(own.as_str()));
        known.then(|| {
            let user = users::of_name(self.state, username, &crate::soql::dates::stamp(self.now));
            let token = self.state.sessions.open(&self.settings.org_id, &user, "soap");
            (user, token)
        })
    }
}

pub(crate) use users::{name_of, of_name};

/// A form, and the client that authenticated beside it.
struct Form {
    fields: Vec<(String, String)>,
    basic: Option<(String, String)>,
}

impl Form {
    fn get(&self, name: &str) -> &str {
        self.fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Client id and secret, from the form or from Basic.
    fn client(&self) -> (String, String) {
        match &self.basic {
            Some(basic) if self.get("client_id").is_empty() => basic.clone(),
            _ => (self.get("client_id").to_owned(), self.get("client_secret").to_owned()),
        }
    }
}

/// A claim that only says which key to check with.
fn unverified(assertion: &str, claim: &str) -> Option<String> {
    let payload = assertion.split('.').nth(1)?;
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).ok()?;
    let claims: Json = serde_json::from_slice(&bytes).ok()?;
    claims.get(claim)?.as_str().map(str::to_owned)
}
