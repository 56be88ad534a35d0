//! The orgs' schemas: loaded from their own describe, kept on disk, used until a newer one was loaded whole.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use forcefield_policy::decision::Permit;
use forcefield_policy::names::ApiVersion;
use forcefield_policy::schema::describe::{NotDescribe, listed_objects};
use forcefield_policy::schema::{ObjectSpec, Schema, SchemaBuilder};
use thiserror::Error;

/// The stored schemas.
#[derive(Clone, Debug)]
pub struct SchemaStore {
    folder: PathBuf,
}

/// Why a schema was not loaded. What was in force stays.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// The org did not answer a description.
    #[error("the org did not describe itself: {0}")]
    NoAnswer(String),
    /// The answer is not a description.
    #[error(transparent)]
    NotDescribe(#[from] NotDescribe),
    /// The org lists objects but describes none.
    #[error("the org describes none of the objects it lists")]
    Empty,
}

/// A schema that is being loaded: every object that the org lists is described, 25 a call. Objects that the org lists
/// but does not describe to this user are left out, and so refused.
#[derive(Debug)]
pub struct Loading {
    names: Vec<String>,
    builder: SchemaBuilder,
    described: usize,
}

impl Loading {
    /// Begins with the list of objects.
    ///
    /// # Errors
    /// When the answer is not such a list.
    pub fn of(listed: &Bytes) -> Result<Self, SchemaError> {
        let names = listed_objects(listed)?.into_iter().map(|object| object.name).collect();
        Ok(Self { names, builder: SchemaBuilder::default(), described: 0 })
    }

    /// The descriptions to ask for next; `None` when all were asked for.
    pub fn next(&mut self, version: ApiVersion) -> Option<Permit> {
        let rest = self.names.split_off(self.names.len().min(BATCH));
        let batch = std::mem::replace(&mut self.names, rest);
        let names: Vec<&str> = batch.iter().map(String::as_str).collect();
        (!names.is_empty()).then(|| Permit::describe_batch(version, &names))
    }

    /// Takes the answer.
    ///
    /// # Errors
    /// When it is not one: half a schema is worse than the one before.
    pub fn take(&mut self, described: &Bytes) -> Result<(), SchemaError> {
        let objects = ObjectSpec::from_describe_batch(described)?;
        self.described += objects.len();
        self.builder.distinct(objects);
        Ok(())
    }

    /// The schema.
    ///
    /// # Errors
    /// When no object was described.
    pub fn finish(self) -> Result<Schema, SchemaError> {
        if self.described == 0 { Err(SchemaError::Empty) } else { Ok(self.builder.build()) }
    }
}

/// Descriptions in one call: the most that Salesforce takes.
const BATCH: usize = 25;

// === impl SchemaStore ===

impl SchemaStore {
    /// The schemas below the state folder.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn open(state: &Path) -> io::Result<Self> {
        let folder = state.join("schema");
        std::fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// The schema that was stored last for an org; `None` when there is none or it cannot be read.
    #[must_use]
    pub fn stored(&self, org: &str) -> Option<Schema> {
        let text = std::fs::read_to_string(self.file(org)).ok()?;
        Schema::from_text(&text).ok().filter(|schema| !schema.is_empty())
    }

    /// Whether a schema was ever stored for an org.
    #[must_use]
    pub fn has(&self, org: &str) -> bool {
        self.file(org).exists()
    }

    /// Stores a schema: the old one stays until the new one is whole.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn store(&self, org: &str, schema: &Schema) -> io::Result<()> {
        let file = self.file(org);
        let next = file.with_extension("next");
        std::fs::write(&next, schema.to_text())?;
        std::fs::File::open(&next)?.sync_all()?;
        std::fs::rename(next, file)
    }

    fn file(&self, org: &str) -> PathBuf {
        // Names of orgs come from the configuration; anything odd in one must not leave the folder.
        let safe: String =
            org.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
        self.folder.join(format!("{safe}.schema"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_object_is_asked_for_once() {
        let listed: Vec<String> = (0..60).map(|number| format!("{{\"name\":\"O{number}__c\"}}")).collect();
        let listed = Bytes::from(format!("{{\"sobjects\":[{}]}}", listed.join(",")));
        let mut loading = Loading::of(&listed).unwrap();
        let mut asked = 0;
        while let Some(permit) = loading.next(ApiVersion::new(62)) {
            let body = permit.body("").unwrap();
            asked += String::from_utf8_lossy(&body).matches("/describe").count();
        }
        assert_eq!(asked, 60);
        assert!(loading.finish().is_err(), "nothing was described");
    }

    #[test]
    fn a_stored_schema_reads_back() {
        let folder = std::env::temp_dir().join(format!("forcefield-schemas-{}", std::process::id()));
        let store = SchemaStore::open(&folder).unwrap();
        let schema = Schema::starter().unwrap();
        store.store("acme/../prod", &schema).unwrap();
        assert_eq!(store.stored("acme/../prod").unwrap().len(), schema.len());
        assert!(store.stored("other").is_none());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
