use std::net::SocketAddr;
use std::sync::Mutex;

use bytes::Bytes;
use forcefield_config::config::{Org, OrgUrl};
use http_body::Frame;
use http_body_util::BodyExt;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::*;
use crate::testing::Authority;

/// A host that tells by a script what it does with each of its connections.
struct Far {
    authority: Authority,
    address: SocketAddr,
    connections: Arc<AtomicU64>,
    /// Every request head, with the number of its connection.
    heads: Arc<Mutex<Vec<(u64, String)>>>,
}

type Script = fn(u64, u64) -> Act;

/// What is done about one request.
#[derive(Clone, Copy)]
enum Act {
    /// Answered with these bytes.
    Say(&'static str),
    /// Answered, then the connection is closed.
    SayAndClose(&'static str),
    /// Closed without an answer.
    Close,
    /// Answered with what is in [`PACKED`].
    Pack,
    /// Read, and never answered.
    Hang,
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

impl Far {
    /// `script` gets the number of the connection, and of the request on it, both from 0.
    async fn start(script: Script) -> Self {
        let authority = Authority::new();
        let issued = authority.server(&["org.test", "localhost"]);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(issued.certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap(),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicU64::new(0));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let far =
            Self { authority, address, connections: Arc::clone(&connections), heads: Arc::clone(&heads) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, heads) = (acceptor.clone(), Arc::clone(&heads));
                let number = connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    play(stream, number, script, &heads).await;
                });
            }
        });
        far
    }

    fn origin(&self) -> Origin {
        Origin::build(&self.org(), Some(self.authority.pem.as_bytes()), None).unwrap()
    }

    fn org(&self) -> Org {
        Org {
            name: "production".into(),
            url: OrgUrl { host: "localhost".into(), port: self.address.port() },
            id: "00D5g000004XyZE".into(),
            environment: "production".into(),
            api_versions: "58.0-68.0".parse().unwrap(),
            ca: None,
            client_certificate: None,
            https_proxy: None,
            audience: None,
        }
    }

    fn upstream(&self, rules: Rules) -> Upstream {
        Upstream::new(vec![self.origin()], rules)
    }

    fn dialed(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    fn requests(&self) -> Vec<(u64, String)> {
        let line = |head: &str| head.lines().next().unwrap_or_default().to_owned();
        self.heads.lock().unwrap().iter().map(|(number, head)| (*number, line(head))).collect()
    }
}

async fn play(
    mut stream: TlsStream<TcpStream>,
    connection: u64,
    script: Script,
    heads: &Mutex<Vec<(u64, String)>>,
) {
    for request in 0.. {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        heads.lock().unwrap().push((connection, head));
        match script(connection, request) {
            Act::Say(answer) => {
                stream.write_all(answer.as_bytes()).await.unwrap();
                let _ = stream.flush().await;
            }
            Act::SayAndClose(answer) => {
                stream.write_all(answer.as_bytes()).await.unwrap();
                let _ = stream.shutdown().await;
                return;
            }
            Act::Close => {
                let _ = stream.shutdown().await;
                return;
            }
            Act::Pack => {
                let packed = PACKED.lock().unwrap().clone();
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                    packed.len()
                );
                stream.write_all(&[head.as_bytes(), &packed].concat()).await.unwrap();
                let _ = stream.flush().await;
            }
            Act::Hang => std::future::pending().await,
        }
    }
}

fn rules() -> Rules {
    Rules {
        connections: 4,
        unused: Duration::from_secs(30),
        connect: Duration::from_secs(5),
        answer: Duration::from_secs(5),
        idle: Duration::from_secs(5),
    }
}

fn key(identity: &str) -> LaneKey {
    LaneKey { org: "production".into(), identity: identity.into() }
}

fn get(target: &str) -> Outgoing {
    Outgoing {
        method: Method::GET,
        target: target.into(),
        headers: HeaderMap::new(),
        body: SendBody::empty(),
    }
}

fn post(body: &'static str) -> Outgoing {
    Outgoing { method: Method::POST, body: SendBody::Full(Bytes::from(body)), ..get("/") }
}

async fn whole(answer: Result<Response<UpstreamBody>, UpstreamError>) -> Result<Bytes, UpstreamError> {
    Ok(answer?.into_body().collect().await?.to_bytes())
}

#[tokio::test]
async fn a_connection_is_used_again_by_its_own_identity_only() {
    let far = Far::start(|_, _| Act::Say(OK)).await;
    let upstream = far.upstream(rules());
    for identity in ["a", "a", "b", "a", "b"] {
        assert_eq!(whole(upstream.send(&key(identity), get("/")).await).await.unwrap(), "ok");
    }
    let connections: Vec<u64> = far.requests().iter().map(|(number, _)| *number).collect();
    assert_eq!(connections, [0, 0, 1, 0, 1]);
    assert_eq!(upstream.counts().reused.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn many_at_once_make_no_more_connections_than_the_cap() {
    let far = Far::start(|_, _| Act::Say(OK)).await;
    let upstream = Arc::new(far.upstream(Rules { connections: 32, ..rules() }));
    let tasks: Vec<_> = (0..512)
        .map(|_| {
            let upstream = Arc::clone(&upstream);
            tokio::spawn(async move { whole(upstream.send(&key("a"), get("/")).await).await })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), "ok");
    }
    assert_eq!(far.requests().len(), 512);
    assert!(far.dialed() <= 32, "{} connections", far.dialed());
}

#[tokio::test]
async fn who_finds_all_connections_busy_waits_and_then_is_refused() {
    let far = Far::start(|connection, _| if connection == 0 { Act::Hang } else { Act::Say(OK) }).await;
    let upstream =
        Arc::new(far.upstream(Rules { connections: 1, connect: Duration::from_millis(100), ..rules() }));
    let busy = {
        let upstream = Arc::clone(&upstream);
        tokio::spawn(async move { upstream.send(&key("a"), get("/slow")).await.map(drop) })
    };
    while far.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(upstream.send(&key("a"), get("/")).await, Err(UpstreamError::Busy)));
    assert_eq!(whole(upstream.send(&key("b"), get("/")).await).await.unwrap(), "ok");
    busy.abort();
    let _ = busy.await;
    assert_eq!(whole(upstream.send(&key("a"), get("/")).await).await.unwrap(), "ok");
}

#[tokio::test]
async fn a_used_connection_that_was_closed_is_replaced_once() {
    let far = Far::start(|_, request| if request == 0 { Act::Say(OK) } else { Act::Close }).await;
    let upstream = far.upstream(rules());
    for _ in 0..3 {
        assert_eq!(whole(upstream.send(&key("a"), get("/")).await).await.unwrap(), "ok");
    }
    assert_eq!(upstream.counts().repeated.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_request_that_may_have_been_acted_on_is_not_repeated() {
    let far = Far::start(|_, request| if request == 0 { Act::Say(OK) } else { Act::Close }).await;
    let upstream = far.upstream(rules());
    assert_eq!(whole(upstream.send(&key("a"), post("one")).await).await.unwrap(), "ok");
    assert!(matches!(upstream.send(&key("a"), post("two")).await, Err(UpstreamError::CutOff(_))));
    assert_eq!(far.requests().len(), 2);
    assert_eq!(whole(upstream.send(&key("a"), post("three")).await).await.unwrap(), "ok");
}

#[tokio::test]
async fn a_new_connection_that_is_closed_is_not_replaced() {
    let far = Far::start(|_, _| Act::Close).await;
    let upstream = far.upstream(rules());
    assert!(matches!(upstream.send(&key("a"), get("/")).await, Err(UpstreamError::CutOff(_))));
    assert_eq!(far.dialed(), 1);
}

#[tokio::test]
async fn a_connection_closed_between_requests_is_not_used() {
    let far = Far::start(|_, _| Act::SayAndClose(OK)).await;
    let upstream = far.upstream(rules());
    for _ in 0..3 {
        assert_eq!(whole(upstream.send(&key("a"), post("x")).await).await.unwrap(), "ok");
        let lane = upstream.lane(&key("a")).unwrap();
        while lane.has_open_connections() {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(far.dialed(), 3);
}

#[tokio::test]
async fn an_answer_dropped_in_its_middle_closes_its_connection() {
    let far = Far::start(|_, request| match request {
        0 => Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin"),
        _ => Act::Say(OK),
    })
    .await;
    let upstream = far.upstream(rules());
    let mut body = upstream.send(&key("a"), get("/")).await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    drop(body);
    drop(upstream.send(&key("a"), get("/")).await.unwrap());
    assert_eq!(far.dialed(), 2);
}

#[tokio::test]
async fn a_short_rest_is_discarded_to_keep_the_connection() {
    let far =
        Far::start(|_, _| Act::Say("HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n\r\n[...]")).await;
    let upstream = far.upstream(rules());
    for _ in 0..3 {
        upstream.send(&key("a"), get("/")).await.unwrap().into_body().discard().await;
    }
    assert_eq!(far.dialed(), 1);
}

#[tokio::test]
async fn answers_with_two_readings_are_refused_and_their_connections_closed() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nok",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "<html>busy</html>\r\n\r\n",
    ] {
        *ANSWER.lock().unwrap() = answer;
        let far = Far::start(|_, _| Act::Say(*ANSWER.lock().unwrap())).await;
        let upstream = far.upstream(rules());
        let refused = upstream.send(&key("a"), get("/")).await;
        assert!(matches!(refused, Err(UpstreamError::Garbled(_))), "{answer}: {refused:?}");
        let _ = upstream.send(&key("a"), get("/")).await;
        assert_eq!(far.dialed(), 2, "{answer}");
    }
}

static ANSWER: Mutex<&str> = Mutex::new("");

#[tokio::test]
async fn a_packed_answer_arrives_plain_and_a_broken_one_does_not() {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&vec![b'x'; 300_000]).unwrap();
    let packed = encoder.finish().unwrap();
    for (body, fits) in [(packed.as_slice(), true), (&packed[..packed.len() - 1], false), (b"plain", false)] {
        *PACKED.lock().unwrap() = body.to_vec();
        let far = Far::start(|_, _| Act::Pack).await;
        let upstream = far.upstream(rules());
        let answer = upstream.send(&key("a"), get("/")).await.unwrap();
        assert!(answer.headers().is_empty(), "{:?}", answer.headers());
        let read = answer.into_body().collect().await;
        match read {
            Ok(read) => assert!(fits && read.to_bytes().len() == 300_000),
            Err(error) => assert!(!fits && matches!(error, UpstreamError::Garbled(_)), "{error:?}"),
        }
        assert!(upstream.send(&key("a"), get("/")).await.is_ok());
        assert!(!fits || far.dialed() == 1);
    }
}

static PACKED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error() {
    let far = Far::start(|_, _| Act::SayAndClose("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")).await;
    let upstream = far.upstream(rules());
    let cut = whole(upstream.send(&key("a"), get("/")).await).await;
    assert!(matches!(cut, Err(UpstreamError::CutOff(_))), "{cut:?}");
}

#[tokio::test]
async fn every_wait_has_its_deadline() {
    let far = Far::start(|_, _| Act::Hang).await;
    let upstream = far.upstream(Rules { answer: Duration::from_millis(50), ..rules() });
    let late = upstream.send(&key("a"), get("/")).await;
    assert!(matches!(late, Err(UpstreamError::TimedOut(Waiting::Answer))), "{late:?}");

    let far = Far::start(|_, _| Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")).await;
    let upstream = far.upstream(Rules { idle: Duration::from_millis(50), ..rules() });
    let late = whole(upstream.send(&key("a"), get("/")).await).await;
    assert!(matches!(late, Err(UpstreamError::TimedOut(Waiting::Continue))), "{late:?}");

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let far = Far { address: silent.local_addr().unwrap(), ..far };
    let upstream = far.upstream(Rules { connect: Duration::from_millis(50), ..rules() });
    let late = upstream.send(&key("a"), get("/")).await;
    assert!(matches!(late, Err(UpstreamError::TimedOut(Waiting::Connect))), "{late:?}");
    drop(silent);
    let gone = upstream.send(&key("a"), get("/")).await;
    assert!(matches!(gone, Err(UpstreamError::Unreachable(_))), "{gone:?}");
    assert_eq!(upstream.counts().unreachable.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_host_with_another_certificate_is_unreachable() {
    let far = Far::start(|_, _| Act::Say(OK)).await;
    let stranger = Far { authority: Authority::new(), ..far };
    let upstream = stranger.upstream(rules());
    let refused = upstream.send(&key("a"), get("/")).await;
    assert!(matches!(refused, Err(UpstreamError::Unreachable(_))), "{refused:?}");
    assert!(stranger.requests().is_empty());
}

#[tokio::test]
async fn connections_unused_for_long_are_closed() {
    let far = Far::start(|_, _| Act::Say(OK)).await;
    let upstream = far.upstream(Rules { unused: Duration::from_millis(50), ..rules() });
    assert_eq!(whole(upstream.send(&key("a"), get("/")).await).await.unwrap(), "ok");
    let lane = upstream.lane(&key("a")).unwrap();
    assert!(lane.has_open_connections());
    while lane.has_open_connections() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(whole(upstream.send(&key("a"), get("/")).await).await.unwrap(), "ok");
    assert_eq!(far.dialed(), 2);
}

#[tokio::test]
async fn a_changed_org_gets_new_connections_and_an_unchanged_one_keeps_its_own() {
    let far = Far::start(|_, _| Act::Say(OK)).await;
    let upstream = far.upstream(rules());
    let send = async || whole(upstream.send(&key("a"), get("/")).await).await;
    assert!(send().await.is_ok());
    upstream.replace(vec![far.origin()]);
    assert!(send().await.is_ok());
    assert_eq!(far.dialed(), 1);
    let other = Authority::new();
    let bundle = format!("{}{}", far.authority.pem, other.pem);
    upstream.replace(vec![Origin::build(&far.org(), Some(bundle.as_bytes()), None).unwrap()]);
    assert!(send().await.is_ok());
    assert_eq!(far.dialed(), 2);
    upstream.replace(Vec::new());
    assert!(matches!(send().await, Err(UpstreamError::UnknownOrg)));
}

#[tokio::test]
async fn what_goes_out_is_what_was_decided() {
    let far = Far::start(|_, _| Act::Say(OK)).await;
    let upstream = far.upstream(rules());
    let mut outgoing = post("{}");
    outgoing.target = "/services/data/v62.0/query?q=SELECT%20Id".into();
    for (name, value) in
        [("x-one", "1"), ("host", "evil.test"), ("content-length", "9"), ("connection", "close")]
    {
        outgoing.headers.insert(name, value.parse().unwrap());
    }
    assert!(whole(upstream.send(&key("a"), outgoing).await).await.is_ok());
    let head = far.heads.lock().unwrap().first().unwrap().1.clone();
    let mut lines: Vec<_> = head.trim_end().lines().collect();
    lines.sort_unstable();
    let host = format!("host: localhost:{}", far.address.port());
    assert_eq!(
        lines,
        ["POST /services/data/v62.0/query?q=SELECT%20Id HTTP/1.1", "content-length: 2", &host, "x-one: 1"]
    );
    for target in ["", "services", "/a b", "/a#b", "//", "http://evil.test/", "/\u{e9}", "*"] {
        let sent = upstream.send(&key("a"), get(target)).await;
        let expected = target == "//";
        assert_eq!(sent.is_ok(), expected, "{target}: {sent:?}");
    }
}

#[tokio::test]
async fn a_body_passes_through_piece_by_piece() {
    let far = Far::start(|_, _| Act::Say(OK)).await;
    let upstream = far.upstream(rules());
    let taken = Arc::new(Semaphore::new(0));
    let pieces = {
        let taken = Arc::clone(&taken);
        move |number| {
            taken.add_permits(1);
            (number < 3).then(|| Ok(Frame::data(Bytes::from_static(b"ab"))))
        }
    };
    let body = SendBody::stream(Pieces(pieces, 0, 6));
    let outgoing = Outgoing { method: Method::PUT, body, ..get("/") };
    assert_eq!(whole(upstream.send(&key("a"), outgoing).await).await.unwrap(), "ok");
    assert!(taken.available_permits() >= 3);
    assert!(far.heads.lock().unwrap().first().unwrap().1.contains("content-length: 6"));
    assert_eq!(whole(upstream.send(&key("a"), get("/")).await).await.unwrap(), "ok");
    assert_eq!(far.dialed(), 1);
}

#[tokio::test]
async fn a_body_that_breaks_off_breaks_its_connection_and_is_told_apart() {
    let far = Far::start(|_, _| Act::Say(OK)).await;
    let upstream = far.upstream(rules());
    let pieces = |number| match number {
        0 => Some(Ok(Frame::data(Bytes::from_static(b"ab")))),
        _ => Some(Err(BoxError::from("the client went away"))),
    };
    let body = SendBody::stream(Pieces(pieces, 0, 6));
    let sent = upstream.send(&key("a"), Outgoing { method: Method::PUT, body, ..get("/") }).await;
    assert!(matches!(sent, Err(UpstreamError::RequestBody)), "{sent:?}");
    assert!(far.requests().is_empty());
}

#[tokio::test]
async fn a_login_is_fetched_whole_or_not_at_all() {
    use forcefield_credentials::{Fetch, FetchError};
    let far = Far::start(|_, _| Act::Say("HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}")).await;
    let upstream = far.upstream(rules());
    let fetched = upstream.post_form(&far.org(), "/services/oauth2/token", Bytes::from("a=b")).await.unwrap();
    assert_eq!((fetched.status, fetched.body.as_slice()), (400, b"{}".as_slice()));
    let head = far.heads.lock().unwrap().first().unwrap().1.clone();
    assert!(
        head.contains("content-type: application/x-www-form-urlencoded")
            && head.contains("content-length: 3")
    );

    let far = Far::start(|_, _| Act::Say("HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n")).await;
    let upstream = far.upstream(Rules { idle: Duration::from_millis(50), ..rules() });
    let late = upstream.post_form(&far.org(), "/services/oauth2/token", Bytes::new()).await;
    assert_eq!(late.map(drop), Err(FetchError::TimedOut));
}

/// A body of known length, made piece by piece.
struct Pieces<F>(F, u64, u64);

impl<F> http_body::Body for Pieces<F>
where
    F: FnMut(u64) -> Option<Result<Frame<Bytes>, BoxError>> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let number = self.1;
        self.1 += 1;
        std::task::Poll::Ready((self.0)(number))
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.2)
    }
}
