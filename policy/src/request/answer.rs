//! How an answer is read while it passes.

use super::HandleKind;

/// What is done with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What counts as a row of data.
    pub rows: Rows,
    /// What has to be cut out.
    pub cut: Cut,
    /// What kind of handle the answer may give out.
    pub issues: Option<HandleKind>,
}

/// What counts as a row in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// Nothing: no record data.
    None,
    /// The answer is one row (a record, a blob).
    One,
    /// JSON objects inside arrays named `records` or `searchRecords`, at any depth, also inside envelopes.
    JsonRecords,
    /// JSON objects directly inside a top-level array.
    JsonArray,
    /// Lines of CSV after the header, quotes and line breaks inside fields respected.
    Csv,
    /// XML elements with this meaning: SOAP `records`, Bulk 1.0 `records`.
    XmlRecords,
    /// A Bulk 1.0 batch or result, in the format of its job, which shows in the first byte: lines of CSV, objects
    /// directly inside a top-level JSON array, XML `records`.
    Bulk,
    /// At most this many, by the request itself: records that it names by their ids.
    Known(u32),
    /// As [`Rows::JsonRecords`], and this many besides: an envelope's parts that name records by their ids.
    Enveloped(u32),
    /// GraphQL `node` objects.
    GraphQlNodes,
    /// Report rows: objects inside arrays named `rows`.
    ReportRows,
}

/// What has to be cut out of an answer, which says more than was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing.
    Nothing,
    /// A list of objects: granted ones stay (`sobjects[].name`, SOAP `sobjects`).
    Objects,
    /// Descriptions of objects: granted fields stay.
    Description,
    /// Recently viewed records beside a description.
    RecentItems,
    /// A list of jobs: the caller's own stay.
    Jobs,
    /// A record of the UI API: granted fields stay.
    UiRecord,
}

impl Answer {
    /// An answer without record data, of which nothing has to be cut.
    pub const PLAIN: Self = Self { rows: Rows::None, cut: Cut::Nothing, issues: None };

    /// An answer whose rows count so.
    #[must_use]
    pub const fn rows(rows: Rows) -> Self {
        Self { rows, cut: Cut::Nothing, issues: None }
    }
}
