//! Forcefield's promises, one module each, kept by the real binary before an emulated org.

#![expect(clippy::unwrap_used, reason = "a scenario stops where its set-up fails")]

mod bounded;
mod credentials;
mod doors;
mod faults;
mod logins;
mod main_job;
mod narrowing;
mod paging;
mod presence;
mod process;
mod reach;
mod records;
mod refusals;
mod sdk;
mod theft;
mod tunnels;

use forcefield_emulator::{Org, Server};
use forcefield_tests::{Builder, Proxy};

/// The binary, built with the scenarios.
const BINARY: &str = env!("CARGO_BIN_EXE_forcefield-under-test");

/// An org with its sample data.
async fn salesforce() -> Server {
    Org::builder().start().await.unwrap()
}

/// Forcefield before an org, to be given identities.
fn before(salesforce: &Server) -> Builder {
    Builder::before(salesforce, BINARY).unwrap()
}

/// Forcefield with one integration, `nightly`.
async fn with(salesforce: &Server, rest: &str) -> Proxy {
    before(salesforce).identity("nightly", rest).start().await.unwrap()
}

/// The data requests that an org received: everything but logins and Forcefield's own descriptions.
fn data_requests(salesforce: &Server) -> Vec<forcefield_emulator::Received> {
    let own = |target: &str| {
        target.starts_with("/services/oauth2/")
            || target.ends_with("/sobjects")
            || target.ends_with("/composite/batch") && !target.contains('?')
    };
    let described = |received: &forcefield_emulator::Received| {
        received.header("user-agent").is_some_and(|agent| agent.starts_with("forcefield-describe"))
    };
    let requests = salesforce.org().requests();
    requests
        .into_iter()
        .filter(|received| {
            !(described(received) || own(&received.target) && received.header("user-agent").is_none())
        })
        .collect()
}
