//! `/query` and `/queryAll`: SOQL, its pages, and its plans.

use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::schema::Kind;
use crate::soql::parse;
use crate::soql::plan::Column;
use crate::wire::{Ask, Reply};
use serde_json::json;

/// A query, a further page, or a plan.
pub(crate) fn answer(call: &mut Call<'_>, path: &[&str], all_rows: bool, ask: &Ask) -> Outcome<Reply> {
    if !ask.is_get() {
        return Err(Fault::method_not_allowed(&ask.method, "GET,HEAD"));
    }
    match (path, ask.param("q"), ask.param("explain")) {
        ([], _, Some(soql)) => explain(call, soql),
        ([], Some(soql), _) if ask.param("columns") == Some("true") => columns(call, soql, all_rows),
        ([], Some(soql), _) => Ok(Reply::ok(&call.query(soql, all_rows)?)),
        ([], None, None) => Err(Fault::malformed_query("A query string has to be specified")),
        ([locator], _, _) => Ok(Reply::ok(&call.more(locator)?)),
        _ => Err(Fault::not_found()),
    }
}

/// `columns=true`, which the org does not document: what the columns are, and no rows.
fn columns(call: &mut Call<'_>, soql: &str, all_rows: bool) -> Outcome<Reply> {
    let plan = call.bind(&parse(soql)?, all_rows)?;
    let column = |column: &Column| match column {
        Column::Value { label, scalar, .. } => json!({
            "aggregate": scalar.is_aggregate(), "apexType": null,
            "booleanType": scalar.kind() == Kind::Boolean, "columnName": label, "custom": label.ends_with("__c"),
            "displayName": label, "foreignKeyName": null, "insertable": false, "joinColumns": [],
            "numberType": matches!(scalar.kind(), Kind::Double(_) | Kind::Integer(_)),
            "textType": matches!(scalar.kind(), Kind::Text(_)), "updatable": false,
        }),
        Column::Children { name, .. } => json!({
            "aggregate": true, "apexType": null, "booleanType": false, "columnName": name, "custom": false,
            "displayName": name, "foreignKeyName": null, "insertable": false, "joinColumns": [],
            "numberType": false, "textType": false, "updatable": false,
        }),
        Column::TypeOf { .. } => json!({}),
    };
    let columns: Vec<_> = plan.columns.iter().map(column).collect();
    let schema = call.schema();
    let entity = schema.at(plan.object).map(|object| object.name.as_str());
    Ok(Reply::ok(&json!({
        "columnMetadata": columns, "entityName": entity, "groupBy": !plan.group.is_empty(),
        "idSelected": false, "keyPrefix": schema.at(plan.object).and_then(|object| object.prefix.clone()),
    })))
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
