//! Several requests in one.

use super::{Soql, record};
use crate::ask::{Ask, escape};
use crate::random::Random;
use crate::world::World;
use serde_json::{Map, Value as Json, json};

/// A composite, a batch, a graph or a tree.
pub(crate) fn ask(random: &mut Random, world: &World) -> Ask {
    let base = "/services/data/v60.0";
    match random.below(5) {
        0 | 1 => {
            let parts = parts(random, world);
            let body = json!({ "allOrNone": random.chance(30), "compositeRequest": parts });
            Ask::new("envelope", "POST", format!("{base}/composite")).json(&body)
        }
        2 => {
            let parts: Vec<Json> = random.several(4, |random| {
                let (method, path, body) = single(random, world);
                let mut part = json!({ "method": method, "url": format!("v60.0/{path}") });
                if let Some(body) = body {
                    part["richInput"] = body;
                }
                part
            });
            let body = json!({ "haltOnError": random.chance(30), "batchRequests": parts });
            Ask::new("envelope", "POST", format!("{base}/composite/batch")).json(&body)
        }
        3 => {
            let graphs: Vec<Json> = (0..1 + random.below(2))
                .map(|number| {
                    let (object, account) = named(random, world);
                    let mut parts = vec![part("POST", &format!("sobjects/{object}"), "first", Some(account))];
                    parts.push(part(
                        "POST",
                        "sobjects/Contact",
                        "second",
                        Some(json!({ "LastName": "G", "AccountId": "@{first.id}" })),
                    ));
                    json!({ "graphId": format!("g{number}"), "compositeRequest": parts })
                })
                .collect();
            Ask::new("envelope", "POST", format!("{base}/composite/graph")).json(&json!({ "graphs": graphs }))
        }
        _ => tree(random, world, base),
    }
}

fn named(random: &mut Random, world: &World) -> (&'static str, Json) {
    loop {
        let (object, body) = record::new_record(random, world);
        if object == "Account" {
            return (object, Json::Object(body));
        }
    }
}

/// Parts of a composite, of which later ones use the ids of earlier ones.
fn parts(random: &mut Random, world: &World) -> Vec<Json> {
    let mut parts = Vec::new();
    let mut made: Option<String> = None;
    for number in 0..=random.below(5) {
        let name = format!("r{number}");
        let part = match (&made, random.below(6)) {
            (Some(earlier), 0) => {
                let body = json!({ "LastName": "C", "AccountId": format!("@{{{earlier}.id}}") });
                part("POST", "sobjects/Contact", &name, Some(body))
            }
            (Some(earlier), 1) => {
                let fields = record::fields(random, world, "Account");
                part("GET", &format!("sobjects/Account/@{{{earlier}.id}}?fields={fields}"), &name, None)
            }
            (Some(earlier), 2) => {
                let soql =
                    format!("SELECT Id, Name FROM Contact WHERE AccountId = '@{{{earlier}.id}}' LIMIT 3");
                part("GET", &format!("query?q={}", soql.replace(' ', "+")), &name, None)
            }
            (_, 3 | 4) => {
                let (_, body) = named(random, world);
                made = Some(name.clone());
                part("POST", "sobjects/Account", &name, Some(body))
            }
            _ => {
                let (method, path, body) = single(random, world);
                part(method, &path, &name, body)
            }
        };
        parts.push(part);
    }
    parts
}

fn part(method: &str, path: &str, name: &str, body: Option<Json>) -> Json {
    let mut part =
        json!({ "method": method, "url": format!("/services/data/v60.0/{path}"), "referenceId": name });
    if let Some(body) = body {
        part["body"] = body;
    }
    part
}

/// A request that stands in an envelope.
fn single(random: &mut Random, world: &World) -> (&'static str, String, Option<Json>) {
    match random.below(6) {
        0 | 1 => {
            let soql = Soql::new(random, world).query();
            ("GET", format!("query?q={}", escape(&soql)), None)
        }
        2 => {
            let object = random.pick(&["Account", "Contact", "Case", "Invoice__c"]);
            let fields = record::fields(random, world, object);
            let id = world.id(random, object);
            let rest = if random.chance(30) { String::new() } else { format!("?fields={fields}") };
            ("GET", format!("sobjects/{object}/{id}{rest}"), None)
        }
        3 => {
            let (object, body) = record::new_record(random, world);
            ("POST", format!("sobjects/{object}"), Some(Json::Object(body)))
        }
        4 => {
            let (object, body) = record::changed(random, world);
            ("PATCH", format!("sobjects/{object}/{}", world.id(random, object)), Some(Json::Object(body)))
        }
        _ => ("DELETE", format!("sobjects/Task/{}", world.id(random, "Task")), None),
    }
}

fn tree(random: &mut Random, world: &World, base: &str) -> Ask {
    let mut number = 0;
    let mut record = |object: &str, mut body: Map<String, Json>| {
        number += 1;
        body.insert("attributes".to_owned(), json!({ "type": object, "referenceId": format!("r{number}") }));
        body
    };
    let mut roots = Vec::new();
    for _ in 0..=random.below(2) {
        let (_, body) = named(random, world);
        let mut root = record("Account", body.as_object().cloned().unwrap_or_default());
        root.remove("Parent");
        if random.chance(60) {
            let field = random.pick(&["Title", "SSN__c", "Department"]);
            let child = json!({ "LastName": "T", field: "x" });
            let mut child = record("Contact", child.as_object().cloned().unwrap_or_default());
            if random.chance(30) {
                let case = record("Case", json!({ "Subject": "S" }).as_object().cloned().unwrap_or_default());
                child.insert("Cases".to_owned(), json!({ "records": [case] }));
            }
            root.insert(random.pick(&["Contacts", "contacts"]).to_owned(), json!({ "records": [child] }));
        }
        roots.push(Json::Object(root));
    }
    Ask::new("envelope", "POST", format!("{base}/composite/tree/Account")).json(&json!({ "records": roots }))
}
