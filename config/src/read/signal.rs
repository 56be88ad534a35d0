//! What stands under `signals`.

use serde_json::{Value as Json, json};

use super::leaf::choice;
use super::{Leaf, Wrong};
use crate::config::{SignalLevel, Trait};
use crate::yaml::Scalar;

impl Leaf for SignalLevel {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let all = [Self::Off, Self::Record, Self::Throttle, Self::Quarantine];
        choice(scalar, &all.map(|level| (level.as_str(), level)))
    }

    fn schema() -> Json {
        json!({ "enum": ["off", "record", "throttle", "quarantine"], "title": "`off`, `record`, `throttle` or `quarantine`" })
    }
}

impl Leaf for Trait {
    fn leaf(scalar: &Scalar<'_>) -> Result<Self, Wrong> {
        let all = [
            ("client", Self::Client),
            ("version", Self::Version),
            ("network", Self::Network),
            ("objects", Self::Objects),
            ("hour", Self::Hour),
        ];
        choice(scalar, &all)
    }

    fn schema() -> Json {
        json!({ "enum": ["client", "version", "network", "objects", "hour"], "title": "`client`, `version`, `network`, `objects` or `hour`" })
    }
}
