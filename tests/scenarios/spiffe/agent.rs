//! An agent of a SPIFFE deployment, as far as these tests need one.

use std::convert::Infallible;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use forcefield_tests::pki::{self, Authority};
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::KeyPair;
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, watch};

/// An agent that serves `FetchX509Bundles` and `FetchJWTBundles` on a Unix socket.
pub(crate) struct Agent {
    x509: watch::Sender<Says>,
    jwt: watch::Sender<Says>,
    calls: Arc<Mutex<Vec<HeaderMap>>>,
    accepting: tokio::task::JoinHandle<()>,
}

/// What an agent says.
#[derive(Clone)]
enum Says {
    /// A message of gRPC.
    Message(Vec<u8>),
    /// That the caller is entitled to nothing.
    PermissionDenied,
}

impl Agent {
    /// Tells these authorities, and no keys of JWT-SVIDs.
    pub(crate) fn start(socket: &Path, bundles: &[(&str, &[&Authority])]) -> Self {
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).unwrap();
        let x509 = watch::Sender::new(Says::Message(x509_bundles(bundles, &[])));
        let jwt = watch::Sender::new(Says::Message(jwt_bundles(&[])));
        let calls = Arc::<Mutex<Vec<_>>>::default();
        let (follow, noted) = ((x509.clone(), jwt.clone()), Arc::clone(&calls));
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (follow, noted) = (follow.clone(), Arc::clone(&noted));
                connections.spawn(async move {
                    let serve = service_fn(move |request: Request<Incoming>| {
                        let told = if request.uri().path() == "/SpiffeWorkloadAPI/FetchJWTBundles" {
                            follow.1.subscribe()
                        } else {
                            assert_eq!(request.uri().path(), "/SpiffeWorkloadAPI/FetchX509Bundles");
                            follow.0.subscribe()
                        };
                        noted.lock().unwrap().push(request.headers().clone());
                        std::future::ready(Ok::<_, Infallible>(answer(told)))
                    });
                    let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    let _ = http.serve_connection(TokioIo::new(stream), serve).await;
                });
            }
        });
        Self { x509, jwt, calls, accepting }
    }

    /// Tells these authorities from now on.
    pub(crate) fn tell(&self, bundles: &[(&str, &[&Authority])]) {
        self.tell_revoked(bundles, &[]);
    }

    /// Tells these authorities from now on, and these lists of what they have revoked.
    pub(crate) fn tell_revoked(&self, bundles: &[(&str, &[&Authority])], lists: &[&[u8]]) {
        self.x509.send_replace(Says::Message(x509_bundles(bundles, lists)));
    }

    /// Tells these keys of JWT-SVIDs from now on.
    pub(crate) fn tell_keys(&self, bundles: &[(&str, Value)]) {
        self.jwt.send_replace(Says::Message(jwt_bundles(bundles)));
    }

    /// Ends every call, and tells nothing from now on.
    pub(crate) fn refuse(&self) {
        self.x509.send_replace(Says::PermissionDenied);
        self.jwt.send_replace(Says::PermissionDenied);
    }

    /// The headers of all calls so far.
    pub(crate) fn calls(&self) -> Vec<HeaderMap> {
        self.calls.lock().unwrap().clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// The JWT bundle of these RSA keys.
pub(crate) fn jwks(keys: &[(&str, &KeyPair)]) -> Value {
    let key = |(id, key): &(&str, &KeyPair)| {
        let set: Value = serde_json::from_str(&pki::jwks(&key.public_key_pem()).unwrap()).unwrap();
        let mut key = set.pointer("/keys/0").and_then(Value::as_object).unwrap().clone();
        key.extend([("kid", *id), ("use", "jwt-svid")].map(|(name, value)| (name.to_owned(), json!(value))));
        Value::Object(key)
    };
    json!({"keys": keys.iter().map(key).collect::<Vec<_>>()})
}

/// An answer whose body goes on for as long as the agent has something to tell.
struct Told(mpsc::Receiver<Frame<Bytes>>);

impl Body for Told {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|told| told.map(Ok))
    }
}

/// Every bundle there is, and each next one: the stream does not end, but with a refusal.
fn answer(mut told: watch::Receiver<Says>) -> Response<Told> {
    let (sender, messages) = mpsc::channel(4);
    told.mark_changed();
    tokio::spawn(async move {
        while told.changed().await.is_ok() {
            let says = told.borrow_and_update().clone();
            let (frame, is_last) = match says {
                Says::Message(message) => (Frame::data(message.into()), false),
                Says::PermissionDenied => {
                    let trailers = [("grpc-status", "7")]
                        .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
                    (Frame::trailers(HeaderMap::from_iter(trailers)), true)
                }
            };
            if sender.send(frame).await.is_err() || is_last {
                return;
            }
        }
    });
    Response::builder().header("content-type", "application/grpc").body(Told(messages)).unwrap()
}

/// A gRPC message with an `X509BundlesResponse` of these authorities and revocation lists.
fn x509_bundles(bundles: &[(&str, &[&Authority])], lists: &[&[u8]]) -> Vec<u8> {
    let lists = lists.iter().flat_map(|list| field(1, list));
    let bundles = bundles.iter().flat_map(|(domain, authorities)| {
        let ders: Vec<u8> = authorities.iter().flat_map(|authority| authority.der()).collect();
        field(2, &entry(domain, &ders))
    });
    message(&lists.chain(bundles).collect::<Vec<u8>>())
}

/// A gRPC message with a `JWTBundlesResponse` of these keys.
fn jwt_bundles(bundles: &[(&str, Value)]) -> Vec<u8> {
    let bundles =
        bundles.iter().flat_map(|(domain, jwks)| field(1, &entry(domain, jwks.to_string().as_bytes())));
    message(&bundles.collect::<Vec<u8>>())
}

/// An entry of a map from trust domains.
fn entry(domain: &str, value: &[u8]) -> Vec<u8> {
    [field(1, format!("spiffe://{domain}").as_bytes()), field(2, value)].concat()
}

fn message(text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    [&[0], &length[..], text].concat()
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
