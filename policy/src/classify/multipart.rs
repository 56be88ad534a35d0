//! `multipart/form-data`, strictly: named parts between boundaries, nothing before, between or after them.
//!
//! Part headers are `Content-Disposition` and `Content-Type` and no others (no transfer or content encodings, no
//! folding, no `filename*`), names are not repeated, and what is sent is written anew.

use super::unclear::{Place, Unclear};
use crate::request::Template;

/// One part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    /// Its form name.
    pub(super) name: &'a str,
    /// The file name, where one is given.
    pub(super) file: Option<&'a str>,
    /// Its media type, where one is given.
    pub(super) media: Option<&'a str>,
    /// What is in it.
    pub(super) content: &'a [u8],
}

/// The most parts of a body.
const MAX_PARTS: usize = 201;

/// Reads all parts of a body.
///
/// # Errors
/// Everything that is not of the strict form above.
pub(super) fn parts<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, Unclear> {
    let unclear = |at: usize, what: &str| Unclear::form(Place::Offset(at), what);
    let delimiter = format!("\r\n--{boundary}");
    let opening = format!("--{boundary}\r\n");
    let mut at = opening.len();
    if !body.starts_with(opening.as_bytes()) {
        return Err(unclear(0, "the body does not start with its boundary"));
    }
    let mut parts: Vec<Part<'a>> = Vec::new();
    loop {
        let rest = body.get(at..).unwrap_or_default();
        let (headers, start) = head(rest).ok_or_else(|| unclear(at, "the headers of a part do not end"))?;
        let mut part = part(headers).map_err(|what| unclear(at, what))?;
        let rest = rest.get(start..).unwrap_or_default();
        let length =
            find(rest, delimiter.as_bytes()).ok_or_else(|| unclear(at + start, "a part does not end"))?;
        part.content = rest.get(..length).unwrap_or_default();
        if parts.iter().any(|known| known.name.eq_ignore_ascii_case(part.name)) {
            return Err(unclear(at, "two parts have the same name"));
        }
        parts.push(part);
        at += start + length + delimiter.len();
        match body.get(at..).unwrap_or_default() {
            b"--" | b"--\r\n" => return Ok(parts),
            more if more.starts_with(b"\r\n") && parts.len() < MAX_PARTS => at += 2,
            _ => return Err(unclear(at, "another part or the end of the body is expected after a boundary")),
        }
    }
}

/// Writes parts; the content of each is its own template, and gives out what it holds in order.
pub(super) fn write<'a>(boundary: &str, parts: impl IntoIterator<Item = (Part<'a>, Template)>) -> Template {
    let mut body = Template::default();
    for (part, content) in parts {
        let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", part.name);
        if let Some(file) = part.file {
            head.push_str(&format!("; filename=\"{file}\""));
        }
        if let Some(media) = part.media {
            head.push_str(&format!("\r\nContent-Type: {media}"));
        }
        head.push_str("\r\n\r\n");
        body.text(head).embed(content, 0).text("\r\n");
    }
    body.text(format!("--{boundary}--\r\n"));
    body
}

/// The header lines of a part, and where its content starts.
fn head(rest: &[u8]) -> Option<(&str, usize)> {
    let end = find(rest.get(..rest.len().min(MAX_HEAD))?, b"\r\n\r\n")?;
    Some((std::str::from_utf8(rest.get(..end)?).ok()?, end + 4))
}

/// The most bytes of a part's headers.
const MAX_HEAD: usize = 2_048;

/// Reads the headers of a part.
fn part(headers: &str) -> Result<Part<'_>, &'static str> {
    let mut disposition = None;
    let mut media = None;
    for line in headers.split("\r\n") {
        let (name, value) = line.split_once(": ").ok_or("a part header is not `Name: value`")?;
        if value.bytes().any(|byte| byte.is_ascii_control()) {
            return Err("a part header holds a control character");
        }
        let place = match name {
            _ if name.eq_ignore_ascii_case("Content-Disposition") => &mut disposition,
            _ if name.eq_ignore_ascii_case("Content-Type") => &mut media,
            _ => return Err("a part has a header other than Content-Disposition and Content-Type"),
        };
        if place.replace(value.trim()).is_some() {
            return Err("a part header is repeated");
        }
    }
    let (name, file) = names(disposition.ok_or("a part has no Content-Disposition")?)?;
    Ok(Part { name, file, media, content: &[] })
}

/// The form name and file name of a `Content-Disposition`.
fn names(disposition: &str) -> Result<(&str, Option<&str>), &'static str> {
    const FORM: &str = "Content-Disposition is not `form-data; name=\"..\"` with at most a `filename=\"..\"`";
    let mut rest = disposition.strip_prefix("form-data").ok_or(FORM)?;
    let (mut name, mut file) = (None, None);
    while let Some(parameter) = rest.strip_prefix(';') {
        let parameter = parameter.trim_start_matches(' ');
        if parameter.is_empty() {
            rest = "";
            break;
        }
        let (key, value) = parameter.split_once("=\"").ok_or(FORM)?;
        let (value, after) = value.split_once('"').ok_or(FORM)?;
        let place = match key {
            "name" => &mut name,
            "filename" => &mut file,
            _ => return Err(FORM),
        };
        if value.contains(['\\', '%']) && key == "name"
            || value.contains('\\')
            || place.replace(value).is_some()
        {
            return Err(FORM);
        }
        rest = after;
    }
    match (rest, name) {
        ("", Some(name)) => Ok((name, file)),
        _ => Err(FORM),
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    loop {
        let at = from + bytes.get(from..)?.iter().position(|byte| *byte == first)?;
        if bytes.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BODY: &str = "--B\r\nContent-Disposition: form-data; name=\"job\";\r\nContent-Type: application/json\r\n\r\n{}\r\n--B\r\ncontent-disposition: form-data; name=\"content\"; filename=\"a b.csv\"\r\n\r\nA\r\n--\r\n--B--\r\n";

    #[test]
    fn parts_are_read_and_written_alike() {
        let read = parts(BODY.as_bytes(), "B").unwrap();
        assert_eq!(read.iter().map(|part| part.name).collect::<Vec<_>>(), ["job", "content"]);
        assert_eq!((read[0].media, read[0].content), (Some("application/json"), b"{}".as_slice()));
        assert_eq!((read[1].file, read[1].content), (Some("a b.csv"), b"A\r\n--".as_slice()));
        let written = write(
            "B",
            read.into_iter().map(|part| {
                let content = Template::from(part.content);
                (part, content)
            }),
        );
        let text = written.fill(|_| None).parts.concat();
        let again = parts(&text, "B").unwrap();
        assert_eq!(again, parts(BODY.as_bytes(), "B").unwrap());
    }

    #[test]
    fn what_two_parsers_read_differently_is_refused() {
        let swap = |from: &str, to: &str| {
            assert!(BODY.contains(from));
            parts(BODY.replacen(from, to, 1).as_bytes(), "B").is_err()
        };
        for (from, to) in [
            ("--B\r\n", "preamble\r\n--B\r\n"),
            ("--B--\r\n", "--B--\r\nmore"),
            ("--B--\r\n", ""),
            ("--\r\n--B--", "--\r\n--Bx--"),
            ("\r\nContent-Type", "\n Content-Type"),
            ("\r\nContent-Type", "\r\nContent-Transfer-Encoding: base64\r\nContent-Type"),
            ("\r\nContent-Type", "\r\nContent-Type: text/csv\r\nContent-Type"),
            ("name=\"content\"", "name=\"JOB\""),
            ("filename=", "filename*="),
            ("name=\"job\"", "name=job"),
            ("name=\"job\"", "name=\"job\"; name=\"x\""),
            ("form-data", "attachment"),
        ] {
            assert!(swap(from, to), "{from:?} -> {to:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..BODY.len() - 2, byte: u8) {
            let _ = parts(&bytes, "B");
            let mut changed = BODY.as_bytes().to_vec();
            changed[at] = byte;
            let _ = parts(&changed, "B");
            changed.truncate(at);
            prop_assert!(parts(&changed, "B").is_err());
        }
    }
}
