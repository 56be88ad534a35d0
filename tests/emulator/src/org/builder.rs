//! What an org is made of.

use super::Org;
use crate::server::Server;
use crate::tls::Pems;
use anyhow::Result;
use jiff::Timestamp;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Describes an org before it exists. Every setting has a default that suits a test.
pub struct Builder(Plan);

/// The settings of an org.
pub(crate) struct Plan {
    pub(crate) org_id: String,
    pub(crate) listen: SocketAddr,
    /// The host in the org's own addresses.
    pub(crate) host: String,
    pub(crate) names: Vec<String>,
    pub(crate) pems: Option<Pems>,
    pub(crate) client_ca: Option<String>,
    pub(crate) empty: bool,
    pub(crate) virtual_rows: u64,
    pub(crate) session_lifetime: Duration,
    pub(crate) now: Option<Timestamp>,
}

// === impl Builder ===

impl Default for Builder {
    fn default() -> Self {
        Self(Plan {
            org_id: "00D5g000004XyZEA2".to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            host: "localhost".to_owned(),
            names: ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec(),
            pems: None,
            client_ca: None,
            empty: false,
            virtual_rows: 0,
            session_lifetime: Duration::from_secs(2 * 60 * 60),
            now: None,
        })
    }
}

impl Builder {
    /// The org's id; 15 or 18 characters. What is not an id is kept as it is.
    pub fn org_id(mut self, id: &str) -> Self {
        self.0.org_id = crate::id::normalise(id).unwrap_or_else(|| id.to_owned());
        self
    }

    /// Where to listen; port 0 picks a free one.
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.0.listen = address;
        self
    }

    /// The host that stands in the org's own addresses and in its certificate.
    pub fn host(mut self, host: &str) -> Self {
        self.0.host = host.to_owned();
        self.0.names.push(host.to_owned());
        self
    }

    /// A further name of the certificate.
    pub fn name(mut self, name: &str) -> Self {
        self.0.names.push(name.to_owned());
        self
    }

    /// A certificate chain and key in PEM, and the CA that signed it, in place of self-made ones.
    pub fn certificate(mut self, ca: &str, chain: &str, key: &str) -> Self {
        self.0.pems = Some(Pems { ca: ca.to_owned(), chain: chain.to_owned(), key: key.to_owned() });
        self
    }

    /// Refuses connections without a client certificate of this CA (PEM).
    pub fn require_client_certificate(mut self, ca: &str) -> Self {
        self.0.client_ca = Some(ca.to_owned());
        self
    }

    /// No records at all.
    pub fn without_data(mut self) -> Self {
        self.0.empty = true;
        self
    }

    /// So many rows of `Reading__c` exist without being held.
    pub fn virtual_rows(mut self, rows: u64) -> Self {
        self.0.virtual_rows = rows;
        self
    }

    /// How long a session may be idle.
    pub fn session_lifetime(mut self, lifetime: Duration) -> Self {
        self.0.session_lifetime = lifetime;
        self
    }

    /// Stops the org's clock at a moment, in seconds since 1970; date formulas and stamps follow it.
    pub fn now(mut self, seconds: i64) -> Self {
        self.0.now = Timestamp::from_second(seconds).ok();
        self
    }

    /// The org, not yet listening.
    pub fn build(self) -> Org {
        Org::new(self.0)
    }

    /// The org, listening.
    ///
    /// # Errors
    /// As [`Org::start`].
    pub async fn start(self) -> Result<Server> {
        self.build().start().await
    }
}
