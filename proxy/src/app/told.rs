//! What is told of listeners and runtimes, from when they are there.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;

use crate::front::Front;
use crate::service::Service;
use crate::telemetry::health::Problem;
use crate::telemetry::{Telemetry, observed};
use crate::workload::{Bundles, wanted};

/// Has a listener's connections and certificates told, and that its certificate has expired as this problem.
pub(super) fn front(name: &'static str, telemetry: &Telemetry, (front, expired): (&Arc<Front>, Problem)) {
    let of = Arc::clone(front);
    telemetry.observe(Box::new(move || observed::front(name, &of)));
    let of = Arc::clone(front);
    telemetry.health().check(Box::new(move || {
        let until = of.trust().current().shown_until().own;
        let has_expired = until.is_none_or(|until| until <= now());
        has_expired.then(|| expired.clone()).into_iter().collect()
    }));
}

/// Has told whom SVIDs and JWTs are believed of, and which of them is nobody as yet.
pub(super) fn trust(service: &Arc<Service>, front: &Arc<Front>, bundles: &Arc<Bundles>) {
    let telemetry = &service.rooms.telemetry;
    let (of, said) = (Arc::downgrade(service), Arc::clone(bundles));
    telemetry.observe(Box::new(move || of.upgrade().map_or_else(Vec::new, |of| observed::trust(&of, &said))));
    let (of, said, front) = (Arc::downgrade(service), Arc::clone(bundles), Arc::clone(front));
    telemetry.health().check(Box::new(move || {
        let Some(of) = of.upgrade() else { return Vec::new() };
        let (live, trust) = (of.live.load(), front.trust().current());
        let without = trust.authorities(now()).filter(|(_, count)| *count == 0);
        let mut problems: Vec<Problem> =
            without.map(|(domain, _)| Problem::NoAuthority(domain.to_owned())).collect();
        let issuers = live.config.issuers.keys().filter(|issuer| live.standing().keys.count(issuer) == 0);
        problems.extend(issuers.cloned().map(Problem::NoKeys));
        let away = wanted(&live.config).into_iter().filter(|(socket, call)| !said.is_followed(socket, *call));
        let mut away: Vec<Problem> =
            away.map(|(socket, _)| Problem::WorkloadApi(socket.display().to_string())).collect();
        away.dedup();
        problems.extend(away);
        problems
    }));
}

/// Has the runtime that this runs on told.
pub(super) fn runtime(name: &'static str, telemetry: &Telemetry) {
    let handle = Handle::current();
    telemetry.observe(Box::new(move || observed::runtime(name, &handle)));
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
