//! Why a name was refused.

use thiserror::Error;

use crate::names::ApiVersion;

/// What a look-up gives. Boxed, for names that are found are many and refusals few.
pub(crate) type Lookup<T> = Result<T, Box<NameError>>;

/// A name that is unknown, ambiguous, or not allowed where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// No such object.
    #[error("the org has no object `{0}` that Forcefield knows")]
    Object(String),
    /// No such field.
    #[error("{object} has no field `{name}`")]
    Field {
        /// The object.
        object: String,
        /// The name.
        name: String,
    },
    /// No such parent relationship.
    #[error("{object} has no parent relationship `{name}`")]
    Relationship {
        /// The object.
        object: String,
        /// The name.
        name: String,
    },
    /// No such child relationship.
    #[error(
        "{object} has no child relationship `{name}`: subqueries are over relationships, such as `Contacts`"
    )]
    Child {
        /// The object.
        object: String,
        /// The name.
        name: String,
    },
    /// The start of a path in the FROM list that is no alias.
    #[error("`{0}` is neither the query's object nor an alias: write `FROM Contact c, c.Account a`")]
    Alias(String),
    /// A name with more than one meaning.
    #[error("`{0}` could mean two things here: choose an alias that nothing else is called")]
    Ambiguous(String),
    /// An alias where Salesforce has none.
    #[error("`{0}` renames a plain field: only functions and grouped queries have aliases")]
    FieldAlias(String),
    /// A path through too many relationships.
    #[error("`{0}` goes through more than five relationships")]
    Hops(String),
    /// Too many relationships in all.
    #[error("the query goes through more than 55 parent relationships")]
    Relationships,
    /// Subqueries within subqueries.
    #[error("subqueries nest at most {most} levels deep in version {version}")]
    Depth {
        /// The levels allowed, the query itself included.
        most: u8,
        /// The version asked for.
        version: ApiVersion,
    },
    /// A field that polymorphic relationships do not have.
    #[error("`{relationship}` points at several objects, which have no `{name}` in common: use TYPEOF")]
    Polymorphic {
        /// The relationship.
        relationship: String,
        /// The name after it.
        name: String,
    },
    /// An object that a TYPEOF cannot meet.
    #[error("`{relationship}` never points at `{object}`")]
    Target {
        /// The relationship.
        relationship: String,
        /// The object.
        object: String,
    },
    /// A filter whose effect is unknown.
    #[error("`{0}` filters in a way that Forcefield does not know")]
    Filter(String),
}

pub(super) fn refuse<T>(error: NameError) -> Lookup<T> {
    Err(Box::new(error))
}
