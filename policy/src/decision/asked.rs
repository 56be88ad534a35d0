//! What a permitted request was understood to ask, by names. Only the record asks for all of it, after the request was
//! sent on, so the names are put together when they are asked for, once.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::narrow;
use crate::request::{Columns, Needs, Reading, What};
use crate::schema::Schema;

/// The needs of a request that was decided, and the names in them.
pub(super) struct Asked {
    needs: Needs,
    schema: Arc<Schema>,
    reading: OnceLock<Arc<Reading>>,
}

impl Asked {
    /// What `needs` ask, in terms of the schema that they were resolved against.
    pub(super) fn new(needs: Needs, schema: Arc<Schema>) -> Self {
        Self { needs, schema, reading: OnceLock::new() }
    }

    /// The objects and fields.
    pub(super) fn reading(&self) -> &Arc<Reading> {
        self.reading.get_or_init(|| Arc::new(Reading::of(&self.needs, &self.schema)))
    }

    /// The uploads.
    pub(super) fn uploads(&self) -> impl Iterator<Item = &Columns> {
        self.needs.iter().filter_map(|need| match &need.what {
            What::Columns(columns) => Some(columns),
            What::Access(_)
            | What::Query(_)
            | What::Search(_)
            | What::Condition(_)
            | What::Connection(_)
            | What::Fields(_)
            | What::Rows(_)
            | What::Named(_)
            | What::Opaque(_)
            | What::Handle(_)
            | What::Never(_) => None,
        })
    }

    /// The queries and searches, with their literals redacted.
    pub(super) fn shapes(&self) -> Vec<String> {
        self.needs.iter().filter_map(|need| narrow::shape(&need.what)).collect()
    }
}

/// Without the schema, which is large.
impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.needs.fmt(f)
    }
}
