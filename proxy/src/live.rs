//! What a request is decided by: one snapshot, replaced whole.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use forcefield_config::Config;
use forcefield_config::config::{Identity, Org};
use forcefield_control::{Grant, Widenings};
use forcefield_identity::{Identities, IssuerKeys, Sessions};
use forcefield_policy::grant::{GrantProblem, Grants, GrantsSpec};
use forcefield_policy::names::IdentityName;
use forcefield_policy::schema::Schema;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The snapshot in force.
pub struct Live {
    snapshot: ArcSwap<Snapshot>,
    replacing: Mutex<()>,
}

/// Configuration, schemas and grants that belong together.
pub struct Snapshot {
    /// The configuration.
    pub config: Arc<Config>,
    /// How callers are recognised.
    pub identities: Identities,
    members: HashMap<IdentityName, Arc<Member>>,
    /// Integrations as they are until then, while break-glass grants hold.
    /// With how often a grant had ended by then.
    widened: (u64, HashMap<IdentityName, (Timestamp, Arc<Member>)>),
    schemas: Schemas,
    standing: Standing,
    today: Date,
}

/// What lives longer than a configuration.
#[derive(Clone)]
pub struct Standing {
    /// The tokens that were handed out.
    pub sessions: Arc<Sessions>,
    /// The keys of workload JWTs.
    pub keys: Arc<IssuerKeys>,
    /// The break-glass grants.
    pub widenings: Arc<Widenings>,
}

/// One integration, ready to be served.
#[derive(Debug)]
pub struct Member {
    /// Its configuration.
    pub identity: Identity,
    /// Its org.
    pub org: Arc<Org>,
    /// The base URLs by which answers of its org name it.
    pub bases: Arc<[String]>,
    /// What it may do, in terms of the org's schema.
    pub grants: Grants,
    /// What its grants name that the org does not have.
    pub problems: Vec<GrantProblem>,
    /// The break-glass grants that its grants are widened by, by id.
    pub break_glass: Vec<String>,
}

/// The schemas that orgs described, by the name of their org.
pub type Schemas = HashMap<String, Arc<Schema>>;

// === impl Live ===

impl Live {
    /// Starts with a snapshot.
    #[must_use]
    pub fn new(first: Snapshot) -> Self {
        Self { snapshot: ArcSwap::from_pointee(first), replacing: Mutex::default() }
    }

    /// The snapshot in force: to be taken once per request.
    #[must_use]
    pub fn load(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Whether a snapshot is the one in force.
    #[must_use]
    pub fn is(&self, snapshot: &Arc<Snapshot>) -> bool {
        Arc::ptr_eq(&self.snapshot.load(), snapshot)
    }

    /// Puts another in force and returns the one before.
    pub fn replace(&self, next: Snapshot) -> Arc<Snapshot> {
        self.update(|_| next)
    }

    /// Puts another in force that is made of the one in force, and returns the one before. One at a time, so that
    /// nothing that another thread put in force is lost.
    pub fn update(&self, next: impl FnOnce(&Snapshot) -> Snapshot) -> Arc<Snapshot> {
        let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let next = next(&self.snapshot.load());
        self.snapshot.swap(Arc::new(next))
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// A snapshot of a configuration with the schemas known so far; orgs without one get the starter. `now` settles
    /// which modes and break-glass grants are still in force.
    #[must_use]
    pub fn new(config: Arc<Config>, schemas: Schemas, standing: Standing, now: Timestamp) -> Self {
        let today = TimeZone::UTC.to_datetime(now).date();
        let starter = Arc::new(Schema::starter().unwrap_or_default());
        let orgs: HashMap<&String, Arc<Org>> =
            config.orgs.iter().map(|(name, org)| (name, Arc::new(org.clone()))).collect();
        let member = |identity: &Identity, glass: &[Grant]| {
            let org = orgs.get(&identity.org)?;
            let schema = schemas.get(&identity.org).unwrap_or(&starter);
            let spec =
                GrantsSpec { enforcement: identity.mode.enforcement(today), ..identity.grants.clone() };
            let wider: Vec<GrantsSpec> = glass.iter().filter_map(|grant| granted(grant, org)).collect();
            let (grants, problems) = Grants::compile_widened(&spec, &wider, schema);
            let (identity, org, bases) = (identity.clone(), Arc::clone(org), org.url.bases().into());
            let break_glass = glass.iter().map(|grant| grant.id.to_string()).collect();
            Some(Arc::new(Member { identity, org, bases, grants, problems, break_glass }))
        };
        let ends = standing.widenings.ends();
        let mut glass: HashMap<IdentityName, Vec<Grant>> = HashMap::new();
        for grant in standing.widenings.grants(now) {
            glass.entry(grant.identity.clone()).or_default().push(grant);
        }
        let widened = glass.into_iter().filter_map(|(name, grants)| {
            let until = grants.iter().map(|grant| grant.until).min()?;
            Some((name.clone(), (until, member(config.identities.get(&name)?, &grants)?)))
        });
        let widened = widened.collect();
        let members = config
            .identities
            .iter()
            .filter_map(|(name, identity)| Some((name.clone(), member(identity, &[])?)))
            .collect();
        let identities = Identities::new(&config, Arc::clone(&standing.sessions), Arc::clone(&standing.keys));
        Self { identities, config, members, widened: (ends, widened), schemas, standing, today }
    }

    /// The same configuration with another schema for an org.
    #[must_use]
    pub fn with_schema(&self, org: &str, schema: Arc<Schema>, now: Timestamp) -> Self {
        let mut schemas = self.schemas.clone();
        schemas.insert(org.to_owned(), schema);
        Self::new(Arc::clone(&self.config), schemas, self.standing.clone(), now)
    }

    /// The same at another time.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        Self::new(Arc::clone(&self.config), self.schemas.clone(), self.standing.clone(), now)
    }

    /// The day it was made for.
    #[must_use]
    pub fn today(&self) -> Date {
        self.today
    }

    /// An integration by name, as it is now: with break-glass grants while they hold.
    #[must_use]
    pub fn member_at(&self, name: &IdentityName, now: Timestamp) -> Option<&Arc<Member>> {
        let (ends, widened) = &self.widened;
        let widenings = &self.standing.widenings;
        let holds =
            |until: &Timestamp| now < *until && widenings.are_confirmed() && widenings.ends() == *ends;
        let widened = widened.get(name).filter(|(until, _)| holds(until));
        widened.map(|(_, member)| member).or_else(|| self.member(name))
    }

    /// An integration by name, with its own grants.
    #[must_use]
    pub fn member(&self, name: &IdentityName) -> Option<&Arc<Member>> {
        self.members.get(name)
    }

    /// All integrations.
    pub fn members(&self) -> impl Iterator<Item = &Arc<Member>> {
        self.members.values()
    }

    /// What lives longer than this snapshot.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// How many objects each org has described; 0 where it has not described itself.
    pub fn described(&self) -> impl Iterator<Item = (&String, usize)> {
        let objects = |org: &String| self.schemas.get(org).map_or(0, |schema| schema.len());
        self.config.orgs.keys().map(move |org| (org, objects(org)))
    }

    /// The schemas that orgs described.
    #[must_use]
    pub fn schemas(&self) -> &Schemas {
        &self.schemas
    }
}

/// What a break-glass grant grants. One that cannot be read any more grants nothing.
fn granted(grant: &Grant, org: &Org) -> Option<GrantsSpec> {
    let read =
        forcefield_config::granted(&grant.text.allow, &grant.text.also, (&grant.identity, org.api_versions));
    let unread = |problems| tracing::warn!(id = %grant.id, %problems, "a break-glass grant cannot be read");
    read.map_err(unread).ok()
}
