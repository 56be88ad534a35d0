//! Small resources: limits, counts, what was looked at of late; and the doors behind which anything can happen.

use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::schema::Object;
use crate::store::Found;
use crate::touch::Verb;
use crate::wire::{Ask, Reply};
use serde_json::{Value as Json, json};

/// `/limits`
pub(crate) fn limits(call: &Call<'_>) -> Json {
    let full = |max: u64| json!({ "Max": max, "Remaining": max });
    let left = call.state.api_limit.saturating_sub(call.state.api_used);
    json!({
        "ConcurrentAsyncGetReportInstances": full(200),
        "ConcurrentSyncReportRuns": full(20),
        "DailyApiRequests": { "Max": call.state.api_limit, "Remaining": left },
        "DailyAsyncApexExecutions": full(250_000),
        "DailyBulkApiBatches": full(15_000),
        "DailyBulkV2QueryFileStorageMB": full(976_562),
        "DailyBulkV2QueryJobs": full(10_000),
        "DataStorageMB": full(1024),
        "FileStorageMB": full(1024),
        "HourlyAsyncReportRuns": full(1200),
        "HourlySyncReportRuns": full(500),
        "MassEmail": full(5000),
        "PermissionSets": { "Max": 1500, "Remaining": 1499, "CreateCustom": { "Max": 1000, "Remaining": 999 } },
        "SingleEmail": full(5000),
        "StreamingApiConcurrentClients": full(2000),
    })
}

/// `/limits/recordCount`
pub(crate) fn record_count(call: &mut Call<'_>, ask: &Ask) -> Outcome<Reply> {
    let schema = call.schema();
    let named: Vec<&Object> = match ask.param("sObjects").filter(|names| !names.is_empty()) {
        Some(names) => names.split(',').filter_map(|name| schema.object(name.trim())).collect(),
        None => {
            schema.objects().iter().filter(|object| !object.is_event() && object.name != "Name").collect()
        }
    };
    let mut counts = Vec::new();
    for object in named {
        call.touches.object(Verb::Read, &object.name);
        counts.push(json!({ "count": call.state.store.count(object), "name": object.name }));
    }
    Ok(Reply::ok(&json!({ "sObjects": counts })))
}

/// `/compactLayouts?q=A,B`
pub(crate) fn compact_layouts(call: &mut Call<'_>, ask: &Ask) -> Outcome<Reply> {
    let schema = call.schema();
    let mut layouts = serde_json::Map::new();
    for name in ask.param("q").unwrap_or_default().split(',') {
        let object = call.object(&schema, name)?;
        call.touches.object(Verb::Describe, &object.name);
        layouts.insert(object.name.clone(), json!({ "fieldItems": [], "name": "SYSTEM" }));
    }
    Ok(Reply::ok(&Json::Object(layouts)))
}

/// `/recent`: records of any object.
pub(crate) fn recent(call: &mut Call<'_>, ask: &Ask) -> Outcome<Reply> {
    let limit = ask.param("limit").and_then(|limit| limit.parse().ok()).unwrap_or(200);
    let schema = call.schema();
    let ids: Vec<String> = call.state.recent.iter().rev().take(limit).cloned().collect();
    let mut records = Vec::new();
    for id in ids {
        let Some(found) = call.state.store.find(&schema, &id).filter(|found| !found.row.deleted) else {
            continue;
        };
        let Some(object) = schema.at(found.object) else { continue };
        let name = object.name_field().map_or("Id", |field| field.name.as_str());
        records.extend(call.read_all(object, &[found], Some(&format!("Id,{name}")))?);
    }
    Ok(Reply::ok(&Json::Array(records)))
}

/// The records of an object that were looked at last; without any, the first few of the org.
pub(crate) fn recent_of(call: &Call<'_>, object: &Object) -> Vec<Found> {
    let looked_at = call.state.recent.iter().rev().filter_map(|id| call.state.store.get(object, id));
    let mut recent: Vec<Found> = looked_at.take(5).collect();
    if recent.is_empty() {
        recent = call.state.store.scan(object).filter(|found| !found.row.deleted).take(2).collect();
    }
    recent
}

/// `/tooling/...`: enough to see that someone ran code or looked around.
pub(crate) fn tooling(call: &mut Call<'_>, path: &[&str], ask: &Ask) -> Outcome<Reply> {
    match path {
        ["executeAnonymous"] => {
            call.touches.object(Verb::Execute, "executeAnonymous");
            Ok(Reply::ok(&json!({
                "line": -1, "column": -1, "compiled": true, "success": true, "compileProblem": null,
                "exceptionStackTrace": null, "exceptionMessage": null,
            })))
        }
        ["query", rest @ ..] => super::query::answer(call, rest, false, ask),
        ["sobjects", rest @ ..] => super::sobjects::answer(call, rest, ask),
        _ => Err(Fault::not_found()),
    }
}

/// `/actions/...`: lists nothing, runs anything.
pub(crate) fn actions(call: &mut Call<'_>, path: &[&str], ask: &Ask) -> Outcome<Reply> {
    match (ask.method.as_str(), path) {
        ("GET", []) => {
            let base = format!("/services/data/v{}.0/actions", call.version);
            Ok(Reply::ok(
                &json!({ "standard": format!("{base}/standard"), "custom": format!("{base}/custom") }),
            ))
        }
        ("GET", _) => Ok(Reply::ok(&json!({ "actions": [] }))),
        ("POST", [.., name]) => {
            call.touches.object(Verb::Execute, name);
            Ok(Reply::ok(&json!([{
                "actionName": name, "errors": null, "isSuccess": true, "outputValues": {}, "invocationId": null,
                "version": 1,
            }])))
        }
        _ => Err(Fault::method_not_allowed(&ask.method, "GET,POST")),
    }
}
