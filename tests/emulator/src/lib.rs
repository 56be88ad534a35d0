//! A Salesforce org that fits in a test.
//!
//! It answers as the real one does at every door that Forcefield knows, over a fixed set of made-up records, and notes
//! two things about each request: every credential that it carried, and what was really done on its behalf
//! ([`Received::touched`]). It is deliberately generous: bypasses that a careful proxy must stop (`?oauth_token=`,
//! `_HttpMethod`, doubled slashes, a second session in a cookie) are carried out here, so that a proxy that lets one
//! through is caught by what happened, not by what was said.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let org = forcefield_emulator::Org::builder().build();
//! let server = org.start().await?;
//! server.register_client_credentials("3MVGclient", "secret");
//! println!("{} trusts {}", server.url(), server.ca_pem());
//! assert!(server.requests().is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! It shares no code with `policy`: two readings of one request that were written apart are worth comparing.

mod body;
mod bulk;
mod call;
mod csv;
mod cursor;
mod data;
mod fault;
mod graphql;
mod id;
mod knobs;
mod oauth;
mod org;
mod record;
mod records;
mod rest;
mod route;
mod schema;
mod server;
mod session;
mod soap;
mod soql;
mod store;
mod tls;
mod touch;
mod value;
mod wire;
mod xml;

pub use knobs::{Compression, Side, Trouble};
pub use org::{Builder, JobSeen, Org};
pub use record::Received;
pub use server::Server;
pub use session::{Carried, Carrier, MARK};
pub use touch::{Touch, Verb};
