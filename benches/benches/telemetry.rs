//! What telling costs one exchange: its counts, choosing whether it is traced, and its trace when it is.
//!
//! `cargo bench -p forcefield-benches --bench telemetry`

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use forcefield::telemetry::Telemetry;
use forcefield::telemetry::timing::Timing;
use forcefield::telemetry::trace::Tracer;
use forcefield_audit::{Outcome, Record};
use forcefield_policy::request::{Api, Operation};
use http::HeaderMap;
use jiff::Timestamp;
use ulid::Ulid;

fn record() -> Record {
    let mut record = Record::new(Ulid::new(), Timestamp::UNIX_EPOCH, ([10, 0, 0, 7], 4711).into(), "GET");
    (record.door, record.operations) = (Some(Api::Query), vec![Operation::Query]);
    (record.outcome, record.status) = (Outcome::Allowed, 200);
    (record.rows, record.bytes) = (12, 1024);
    record.duration = Duration::from_micros(1200);
    record.upstream_duration = Some(Duration::from_micros(900));
    record
}

fn benches(criterion: &mut Criterion) {
    let (record, headers) = (record(), HeaderMap::new());
    let telemetry = Telemetry::new(None);
    criterion.bench_function("an exchange is counted", |bencher| {
        let timing = || Timing::start(telemetry.trace(black_box(record.decision), &headers));
        bencher.iter_batched(
            timing,
            |mut timing| telemetry.ended(&record, &mut timing),
            BatchSize::SmallInput,
        );
    });
    let (tracer, _queue) = Tracer::new(1.0);
    let unlikely = Ulid::from(u128::from(u64::MAX));
    criterion.bench_function("an exchange is not chosen to be traced", |bencher| {
        bencher.iter(|| tracer.choose(black_box(unlikely), &headers));
    });
    criterion.bench_function("metrics are put together", |bencher| bencher.iter(|| telemetry.families()));
}

criterion_group!(all, benches);
criterion_main!(all);
