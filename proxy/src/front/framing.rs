//! HTTP/1.1 as bytes: where a request head ends, whether it can be read in one way only, and how long its body is.
//!
//! hyper is lenient where it is harmless to itself: it accepts bare line feeds, drops `Content-Length` beside
//! `Transfer-Encoding`, folds repeated lengths into one, cuts a `#` off the target. A proxy before it, or a server
//! behind it, might read the same bytes differently. So the bytes are looked at before hyper sees them, and hyper
//! gets only heads that have one reading.

use memchr::{memchr, memchr_iter, memchr2_iter};

use super::BadHead;

/// The most bytes of a head.
pub(super) const LARGEST_HEAD: usize = 64 << 10;
/// The most headers of a head.
pub(super) const MOST_HEADERS: usize = 128;

/// Follows the requests of one connection, byte by byte.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    state: State,
    search: Search,
}

/// How far the end of an incomplete head has been looked for, so that a head that comes byte by byte costs no more
/// than one that comes at once.
#[derive(Debug, Default)]
pub(super) struct Search {
    at: usize,
    line: usize,
}

/// How much of what was fed may pass on.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scanned {
    /// These bytes, from the front, belong to complete heads and to bodies.
    pub(super) pass: usize,
    /// Heads completed among them.
    pub(super) heads: u64,
    /// What is wrong with what comes after them.
    pub(super) fault: Option<Fault>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// A head: it can be answered.
    Head(BadHead),
    /// A body in mid-stream: it can only be cut.
    Body,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before or within a head.
    #[default]
    Head,
    /// Within a body, this many bytes before its end.
    Sized(u64),
    /// Within a chunk's size line: its value, and how many digits it has so far.
    ChunkSize(u64, u8),
    /// After a size line's carriage return.
    ChunkSizeEnd(u64),
    /// Within a chunk, this many bytes before its end.
    Chunk(u64),
    /// After a chunk: the carriage return and line feed, of which this many were seen.
    ChunkEnd(u8),
    /// After the last chunk: likewise. Trailers are not accepted.
    LastEnd(u8),
}

/// How long a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Bytes(u64),
    Chunked,
}

// === impl Scanner ===

impl Scanner {
    /// Whether nothing of a request has been seen since the last one ended.
    pub(super) fn between_requests(&self) -> bool {
        self.state == State::Head
    }

    /// Looks at bytes that follow what passed before. What did not pass has to be fed again, with more behind it.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Scanned {
        let mut scanned = Scanned { pass: 0, heads: 0, fault: None };
        while let Some(rest) = bytes.get(scanned.pass..).filter(|rest| !rest.is_empty()) {
            match self.step(rest) {
                Ok(Some(step)) => {
                    scanned.pass += step.bytes;
                    scanned.heads += u64::from(step.head);
                }
                Ok(None) => break,
                Err(fault) => {
                    scanned.fault = Some(fault);
                    break;
                }
            }
        }
        scanned
    }

    /// Takes the next piece; `None` when it is a head that is not complete.
    fn step(&mut self, rest: &[u8]) -> Result<Option<Step>, Fault> {
        let first = rest.first().copied().unwrap_or_default();
        let (bytes, next) = match self.state {
            State::Head => return self.head(rest).map_err(Fault::Head),
            State::Sized(left) => take(rest, left, State::Head, State::Sized),
            State::Chunk(left) => take(rest, left, State::ChunkEnd(0), State::Chunk),
            State::ChunkSize(size, digits) => (1, chunk_size(first, size, digits)?),
            State::ChunkSizeEnd(_) if first != b'\n' => return Err(Fault::Body),
            State::ChunkSizeEnd(0) => (1, State::LastEnd(0)),
            State::ChunkSizeEnd(size) => (1, State::Chunk(size)),
            State::ChunkEnd(0) | State::LastEnd(0) if first != b'\r' => return Err(Fault::Body),
            State::ChunkEnd(0) => (1, State::ChunkEnd(1)),
            State::LastEnd(0) => (1, State::LastEnd(1)),
            State::ChunkEnd(_) | State::LastEnd(_) if first != b'\n' => return Err(Fault::Body),
            State::ChunkEnd(_) => (1, State::ChunkSize(0, 0)),
            State::LastEnd(_) => (1, State::Head),
        };
        self.state = next;
        Ok(Some(Step { bytes, head: false }))
    }

    fn head(&mut self, rest: &[u8]) -> Result<Option<Step>, BadHead> {
        let end = match self.search.end_of_head(rest)? {
            Some(end) if end <= LARGEST_HEAD => end,
            None if rest.len() <= LARGEST_HEAD => return Ok(None),
            Some(_) | None => return Err(BadHead::TooLarge),
        };
        self.search = Search::default();
        let head = rest.get(..end).and_then(|head| head.strip_suffix(b"\r\n\r\n")).unwrap_or_default();
        self.state = match length_of_body(head)? {
            Length::Bytes(0) => State::Head,
            Length::Bytes(length) => State::Sized(length),
            Length::Chunked => State::ChunkSize(0, 0),
        };
        Ok(Some(Step { bytes: end, head: true }))
    }
}

struct Step {
    bytes: usize,
    head: bool,
}

fn take(rest: &[u8], left: u64, done: State, more: impl Fn(u64) -> State) -> (usize, State) {
    match usize::try_from(left) {
        Ok(left) if left <= rest.len() => (left, done),
        _ => (rest.len(), more(left - rest.len() as u64)),
    }
}

/// Hexadecimal digits and nothing else: extensions of chunks have no use here, and readers differ about them.
fn chunk_size(byte: u8, size: u64, digits: u8) -> Result<State, Fault> {
    match (byte as char).to_digit(16) {
        Some(digit) if digits < 15 => Ok(State::ChunkSize(size * 16 + u64::from(digit), digits + 1)),
        None if byte == b'\r' && digits > 0 => Ok(State::ChunkSizeEnd(size)),
        _ => Err(Fault::Body),
    }
}

// === impl Search ===

impl Search {
    /// The end of the first head in `bytes`, after its empty line.
    ///
    /// Every line feed must follow a carriage return and every carriage return must precede a line feed, so an
    /// attacker cannot hide a line from one of two readers.
    pub(super) fn end_of_head(&mut self, bytes: &[u8]) -> Result<Option<usize>, BadHead> {
        let end = bytes.len().min(LARGEST_HEAD + 1);
        for at in memchr2_iter(b'\r', b'\n', bytes.get(self.at..end).unwrap_or_default()) {
            let at = self.at + at;
            match bytes.get(at) {
                Some(b'\r') if bytes.get(at + 1).is_some_and(|next| *next != b'\n') => {
                    return Err(BadHead::Malformed("a carriage return stands within a line"));
                }
                Some(b'\r') | None => {}
                Some(_) if at == 0 || bytes.get(at - 1) != Some(&b'\r') => {
                    return Err(BadHead::Malformed("a line ends in a bare line feed"));
                }
                Some(_) if at == self.line + 1 && self.line == 0 => {
                    return Err(BadHead::Malformed("an empty line stands before the request line"));
                }
                Some(_) if at == self.line + 1 => return Ok(Some(at + 1)),
                Some(_) => self.line = at + 1,
            }
        }
        self.at = bytes.len().saturating_sub(1);
        Ok(None)
    }
}

/// Reads a whole head (without the empty line at its end), refusing what could be read in two ways.
fn length_of_body(head: &[u8]) -> Result<Length, BadHead> {
    let mut lines = lines(head);
    let version = request_line(lines.next().unwrap_or_default())?;
    let (mut length, mut coding, mut hosts, mut headers) = (None, None, 0, 0);
    for line in lines {
        headers += 1;
        let (name, value) = header(line)?;
        if name.eq_ignore_ascii_case(b"content-length") {
            once(&mut length, value, "content-length")?;
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            once(&mut coding, value, "transfer-encoding")?;
        } else if name.eq_ignore_ascii_case(b"host") {
            hosts += 1;
        }
    }
    if headers > MOST_HEADERS {
        return Err(BadHead::TooLarge);
    }
    if hosts != 1 {
        return Err(BadHead::Host("there must be exactly one `Host` header"));
    }
    match (length, coding) {
        (None, None) => Ok(Length::Bytes(0)),
        (Some(digits), None) => decimal(digits).map(Length::Bytes),
        (Some(_), Some(_)) => Err(BadHead::Framing("it has both `Content-Length` and `Transfer-Encoding`")),
        (None, Some(_)) if version == HTTP_10 => Err(BadHead::Framing("HTTP/1.0 has no `Transfer-Encoding`")),
        (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Length::Chunked),
        (None, Some(_)) => Err(BadHead::Framing("`Transfer-Encoding` must be `chunked` and nothing else")),
    }
}

/// The lines of a head, without their ends.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    let ends = memchr_iter(b'\n', head).chain(std::iter::once(head.len()));
    ends.map(move |end| {
        let line = head.get(std::mem::replace(&mut start, end + 1)..end).unwrap_or_default();
        line.strip_suffix(b"\r").unwrap_or(line)
    })
}

fn once<'a>(slot: &mut Option<&'a [u8]>, value: &'a [u8], name: &'static str) -> Result<(), BadHead> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(BadHead::Repeated(name)),
    }
}

/// Checks `METHOD target HTTP/1.x`, and gives its version.
fn request_line(line: &[u8]) -> Result<&[u8], BadHead> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(BadHead::Malformed("the request line is not a method, a target and a version"));
    };
    if method.is_empty() || !method.iter().all(|byte| is_token(*byte)) {
        return Err(BadHead::Malformed("the method is not a token"));
    }
    if target.is_empty() || any(target, |byte| !byte.is_ascii_graphic()) {
        return Err(BadHead::Malformed("the target holds bytes that must be percent-encoded"));
    }
    if any(target, |byte| byte == b'#') {
        return Err(BadHead::Malformed("the target holds a `#`"));
    }
    if version != HTTP_11 && version != HTTP_10 {
        return Err(BadHead::Malformed("the version is neither HTTP/1.1 nor HTTP/1.0"));
    }
    Ok(version)
}

/// Splits a header line: a token, a colon right behind it, and a value without control characters.
pub(super) fn header(line: &[u8]) -> Result<(&[u8], &[u8]), BadHead> {
    let parts = memchr(b':', line).and_then(|colon| line.split_at_checked(colon));
    let Some((name, value)) = parts else {
        return Err(BadHead::Malformed("a header line has no colon"));
    };
    if name.is_empty() || !name.iter().all(|byte| is_token(*byte)) {
        return Err(BadHead::Malformed("a header name is not a token"));
    }
    if any(value, |byte| byte.is_ascii_control() & (byte != b'\t')) {
        return Err(BadHead::Malformed("a header value holds a control character"));
    }
    Ok((name, value.get(1..).unwrap_or_default().trim_ascii()))
}

/// Whether any byte is odd. Looks at every byte, which the compiler does many at a time.
fn any(bytes: &[u8], odd: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(false, |found, byte| found | odd(*byte))
}

fn decimal(digits: &[u8]) -> Result<u64, BadHead> {
    const UNCLEAR: BadHead = BadHead::Framing("`Content-Length` is not a plain number");
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(UNCLEAR);
    }
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).ok_or(UNCLEAR)
}

/// Whether a byte may stand in a token (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-'
        | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

pub(super) const HTTP_11: &[u8] = b"HTTP/1.1";
pub(super) const HTTP_10: &[u8] = b"HTTP/1.0";

#[cfg(test)]
mod tests;
