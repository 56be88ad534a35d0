//! As much of gRPC as one streaming call of the SPIFFE Workload API takes: HTTP/2 on a Unix socket, messages preceded by
//! their length, and maps of Protocol Buffers.

use std::path::Path;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::UnixStream;

use super::WorkloadError;

/// The messages of a streaming call, as they come.
pub(super) struct Updates {
    body: Incoming,
    read: BytesMut,
    driver: tokio::task::AbortHandle,
}

// === impl Updates ===

impl Updates {
    /// Makes a call of the Workload API at a socket.
    pub(super) async fn open(socket: &Path, call: &str) -> Result<Self, WorkloadError> {
        let stream = UnixStream::connect(socket).await.map_err(WorkloadError::Unreachable)?;
        let mut http = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new()).keep_alive_interval(ALIVE).keep_alive_timeout(DEAD);
        let (mut sender, connection) = http.handshake(TokioIo::new(stream)).await?;
        let driver = tokio::spawn(async move {
            // What goes wrong on it shows in the call.
            let _ = connection.await;
        });
        let request = Request::post(format!("http://localhost/SpiffeWorkloadAPI/{call}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            // Without it the agent answers nobody, so that no server can be tricked into asking.
            .header("workload.spiffe.io", "true")
            .body(Full::new(Bytes::from_static(EMPTY_MESSAGE)))
            .map_err(|_| WorkloadError::Unreadable)?;
        let driver = driver.abort_handle();
        let answer = sender.send_request(request).await?;
        // An answer without messages has its status here.
        check(answer.headers())?;
        if !answer.status().is_success() {
            return Err(WorkloadError::Unreadable);
        }
        Ok(Self { body: answer.into_body(), read: BytesMut::new(), driver })
    }

    /// The next message, whole.
    pub(super) async fn next(&mut self) -> Result<Bytes, WorkloadError> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(message);
            }
            let frame = self.body.frame().await.ok_or(WorkloadError::Ended)??;
            if let Some(trailers) = frame.trailers_ref() {
                check(trailers)?;
                return Err(WorkloadError::Ended);
            }
            self.read.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        }
    }

    /// Takes a message off what was read, once it is there.
    fn take(&mut self) -> Result<Option<Bytes>, WorkloadError> {
        let Some((&[compressed, a, b, c, d], rest)) = self.read.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if compressed != 0 || length > LARGEST {
            return Err(WorkloadError::Unreadable);
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.read.advance(PREFIX);
        Ok(Some(self.read.split_to(length).freeze()))
    }
}

impl Drop for Updates {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Refuses a status that is not OK.
fn check(headers: &HeaderMap) -> Result<(), WorkloadError> {
    match headers.get("grpc-status").map(|status| status.as_bytes()) {
        None | Some(b"0") => Ok(()),
        Some(b"7") => Err(WorkloadError::Withdrawn),
        Some(status) => {
            Err(WorkloadError::Refused(status.escape_ascii().to_string().chars().take(16).collect()))
        }
    }
}

/// The values of a `repeated bytes`, which is the field of this number of a message.
pub(super) fn values(message: &[u8], field: u64) -> Option<Vec<&[u8]>> {
    let of_field = |(number, value)| (number == field).then_some(value);
    Some(fields(message)?.into_iter().filter_map(of_field).collect())
}

/// The entries of a `map<string, bytes>`, which is the field of this number of a message. `None` when the message is not
/// one of Protocol Buffers.
pub(super) fn entries(message: &[u8], field: u64) -> Option<Vec<(String, &[u8])>> {
    let mut entries = Vec::new();
    for (number, entry) in fields(message)? {
        if number != field {
            continue;
        }
        let (mut key, mut value) = (&[][..], &[][..]);
        for (number, text) in fields(entry)? {
            match number {
                1 => key = text,
                2 => value = text,
                _ => {}
            }
        }
        entries.push((String::from_utf8(key.to_vec()).ok()?, value));
    }
    Some(entries)
}

/// The fields of a message that have a length; those of other kinds are passed over.
fn fields(mut message: &[u8]) -> Option<Vec<(u64, &[u8])>> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let tag = number(&mut message)?;
        match tag & 7 {
            0 => {
                number(&mut message)?;
            }
            1 => message = message.get(8..)?,
            2 => {
                let length = usize::try_from(number(&mut message)?).ok()?;
                let (text, rest) = message.split_at_checked(length)?;
                fields.push((tag >> 3, text));
                message = rest;
            }
            5 => message = message.get(4..)?,
            _ => return None,
        }
    }
    Some(fields)
}

/// A number of variable length, taken off the front.
fn number(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Not compressed, no bytes.
const EMPTY_MESSAGE: &[u8] = &[0; PREFIX];
const PREFIX: usize = 5;
/// How often a silent agent is asked whether it lives, no more often than gRPC's servers bear, and how long it may think.
const ALIVE: Duration = Duration::from_secs(6 * 60);
const DEAD: Duration = Duration::from_secs(20);
/// The most bytes of a message: some thousand authorities.
const LARGEST: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_read_and_what_is_around_it_passed_over() {
        // field 1: bytes, field 3: a number, field 2: { 1: "a", 2: "xyz" }, field 9: 8 bytes
        let message = [
            &[0x0a, 1, 9][..],
            &[0x18, 0x96, 0x01],
            &[0x12, 8, 0x0a, 1, b'a', 0x12, 3, b'x', b'y', b'z'],
            &[0x49, 0, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        assert_eq!(entries(&message, 2), Some(vec![("a".to_owned(), &b"xyz"[..])]));
        assert_eq!(entries(&[], 2), Some(vec![]));
        assert_eq!(values(&message, 1), Some(vec![&[9][..]]));
    }

    #[test]
    fn what_is_cut_short_or_no_message_is_none() {
        for message in [&[0x12][..], &[0x12, 5, 1], &[0x0b], &[0xff; 11], &[0x12, 3, 0x0a, 9, 1], &[0x49, 0]]
        {
            assert_eq!(entries(message, 2), None, "{message:?}");
        }
    }
}
