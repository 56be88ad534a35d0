//! Forcefield's promises, one module each, kept by the real binary before an emulated org.

#![expect(clippy::unwrap_used, reason = "a scenario stops where its set-up fails")]

mod bounded;
mod console;
mod control;
mod credentials;
mod doors;
mod faults;
mod logins;
mod main_job;
mod narrowing;
mod openapi;
mod otlp;
mod paging;
mod presence;
mod process;
mod reach;
mod records;
mod refusals;
mod renewal;
mod replicas;
mod sdk;
mod signals;
mod spiffe;
mod stopped;
mod telemetry;
mod theft;
mod tunnels;
mod vault;
mod widening;
mod wire;
mod workload;

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
    // What Forcefield asks for itself names no user agent: lists of objects, and batches of descriptions.
    let own = |received: &forcefield_emulator::Received| {
        let (target, body) = (&received.target, String::from_utf8_lossy(&received.body));
        let listed = received.method == "GET" && target.ends_with("/sobjects");
        let described = target.ends_with("/composite/batch") && body.contains("/describe\"");
        target.starts_with("/services/oauth2/")
            || received.header("user-agent").is_none() && (listed || described)
    };
    let requests = salesforce.org().requests();
    requests.into_iter().filter(|received| !own(received)).collect()
}
