//! Operations that change records. Each record succeeds or fails alone unless the header says otherwise.

use super::values::{self, Incoming};
use crate::call::Call;
use crate::fault::{Fault, Outcome};
use crate::records::Upserted;
use crate::schema::Schema;
use crate::touch::Verb;
use crate::value::Value;
use crate::xml::{self, Element};

/// What became of one record: its id, and whether an upsert created it.
type Saved = Outcome<(String, Option<bool>)>;

/// `create`, `update`
pub(super) fn save(
    call: &mut Call<'_>,
    element: &Element,
    together: bool,
    one: fn(&mut Call<'_>, &Schema, &Incoming) -> Saved,
) -> Outcome<String> {
    let records: Vec<&Element> = element.all("sObjects").collect();
    check_count(records.len())?;
    let schema = call.schema();
    let mut job = |call: &mut Call<'_>, element: &&Element| one(call, &schema, &values::incoming(element)?);
    Ok(results(call, together, &records, &mut job))
}

/// `upsert`
pub(super) fn upsert(call: &mut Call<'_>, element: &Element, together: bool) -> Outcome<String> {
    let records: Vec<&Element> = element.all("sObjects").collect();
    check_count(records.len())?;
    let key = element.text_of("externalIDFieldName").to_owned();
    let schema = call.schema();
    let mut job = |call: &mut Call<'_>, element: &&Element| {
        let record = values::incoming(element)?;
        let object = schema.object(&record.object).ok_or_else(|| Fault::no_such_object(&record.object))?;
        let given = record.fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(&key));
        let given = given.and_then(|(_, value)| value.as_str().map(str::to_owned));
        if let Some(id) = record.id.clone().filter(|_| key.eq_ignore_ascii_case("Id")) {
            let (object, found) = call.anywhere(&schema, &id)?;
            call.update(object, &found, &record.fields)?;
            return Ok((found.id, Some(false)));
        }
        let value = match given {
            Some(value) => value,
            None if key.eq_ignore_ascii_case("Id") => {
                return call.create(object, &record.fields).map(|id| (id, Some(true)));
            }
            None => return Err(Fault::bad("MISSING_ARGUMENT", format!("{key} not specified"))),
        };
        match call.upsert(object, (&key, &value), &record.fields)? {
            Upserted::Created(id) => Ok((id, Some(true))),
            Upserted::Updated(id) => Ok((id, Some(false))),
            Upserted::Ambiguous(_) => Err(Fault::bad("DUPLICATE_EXTERNAL_ID", "several records match")),
        }
    };
    Ok(results(call, together, &records, &mut job))
}

/// `delete`, `undelete`, `emptyRecycleBin`. Some clients write `id` for `ids`.
pub(super) fn by_id(
    call: &mut Call<'_>,
    element: &Element,
    together: bool,
    one: fn(&mut Call<'_>, &Schema, &str) -> Saved,
) -> Outcome<String> {
    let ids: Vec<&Element> = element.all("ids").chain(element.all("id")).chain(element.all("ID")).collect();
    check_count(ids.len())?;
    let schema = call.schema();
    let mut job = |call: &mut Call<'_>, id: &&Element| one(call, &schema, id.text.trim());
    Ok(results(call, together, &ids, &mut job))
}

fn check_count(records: usize) -> Outcome<()> {
    if records > 200 {
        return Err(Fault::bad(
            "EXCEEDED_ID_LIMIT",
            "record limit reached. cannot submit more than 200 records",
        ));
    }
    Ok(())
}

fn results<T>(
    call: &mut Call<'_>,
    together: bool,
    things: &[T],
    job: &mut dyn FnMut(&mut Call<'_>, &T) -> Saved,
) -> String {
    let before = call.state.store.clone();
    let results: Vec<Saved> = things.iter().map(|thing| job(call, thing)).collect();
    let undone = together && results.iter().any(Result::is_err);
    if undone {
        call.state.store = before;
    }
    results.iter().map(|saved| result(saved, undone)).collect()
}

fn result(saved: &Saved, undone: bool) -> String {
    let error = |code: &str, message: &str| {
        let message = xml::escape(message);
        format!(
            "<result><errors><message>{message}</message><statusCode>{code}</statusCode></errors>\
             <id xsi:nil=\"true\"/><success>false</success></result>"
        )
    };
    match saved {
        Ok(_) if undone => error(
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "Record rolled back because not all records were valid",
        ),
        Ok((id, created)) => {
            let created = created.map(|created| format!("<created>{created}</created>")).unwrap_or_default();
            format!("<result>{created}<id>{id}</id><success>true</success></result>")
        }
        Err(fault) => error(fault.code, &fault.message),
    }
}

/// One record of `create`.
pub(super) fn create(call: &mut Call<'_>, schema: &Schema, record: &Incoming) -> Saved {
    let object = schema.object(&record.object).ok_or_else(|| Fault::no_such_object(&record.object))?;
    call.create(object, &record.fields).map(|id| (id, None))
}

/// One record of `update`: the id decides which.
pub(super) fn update(call: &mut Call<'_>, schema: &Schema, record: &Incoming) -> Saved {
    let id = record.id.as_deref().ok_or_else(|| Fault::bad("MISSING_ARGUMENT", "Id not specified"))?;
    let (object, found) = call.anywhere(schema, id)?;
    call.update(object, &found, &record.fields)?;
    Ok((found.id, None))
}

/// One record of `delete`.
pub(super) fn delete(call: &mut Call<'_>, schema: &Schema, id: &str) -> Saved {
    let (object, found) = call.anywhere(schema, id)?;
    if found.row.deleted {
        return Err(Fault::new(404, "ENTITY_IS_DELETED", "entity is deleted"));
    }
    call.delete(object, &found);
    Ok((found.id, None))
}

/// One record of `undelete`.
pub(super) fn undelete(call: &mut Call<'_>, schema: &Schema, id: &str) -> Saved {
    let (object, found) = call.anywhere(schema, id)?;
    call.undelete(object, &found)?;
    Ok((found.id, None))
}

/// One record of `emptyRecycleBin`.
pub(super) fn purge(call: &mut Call<'_>, schema: &Schema, id: &str) -> Saved {
    let (object, found) = call.anywhere(schema, id)?;
    if !found.row.deleted {
        return Err(Fault::bad("INVALID_ID_FIELD", "the record is not in the recycle bin"));
    }
    call.purge(object, &found);
    Ok((found.id, None))
}

/// `merge`: the master is changed, the others deleted, their children moved to the master.
pub(super) fn merge(call: &mut Call<'_>, element: &Element) -> Outcome<String> {
    let schema = call.schema();
    let mut results = String::new();
    for request in element.all("request") {
        let master =
            request.child("masterRecord").ok_or_else(|| Fault::bad("MISSING_ARGUMENT", "masterRecord"))?;
        let record = values::incoming(master)?;
        let others: Vec<&str> = request.all("recordToMergeIds").map(|id| id.text.trim()).collect();
        results += &match merge_one(call, &schema, &record, &others) {
            Ok((id, moved)) => {
                let merged: String =
                    others.iter().map(|id| format!("<mergedRecordIds>{id}</mergedRecordIds>")).collect();
                let moved: String =
                    moved.iter().map(|id| format!("<updatedRelatedIds>{id}</updatedRelatedIds>")).collect();
                format!("<result><id>{id}</id>{merged}<success>true</success>{moved}</result>")
            }
            Err(fault) => result(&Err(fault), false),
        };
    }
    Ok(results)
}

fn merge_one(
    call: &mut Call<'_>,
    schema: &Schema,
    record: &Incoming,
    others: &[&str],
) -> Outcome<(String, Vec<String>)> {
    let id = record.id.as_deref().ok_or_else(|| Fault::bad("MISSING_ARGUMENT", "masterRecord Id"))?;
    let (object, master) = call.anywhere(schema, id)?;
    call.touches.object(Verb::Merge, &object.name);
    if !record.fields.is_empty() {
        call.update(object, &master, &record.fields)?;
    }
    let mut moved = Vec::new();
    for other in others {
        let (kind, found) = call.anywhere(schema, other)?;
        if kind.index != object.index || found.id == master.id || found.row.deleted {
            return Err(Fault::bad("INVALID_ID_FIELD", format!("{other} cannot be merged into {id}")));
        }
        for child in &object.children {
            let target = schema.object(&child.object);
            let Some((target, place)) = target.and_then(|it| Some((it, it.field(&child.field)?.0))) else {
                continue;
            };
            let rows = call.state.store.scan(target);
            let rows: Vec<_> = rows.filter(|row| row.row.get(place).as_str() == Some(&found.id)).collect();
            for row in rows {
                call.touches.field(Verb::Update, &target.name, &child.field);
                let mut changed = (*row.row).clone();
                changed.set(place, Value::text(master.id.as_str()));
                call.state.store.put(target, row.id.clone(), changed);
                moved.push(row.id);
            }
        }
        call.delete(object, &found);
    }
    Ok((master.id, moved))
}
