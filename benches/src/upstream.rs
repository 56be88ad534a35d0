//! An org that costs next to nothing: canned answers over TLS, so that what is measured is the proxy before it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::Result;
use bytes::Bytes;
use forcefield_tests::pki::Pem;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// The org id that its tokens carry.
pub const ORG_ID: &str = "00D000000000001";

/// Listens on a free port of loopback and serves until the runtime ends. A bulk result has `bulk_bytes` bytes.
///
/// # Errors
/// When the certificate cannot be used or no port is free.
pub async fn start(certificate: &Pem, bulk_bytes: u64) -> Result<SocketAddr> {
    let chain =
        CertificateDer::pem_slice_iter(certificate.certificate.as_bytes()).collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes())?;
    let tls = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    let (acceptor, listener) = (TlsAcceptor::from(Arc::new(tls)), TcpListener::bind("127.0.0.1:0").await?);
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            let _ = stream.set_nodelay(true);
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = service_fn(move |request| answer(request, address, bulk_bytes));
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    Ok(address)
}

/// Rows of 1 KB together, as a query answers them.
#[must_use]
pub fn query_answer() -> String {
    let row = |number: usize| {
        format!(
            "{{\"attributes\":{{\"type\":\"Account\",\"url\":\"/services/data/v62.0/sobjects/Account/0010000000{number:05}AAA\"}},\"Name\":\"Sample account {number}\",\"Industry\":\"Energy\"}}"
        )
    };
    let rows: Vec<String> = (0..6).map(row).collect();
    format!("{{\"totalSize\":6,\"done\":true,\"records\":[{}]}}", rows.join(","))
}

async fn answer(
    request: Request<Incoming>,
    address: SocketAddr,
    bulk_bytes: u64,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let path = request.uri().path().to_owned();
    let _ = request.into_body().collect().await;
    let base = format!("https://localhost:{}", address.port());
    let (content_type, body) = match path.as_str() {
        "/services/oauth2/token" => {
            let token = format!("{ORG_ID}!{}", "A".repeat(90));
            let id = format!("{base}/id/{ORG_ID}AAA/005000000000001AAA");
            ("application/json", format!("{{\"access_token\":\"{token}\",\"instance_url\":\"{base}\",\"id\":\"{id}\",\"token_type\":\"Bearer\",\"scope\":\"api\"}}"))
        }
        "/services/data/v62.0/jobs/query" => {
            ("application/json", "{\"id\":\"750000000000001AAA\",\"operation\":\"query\",\"object\":\"Account\",\"state\":\"UploadComplete\"}".to_owned())
        }
        path if path.ends_with("/results") => {
            let body = Rows::new(bulk_bytes).boxed();
            let answer = Response::builder().header("content-type", "text/csv").header("sforce-locator", "null");
            return Ok(answer.body(body).unwrap_or_default());
        }
        path if path.ends_with("/query") => ("application/json;charset=UTF-8", query_answer()),
        _ => ("application/json;charset=UTF-8", "[]".to_owned()),
    };
    let answer = Response::builder().header("content-type", content_type);
    Ok(answer.body(Full::from(body).boxed()).unwrap_or_default())
}

/// CSV rows, up to a number of bytes, made as they are sent.
struct Rows {
    chunk: Bytes,
    left: u64,
}

impl Rows {
    fn new(left: u64) -> Self {
        let mut chunk = String::with_capacity(64 << 10);
        while chunk.len() < 64 << 10 {
            chunk.push_str("\"001000000000001AAA\",\"Sample account, with a comma\",\"Energy\",\"2026-01-01T00:00:00.000Z\"\n");
        }
        Self { chunk: chunk.into(), left }
    }
}

impl Body for Rows {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let size = usize::try_from(self.left).unwrap_or(usize::MAX).min(self.chunk.len());
        self.left -= size as u64;
        Poll::Ready(Some(Ok(Frame::data(self.chunk.slice(..size)))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
