//! `/analytics/reports`: one fixed report, opportunities by stage, whose object no request names.

use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::wire::{Ask, Reply};
use serde_json::{Map, Value as Json, json};

/// The report's id.
const REPORT: &str = "00O5g000000ZaBcEAK";
const NAME: &str = "Opportunities by Stage";

/// Anything under `/analytics/reports`.
pub(crate) fn answer(call: &mut Call<'_>, path: &[&str], ask: &Ask) -> Outcome<Reply> {
    match (ask.method.as_str(), path) {
        ("GET", []) => {
            let url = format!("/services/data/v{}.0/analytics/reports/{REPORT}", call.version);
            Ok(Reply::ok(&json!([{ "id": REPORT, "name": NAME, "url": url,
                "describeUrl": format!("{url}/describe"), "instancesUrl": format!("{url}/instances") }])))
        }
        ("GET", [id, "describe"]) if is_report(id) => Ok(Reply::ok(&json!({ "reportMetadata": metadata() }))),
        ("GET" | "POST", ["query"]) => run(call, ask),
        ("GET" | "POST", [id]) if is_report(id) => run(call, ask),
        ("POST", [id, "instances"]) if is_report(id) => {
            Ok(Reply::ok(&json!({ "id": "0LG5g00000000001", "status": "New", "hasDetailRows": true })))
        }
        ("GET", [id, "instances", _]) if is_report(id) => run(call, ask),
        _ => Err(Fault::not_found()),
    }
}

/// The report is found whatever its id: a stored report is the org's business.
fn is_report(id: &str) -> bool {
    id.starts_with("00O")
}

fn metadata() -> Json {
    json!({
        "id": REPORT, "name": NAME, "developerName": "Opportunities_by_Stage", "reportFormat": "SUMMARY",
        "reportType": { "type": "Opportunity", "label": "Opportunities" },
        "detailColumns": ["OPPORTUNITY_NAME", "AMOUNT", "CLOSE_DATE"],
        "groupingsDown": [{ "name": "STAGE_NAME", "sortOrder": "Asc" }], "groupingsAcross": [],
        "aggregates": ["s!AMOUNT", "RowCount"], "reportFilters": [],
    })
}

fn run(call: &mut Call<'_>, ask: &Ask) -> Outcome<Reply> {
    let page = std::mem::replace(&mut call.batch, 2000);
    let sums = call.query("SELECT StageName, SUM(Amount) amount, COUNT(Id) n FROM Opportunity GROUP BY StageName ORDER BY StageName", false);
    let rows = call.query(
        "SELECT Name, StageName, Amount, CloseDate FROM Opportunity ORDER BY StageName, Name LIMIT 2000",
        false,
    );
    call.batch = page;
    let (sums, rows) = (list(&sums?), list(&rows?));
    if ask.header("accept").is_some_and(|accept| accept.contains("spreadsheetml")) {
        let cells = |row: &Json| {
            ["Name", "StageName", "Amount", "CloseDate"].map(|name| row[name].to_string()).join("\t")
        };
        let text: String = rows.iter().map(|row| cells(row) + "\n").collect();
        return Ok(Reply::new(
            200,
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            text,
        ));
    }
    let details = ask.param("includeDetails") != Some("false");
    let mut facts = Map::new();
    for (place, sum) in sums.iter().enumerate() {
        let own = rows.iter().filter(|row| row["StageName"] == sum["StageName"]);
        let own: Vec<Json> = own.map(|row| json!({ "dataCells": [cell(row, "Name"), cell(row, "Amount"), cell(row, "CloseDate")] })).collect();
        let own = if details { own } else { Vec::new() };
        facts.insert(
            format!("{place}!T"),
            json!({ "aggregates": [cell(sum, "amount"), cell(sum, "n")], "rows": own }),
        );
    }
    let groupings: Vec<Json> = sums
        .iter()
        .enumerate()
        .map(|(place, sum)| json!({ "key": place.to_string(), "label": sum["StageName"], "value": sum["StageName"], "groupings": [] }))
        .collect();
    Ok(Reply::ok(&json!({
        "allData": true, "hasDetailRows": details, "factMap": facts, "reportMetadata": metadata(),
        "groupingsDown": { "groupings": groupings }, "groupingsAcross": { "groupings": [] },
    })))
}

fn list(page: &Json) -> Vec<Json> {
    page.get("records").and_then(Json::as_array).cloned().unwrap_or_default()
}

fn cell(row: &Json, name: &str) -> Json {
    let value = row.get(name).cloned().unwrap_or_default();
    let label = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    json!({ "label": label, "value": value })
}
