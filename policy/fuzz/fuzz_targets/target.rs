//! Any path and query string, without a body.
#![no_main]

mod law;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|target: &str| {
    law::hold(("GET", target), "", b"");
    law::hold(("DELETE", target), "", b"");
    law::hold(("GET", &format!("/services/data/v60.0/{target}")), "", b"");
});
