//! Any XML document: Bulk 1.0 jobs and batches.
#![no_main]

mod law;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    law::hold(("POST", "/services/async/60.0/job"), "application/xml", body);
    law::hold(("POST", "/services/async/60.0/job/750R0000000zlh9IAA/batch"), "application/xml", body);
});
