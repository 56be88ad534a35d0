//! `/sobjects/O/deleted` and `/updated`: ids of what changed in a window of time.

use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::schema::Object;
use crate::soql::dates::parse_moment;
use crate::touch::Verb;
use crate::wire::{Ask, Reply};
use serde_json::{Value as Json, json};

/// What changed, as JSON.
pub(crate) fn answer(call: &mut Call<'_>, object: &Object, deleted: bool, ask: &Ask) -> Outcome<Reply> {
    let bound = |name: &str| {
        let given =
            ask.param(name).ok_or_else(|| Fault::bad("MISSING_ARGUMENT", format!("{name} is needed")))?;
        // A `+` of the offset arrives as a blank when it was not escaped.
        parse_moment(&given.replace(' ', "+")).ok_or_else(|| Fault::bad("INVALID_DATE", given.to_owned()))
    };
    let changes = changes(call, object, deleted, (&bound("start")?, &bound("end")?))?;
    let covered = call.stamp();
    if deleted {
        let records: Vec<Json> =
            changes.into_iter().map(|(id, date)| json!({ "id": id, "deletedDate": date })).collect();
        return Ok(Reply::ok(&json!({
            "deletedRecords": records,
            "earliestDateAvailable": "2023-01-01T00:00:00.000+0000",
            "latestDateCovered": covered,
        })));
    }
    let ids: Vec<String> = changes.into_iter().map(|(id, _)| id).collect();
    Ok(Reply::ok(&json!({ "ids": ids, "latestDateCovered": covered })))
}

/// Ids and moments of changes from one moment to another.
pub(crate) fn changes(
    call: &mut Call<'_>,
    object: &Object,
    deleted: bool,
    (start, end): (&str, &str),
) -> Outcome<Vec<(String, String)>> {
    if start >= end {
        return Err(Fault::bad("INVALID_REPLICATION_DATE", "startDate has to be before endDate"));
    }
    let (place, _) = object.field("SystemModstamp").ok_or_else(Fault::not_found)?;
    call.touches.object(Verb::Read, &object.name);
    call.touches.field(Verb::Read, &object.name, "Id");
    let rows = call.state.store.scan(object).filter(|found| found.row.deleted == deleted);
    Ok(rows
        .filter_map(|found| {
            let stamp = found.row.get(place).as_str().filter(|stamp| (start..end).contains(stamp))?;
            Some((found.id.clone(), stamp.to_owned()))
        })
        .collect())
}
