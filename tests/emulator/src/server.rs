//! The listener: TLS, HTTP/1.1 and HTTP/2, and every trouble that a test has planned.

use crate::body::{Outgoing, gzip};
use crate::call::Settings;
use crate::knobs::{Compression, Trouble};
use crate::org::{self, Org};
use crate::record::{KEPT_BODY, Received};
use crate::route::{self, Handled};
use crate::wire::{Ask, Payload, Reply};
use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use std::io;
use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

mod decompress;
mod trouble;

/// A listening org. Dropping it closes the port and every connection; as an [`Org`] it can be asked and turned.
pub struct Server {
    org: Org,
    url: String,
    address: SocketAddr,
    ca_pem: String,
    accepting: JoinHandle<()>,
}

// === impl Server ===

impl Server {
    /// Scheme, host and port, without a trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The CA that a client must trust, in PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// A handle of the org.
    pub fn org(&self) -> Org {
        self.org.clone()
    }
}

impl Deref for Server {
    type Target = Org;

    fn deref(&self) -> &Org {
        &self.org
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Binds the port and begins to accept.
pub(crate) async fn start(org: Org) -> Result<Server> {
    let plan = &org.0.plan;
    let pems = org::pems(plan)?;
    let config = crate::tls::server_config(&pems, plan.client_ca.as_deref())?;
    let listener =
        TcpListener::bind(plan.listen).await.with_context(|| format!("cannot listen on {}", plan.listen))?;
    let address = listener.local_addr()?;
    let url = format!("https://{}:{}", plan.host, address.port());
    let settings = Settings { org_id: plan.org_id.clone(), url: url.clone() };
    anyhow::ensure!(org.0.settings.set(settings).is_ok(), "this org was started before; build another");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let accepting = tokio::spawn(accept(listener, acceptor, org.clone()));
    Ok(Server { org, url, address, ca_pem: pems.ca, accepting })
}

/// Accepts for ever; connections end with this task.
async fn accept(listener: TcpListener, acceptor: TlsAcceptor, org: Org) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, acceptor.clone(), org.clone()));
                }
                // Out of descriptors: others must end before more can begin.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor, org: Org) {
    // Best effort: without it answers are only slower.
    let _ = stream.set_nodelay(true);
    // A client that cannot agree on TLS has been told so by the handshake.
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let certified = stream.get_ref().1.peer_certificates().is_some_and(|chain| !chain.is_empty());
    let service = service_fn(move |request| {
        let org = org.clone();
        Box::pin(async move { exchange(&org, request, certified).await })
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().half_close(true);
    // How a connection ended is the client's to judge.
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}

/// Answers one request, or ends the connection.
async fn exchange(org: &Org, request: Request<Incoming>, certified: bool) -> io::Result<Response<Outgoing>> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => {
            // Too large, or the client went away: nothing was done, but that something arrived is worth knowing.
            org::lock(&org.0.log).push(unread(&head, certified));
            return Ok(convert(Reply::empty(413), Finish::default()));
        }
    };
    let target = head.uri.path_and_query().map_or_else(|| head.uri.to_string(), ToString::to_string);
    let method = head.method.to_string();
    let unpacked = decompress::unpack(&head.headers, &body);
    let ask = Ask::new(&method, &target, head.headers.clone(), unpacked.clone().unwrap_or_default());
    let side = route::side(&ask);
    let (latency, trouble, finish) = {
        let mut knobs = org.knobs();
        let finish = Finish { compress: compresses(knobs.compression, &ask), pace: knobs.pace, cut: false };
        (knobs.latency(side), knobs.next(side), finish)
    };
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let handled = match (unpacked, trouble) {
        (Err(fault), _) => Handled::refused(Reply::fault(&fault), &ask),
        (Ok(_), Some(trouble)) => trouble::handle(org, &ask, side, trouble),
        (Ok(_), None) => route::handle(org, &ask),
    };
    let dropped = matches!(trouble, Some(Trouble::DropBeforeWork | Trouble::DropAfterWork));
    let received = Received {
        number: 0,
        effective_method: ask.method.clone(),
        method,
        target,
        protocol: format!("{:?}", head.version),
        headers: plain_headers(&head.headers),
        credentials: handled.credentials,
        username: handled.username,
        body: body.slice(..body.len().min(KEPT_BODY)),
        body_length: body.len(),
        client_certificate: certified,
        touched: handled.touches.into_set(),
        status: if dropped { 0 } else { handled.reply.status },
    };
    org::lock(&org.0.log).push(received);
    if dropped {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    let cut = trouble == Some(Trouble::CutBody);
    Ok(convert(handled.reply, Finish { cut, ..finish }))
}

/// A request whose body did not arrive whole.
fn unread(head: &http::request::Parts, certified: bool) -> Received {
    let method = head.method.to_string();
    Received {
        number: 0,
        effective_method: method.clone(),
        method,
        target: head.uri.to_string(),
        protocol: format!("{:?}", head.version),
        headers: plain_headers(&head.headers),
        credentials: Vec::new(),
        username: None,
        body: Bytes::new(),
        body_length: 0,
        client_certificate: certified,
        touched: std::collections::BTreeSet::new(),
        status: 413,
    }
}

/// How an answer is sent.
#[derive(Default)]
struct Finish {
    compress: bool,
    pace: Option<(usize, std::time::Duration)>,
    cut: bool,
}

fn convert(mut reply: Reply, finish: Finish) -> Response<Outgoing> {
    let empty = matches!(&reply.payload, Payload::Whole(bytes) if bytes.is_empty());
    if finish.compress && !empty {
        reply.payload = gzip(reply.payload);
        reply.headers.push(("content-encoding", "gzip".to_owned()));
    }
    let mut body = Outgoing::new(reply.payload);
    if finish.cut {
        body = body.cut();
    }
    if let Some((bytes, pause)) = finish.pace {
        body = body.paced(bytes, pause);
    }
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let fixed = [("vary", "Accept-Encoding".to_owned()), ("set-cookie", COOKIE.to_owned())];
    for (name, value) in reply.headers.into_iter().chain(fixed) {
        if let Ok(value) = value.parse() {
            response.headers_mut().append(name, value);
        }
    }
    response
}

fn compresses(compression: Compression, ask: &Ask) -> bool {
    match compression {
        Compression::Always => true,
        Compression::Never => false,
        Compression::AsAsked => {
            ask.header("accept-encoding").is_some_and(|accepted| accepted.contains("gzip"))
        }
    }
}

fn plain_headers(headers: &http::HeaderMap) -> Vec<(String, String)> {
    headers
        .iter()
        .filter(|(name, _)| !["authorization", "cookie", "x-sfdc-session"].contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

/// Bodies past this are not read on: a bulk upload is at most 150 MB.
const MAX_BODY: usize = 200 * 1024 * 1024;
const COOKIE: &str = "BrowserId=em0000000000000000000A; domain=.salesforce.com; path=/; Secure; HttpOnly";

/// An empty body, for answers that have none.
pub(crate) fn nothing() -> Bytes {
    Bytes::new()
}
