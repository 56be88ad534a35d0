//! What a request is decided by: one snapshot, replaced whole.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use forcefield_config::Config;
use forcefield_config::config::{Identity, Org};
use forcefield_identity::{Identities, IssuerKeys, Sessions};
use forcefield_policy::grant::{GrantProblem, Grants, GrantsSpec};
use forcefield_policy::names::IdentityName;
use forcefield_policy::schema::Schema;
use jiff::civil::Date;

/// The snapshot in force.
pub struct Live(ArcSwap<Snapshot>);

/// Configuration, schemas and grants that belong together.
pub struct Snapshot {
    /// The configuration.
    pub config: Arc<Config>,
    /// How callers are recognised.
    pub identities: Identities,
    members: HashMap<IdentityName, Arc<Member>>,
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
}

/// One integration, ready to be served.
#[derive(Debug)]
pub struct Member {
    /// Its configuration.
    pub identity: Identity,
    /// Its org.
    pub org: Arc<Org>,
    /// What it may do, in terms of the org's schema.
    pub grants: Grants,
    /// What its grants name that the org does not have.
    pub problems: Vec<GrantProblem>,
}

/// The schemas in force, by the name of their org.
pub type Schemas = HashMap<String, Arc<Schema>>;

// === impl Live ===

impl Live {
    /// Starts with a snapshot.
    #[must_use]
    pub fn new(first: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(first))
    }

    /// The snapshot in force: to be taken once per request.
    #[must_use]
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Whether a snapshot is the one in force.
    #[must_use]
    pub fn is(&self, snapshot: &Arc<Snapshot>) -> bool {
        Arc::ptr_eq(&self.0.load(), snapshot)
    }

    /// Puts another in force and returns the one before.
    pub fn replace(&self, next: Snapshot) -> Arc<Snapshot> {
        self.0.swap(Arc::new(next))
    }
}

// === impl Snapshot ===

impl Snapshot {
    /// A snapshot of a configuration with the schemas known so far; orgs without one get the starter. `today`
    /// settles which modes are still in force.
    #[must_use]
    pub fn new(config: Arc<Config>, mut schemas: Schemas, standing: Standing, today: Date) -> Self {
        let starter = Arc::new(Schema::starter().unwrap_or_default());
        let orgs: HashMap<&String, Arc<Org>> =
            config.orgs.iter().map(|(name, org)| (name, Arc::new(org.clone()))).collect();
        for name in config.orgs.keys() {
            schemas.entry(name.clone()).or_insert_with(|| Arc::clone(&starter));
        }
        let member = |identity: &Identity| {
            let (org, schema) = (orgs.get(&identity.org)?, schemas.get(&identity.org)?);
            let spec =
                GrantsSpec { enforcement: identity.mode.enforcement(today), ..identity.grants.clone() };
            let (grants, problems) = Grants::compile(&spec, schema);
            Some(Arc::new(Member { identity: identity.clone(), org: Arc::clone(org), grants, problems }))
        };
        let members = config
            .identities
            .iter()
            .filter_map(|(name, identity)| Some((name.clone(), member(identity)?)))
            .collect();
        let identities = Identities::new(&config, Arc::clone(&standing.sessions), Arc::clone(&standing.keys));
        Self { identities, config, members, schemas, standing, today }
    }

    /// The same configuration with another schema for an org.
    #[must_use]
    pub fn with_schema(&self, org: &str, schema: Arc<Schema>, today: Date) -> Self {
        let mut schemas = self.schemas.clone();
        schemas.insert(org.to_owned(), schema);
        Self::new(Arc::clone(&self.config), schemas, self.standing.clone(), today)
    }

    /// The same on another day.
    #[must_use]
    pub fn on(&self, today: Date) -> Self {
        Self::new(Arc::clone(&self.config), self.schemas.clone(), self.standing.clone(), today)
    }

    /// The day it was made for.
    #[must_use]
    pub fn today(&self) -> Date {
        self.today
    }

    /// An integration by name.
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

    /// The schemas.
    #[must_use]
    pub fn schemas(&self) -> &Schemas {
        &self.schemas
    }
}
