//! A request's body: its content type, and its bytes with the content encoding taken off, within limits.
//!
//! Reference, section 11.3. One encoding at most, gzip or deflate; UTF-8 only; a body must say what it is.

use std::borrow::Cow;
use std::io::Read;

use super::{BodyUse, Place, Unclear, UnclearKind};
use crate::request::{Head, Method};

/// The most bytes of a body that is read whole, decoded.
pub(crate) const MOST: usize = 50 << 20;

/// A body as it was understood so far.
#[derive(Debug)]
pub(crate) struct Payload<'a> {
    /// What it says that it is.
    pub(crate) kind: ContentType,
    /// Its bytes, decoded: all of them, or the beginning where the rest streams through.
    pub(crate) bytes: Cow<'a, [u8]>,
    /// The content encoding that was taken off; a streamed body still has it.
    pub(crate) encoding: Option<&'static str>,
}

/// A content type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ContentType {
    /// Type and subtype in lower case: `application/json`.
    pub(crate) essence: Box<str>,
    /// The boundary of a multipart body.
    pub(crate) boundary: Option<Box<str>>,
}

impl<'a> Payload<'a> {
    /// Reads the body; `None` when there is none.
    pub(crate) fn read(
        head: &Head<'_>,
        method: Method,
        raw: &'a [u8],
        use_: BodyUse,
    ) -> Result<Option<Self>, Unclear> {
        if raw.is_empty() {
            return Ok(None);
        }
        if method.is_get() || method == Method::Delete {
            return Err(Unclear::form(Place::Body, format!("{method} has no body")));
        }
        let encoding = encoding(head)?;
        // `sfdclib` writes the name with an underscore (clients.md, section 2.6); what is sent has the right one.
        let header =
            one(head, "content-type")?.map_or_else(|| one(head, "content_type"), |value| Ok(Some(value)))?;
        let header = header.ok_or_else(|| odd("content-type", "a body must say what it is"))?;
        let kind = ContentType::parse(header)?;
        let bytes = match (encoding, use_) {
            (None, BodyUse::Whole(most)) if raw.len() > most => return Err(too_large(most)),
            (None, _) => Cow::Borrowed(raw),
            (Some(encoding), BodyUse::Start(most)) => Cow::Owned(beginning(encoding, raw, most)?),
            (Some(encoding), BodyUse::Whole(most)) => Cow::Owned(decoded(encoding, raw, most)?),
            (Some(encoding), BodyUse::None) => Cow::Owned(decoded(encoding, raw, MOST)?),
        };
        Ok(Some(Self { kind, bytes, encoding }))
    }
}

/// A whole body with its content encoding taken off.
pub(crate) fn plain<'a>(head: &Head<'_>, raw: &'a [u8]) -> Result<Cow<'a, [u8]>, Unclear> {
    match encoding(head)? {
        None => Ok(Cow::Borrowed(raw)),
        Some(encoding) => Ok(Cow::Owned(decoded(encoding, raw, MOST)?)),
    }
}

impl ContentType {
    /// Reads a header's value; parameters other than `charset=UTF-8` and `boundary` are refused.
    pub(crate) fn parse(header: &str) -> Result<Self, Unclear> {
        let mut parts = header.split(';').map(str::trim);
        let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
        let token = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+' | b'_'))
        };
        if !essence.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub)) {
            return Err(odd("content-type", "it is not a content type"));
        }
        let (mut boundary, mut charset) = (None, false);
        for part in parts.filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
            if name.eq_ignore_ascii_case("charset") && is_utf8(value) && !charset {
                charset = true;
            } else if name.eq_ignore_ascii_case("boundary") && is_boundary(value) && boundary.is_none() {
                boundary = Some(value.into());
            } else {
                return Err(odd("content-type", "only `charset=UTF-8` and one `boundary` are taken"));
            }
        }
        if boundary.is_some() != essence.starts_with("multipart/") {
            return Err(odd("content-type", "multipart bodies, and no others, have a boundary"));
        }
        Ok(Self { essence: essence.into(), boundary })
    }

    /// Whether it is a form, whose fields servers put among the parameters of the query string.
    pub(crate) fn is_form(&self) -> bool {
        &*self.essence == "application/x-www-form-urlencoded" || self.essence.starts_with("multipart/")
    }

    /// The value as it is sent.
    pub(crate) fn header(&self) -> String {
        match &self.boundary {
            Some(boundary) => format!("{}; boundary=\"{boundary}\"", self.essence),
            None if self.essence.starts_with("text/") || self.essence.ends_with("/xml") => {
                format!("{}; charset=UTF-8", self.essence)
            }
            None => self.essence.to_string(),
        }
    }
}

fn encoding(head: &Head<'_>) -> Result<Option<&'static str>, Unclear> {
    match one(head, "content-encoding")?.map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("gzip" | "x-gzip") => Ok(Some("gzip")),
        Some("deflate") => Ok(Some("deflate")),
        Some(_) => Err(odd("content-encoding", "one of gzip and deflate can be read")),
    }
}

fn one<'h>(head: &Head<'h>, name: &'static str) -> Result<Option<&'h str>, Unclear> {
    head.one(name).map_err(|_| odd(name, "it is repeated or not ASCII"))
}

/// All of an encoded body: one stream, nothing behind it, at most `most` bytes.
fn decoded(encoding: &str, raw: &[u8], most: usize) -> Result<Vec<u8>, Unclear> {
    let mut out = Vec::new();
    let limit = most as u64 + 1;
    let (done, rest) = if encoding == "gzip" {
        let mut decoder = flate2::bufread::GzDecoder::new(raw).take(limit);
        (decoder.read_to_end(&mut out), decoder.into_inner().into_inner())
    } else {
        let mut decoder = flate2::bufread::ZlibDecoder::new(raw).take(limit);
        (decoder.read_to_end(&mut out), decoder.into_inner().into_inner())
    };
    if out.len() > most {
        return Err(too_large(most));
    }
    if done.is_err() || !rest.is_empty() {
        return Err(Unclear::form(Place::Body, format!("it is not one complete {encoding} stream")));
    }
    Ok(out)
}

/// The beginning of an encoded body, as far as `raw` goes.
fn beginning(encoding: &str, raw: &[u8], most: usize) -> Result<Vec<u8>, Unclear> {
    let mut out = Vec::new();
    let limit = most as u64;
    let done = if encoding == "gzip" {
        flate2::bufread::GzDecoder::new(raw).take(limit).read_to_end(&mut out)
    } else {
        flate2::bufread::ZlibDecoder::new(raw).take(limit).read_to_end(&mut out)
    };
    match done {
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            Err(Unclear::form(Place::Body, format!("it is not a {encoding} stream")))
        }
        _ => Ok(out),
    }
}

fn is_utf8(charset: &str) -> bool {
    charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8")
}

/// RFC 2046: 1 to 70 characters, not ending in a space; fewer kinds than there, so that no quoting is needed.
fn is_boundary(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    (1..=70).contains(&text.len()) && text.bytes().all(allowed)
}

fn too_large(most: usize) -> Unclear {
    Unclear::new(UnclearKind::TooLarge, Place::Body, format!("more than {most} bytes cannot be inspected"))
}

fn odd(header: &str, what: &str) -> Unclear {
    Unclear::form(Place::Header(header.into()), what)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(kind: &str, encoding: Option<&str>, raw: &[u8], use_: BodyUse) -> Result<Vec<u8>, UnclearKind> {
        let mut headers: Vec<(&str, &[u8])> = vec![("content-type", kind.as_bytes())];
        headers.extend(encoding.map(|encoding| ("content-encoding", encoding.as_bytes())));
        let head = Head { method: "POST", target: "/", headers: &headers };
        let payload = Payload::read(&head, Method::Post, raw, use_).map_err(|unclear| unclear.kind)?;
        Ok(payload.unwrap().bytes.into_owned())
    }

    #[test]
    fn gzip_and_deflate_are_taken_off() {
        let whole = BodyUse::Whole(100);
        assert_eq!(read("text/csv", Some("gzip"), &gzip(b"abc"), whole).unwrap(), b"abc");
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(b"abc").unwrap();
        let deflated = encoder.finish().unwrap();
        assert_eq!(read("text/csv", Some("Deflate"), &deflated, whole).unwrap(), b"abc");
        let start =
            read("text/csv", Some("gzip"), gzip(b"abcabc").split_at(14).0, BodyUse::Start(3)).unwrap();
        assert!(b"abcabc".starts_with(&start));
    }

    #[test]
    fn bombs_rests_and_stacks_are_refused() {
        let whole = BodyUse::Whole(1000);
        assert_eq!(read("a/b", Some("gzip"), &gzip(&[0; 100_000]), whole), Err(UnclearKind::TooLarge));
        assert_eq!(read("a/b", None, &[0; 1001], whole), Err(UnclearKind::TooLarge));
        let mut trailing = gzip(b"abc");
        trailing.push(0);
        let mut cut = gzip(b"abc");
        cut.pop();
        for (encoding, raw) in [("gzip", trailing), ("gzip", cut), ("gzip", b"abc".to_vec())] {
            assert_eq!(read("a/b", Some(encoding), &raw, whole), Err(UnclearKind::Form));
        }
        for encoding in ["br", "zstd", "gzip, gzip", "identity, gzip", "identity", ""] {
            assert_eq!(
                read("a/b", Some(encoding), &gzip(b"abc"), whole),
                Err(UnclearKind::Form),
                "{encoding}"
            );
        }
    }

    #[test]
    fn a_content_type_is_read_strictly() {
        assert!(ContentType::parse("application/json; charset=UTF-8").is_ok());
        assert_eq!(
            ContentType::parse("multipart/form-data; boundary=B").unwrap().boundary.as_deref(),
            Some("B")
        );
        for odd in [
            "",
            "json",
            "application/json; charset=utf-16",
            "application/json; charset=utf-8; charset=utf-8",
            "multipart/form-data",
            "application/json; boundary=B",
            "a/b; c=d",
            "multipart/form-data; boundary=\"a b\"",
        ] {
            assert!(ContentType::parse(odd).is_err(), "{odd}");
        }
    }
}
