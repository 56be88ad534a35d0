//! What arrived, and what it did.

use crate::session::Carried;
use crate::touch::Touch;
use bytes::Bytes;
use std::collections::{BTreeSet, VecDeque};

/// One request that reached the org.
#[derive(Debug, Clone)]
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
    /// The status of the answer; 0 when the connection was dropped instead.
    pub status: u16,
}

/// The requests of late.
#[derive(Debug, Default)]
pub(crate) struct Log {
    kept: VecDeque<Received>,
    next: u64,
}

/// Bodies are kept up to this many bytes.
pub(crate) const KEPT_BODY: usize = 64 * 1024;

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

// === impl Log ===

impl Log {
    /// Keeps a request under the next number.
    pub(crate) fn push(&mut self, mut received: Received) {
        received.number = self.next;
        self.next += 1;
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(received);
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
    }
}
