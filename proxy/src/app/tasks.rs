//! What goes on beside the requests: schemas loaded and refreshed, files watched, state pruned, the day changed.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use forcefield_credentials::Secrets;
use forcefield_policy::decision::Permit;
use forcefield_policy::schema::Schema;
use http_body_util::{BodyExt, Limited};
use jiff::Timestamp;
use notify::{RecursiveMode, Watcher};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::{App, root_of, today};
use crate::live::Member;
use crate::schemas::{Loading, SchemaError};
use crate::service::Service;

impl App {
    /// Runs until the process ends.
    pub(super) async fn tasks(mut self) {
        let (changed, mut changes) = mpsc::channel(1);
        let _watcher = self.watch(changed.clone());
        let mut looking = Box::pin(look_into_vault(self.secrets.clone(), Arc::clone(&self.service), changed));
        let mut bundles = self.bundles.changes();
        // What was said before the listeners were built is looked at again.
        bundles.mark_changed();
        let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
        // First of all: schemas need tokens of the org, and those may be in the store.
        if let Some(replicas) = &self.service.replicas
            && tokio::time::timeout(JOINING, replicas.joined()).await.is_err()
        {
            warn!("the store that the replicas share is not reached yet; requests are refused until it is");
        }
        Box::pin(self.first_schemas()).await;
        self.described.send_replace(true);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = hangup.recv() => {
                    let _ = self.reload();
                }
                Some(wish) = self.reloads.recv() => {
                    let _ = wish.send(self.reload());
                }
                Some(()) = changes.recv() => {
                    // Editors write in several steps.
                    tokio::time::sleep(SETTLE).await;
                    while changes.try_recv().is_ok() {}
                    let _ = self.reload();
                }
                () = &mut looking => {}
                Ok(()) = bundles.changed() => self.take_up_bundles(),
                Some(org) = self.strange.recv() => {
                    if self.is_older_than(&org, AGAIN) {
                        self.load_schema(&org).await;
                    }
                }
                _ = ticks.tick() => self.tick().await,
            }
        }
    }

    /// Loads the schemas of orgs that have never described themselves, before anything is asked: until then their
    /// custom objects and fields do not exist. Bounded, so that an org that is down does not keep the others waiting.
    pub(super) async fn first_schemas(&mut self) {
        let live = self.service.live.load();
        let orgs: Vec<String> =
            live.config.orgs.keys().filter(|org| !self.schemas.has(org)).cloned().collect();
        self.loaded.extend(orgs.iter().map(|org| (org.clone(), Instant::now())));
        let load_all = Box::pin(async {
            for org in &orgs {
                self.load_schema(org).await;
            }
        });
        if tokio::time::timeout(FIRST, load_all).await.is_err() {
            warn!("not every org has described itself yet; serving with the objects that every org has");
        }
    }

    async fn tick(&mut self) {
        let service = &self.service;
        let live = service.live.load();
        if live.today() != today() {
            service.live.update(|live| live.at(Timestamp::now()));
        }
        if let Err(error) = live.standing().sessions.prune(Timestamp::now()) {
            warn!(%error, "the sessions cannot be pruned");
        }
        Box::pin(service.delete_due()).await;
        let orgs: Vec<String> = live.config.orgs.keys().cloned().collect();
        for org in &orgs {
            if self.is_older_than(org, REFRESH) {
                self.load_schema(org).await;
            }
        }
    }

    /// Whether an org was last described longer ago than this; it is described anew then.
    fn is_older_than(&mut self, org: &str, age: Duration) -> bool {
        let older = self.loaded.get(org).is_none_or(|at| at.elapsed() > age);
        if older {
            self.loaded.insert(org.to_owned(), Instant::now());
        }
        older
    }

    /// Loads an org's schema with the credential of the first of its integrations, by name, that can.
    fn load_schema<'a>(&'a self, org: &'a str) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        Box::pin(self.load_schema_with_any(org))
    }

    async fn load_schema_with_any(&self, org: &str) {
        let live = self.service.live.load();
        let of_org = |member: &&Arc<Member>| member.org.name == org;
        let mut members: Vec<Arc<Member>> = live.members().filter(of_org).cloned().collect();
        // The credential of an integration that was stopped mints nothing.
        let now = Timestamp::now();
        members.retain(|member| self.service.restraints.quarantined(&member.identity.name, now).is_none());
        members.sort_by(|one, other| one.identity.name.cmp(&other.identity.name));
        members.truncate(TRIES);
        let mut last = None;
        for member in members {
            match Box::pin(self.described(&member)).await {
                Ok(schema) => return self.put_in_force(org, schema),
                Err(error) => last = Some(error),
            }
        }
        if let Some(error) = last {
            warn!(org, %error, "the schema was not loaded; the one before stays in force");
        }
    }

    async fn described(&self, member: &Member) -> Result<Schema, SchemaError> {
        let version = member.org.api_versions.newest;
        let mut loading = Loading::of(&self.describe(member, Permit::describe_list(version)).await?)?;
        while let Some(permit) = loading.next(version) {
            loading.take(&self.describe(member, permit).await?)?;
        }
        loading.finish()
    }

    fn put_in_force(&self, org: &str, schema: Schema) {
        info!(org, objects = schema.len(), "schema loaded");
        if let Err(error) = self.schemas.store(org, &schema) {
            warn!(org, %error, "the schema cannot be stored");
        }
        let schema = Arc::new(schema);
        self.service.live.update(|live| live.with_schema(org, schema, Timestamp::now()));
    }

    async fn describe(&self, member: &Member, permit: Permit) -> Result<Bytes, SchemaError> {
        let answer = Box::pin(self.service.send_own(member, &permit)).await;
        let answer = answer.map_err(|refusal| SchemaError::NoAnswer(refusal.to_string()))?;
        if !answer.status().is_success() {
            return Err(SchemaError::NoAnswer(format!("status {}", answer.status())));
        }
        let read = Limited::new(answer.into_body(), LARGEST).collect().await;
        Ok(read.map_err(|error| SchemaError::NoAnswer(error.to_string()))?.to_bytes())
    }

    /// Tells when a file of the configuration changes.
    fn watch(&self, changed: mpsc::Sender<()>) -> Option<notify::RecommendedWatcher> {
        let root = root_of(self.file.as_deref()?);
        let config = Arc::clone(&self.service.live.load().config);
        let own = [super::state_folder(&config), config.root.join(&config.audit.path)];
        let apart = own.clone();
        let relevant = move |event: &notify::Event| {
            let writes = event.kind.is_modify() || event.kind.is_create() || event.kind.is_remove();
            writes && event.paths.iter().any(|path| !own.iter().any(|own| path.starts_with(own)))
        };
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| relevant(&event)) {
                let _ = changed.try_send(());
            }
        });
        let watched = watcher.and_then(|mut watcher| {
            watcher.watch(&root, RecursiveMode::NonRecursive)?;
            // State and records are written with every request: nobody is to be woken by that.
            let entries = std::fs::read_dir(&root).map_err(notify::Error::io)?;
            let folders = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir());
            for folder in folders.filter(|path| !apart.iter().any(|apart| apart.starts_with(path))) {
                watcher.watch(&folder, RecursiveMode::Recursive)?;
            }
            Ok(watcher)
        });
        watched.map_err(|error| warn!(%error, "the configuration's folder is not watched; use SIGHUP")).ok()
    }
}

/// Tells when a secret of the configuration changes in Vault: what a watcher is for files.
async fn look_into_vault(secrets: Secrets, service: Arc<Service>, changed: mpsc::Sender<()>) {
    while let Some(pause) = secrets.look_again_after() {
        tokio::time::sleep(pause).await;
        let config = Arc::clone(&service.live.load().config);
        if Box::pin(secrets.have_changed(&config.secrets())).await {
            info!("a secret in Vault has changed");
            let _ = changed.try_send(());
        }
    }
    std::future::pending().await
}

/// How often state is looked after.
const TICK: Duration = Duration::from_secs(5);
/// How long files may go on changing before they are read.
const SETTLE: Duration = Duration::from_millis(200);
/// How long a first start waits for schemas.
const FIRST: Duration = Duration::from_secs(30);
/// How long a start waits for the other replicas.
const JOINING: Duration = Duration::from_secs(10);
/// How old a schema may grow.
const REFRESH: Duration = Duration::from_secs(3600);
/// How soon an org is described again because of an unknown name.
const AGAIN: Duration = Duration::from_secs(30);
/// How many integrations' credentials are tried.
const TRIES: usize = 3;
/// The largest answer to a batch of descriptions.
const LARGEST: usize = 64 << 20;
