//! SOSL and searches by parameters.

use super::{Soql, base, record};
use crate::ask::{Ask, escape};
use crate::random::Random;
use crate::world::World;
use serde_json::{Value as Json, json};

const TERMS: [&str; 8] =
    ["Account", "\"Account 0007\"", "CANARY*", "contact1", "Berlin OR Boston", "A*", "Login AND fails", "x"];
const OBJECTS: [&str; 6] = ["Account", "Contact", "Case", "Lead", "Opportunity", "User"];

pub(crate) fn ask(random: &mut Random, world: &World) -> Ask {
    let base = base(random);
    let term = random.pick(&TERMS);
    match random.below(4) {
        0 | 1 => {
            let sosl = sosl(random, world, term);
            if random.chance(20) {
                return Ask::new("search", "POST", format!("{base}/search")).json(&json!({ "q": sosl }));
            }
            Ask::new("search", "GET", format!("{base}/search?q={}", escape(&sosl)))
        }
        2 => {
            let object = random.pick(&OBJECTS);
            let fields = record::fields(random, world, object);
            let scope = random.pick(&["", "&in=NAME", "&in=ALL", "&in=EMAIL"]);
            let (_, known) = world.schema.look_up(object).unwrap();
            let filter = match random.below(3) {
                0 => {
                    format!("&{object}.where={}", escape(&Soql::new(random, world).condition(known, None, 0)))
                }
                1 => format!("&{object}.limit={}", random.below(9)),
                _ => "&overallLimit=7".to_owned(),
            };
            let target = format!(
                "{base}/parameterizedSearch?q={}&sobject={object}&{object}.fields={fields}{scope}{filter}",
                escape(term)
            );
            Ask::new("search", "GET", target)
        }
        _ => {
            let objects: Vec<Json> = random.several(2, |random| {
                let object = random.pick(&OBJECTS);
                let fields = record::fields(random, world, object);
                let fields: Vec<&str> = fields.split(',').collect();
                json!({ "name": object, "fields": fields, "limit": 1 + random.below(9) })
            });
            let scope = random.pick(&["NAME", "ALL", "PHONE"]);
            let body = json!({ "q": term, "in": scope, "sobjects": objects, "overallLimit": 20 });
            Ask::new("search", "POST", format!("{base}/parameterizedSearch")).json(&body)
        }
    }
}

/// A search in SOSL.
pub(crate) fn sosl(random: &mut Random, world: &World, term: &str) -> String {
    let scope =
        random.pick(&["", " IN ALL FIELDS", " IN NAME FIELDS", " in email fields", " IN PHONE FIELDS"]);
    let returning: Vec<String> = random.several(2, |random| {
        let object = random.pick(&OBJECTS);
        if random.chance(15) {
            return object.to_owned();
        }
        let fields = record::fields(random, world, object);
        let (_, known) = world.schema.look_up(object).unwrap();
        let mut soql = Soql::new(random, world);
        let filter = if soql.random.chance(40) {
            format!(" WHERE {}", soql.condition(known, None, 0))
        } else {
            String::new()
        };
        let order =
            if soql.random.chance(20) { format!(" ORDER BY {}", soql.plain(known)) } else { String::new() };
        let limit = if soql.random.chance(60) { " LIMIT 5" } else { "" };
        format!("{object}({fields}{filter}{order}{limit})")
    });
    format!("FIND {{{term}}}{scope} RETURNING {} LIMIT 20", returning.join(", "))
}
