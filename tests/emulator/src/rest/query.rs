//! `/query` and `/queryAll`: SOQL, its pages, and its plans.

use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::soql::parse;
use crate::wire::{Ask, Reply};
use serde_json::json;

/// A query, a further page, or a plan.
pub(crate) fn answer(call: &mut Call<'_>, path: &[&str], all_rows: bool, ask: &Ask) -> Outcome<Reply> {
    if !ask.is_get() {
        return Err(Fault::method_not_allowed(&ask.method, "GET,HEAD"));
    }
    match (path, ask.param("q"), ask.param("explain")) {
        ([], _, Some(soql)) => explain(call, soql),
        ([], Some(soql), _) => Ok(Reply::ok(&call.query(soql, all_rows)?)),
        ([], None, None) => Err(Fault::malformed_query("A query string has to be specified")),
        ([locator], _, _) => Ok(Reply::ok(&call.more(locator)?)),
        _ => Err(Fault::not_found()),
    }
}

fn explain(call: &mut Call<'_>, soql: &str) -> Outcome<Reply> {
    let plan = call.bind(&parse(soql)?, false)?;
    let schema = call.schema();
    let object = schema.at(plan.object).ok_or_else(Fault::not_found)?;
    let rows = call.state.store.count(object);
    Ok(Reply::ok(&json!({
        "plans": [{
            "cardinality": rows, "fields": [], "leadingOperationType": "TableScan", "notes": [],
            "relativeCost": 1.0, "sobjectCardinality": rows, "sobjectType": object.name,
        }],
        "sourceQuery": soql,
    })))
}
