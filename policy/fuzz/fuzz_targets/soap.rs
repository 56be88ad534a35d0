//! Any SOAP envelope, at the partner, enterprise and metadata endpoints.
#![no_main]

mod law;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    for endpoint in ["u", "c", "m"] {
        law::hold(("POST", &format!("/services/Soap/{endpoint}/60.0")), "text/xml", body);
    }
});
