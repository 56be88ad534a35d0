//! The section `telemetry`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::Telemetry;
use crate::problem::Report;
use crate::raw;

/// The collector, and what it gets.
pub(super) fn telemetry(raw: raw::Telemetry, report: &mut Report<'_>) -> Option<Telemetry> {
    let mut headers = BTreeMap::new();
    for (name, value) in raw.headers?.0 {
        let lower = name.value.0.to_ascii_lowercase();
        if FRAMING.contains(&lower.as_str()) {
            report.error(name.at, format!("`{lower}` is set by Forcefield"), "remove it");
        }
        if headers.insert(lower.clone(), value.value).is_some() {
            report.error(name.at, format!("the header `{lower}` is written twice"), "write it once");
        }
    }
    Some(Telemetry {
        otlp: raw.otlp?.value,
        ca: raw.ca?.map(|ca| ca.value),
        headers,
        traces: raw.traces?.map(|share| share.value.0),
        metrics: raw.metrics?.is_none_or(|written| written.value),
        logs: raw.logs?.is_some_and(|written| written.value),
        interval: raw.interval?.map_or(INTERVAL, |written| written.value.0),
    })
}

/// Headers that belong to how a request is framed.
const FRAMING: [&str; 5] = ["connection", "content-length", "content-type", "host", "transfer-encoding"];
const INTERVAL: Duration = Duration::from_secs(15);
