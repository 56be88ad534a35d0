//! Any JSON: records, collections, envelopes, jobs.
#![no_main]

mod law;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for target in [
        "sobjects/Contact",
        "composite/sobjects",
        "composite",
        "composite/batch",
        "composite/graph",
        "composite/tree/Account",
        "jobs/query",
    ] {
        law::hold(("POST", &format!("/services/data/v60.0/{target}")), "application/json", body);
    }
});
