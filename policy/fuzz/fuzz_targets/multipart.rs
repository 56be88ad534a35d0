//! Any multipart body: a Bulk 2.0 job with its data.
#![no_main]

mod law;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    law::hold(("POST", "/services/data/v60.0/jobs/ingest"), "multipart/form-data; boundary=B", body);
});
