//! What responders have put on integrations, as requests and limits follow it.

use std::sync::PoisonError;

use forcefield_config::Config;
use forcefield_control::Admitted;
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;

use super::Service;
use crate::reply::Refusal;

impl Service {
    /// Lets a request of an integration in, unless a responder or a signal stopped it.
    pub(super) fn let_in(&self, identity: &IdentityName) -> Result<Admitted, Refusal> {
        self.still_in(identity)?;
        let admitted = self.restraints.admit(identity, Timestamp::now());
        admitted.map_err(|quarantined| Refusal::Quarantined(identity.clone(), quarantined))
    }

    /// Refuses when an integration was stopped since it was let in.
    pub(super) fn still_in(&self, identity: &IdentityName) -> Result<(), Refusal> {
        let stopped = self.rooms.signals.stopped(identity, Timestamp::now());
        stopped.map_or(Ok(()), |quarantined| Err(Refusal::Quarantined(identity.clone(), quarantined)))
    }

    /// Has the limits follow the configuration and the throttles in force.
    pub fn follow_throttles(&self) {
        // One at a time, so that an older view never replaces a newer one.
        let _throttling = self.throttling.lock().unwrap_or_else(PoisonError::into_inner);
        self.limit(&self.live.load().config);
    }

    /// Has decisions follow the break-glass grants in force.
    pub fn follow_grants(&self) {
        self.live.update(|live| live.at(Timestamp::now()));
    }

    /// Narrows the limits of a configuration by the throttles in force.
    pub fn limit(&self, config: &Config) {
        let now = Timestamp::now();
        let mut identities = config.identities.clone();
        for (name, identity) in &mut identities {
            identity.limits = self.restraints.narrowed(name, &identity.limits, now);
        }
        self.limits.reload(&identities);
    }
}
