//! `listen.metrics`: `/metrics`, `/healthz` and `/readyz`, without TLS.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::health::verdict;
use super::{Telemetry, text};

/// Answers until its task ends.
pub async fn serve(telemetry: Arc<Telemetry>, listener: TcpListener) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(AFTER_ERROR).await;
            continue;
        };
        let telemetry = Arc::clone(&telemetry);
        tokio::spawn(async move {
            let service =
                service_fn(|request| std::future::ready(Ok::<_, Infallible>(answer(&telemetry, &request))));
            let mut builder = hyper::server::conn::http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEAD);
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
            drop(permit);
        });
    }
}

fn answer(telemetry: &Telemetry, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, body) = match request.uri().path() {
        "/metrics" => (StatusCode::OK, text::text(&telemetry.families())),
        "/healthz" => (StatusCode::OK, "alive\n".to_owned()),
        "/readyz" => {
            let (ready, text) = verdict(&telemetry.health().problems());
            (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, text)
        }
        _ => (StatusCode::NOT_FOUND, "/metrics, /healthz, /readyz\n".to_owned()),
    };
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(text::CONTENT_TYPE));
    answer
}

/// Connections at one time: a scraper or two, and probes.
const CONNECTIONS: usize = 64;
const HEAD: Duration = Duration::from_secs(10);
const AFTER_ERROR: Duration = Duration::from_millis(50);
