//! The head of a CONNECT request: which host a client wants to be connected to, before it speaks TLS.
//!
//! It is plain text from a client that has proven nothing, so it is short, strict, and read no further than it goes:
//! what comes behind its empty line is the tunnel's.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::framing::{HTTP_10, HTTP_11, MOST_HEADERS, Search, header};
use super::{BadHead, Host};

/// A CONNECT request whose head is in order.
#[derive(Debug, PartialEq, Eq)]
pub struct Connect {
    /// The host, lower case.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The client's own name for itself.
    pub user_agent: Option<String>,
    /// What was read behind the head already: the tunnel's first bytes.
    pub rest: Bytes,
}

// === impl Connect ===

impl Connect {
    /// Reads the head of a CONNECT request, HTTP/1.0 or 1.1.
    ///
    /// # Errors
    /// Outside, when the client goes away; inside, when it is anything else than one CONNECT head without a body.
    pub async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Result<Self, BadHead>> {
        let (mut bytes, mut search) = (BytesMut::with_capacity(LARGEST), Search::default());
        loop {
            match search.end_of_head(&bytes) {
                Err(bad) => return Ok(Err(bad)),
                Ok(Some(end)) if end <= LARGEST => {
                    let head = bytes.split_to(end);
                    return Ok(Self::parse(&head).map(|connect| Self { rest: bytes.freeze(), ..connect }));
                }
                Ok(None) if bytes.len() < LARGEST => {}
                Ok(_) => return Ok(Err(BadHead::Malformed("a `CONNECT` head is larger than 8 KiB"))),
            }
            if stream.read_buf(&mut bytes).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// Reads a whole head, its empty line included.
    fn parse(head: &[u8]) -> Result<Self, BadHead> {
        let head = head.strip_suffix(b"\r\n\r\n").unwrap_or(head);
        let mut lines =
            head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let (host, port) = target(lines.next().unwrap_or_default())?;
        let (mut headers, mut named, mut user_agent) = (0, false, None);
        for line in lines {
            headers += 1;
            let (name, value) = header(line)?;
            match name.to_ascii_lowercase().as_slice() {
                b"host" => {
                    let same = std::str::from_utf8(value).is_ok_and(|value| names(value, &host));
                    if named || !same {
                        return Err(BadHead::Host("it is not the one that `CONNECT` names"));
                    }
                    named = true;
                }
                b"content-length" if value != b"0" => return Err(BODY),
                b"transfer-encoding" => return Err(BODY),
                b"user-agent" => user_agent = std::str::from_utf8(value).ok().map(str::to_owned),
                _ => {}
            }
        }
        if headers > MOST_HEADERS {
            return Err(BadHead::TooLarge);
        }
        Ok(Self { host, port, user_agent, rest: Bytes::new() })
    }
}

/// Reads `CONNECT name:port HTTP/1.x`.
fn target(line: &[u8]) -> Result<(String, u16), BadHead> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(BadHead::Malformed("the request line is not a method, a target and a version"));
    };
    if version != HTTP_11 && version != HTTP_10 {
        return Err(BadHead::Malformed("the version is neither HTTP/1.1 nor HTTP/1.0"));
    }
    if method != b"CONNECT" {
        return Err(BadHead::NotServed("anything but `CONNECT`"));
    }
    const UNCLEAR: BadHead = BadHead::Host("`CONNECT` does not name `name:port`");
    let target = std::str::from_utf8(target).map_err(|_| UNCLEAR)?;
    let (name, digits) = target.rsplit_once(':').ok_or(UNCLEAR)?;
    let port = digits.parse().ok().filter(|port| *port > 0).ok_or(UNCLEAR)?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(UNCLEAR);
    }
    match Host::parse(name) {
        // The port is taken off already: a name that gets shorter had another.
        Ok(host) if host.name.len() == name.len() => Ok((host.name, port)),
        _ => Err(UNCLEAR),
    }
}

/// Whether a `Host` header names this host, at whatever port.
fn names(value: &str, host: &str) -> bool {
    Host::parse(value).is_ok_and(|named| named.name == host)
}

/// A body behind a CONNECT head would be read as the tunnel's first bytes by one reader and not by another.
const BODY: BadHead = BadHead::Framing("`CONNECT` has no body");
/// The most bytes of a head, and of what may follow it unread.
const LARGEST: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(mut bytes: &[u8]) -> io::Result<Result<Connect, BadHead>> {
        Connect::read(&mut bytes).await
    }

    #[tokio::test]
    async fn what_follows_the_head_is_the_tunnels() {
        let heads = [
            "CONNECT Login.Salesforce.com:443 HTTP/1.0\r\n\r\n",
            "CONNECT login.salesforce.com:443 HTTP/1.1\r\nHost: login.salesforce.com\r\nProxy-Connection: keep-alive\r\n\r\n",
            "CONNECT login.salesforce.com:443 HTTP/1.1\r\nHost: LOGIN.salesforce.com:443\r\nContent-Length: 0\r\n\r\n",
        ];
        for head in heads {
            let connect = read(format!("{head}\x16\x03\x01\n\r\n\r\n").as_bytes()).await.unwrap().unwrap();
            assert_eq!((&*connect.host, connect.port), ("login.salesforce.com", 443));
            assert_eq!(&connect.rest[..], b"\x16\x03\x01\n\r\n\r\n");
        }
    }

    #[tokio::test]
    async fn a_head_with_two_readings_is_refused() {
        let target = "CONNECT login.salesforce.com:443 HTTP/1.1";
        let heads = [
            "GET http://login.salesforce.com/ HTTP/1.1\r\n\r\n".to_owned(),
            "connect login.salesforce.com:443 HTTP/1.1\r\n\r\n".to_owned(),
            "CONNECT login.salesforce.com HTTP/1.1\r\n\r\n".to_owned(),
            "CONNECT login.salesforce.com:0 HTTP/1.1\r\n\r\n".to_owned(),
            "CONNECT login.salesforce.com:+443 HTTP/1.1\r\n\r\n".to_owned(),
            "CONNECT login.salesforce.com:70443 HTTP/1.1\r\n\r\n".to_owned(),
            "CONNECT a@login.salesforce.com:443 HTTP/1.1\r\n\r\n".to_owned(),
            "CONNECT login.salesforce.com:443:443 HTTP/1.1\r\n\r\n".to_owned(),
            "CONNECT :443 HTTP/1.1\r\n\r\n".to_owned(),
            "CONNECT login.salesforce.com:443 HTTP/2.0\r\n\r\n".to_owned(),
            "CONNECT login.salesforce.com:443 x HTTP/1.1\r\n\r\n".to_owned(),
            "CONNECT login.salesforce.com:443\r\n\r\n".to_owned(),
            "\r\nCONNECT login.salesforce.com:443 HTTP/1.1\r\n\r\n".to_owned(),
            format!("{target}\n\n"),
            format!("{target}\r\nHost: evil.example\r\n\r\n"),
            format!("{target}\r\nHost: login.salesforce.com\r\nHost: login.salesforce.com\r\n\r\n"),
            format!("{target}\r\nContent-Length: 5\r\n\r\nhello"),
            format!("{target}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            format!("{target}\r\nA : b\r\n\r\n"),
            format!("{target}\r\n b\r\n\r\n"),
            format!("{target}\r\n{}\r\n", "A: b\r\n".repeat(200)),
            format!("{target}\r\nA: {}\r\n\r\n", "b".repeat(9000)),
        ];
        for head in heads {
            assert!(read(head.as_bytes()).await.unwrap().is_err(), "{head}");
        }
        assert!(read(b"CONNECT login.salesforce.com:443 HTTP/1.1\r\n").await.is_err(), "it broke off");
    }
}
