//! What Forcefield answers itself besides logins: the root and the list of API versions to callers without a
//! credential, and to every caller the user that stands for it.
//!
//! SDKs ask for versions before they log in, and the sf CLI cannot log in without its own user record (clients.md,
//! sections 2.1 and 2.5).

use bytes::Bytes;
use forcefield_identity::{Caller, Peer};
use forcefield_policy::names::ApiVersion;
use forcefield_policy::request::Api;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{HeaderName, Method, Response};
use http_body_util::Full;
use serde_json::{Value, json};

use super::login::{folded, response};
use super::{Reply, Service, X_SFDC_SESSION};
use crate::exchange::Exchange;
use crate::live::Snapshot;

/// Answers the root and the list of versions to a caller that shows no credential at all; `None` for every other
/// request, which needs one.
pub(super) fn public(live: &Snapshot, peer: &Peer, parts: &Parts, exchange: &mut Exchange) -> Option<Reply> {
    let carries = |name: &HeaderName| parts.headers.contains_key(name);
    let shown = carries(&AUTHORIZATION) || carries(&X_SFDC_SESSION);
    if shown || peer.certificate().is_some() || !is_read(parts) || parts.uri.query().is_some() {
        return None;
    }
    let path = folded(parts.uri.path());
    let body = match path.strip_suffix('/').unwrap_or(path) {
        "" => json!({}),
        "/services/data" => versions(live),
        _ => return None,
    };
    exchange.login("public", None, None);
    exchange.note(|record| record.door = Some(Api::Versions));
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    Some(Reply::whole(answer))
}

impl Service {
    /// Answers a caller that reads its own user record, which exists nowhere but here.
    pub(super) fn own_user(
        &self,
        live: &Snapshot,
        caller: &Caller,
        (peer, parts): (&Peer, &Parts),
        exchange: &mut Exchange,
    ) -> Option<Reply> {
        let path = folded(parts.uri.path()).strip_prefix("/services/data/").filter(|_| is_read(parts))?;
        let (version, rest) = path.split_once('/')?;
        let id = rest.strip_prefix("sobjects/User/")?;
        ApiVersion::from_segment(version).ok()?;
        let answer = self.logins.own_user(&live.identities, caller, peer, (version, id))?;
        exchange.login("own user", Some(caller.identity.name.clone()), None);
        exchange.note(|record| record.door = Some(Api::Sobject));
        Some(Reply::whole(response(answer)))
    }
}

fn is_read(parts: &Parts) -> bool {
    matches!(parts.method, Method::GET | Method::HEAD)
}

/// The versions that any of the orgs may be asked in, in Salesforce's form.
fn versions(live: &Snapshot) -> Value {
    let ranges = || live.config.orgs.values().map(|org| org.api_versions);
    let oldest = ranges().map(|range| range.oldest.major()).min().unwrap_or_default();
    let newest = ranges().map(|range| range.newest.major()).max().unwrap_or_default();
    let served = |number: &u16| ranges().any(|range| range.contains(ApiVersion::new(*number)));
    let version = |number: u16| json!({"label": label(number), "url": format!("/services/data/v{number}.0"), "version": format!("{number}.0")});
    (oldest..=newest).filter(served).map(version).collect()
}

/// The release that brought a version: three a year, `59.0` with Winter '24.
fn label(version: u16) -> String {
    let releases = i32::from(version) - 59;
    let season = ["Winter", "Spring", "Summer"];
    let season = usize::try_from(releases.rem_euclid(3)).ok().and_then(|at| season.get(at)).unwrap_or(&"");
    format!("{season} '{:02}", (24 + releases.div_euclid(3)).rem_euclid(100))
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn releases_are_named_by_season_and_year() {
        let names = [
            (58, "Summer '23"),
            (59, "Winter '24"),
            (60, "Spring '24"),
            (62, "Winter '25"),
            (50, "Winter '21"),
        ];
        for (version, name) in names {
            assert_eq!(label(version), name);
        }
    }
}
