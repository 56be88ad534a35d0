//! What a request really did, noted by the code that did it: the oracle that tests hold the proxy's beliefs against.

use std::collections::BTreeSet;
use std::fmt;

/// One thing done to one field of one object, or to the object as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Touch {
    /// What was done.
    pub verb: Verb,
    /// The API name of the object, in the org's own spelling.
    pub object: String,
    /// The API name of the field; none when the whole record was meant (a deletion) or no field was named (`COUNT()`).
    pub field: Option<String>,
}

/// What can be done to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Told what it is made of.
    Describe,
    /// Values were returned, or decided which rows were returned and in which order.
    Read,
    /// A record came to be.
    Create,
    /// A record changed.
    Update,
    /// A record went to the recycle bin, or out of it for good.
    Delete,
    /// A record came back from the recycle bin.
    Undelete,
    /// Records became one.
    Merge,
    /// An event was published.
    Publish,
    /// Code of the org ran.
    Execute,
}

/// The touches of one request, while it runs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Touches(BTreeSet<Touch>);

// === impl Touch ===

impl fmt::Display for Touch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.verb {
            Verb::Describe => "describe",
            Verb::Read => "read",
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Delete => "delete",
            Verb::Undelete => "undelete",
            Verb::Merge => "merge",
            Verb::Publish => "publish",
            Verb::Execute => "execute",
        };
        write!(f, "{verb} {}", self.object)?;
        self.field.as_ref().map_or(Ok(()), |field| write!(f, ".{field}"))
    }
}

// === impl Touches ===

impl Touches {
    /// Notes something done to a field.
    pub(crate) fn field(&mut self, verb: Verb, object: &str, field: &str) {
        self.0.insert(Touch { verb, object: object.to_owned(), field: Some(field.to_owned()) });
    }

    /// Notes something done to an object as a whole.
    pub(crate) fn object(&mut self, verb: Verb, object: &str) {
        self.0.insert(Touch { verb, object: object.to_owned(), field: None });
    }

    /// Notes everything that was noted elsewhere.
    pub(crate) fn all(&mut self, others: &Touches) {
        self.0.extend(others.0.iter().cloned());
    }

    /// Notes everything that was read elsewhere.
    pub(crate) fn reads(&mut self, others: &Touches) {
        self.0.extend(others.0.iter().filter(|touch| touch.verb == Verb::Read).cloned());
    }

    pub(crate) fn into_set(self) -> BTreeSet<Touch> {
        self.0
    }
}
