//! What an identity holds, compiled against one schema for look-up.

mod compile;
mod fields;
mod pattern;
mod widen;

use std::sync::Arc;

pub use compile::{AllowSpec, FieldsSpec, GrantProblem, GrantsSpec};
pub use fields::FieldSet;
pub use pattern::{InvalidPattern, Pattern};

use crate::decision::side_door;
use crate::names::{ApiVersions, IdentityName};
use crate::request::{Fields, Named, Opaque, Verb};
use crate::schema::{ObjectId, Schema};
use crate::soql::ResolvedCondition;

/// Everything one identity may do, in terms of one schema.
#[derive(Debug)]
pub struct Grants {
    identity: IdentityName,
    schema: Arc<Schema>,
    versions: ApiVersions,
    /// Sorted by object.
    objects: Box<[(ObjectId, Grant)]>,
    named: Vec<Named>,
    patterns: Vec<Pattern>,
    exports: Vec<ObjectId>,
    enforcement: Enforcement,
}

/// What an identity may do with one object.
#[derive(Debug, Default)]
pub struct Grant {
    pub(crate) read: Option<FieldSet>,
    pub(crate) create: Option<FieldSet>,
    pub(crate) update: Option<FieldSet>,
    pub(crate) verbs: Vec<Verb>,
    pub(crate) condition: Option<ResolvedCondition>,
    pub(crate) max_rows: Option<u64>,
}

/// Whether refusals for want of a grant are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforcement {
    /// They are.
    Enforce,
    /// They are noted on the permit, and the request passes as it was asked (`mode: observe` and `warn`). Exports,
    /// doors that are never opened, handles of others, and requests that cannot be understood stay refused.
    Observe,
}

// === impl Grants ===

impl Grants {
    /// Whose they are.
    #[must_use]
    pub fn identity(&self) -> &IdentityName {
        &self.identity
    }

    /// The schema that its objects and fields are numbered by: the one to classify requests with.
    #[must_use]
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// The API versions allowed.
    #[must_use]
    pub fn versions(&self) -> ApiVersions {
        self.versions
    }

    /// Whether refusals are carried out.
    #[must_use]
    pub fn enforcement(&self) -> Enforcement {
        self.enforcement
    }

    /// The grant on an object, if there is one.
    #[must_use]
    pub fn on(&self, object: ObjectId) -> Option<&Grant> {
        let at = self.objects.binary_search_by_key(&object, |(known, _)| *known).ok()?;
        self.objects.get(at).map(|(_, grant)| grant)
    }

    /// The objects with a grant of any sort.
    pub fn objects(&self) -> impl Iterator<Item = (ObjectId, &Grant)> {
        self.objects.iter().map(|(object, grant)| (*object, grant))
    }

    /// Whether `also` names a resource.
    #[must_use]
    pub fn names(&self, named: Named) -> bool {
        self.named.contains(&named)
    }

    /// Whether a pattern of `also` covers an opaque door, and spells the action of one that sends data out.
    #[must_use]
    pub fn opens(&self, opaque: &Opaque) -> bool {
        let sending = side_door::sending_action(opaque);
        let spells = |pattern: &Pattern| sending.clone().is_none_or(|action| pattern.spells(action));
        self.patterns.iter().any(|pattern| pattern.covers(opaque) && spells(pattern))
    }

    /// Whether a pattern of `also` leads to an opaque door, though perhaps only with other parameters.
    #[must_use]
    pub fn leads_to(&self, opaque: &Opaque) -> bool {
        self.patterns.iter().any(|pattern| pattern.leads_to(opaque))
    }

    /// Whether rows of an object may leave by an export.
    #[must_use]
    pub fn exports(&self, object: ObjectId) -> bool {
        self.exports.contains(&object)
    }
}

// === impl Grant ===

impl Grant {
    /// The fields covered for a verb that goes by fields; `None` when the verb is not granted at all.
    #[must_use]
    pub fn fields(&self, verb: Verb) -> Option<&FieldSet> {
        match verb {
            Verb::Read => self.read.as_ref(),
            Verb::Create | Verb::Publish => self.create.as_ref(),
            Verb::Update => self.update.as_ref(),
            Verb::Delete | Verb::Undelete | Verb::Merge | Verb::Subscribe | Verb::Describe => None,
        }
    }

    /// Whether the verb is granted on the object as such.
    #[must_use]
    pub fn allows(&self, verb: Verb) -> bool {
        match verb {
            Verb::Read | Verb::Create | Verb::Update => self.fields(verb).is_some(),
            Verb::Delete | Verb::Undelete | Verb::Merge | Verb::Publish | Verb::Subscribe => {
                self.verbs.contains(&verb)
            }
            Verb::Describe => true,
        }
    }

    /// Whether the verb is granted on these fields.
    #[inline]
    #[must_use]
    pub fn covers(&self, verb: Verb, fields: Fields) -> bool {
        let granted = self.fields(verb);
        let all = match fields {
            Fields::None => true,
            Fields::One(field) => granted.is_none_or(|granted| granted.contains(field)),
            Fields::Every => granted.is_none_or(FieldSet::covers_every),
        };
        all && self.allows(verb)
    }

    /// The condition on the rows that may be read.
    #[must_use]
    pub fn condition(&self) -> Option<&ResolvedCondition> {
        self.condition.as_ref()
    }

    /// The most rows of one query.
    #[must_use]
    pub fn max_rows(&self) -> Option<u64> {
        self.max_rows
    }
}
