//! The credentials of all identities.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use forcefield_config::config::{Config, Credential as Flow, State};
use forcefield_policy::names::IdentityName;
use thiserror::Error;
use tokio::time::Instant;

use crate::credential::Credential;
use crate::error::{CredentialError, Problem};
use crate::fetch::Fetch;
use crate::mints::Mints;
use crate::rotation::{Noted, Own, Rotation, Shared, Sharing, noted};
use crate::secrets::Secrets;
use crate::token::AccessToken;

/// The credentials of all identities of one configuration, one each.
pub struct Credentials {
    by_identity: HashMap<IdentityName, Arc<Credential>>,
    secrets: Secrets,
    fetch: Arc<dyn Fetch>,
    mints: Arc<Mints>,
    keeping: Keeping,
}

/// Where refresh tokens that orgs rotate are kept, for the life of the process.
#[derive(Clone)]
enum Keeping {
    /// In the state folder of the only replica.
    Own,
    /// In the store of several replicas; nowhere when they have no key for it.
    Shared(Option<Sharing>),
}

/// Why a configuration's credentials cannot be served.
#[derive(Debug, Error)]
pub enum CredentialsError {
    /// The configuration names an org that it does not have.
    #[error("identity `{0}`: its org is not in the configuration")]
    NoOrg(IdentityName),
    /// A token that the org may rotate cannot be shared by several replicas.
    #[error(
        "identity `{0}`: its org may rotate the `refresh_token`, and several replicas share the newest one sealed; write \
         `state.key`, a reference to at least 32 random bytes that the replicas have and the store has not, and start anew"
    )]
    NoKey(IdentityName),
}

/// How a credential stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Which mint the token in use came from; `None` when none is valid.
    pub generation: Option<u64>,
    /// Why the last mint failed, or could not be made with the secrets as they are now, if so.
    pub problem: Option<Arc<Problem>>,
}

// === impl Credentials ===

impl Credentials {
    /// The credentials of a configuration. Nothing is read or minted before the first request asks.
    ///
    /// # Errors
    /// The first credential that can never work.
    pub fn new(config: &Config, secrets: Secrets, fetch: Arc<dyn Fetch>) -> Result<Self, CredentialsError> {
        Self::kept(config, (secrets, fetch), Keeping::Own)
    }

    /// The same for one of several replicas. Without what they share refresh tokens by, none can be used.
    ///
    /// # Errors
    /// The first credential that can never work.
    pub fn of_several(
        config: &Config,
        secrets: Secrets,
        fetch: Arc<dyn Fetch>,
        sharing: Option<Sharing>,
    ) -> Result<Self, CredentialsError> {
        Self::kept(config, (secrets, fetch), Keeping::Shared(sharing))
    }

    fn kept(
        config: &Config,
        (secrets, fetch): (Secrets, Arc<dyn Fetch>),
        keeping: Keeping,
    ) -> Result<Self, CredentialsError> {
        Self { by_identity: HashMap::new(), secrets, fetch, mints: Arc::default(), keeping }.next(config)
    }

    /// The credentials of a changed configuration. Those that it leaves as they were keep their tokens.
    ///
    /// # Errors
    /// The first credential that can never work.
    pub fn next(&self, config: &Config) -> Result<Self, CredentialsError> {
        let state = state_folder(config);
        let mut by_identity = HashMap::with_capacity(config.identities.len());
        for (name, identity) in &config.identities {
            let org = config.orgs.get(&identity.org).ok_or_else(|| CredentialsError::NoOrg(name.clone()))?;
            let flow = &identity.credential;
            let rotation = match (&self.keeping, flow) {
                (Keeping::Shared(Some(sharing)), _) => {
                    Rotation::Shared(Shared::new(sharing, &state, (&org.id, name)))
                }
                (Keeping::Shared(None), Flow::RefreshToken { .. }) => {
                    return Err(CredentialsError::NoKey(name.clone()));
                }
                (Keeping::Own, _) | (Keeping::Shared(None), _) => Rotation::Own(Own::new(&state, name)),
            };
            let known = self.by_identity.get(name).filter(|known| known.is_of(org, flow));
            let credential = known.cloned().unwrap_or_else(|| {
                let means = (&self.secrets, &self.fetch, &self.mints);
                Arc::new(Credential::new(name, (org, flow), rotation, means))
            });
            by_identity.insert(name.clone(), credential);
        }
        let (secrets, fetch) = (self.secrets.clone(), Arc::clone(&self.fetch));
        let (mints, keeping) = (Arc::clone(&self.mints), self.keeping.clone());
        Ok(Self { by_identity, secrets, fetch, mints, keeping })
    }

    /// The records of refresh tokens that this replica knows to have been in the shared store, for one that has lost
    /// what it held.
    ///
    /// # Errors
    /// The state folder cannot be read.
    pub fn noted(config: &Config) -> io::Result<Vec<Noted>> {
        noted(&state_folder(config))
    }

    /// The org's token for an identity: the one in use, or one that is minted now. However many ask, one mint is made.
    ///
    /// # Errors
    /// No token, and when the next try is made.
    pub async fn token(&self, identity: &IdentityName) -> Result<Arc<AccessToken>, CredentialError> {
        self.of(identity)?.token().await
    }

    /// The token of an identity that is in use, if there is one; none is minted.
    #[must_use]
    pub fn current(&self, identity: &IdentityName) -> Option<Arc<AccessToken>> {
        self.by_identity.get(identity)?.current()
    }

    /// A newer token than `refused`, to which the org answered 401. However many come with the same one, one mint is
    /// made; nobody gets `refused` again.
    ///
    /// # Errors
    /// No token, and when the next try is made.
    pub async fn renew(
        &self,
        identity: &IdentityName,
        refused: &AccessToken,
    ) -> Result<Arc<AccessToken>, CredentialError> {
        self.of(identity)?.renew(refused).await
    }

    /// Gives an identity's token back to the org, so that no copy of it works any more. The next request mints anew.
    ///
    /// # Errors
    /// The org did not take it back; it is not used any more all the same.
    pub async fn revoke(&self, identity: &IdentityName) -> Result<(), Problem> {
        match self.by_identity.get(identity) {
            Some(credential) => credential.revoke().await,
            None => Err(Problem::NoCredential(identity.clone())),
        }
    }

    /// Mints with every secret that has changed since the last good mint with it, one credential after the other. The
    /// secrets before are used until those are proven.
    pub async fn prove(&self) {
        for credential in self.by_identity.values() {
            credential.prove().await;
        }
    }

    /// How an identity's credential stands; `None` when there is no such identity. Waits for a mint under way.
    pub async fn standing(&self, identity: &IdentityName) -> Option<Standing> {
        let (generation, problem) = self.by_identity.get(identity)?.standing().await;
        Some(Standing { generation, problem })
    }

    /// How many mints went how, from a closed list: `minted`, or what was wrong.
    #[must_use]
    pub fn mints(&self) -> Vec<(&'static str, u64)> {
        self.mints.counts()
    }

    /// For every org with a token in use, how long the token that ends first is good. By org, since a token belongs to
    /// no list.
    #[must_use]
    pub fn left(&self) -> BTreeMap<String, Duration> {
        let now = Instant::now();
        let mut left = BTreeMap::new();
        for (org, duration) in self.by_identity.values().filter_map(|credential| credential.left(now)) {
            let first = left.entry(org.to_owned()).or_insert(duration);
            *first = duration.min(*first);
        }
        left
    }

    fn of(&self, identity: &IdentityName) -> Result<&Arc<Credential>, CredentialError> {
        self.by_identity.get(identity).ok_or_else(|| CredentialError {
            problem: Arc::new(Problem::NoCredential(identity.clone())),
            retry_after: Duration::from_secs(60),
        })
    }
}

fn state_folder(config: &Config) -> PathBuf {
    let (State::Embedded(state) | State::Redis { path: state, .. }) = &config.state;
    config.root.join(state)
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Credentials({} identities, redacted)", self.by_identity.len())
    }
}
