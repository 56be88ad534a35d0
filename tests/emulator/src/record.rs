//! What arrived, and what it did.

use crate::session::{CREDENTIAL_PARAMETERS, Carried};
use crate::touch::Touch;
use bytes::Bytes;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;

/// One request that reached the org.
#[derive(Clone)]
pub struct Received {
    /// Counts from 0 for the life of the org.
    pub number: u64,
    /// The method on the wire.
    pub method: String,
    /// The method that counted: `_HttpMethod` may have replaced it.
    pub effective_method: String,
    /// The request target on the wire.
    pub target: String,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub protocol: String,
    /// All headers but the ones that carry credentials, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Every credential that it carried, wherever.
    pub credentials: Vec<Carried>,
    /// The username in whose session it ran.
    pub username: Option<String>,
    /// The body on the wire: at most its first 64 KiB.
    pub body: Bytes,
    /// How long the body was.
    pub body_length: usize,
    /// The connection had a client certificate.
    pub client_certificate: bool,
    /// What was really done: noted by the code that did it.
    pub touched: BTreeSet<Touch>,
    /// The status of the answer; 0 when the connection was dropped instead, 413 when the body did not arrive whole.
    pub status: u16,
}

/// The requests of late.
#[derive(Debug, Default)]
pub(crate) struct Log {
    kept: VecDeque<Received>,
    /// Bytes of all kept bodies.
    bytes: usize,
    next: u64,
}

/// Bodies are kept up to this many bytes.
pub(crate) const KEPT_BODY: usize = 64 * 1024;

/// Bodies are kept up to this many bytes together; the oldest requests go first.
const KEPT_BYTES: usize = 64 * 1024 * 1024;

/// This many requests are kept.
const KEPT: usize = 50_000;

// === impl Received ===

impl Received {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether the request did this, in the form of [`Touch`]'s `Display`: `read Account.Name`, `delete Case`.
    pub fn did(&self, touch: &str) -> bool {
        self.touched.iter().any(|known| known.to_string() == touch)
    }
}

/// One line: what was asked, how it ended, what it did. Bodies and credentials stay out.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let touched: Vec<String> = self.touched.iter().map(ToString::to_string).collect();
        write!(
            f,
            "#{} {} {} -> {} as {:?}, carried {:?}, did {touched:?}",
            self.number,
            self.effective_method,
            without_credentials(&self.target),
            self.status,
            self.username,
            self.credentials
        )
    }
}

/// A target whose parameters that carry credentials have lost their values.
fn without_credentials(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    let pairs: Vec<&str> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if CREDENTIAL_PARAMETERS.contains(&name) => name,
            _ => pair,
        })
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

// === impl Log ===

impl Log {
    /// Keeps a request under the next number.
    pub(crate) fn push(&mut self, mut received: Received) {
        received.number = self.next;
        self.next += 1;
        self.bytes += received.body.len();
        self.kept.push_back(received);
        while self.kept.len() > KEPT || self.bytes > KEPT_BYTES {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= oldest.body.len();
        }
    }

    /// The kept requests from a number on.
    pub(crate) fn since(&self, number: u64) -> Vec<Received> {
        self.kept.iter().filter(|received| received.number >= number).cloned().collect()
    }

    /// How many requests ever arrived.
    pub(crate) fn count(&self) -> u64 {
        self.next
    }

    /// Forgets the kept requests; numbers go on.
    pub(crate) fn clear(&mut self) {
        self.kept.clear();
        self.bytes = 0;
    }
}
