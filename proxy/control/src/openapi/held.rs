//! The schemas of what integrations hold.

use serde_json::{Map, Value, json};

use super::{object, reference};

/// The schemas, by name.
pub(super) fn schemas() -> Map<String, Value> {
    let text = || json!({ "type": "string" });
    let moment = || json!({ "type": "string", "format": "date-time" });
    let list = |schema: &str| json!({ "type": "array", "items": reference(schema) });
    let session = object(
        &[
            ("id", text()),
            ("identity", text()),
            ("kind", json!({ "enum": ["access", "refresh"] })),
            ("since", moment()),
            ("until", moment()),
            ("bound_to", text()),
        ],
        &[],
    );
    let job = object(
        &[
            ("kind", text()),
            ("id", text()),
            ("identity", text()),
            ("objects", json!({ "type": "array", "items": text() })),
            ("since", moment()),
            ("kept_until", json!({ "anyOf": [moment(), { "type": "null" }] })),
        ],
        &[],
    );
    let named = [
        ("Session", session),
        ("Sessions", object(&[("sessions", list("Session"))], &[])),
        ("Job", job),
        ("Jobs", object(&[("jobs", list("Job")), ("cut", json!({ "type": "boolean" }))], &[])),
    ];
    named.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn the_schemas_name_the_fields_that_are_written() {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let text = || "a".to_owned();
        let session = wire::Session {
            id: text(),
            identity: text(),
            kind: text(),
            since: at,
            until: at,
            bound_to: text(),
        };
        let job = wire::Job {
            kind: text(),
            id: text(),
            identity: text(),
            objects: vec![],
            since: at,
            kept_until: None,
        };
        let schemas = schemas();
        for (name, written) in [
            ("Session", json!(session)),
            ("Sessions", json!(wire::Sessions { sessions: vec![] })),
            ("Job", json!(job)),
            ("Jobs", json!(wire::Jobs { jobs: vec![], cut: false })),
        ] {
            let mut written: Vec<&String> = written.as_object().unwrap().keys().collect();
            let mut described: Vec<&String> =
                schemas[name]["properties"].as_object().unwrap().keys().collect();
            written.sort();
            described.sort();
            assert_eq!(written, described, "{name}");
        }
    }
}
