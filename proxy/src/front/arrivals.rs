//! How many connections came, and why handshakes failed.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::Error;

/// The counts of one listener, since the start.
#[derive(Debug, Default)]
pub struct Arrivals {
    accepted: AtomicU64,
    failed: [AtomicU64; FAILURES.len()],
}

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// It took too long.
    TooSlow,
    /// The client showed a certificate that is not trusted.
    Certificate,
    /// The client refused: mostly since it does not trust the listener's certificate.
    RefusedByClient,
    /// It did not speak TLS, or no version or cipher of it that is spoken here.
    Protocol,
    /// The connection ended.
    Closed,
}

// === impl Arrivals ===

impl Arrivals {
    pub(super) fn accepted(&self) {
        self.accepted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, why: HandshakeFailure) {
        if let Some(count) = self.failed.get(why as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Connections that were accepted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// How many handshakes failed why.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.failed.iter().map(|count| count.load(Ordering::Relaxed));
        FAILURES.iter().map(|why| why.as_str()).zip(counts)
    }
}

// === impl HandshakeFailure ===

impl HandshakeFailure {
    pub(super) fn of(error: &io::Error) -> Self {
        let error = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        match error {
            None => Self::Closed,
            Some(Error::InvalidCertificate(_) | Error::NoCertificatesPresented) => Self::Certificate,
            Some(Error::AlertReceived(_)) => Self::RefusedByClient,
            Some(_) => Self::Protocol,
        }
    }

    /// The word for it in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooSlow => "too-slow",
            Self::Certificate => "certificate",
            Self::RefusedByClient => "refused-by-client",
            Self::Protocol => "protocol",
            Self::Closed => "closed",
        }
    }
}

/// All of them, in the order of their places.
const FAILURES: [HandshakeFailure; 5] = [
    HandshakeFailure::TooSlow,
    HandshakeFailure::Certificate,
    HandshakeFailure::RefusedByClient,
    HandshakeFailure::Protocol,
    HandshakeFailure::Closed,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_counted_by_their_kind() {
        let arrivals = Arrivals::default();
        let tls = |error: Error| HandshakeFailure::of(&io::Error::new(io::ErrorKind::InvalidData, error));
        arrivals.failed(tls(Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)));
        arrivals.failed(tls(Error::InappropriateMessage {
            expect_types: Vec::new(),
            got_type: rustls::ContentType::Alert,
        }));
        arrivals.failed(HandshakeFailure::of(&io::ErrorKind::UnexpectedEof.into()));
        let failures: Vec<_> = arrivals.failures().filter(|(_, count)| *count > 0).collect();
        assert_eq!(failures, [("certificate", 1), ("protocol", 1), ("closed", 1)]);
    }
}
