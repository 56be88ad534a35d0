//! What a collector gets, and that nobody waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use forcefield_emulator::Server;
use forcefield_tests::{Builder, Collector, Proxy};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::trace::v1::Span;

use crate::{before, data_requests, salesforce};

const GRANTS: &str = "allow:\n  Account: { read: [Name], where: \"Name != 'GrantLiteral'\" }\n";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn sending(salesforce: &Server, collector: &Collector, more: &str) -> Builder {
    let otlp = format!("http://{}", collector.address());
    let section = format!("telemetry: {{ otlp: \"{otlp}\", interval: 100ms, {more} }}");
    before(salesforce).identity("nightly", GRANTS).section(&section)
}

fn attributes(span: &Span) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::StringValue(text) => text.clone(),
        other => format!("{other:?}"),
    };
    let value = |attribute: &opentelemetry_proto::tonic::common::v1::KeyValue| {
        let value = attribute.value.as_ref().and_then(|value| value.value.as_ref()).map(text);
        (attribute.key.clone(), value.unwrap_or_default())
    };
    span.attributes.iter().map(value).collect()
}

/// The span of an exchange.
fn of<'a>(spans: &'a [Span], decision: &str) -> &'a Span {
    let is = |span: &&Span| attributes(span).get("forcefield.decision").is_some_and(|id| id == decision);
    spans.iter().find(is).unwrap()
}

/// Nothing of this went to the collector.
#[track_caller]
fn holds_none(collector: &Collector, markers: &[&str]) {
    for exported in collector.taken() {
        let sent = String::from_utf8_lossy(&exported.body).into_owned();
        let found: Vec<_> = markers.iter().filter(|marker| sent.contains(**marker)).collect();
        assert!(found.is_empty(), "{found:?} went to the collector");
    }
}

/// A value of `/metrics` that may not be there yet.
async fn value(proxy: &Proxy, series: &str) -> f64 {
    let metrics = proxy.metrics().await.unwrap();
    let line = metrics.lines().find(|line| line.starts_with(series));
    line.and_then(|line| line.rsplit_once(' ')?.1.parse().ok()).unwrap_or_default()
}

async fn until_value(proxy: &Proxy, series: &str, least: f64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while value(proxy, series).await < least {
        assert!(Instant::now() < deadline, "{series} in\n{}", proxy.metrics().await.unwrap());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn an_exchange_is_traced_step_by_step_and_the_context_ends_here() {
    let (salesforce, collector) = (salesforce().await, Collector::start().await.unwrap());
    let proxy = sending(&salesforce, &collector, "traces: 100%, metrics: false").start().await.unwrap();
    let client = proxy.with_certificate("nightly").unwrap();
    let client = client.with_header("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-01"));
    let client = client.with_header("tracestate", "vendor=StateMarker");
    let reply = client.query("SELECT Name FROM Account WHERE Name = 'QueryLiteral' LIMIT 3").await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text());
    let refused = client.query("SELECT Phone FROM Account").await.unwrap();
    assert_eq!(refused.status, 403);
    let change = serde_json::json!({"Phone": "BodyLiteral"});
    let changed =
        client.json("PATCH", "/services/data/v62.0/sobjects/Account/001000000000001", &change).await;
    assert_eq!(changed.unwrap().status, 403);
    // Four of the query, two of what is refused by its head, three of what is refused by its body.
    collector.until(|collector| collector.spans().is_ok_and(|spans| spans.len() >= 9)).await.unwrap();
    let spans = collector.spans().unwrap();
    let trace = u128::from_str_radix(TRACE, 16).unwrap().to_be_bytes();
    assert!(spans.iter().all(|span| span.trace_id == trace), "{spans:?}");
    let parent = 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes();
    let decision = reply.header("x-forcefield-decision");
    let whole = of(&spans, decision);
    assert_eq!((whole.name.as_str(), &whole.parent_span_id[..]), ("query", &parent[..]));
    let mut expected: BTreeMap<String, String> = [
        ("forcefield.api", "query"),
        ("forcefield.decision", decision),
        ("forcefield.identity", "nightly"),
        ("forcefield.operation", "query"),
        ("forcefield.org", "sample"),
        ("forcefield.outcome", "allowed"),
        ("http.response.status_code", "IntValue(200)"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    assert_eq!(attributes(whole), expected);
    let steps: Vec<&Span> = spans.iter().filter(|span| span.parent_span_id == whole.span_id).collect();
    let names: Vec<&str> = steps.iter().map(|span| span.name.as_str()).collect();
    assert_eq!(names, ["credential", "upstream", "answer"]);
    for step in &steps {
        assert!(whole.start_time_unix_nano <= step.start_time_unix_nano, "{step:?} in {whole:?}");
        assert!(step.end_time_unix_nano <= whole.end_time_unix_nano + 1_000_000, "{step:?} in {whole:?}");
        assert!(step.attributes.is_empty());
    }
    assert_eq!(spans.iter().filter(|span| span.name == "intake").count(), 1, "one has a body to wait for");
    let ids: BTreeSet<_> = spans.iter().map(|span| span.span_id.clone()).collect();
    assert_eq!(ids.len(), spans.len(), "every span has an id of its own");
    let by = refused.header("x-forcefield-decision");
    let other = of(&spans, by);
    expected.insert("forcefield.outcome".to_owned(), "refused".to_owned());
    expected.insert("forcefield.rule".to_owned(), "field".to_owned());
    expected.insert("http.response.status_code".to_owned(), "IntValue(403)".to_owned());
    expected.insert("forcefield.decision".to_owned(), by.to_owned());
    assert_eq!(attributes(other), expected);
    holds_none(&collector, &["QueryLiteral", "GrantLiteral", "BodyLiteral", "StateMarker"]);
    holds_none(&collector, &["SELECT", "/services", "Account"]);
    for received in data_requests(&salesforce) {
        assert_eq!((received.header("traceparent"), received.header("tracestate")), (None, None));
    }
}

#[tokio::test]
async fn without_a_context_the_trace_is_named_by_the_decision_and_few_are_traced_for_their_callers() {
    let (salesforce, collector) = (salesforce().await, Collector::start().await.unwrap());
    let proxy = sending(&salesforce, &collector, "traces: 0.000001%, metrics: false").start().await.unwrap();
    let client = proxy.anonymous().unwrap();
    let asking = client.clone().with_header("traceparent", &format!("00-{TRACE}-00f067aa0ba902b7-01"));
    let began = Instant::now();
    for _ in 0..60 {
        assert_eq!(client.get("/services/data").await.unwrap().status, 200);
        assert_eq!(asking.get("/services/data").await.unwrap().status, 200);
    }
    let seconds = began.elapsed().as_secs() + 2;
    let asked = |collector: &Collector| {
        let spans = collector.spans().unwrap();
        spans.iter().filter(|span| !span.attributes.is_empty()).count()
    };
    collector.until(|collector| asked(collector) >= 10).await.unwrap();
    assert!(asked(&collector) as u64 <= 10 * seconds, "{} in {seconds} s", asked(&collector));
}

#[tokio::test]
async fn the_collector_gets_the_metrics_that_prometheus_gets() {
    let (salesforce, collector) = (salesforce().await, Collector::start().await.unwrap());
    let proxy = sending(&salesforce, &collector, "traces: 1%").start().await.unwrap();
    let client = proxy.client("nightly").await.unwrap();
    assert_eq!(client.query("SELECT Name FROM Account LIMIT 3").await.unwrap().status, 200);
    let has = |collector: &Collector, wanted: &str| {
        let metrics = collector.metrics().unwrap();
        metrics.into_iter().rev().find(|metric| metric.name == wanted)
    };
    collector
        .until(|collector| has(collector, "forcefield_upstream_duration_seconds").is_some())
        .await
        .unwrap();
    let text = proxy.metrics().await.unwrap();
    let names = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let names: BTreeSet<String> = names.map(str::to_owned).collect();
    let sent: BTreeSet<String> = collector.metrics().unwrap().into_iter().map(|metric| metric.name).collect();
    assert_eq!(sent.difference(&names).count(), 0, "{sent:?}");
    assert!(sent.len() > 30, "{sent:?}");
    let Some(Data::Histogram(histogram)) =
        has(&collector, "forcefield_upstream_duration_seconds").unwrap().data
    else {
        panic!("not a histogram")
    };
    let point = histogram.data_points.iter().find(|point| point.attributes.len() == 1).unwrap();
    assert_eq!(point.bucket_counts.len(), point.explicit_bounds.len() + 1);
    assert_eq!(point.bucket_counts.iter().sum::<u64>(), point.count);
    assert!(point.sum.is_some_and(|sum| sum > 0.0) && point.start_time_unix_nano <= point.time_unix_nano);
    let Some(Data::Sum(sum)) = has(&collector, "forcefield_requests_total").unwrap().data else {
        panic!("not a sum")
    };
    assert!(sum.is_monotonic && sum.aggregation_temporality == 2, "{sum:?}");
}

#[tokio::test]
async fn every_line_of_the_record_arrives_though_the_collector_was_away_and_the_process_was_killed() {
    let (salesforce, collector) = (salesforce().await, Collector::start().await.unwrap());
    collector.answer(503);
    let proxy = sending(&salesforce, &collector, "metrics: false, logs: true").start().await.unwrap();
    let mut decisions = Vec::new();
    for _ in 0..20 {
        let reply =
            proxy.with_certificate("nightly").unwrap().query("SELECT Name FROM Account").await.unwrap();
        assert_eq!(reply.status, 200);
        decisions.push(reply.header("x-forcefield-decision").to_owned());
    }
    collector.until(|collector| collector.refused() >= 3).await.unwrap();
    until_value(&proxy, "forcefield_otlp_failures_total{signal=\"logs\"}", 3.0).await;
    assert!(value(&proxy, "forcefield_otlp_up{signal=\"logs\"}").await < 0.5);
    assert!(value(&proxy, "forcefield_otlp_behind_bytes").await > 1000.0);
    let told = proxy.output().lines().filter(|line| line.contains("does not take what is sent")).count();
    assert_eq!(told, 1, "once, when it began");
    collector.answer(200);
    proxy.wait_for_line("takes what is sent again").await.unwrap();
    let proxy = proxy.restart().await.unwrap();
    let reply = proxy.with_certificate("nightly").unwrap().query("SELECT Name FROM Account").await.unwrap();
    decisions.push(reply.header("x-forcefield-decision").to_owned());
    let last = decisions.last().unwrap().clone();
    let has = |collector: &Collector| collector.lines().unwrap().iter().any(|line| line.contains(&last));
    collector.until(has).await.unwrap();
    let lines: BTreeSet<String> = collector.lines().unwrap().into_iter().collect();
    for record in proxy.records().unwrap().iter().filter(|record| record["class_uid"] == 6003) {
        assert!(lines.contains(&record.to_string()), "{record}");
    }
    for decision in decisions {
        assert!(lines.iter().any(|line| line.contains(&decision)), "{decision}");
    }
    let log = collector.logs().unwrap().into_iter().next().unwrap();
    assert_eq!(log.event_name, "forcefield.audit");
    assert!(log.severity_number >= 9 && log.time_unix_nano > 1_700_000_000_000_000_000, "{log:?}");
}

#[tokio::test]
async fn nobody_waits_for_a_collector_that_hangs_or_is_not_there() {
    let (salesforce, collector) = (salesforce().await, Collector::start().await.unwrap());
    collector.answer(0);
    let proxy = sending(&salesforce, &collector, "traces: 100%, logs: true").start().await.unwrap();
    let client = proxy.with_certificate("nightly").unwrap();
    let exchange = async {
        for _ in 0..50 {
            assert_eq!(client.query("SELECT Name FROM Account LIMIT 3").await.unwrap().status, 200);
        }
    };
    // Its deadline is longer.
    tokio::time::timeout(Duration::from_secs(8), exchange).await.unwrap();
    drop(collector);
    until_value(&proxy, "forcefield_otlp_failures_total{signal=\"metrics\"}", 1.0).await;
    assert_eq!(client.query("SELECT Name FROM Account LIMIT 3").await.unwrap().status, 200);
    assert_eq!(
        proxy.probe("/readyz").await.unwrap().0,
        200,
        "a collector is no reason to keep requests away"
    );
}

#[tokio::test]
async fn a_collector_is_known_by_its_certificate_and_gets_its_secret_header() {
    let salesforce = salesforce().await;
    let builder = before(&salesforce).identity("nightly", GRANTS);
    let pem = builder.authority().server(&["localhost"]).unwrap();
    let (known, unknown) =
        (Collector::with_tls(&pem).await.unwrap(), Collector::with_tls(&pem).await.unwrap());
    builder.write("keys/otlp", "Bearer Coll3ctorSecret\n").unwrap();
    let section = |collector: &Collector, ca: &str| {
        let port = collector.address().port();
        format!(
            "telemetry: {{ otlp: \"https://localhost:{port}/otel/\", {ca}headers: {{ Authorization: file:keys/otlp }}, interval: 100ms }}"
        )
    };
    let ca = builder.authority().pem();
    builder.write("keys/collector.pem", &ca).unwrap();
    let proxy = builder.section(&section(&known, "ca: file:keys/collector.pem, ")).start().await.unwrap();
    known.until(|collector| !collector.taken().is_empty()).await.unwrap();
    let exported = known.taken().remove(0);
    assert_eq!(exported.path, "/otel/v1/metrics");
    assert_eq!(exported.headers["authorization"], "Bearer Coll3ctorSecret");
    assert!(
        !proxy.output().contains("Coll3ctorSecret")
            && !proxy.metrics().await.unwrap().contains("Coll3ctorSecret")
    );
    let other = before(&salesforce).identity("nightly", GRANTS);
    other.write("keys/otlp", "Bearer Coll3ctorSecret\n").unwrap();
    let proxy = other.section(&section(&unknown, "")).start().await.unwrap();
    proxy.wait_for_line("does not take what is sent").await.unwrap();
    assert_eq!(unknown.taken().len(), 0, "its authority is not a public one");
}
