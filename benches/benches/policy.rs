//! What one decision costs: parsing, classifying, deciding, by request shape.
//!
//! `cargo bench -p forcefield-benches --bench policy`. Prints, before criterion's own report, the allocations and the
//! median and the 99th percentile of each shape, which criterion does not give.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench stops where its input is wrong")]
#![expect(clippy::print_stdout, reason = "its figures are for a person to read")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use forcefield_benches::allocations::{self, Counting};
use forcefield_policy::classify::classify;
use forcefield_policy::decision::{Permit, decide};
use forcefield_policy::grant::{AllowSpec, Enforcement, FieldsSpec, Grants, GrantsSpec};
use forcefield_policy::names::{ApiVersion, ApiVersions, FieldName, IdentityName};
use forcefield_policy::request::Head;
use forcefield_policy::schema::Schema;
use forcefield_policy::soql;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One request, ready to be classified again and again.
struct Shape {
    name: &'static str,
    method: &'static str,
    target: String,
    body: Vec<u8>,
}

/// A query of about 1 KB, as an ETL tool sends it: many fields, a parent, a window of time, a list of values.
fn long_query() -> String {
    let fields = "Id, Name, Type, Industry, AnnualRevenue, Phone, Fax, Website, AccountNumber, Site, OwnerId, CreatedDate, \
        LastModifiedDate, SystemModstamp, BillingStreet, BillingCity, BillingState, BillingPostalCode, BillingCountry, \
        ShippingStreet, ShippingCity, ShippingState, ShippingPostalCode, ShippingCountry, NumberOfEmployees, Ownership, \
        TickerSymbol, Description, Rating, Owner.Name, Owner.Email, Parent.Name";
    let names: Vec<String> = (0..12).map(|number| format!("'Customer number {number:04}'")).collect();
    format!(
        "SELECT {fields} FROM Account WHERE (SystemModstamp >= 2026-01-01T00:00:00.000Z AND SystemModstamp < \
         2026-02-01T00:00:00.000Z) AND IsDeleted = false AND Name IN ({}) ORDER BY SystemModstamp ASC, Id ASC LIMIT 2000",
        names.join(", ")
    )
}

fn encoded(text: &str) -> String {
    forcefield_tests::client::encode(text)
}

fn shapes() -> Vec<Shape> {
    let get = |name, target: String| Shape { name, method: "GET", target, body: Vec::new() };
    let post = |name, target: &str, body: String| Shape {
        name,
        method: "POST",
        target: target.to_owned(),
        body: body.into_bytes(),
    };
    let part = |number: usize| {
        format!(
            "{{\"method\":\"GET\",\"url\":\"/services/data/v62.0/sobjects/Account/001D000000IRt53IAD?fields=Name,Industry\",\"referenceId\":\"r{number}\"}}"
        )
    };
    let parts: Vec<String> = (0..25).map(part).collect();
    let record = "{\"attributes\":{\"type\":\"Account\"},\"Name\":\"Acme and sons\",\"Industry\":\"Energy\",\"Phone\":\"+39 02 1234567\",\"Description\":\"A customer since the beginning, with a description of usual length.\"}";
    let long = "A customer since the beginning, with a description. ".repeat(96);
    let long_record = format!(
        "{{\"attributes\":{{\"type\":\"Account\"}},\"Name\":\"Acme\",\"NumberOfEmployees\":12,\"Description\":\"{long}\"}}"
    );
    let large =
        format!("{{\"Name\":\"Acme\",\"Description\":\"{}\"}}", "It was a dark night.\\n".repeat(45_000));
    vec![
        get("query, 1 KB", format!("/services/data/v62.0/query?q={}", encoded(&long_query()))),
        get("query, short", "/services/data/v62.0/query?q=SELECT+Name+FROM+Account+LIMIT+10".to_owned()),
        get(
            "record",
            "/services/data/v62.0/sobjects/Account/001D000000IRt53IAD?fields=Name,Industry".to_owned(),
        ),
        post(
            "composite, 25 parts",
            "/services/data/v62.0/composite",
            format!("{{\"compositeRequest\":[{}]}}", parts.join(",")),
        ),
        post(
            "collection, 200 records",
            "/services/data/v62.0/composite/sobjects",
            format!("{{\"records\":[{}]}}", [record; 200].join(",")),
        ),
        post(
            "collection, 1 MB",
            "/services/data/v62.0/composite/sobjects",
            format!("{{\"records\":[{}]}}", [&*long_record; 200].join(",")),
        ),
        post("record, 1 MB", "/services/data/v62.0/sobjects/Account", large),
    ]
}

fn grants() -> Grants {
    let listed = |names: &str| {
        FieldsSpec::Listed(names.split(' ').map(|name| FieldName::try_from(name).unwrap()).collect())
    };
    let account = AllowSpec {
        key: "Account".to_owned(),
        read: Some(FieldsSpec::Every),
        create: Some(FieldsSpec::Every),
        except: vec![FieldName::try_from("Tradestyle").unwrap()],
        ..AllowSpec::default()
    };
    let user = AllowSpec { key: "User".to_owned(), read: Some(listed("Name Email")), ..AllowSpec::default() };
    let spec = GrantsSpec {
        identity: IdentityName::try_from("bench").unwrap(),
        versions: ApiVersions { oldest: ApiVersion::new(58), newest: ApiVersion::new(68) },
        allow: vec![account, user],
        named: Vec::new(),
        patterns: Vec::new(),
        exports: Vec::new(),
        enforcement: Enforcement::Enforce,
    };
    Grants::compile(&spec, &Arc::new(Schema::starter().unwrap())).0
}

/// Head and body to permit, as the data plane does it.
fn decided(grants: &Grants, shape: &Shape) -> Permit {
    let headers: &[(&str, &[u8])] = &[
        ("host", b"forcefield.example"),
        ("user-agent", b"python-requests/2.31"),
        ("accept", b"*/*"),
        ("authorization", b"Bearer x"),
        ("content-type", b"application/json"),
    ];
    let head = Head { method: shape.method, target: &shape.target, headers };
    let request = classify(grants.schema(), &head, &shape.body).unwrap();
    decide(grants, request, &[]).unwrap()
}

/// The median and the 99th percentile of an amount of work that takes about a second.
fn spread(mut work: impl FnMut()) -> (Duration, Duration) {
    let mut timed = || {
        let started = Instant::now();
        work();
        started.elapsed()
    };
    let usual = (0..20).map(|_| timed()).min().unwrap_or_default().max(Duration::from_nanos(100));
    let rounds = (Duration::from_secs(1).as_nanos() / usual.as_nanos()).clamp(500, 50_000) as usize;
    let mut times: Vec<Duration> = (0..rounds).map(|_| timed()).collect();
    times.sort_unstable();
    (times[rounds / 2], times[rounds * 99 / 100])
}

fn decisions(criterion: &mut Criterion) {
    let grants = grants();
    let mut group = criterion.benchmark_group("classify and decide");
    for shape in &shapes() {
        let bytes = shape.target.len() + shape.body.len();
        let made = allocations::of(|| decided(&grants, shape));
        let (usual, slowest) = spread(|| drop(black_box(decided(&grants, shape))));
        let speed = bytes as f64 / usual.as_secs_f64() / 1e6;
        println!(
            "{:<24} {bytes:>8} bytes {made:>5} allocations  median {usual:?} ({speed:.0} MB/s)  p99 {slowest:?}",
            shape.name
        );
        group.throughput(Throughput::Bytes(bytes as u64));
        group.bench_function(shape.name, |bencher| bencher.iter(|| decided(&grants, black_box(shape))));
    }
    group.finish();
}

fn languages(criterion: &mut Criterion) {
    let (text, schema) = (long_query(), Schema::starter().unwrap());
    let mut group = criterion.benchmark_group("soql, 1 KB");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("parse", |bencher| bencher.iter(|| soql::parse(black_box(&text)).unwrap()));
    group.bench_function("parse and resolve", |bencher| {
        bencher.iter(|| {
            soql::resolve(soql::parse(black_box(&text)).unwrap(), &schema, ApiVersion::new(62)).unwrap()
        });
    });
    group.finish();
}

criterion_group!(benches, decisions, languages);
criterion_main!(benches);
