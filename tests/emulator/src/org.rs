//! The handle of an org: how a test makes one, turns its knobs, and asks what it received.

use crate::bulk::Jobs;
use crate::call::{Settings, State};
use crate::cursor::Cursors;
use crate::knobs::{Compression, Knobs, Side, Trouble};
use crate::oauth::{JwtApp, Logins, RefreshGrant};
use crate::record::{Log, Received};
use crate::schema::Schema;
use crate::server::{self, Server};
use crate::session::Sessions;
use crate::tls::Pems;
use anyhow::{Context as _, Result};
use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

mod builder;

pub use crate::bulk::JobSeen;
pub use builder::Builder;

/// An org. Cloning gives another handle of the same org.
#[derive(Clone)]
pub struct Org(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) settings: OnceLock<Settings>,
    pub(crate) plan: builder::Plan,
    pub(crate) state: Mutex<State>,
    pub(crate) logins: Mutex<Logins>,
    pub(crate) knobs: Mutex<Knobs>,
    pub(crate) log: Mutex<Log>,
}

// === impl Org ===

impl Org {
    /// What an org is made of, to be changed before it starts.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(plan: builder::Plan) -> Self {
        let schema = Schema::load();
        let mut store =
            if plan.empty { crate::store::Store::new(&schema) } else { crate::data::load(&schema) };
        store.set_virtual_rows(plan.virtual_rows);
        let state = State {
            schema,
            store,
            cursors: Cursors::default(),
            sessions: Sessions::new(plan.session_lifetime),
            jobs: Jobs::default(),
            recent: Vec::new(),
            api_used: 0,
            api_limit: 15_000,
        };
        Self(Arc::new(Inner {
            settings: OnceLock::new(),
            plan,
            state: Mutex::new(state),
            logins: Mutex::default(),
            knobs: Mutex::default(),
            log: Mutex::default(),
        }))
    }

    /// Listens, and answers until the handle that this returns is dropped.
    ///
    /// # Errors
    /// When the address cannot be bound or the certificates cannot be used, and when the org was started before.
    pub async fn start(&self) -> Result<Server> {
        server::start(self.clone()).await
    }

    /// The org's id, 18 characters.
    pub fn org_id(&self) -> &str {
        &self.0.plan.org_id
    }

    /// Trusts assertions signed with a key (RSA, PEM) that name this user; can be called again for further users.
    ///
    /// # Errors
    /// When the key is not an RSA public key in PEM.
    pub fn register_jwt_app(&self, client_id: &str, public_key_pem: &str, username: &str) -> Result<()> {
        let key = DecodingKey::from_rsa_pem(public_key_pem.as_bytes())
            .context("the app's key is not an RSA public key in PEM")?;
        let mut logins = lock(&self.0.logins);
        let users = logins.jwt.remove(client_id).map(|app| app.users).unwrap_or_default();
        let users = users.into_iter().chain([username.to_owned()]).collect();
        logins.jwt.insert(client_id.to_owned(), JwtApp { key, users });
        Ok(())
    }

    /// Trusts a client id with a secret, for client credentials and introspection.
    pub fn register_client_credentials(&self, client_id: &str, secret: &str) {
        lock(&self.0.logins).secrets.insert(client_id.to_owned(), secret.to_owned());
    }

    /// Trusts a refresh token of a client for a user.
    pub fn register_refresh(&self, client_id: &str, refresh_token: &str, username: &str) {
        let grant = RefreshGrant {
            client_id: client_id.to_owned(),
            username: username.to_owned(),
            family: refresh_token.to_owned(),
        };
        lock(&self.0.logins).refresh.insert(refresh_token.to_owned(), grant);
    }

    /// Trusts a password for SOAP `login`.
    pub fn register_password(&self, username: &str, password: &str) {
        lock(&self.0.logins).passwords.insert(username.to_owned(), password.to_owned());
    }

    /// How often a refresh token came that had been rotated away. All tokens of its approval end then.
    pub fn refresh_tokens_reused(&self) -> u64 {
        lock(&self.0.logins).reused
    }

    /// Whether each refresh hands out a new refresh token and ends the old one.
    pub fn rotate_refresh_tokens(&self, rotate: bool) {
        lock(&self.0.logins).rotate = rotate;
    }

    /// Refresh tokens that would be accepted now.
    pub fn refresh_tokens(&self) -> Vec<String> {
        lock(&self.0.logins).refresh.keys().cloned().collect()
    }

    /// Opens a session as if a user had logged in, and returns its token.
    pub fn open_session(&self, username: &str) -> String {
        let mut state = self.state();
        let stamp = crate::soql::dates::stamp(self.now());
        let user = crate::oauth::of_name(&mut state, username, &stamp);
        state.sessions.open(self.org_id(), &user, "test")
    }

    /// Ends every session.
    pub fn expire_all_sessions(&self) {
        self.state().sessions.close_all();
    }

    /// Ends the session of a token; whether it lived.
    pub fn expire_session(&self, token: &str) -> bool {
        self.state().sessions.close(token)
    }

    /// Sets how long sessions opened from now on may be idle.
    pub fn set_session_lifetime(&self, lifetime: Duration) {
        self.state().sessions.lifetime = lifetime;
    }

    /// Every access token ever handed out, oldest first.
    pub fn tokens_minted(&self) -> Vec<String> {
        self.state().sessions.minted().to_vec()
    }

    /// Access tokens that would be accepted now.
    pub fn live_sessions(&self) -> Vec<String> {
        self.state().sessions.live()
    }

    /// Every request since the start or since [`Org::clear`]; the oldest are forgotten after 50,000, or after
    /// 64 MiB of bodies.
    pub fn requests(&self) -> Vec<Received> {
        self.received_since(0)
    }

    /// The requests numbered from `number` on.
    pub fn received_since(&self, number: u64) -> Vec<Received> {
        lock(&self.0.log).since(number)
    }

    /// How many requests ever arrived: the number that the next will have.
    pub fn received_count(&self) -> u64 {
        lock(&self.0.log).count()
    }

    /// Forgets the requests; numbers go on.
    pub fn clear(&self) {
        lock(&self.0.log).clear();
    }

    /// Every bulk job that was not deleted.
    pub fn jobs(&self) -> Vec<JobSeen> {
        let state = self.state();
        state.jobs.seen(|user| crate::oauth::name_of(&state, user))
    }

    /// Every secret that the data set holds, for a test to look for where none may be.
    pub fn canaries(&self) -> Vec<String> {
        crate::data::canaries()
    }

    /// Makes the next requests of a side fail.
    pub fn fail_next(&self, side: Side, trouble: Trouble, times: u32) {
        self.knobs().plan(side, trouble, times);
    }

    /// Forgets planned failures.
    pub fn heal(&self) {
        self.knobs().heal();
    }

    /// Waits this long before each answer of a side.
    pub fn set_latency(&self, side: Side, latency: Duration) {
        match side {
            Side::Data => self.knobs().data_latency = latency,
            Side::Login => self.knobs().login_latency = latency,
        }
    }

    /// How many requests arrived so far whose answers were to wait, whatever became of them.
    pub fn delayed(&self) -> u64 {
        self.knobs().delayed
    }

    /// Sends bodies so many bytes at a time with a pause after each; `None` for full speed.
    pub fn set_pace(&self, pace: Option<(usize, Duration)>) {
        self.knobs().pace = pace;
    }

    /// Sets when answers are compressed.
    pub fn set_compression(&self, compression: Compression) {
        self.knobs().compression = compression;
    }

    /// Sets the calls counted today and the allowance, as `Sforce-Limit-Info` and `/limits` report them. A used-up
    /// allowance refuses every further call.
    pub fn set_api_usage(&self, used: u64, limit: u64) {
        let mut state = self.state();
        state.api_used = used;
        state.api_limit = limit;
    }

    /// Has `Sforce-Limit-Info` say something else than the truth; `None` for the truth.
    pub fn set_limit_info(&self, text: Option<&str>) {
        self.knobs().limit_info = text.map(str::to_owned);
    }

    /// Fixes the rows per page of queries, whatever the client asks for; `None` to let it ask.
    pub fn set_page_size(&self, rows: Option<u64>) {
        self.knobs().page_size = rows;
    }

    /// Sets how many times a new bulk job is seen in progress before it is complete.
    pub fn set_bulk_polls(&self, polls: u32) {
        self.state().jobs.polls = polls;
    }

    /// Makes results of Bulk 2.0 query jobs this many bytes long, made as they are sent; `None` for the real rows.
    pub fn set_bulk_result_bytes(&self, bytes: Option<u64>) {
        self.state().jobs.result_bytes = bytes;
    }

    /// Sets how many rows of `Reading__c` exist without being held.
    pub fn set_virtual_rows(&self, rows: u64) {
        self.state().store.set_virtual_rows(rows);
    }

    /// How many records of an object are not deleted; none for an unknown object.
    pub fn count(&self, object: &str) -> Option<u64> {
        let state = self.state();
        state.schema.object(object).map(|object| state.store.count(object))
    }

    /// A field of a record as text; none for an unknown or deleted record.
    pub fn value(&self, id: &str, field: &str) -> Option<String> {
        let state = self.state();
        let found = state.store.find(&state.schema, &crate::id::normalise(id)?)?;
        let (place, _) = state.schema.at(found.object)?.field(field)?;
        (!found.row.deleted).then(|| found.row.get(place).display())
    }

    /// The id of some record of an object, the lowest.
    pub fn first_id(&self, object: &str) -> Option<String> {
        let state = self.state();
        let object = state.schema.object(object)?;
        state.store.scan(object).find(|found| !found.row.deleted).map(|found| found.id)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.plan.now.unwrap_or_else(Timestamp::now)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }

    pub(crate) fn knobs(&self) -> MutexGuard<'_, Knobs> {
        lock(&self.0.knobs)
    }
}

/// Locks; a request that died while it held the lock left nothing half-done that matters to a test.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The certificates of an org, brought or made.
pub(crate) fn pems(plan: &builder::Plan) -> Result<Pems> {
    match &plan.pems {
        Some(pems) => Ok(pems.clone()),
        None => crate::tls::self_made(&plan.names),
    }
}
