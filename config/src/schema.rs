//! The published JSON schema, made from the same descriptions that read the files.

use serde_json::{Value as Json, json};

use crate::raw;
use crate::read::Read;

/// The JSON schema of `forcefield.yaml` and of the identities' files: a mapping with `identity` is one of these.
#[must_use]
pub fn schema() -> Json {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Forcefield",
        "description": "forcefield.yaml, or one file of the folder that `identities` names",
        "if": { "required": ["identity"] },
        "then": { "$ref": "#/$defs/identity" },
        "else": { "$ref": "#/$defs/main" },
        "$defs": { "main": raw::Main::schema(), "identity": raw::identity::Identity::schema() },
    })
}
