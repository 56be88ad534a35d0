//! Any GraphQL document, and any GraphQL body.
#![no_main]

mod law;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    law::hold(("POST", "/services/data/v60.0/graphql"), "application/json", body);
    if let Ok(document) = std::str::from_utf8(body) {
        let body = serde_json::json!({ "query": document }).to_string();
        law::hold(("POST", "/services/data/v60.0/graphql"), "application/json", body.as_bytes());
    }
});
