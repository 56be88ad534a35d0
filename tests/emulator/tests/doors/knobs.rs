//! What a test can turn.

use crate::client::Client;
use bytes::Bytes;
use forcefield_emulator::{Compression, Side, Trouble};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use std::io::Read as _;
use std::time::{Duration, Instant};

#[tokio::test]
async fn planned_trouble_comes_as_often_as_planned() {
    let client = Client::start().await;
    let path = "/services/data/v60.0/limits";
    client.server.fail_next(Side::Data, Trouble::Unavailable, 1);
    let answer = client.get(path).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "SERVER_UNAVAILABLE"));
    client.server.fail_next(Side::Data, Trouble::HtmlError, 1);
    assert!(client.get(path).await.text().starts_with("<html>"));
    for trouble in [Trouble::DropBeforeWork, Trouble::DropAfterWork, Trouble::CutBody] {
        client.server.fail_next(Side::Data, trouble, 1);
        let bearer = format!("Bearer {}", client.token);
        assert!(client.bare("GET", path, &[("authorization", &bearer)], b"").await.is_err(), "{trouble:?}");
    }
    client.server.fail_next(Side::Login, Trouble::Unavailable, 2);
    assert_eq!(client.get(path).await.status, 200, "the other side is well");
    assert_eq!(error(&client).await, "temporarily_unavailable");
    client.server.heal();
    assert_eq!(error(&client).await, "unsupported_grant_type");
    client.server.set_api_usage(15_000, 15_000);
    let spent = client.get(path).await;
    assert_eq!((spent.status, spent.code().as_str()), (403, "REQUEST_LIMIT_EXCEEDED"));
}

#[tokio::test]
async fn answers_are_compressed_as_asked_and_requests_unpacked() {
    use std::io::Write as _;
    let client = Client::start().await;
    let answer = client.send("GET", "/services/data/v60.0/limits", &[("accept-encoding", "gzip")], "").await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&answer.body[..]).read_to_string(&mut text).unwrap();
    assert!(text.contains("DailyApiRequests"));
    client.server.set_compression(Compression::Never);
    let answer = client.send("GET", "/services/data/v60.0/limits", &[("accept-encoding", "gzip")], "").await;
    assert_eq!(answer.header("content-encoding"), "");
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(br#"{"Name":"packed"}"#).unwrap();
    let bearer = format!("Bearer {}", client.token);
    let headers = [
        ("authorization", bearer.as_str()),
        ("content-encoding", "gzip"),
        ("content-type", "application/json"),
    ];
    let path = "/services/data/v60.0/sobjects/Account";
    let answer = client.bare("POST", path, &headers, &packer.finish().unwrap()).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
}

/// What the token endpoint says to a grant that nobody knows.
async fn error(client: &Client) -> String {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let answer = client.bare("POST", "/services/oauth2/token", &form, b"grant_type=x").await.unwrap();
    answer.json()["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_side_has_its_own_latency() {
    let client = Client::start().await;
    client.server.set_latency(Side::Login, Duration::from_millis(80));
    let start = Instant::now();
    error(&client).await;
    assert!(start.elapsed() >= Duration::from_millis(80));
    let start = Instant::now();
    client.get("/services/data/v60.0").await;
    assert!(start.elapsed() < Duration::from_millis(80));
}

#[tokio::test]
async fn bodies_are_paced_and_whole() {
    let client = Client::start().await;
    client.server.set_pace(Some((400, Duration::from_millis(5))));
    let start = Instant::now();
    let answer = client.get("/services/data/v60.0/limits").await;
    assert_eq!(answer.json()["SingleEmail"]["Max"], 5000);
    assert!(start.elapsed() >= Duration::from_millis(5), "more than one part");
}

#[tokio::test]
async fn streamed_results_are_compressed_as_they_go() {
    let client = Client::start().await;
    client.server.set_bulk_result_bytes(Some(3_000_000));
    let job = json!({ "operation": "query", "query": "SELECT Id FROM Lead" });
    let id =
        client.post("/services/data/v60.0/jobs/query", &job).await.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/services/data/v60.0/jobs/query/{id}/results");
    let answer = client.send("GET", &path, &[("accept-encoding", "gzip")], "").await;
    let mut plain = Vec::new();
    flate2::read::GzDecoder::new(&answer.body[..]).read_to_end(&mut plain).unwrap();
    assert_eq!(plain.len(), 3_000_000);
    assert!(answer.body.len() < 300_000);
}

#[tokio::test]
async fn http_2_is_spoken_too() {
    let client = Client::start().await;
    let stream = client.stream(&[b"h2"]).await.unwrap();
    let (mut sender, connection) =
        Box::pin(hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = http::Request::get(format!("{}/services/data", client.server.url()));
    let answer = sender.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.into_body().collect().await.unwrap().to_bytes().starts_with(b"["));
    let received = client.server.requests().pop().unwrap();
    assert_eq!((received.protocol.as_str(), received.target.as_str()), ("HTTP/2.0", "/services/data"));
}

#[tokio::test]
async fn an_org_ends_with_its_handle() {
    let client = Client::start().await;
    let address = client.server.address();
    let org = client.server.org();
    drop(client);
    // The port closes when the runtime gets round to it.
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(org.start().await.is_err(), "an org starts once");
}
