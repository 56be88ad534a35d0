//! Any CSV: batches of Bulk 1.0 and uploads of Bulk 2.0.
#![no_main]

mod law;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    law::hold(("POST", "/services/async/60.0/job/750R0000000zlh9IAA/batch"), "text/csv", body);
    law::hold(("PUT", "/services/data/v60.0/jobs/ingest/750R0000000zlh9IAA/batches"), "text/csv", body);
});
