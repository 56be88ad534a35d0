//! Every route of the API, once: the router reads this table, and the OpenAPI document is made of it.

use forcefield_config::config::Role;
use http::Method;

/// One route.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) route: Route,
    pub(crate) method: Method,
    /// `{identity}`, `{proposal}` and `{session}` stand for one segment.
    pub(crate) path: &'static str,
    /// The least role that may call it.
    pub(crate) least: Role,
    /// The name in records and of the operation in the document.
    pub(crate) name: &'static str,
    pub(crate) summary: &'static str,
    /// The schema of its answer.
    pub(crate) answer: &'static str,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Status,
    Identity,
    Day,
    Streams,
    Events,
    Act(Action),
    Sessions,
    RevokeSession,
    Jobs,
    Proposals,
    Approve,
    Withdraw,
    Lockdown,
    Reload,
    Audit,
    PublicKey,
    OpenApi,
}

/// What can be done to an integration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Throttle,
    Quarantine,
    Kill,
    Restore,
    BreakGlass,
    EndBreakGlass,
}

/// Why a path leads nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// No such path.
    Unknown,
    /// Not with this method, but with these.
    Method(&'static str),
}

pub(crate) static ROUTES: [Entry; 24] = [
    entry(Route::Status, "/v1/status", Role::Viewer, ("status", "How every integration stands.", "Status")),
    entry(
        Route::Identity,
        "/v1/identities/{identity}",
        Role::Viewer,
        ("identity", "How one integration stands.", "IdentityStatus"),
    ),
    entry(
        Route::Day,
        "/v1/identities/{identity}/day",
        Role::Viewer,
        ("day", "What one integration read on one day, over time, by object and by door.", "Day"),
    ),
    entry(Route::Streams, "/v1/streams", Role::Viewer, ("streams", "The exchanges under way.", "Streams")),
    entry(
        Route::Events,
        "/v1/events",
        Role::Viewer,
        ("events", "What happens, as it happens: server-sent events `status` and `refusal`.", "Tick"),
    ),
    entry(
        Route::Act(Action::Throttle),
        "/v1/identities/{identity}/throttle",
        Role::Responder,
        ("throttle", "Narrow an integration's limits.", "ActionAnswer"),
    ),
    entry(
        Route::Act(Action::Quarantine),
        "/v1/identities/{identity}/quarantine",
        Role::Responder,
        ("quarantine", "Refuse every request of an integration.", "ActionAnswer"),
    ),
    entry(
        Route::Act(Action::Kill),
        "/v1/identities/{identity}/kill",
        Role::Responder,
        ("kill", "Quarantine an integration, cut what it has open, revoke what it holds.", "ActionAnswer"),
    ),
    entry(
        Route::Act(Action::Restore),
        "/v1/identities/{identity}/restore",
        Role::Responder,
        ("restore", "Lift every restraint on an integration, or propose that.", "ActionAnswer"),
    ),
    entry(
        Route::Act(Action::BreakGlass),
        "/v1/identities/{identity}/break-glass",
        Role::Responder,
        ("break-glass", "Grant an integration more for a while, or propose that.", "ActionAnswer"),
    ),
    entry(
        Route::Act(Action::EndBreakGlass),
        "/v1/identities/{identity}/break-glass/end",
        Role::Responder,
        ("end-break-glass", "End every break-glass grant on an integration.", "ActionAnswer"),
    ),
    entry(
        Route::Sessions,
        "/v1/sessions",
        Role::Viewer,
        ("sessions", "The tokens that Forcefield handed out and that work, without the tokens.", "Sessions"),
    ),
    entry(
        Route::Sessions,
        "/v1/identities/{identity}/sessions",
        Role::Viewer,
        ("identity-sessions", "Those of one integration.", "Sessions"),
    ),
    entry(
        Route::RevokeSession,
        "/v1/sessions/{session}/revoke",
        Role::Responder,
        ("revoke-session", "Revoke one token.", "ActionAnswer"),
    ),
    entry(
        Route::Jobs,
        "/v1/jobs",
        Role::Viewer,
        ("jobs", "The cursors and jobs that integrations created.", "Jobs"),
    ),
    entry(
        Route::Jobs,
        "/v1/identities/{identity}/jobs",
        Role::Viewer,
        ("identity-jobs", "Those of one integration.", "Jobs"),
    ),
    entry(
        Route::Proposals,
        "/v1/proposals",
        Role::Viewer,
        ("proposals", "What is proposed and waits for another person.", "Proposals"),
    ),
    entry(
        Route::Approve,
        "/v1/proposals/{proposal}/approve",
        Role::Responder,
        ("approve", "Have a proposal of somebody else done.", "ActionAnswer"),
    ),
    entry(
        Route::Withdraw,
        "/v1/proposals/{proposal}/withdraw",
        Role::Responder,
        ("withdraw", "Put a proposal aside.", "ActionAnswer"),
    ),
    entry(
        Route::Lockdown,
        "/v1/lockdown",
        Role::Responder,
        ("lockdown", "Quarantine every integration.", "ActionAnswer"),
    ),
    entry(
        Route::Reload,
        "/v1/reload",
        Role::Admin,
        ("reload", "Take up the configuration's files.", "ActionAnswer"),
    ),
    entry(Route::Audit, "/v1/audit", Role::Viewer, ("audit", "Ask the record.", "AuditAnswer")),
    entry(
        Route::PublicKey,
        "/v1/audit/public-key",
        Role::Viewer,
        ("audit-public-key", "By which the signatures of the record are verified.", "PublicKey"),
    ),
    entry(Route::OpenApi, "/v1/openapi.json", Role::Viewer, ("openapi", "This document.", "Document")),
];

/// Where a request leads, and the identity or proposal that its path names.
pub(crate) fn find<'p>(method: &Method, path: &'p str) -> Result<(&'static Entry, Option<&'p str>), NoRoute> {
    let mut known = None;
    for entry in &ROUTES {
        let Some(identity) = fits(entry.path, path) else { continue };
        known = Some(entry.method.as_str());
        if entry.method == method {
            return Ok((entry, identity));
        }
    }
    Err(known.map_or(NoRoute::Unknown, NoRoute::Method))
}

const fn entry(
    route: Route,
    path: &'static str,
    least: Role,
    (name, summary, answer): (&'static str, &'static str, &'static str),
) -> Entry {
    let method = match route {
        Route::Act(_)
        | Route::Approve
        | Route::Withdraw
        | Route::RevokeSession
        | Route::Lockdown
        | Route::Reload => Method::POST,
        Route::Status
        | Route::Identity
        | Route::Day
        | Route::Streams
        | Route::Events
        | Route::Proposals
        | Route::Sessions
        | Route::Jobs
        | Route::Audit
        | Route::PublicKey
        | Route::OpenApi => Method::GET,
    };
    Entry { route, method, path, least, name, summary, answer }
}

fn fits<'p>(template: &str, path: &'p str) -> Option<Option<&'p str>> {
    let named = template.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?.1)));
    let Some((before, after)) = named else {
        return (template == path).then_some(None);
    };
    let name = path.strip_prefix(before)?.strip_suffix(after)?;
    (!name.is_empty() && !name.contains('/')).then_some(Some(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_found_by_its_own_path_and_method_only() {
        for entry in &ROUTES {
            let path = entry
                .path
                .replace("{identity}", "nightly")
                .replace("{proposal}", "01J")
                .replace("{session}", "0a");
            let (found, identity) = find(&entry.method, &path).unwrap();
            assert_eq!(found.route, entry.route);
            assert_eq!(identity.is_some(), entry.path.contains('{'));
            assert_eq!(find(&Method::DELETE, &path).unwrap_err(), NoRoute::Method(entry.method.as_str()));
        }
        for path in
            ["/", "/v1", "/v2/status", "/v1/status/", "/v1/identities//kill", "/v1/identities/a/b/kill"]
        {
            assert_eq!(find(&Method::GET, path).unwrap_err(), NoRoute::Unknown, "{path}");
        }
    }
}
