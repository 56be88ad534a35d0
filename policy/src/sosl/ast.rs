//! The syntax tree of a search.

use crate::soql::ast::{Category, Expression, Mode, Order, Predicate, ScopeId, Track};
use crate::soql::lexer::Span;

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

#[derive(Debug)]
pub(crate) struct Search {
    /// The search text, braces included.
    pub(crate) term: Span,
    pub(crate) scope: Option<MatchScope>,
    pub(crate) returning: Vec<Returning>,
    pub(crate) with: Vec<With>,
    pub(crate) limit: Option<u32>,
    pub(crate) track: Track,
}

/// One object of RETURNING.
#[derive(Debug)]
pub(crate) struct Returning {
    pub(crate) scope: ScopeId,
    pub(crate) object: Span,
    /// Empty where there are no parentheses: the answer then has ids only.
    pub(crate) fields: Vec<(Expression, Option<Span>)>,
    pub(crate) condition: Option<Predicate>,
    pub(crate) list_view: Option<Span>,
    pub(crate) order: Vec<Order>,
    pub(crate) limit: Option<u32>,
    pub(crate) offset: Option<u32>,
}

#[derive(Debug)]
pub(crate) enum With {
    Division(Span),
    DataCategory(Vec<Category>),
    /// `SNIPPET`, `SNIPPET (target_length = 120)`: shows text around the match, from whatever field it is in.
    Snippet(Option<u32>),
    /// `NETWORK = 'id'`, `NETWORK IN ('id', 'id')`
    Network(Vec<Span>),
    PricebookId(Span),
    Metadata(Span),
    Highlight,
    SpellCorrection(Switch),
    Mode(Mode),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    On,
    Off,
}

// === impl MatchScope ===

impl MatchScope {
    pub(crate) const ALL: [Self; 5] = [Self::All, Self::Name, Self::Email, Self::Phone, Self::Sidebar];

    /// The word of the language for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "ALL",
            Self::Name => "NAME",
            Self::Email => "EMAIL",
            Self::Phone => "PHONE",
            Self::Sidebar => "SIDEBAR",
        }
    }

    /// The scope by its word, in any letter case.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str().eq_ignore_ascii_case(word))
    }
}
