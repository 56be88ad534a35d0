//! `/services/data/vXX.0/...`

use crate::bulk;
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::wire::{Ask, Reply};
use serde_json::{Map, Value as Json, json};

pub(crate) mod analytics;
pub(crate) mod apex;
mod batch;
mod blob;
mod collections;
mod composite;
pub(crate) mod describe;
pub(crate) mod history;
mod misc;
pub(crate) mod multipart;
mod query;
mod reference;
mod row;
pub(crate) mod search;
mod sobjects;
mod tree;
mod ui;

/// The versions an org of Winter '27 speaks without a warning or with one.
const VERSIONS: std::ops::RangeInclusive<u32> = 31..=68;

/// `/services/data`: no session needed.
pub(crate) fn versions(ask: &Ask) -> Reply {
    let version = |version: u32| {
        let (label, url) = (label(version), format!("/services/data/v{version}.0"));
        (label, url, format!("{version}.0"))
    };
    if ask.header("accept").is_some_and(|accept| accept.contains("xml") && !accept.contains("json")) {
        let entries: String = VERSIONS
            .map(version)
            .map(|(label, url, number)| {
                format!(
                    "<Version><label>{label}</label><url>{url}</url><version>{number}</version></Version>"
                )
            })
            .collect();
        let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Versions>{entries}</Versions>");
        return Reply::new(200, "application/xml;charset=UTF-8", body);
    }
    let entries: Vec<Json> = VERSIONS
        .map(version)
        .map(|(label, url, number)| json!({ "label": label, "url": url, "version": number }))
        .collect();
    Reply::ok(&Json::Array(entries))
}

fn label(version: u32) -> String {
    // 58 is Summer '23, and three releases make a year.
    let summer = (version + 11) / 3;
    match version % 3 {
        1 => format!("Summer '{summer}"),
        2 => format!("Winter '{}", summer + 1),
        _ => format!("Spring '{}", summer + 1),
    }
}

/// Anything under a version.
pub(crate) fn answer(call: &mut Call<'_>, version: &str, ask: &Ask) -> Reply {
    let Some(number) = parse_version(version) else { return Reply::fault(&Fault::not_found()) };
    if number < *VERSIONS.start() {
        let message = "The requested API version has been retired or is deprecated";
        return Reply::fault(&Fault::new(410, "GONE", message));
    }
    if number > *VERSIONS.end() {
        return Reply::fault(&Fault::not_found());
    }
    call.version = number;
    let mut path = ask.segments(3);
    if number <= 57 {
        strip_suffix(&mut path);
    }
    resource(call, &path, ask).unwrap_or_else(|fault| Reply::fault(&fault))
}

/// `v60.0` to 60. The org's own reading is generous: letter case and leading zeros do not matter.
fn parse_version(segment: &str) -> Option<u32> {
    let (major, minor) = segment.trim_start_matches(['v', 'V']).split_once('.')?;
    let major = major.parse().ok()?;
    minor.bytes().all(|byte| byte == b'0').then_some(major)
}

/// Up to v57.0 a path may end in `.json`, as part of the last segment or as a segment of its own.
fn strip_suffix(path: &mut Vec<&str>) {
    if let Some(last) = path.pop() {
        let bare = [".json", ".xml"].iter().find_map(|suffix| last.strip_suffix(suffix)).unwrap_or(last);
        if !bare.is_empty() {
            path.push(bare);
        }
    }
}

/// One resource of a version; composite requests come back here for each of their parts.
pub(crate) fn resource(call: &mut Call<'_>, path: &[&str], ask: &Ask) -> Outcome<Reply> {
    match path {
        [] => Ok(Reply::ok(&resources(call))),
        ["sobjects", rest @ ..] => sobjects::answer(call, rest, ask),
        ["query" | "queryAll", rest @ ..] => {
            query::answer(call, rest, path.first() == Some(&"queryAll"), ask)
        }
        ["search" | "searchlayout" | "parameterizedSearch", rest @ ..] => {
            search::answer(call, path, rest, ask)
        }
        ["composite", "sobjects", rest @ ..] => collections::answer(call, rest, ask),
        ["composite", "batch"] => batch::answer(call, ask),
        ["composite", "graph"] => composite::graph(call, ask),
        ["composite", "tree", object] => tree::answer(call, object, ask),
        ["composite"] if ask.is_get() => Ok(Reply::ok(&composite::family(call))),
        ["composite"] => composite::answer(call, ask),
        ["jobs", rest @ ..] => bulk::v2::answer(call, rest, ask),
        ["graphql"] => crate::graphql::answer(call, ask),
        ["ui-api", rest @ ..] => ui::answer(call, rest, ask),
        ["analytics", "reports", rest @ ..] => analytics::answer(call, rest, ask),
        ["limits"] => Ok(Reply::ok(&misc::limits(call))),
        ["limits", "recordCount"] => misc::record_count(call, ask),
        ["compactLayouts"] => misc::compact_layouts(call, ask),
        ["tabs" | "theme" | "nouns" | "appMenu", ..] => Ok(Reply::ok(&Json::Array(Vec::new()))),
        ["recent"] => misc::recent(call, ask),
        ["tooling", rest @ ..] => misc::tooling(call, rest, ask),
        ["actions", rest @ ..] => misc::actions(call, rest, ask),
        _ => Err(Fault::not_found()),
    }
}

fn resources(call: &Call<'_>) -> Json {
    let mut map = Map::new();
    for name in RESOURCES {
        map.insert(name.to_owned(), json!(format!("/services/data/v{}.0/{name}", call.version)));
    }
    let (url, org) = (&call.settings.url, &call.settings.org_id);
    map.insert("identity".to_owned(), json!(format!("{url}/id/{org}/{}", call.user)));
    Json::Object(map)
}

const RESOURCES: [&str; 30] = [
    "tooling",
    "metadata",
    "eclair",
    "folders",
    "jsonxform",
    "chatter",
    "appMenu",
    "queryAll",
    "analytics",
    "search",
    "composite",
    "parameterizedSearch",
    "theme",
    "nouns",
    "recent",
    "connect",
    "licensing",
    "limits",
    "process",
    "jobs",
    "query",
    "sobjects",
    "actions",
    "tabs",
    "ui-api",
    "graphql",
    "support",
    "quickActions",
    "compactLayouts",
    "wave",
];
