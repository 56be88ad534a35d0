//! What the data plane tells of an exchange.

use std::net::IpAddr;

use forcefield_policy::names::ApiVersion;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

/// Something that an integration did.
#[derive(Clone, Copy, Debug)]
pub struct Fact<'a> {
    /// When.
    pub at: Timestamp,
    /// In which exchange.
    pub decision: Ulid,
    /// What.
    pub what: What<'a>,
}

/// What an integration can do.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A request of it was decided.
    Asked(Asked<'a>),
    /// An answer to it has ended.
    Answered {
        /// The rows that went out.
        rows: u64,
        /// The query job whose results they are, if they are those of one.
        job: Option<&'a str>,
    },
    /// It deleted a query job.
    Deleted(&'a str),
}

/// A request that was decided.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Whether the grants cover it. What they do not cover teaches nothing.
    pub granted: bool,
    /// What its client calls itself: the whole `User-Agent`.
    pub client: Option<&'a str>,
    /// The API version that it names.
    pub version: Option<ApiVersion>,
    /// Where it came from; `None` where the configuration says where the integration calls from.
    pub source: Option<IpAddr>,
    /// The ways in which it looks.
    pub looks: Looks,
    /// The objects that it touches; of a request that is not granted, the one it was refused for, if for one.
    pub objects: &'a [String],
}

/// A way of looking at an org.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Look {
    /// Comes as another client: at least two of product, API version and network are new.
    Arrive,
    /// Asks which objects there are.
    List,
    /// Asks what an object is made of.
    Describe,
    /// Counts its records, or aggregates them.
    Count,
    /// Reads some of its records.
    Sample,
    /// Has its records exported.
    Export,
}

/// A set of ways of looking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looks(u8);

// === impl Look, Looks ===

impl Look {
    /// All of them, in the order in which thieves go about it.
    pub const ALL: [Self; 6] =
        [Self::Arrive, Self::List, Self::Describe, Self::Count, Self::Sample, Self::Export];

    /// What it is called in evidence and in `docs/signals.md`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arrive => "arrive",
            Self::List => "list",
            Self::Describe => "describe",
            Self::Count => "count",
            Self::Sample => "sample",
            Self::Export => "export",
        }
    }

    pub(crate) fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl Looks {
    /// Adds one.
    pub fn add(&mut self, look: Look) {
        self.0 |= look.bit();
    }

    /// Whether one is in it.
    #[must_use]
    pub fn has(self, look: Look) -> bool {
        self.0 & look.bit() != 0
    }
}

impl FromIterator<Look> for Looks {
    fn from_iter<I: IntoIterator<Item = Look>>(looks: I) -> Self {
        let mut all = Self::default();
        looks.into_iter().for_each(|look| all.add(look));
        all
    }
}
