//! What an org answers outside its data APIs: logins and tokens, identities, browser pages and servlets.
//!
//! Recognised so that records say what was tried; nothing here is ever sent, but for the caller's own identity.
//! Reference, section 10.

use super::Unclear;
use super::call::Call;
use super::rest::misc::who_am_i;
use crate::id::RecordId;
use crate::request::{Api, Method, Never, Operation, Request};

/// `/services/oauth2`
pub(crate) fn oauth(call: &Call<'_>) -> Result<Request, Unclear> {
    match (call.method, &*call.names()) {
        (Method::Get | Method::Post, ["userinfo"]) if !call.has_body() => who_am_i(call, Api::OAuth),
        (_, [name] | [name, ..]) if OAUTH.contains(name) => {
            Ok(call.never(Api::OAuth, Operation::Auth, Never::Session))
        }
        _ => Err(call.unknown()),
    }
}

/// `/id/{org}/{user}`
pub(crate) fn identity(call: &Call<'_>) -> Result<Request, Unclear> {
    let is =
        |text: &str, prefix: &str| RecordId::parse(text).is_some_and(|id| id.prefix().as_str() == prefix);
    match (call.is_get(), &*call.names()) {
        (true, [org, user]) if is(org, "00D") && is(user, "005") => who_am_i(call, Api::Identity),
        (true, ["keys"]) => Ok(call.never(Api::OAuth, Operation::Auth, Never::Session)),
        _ => Err(call.unknown()),
    }
}

/// Everything that no other tree answers: known pages, by their first segments.
pub(crate) fn web(call: &Call<'_>) -> Result<Request, Unclear> {
    let names = call.names();
    let never = |operation| call.never(Api::Web, operation, Never::Web);
    let session = || call.never(Api::OAuth, Operation::Auth, Never::Session);
    let [first, behind @ ..] = &*names else { return Err(call.unknown()) };
    let operation = match (*first, behind) {
        ("services", ["a360", "token"]) | (".well-known", [_]) => return Ok(session()),
        ("services", ["auth" | "authcallback" | "connectedapps" | "authproviders", ..]) => {
            return Ok(session());
        }
        ("services", ["proxy", ..]) => Operation::Execute,
        ("services", ["wsdl", ..]) | ("soap", _) => Operation::Meta,
        ("services", _) => return Err(call.unknown()),
        ("secur", _) | ("login", []) | ("sserv" | "portal", _) => Operation::Auth,
        ("content", ["session", ..]) => Operation::Auth,
        ("servlet", ["servlet.OrgExport"]) | ("ui", ["setup", "export", ..]) => Operation::Export,
        ("servlet", ["servlet.WebToLead" | "servlet.WebToCase"]) => Operation::Create,
        ("servlet" | "sfc" | "version" | "profilephoto", [_, ..]) => Operation::Read,
        ("aura" | "apexremote", _) | ("apex", [_, ..]) | ("apexpages" | "webruntime", _) => {
            Operation::Execute
        }
        ("s", ["sfsites", ..]) => Operation::Execute,
        ("_ui", ["common", "apex", "debug", ..]) => Operation::Execute,
        (page, _) if PAGES.contains(&page) => Operation::Read,
        (page, _) if ASSETS.contains(&page) => Operation::Meta,
        (page, []) if is_report(page) && call.asks_for("export") => Operation::Export,
        (page, [] | ["e" | "d" | "o" | "p" | "m"]) if is_record(call, page) => Operation::Read,
        _ => return Err(call.unknown()),
    };
    Ok(Request { export: operation == Operation::Export, ..never(operation) })
}

fn is_report(page: &str) -> bool {
    RecordId::parse(page).is_some_and(|id| id.prefix().as_str() == "00O")
}

/// A page of a record by its id, or of an object by its prefix.
fn is_record(call: &Call<'_>, page: &str) -> bool {
    let prefix = RecordId::parse(page).map(|id| id.prefix()).or_else(|| crate::id::KeyPrefix::parse(page));
    prefix.is_some_and(|prefix| prefix.as_str() == "00O" || call.schema.with_prefix(prefix).next().is_some())
}

/// The endpoints of `/services/oauth2`.
const OAUTH: [&str; 11] = [
    "token",
    "authorize",
    "revoke",
    "introspect",
    "userinfo",
    "register",
    "singleaccess",
    "success",
    "echo",
    "callback",
    "device",
];

/// Trees of pages that show data.
const PAGES: [&str; 14] = [
    "lightning",
    "one",
    "setup",
    "_ui",
    "p",
    "ui",
    "udd",
    "ltng",
    "cs",
    "console",
    "home",
    "email",
    "chatter",
    "embeddedservice",
];

/// What browsers load beside pages.
const ASSETS: [&str; 5] = ["resource", "jslibrary", "img", "robots.txt", "favicon.ico"];
