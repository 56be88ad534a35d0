//! What the rooms tell of themselves, looked up at the moment of asking: nothing here is paid for by requests.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

use forcefield_audit::Status;
use forcefield_control::Effect;
use forcefield_limits::{Limits, OrgCalls, Spend};
use jiff::Timestamp;
use tokio::runtime::Handle;

use super::metric::{Family, Labels, label};
use crate::front::Front;
use crate::service::Service;
use crate::upstream::{Counts, Pool, Upstream};
use crate::workload::{Bundles, Call, wanted};

/// What the rooms of a service tell.
#[must_use]
pub fn service(service: &Service) -> Vec<Family> {
    let live = service.live.load();
    let described = live.described().map(|(org, objects)| (label("org", org.clone()), objects));
    let (minted, left) = {
        let credentials = service.credentials.load();
        (credentials.mints(), credentials.left())
    };
    let mut families = vec![
        Family::gauge("forcefield_build_info", "1, with the version of the program")
            .with(label("version", env!("CARGO_PKG_VERSION")), 1_u64),
        Family::gauge("forcefield_exchanges_in_flight", "Permitted exchanges whose answer has not ended")
            .of(service.presences.total()),
        Family::gauge("forcefield_schema_objects", "Objects that an org has described; 0 until it has")
            .with_each(described),
        Family::counter("forcefield_token_mints_total", "Tokens asked of orgs, by how that went")
            .with_each(minted.into_iter().map(|(result, count)| (label("result", result), count))),
        Family::gauge("forcefield_token_expiry_seconds", "How long the org's token that ends first is good")
            .with_each(left.into_iter().map(|(org, left)| (label("org", org), left))),
    ];
    families.extend(identities(service));
    families.extend(audit(service.rooms.audit()));
    families.extend(state(&service.limits));
    families.extend(orgs(&service.limits));
    families.push(
        Family::gauge(
            "forcefield_store_reached",
            "Whether the store that replicas share is in reach, if any",
        )
        .of(service.replicas.as_ref().is_none_or(|replicas| replicas.hears())),
    );
    families.extend(upstream(&service.upstream));
    families
}

/// What is known by integration. The label is a name of the configuration, so the list is closed.
fn identities(service: &Service) -> Vec<Family> {
    let named = |spend: &Spend| label("identity", spend.identity.to_string());
    let spends = service.limits.snapshot();
    let tallied = || spends.iter().map(|spend| (named(spend), service.rooms.tally.of(&spend.identity)));
    let shown = |value: fn(&Spend) -> Option<u64>| {
        let samples = spends.iter().filter_map(move |spend| Some((named(spend), value(spend)?)));
        samples.collect::<Vec<_>>()
    };
    let restraint = |restraint: forcefield_control::Restraint| {
        let effect = match restraint.effect {
            Effect::Throttle { .. } => "throttle",
            Effect::Quarantine => "quarantine",
            Effect::Kill => "kill",
        };
        vec![("identity", restraint.identity.to_string().into()), ("effect", Cow::Borrowed(effect))]
    };
    let mut restraints: Vec<Labels> =
        service.restraints.all(Timestamp::now()).into_iter().map(restraint).collect();
    restraints.sort();
    restraints.dedup();
    vec![
        Family::counter("forcefield_identity_requests_total", "Exchanges of an integration")
            .with_each(tallied().map(|(name, tallied)| (name, tallied.exchanges))),
        Family::counter(
            "forcefield_identity_refusals_total",
            "Exchanges of an integration that were refused",
        )
        .with_each(tallied().map(|(name, tallied)| (name, tallied.refused))),
        Family::gauge("forcefield_rows_left", "Rows left of the budget of an integration")
            .with_each(shown(Spend::rows_left)),
        Family::gauge("forcefield_rows_budget", "The row budget of an integration")
            .with_each(shown(|spend| Some(spend.rows_budget?.amount.get()))),
        Family::gauge("forcefield_bytes_left", "Bytes left of the budget of an integration")
            .with_each(shown(Spend::bytes_left)),
        Family::gauge("forcefield_bytes_budget", "The byte budget of an integration")
            .with_each(shown(|spend| Some(spend.bytes_budget?.amount.get()))),
        Family::gauge("forcefield_restraint", "1 for what responders have put on an integration, by effect")
            .with_each(restraints.into_iter().map(|labels| (labels, 1_u64))),
    ]
}

fn audit(status: Status) -> Vec<Family> {
    vec![
        Family::gauge("forcefield_audit_writable", "Whether the last attempt to write records succeeded")
            .of(status.writable),
        Family::gauge("forcefield_audit_queued", "Exchanges that hold a place in the queue of records")
            .of(status.queued),
        Family::gauge("forcefield_audit_queue_size", "Places in the queue of records").of(status.places),
        Family::counter("forcefield_audit_lines_total", "Lines written to the record").of(status.lines),
        Family::counter("forcefield_audit_bytes_total", "Bytes written to the record").of(status.bytes),
        Family::counter("forcefield_audit_lost_total", "Records that could not be written: the gaps")
            .of(status.lost),
        Family::counter("forcefield_audit_writes_total", "Writes to the record, each of one line or more")
            .of(status.writes),
        Family::counter(
            "forcefield_audit_write_seconds_total",
            "How long writes to the record took together",
        )
        .of(status.writing),
    ]
}

fn state(limits: &Limits) -> Vec<Family> {
    let status = limits.status();
    vec![
        Family::gauge("forcefield_state_writable", "Whether the last attempt to write the state succeeded")
            .of(status.writable),
        Family::counter("forcefield_state_folds_total", "How often what was spent was put into the store")
            .of(status.folds),
        Family::counter("forcefield_state_fold_seconds_total", "How long that took together")
            .of(status.folding),
        Family::counter(
            "forcefield_state_failures_total",
            "Attempts to write the state that failed, by where",
        )
        .with(label("place", "journal"), status.journal_failures)
        .with(label("place", "store"), status.store_failures),
    ]
}

/// What orgs said of their API calls. The label is a name of the configuration.
fn orgs(limits: &Limits) -> Vec<Family> {
    let orgs = limits.orgs();
    let each = |value: fn(&OrgCalls) -> u64| {
        let samples = orgs.iter().map(move |calls| (label("org", calls.org.clone()), value(calls)));
        samples.collect::<Vec<_>>()
    };
    vec![
        Family::gauge("forcefield_org_calls_used", "API calls of an org that are used, as it said last")
            .with_each(each(|calls| calls.used)),
        Family::gauge("forcefield_org_calls", "API calls that an org has in 24 hours, as it said last")
            .with_each(each(|calls| calls.most)),
        Family::counter("forcefield_org_limits_unread_total", "Bodies of `/limits` that could not be read")
            .with_each(each(|calls| calls.unread)),
    ]
}

fn upstream(upstream: &Upstream) -> Vec<Family> {
    let Pool { lanes, in_use, unused } = upstream.pool();
    let counts: &Counts = upstream.counts();
    let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let shown = upstream.shown_until().into_iter();
    let shown = shown.map(|(org, until)| (vec![("shown_by", "org".into()), ("name", org.into())], until));
    vec![
        Family::gauge("forcefield_upstream_lanes", "Pairs of an org and an integration that have called")
            .of(lanes),
        Family::gauge("forcefield_upstream_connections", "Connections to orgs, by what they do")
            .with(label("state", "in-use"), in_use)
            .with(label("state", "unused"), unused),
        Family::counter(
            "forcefield_upstream_dials_total",
            "Connections to orgs that were made, or could not be",
        )
        .with(label("result", "connected"), count(&counts.connected))
        .with(label("result", "unreachable"), count(&counts.unreachable)),
        Family::counter(
            "forcefield_upstream_reused_total",
            "Requests sent on a connection that had served before",
        )
        .of(count(&counts.reused)),
        Family::counter(
            "forcefield_upstream_repeated_total",
            "Requests sent again since a used connection was closed",
        )
        .of(count(&counts.repeated)),
        Family::counter(
            "forcefield_upstream_waits_total",
            "Requests that waited for a free connection, by result",
        )
        .with(label("result", "served"), count(&counts.waited).saturating_sub(count(&counts.busy)))
        .with(label("result", "gave-up"), count(&counts.busy)),
        certificates().with_each(shown),
    ]
}

/// What a listener tells.
#[must_use]
pub fn front(listener: &'static str, front: &Front) -> Vec<Family> {
    let (open, most) = front.connections();
    let named = || label("listener", listener);
    let failures = front.arrivals().failures();
    let failures =
        failures.map(|(why, count)| (vec![("listener", listener.into()), ("reason", why.into())], count));
    let trust = front.trust().current();
    let until = trust.shown_until();
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
    let authorities = trust.authorities(now).map(|(domain, count)| {
        (vec![("listener", listener.into()), ("trust_domain", domain.to_owned().into())], count)
    });
    let shown = |name: &'static str| vec![("shown_by", listener.into()), ("name", name.into())];
    let until = [(shown("own"), until.own), (shown("named"), until.named)];
    vec![
        Family::gauge("forcefield_connections", "Connections of clients that are open, by listener")
            .with(named(), open),
        Family::gauge("forcefield_connections_limit", "Connections of clients that may be open, by listener")
            .with(named(), most),
        Family::counter(
            "forcefield_connections_accepted_total",
            "Connections of clients that were accepted, by listener",
        )
        .with(named(), front.arrivals().total()),
        Family::counter(
            "forcefield_handshakes_failed_total",
            "Handshakes that failed, by listener and reason",
        )
        .with_each(failures),
        Family::gauge(
            "forcefield_trust_authorities",
            "Authorities of a trust domain that have not ended; with none its SVIDs are refused",
        )
        .with_each(authorities),
        certificates().with_each(until.into_iter().filter_map(|(labels, until)| Some((labels, until?)))),
    ]
}

/// Whom SVIDs and JWTs are believed of.
#[must_use]
pub fn trust(service: &Service, bundles: &Bundles) -> Vec<Family> {
    let live = service.live.load();
    let keys = &live.standing().keys;
    let counted = live.config.issuers.keys().map(|name| (label("issuer", name.clone()), keys.count(name)));
    let followed = wanted(&live.config).into_iter().map(|(socket, call)| {
        let svids = match call {
            Call::X509 => "x509",
            Call::Jwt => "jwt",
        };
        let labels = vec![("socket", socket.display().to_string().into()), ("svids", svids.into())];
        (labels, bundles.is_followed(&socket, call))
    });
    vec![
        Family::gauge(
            "forcefield_issuer_keys",
            "Keys of an issuer of workload JWTs; with none they are refused",
        )
        .with_each(counted),
        Family::gauge("forcefield_workload_api_up", "Whether a SPIFFE Workload API would tell of a change")
            .with_each(followed),
    ]
}

/// What a runtime of tokio tells.
#[must_use]
pub fn runtime(name: &'static str, handle: &Handle) -> Vec<Family> {
    let metrics = handle.metrics();
    let busy = (0..metrics.num_workers())
        .map(|worker| metrics.worker_total_busy_duration(worker))
        .sum::<std::time::Duration>();
    let named = || label("runtime", name);
    vec![
        Family::gauge("forcefield_runtime_workers", "Threads of a runtime")
            .with(named(), metrics.num_workers()),
        Family::gauge("forcefield_runtime_tasks", "Tasks of a runtime that have not ended")
            .with(named(), metrics.num_alive_tasks()),
        Family::gauge("forcefield_runtime_queue", "Tasks that wait for any thread of a runtime")
            .with(named(), metrics.global_queue_depth()),
        Family::counter(
            "forcefield_runtime_busy_seconds_total",
            "How long the threads of a runtime were busy together",
        )
        .with(named(), busy),
    ]
}

fn certificates() -> Family {
    Family::gauge(
        "forcefield_certificate_expiry_timestamp_seconds",
        "When a certificate that is shown ends: a listener's own, the first of those by name, the one shown to an org",
    )
}
