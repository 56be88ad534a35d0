//! From an org's own describe answers to objects of a schema (reference, section 16.1).

use serde::Deserialize;
use thiserror::Error;

use super::FieldKind;
use super::build::{ChildSpec, FieldSpec, ObjectSpec};

/// An answer that is not what describe gives.
#[derive(Debug, Error)]
#[error("not a describe answer: {0}")]
pub struct NotDescribe(#[from] serde_json::Error);

/// One line of the list of all objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// The API name.
    pub name: String,
    /// The prefix of its ids.
    pub prefix: Option<String>,
}

/// Reads the answer of `GET /services/data/vXX.0/sobjects`.
///
/// # Errors
/// When the text is not such an answer.
pub fn listed_objects(json: &[u8]) -> Result<Vec<ListedObject>, NotDescribe> {
    let list: RawList = serde_json::from_slice(json)?;
    let listed = list.sobjects.into_iter().map(|raw| ListedObject { name: raw.name, prefix: raw.key_prefix });
    Ok(listed.collect())
}

impl ObjectSpec {
    /// Reads the answer of `GET /services/data/vXX.0/sobjects/Object/describe`.
    ///
    /// # Errors
    /// When the text is not such an answer.
    pub fn from_describe(json: &[u8]) -> Result<Self, NotDescribe> {
        let raw: RawObject = serde_json::from_slice(json)?;
        Ok(raw.into())
    }

    /// Reads the answer of a `/composite/batch` of descriptions: one object for each part that succeeded.
    ///
    /// # Errors
    /// When the text is not such an answer.
    pub fn from_describe_batch(json: &[u8]) -> Result<Vec<Self>, NotDescribe> {
        let batch: RawBatch = serde_json::from_slice(json)?;
        let good = batch.results.into_iter().filter(|part| part.status_code == 200);
        good.map(|part| Ok(serde_json::from_str::<RawObject>(part.result.get())?.into())).collect()
    }
}

#[derive(Deserialize)]
struct RawList {
    sobjects: Vec<RawListed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawListed {
    name: String,
    key_prefix: Option<String>,
}

#[derive(Deserialize)]
struct RawBatch {
    results: Vec<RawPart>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPart {
    status_code: u16,
    result: Box<serde_json::value::RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawObject {
    name: String,
    key_prefix: Option<String>,
    fields: Vec<RawField>,
    #[serde(default)]
    child_relationships: Vec<RawChild>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawField {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    external_id: bool,
    #[serde(default)]
    id_lookup: bool,
    compound_field_name: Option<String>,
    relationship_name: Option<String>,
    #[serde(default)]
    reference_to: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawChild {
    #[serde(rename = "childSObject")]
    object: String,
    field: String,
    relationship_name: Option<String>,
}

impl From<RawObject> for ObjectSpec {
    fn from(raw: RawObject) -> Self {
        let named = |child: RawChild| {
            Some(ChildSpec {
                relationship: child.relationship_name?,
                object: child.object,
                field: child.field,
            })
        };
        Self {
            name: raw.name,
            prefix: raw.key_prefix,
            fields: raw.fields.into_iter().map(FieldSpec::from).collect(),
            children: raw.child_relationships.into_iter().filter_map(named).collect(),
        }
    }
}

impl From<RawField> for FieldSpec {
    fn from(raw: RawField) -> Self {
        let kind = FieldKind::from_describe(&raw.kind);
        let reference =
            (kind == FieldKind::Reference).then_some((raw.relationship_name, raw.reference_to, false));
        // Describe marks `Id` and `Name` as `idLookup` too; only `externalId` and the id address rows in REST paths.
        let external_id = raw.external_id || (raw.id_lookup && !matches!(&*raw.name, "Id" | "Name"));
        Self { name: raw.name, kind, external_id, compound: raw.compound_field_name, reference }
    }
}
