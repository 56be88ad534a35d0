//! SOSL: the text of a search to the objects and fields it touches.
//!
//! (The interface that `decision` builds on; the language itself is being written beside it.)

use crate::request::Access;
use crate::schema::ObjectId;
use crate::soql::{Inexpressible, ResolvedCondition};

/// A search whose every name was found in the schema.
#[derive(Debug)]
pub struct Resolved {
    accesses: Vec<Access>,
    objects: Vec<ObjectId>,
    scope: MatchScope,
}

/// Which fields the search term is matched against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchScope {
    /// Every indexed text field.
    All,
    /// Name fields.
    Name,
    /// Email fields.
    Email,
    /// Phone fields.
    Phone,
    /// The fields of the sidebar.
    Sidebar,
}

/// What to write narrower than it was asked. Numbers are positions in [`Resolved::objects`].
#[derive(Debug, Default)]
pub struct Edits<'a> {
    /// Conditions to AND into an object's part.
    pub conditions: Vec<(usize, &'a ResolvedCondition)>,
    /// The most rows of an object.
    pub limits: Vec<(usize, u64)>,
    /// A narrower group of fields to match against.
    pub scope: Option<MatchScope>,
}

impl Resolved {
    /// Everything the search names.
    #[must_use]
    pub fn accesses(&self) -> &[Access] {
        &self.accesses
    }

    /// The objects returned, in order.
    #[must_use]
    pub fn objects(&self) -> &[ObjectId] {
        &self.objects
    }

    /// What the term is matched against.
    #[must_use]
    pub fn scope(&self) -> MatchScope {
        self.scope
    }

    /// The search's text, canonical, narrowed by `edits`.
    ///
    /// # Errors
    /// When a condition cannot be expressed in its place.
    pub fn narrowed(&self, _edits: &Edits<'_>) -> Result<String, Inexpressible> {
        Err(Inexpressible("not available"))
    }

    /// The search's text with the term and every literal replaced by `?`.
    #[must_use]
    pub fn redacted(&self) -> String {
        String::new()
    }
}
