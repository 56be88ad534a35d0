//! The same rules over HTTP/2, where nothing of HTTP/1.1's bytes exists.

use http::{HeaderMap, Method};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::*;

type Sender = SendRequest<Full<Bytes>>;

async fn client(served: &Served) -> Sender {
    let connector = served.authority.connector(None, b"h2");
    let stream = connect(&connector, served.address, "proxy.test").await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn send(sender: &mut Sender, request: Request<Full<Bytes>>) -> (u16, String, HeaderMap) {
    let answer = sender.send_request(request).await.unwrap();
    let (head, body) = answer.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    (head.status.as_u16(), text, head.headers)
}

fn request(method: Method, headers: &[(&str, &str)], body: &'static str) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri("https://proxy.test/x");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::from(body))).unwrap()
}

#[tokio::test]
async fn heads_with_two_readings_are_refused_and_the_connection_lives_on() {
    let served = serve(Timeouts::default()).await;
    let mut sender = client(&served).await;
    for (headers, method, body) in [
        (&[("host", "other.test")][..], Method::GET, ""),
        (&[("content-type", "a/b"), ("content-type", "a/b")], Method::POST, "x"),
        (&[("content-encoding", "gzip"), ("content-encoding", "gzip")], Method::POST, "x"),
        (&[], Method::GET, "x"),
        (&[], Method::DELETE, "x"),
    ] {
        let (status, text, answer) = send(&mut sender, request(method, headers, body)).await;
        assert_eq!(status, 400, "{headers:?}: {text}");
        assert!(!answer.contains_key("connection"));
    }
    for (headers, method, body) in [
        (&[("host", "proxy.test")][..], Method::GET, ""),
        (&[("content-type", "a/b"), ("te", "trailers"), ("x_y", "z")], Method::POST, "x"),
        (&[], Method::DELETE, ""),
    ] {
        let (status, text, _) = send(&mut sender, request(method, headers, body)).await;
        assert_eq!(status, 200, "{headers:?}: {text}");
        assert!(!text.contains("te,") && !text.contains("x_y"), "{text}");
    }
}

#[tokio::test]
async fn requests_of_one_connection_are_answered_side_by_side() {
    let served = serve(Timeouts::default()).await;
    let sender = client(&served).await;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let mut sender = sender.clone();
            tokio::spawn(async move { send(&mut sender, request(Method::POST, &[], "hello")).await.0 })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 200);
    }
}

#[tokio::test]
async fn a_header_list_beyond_the_limit_is_not_served() {
    let served = serve(Timeouts::default()).await;
    let mut sender = client(&served).await;
    let long = "y".repeat(70_000);
    let refused = sender.send_request(request(Method::GET, &[("x", &long)], "")).await;
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status() == 431));
    assert!(served.seen().is_empty());
}

#[tokio::test]
async fn a_drain_ends_a_connection_after_its_streams() {
    let served = serve(Timeouts::default()).await;
    let mut sender = client(&served).await;
    assert_eq!(send(&mut sender, request(Method::GET, &[], "")).await.0, 200);
    assert_eq!(served.front.drain().await, Drained::Completely);
    assert!(sender.send_request(request(Method::GET, &[], "")).await.is_err());
}
