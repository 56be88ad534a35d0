//! The UI API's records.

use super::{Soql, record};
use crate::ask::Ask;
use crate::random::Random;
use crate::world::World;
use serde_json::{Value as Json, json};

const BASE: &str = "/services/data/v60.0/ui-api";

pub(crate) fn ask(random: &mut Random, world: &World) -> Ask {
    let object = random.pick(&["Account", "Contact", "Case", "Opportunity", "Invoice__c"]);
    let id = world.id(random, object);
    let ask = |method: &str, rest: String| Ask::new("ui", method, format!("{BASE}/{rest}"));
    match random.below(8) {
        0 | 1 => ask("GET", format!("records/{id}?{}", fields(random, world, object))),
        2 => {
            let ids: Vec<String> = random.several(3, |random| world.id(random, object));
            ask("GET", format!("records/batch/{}?{}", ids.join(","), fields(random, world, object)))
        }
        3 => {
            let (object, body) = record::new_record(random, world);
            ask("POST", "records".to_owned()).json(&json!({ "apiName": object, "fields": flat(body) }))
        }
        4 => {
            let (object, body) = record::changed(random, world);
            let id = world.id(random, object);
            ask("PATCH", format!("records/{id}")).json(&json!({ "fields": flat(body) }))
        }
        5 => ask("DELETE", format!("records/{}", world.id(random, "Task"))),
        6 => {
            let (parent, list, child) = random.pick(&[
                ("Account", "Contacts", "Contact"),
                ("Account", "Cases", "Case"),
                ("Invoice__c", "Lines__r", "Invoice_Line__c"),
            ]);
            let id = world.id(random, parent);
            ask("GET", format!("related-list-records/{id}/{list}?{}", fields(random, world, child)))
        }
        _ => ask("GET", format!("object-info/{object}")),
    }
}

fn fields(random: &mut Random, world: &World, object: &str) -> String {
    let (_, known) = world.schema.look_up(object).unwrap();
    let mut soql = Soql::new(random, world);
    let names: Vec<String> = (0..1 + soql.random.below(3))
        .map(|_| match soql.random.below(5) {
            0 if object == "Contact" => "Contact.Account.Name".to_owned(),
            _ => format!("{object}.{}", soql.plain(known)),
        })
        .collect();
    let parameter = random.pick(&["fields", "fields", "optionalFields"]);
    format!("{parameter}={}", names.join(","))
}

fn flat(body: serde_json::Map<String, Json>) -> serde_json::Map<String, Json> {
    body.into_iter().filter(|(_, value)| !value.is_object()).collect()
}
