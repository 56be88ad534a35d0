//! Records by id, by key, along relationships, one by one and many at once.

use super::{Soql, base};
use crate::ask::{Ask, escape};
use crate::random::Random;
use crate::world::World;
use serde_json::{Map, Value as Json, json};

/// Objects that are written, with fields that take any text, and a parent by a key of its own.
const WRITTEN: [(&str, &[&str], &str, &str); 7] = [
    ("Account", &["Name", "Site", "Phone", "Description", "Region__c"], "Parent", "Account"),
    ("Contact", &["LastName", "FirstName", "Title", "SSN__c", "Department"], "Account", "Account"),
    ("Case", &["Subject", "Comments", "Priority", "Origin"], "Account", "Account"),
    ("Lead", &["LastName", "Company", "Title"], "", ""),
    ("Opportunity", &["Name", "StageName", "NextStep", "LeadSource"], "Account", "Account"),
    ("Invoice__c", &["Notes__c", "Status__c", "Secret__c"], "Account__r", "Account"),
    ("acme__Widget__c", &["Name", "acme__Color__c"], "acme__Account__r", "Account"),
];

/// External ids: object, field, and how the values of the org's records start.
const KEYS: [(&str, &str, &str); 5] = [
    ("Account", "External_Id__c", "A-"),
    ("Contact", "External_Id__c", "C-"),
    ("Invoice__c", "ExtId__c", "E-"),
    ("Invoice_Line__c", "LineExt__c", "L-"),
    ("acme__Widget__c", "acme__Key__c", "W-"),
];

/// Relationships that lead from a record to others.
const PATHS: [(&str, &str); 11] = [
    ("Account", "Contacts"),
    ("Account", "Owner"),
    ("Account", "Parent"),
    ("Account", "Cases"),
    ("Account", "Invoices__r"),
    ("Contact", "Account"),
    ("Contact", "Account/Owner"),
    ("Case", "Contact"),
    ("Invoice__c", "Lines__r"),
    ("Invoice__c", "Account__r"),
    ("Invoice_Line__c", "Invoice__r/Account__r"),
];

/// Objects whose records are read.
const READ: [&str; 8] =
    ["Account", "Contact", "Case", "Opportunity", "Lead", "User", "Invoice__c", "Invoice_Line__c"];

/// Reads something under `/sobjects`.
pub(crate) fn read(random: &mut Random, world: &World) -> Ask {
    let base = base(random);
    let object = random.pick(&READ);
    let name = random.cased(object);
    let id = world.id(random, object);
    let id = if random.chance(20) { id[..15].to_owned() } else { id };
    let ask = |rest: String| Ask::new("record", "GET", format!("{base}/sobjects/{rest}"));
    let suffix = if base.ends_with("50.0") && random.chance(20) { ".json" } else { "" };
    match random.below(12) {
        0 | 1 => ask(format!("{name}/{id}{suffix}")),
        2..=4 => ask(format!("{name}/{id}?fields={}", fields(random, world, object))),
        5 => {
            let (object, field, start) = random.pick(&KEYS);
            let more = if random.chance(50) {
                format!("?fields={}", fields(random, world, object))
            } else {
                String::new()
            };
            ask(format!("{object}/{field}/{start}{}{more}", random.below(30)))
        }
        6 | 7 => {
            let (object, path) = random.pick(&PATHS);
            let more = if random.chance(30) { "?fields=Id" } else { "" };
            ask(format!("{object}/{}/{path}{more}", world.id(random, object)))
        }
        8 => {
            let (object, field) = random.pick(&[("Attachment", "Body"), ("ContentVersion", "VersionData")]);
            ask(format!("{object}/{}/{field}", world.id(random, object)))
        }
        9 => ask(random
            .pick(&["", "Account", "Account/describe", "Contact/describe/layouts", "Invoice__c"])
            .to_owned()),
        10 => {
            let kind = random.pick(&["updated", "deleted"]);
            ask(format!(
                "{name}/{kind}/?start={}&end={}",
                escape("2024-01-01T00:00:00Z"),
                escape("2024-01-20T00:00:00+00:00")
            ))
        }
        _ => {
            let ids: Vec<String> = random.several(4, |random| world.id(random, object));
            let fields = fields(random, world, object);
            let path = format!("{base}/composite/sobjects/{object}");
            if random.chance(50) {
                let fields: Vec<&str> = fields.split(',').collect();
                Ask::new("record", "POST", path).json(&json!({ "ids": ids, "fields": fields }))
            } else {
                Ask::new("record", "GET", format!("{path}?ids={}&fields={fields}", ids.join(",")))
            }
        }
    }
}

/// A list of fields for a `fields` parameter.
pub(crate) fn fields(random: &mut Random, world: &World, object: &str) -> String {
    let (_, object) = world.schema.look_up(object).unwrap();
    let mut soql = Soql::new(random, world);
    let mut names: Vec<String> = (0..3)
        .map(|_| match soql.random.below(8) {
            0 => soql.path(object, None),
            _ => soql.plain(object),
        })
        .collect();
    names.sort();
    names.dedup();
    names.truncate(1 + random.below(3));
    names.join(",")
}

/// Writes one record under `/sobjects`.
pub(crate) fn write(random: &mut Random, world: &World) -> Ask {
    let base = base(random);
    let ask = |method: &str, rest: String| Ask::new("write", method, format!("{base}/sobjects/{rest}"));
    match random.below(9) {
        0..=2 => {
            let (object, body) = new_record(random, world);
            ask("POST", random.cased(object)).json(&Json::Object(body))
        }
        3 | 4 => {
            let (object, body) = changed(random, world);
            let id = world.id(random, object);
            ask("PATCH", format!("{object}/{id}")).json(&Json::Object(body))
        }
        5 | 6 => {
            let (object, field, start) = random.pick(&KEYS);
            let (_, object_of) = world.schema.look_up(object).unwrap();
            let body = WRITTEN.iter().find(|(name, ..)| *name == object).map_or_else(
                || json!({ object_of.fields().nth(1).map_or("Name", |(_, field)| field.name()): "x" }),
                |(_, fields, ..)| json!({ random.pick(fields): "upserted" }),
            );
            ask("PATCH", format!("{object}/{field}/{start}{}", random.below(9_000))).json(&body)
        }
        7 => {
            let object = random.pick(&["Lead", "Task", "Invoice_Line__c", "acme__Widget__c"]);
            ask("DELETE", format!("{object}/{}", world.id(random, object)))
        }
        _ => ask("POST", "Order_Event__e".to_owned()).json(&json!({ "Order_Number__c": "7", "Total__c": 9 })),
    }
}

/// The object and the members of a record to be made.
pub(crate) fn new_record(random: &mut Random, world: &World) -> (&'static str, Map<String, Json>) {
    let (object, mut body) = changed(random, world);
    let (needed, value) = match object {
        "Contact" => ("LastName", json!("New")),
        "Lead" => ("LastName", json!("New")),
        "Case" => ("Subject", json!("New")),
        "Invoice__c" => ("Notes__c", json!("New")),
        _ => ("Name", json!("New")),
    };
    if !body.keys().any(|known| known.eq_ignore_ascii_case(needed)) {
        body.insert(needed.to_owned(), value);
    }
    if object == "Lead" && !body.keys().any(|known| known.eq_ignore_ascii_case("Company")) {
        body.insert("Company".to_owned(), json!("New"));
    }
    (object, body)
}

/// An object and members for one of its records.
pub(crate) fn changed(random: &mut Random, world: &World) -> (&'static str, Map<String, Json>) {
    let (object, fields, relationship, parent) = random.pick(&WRITTEN);
    let mut body = Map::new();
    for _ in 0..=random.below(3) {
        let field = random.pick(fields);
        if !body.keys().any(|known: &String| known.eq_ignore_ascii_case(field)) {
            let value = if random.chance(8) { Json::Null } else { json!(format!("w{}", random.below(100))) };
            body.insert(random.cased(field), value);
        }
    }
    if !relationship.is_empty() && random.chance(25) {
        body.insert(relationship.to_owned(), json!({ "External_Id__c": format!("A-{}", random.below(50)) }));
    } else if !parent.is_empty() && random.chance(25) {
        let key = if relationship.ends_with("__r") {
            relationship.replace("__r", "__c")
        } else {
            format!("{relationship}Id")
        };
        body.insert(key, json!(world.id(random, parent)));
    }
    (object, body)
}

/// A request to `/composite/sobjects`.
pub(crate) fn collection(random: &mut Random, world: &World) -> Ask {
    let base = base(random);
    let ask = |method: &str, rest: String| {
        Ask::new("collection", method, format!("{base}/composite/sobjects{rest}"))
    };
    let all_or_none = random.chance(30);
    match random.below(4) {
        0 => {
            let records = random.several(4, |random| {
                let (object, body) = new_record(random, world);
                typed(object, body)
            });
            ask("POST", String::new()).json(&json!({ "allOrNone": all_or_none, "records": records }))
        }
        1 => {
            let records = random.several(4, |random| {
                let (object, mut body) = changed(random, world);
                let key = random.pick(&["id", "Id"]);
                body.insert(key.to_owned(), json!(world.id(random, object)));
                typed(object, body)
            });
            ask("PATCH", String::new()).json(&json!({ "allOrNone": all_or_none, "records": records }))
        }
        2 => {
            let (object, field, start) = random.pick(&KEYS);
            let records = random.several(3, |random| {
                let mut body = Map::new();
                body.insert(field.to_owned(), json!(format!("{start}{}", random.below(3_000))));
                if object == "Contact" {
                    body.insert("LastName".to_owned(), json!("U"));
                }
                typed(object, body)
            });
            ask("PATCH", format!("/{object}/{field}")).json(&json!({ "records": records }))
        }
        _ => {
            let ids: Vec<String> = random.several(3, |random| {
                let object = random.pick(&["Lead", "Task", "acme__Widget__c"]);
                world.id(random, object)
            });
            ask("DELETE", format!("?ids={}&allOrNone={all_or_none}", ids.join(",")))
        }
    }
}

fn typed(object: &str, body: Map<String, Json>) -> Json {
    let mut record = Map::new();
    record.insert("attributes".to_owned(), json!({ "type": object }));
    record.extend(body);
    Json::Object(record)
}
