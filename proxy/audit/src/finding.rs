//! What a signal found: an event of the Open Cybersecurity Schema Framework, Detection Finding, class 2004 of
//! category 2, version 1.3. It stands in the same chain as the exchanges that it names.
//!
//! | attribute | what it says here |
//! |---|---|
//! | `time` | milliseconds |
//! | `severity_id` | 2 recorded, 4 acted |
//! | `finding_info` | its own id (`uid`), what was found (`title`), the rule (`analytic.name`, `types`) |
//! | `resources` | the integration (`identity`) |
//! | `evidences` | one for each exchange: `api.request.uid` its decision's id, `data` when it was and what counts |
//! | `unmapped` | ours: rule, level, what was done; at the end of the written line `sequence` and `chain` |

use jiff::Timestamp;
use serde_json::json;
use ulid::Ulid;

use forcefield_policy::names::IdentityName;

use crate::record::{PRODUCT, VERSION};

/// What a signal found, and what was done about it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// When.
    pub time: Timestamp,
    /// Its own id.
    pub id: Ulid,
    /// The integration.
    pub identity: IdentityName,
    /// The rule, from a closed list.
    pub rule: &'static str,
    /// The level at which it is, from a closed list.
    pub level: &'static str,
    /// What was found, in one sentence.
    pub what: String,
    /// What was done, in one sentence.
    pub done: String,
    /// The exchanges that it rests on.
    pub evidence: Vec<Witness>,
}

/// One exchange that a finding rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// When.
    pub time: Timestamp,
    /// The decision's id.
    pub decision: String,
    /// What of it counts.
    pub what: String,
}

impl Finding {
    /// The line as JSON, before it is chained.
    pub(crate) fn event(&self) -> Vec<u8> {
        let evidence = |witness: &Witness| {
            json!({
                "api": { "operation": witness.what, "request": { "uid": witness.decision } },
                "data": { "time": witness.time.as_millisecond(), "what": witness.what },
            })
        };
        let evidences: Vec<_> = self.evidence.iter().map(evidence).collect();
        let event = json!({
            "time": self.time.as_millisecond(),
            "class_uid": 2004,
            "category_uid": 2,
            "class_name": "Detection Finding",
            "activity_id": 1,
            "type_uid": 200_401,
            "severity_id": if self.level == "record" { 2 } else { 4 },
            "status_id": 1,
            "message": self.done,
            "metadata": { "version": VERSION, "product": PRODUCT, "uid": self.id.to_string() },
            "finding_info": {
                "uid": self.id.to_string(),
                "title": format!("{} {}", self.identity, self.what),
                "types": [self.rule],
                "analytic": { "name": self.rule, "type_id": 1 },
            },
            "resources": [{ "name": self.identity.as_str(), "type": "identity" }],
            "evidences": evidences,
            "unmapped": { "rule": self.rule, "level": self.level, "done": self.done },
        });
        event.to_string().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_its_evidence_and_ends_with_an_object() {
        let witness = Witness {
            time: Timestamp::from_millisecond(1_790_000_000_123).unwrap(),
            decision: "00000000000000000000000007".into(),
            what: "count Account".into(),
        };
        let finding = Finding {
            time: witness.time,
            id: Ulid::from(9_u128),
            identity: IdentityName::try_from("drift").unwrap(),
            rule: "reconnaissance",
            level: "quarantine",
            what: "looks around".into(),
            done: "quarantined until it is restored".into(),
            evidence: vec![witness],
        };
        let event = finding.event();
        assert!(event.ends_with(b"}}"), "for the number and the hash");
        let line: serde_json::Value = serde_json::from_slice(&event).unwrap();
        assert_eq!(line["type_uid"], 200_401);
        assert_eq!(line["finding_info"]["title"], "drift looks around");
        assert_eq!(line["evidences"][0]["api"]["request"]["uid"], "00000000000000000000000007");
        assert_eq!(line["evidences"][0]["data"]["time"], 1_790_000_000_123_i64);
        assert_eq!(line["unmapped"]["level"], "quarantine");
    }
}
