//! Operations that read.

use super::{Dialect, values};
use crate::bulk::zulu;
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::rest::{history, search as sosl};
use crate::soql::dates::parse_moment;
use crate::xml::Element;
use serde_json::Value as Json;

/// `query`, `queryAll`
pub(super) fn query(
    call: &mut Call<'_>,
    dialect: Dialect,
    element: &Element,
    all_rows: bool,
) -> Outcome<String> {
    let page = call.query(element.text_of("queryString"), all_rows)?;
    Ok(format!("<result xsi:type=\"QueryResult\">{}</result>", values::page(call, dialect, &page)))
}

/// `queryMore`
pub(super) fn more(call: &mut Call<'_>, dialect: Dialect, element: &Element) -> Outcome<String> {
    let page = call.more(element.text_of("queryLocator").trim())?;
    Ok(format!("<result xsi:type=\"QueryResult\">{}</result>", values::page(call, dialect, &page)))
}

/// `retrieve`
pub(super) fn retrieve(call: &mut Call<'_>, dialect: Dialect, element: &Element) -> Outcome<String> {
    let name = element.text_of("sObjectType");
    let schema = call.schema();
    let object = call.object(&schema, name).map_err(|_| Fault::no_such_object(name))?;
    let mut results = String::new();
    for id in element.all("ids") {
        let record = match call.record(object, id.text.trim()) {
            Ok(found) => call.read(object, &found, Some(element.text_of("fieldList")))?,
            Err(_) => Json::Null,
        };
        results += &values::object(call, dialect, "result", &record);
    }
    Ok(results)
}

/// `search`
pub(super) fn search(call: &mut Call<'_>, dialect: Dialect, element: &Element) -> Outcome<String> {
    let records = sosl::run_text(call, element.text_of("searchString"))?;
    let records: String = records
        .iter()
        .map(|record| {
            format!("<searchRecords>{}</searchRecords>", values::object(call, dialect, "record", record))
        })
        .collect();
    Ok(format!("<result>{records}</result>"))
}

/// `getUpdated`, `getDeleted`
pub(super) fn changes(call: &mut Call<'_>, element: &Element, deleted: bool) -> Outcome<String> {
    let name = element.text_of("sObjectType");
    let schema = call.schema();
    let object = call.object(&schema, name).map_err(|_| Fault::no_such_object(name))?;
    let moment = |name: &str| {
        parse_moment(element.text_of(name))
            .ok_or_else(|| Fault::bad("INVALID_REPLICATION_DATE", name.to_owned()))
    };
    let (start, end) = (moment("startDate")?, moment("endDate")?);
    let found = history::changes(call, object, deleted, (&start, &end))?;
    let now = zulu(&call.stamp());
    let entries: String = found
        .iter()
        .map(|(id, date)| {
            if deleted {
                let date = zulu(date);
                format!("<deletedRecords><deletedDate>{date}</deletedDate><id>{id}</id></deletedRecords>")
            } else {
                format!("<ids>{id}</ids>")
            }
        })
        .collect();
    let earliest =
        if deleted { "<earliestDateAvailable>2023-01-01T00:00:00.000Z</earliestDateAvailable>" } else { "" };
    Ok(format!("<result>{earliest}{entries}<latestDateCovered>{now}</latestDateCovered></result>"))
}
