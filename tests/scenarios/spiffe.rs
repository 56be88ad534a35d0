//! SVIDs are verified by the authorities of their own trust domain, as the SPIFFE Workload API tells them from moment to
//! moment.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use forcefield_tests::client::Protocol;
use forcefield_tests::pki::Authority;
use forcefield_tests::{Client, Proxy};
use http::{HeaderMap, Request, Response};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};

use crate::{before, data_requests, salesforce};

const GRANTS: &str = "allow:\n  Account: { read: [Name] }\n";
const QUERY: &str = "SELECT Name FROM Account LIMIT 1";

/// An agent that serves `FetchX509Bundles` on a Unix socket.
struct Agent {
    bundles: watch::Sender<Vec<u8>>,
    calls: Arc<Mutex<Vec<HeaderMap>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Agent {
    fn start(socket: &Path, bundles: &[(&str, &[&Authority])]) -> Self {
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).unwrap();
        let (told, calls) = (watch::Sender::new(response(bundles)), Arc::<Mutex<Vec<_>>>::default());
        let (follow, noted) = (told.clone(), Arc::clone(&calls));
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (follow, noted) = (follow.clone(), Arc::clone(&noted));
                connections.spawn(async move {
                    let serve = service_fn(move |request: Request<Incoming>| {
                        assert_eq!(request.uri().path(), "/SpiffeWorkloadAPI/FetchX509Bundles");
                        noted.lock().unwrap().push(request.headers().clone());
                        std::future::ready(Ok::<_, Infallible>(answer(follow.subscribe())))
                    });
                    let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let _ = http.serve_connection(TokioIo::new(stream), serve).await;
                });
            }
        });
        Self { bundles: told, calls, accepting }
    }

    fn tell(&self, bundles: &[(&str, &[&Authority])]) {
        self.bundles.send_replace(response(bundles));
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// An answer whose body goes on for as long as the agent has something to tell.
struct Told(mpsc::Receiver<Vec<u8>>);

impl Body for Told {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|told| told.map(|told| Ok(Frame::data(told.into()))))
    }
}

/// Every bundle there is, and each next one: the stream does not end.
fn answer(mut told: watch::Receiver<Vec<u8>>) -> Response<Told> {
    let (sender, messages) = mpsc::channel(4);
    told.mark_changed();
    tokio::spawn(async move {
        while told.changed().await.is_ok() {
            let message = told.borrow_and_update().clone();
            if sender.send(message).await.is_err() {
                return;
            }
        }
    });
    Response::builder().header("content-type", "application/grpc").body(Told(messages)).unwrap()
}

/// A gRPC message with an `X509BundlesResponse` of these authorities.
fn response(bundles: &[(&str, &[&Authority])]) -> Vec<u8> {
    let mut message = Vec::new();
    for (domain, authorities) in bundles {
        let ders: Vec<u8> = authorities.iter().flat_map(|authority| authority.der()).collect();
        let entry = [field(1, format!("spiffe://{domain}").as_bytes()), field(2, &ders)].concat();
        message.extend(field(2, &entry));
    }
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], &message].concat()
}

/// A field of Protocol Buffers with a length.
fn field(number: u8, text: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = text.len();
    while length > 0x7f {
        field.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    field.push(u8::try_from(length).unwrap());
    [field, text.to_vec()].concat()
}

/// Forcefield that has the trust domain `test.example` from the Workload API at a socket.
async fn following(salesforce: &forcefield_emulator::Server, socket: &Path) -> Proxy {
    let socket = format!("test.example: \"unix:{}\"", socket.display());
    before(salesforce).identity("nightly", GRANTS).trust_domains(&socket).start().await.unwrap()
}

fn caller(proxy: &Proxy, authority: &Authority, id: &str) -> Client {
    Client::new(proxy.address(), &proxy.authority().pem(), Some(&authority.svid(id).unwrap())).unwrap()
}

/// What a caller gets; `None` when there is no connection.
async fn status(client: &Client) -> Option<u16> {
    client.query(QUERY).await.ok().map(|reply| reply.status)
}

/// Waits until a caller gets this status.
async fn becomes(client: &Client, wanted: Option<u16>) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let found = status(client).await;
        if found == wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{found:?} in place of {wanted:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn socket() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("agent.sock");
    (folder, socket)
}

#[tokio::test]
async fn an_svid_is_verified_by_the_bundle_of_its_own_trust_domain() {
    let salesforce = salesforce().await;
    let (_folder, socket) = socket();
    let (ours, partner) = (Authority::new("ours").unwrap(), Authority::new("partner").unwrap());
    let agent = Agent::start(&socket, &[("test.example", &[&ours]), ("partner.example", &[&partner])]);
    let proxy = following(&salesforce, &socket).await;
    proxy.wait_for_line("trust bundles of the Workload API taken up").await.unwrap();
    becomes(&caller(&proxy, &ours, NIGHTLY), Some(200)).await;
    let asked = agent.calls.lock().unwrap().clone();
    assert!(asked.iter().all(|headers| headers["workload.spiffe.io"] == "true"));

    // An authority speaks for its own domain only, and only for domains that are configured.
    salesforce.clear();
    assert_eq!(status(&caller(&proxy, &partner, NIGHTLY)).await, None);
    assert_eq!(status(&caller(&proxy, &partner, "spiffe://partner.example/nightly")).await, None);
    assert_eq!(status(&caller(&proxy, &ours, "spiffe://partner.example/nightly")).await, None);
    assert_eq!(status(&caller(&proxy, &Authority::new("ours").unwrap(), NIGHTLY)).await, None);
    assert!(data_requests(&salesforce).is_empty());
}

#[tokio::test]
async fn a_changed_bundle_holds_at_once_also_for_open_connections_and_old_sessions() {
    let salesforce = salesforce().await;
    let (_folder, socket) = socket();
    let (old, new) = (Authority::new("old").unwrap(), Authority::new("new").unwrap());
    let agent = Agent::start(&socket, &[("test.example", &[&old])]);
    let proxy = following(&salesforce, &socket).await;
    let (before, after) = (caller(&proxy, &old, NIGHTLY), caller(&proxy, &new, NIGHTLY));
    becomes(&before, Some(200)).await;
    let mut open = before.open(Protocol::Http1).await.unwrap();
    assert_eq!(open.get(QUERY_TARGET).await.unwrap().status, 200);

    agent.tell(&[("test.example", &[&old, &new])]);
    becomes(&after, Some(200)).await;
    assert_eq!(open.get(QUERY_TARGET).await.unwrap().status, 200, "the old authority still counts");

    agent.tell(&[("test.example", &[&new])]);
    becomes(&before, None).await;
    assert!(open.get(QUERY_TARGET).await.is_err(), "the open connection outlived its authority");
    assert_eq!(status(&after).await, Some(200));
}

#[tokio::test]
async fn without_its_agent_nobody_is_trusted_at_first_and_later_the_last_bundle_holds() {
    let salesforce = salesforce().await;
    let (_folder, socket) = socket();
    let ours = Authority::new("ours").unwrap();
    let proxy = following(&salesforce, &socket).await;
    proxy.wait_for_line("the Workload API is away").await.unwrap();
    let nightly = caller(&proxy, &ours, NIGHTLY);
    assert_eq!(status(&nightly).await, None);
    assert_eq!(
        status(&proxy.client("nightly").await.unwrap()).await,
        Some(200),
        "who needs no SVID is served"
    );

    let agent = Agent::start(&socket, &[("test.example", &[&ours])]);
    becomes(&nightly, Some(200)).await;
    let away = proxy.output().matches("the Workload API is away").count();
    drop(agent);
    proxy.wait_for_lines("the Workload API is away", away + 1).await.unwrap();
    assert_eq!(status(&nightly).await, Some(200));

    // The next agent has other authorities.
    let _agent = Agent::start(&socket, &[("test.example", &[])]);
    becomes(&nightly, None).await;
}

#[tokio::test]
async fn a_bundle_in_a_file_speaks_for_its_trust_domain_only() {
    let salesforce = salesforce().await;
    let (ours, partner) = (Authority::new("ours").unwrap(), Authority::new("partner").unwrap());
    let builder = before(&salesforce)
        .identity("nightly", GRANTS)
        .trust_domains("test.example: file:ours.pem, partner.example: file:partner.pem");
    builder.write("ours.pem", &ours.pem()).unwrap();
    builder.write("partner.pem", &partner.pem()).unwrap();
    let proxy = builder.start().await.unwrap();
    assert_eq!(status(&caller(&proxy, &ours, NIGHTLY)).await, Some(200));
    assert_eq!(status(&caller(&proxy, &partner, NIGHTLY)).await, None);
    assert_eq!(status(&caller(&proxy, &partner, "spiffe://partner.example/other")).await, Some(401));
}

const NIGHTLY: &str = "spiffe://test.example/nightly";
const QUERY_TARGET: &str = "/services/data/v62.0/query?q=SELECT+Name+FROM+Account+LIMIT+1";
