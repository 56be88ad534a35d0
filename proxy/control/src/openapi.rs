//! The OpenAPI document, made of the table of routes.

mod held;
mod watching;
mod widening;

use http::Method;
use serde_json::{Map, Value, json};

use crate::api::role;
use crate::routes::{Action, Entry, ROUTES, Route};

/// The document.
pub(crate) fn document() -> Value {
    let mut paths = Map::new();
    for entry in &ROUTES {
        let method = entry.method.as_str().to_ascii_lowercase();
        let path = paths.entry(entry.path).or_insert_with(|| json!({}));
        if let Value::Object(path) = path {
            path.insert(method, operation(entry));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Forcefield control",
            "version": "1",
            "description": "Look at integrations and restrain them. Every call is recorded.",
        },
        "security": [{ "token": [] }, { "certificate": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "certificate": { "type": "mutualTLS" },
            },
            "schemas": all_schemas(),
        },
    })
}

fn operation(entry: &Entry) -> Value {
    let mut operation = json!({
        "operationId": entry.name,
        "summary": entry.summary,
        "description": format!("For the role `{}` and those above it.", role(entry.least)),
        "parameters": parameters(entry),
        "responses": {
            "200": if entry.route == Route::Events { events() } else { answer("Done.", entry.answer) },
            "default": answer("Not done.", "Problem"),
        },
    });
    let widens = matches!(entry.route, Route::Act(Action::Restore | Action::BreakGlass));
    if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut).filter(|_| widens)
    {
        responses.insert("202".to_owned(), answer("Proposed: it waits for another person.", "Proposal"));
    }
    if entry.method == Method::POST
        && let Value::Object(operation) = &mut operation
    {
        let schema = match entry.route {
            Route::Act(Action::Throttle) => "Throttle",
            Route::Act(Action::BreakGlass) => "BreakGlass",
            Route::Act(Action::Quarantine | Action::Kill) | Route::Lockdown => "Action",
            _ => "Reason",
        };
        let content = json!({ "application/json": { "schema": reference(schema) } });
        operation.insert("requestBody".to_owned(), json!({ "required": true, "content": content }));
    }
    operation
}

fn parameters(entry: &Entry) -> Value {
    let text = json!({ "type": "string" });
    for name in ["identity", "proposal", "session"] {
        if entry.path.contains(&format!("{{{name}}}")) {
            let named = json!({ "name": name, "in": "path", "required": true, "schema": text });
            let day = json!({ "type": "string", "format": "date" });
            let date = json!({ "name": "date", "in": "query", "schema": day });
            return if entry.route == Route::Day { json!([named, date]) } else { json!([named]) };
        }
    }
    if entry.route != Route::Audit {
        return json!([]);
    }
    let moment = json!({ "type": "string", "format": "date-time" });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 });
    let all = [
        ("identity", &text),
        ("object", &text),
        ("outcome", &text),
        ("decision", &text),
        ("from", &moment),
        ("until", &moment),
        ("limit", &limit),
    ];
    all.map(|(name, schema)| json!({ "name": name, "in": "query", "schema": schema })).to_vec().into()
}

fn answer(description: &str, schema: &str) -> Value {
    let content = json!({ "application/json": { "schema": reference(schema) } });
    json!({ "description": description, "content": content })
}

fn events() -> Value {
    let content = json!({ "text/event-stream": { "schema": { "type": "string" } } });
    let description =
        "Events until the caller leaves: the data of `status` is a `Tick`, that of `refusal` a `Refusal`.";
    json!({ "description": description, "content": content })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn all_schemas() -> Map<String, Value> {
    let mut all = widening::schemas();
    all.extend(held::schemas());
    all.extend(watching::schemas());
    if let Value::Object(schemas) = schemas() {
        all.extend(schemas);
    }
    all
}

fn schemas() -> Value {
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer", "minimum": 0 });
    let truth = json!({ "type": "boolean" });
    let moment = json!({ "type": "string", "format": "date-time" });
    let maybe = |schema: &Value| json!({ "anyOf": [schema, { "type": "null" }] });
    let texts = json!({ "type": "array", "items": text });
    let list = |schema: &str| json!({ "type": "array", "items": reference(schema) });
    let reason = json!({ "type": "string", "minLength": 3, "maxLength": 500 });
    // What may be absent may be null.
    let lasting = maybe(&json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" }));
    let rate = maybe(&json!({ "type": "string", "pattern": "^[0-9]+/(s|m|h)$" }));
    let rows = maybe(&json!({ "type": "string", "pattern": "^[0-9]+/(hour|day)$" }));
    json!({
        "Status": object(&[("identities", list("IdentityStatus"))], &[]),
        "IdentityStatus": object(&[
            ("identity", text.clone()), ("org", text.clone()), ("owner", text.clone()), ("mode", text.clone()),
            ("in_flight", number.clone()), ("exchanges", number.clone()), ("refused", number.clone()),
            ("last_refusal", maybe(&reference("LastRefusal"))),
            ("rows", reference("Spent")), ("bytes", reference("Spent")), ("calls", reference("Spent")), ("restraints", list("Restraint")),
            ("break_glass", list("Grant")),
        ], &[]),
        "LastRefusal": object(&[("at", moment.clone()), ("rule", text.clone())], &[]),
        "Spent": object(&[
            ("hour", number.clone()), ("day", number.clone()), ("budget", maybe(&reference("Budget"))),
        ], &[]),
        "Budget": object(&[("amount", number.clone()), ("window", text.clone())], &[]),
        "Restraint": object(&[
            ("action", text.clone()), ("by", text.clone()), ("reason", text.clone()),
            ("since", moment.clone()), ("until", maybe(&moment)),
        ], &[("requests", text.clone()), ("rows", text.clone())]),
        "Streams": object(&[("streams", list("Stream"))], &[]),
        "Stream": object(&[
            ("decision", text.clone()), ("identity", text.clone()), ("source", text.clone()),
            ("since", moment.clone()), ("door", text.clone()), ("objects", texts.clone()),
            ("rows", number.clone()), ("bytes", number.clone()),
        ], &[]),
        "Throttle": object(&[("reason", reason.clone())], &[("for", lasting.clone()), ("requests", rate), ("rows", rows)]),
        "Action": object(&[("reason", reason.clone())], &[("for", lasting)]),
        "Reason": object(&[("reason", reason)], &[]),
        "ActionAnswer": object(&[
            ("decision", text.clone()), ("action", text.clone()), ("identity", maybe(&text)),
            ("changed", truth.clone()), ("done", texts.clone()), ("undone", texts), ("restraints", list("Restraint")),
        ], &[]),
        "AuditAnswer": object(&[
            ("summary", json!({ "type": "object" })),
            ("records", json!({ "type": "array", "items": { "type": "object" } })),
            ("cut", truth),
        ], &[]),
        "PublicKey": object(&[("public_key", text.clone())], &[]),
        "Problem": object(&[("error", text.clone()), ("decision", text)], &[]),
        "Document": { "type": "object" },
    })
}

fn object(required: &[(&str, Value)], optional: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = required.iter().map(|(name, _)| *name).collect();
    let all = required.iter().chain(optional).map(|(name, schema)| ((*name).to_owned(), schema.clone()));
    let properties: Map<String, Value> = all.collect();
    json!({ "type": "object", "required": names, "properties": properties, "additionalProperties": false })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn every_reference_leads_somewhere_and_every_route_is_there() {
        let document = document();
        let text = document.to_string();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
        for entry in &ROUTES {
            let method = entry.method.as_str().to_ascii_lowercase();
            assert_eq!(document["paths"][entry.path][method]["operationId"], entry.name);
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one example of everything on the wire")]
    fn the_schemas_name_the_fields_that_are_written() {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let restraint = wire::RestraintStatus {
            action: "throttle".into(),
            requests: Some("1/s".into()),
            rows: Some("1/day".into()),
            by: "a".into(),
            reason: "b".into(),
            since: at,
            until: None,
        };
        let budget = wire::Budget { amount: 1, window: "day".into() };
        let spent = wire::Spent { hour: 1, day: 2, budget: Some(budget.clone()) };
        let last = wire::LastRefusal { at, rule: "x".into() };
        let identity = wire::IdentityStatus {
            identity: "a".into(),
            org: "b".into(),
            owner: "c".into(),
            mode: "enforce".into(),
            in_flight: 0,
            exchanges: 0,
            refused: 0,
            last_refusal: Some(last.clone()),
            rows: spent.clone(),
            bytes: spent.clone(),
            calls: spent.clone(),
            restraints: vec![restraint.clone()],
            break_glass: vec![],
        };
        let answer = wire::ActionAnswer {
            decision: "d".into(),
            action: "kill".into(),
            identity: None,
            changed: true,
            done: vec![],
            undone: vec![],
            restraints: vec![],
        };
        let stream = wire::Stream {
            decision: "d".into(),
            identity: "a".into(),
            source: "s".into(),
            since: at,
            door: "query".into(),
            objects: vec![],
            rows: 0,
            bytes: 0,
        };
        let throttle = wire::ActionRequest {
            reason: "r".into(),
            lasting: Some("2h".into()),
            requests: Some("1/s".into()),
            rows: Some("1/day".into()),
            ..wire::ActionRequest::default()
        };
        let problem = wire::Problem { error: "e".into(), decision: "d".into() };
        let audit = wire::AuditAnswer { summary: json!({}), records: vec![], cut: false };
        let schemas = schemas();
        for (name, written) in [
            ("Status", json!(wire::Status { identities: vec![] })),
            ("IdentityStatus", json!(identity)),
            ("LastRefusal", json!(last)),
            ("Spent", json!(spent)),
            ("Budget", json!(budget)),
            ("Restraint", json!(restraint)),
            ("Streams", json!(wire::Streams { streams: vec![] })),
            ("Stream", json!(stream)),
            ("Throttle", json!(throttle)),
            ("ActionAnswer", json!(answer)),
            ("AuditAnswer", json!(audit)),
            ("PublicKey", json!(wire::PublicKey { public_key: "k".into() })),
            ("Problem", json!(problem)),
        ] {
            assert_eq!(keys(&written), keys(&schemas[name]["properties"]), "{name}");
        }
    }

    pub(crate) fn keys(value: &Value) -> Vec<String> {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    }
}
