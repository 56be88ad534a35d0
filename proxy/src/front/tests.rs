#![expect(clippy::large_futures, reason = "futures of tests may be large")]

use std::sync::Mutex;

use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::testing::{Authority, Issued, connect, exchange};

/// A front whose handler tells what reached it, and keeps it.
struct Served {
    authority: Authority,
    address: SocketAddr,
    front: Arc<Front>,
    seen: Arc<Mutex<Vec<String>>>,
}

fn state(server: &Issued, client_ca: Option<&str>, named: &[(Vec<String>, Issued)]) -> TlsState {
    let named = named.iter().map(|(names, issued)| NamedMaterial {
        names,
        certificate: issued.certificate.as_bytes(),
        key: issued.key.as_bytes(),
    });
    TlsState::build(&TlsMaterial {
        certificate: server.certificate.as_bytes(),
        key: server.key.as_bytes(),
        client_ca: client_ca.map(str::as_bytes),
        trust_domains: None,
        named: named.collect(),
    })
    .unwrap()
}

async fn serve(timeouts: Timeouts) -> Served {
    let authority = Authority::new();
    let server = authority.server(&["proxy.test"]);
    let trust = Trust::new(state(&server, Some(&authority.pem), &[]));
    serve_with(authority, trust, timeouts).await
}

async fn serve_with(authority: Authority, trust: Trust, timeouts: Timeouts) -> Served {
    let front = Arc::new(Front::new(Arc::new(trust), timeouts));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let handler = {
        let seen = Arc::clone(&seen);
        move |arrival: Arrival, request: Request<Incoming>| {
            let seen = Arc::clone(&seen);
            async move { tell(arrival, request, &seen).await }
        }
    };
    tokio::spawn(Arc::clone(&front).accept(listener, handler));
    Served { authority, address, front, seen }
}

async fn tell(
    arrival: Arrival,
    request: Request<Incoming>,
    seen: &Mutex<Vec<String>>,
) -> Response<http_body_util::combinators::UnsyncBoxBody<Bytes, std::convert::Infallible>> {
    let who = arrival.peer.certificate().map_or("anonymous", |_| "certificate");
    let checked = match arrival.head {
        Ok(checked) => checked,
        Err(bad) => {
            seen.lock().unwrap().push(format!("refused: {bad}"));
            let body = Full::new(Bytes::from(bad.to_string())).boxed_unsync();
            return Response::builder().status(bad.status()).body(body).unwrap();
        }
    };
    let (parts, body) = request.into_parts();
    let line = format!("{who} {} {} {}", parts.method, checked.host.base(), parts.uri.path());
    seen.lock().unwrap().push(line.clone());
    if parts.uri.path() == "/endless" {
        let chunk =
            || Ok::<_, std::convert::Infallible>(http_body::Frame::data(Bytes::from(vec![b'x'; 65536])));
        let body = crate::testing::Endless(chunk);
        return Response::new(body.boxed_unsync());
    }
    let headers: Vec<_> = parts.headers.keys().map(http::HeaderName::as_str).collect();
    let text = match body.collect().await {
        Ok(body) => format!("{line} {} bytes [{}]", body.to_bytes().len(), headers.join(",")),
        Err(_) => "cut".to_owned(),
    };
    Response::new(Full::new(Bytes::from(text)).boxed_unsync())
}

impl Served {
    async fn raw(&self, request: &[u8]) -> String {
        let connector = self.authority.connector(None, b"http/1.1");
        let mut stream = connect(&connector, self.address, "proxy.test").await.unwrap();
        exchange(&mut stream, request).await
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// The status codes of the answers in what was read.
fn statuses(answer: &str) -> Vec<&str> {
    let status = |part: &&str| part.starts_with(|letter: char| letter.is_ascii_digit());
    answer.split("HTTP/1.").skip(1).filter_map(|part| part.get(2..5)).filter(status).collect()
}

/// What must be refused, and beside it the nearest request that must not.
const TABLE: &[(&str, &str, &str)] = &[
    ("no host", "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nhOST: a\r\n\r\n"),
    (
        "absolute target of another host",
        "GET https://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    (
        "absolute target by http",
        "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET https://a:443/ HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    (
        "user in the authority",
        "GET https://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    (
        "length, then coding",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    (
        "coding, then length",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
    ),
    (
        "the same length twice",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "a list of lengths",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 003\r\n\r\nabc",
    ),
    (
        "a signed length",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:3\r\n\r\nabc",
    ),
    (
        "stacked codings",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "coding twice",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "coding in HTTP/1.0",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
    ),
    (
        "type twice",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\nContent-Type: text/csv\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/csv\r\n\r\n",
    ),
    (
        "encoding twice",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Encoding: gzip\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\n\r\n",
    ),
    (
        "a body on GET",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    ),
    (
        "a body on DELETE",
        "DELETE / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    ("CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "OPTIONS / HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    (
        "an upgrade",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
    ),
    (
        "a nominated Authorization",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: authorization\r\nAuthorization: Bearer x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-trace\r\nX-Trace: 1\r\n\r\n",
    ),
    (
        "a scheme of another kind",
        "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET //services/data HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    ("a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a%23b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a raw letter", "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n", "GET /%C3%A9 HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("a space", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "GET /a+b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("bare line feeds", "GET / HTTP/1.1\nHost: a\n\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "one bare line feed",
        "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n",
    ),
    (
        "a folded header",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\tz\r\n\r\n",
    ),
    (
        "a bare carriage return",
        "GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX:\r\n\r\n",
    ),
    (
        "a space before the colon",
        "GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX:    y\r\n\r\n",
    ),
    ("a NUL", "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nX: 0\r\n\r\n"),
    ("another version", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", "GET / HTTP/1.0\r\nHost: a\r\n\r\n"),
    ("an asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "a host with a path",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]:8443\r\n\r\n",
    ),
];

/// A good request behind the first; it asks for the connection to be closed, so that reading ends.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn heads_with_two_readings_are_refused_and_their_neighbours_served() {
    let served = serve(Timeouts::default()).await;
    for (case, refused, served_beside) in TABLE {
        let before = served.seen().len();
        let answer = served.raw(format!("{refused}{SMUGGLED}").as_bytes()).await;
        let seen = served.seen().split_off(before);
        assert_eq!(statuses(&answer), ["400"], "{case}: {answer}");
        assert!(seen.len() == 1 && seen[0].starts_with("refused: "), "{case}: {seen:?}");

        let answer = served.raw(format!("{served_beside}{SMUGGLED}").as_bytes()).await;
        let expected: &[&str] = if served_beside.contains("HTTP/1.0") { &["200"] } else { &["200", "200"] };
        assert_eq!(statuses(&answer), expected, "{case}: {answer}");
    }
}

#[tokio::test]
async fn any_split_of_the_bytes_gives_the_same_answer() {
    let served = serve(Timeouts::default()).await;
    let connector = served.authority.connector(None, b"http/1.1");
    for (case, refused, good) in [TABLE[5], TABLE[24], TABLE[6]] {
        for (request, status) in [(refused, "400"), (good, "200")] {
            let request =
                format!("POST /first HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi{request}{SMUGGLED}");
            let mut stream = connect(&connector, served.address, "proxy.test").await.unwrap();
            for byte in request.bytes() {
                if stream.write_all(&[byte]).await.is_err() || stream.flush().await.is_err() {
                    break;
                }
            }
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer).await;
            let expected: &[&str] = if status == "400" { &["200", "400"] } else { &["200", "200", "200"] };
            assert_eq!(statuses(&answer), expected, "{case}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_chunk_with_two_readings_cuts_the_body_and_the_connection() {
    let served = serve(Timeouts::default()).await;
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for chunk in
        ["1\nx\r\n0\r\n\r\n", "1;a=b\r\nx\r\n0\r\n\r\n", "1\r\nxy\r\n0\r\n\r\n", "0\r\nX: y\r\n\r\n", "\r\n"]
    {
        let answer = served.raw(format!("{head}{chunk}{SMUGGLED}").as_bytes()).await;
        assert!(!answer.contains("smuggled") && !answer.contains(" bytes "), "{chunk:?}: {answer}");
    }
    assert!(!served.seen().iter().any(|line| line.contains("smuggled")), "{:?}", served.seen());
}

#[tokio::test]
async fn large_heads_are_refused_as_such() {
    let served = serve(Timeouts::default()).await;
    let many: String = (0..127).map(|number| format!("X-{number}: y\r\n")).collect();
    let fits = served.raw(format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n{SMUGGLED}").as_bytes()).await;
    assert!(fits.starts_with("HTTP/1.1 200"), "{fits}");
    let more = served.raw(format!("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n{many}\r\n").as_bytes()).await;
    assert!(more.starts_with("HTTP/1.1 431"), "{more}");
    for (length, status) in [(60_000, "200"), (66_000, "431"), (900_000, "431")] {
        let long = "y".repeat(length);
        let answer =
            served.raw(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {long}\r\n\r\n{SMUGGLED}").as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{length}: {answer}");
    }
}

#[tokio::test]
async fn headers_of_the_connection_do_not_reach_the_handler() {
    let served = serve(Timeouts::default()).await;
    let answer = served
        .raw(
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\n\
              Content_Type: text/csv\r\nProxy-Authorization: Basic x\r\nAccept: */*\r\n\r\n",
        )
        .await;
    assert!(answer.contains("[host,accept]"), "{answer}");
}

#[tokio::test]
async fn certificates_are_chosen_by_name() {
    let authority = Authority::new();
    let named = [
        (vec!["login.salesforce.com".to_owned()], authority.server(&["login.salesforce.com"])),
        (vec!["*.my.salesforce.com".to_owned()], authority.server(&["*.my.salesforce.com"])),
    ];
    let trust = Trust::new(state(&authority.server(&["proxy.test"]), None, &named));
    let served = serve_with(authority, trust, Timeouts::default()).await;
    let connector = served.authority.connector(None, b"http/1.1");
    for name in ["proxy.test", "login.salesforce.com", "acme.my.salesforce.com"] {
        let mut stream = connect(&connector, served.address, name).await.unwrap();
        let answer = exchange(&mut stream, SMUGGLED.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
    }
    for name in ["my.salesforce.com", "a.b.my.salesforce.com", "other.test"] {
        assert!(connect(&connector, served.address, name).await.is_err(), "{name}");
    }
}

fn quick() -> Timeouts {
    let short = Duration::from_millis(300);
    Timeouts { handshake: short, head: short, idle: Duration::from_millis(600), ..Timeouts::default() }
}

#[tokio::test]
async fn a_handshake_that_does_not_end_is_ended() {
    let served = serve(quick()).await;
    let mut stream = tokio::net::TcpStream::connect(served.address).await.unwrap();
    stream.write_all(&[0x16, 0x03]).await.unwrap();
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_head_that_drips_in_is_cut() {
    let served = serve(quick()).await;
    let connector = served.authority.connector(None, b"http/1.1");
    let mut stream = connect(&connector, served.address, "proxy.test").await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX: ").await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let drip = tokio::spawn(async move {
        while writer.write_all(b"y").await.is_ok() {
            let _ = writer.flush().await;
            sleep(Duration::from_millis(20)).await;
        }
    });
    let mut answer = Vec::new();
    let _ = reader.read_to_end(&mut answer).await;
    assert!(answer.is_empty() && served.seen().is_empty(), "{:?}", served.seen());
    drip.abort();
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_and_a_used_one_lives_longer() {
    let served = serve(quick()).await;
    for protocol in [b"http/1.1".as_slice(), b"h2"] {
        let connector = served.authority.connector(None, protocol);
        let mut unused = connect(&connector, served.address, "proxy.test").await.unwrap();
        let _ = unused.read_to_end(&mut Vec::new()).await;
    }
    let connector = served.authority.connector(None, b"http/1.1");
    let mut used = connect(&connector, served.address, "proxy.test").await.unwrap();
    used.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(used.read(&mut [0; 4096]).await.unwrap() > 0);
    sleep(Duration::from_millis(400)).await;
    let answer = exchange(&mut used, SMUGGLED.as_bytes()).await;
    assert_eq!(statuses(&answer), ["200"], "{answer}");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let served = serve(Timeouts { connections: 1, ..quick() }).await;
    let connector = served.authority.connector(None, b"http/1.1");
    let mut stream = connect(&connector, served.address, "proxy.test").await.unwrap();
    stream.write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    stream.flush().await.unwrap();
    assert!(connect(&connector, served.address, "proxy.test").await.is_ok());
}

#[tokio::test]
async fn a_client_that_does_not_read_one_of_its_streams_is_cut() {
    let served = serve(quick()).await;
    let connector = served.authority.connector(None, b"h2");
    let stream = connect(&connector, served.address, "proxy.test").await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(stream),
    )
    .await
    .unwrap();
    let connection = tokio::spawn(connection);
    let request = || Request::get("https://proxy.test/endless").body(Full::new(Bytes::new())).unwrap();
    let held = sender.send_request(request()).await.unwrap();
    let _ = connection.await;
    assert!(held.into_body().collect().await.is_err());
}

#[tokio::test]
async fn a_drain_lets_requests_end_and_closes_idle_connections() {
    let served = serve(Timeouts::default()).await;
    let connector = served.authority.connector(None, b"http/1.1");
    let mut idle = connect(&connector, served.address, "proxy.test").await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
    assert!(idle.read(&mut [0; 4096]).await.unwrap() > 0);
    let mut busy = connect(&connector, served.address, "proxy.test").await.unwrap();
    busy.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhe").await.unwrap();
    while served.seen().len() < 2 {
        tokio::task::yield_now().await;
    }
    let front = Arc::clone(&served.front);
    let drain = tokio::spawn(async move { front.drain().await });
    assert_eq!(idle.read(&mut [0; 16]).await.unwrap(), 0);
    assert!(!drain.is_finished());
    let answer = exchange(&mut busy, b"re").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("4 bytes"), "{answer}");
    assert_eq!(drain.await.unwrap(), Drained::Completely);
    assert!(connect(&connector, served.address, "proxy.test").await.is_err());
}

#[tokio::test]
async fn a_drain_serves_the_first_request_of_a_connection_that_was_made_before_it() {
    let served = serve(Timeouts::default()).await;
    let connector = served.authority.connector(None, b"http/1.1");
    let mut new = connect(&connector, served.address, "proxy.test").await.unwrap();
    let never_used = connect(&connector, served.address, "proxy.test").await.unwrap();
    let front = Arc::clone(&served.front);
    let drain = tokio::spawn(async move { front.drain().await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answer = exchange(&mut new, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(drain.await.unwrap(), Drained::Completely, "one that is never used holds nothing up");
    drop(never_used);
}

#[tokio::test]
async fn a_drain_ends_when_the_longest_request_would_have() {
    let served = serve(Timeouts { longest: Duration::from_millis(50), ..Timeouts::default() }).await;
    let connector = served.authority.connector(None, b"http/1.1");
    let mut busy = connect(&connector, served.address, "proxy.test").await.unwrap();
    busy.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nhe").await.unwrap();
    while served.seen().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(served.front.drain().await, Drained::InPart);
}

#[tokio::test]
async fn connections_beyond_the_cap_wait() {
    let served = serve(Timeouts { connections: 1, ..Timeouts::default() }).await;
    let connector = served.authority.connector(None, b"http/1.1");
    let first = connect(&connector, served.address, "proxy.test").await.unwrap();
    let second = connect(&connector, served.address, "proxy.test");
    tokio::pin!(second);
    let soon = timeout(Duration::from_millis(100), &mut second).await;
    assert!(soon.is_err());
    drop(first);
    assert!(second.await.is_ok());
}

mod http2;
mod trust;
