//! What is told of listeners and runtimes, from when they are there.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::runtime::Handle;

use crate::front::Front;
use crate::telemetry::health::Problem;
use crate::telemetry::{Telemetry, observed};

/// Has a listener's connections and certificates told, and that its certificate has expired as this problem.
pub(super) fn front(name: &'static str, telemetry: &Telemetry, (front, expired): (&Arc<Front>, Problem)) {
    let of = Arc::clone(front);
    telemetry.observe(Box::new(move || observed::front(name, &of)));
    let of = Arc::clone(front);
    telemetry.health().check(Box::new(move || {
        let until = of.trust().current().shown_until().own;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let has_expired = until.is_none_or(|until| until <= now);
        has_expired.then(|| expired.clone()).into_iter().collect()
    }));
}

/// Has the runtime that this runs on told.
pub(super) fn runtime(name: &'static str, telemetry: &Telemetry) {
    let handle = Handle::current();
    telemetry.observe(Box::new(move || observed::runtime(name, &handle)));
}
