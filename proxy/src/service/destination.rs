//! Where exports go: only to the destinations that are named for every object they read, at each fetch and for as long
//! as a download lasts.

use std::sync::Arc;

use forcefield_config::config::Destination;
use forcefield_identity::Peer;
use forcefield_policy::decision::Permit;
use forcefield_policy::names::IdentityName;
use forcefield_policy::request::Origin;

use super::Service;
use crate::live::{Member, Snapshot};
use crate::reply::Refusal;

/// An export, and who takes it where.
pub(super) struct Export {
    identity: IdentityName,
    peer: Peer,
    objects: Vec<String>,
}

/// An export under way, looked at again whenever another snapshot is in force.
pub(crate) struct Watch {
    export: Export,
    service: Arc<Service>,
    /// The snapshot that allowed it.
    seen: Arc<Snapshot>,
}

// === impl Export ===

impl Export {
    /// The export that a permit is, if it is one.
    pub(super) fn of(
        peer: &Peer,
        member: &Member,
        permit: &Permit,
        origins: &[Option<Origin>],
    ) -> Option<Self> {
        if !permit.is_export() {
            return None;
        }
        let of_handles =
            origins.iter().flatten().flat_map(|origin| origin.reads.iter().map(|(object, _)| object));
        let objects = permit.reading().objects.iter().chain(of_handles).cloned().collect();
        Some(Self { identity: member.identity.name.clone(), peer: peer.clone(), objects })
    }

    /// Whether everything in it may go where its caller stands.
    pub(super) fn check(&self, live: &Snapshot) -> Result<(), Refusal> {
        let allowed = |object: &&String| {
            let member = live.member(&self.identity);
            let exports = member.into_iter().flat_map(|member| &member.identity.exports);
            let exports = exports.filter(|export| export.object.as_str().eq_ignore_ascii_case(object));
            let mut places =
                exports.flat_map(|export| &export.to).filter_map(|name| live.config.destinations.get(name));
            places.any(|place| is_at(&self.peer, place))
        };
        match self.objects.iter().find(|object| !allowed(object)) {
            None => Ok(()),
            Some(object) => Err(Refusal::NotHere(format!(
                "{} may not export {object} to where it calls from (not one of its `destinations`)",
                self.identity
            ))),
        }
    }

    /// Goes on looking, from the snapshot that allowed it.
    pub(super) fn watch(self, service: &Arc<Service>, seen: Arc<Snapshot>) -> Watch {
        Watch { export: self, service: Arc::clone(service), seen }
    }
}

// === impl Watch ===

impl Watch {
    /// Whether the export may go on. Costs a comparison of pointers as long as the configuration is the same.
    ///
    /// # Errors
    /// The configuration in force does not allow it any more.
    pub(crate) fn check(&mut self) -> Result<(), Refusal> {
        if self.service.live.is(&self.seen) {
            return Ok(());
        }
        let live = self.service.live.load();
        self.export.check(&live)?;
        self.seen = live;
        Ok(())
    }
}

/// Whether a caller stands at a destination: in one of its networks and with one of its certificates, where it names
/// any.
fn is_at(peer: &Peer, place: &Destination) -> bool {
    let in_network =
        place.networks.is_empty() || place.networks.iter().any(|network| network.contains(&peer.address()));
    let shown = |wanted| peer.certificate().is_some_and(|certificate| certificate.matches(wanted));
    in_network && (place.certificates.is_empty() || place.certificates.iter().any(shown))
}
