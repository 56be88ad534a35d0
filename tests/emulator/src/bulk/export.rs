//! Query results as CSV, made as they are sent: a result is never held whole.

use super::Export;
use crate::call::{Call, State};
use crate::csv;
use crate::cursor::Cursors;
use crate::fault::{Fault, Outcome};
use crate::schema::{Kind, Schema};
use crate::soql::eval::View;
use crate::soql::parse;
use crate::soql::plan::{Column, Plan, Rows, Scalar};
use crate::soql::project::Writer;
use crate::soql::run;
use crate::store::Store;
use crate::touch::Touches;
use bytes::Bytes;
use jiff::Timestamp;
use serde_json::Value as Json;
use std::sync::Arc;

/// Runs a query for a job; what bulk jobs cannot do is refused.
pub(crate) fn run(call: &mut Call<'_>, soql: &str, all_rows: bool) -> Outcome<Export> {
    let before = std::mem::take(&mut call.touches);
    let plan = call.bind(&parse(soql)?, all_rows);
    let touches = std::mem::replace(&mut call.touches, before);
    call.touches.all(&touches);
    let plan = plan?;
    let unsupported = plan.aggregated || plan.offset > 0 || !plan.columns.iter().all(is_plain);
    if unsupported {
        return Err(Fault::bad(
            "INVALIDJOB",
            "aggregate queries, subqueries, OFFSET, TYPEOF and compound fields are not supported in bulk queries",
        ));
    }
    let answer = run::execute(call.view(), &plan)?;
    Ok(Export { plan, answer, touches })
}

fn is_plain(column: &Column) -> bool {
    match column {
        Column::Value { scalar, .. } => !matches!(scalar.kind(), Kind::Address | Kind::Location | Kind::Blob),
        Column::Children { .. } | Column::TypeOf { .. } => false,
    }
}

/// The names of the columns: `Name`, `Account.Name`.
pub(crate) fn header(plan: &Plan) -> Vec<String> {
    let path = |column: &Column| match column {
        Column::Value { hops, label, scalar } => {
            let parents = hops.iter().map(|hop| hop.relationship.as_str());
            let label = if matches!(scalar, Scalar::Aggregate(..)) { "expr0" } else { label };
            Some(parents.chain([label]).collect::<Vec<_>>().join("."))
        }
        Column::Children { .. } | Column::TypeOf { .. } => None,
    };
    plan.columns.iter().filter_map(path).collect()
}

/// A result on its way out: some rows of an export, a few thousand at a time.
pub(crate) struct Lines {
    schema: Arc<Schema>,
    store: Store,
    plan: Arc<Plan>,
    rows: Rows,
    user: String,
    version: u32,
    now: Timestamp,
    at: u64,
    end: u64,
    delimiter: char,
    line_end: &'static str,
    begun: bool,
}

impl Lines {
    /// Rows `from..end` of an export.
    pub(crate) fn new(
        state: &State,
        export: &Export,
        (from, end): (u64, u64),
        (delimiter, line_end): (char, &'static str),
    ) -> Self {
        Self {
            schema: state.schema.clone(),
            store: state.store.clone(),
            plan: export.plan.clone(),
            rows: export.answer.rows.clone(),
            user: String::new(),
            version: 60,
            now: Timestamp::UNIX_EPOCH,
            at: from,
            end,
            delimiter,
            line_end,
            begun: false,
        }
    }

    fn line(&self, fields: &[String]) -> String {
        csv::line(fields.iter().map(String::as_str), self.delimiter) + self.line_end
    }

    /// Records of some rows as JSON.
    pub(crate) fn records(&self, from: u64, batch: u64) -> Vec<Json> {
        let view = View {
            schema: &self.schema,
            store: &self.store,
            now: self.now,
            user: &self.user,
            version: self.version,
            namespace: None,
        };
        let (mut cursors, touches) = (Cursors::default(), Touches::default());
        let mut writer = Writer { view, cursors: &mut cursors, batch, touches: &touches, resource: "query" };
        writer.rows(&self.plan, &self.rows, from)
    }
}

impl Iterator for Lines {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let columns = header(&self.plan);
        let mut text = if self.begun { String::new() } else { self.line(&columns) };
        self.begun = true;
        let batch = self.end.saturating_sub(self.at).min(2000);
        if batch > 0 {
            for record in self.records(self.at, batch) {
                let fields: Vec<String> = columns.iter().map(|path| text_at(&record, path)).collect();
                text += &self.line(&fields);
            }
            self.at += batch;
        }
        (!text.is_empty()).then(|| text.into())
    }
}

/// The value at a path of a record, as bulk results write it.
pub(crate) fn text_at(record: &Json, path: &str) -> String {
    let value = path.split('.').try_fold(record, |record, name| record.get(name));
    match value {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => zulu(text),
        Some(other) => other.to_string(),
    }
}

/// A moment with `Z`, as everything but REST writes it; other text as it is.
pub(crate) fn zulu(text: &str) -> String {
    match text.strip_suffix("+0000") {
        Some(moment) if moment.len() == 23 && moment.contains('T') => format!("{moment}Z"),
        _ => text.to_owned(),
    }
}

/// A made-up result of an exact length.
pub(crate) fn filler(columns: &[String], bytes: u64) -> impl Iterator<Item = Bytes> + Send + use<> {
    let header = csv::line(columns.iter().map(String::as_str), ',') + "\n";
    let line = csv::line(columns.iter().map(|_| "made up to fill the result"), ',') + "\n";
    let block: Bytes = line.repeat(64 * 1024 / line.len() + 1).into();
    let mut left = usize::try_from(bytes).unwrap_or(usize::MAX);
    let blocks = std::iter::once(Bytes::from(header)).chain(std::iter::repeat(block));
    blocks.map_while(move |block| {
        let part = block.slice(..block.len().min(left));
        left -= part.len();
        (!part.is_empty()).then_some(part)
    })
}
