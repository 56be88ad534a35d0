//! The schemas of what widens.

use serde_json::{Map, Value, json};

use super::{object, reference};

/// The schemas, by name.
pub(super) fn schemas() -> Map<String, Value> {
    let text = || json!({ "type": "string" });
    let moment = || json!({ "type": "string", "format": "date-time" });
    let texts = || json!({ "type": "array", "items": text() });
    let maybe = |schema: Value| json!({ "anyOf": [schema, { "type": "null" }] });
    let grant = object(
        &[
            ("id", text()),
            ("allow", text()),
            ("also", texts()),
            ("by", text()),
            ("approved_by", maybe(text())),
            ("reason", text()),
            ("since", moment()),
            ("until", moment()),
        ],
        &[],
    );
    let proposal = object(
        &[
            ("id", text()),
            ("action", json!({ "enum": ["restore", "break-glass"] })),
            ("identity", text()),
            ("by", text()),
            ("reason", text()),
            ("since", moment()),
            ("until", moment()),
            ("needs", json!({ "enum": ["responder", "admin"] })),
        ],
        &[("grant", reference("ProposedGrant"))],
    );
    let seconds = json!({ "type": "integer", "minimum": 1 });
    let proposed = object(&[("allow", text()), ("also", texts()), ("seconds", seconds)], &[]);
    let list = json!({ "type": "array", "items": reference("Proposal") });
    let reason = json!({ "type": "string", "minLength": 3, "maxLength": 500 });
    let lasting = json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" });
    let allow = json!({
        "description": "As under `allow` in an integration's file: an object, or the same as text.",
        "anyOf": [{ "type": "object" }, text(), { "type": "null" }],
    });
    let break_glass = object(&[("reason", reason), ("for", lasting)], &[("allow", allow), ("also", texts())]);
    let named = [
        ("BreakGlass", break_glass),
        ("Grant", grant),
        ("Proposal", proposal),
        ("ProposedGrant", proposed),
        ("Proposals", object(&[("proposals", list)], &[])),
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
        let allow = wire::Allow("Case: { read: [Subject] }".into());
        let grant = wire::GrantStatus {
            id: "a".into(),
            allow: allow.clone(),
            also: vec![],
            by: "b".into(),
            approved_by: None,
            reason: "r".into(),
            since: at,
            until: at,
        };
        let proposed = wire::ProposedGrant { allow, also: vec![], seconds: 1 };
        let proposal = wire::Proposal {
            id: "a".into(),
            action: "break-glass".into(),
            identity: "i".into(),
            by: "b".into(),
            reason: "r".into(),
            since: at,
            until: at,
            needs: "admin".into(),
            grant: Some(proposed.clone()),
        };
        let schemas = schemas();
        for (name, written) in [
            ("Grant", json!(grant)),
            ("Proposal", json!(proposal)),
            ("ProposedGrant", json!(proposed)),
            ("Proposals", json!(wire::Proposals { proposals: vec![] })),
        ] {
            let keys = |value: &Value| {
                let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
                keys.sort();
                keys
            };
            assert_eq!(keys(&written), keys(&schemas[name]["properties"]), "{name}");
        }
    }

    #[test]
    fn allow_comes_as_an_object_or_as_text_and_keeps_what_was_written() {
        let read = |text: &str| serde_json::from_str::<wire::Allow>(text).map(|allow| allow.0).ok();
        assert_eq!(read(r#""Case: { read: [Subject] }""#).as_deref(), Some("Case: { read: [Subject] }"));
        let twice = r#"{"Case":{"read":["Id"]},"Case":{}}"#;
        assert_eq!(read(twice).as_deref(), Some(twice));
    }
}
