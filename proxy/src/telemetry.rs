//! Metrics: instruments built at start-up, labels from closed lists only, and the listener that serves them.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use bytes::Bytes;
use forcefield_audit::Record;
use forcefield_limits::Spend;
use forcefield_policy::request::Api;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, MeterProvider};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;

/// The instruments, and where they are read.
pub struct Telemetry {
    registry: Registry,
    // Keeps the instruments connected to the registry.
    provider: SdkMeterProvider,
    requests: Counter<u64>,
    durations: Histogram<f64>,
    rows: Counter<u64>,
    bytes: Counter<u64>,
    renewals: Counter<u64>,
    ready: AtomicBool,
}

/// What is left of one budget, where there is one.
type Left = fn(&Spend) -> Option<u64>;

impl Telemetry {
    /// Builds the instruments.
    ///
    /// # Errors
    /// None in practice: the names are fixed.
    pub fn new() -> Result<Self> {
        let registry = Registry::new();
        let exporter = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            .scope_info_enabled(false)
            .without_target_info()
            .build()
            .context("building the metrics exporter")?;
        let provider = SdkMeterProvider::builder().with_reader(exporter).build();
        let meter = provider.meter("forcefield");
        let boundaries = vec![
            0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
            120.0,
        ];
        Ok(Self {
            requests: meter
                .u64_counter("forcefield_requests")
                .with_description("Exchanges, by outcome, door and status class")
                .build(),
            durations: meter
                .f64_histogram("forcefield_request_duration")
                .with_unit("s")
                .with_description("From the head of a request to the end of its answer")
                .with_boundaries(boundaries)
                .build(),
            rows: meter
                .u64_counter("forcefield_rows")
                .with_description("Rows of data in answers, by door")
                .build(),
            bytes: meter
                .u64_counter("forcefield_answer_bytes")
                .with_description("Bytes of answers, by door")
                .build(),
            renewals: meter
                .u64_counter("forcefield_session_renewals")
                .with_description("Sessions renewed after a 401 of the org")
                .build(),
            ready: AtomicBool::new(false),
            provider,
            registry,
        })
    }

    /// Counts an exchange that has ended.
    pub fn ended(&self, record: &Record) {
        let api = KeyValue::new("api", record.door.map_or("none", Api::as_str));
        let door = std::slice::from_ref(&api);
        if record.rows > 0 {
            self.rows.add(record.rows, door);
        }
        if record.bytes > 0 {
            self.bytes.add(record.bytes, door);
        }
        self.durations.record(record.duration.as_secs_f64(), door);
        let outcome = KeyValue::new("outcome", record.outcome.as_str());
        self.requests.add(1, &[api.clone(), outcome, KeyValue::new("status", status_class(record.status))]);
    }

    /// Shows what is left of each integration's budgets, as `spent` tells it at the moment of asking. The label is a
    /// name of the configuration, so the list is closed.
    pub fn show_budgets(&self, spent: impl Fn() -> Vec<Spend> + Send + Sync + 'static) {
        let meter = self.provider.meter("forcefield");
        let spent = Arc::new(spent);
        let left: [(&'static str, &'static str, Left); 2] = [
            ("forcefield_rows_left", "Rows left of the budget of an integration", Spend::rows_left),
            ("forcefield_bytes_left", "Bytes left of the budget of an integration", Spend::bytes_left),
        ];
        for (name, description, left) in left {
            let spent = Arc::clone(&spent);
            let gauge = meter.u64_observable_gauge(name).with_description(description);
            let gauge = gauge.with_callback(move |observer| {
                for spend in spent() {
                    if let Some(left) = left(&spend) {
                        observer.observe(left, &[KeyValue::new("identity", spend.identity.to_string())]);
                    }
                }
            });
            // The provider keeps it.
            let _ = gauge.build();
        }
    }

    /// Counts a renewal after a 401.
    pub fn renewed(&self) {
        self.renewals.add(1, &[]);
    }

    /// Says whether requests are served: what `/readyz` answers.
    pub fn ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Serves `/metrics`, `/healthz` and `/readyz` without TLS, until its task ends.
    pub async fn serve(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            };
            let telemetry = Arc::clone(&self);
            tokio::spawn(async move {
                let service =
                    service_fn(|request| std::future::ready(Ok::<_, Infallible>(telemetry.answer(&request))));
                let mut builder = hyper::server::conn::http1::Builder::new();
                builder.timer(TokioTimer::new()).header_read_timeout(std::time::Duration::from_secs(10));
                let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let (status, body) = match request.uri().path() {
            "/metrics" => match TextEncoder::new().encode_to_string(&self.registry.gather()) {
                Ok(text) => (StatusCode::OK, text),
                Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n".to_owned()),
            },
            "/healthz" => (StatusCode::OK, "alive\n".to_owned()),
            "/readyz" if self.ready.load(Ordering::Relaxed) => (StatusCode::OK, "ready\n".to_owned()),
            "/readyz" => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned()),
            _ => (StatusCode::NOT_FOUND, "/metrics, /healthz, /readyz\n".to_owned()),
        };
        let mut answer = Response::new(Full::from(body));
        *answer.status_mut() = status;
        answer.headers_mut().insert(
            http::header::CONTENT_TYPE,
            http::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
        );
        answer
    }
}

fn status_class(status: u16) -> &'static str {
    match status / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        5 => "5xx",
        _ => "none",
    }
}
