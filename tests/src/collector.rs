//! An OTLP collector that shows what it got, and can refuse or hang where a test needs it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::pki::Pem;

/// A running collector, ended with its handle.
pub struct Collector {
    address: SocketAddr,
    got: Arc<Got>,
    task: tokio::task::JoinHandle<()>,
}

/// A request that it took.
#[derive(Clone, Debug)]
pub struct Exported {
    /// Its path.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its message.
    pub body: Bytes,
}

#[derive(Default)]
struct Got {
    /// What is answered; 0 for nothing, ever.
    status: AtomicU16,
    taken: Mutex<Vec<Exported>>,
    refused: AtomicU16,
}

impl Collector {
    /// One without TLS, which takes everything.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start() -> Result<Self> {
        Self::listen(None).await
    }

    /// One with TLS.
    ///
    /// # Errors
    /// When it cannot listen, or the certificate cannot be used.
    pub async fn with_tls(pem: &Pem) -> Result<Self> {
        let chain =
            CertificateDer::pem_slice_iter(pem.certificate.as_bytes()).collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(pem.key.as_bytes())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        Self::listen(Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn listen(tls: Option<TlsAcceptor>) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let got = Arc::new(Got::default());
        got.status.store(200, Ordering::SeqCst);
        let of = Arc::clone(&got);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, got) = (tls.clone(), Arc::clone(&of));
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, got).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, got).await;
                            }
                        }
                    }
                });
            }
        });
        Ok(Self { address, got, task })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it answers with this status; 0 for never.
    pub fn answer(&self, status: u16) {
        self.got.status.store(status, Ordering::SeqCst);
    }

    /// How many requests it refused.
    #[must_use]
    pub fn refused(&self) -> u16 {
        self.got.refused.load(Ordering::SeqCst)
    }

    /// The requests that it took.
    #[must_use]
    pub fn taken(&self) -> Vec<Exported> {
        self.got.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All spans.
    ///
    /// # Errors
    /// When a message is not one.
    pub fn spans(&self) -> Result<Vec<Span>> {
        let messages = self.messages::<ExportTraceServiceRequest>("/v1/traces")?;
        let resources = messages.into_iter().flat_map(|message| message.resource_spans);
        Ok(resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect())
    }

    /// All metrics.
    ///
    /// # Errors
    /// When a message is not one.
    pub fn metrics(&self) -> Result<Vec<Metric>> {
        let messages = self.messages::<ExportMetricsServiceRequest>("/v1/metrics")?;
        let resources = messages.into_iter().flat_map(|message| message.resource_metrics);
        Ok(resources.flat_map(|resource| resource.scope_metrics).flat_map(|scope| scope.metrics).collect())
    }

    /// All log records.
    ///
    /// # Errors
    /// When a message is not one.
    pub fn logs(&self) -> Result<Vec<LogRecord>> {
        let messages = self.messages::<ExportLogsServiceRequest>("/v1/logs")?;
        let resources = messages.into_iter().flat_map(|message| message.resource_logs);
        Ok(resources.flat_map(|resource| resource.scope_logs).flat_map(|scope| scope.log_records).collect())
    }

    /// The bodies of all log records.
    ///
    /// # Errors
    /// When a message is not one.
    pub fn lines(&self) -> Result<Vec<String>> {
        let text = |log: LogRecord| match log.body.and_then(|body| body.value) {
            Some(Value::StringValue(text)) => Ok(text),
            other => bail!("{other:?}"),
        };
        self.logs()?.into_iter().map(text).collect()
    }

    /// Waits until something holds.
    ///
    /// # Errors
    /// When it does not within some seconds.
    pub async fn until(&self, holds: impl Fn(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !holds(self) {
            if Instant::now() > deadline {
                bail!("what was waited for did not come; {} messages did", self.taken().len());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    fn messages<M: Message + Default>(&self, path: &str) -> Result<Vec<M>> {
        let taken = self.taken().into_iter().filter(|exported| exported.path == path);
        Ok(taken.map(|exported| M::decode(exported.body)).collect::<Result<_, _>>()?)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, got: Arc<Got>) {
    let service = service_fn(move |request| answer(request, Arc::clone(&got)));
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, got: Arc<Got>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let status = got.status.load(Ordering::SeqCst);
    if status == 0 {
        std::future::pending::<()>().await;
    }
    if status == 200 {
        let exported = Exported { path: head.uri.path().to_owned(), headers: head.headers, body };
        got.taken.lock().unwrap_or_else(PoisonError::into_inner).push(exported);
    } else {
        got.refused.fetch_add(1, Ordering::SeqCst);
    }
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    Ok(answer)
}
