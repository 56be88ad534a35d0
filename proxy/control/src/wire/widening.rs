//! What widens: proposals that wait for another person, and break-glass grants.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// The answer of `GET /v1/proposals`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposals {
    /// Those that are open, oldest first.
    pub proposals: Vec<Proposal>,
}

/// Something that widens and waits for another person: also the answer, with status 202, to whoever asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// Its id, by which it is approved or withdrawn.
    pub id: String,
    /// `restore` or `break-glass`.
    pub action: String,
    /// On whom.
    pub identity: String,
    /// Who proposed it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
    /// The least role of whoever may approve it.
    pub needs: String,
    /// What `break-glass` would grant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub grant: Option<ProposedGrant>,
}

/// The grant of a proposal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProposedGrant {
    /// `allow`, as it was written.
    pub allow: Allow,
    /// `also`, as it was written.
    pub also: Vec<String>,
    /// For how long from its approval on, in seconds.
    pub seconds: u64,
}

/// A break-glass grant in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantStatus {
    /// The id that records made while it holds carry under `unmapped.break_glass`.
    pub id: String,
    /// `allow`, as it was written.
    pub allow: Allow,
    /// `also`, as it was written.
    pub also: Vec<String>,
    /// Its owner.
    pub by: String,
    /// Who approved it, where that was needed.
    pub approved_by: Option<String>,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// What stands under `allow` in an integration's file. In JSON an object, or such a text as is written in the file; it
/// is kept as it came, so that nothing is lost before it is read strictly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Allow(pub String);

// === impl Allow ===

impl<'de> Deserialize<'de> for Allow {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        let written = if text.starts_with('"') { serde_json::from_str(text) } else { Ok(text.to_owned()) };
        written.map(Self).map_err(serde::de::Error::custom)
    }
}
