//! The schemas of what people watch: the events, and an integration's day.

use serde_json::{Map, Value, json};

use super::{object, reference};

pub(super) fn schemas() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer", "minimum": 0 });
    let truth = json!({ "type": "boolean" });
    let moment = json!({ "type": "string", "format": "date-time" });
    let maybe = |schema: &Value| json!({ "anyOf": [schema, { "type": "null" }] });
    let texts = json!({ "type": "array", "items": text });
    let numbers = json!({ "type": "array", "items": number });
    let list = |schema: &str| json!({ "type": "array", "items": reference(schema) });
    let all = json!({
        "Tick": object(&[
            ("at", moment.clone()), ("all", truth.clone()), ("identities", list("IdentityStatus")), ("gone", texts.clone()),
            ("missed", number.clone()), ("streams", list("Stream")), ("open", number.clone()),
            ("proposals", list("Proposal")),
        ], &[]),
        "Refusal": object(&[
            ("at", moment.clone()), ("decision", text.clone()), ("identity", maybe(&text)), ("source", text.clone()),
            ("method", text.clone()), ("path", text.clone()), ("objects", texts.clone()), ("outcome", text.clone()),
            ("rule", text.clone()), ("reason", text.clone()), ("status", number.clone()),
        ], &[]),
        "Day": object(&[
            ("identity", text.clone()), ("date", json!({ "type": "string", "format": "date" })),
            ("minutes", number.clone()), ("exchanges", number.clone()), ("rows", number.clone()), ("bytes", number.clone()),
            ("refused", numbers.clone()), ("objects", list("Series")), ("doors", list("Series")),
            ("findings", list("Finding")), ("cut", truth.clone()),
        ], &[]),
        "Finding": object(&[
            ("at", moment.clone()), ("rule", text.clone()), ("level", text.clone()), ("text", text.clone()),
        ], &[]),
        "Series": object(&[("name", text.clone()), ("rows", numbers)], &[]),
    });
    if let Value::Object(all) = all { all } else { Map::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::openapi::tests::keys;
    use crate::wire;

    #[test]
    fn the_schemas_name_the_fields_that_are_written() {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let refusal = wire::Refusal {
            at,
            decision: "d".into(),
            identity: None,
            source: "s".into(),
            method: "GET".into(),
            path: "/".into(),
            objects: vec![],
            outcome: "refused".into(),
            rule: "x".into(),
            reason: "y".into(),
            status: 403,
        };
        let tick = wire::Tick {
            at,
            all: true,
            identities: vec![],
            gone: vec![],
            missed: 0,
            streams: vec![],
            open: 0,
            proposals: vec![],
        };
        let series = wire::Series { name: "Account".into(), rows: vec![1] };
        let day = wire::Day {
            identity: "a".into(),
            date: "2026-03-31".into(),
            minutes: 15,
            exchanges: 1,
            rows: 1,
            bytes: 1,
            refused: vec![0],
            objects: vec![series.clone()],
            doors: vec![],
            findings: vec![],
            cut: false,
        };
        let finding =
            wire::Finding { at, rule: "silence".into(), level: "record".into(), text: "nothing".into() };
        let schemas = schemas();
        for (name, written) in [
            ("Day", json!(day)),
            ("Finding", json!(finding)),
            ("Series", json!(series)),
            ("Refusal", json!(refusal)),
            ("Tick", json!(tick)),
        ] {
            assert_eq!(keys(&written), keys(&schemas[name]["properties"]), "{name}");
        }
    }
}
