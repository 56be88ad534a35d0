//! What keeps the service from serving as it should.

use forcefield_limits::LEASE;

use super::Service;
use crate::telemetry::health::Problem;

impl Service {
    /// What is wrong now.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let record = (!self.rooms.audit().writable).then_some(Problem::Record);
        let state = (!self.limits.is_writable()).then_some(Problem::State);
        let cut_off = self.replicas.as_ref().is_some_and(|replicas| !replicas.heard_within(LEASE));
        let store = cut_off.then_some(Problem::Store);
        record.into_iter().chain(state).chain(store).chain(self.undescribed()).collect()
    }

    /// Orgs that have not described themselves. One of several is no reason to keep the others' integrations away.
    fn undescribed(&self) -> Vec<Problem> {
        let live = self.live.load();
        let (mut missing, mut known) = (Vec::new(), false);
        for (org, objects) in live.described() {
            match objects {
                0 => missing.push(Problem::SchemaOf(org.clone())),
                _ => known = true,
            }
        }
        if missing.is_empty() || known { missing } else { vec![Problem::NoSchema] }
    }
}
