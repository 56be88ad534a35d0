//! `multipart/form-data`, as far as the org's own examples go.

use crate::fault::{Fault, Outcome};
use crate::wire::Ask;
use bytes::Bytes;

/// One part of a form.
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

/// Whether the body is a form of parts.
pub(crate) fn is(ask: &Ask) -> bool {
    ask.header("content-type").is_some_and(|kind| kind.starts_with("multipart/form-data"))
}

/// The parts of the body.
pub(crate) fn parse(ask: &Ask) -> Outcome<Vec<Part>> {
    let bad = || Fault::bad("INVALID_MULTIPART_REQUEST", "the multipart body cannot be read");
    let kind = ask.header("content-type").unwrap_or_default();
    let boundary = kind.split("boundary=").nth(1).and_then(|rest| rest.split(';').next()).ok_or_else(bad)?;
    let line = format!("--{}", boundary.trim().trim_matches('"'));
    let mut parts = Vec::new();
    let mut at = find(&ask.body, line.as_bytes(), 0).ok_or_else(bad)? + line.len();
    while ask.body.get(at..at + 2) != Some(b"--") {
        let next = find(&ask.body, format!("\r\n{line}").as_bytes(), at).ok_or_else(bad)?;
        let head_end = find(&ask.body, b"\r\n\r\n", at).filter(|end| *end < next).ok_or_else(bad)?;
        let head = String::from_utf8_lossy(&ask.body.slice(at..head_end)).into_owned();
        parts.push(Part { name: name(&head).ok_or_else(bad)?, bytes: ask.body.slice(head_end + 4..next) });
        at = next + 2 + line.len();
    }
    Ok(parts)
}

fn name(head: &str) -> Option<String> {
    let disposition =
        head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let name = disposition.split(';').find_map(|part| part.trim().strip_prefix("name="))?;
    Some(name.trim_matches('"').to_owned())
}

fn find(bytes: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(wanted.len()).position(|window| window == wanted).map(|place| from + place)
}
