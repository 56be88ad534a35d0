//! What requests mean, row by row: the pure part of `forcefield explain --batch`.
//!
//! Reads a table of request shapes and runs them through [`classify`]: the same code as the data plane. The format:
//! tab-separated columns named by the first line that is no comment, of which `method`, `path`, `content_type` and
//! `body` are used; `#schema` lines extend the starter schema; in bodies `\n \r \t \\` are escapes, `@gzip:TEXT` is
//! TEXT compressed, `@br:TEXT` is TEXT in an encoding that nobody reads, `@multipart:a,b` has parts of these names;
//! further headers follow the content type after ` || `.

use std::io::Write as _;

use serde::Serialize;
use thiserror::Error;

use crate::classify::{BodyUse, Unclear, body_use, classify};
use crate::request::{Head, Reading, Request};
use crate::schema::{Schema, SchemaBuilder, SchemaTextError};

/// What one row was understood as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explained {
    /// The line of the table, counted from one.
    pub line: usize,
    /// The door, or `unknown`.
    pub api: String,
    /// What it does there, joined by `+`; `deny` when it was not understood.
    pub operation: String,
    /// The objects it touches; `None` when the request alone does not determine them.
    pub objects: Option<Vec<String>>,
    /// The fields it touches, likewise.
    pub fields: Option<Vec<String>>,
    /// Whether it creates, pages or downloads an export.
    pub bulk_export: bool,
    /// Why it was not understood.
    pub reason: Option<String>,
}

/// A table that cannot be read.
#[derive(Debug, Error)]
pub enum TableError {
    /// A `#schema` line is wrong.
    #[error(transparent)]
    Schema(#[from] SchemaTextError),
    /// There is no line of column names, or one of the four is missing.
    #[error(
        "the first line that is no comment must name the columns `method`, `path`, `content_type`, `body`"
    )]
    Columns,
    /// A row has too few columns.
    #[error("line {0} has fewer columns than the first")]
    Row(usize),
}

/// Explains every row of a table.
///
/// # Errors
/// A table that does not have the format.
pub fn batch(table: &str) -> Result<Vec<Explained>, TableError> {
    let mut all = Vec::new();
    each(table, |schema, head, body, line| all.push(request(schema, head, body, line)))?;
    Ok(all)
}

/// Calls `visit` with the schema of a table, and the head, body and line of each of its requests.
///
/// # Errors
/// A table that does not have the format.
pub fn each(table: &str, mut visit: impl FnMut(&Schema, &Head<'_>, &[u8], usize)) -> Result<(), TableError> {
    let schema = schema(table)?;
    let mut lines =
        (1..).zip(table.lines()).filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty());
    let (_, names) = lines.next().ok_or(TableError::Columns)?;
    let columns = Columns::of(names).ok_or(TableError::Columns)?;
    for (line, text) in lines {
        let row = columns.row(text).ok_or(TableError::Row(line))?;
        let headers: Vec<(&str, &[u8])> =
            row.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let head = Head { method: row.method, target: row.path, headers: &headers };
        visit(&schema, &head, &row.bytes(), line);
    }
    Ok(())
}

/// Explains one request.
#[must_use]
pub fn request(schema: &Schema, head: &Head<'_>, body: &[u8], line: usize) -> Explained {
    let seen = match body_use(head) {
        BodyUse::Start(most) => body.get(..most).unwrap_or(body),
        BodyUse::None | BodyUse::Whole(_) => body,
    };
    match classify(schema, head, seen) {
        Ok(request) => understood(schema, &request, line),
        Err(unclear) => refused(&unclear, line),
    }
}

fn understood(schema: &Schema, request: &Request, line: usize) -> Explained {
    let Reading { objects, fields } = Reading::of(&request.needs, schema);
    let some = |list: Vec<String>| Some(list).filter(|list| !list.is_empty());
    Explained {
        line,
        api: request.api.to_string(),
        operation: request.operations.to_string(),
        objects: some(objects),
        fields: some(fields),
        bulk_export: request.export,
        reason: None,
    }
}

fn refused(unclear: &Unclear, line: usize) -> Explained {
    Explained {
        line,
        api: "unknown".to_owned(),
        operation: "deny".to_owned(),
        objects: Some(Vec::new()),
        fields: Some(Vec::new()),
        bulk_export: unclear.export,
        reason: Some(unclear.to_string()),
    }
}

/// The starter schema, extended by the `#schema` lines of a table.
fn schema(table: &str) -> Result<Schema, SchemaTextError> {
    let mut builder = SchemaBuilder::default();
    builder.text(include_str!("schema/starter.txt"))?;
    let lines: Vec<&str> = table.lines().filter_map(|line| line.strip_prefix("#schema ")).collect();
    builder.text(&lines.join("\n"))?;
    Ok(builder.build())
}

/// Where the columns are.
struct Columns {
    positions: [usize; 4],
}

/// The columns of a row.
struct Row<'t> {
    method: &'t str,
    path: &'t str,
    headers: Vec<(String, &'t str)>,
    body: &'t str,
}

impl Columns {
    fn of(names: &str) -> Option<Self> {
        let names: Vec<&str> = names.split('\t').collect();
        let find = |name: &str| names.iter().position(|known| *known == name);
        Some(Self { positions: [find("method")?, find("path")?, find("content_type")?, find("body")?] })
    }

    fn row<'t>(&self, text: &'t str) -> Option<Row<'t>> {
        let cells: Vec<&str> = text.split('\t').collect();
        let [method, path, content_type, body] = self.positions.map(|position| cells.get(position).copied());
        let mut parts = content_type?.split(" || ");
        let content_type = parts.next().filter(|value| *value != "-");
        let further = parts.filter_map(|header| header.split_once(':'));
        let headers = content_type.map(|value| ("content-type", value)).into_iter().chain(further);
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim())).collect();
        Some(Row { method: method?, path: path?, headers, body: body? })
    }
}

impl Row<'_> {
    /// The body as it would be sent.
    fn bytes(&self) -> Vec<u8> {
        if self.body == "-" {
            return Vec::new();
        }
        if let Some(names) = self.body.strip_prefix("@multipart:") {
            return multipart(names);
        }
        if let Some(text) = self.body.strip_prefix("@gzip:") {
            return gzip(unescaped(text).as_bytes());
        }
        unescaped(self.body.strip_prefix("@br:").unwrap_or(self.body)).into_bytes()
    }
}

fn multipart(names: &str) -> Vec<u8> {
    let mut body = String::new();
    for name in names.split(',') {
        let kind = if name == "json" { "application/json" } else { "application/octet-stream" };
        body.push_str(&format!(
            "--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\nContent-Type: {kind}\r\n\r\n{{}}\r\n"
        ));
    }
    body.push_str("--B--\r\n");
    body.into_bytes()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    // A vector takes whatever is written.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, false) => out.push(character),
            (_, true) => match characters.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some('\\') => out.push('\\'),
                other => {
                    out.push('\\');
                    out.extend(other);
                }
            },
        }
    }
    out
}

#[cfg(test)]
mod tests;
