//! The outbound proxy of an organisation: a tunnel through it, in which the TLS to the org is as without it.

use std::fmt::Write as _;
use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An HTTP proxy that opens tunnels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Via {
    host: String,
    port: u16,
}

// === impl Via ===

impl Via {
    /// The proxy at `http://host:port`; `None` when that is no such URL.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let url: http::Uri = url.parse().ok()?;
        let http = url.scheme_str() == Some("http");
        let host = url.host().filter(|_| http)?.trim_matches(['[', ']']).to_owned();
        Some(Self { host, port: url.port_u16().unwrap_or(HTTP) })
    }

    /// A tunnel to a host. Nothing of it is known to be that host before TLS says so.
    pub(super) async fn open(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let mut head = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n");
        let _ = write!(head, "User-Agent: forcefield/{}\r\n\r\n", env!("CARGO_PKG_VERSION"));
        stream.write_all(head.as_bytes()).await?;
        answered(&mut stream).await?;
        Ok(stream)
    }
}

/// Reads the proxy's answer up to its empty line, byte for byte: what follows is the tunnel's.
async fn answered(stream: &mut TcpStream) -> io::Result<()> {
    let mut head = Vec::with_capacity(256);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LARGEST {
            return Err(io::Error::other("the outbound proxy's answer has no end"));
        }
        head.push(stream.read_u8().await?);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = std::str::from_utf8(line).unwrap_or_default();
    let mut parts = line.splitn(3, ' ');
    match (parts.next(), parts.next()) {
        (Some("HTTP/1.1" | "HTTP/1.0"), Some("200")) => Ok(()),
        (Some("HTTP/1.1" | "HTTP/1.0"), Some(status)) if status.len() == 3 => {
            Err(io::Error::other(format!("the outbound proxy answered {}", status.escape_default())))
        }
        _ => Err(io::Error::other("the outbound proxy does not speak HTTP/1.1")),
    }
}

const HTTP: u16 = 80;
/// Bytes of an answer's head.
const LARGEST: usize = 8 << 10;
