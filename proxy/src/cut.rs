//! Answers that say more than was asked, cut to the grant: lists of objects, descriptions, job lists, UI records.
//!
//! They are read whole, bounded, before anything goes to the client; what cannot be read is not passed on.

mod json;
mod xml;

use forcefield_policy::grant::Grants;
use forcefield_policy::request::{Cut, Verb};
use thiserror::Error;

/// The largest answer that is cut. A description of an object with 800 fields is about 2 MB.
pub const LIMIT: usize = 64 << 20;

/// An answer that cannot be cut, and so is not passed on.
#[derive(Debug, Error)]
pub enum CutError {
    /// Neither JSON nor XML.
    #[error("the answer's content type `{0}` cannot be cut to the grant")]
    ContentType(String),
    /// Not what its content type says.
    #[error("the answer cannot be read: {0}")]
    Unreadable(String),
}

/// What stays in an answer.
pub struct Keep<'a> {
    /// The caller's grants.
    pub grants: &'a Grants,
    /// Whether a job is the caller's own, by its id.
    pub own: &'a dyn Fn(&str) -> bool,
}

/// Cuts an answer.
///
/// # Errors
/// When it cannot be read.
pub fn cut(cut: Cut, keep: &Keep<'_>, content_type: &str, body: &[u8]) -> Result<Vec<u8>, CutError> {
    if cut == Cut::Nothing || body.is_empty() {
        return Ok(body.to_vec());
    }
    if content_type.contains("json") {
        json::cut(cut, keep, body)
    } else if content_type.contains("xml") {
        xml::cut(cut, keep, body)
    } else {
        Err(CutError::ContentType(content_type.to_owned()))
    }
}

// === impl Keep ===

impl Keep<'_> {
    /// Whether anything is granted on an object.
    fn object(&self, name: &str) -> bool {
        self.grants.schema().find(name).is_some_and(|object| self.grants.on(object).is_some())
    }

    /// Whether a field may be read or written in any way.
    fn field(&self, object: &str, name: &str) -> bool {
        self.covered(object, name, &[Verb::Read, Verb::Create, Verb::Update])
    }

    /// Whether a field may be read.
    fn readable(&self, object: &str, name: &str) -> bool {
        self.covered(object, name, &[Verb::Read])
    }

    fn covered(&self, object: &str, name: &str, verbs: &[Verb]) -> bool {
        let Some((id, object)) = self.grants.schema().look_up(object) else { return false };
        let Some(grant) = self.grants.on(id) else { return false };
        let field = object.find(name);
        verbs.iter().filter_map(|verb| grant.fields(*verb)).any(|fields| match field {
            Some(field) => fields.contains(field),
            None => fields.covers_every(),
        })
    }
}

#[cfg(test)]
mod tests;
