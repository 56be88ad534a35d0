//! What stock clients put on the wire, request by request (clients.md): carriers of tokens, paths, bodies and headers
//! that are odd but usual. Each that is let through has a neighbour that is not.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use forcefield_emulator::Server;
use forcefield_tests::{Client, Proxy, SECRET};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{before, data_requests, salesforce, with};

const GRANTS: &str = "allow:
  Account: { read: [Name, Industry], create: [Name], update: [Industry] }
also: [versions, resources, limits, describe-global, userinfo]
";
const QUERY: &str = "/services/data/v62.0/query?q=SELECT+Name+FROM+Account+LIMIT+1";
const DEAD: &str = "00D000000000001!AQdeaddeaddeaddeaddeaddeaddeaddead";

async fn start() -> (Server, Proxy, Client) {
    let salesforce = salesforce().await;
    let proxy = with(&salesforce, GRANTS).await;
    let client = proxy.client("nightly").await.unwrap();
    (salesforce, proxy, client)
}

/// Sends a request as written, with a head that names the host and ends the connection; gives all that comes back.
async fn raw(proxy: &Proxy, request_line: &str, headers: &str, body: &[u8]) -> String {
    let mut stream = proxy.anonymous().unwrap().connect().await.unwrap();
    let port = proxy.address().port();
    let head =
        format!("{request_line} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn soap(session: &str, call: &str) -> String {
    format!(
        "<env:Envelope xmlns:env=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:p=\"urn:partner.soap.sforce.com\">\
         <env:Header><p:SessionHeader><p:sessionId>{session}</p:sessionId></p:SessionHeader></env:Header>\
         <env:Body>{call}</env:Body></env:Envelope>"
    )
}

#[tokio::test]
async fn a_token_is_taken_from_every_place_where_clients_put_it_and_never_goes_on() {
    let (salesforce, proxy, client) = start().await;
    let token = client.token().unwrap();
    for (token, expected) in [(token, "200"), (DEAD, "401")] {
        for headers in [
            format!("Authorization: Bearer {token}\r\n"),
            format!("authorization: OAuth {token}\r\n"),
            format!("Authorization: Bearer {token}\r\nX-SFDC-Session: {token}\r\n"),
            format!("X-SFDC-Session: {token}\r\n"),
            format!("Authorization: Bearer {token}\r\nCookie: sid={DEAD}; BrowserId=x\r\n"),
        ] {
            let answer = raw(&proxy, &format!("GET {QUERY}"), &headers, b"").await;
            assert_eq!(status(&answer), expected, "{headers}{answer}");
        }
    }
    // Two that are not of the same session are not chosen from.
    let two = format!("Authorization: Bearer {token}\r\nX-SFDC-Session: {DEAD}\r\n");
    assert_eq!(status(&raw(&proxy, &format!("GET {QUERY}"), &two, b"").await), "401");

    // Salesforce would take a token from the address; only `/id/` does here, and no record shows it.
    let userinfo = client.get("/services/oauth2/userinfo").await.unwrap().json();
    let id = userinfo["sub"].as_str().unwrap().split_once("/id/").unwrap().1.to_owned();
    let target = format!("/id/{id}?format=json&oauth_token={token}");
    assert_eq!(status(&raw(&proxy, &format!("GET {target}"), "", b"").await), "200");
    let dead = raw(&proxy, &format!("GET /id/{id}?oauth_token={DEAD}"), "", b"").await;
    assert!(status(&dead) == "403" && dead.contains("Bad_OAuth_Token"), "{dead}");
    let elsewhere = raw(&proxy, &format!("GET {QUERY}&oauth_token={token}"), "", b"").await;
    assert!(matches!(status(&elsewhere), "400" | "401"), "{elsewhere}");
    let minted = salesforce.tokens_minted();
    for received in data_requests(&salesforce) {
        assert_eq!(received.credentials.len(), 1, "{received:?}");
        assert!(minted.iter().any(|token| token == received.credentials[0].token()), "{received:?}");
    }
}

#[tokio::test]
async fn paths_are_taken_in_the_spellings_of_clients() {
    let (salesforce, _proxy, client) = start().await;
    let body = json!({"Name": "made"});
    let made = client.json("POST", "/services/data/v62.0/sobjects/Account/", &body).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.text());
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let targets = [
        "//services/data/v62.0/query?q=SELECT+Name+FROM+Account+LIMIT+1".to_owned(),
        "/services/data/v62.0/query/?q=SELECT+Name+FROM+Account+LIMIT+1".to_owned(),
        "/services/data/v62.0/query?q=select%20name%20from%20ACCOUNT%20limit%201".to_owned(),
        "/services/data/".to_owned(),
        "//services/data".to_owned(),
        "/services/data/v62.0/".to_owned(),
        "/services/data/v62.0/limits/".to_owned(),
        "/services/data/v62.0/sobjects/".to_owned(),
        "/services/data/v62.0/sobjects/account/describe/".to_owned(),
        format!("/services/data/v62.0/sobjects/account/{id}?fields=Name"),
    ];
    for target in targets {
        let reply = client.get(&target).await.unwrap();
        assert_eq!(reply.status, 200, "{target}: {}", reply.text());
    }
    let received = data_requests(&salesforce);
    assert!(received.iter().all(|received| !received.target.starts_with("//")), "{received:?}");
    for target in [
        "///services/data/v62.0/query?q=SELECT+Name+FROM+Account",
        "/services//data/v62.0/query?q=SELECT+Name+FROM+Account",
        "/services/data/v62.0/./limits",
        "/x/services/data/v62.0/limits",
    ] {
        let reply = client.get(target).await.unwrap();
        assert!(matches!(reply.status, 400 | 403), "{target}: {}", reply.text());
    }
    assert_eq!(data_requests(&salesforce).len(), received.len());
}

#[tokio::test]
async fn a_form_at_the_token_endpoint_may_be_chunked_and_beside_basic() {
    let (_salesforce, proxy, _) = start().await;
    let secret = forcefield_tests::client::encode(SECRET);
    let kind = "Content-Type: application/x-www-form-urlencoded";
    let basic =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("nightly:{SECRET}"));
    let full = format!("grant_type=client_credentials&client_id=nightly&client_secret={secret}");
    let chunked = format!("{:x}\r\n{full}\r\n0\r\n\r\n", full.len());
    let short = "grant_type=client_credentials";
    let prefixed = "POST /x.salesforce.com/services/oauth2/token";
    for (line, headers, body) in [
        (
            "POST /services/oauth2/token",
            format!("{kind}\r\nContent-Length: {}\r\n", full.len()),
            full.as_str(),
        ),
        (
            "POST /services/oauth2/token",
            format!("{kind}; charset=UTF-8\r\nTransfer-Encoding: chunked\r\n"),
            chunked.as_str(),
        ),
        (
            prefixed,
            format!("{kind}\r\nAuthorization: Basic {basic}\r\nContent-Length: {}\r\n", short.len()),
            short,
        ),
        (
            "POST //services/oauth2/token",
            // nforce signs as OAuth 1 does, with nothing to sign.
            format!(
                "{kind}\r\nAuthorization: OAuth oauth_nonce=\"x\",oauth_version=\"1.0\"\r\nContent-Length: {}\r\n",
                full.len()
            ),
            full.as_str(),
        ),
    ] {
        let answer = raw(&proxy, line, &headers, body.as_bytes()).await;
        assert_eq!(status(&answer), "200", "{line}\n{headers}\n{answer}");
        assert!(answer.contains("\"refresh_token\":\"5Aep"), "{answer}");
        assert!(
            answer.contains(&format!("\"instance_url\":\"https://localhost:{}\"", proxy.address().port()))
        );
    }
    let wrong = full.replace("nightly", "nobody");
    let headers = format!("{kind}\r\nContent-Length: {}\r\n", wrong.len());
    let answer = raw(&proxy, "POST /services/oauth2/token", &headers, wrong.as_bytes()).await;
    assert!(status(&answer) == "400" && answer.contains("invalid_client"), "{answer}");
}

#[tokio::test]
async fn envelopes_come_packed_and_with_every_soap_action() {
    let (_salesforce, proxy, client) = start().await;
    let token = client.token().unwrap();
    let query = |text: &str| format!("<p:query><p:queryString>{text}</p:queryString></p:query>");
    let plain = soap(token, &query("SELECT Name FROM Account LIMIT 1"));
    let packed = gzip(&plain);
    for path in ["u/62.0", "u/62.0/00D000000000001"] {
        for action in ["", "SOAPAction: \"\"\r\n", "SOAPAction: query\r\n", "SOAPAction: \"urn:x\"\r\n"] {
            for kind in ["text/xml", "text/xml; charset=\"UTF-8\"", "text/xml;charset=utf-8"] {
                let headers = format!("{action}Content-Type: {kind}\r\nContent-Length: {}\r\n", plain.len());
                let answer =
                    raw(&proxy, &format!("POST /services/Soap/{path}"), &headers, plain.as_bytes()).await;
                assert_eq!(status(&answer), "200", "{path} {headers}{answer}");
            }
        }
        let headers = format!(
            "Content-Encoding: gzip\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n",
            packed.len()
        );
        let answer = raw(&proxy, &format!("POST /services/Soap/{path}"), &headers, &packed).await;
        assert_eq!(status(&answer), "200", "{path}: {answer}");
    }
    let hidden = gzip(&soap(token, &query("SELECT Phone FROM Account LIMIT 1")));
    let headers =
        format!("Content-Encoding: gzip\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n", hidden.len());
    let answer = raw(&proxy, "POST /services/Soap/u/62.0", &headers, &hidden).await;
    assert!(status(&answer) == "500" && answer.contains("sf:INSUFFICIENT_ACCESS"), "{answer}");
    let dead = soap(DEAD, &query("SELECT Name FROM Account LIMIT 1"));
    let headers = format!("Content-Type: text/xml\r\nContent-Length: {}\r\n", dead.len());
    let answer = raw(&proxy, "POST /services/Soap/u/62.0", &headers, dead.as_bytes()).await;
    assert!(status(&answer) == "500" && answer.contains("sf:INVALID_SESSION_ID"), "{answer}");
}

#[tokio::test]
async fn methods_and_headers_are_as_clients_write_them() {
    let (salesforce, proxy, client) = start().await;
    let odd = client
        .clone()
        .with_header("X-PrettyPrint", "1")
        .with_header("charset", "UTF-8")
        .with_header("Content_Type", "application/json")
        .with_header("Sforce-Call-Options", "client=CumulusCI/4.10.1")
        .with_header("Accept-Encoding", "br, gzip, deflate, zstd");
    let read = odd.send("GET", QUERY, Some(("application/json", Bytes::new()))).await.unwrap();
    assert_eq!(read.status, 200, "{}", read.text());
    assert!(read.header("sforce-limit-info").starts_with("api-usage="), "{:?}", read.headers);

    let body = json!({"Name": "made"});
    let made = odd.json("POST", "/services/data/v62.0/sobjects/Account", &body).await.unwrap();
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let record = format!("/services/data/v62.0/sobjects/Account/{id}");
    // A method that is written into the address is never another than that of the request: it is not read at all.
    let change = json!({"Industry": "Energy"});
    let patched = client.json("PATCH", &record, &change).await.unwrap();
    assert_eq!(patched.status, 204, "{}", patched.text());
    for method in ["PATCH", "DELETE", "GET"] {
        let target = format!("{record}?_HttpMethod={method}");
        let refused = client.json("POST", &target, &json!({"Industry": "Media"})).await.unwrap();
        assert_eq!(refused.status, 400, "{method}: {}", refused.text());
    }
    assert_eq!(salesforce.value(&id, "Industry"), Some("Energy".to_owned()));

    // curl asks before it sends; a body that came packed is looked into.
    let token = client.token().unwrap();
    for (more, body, expected) in [
        ("Expect: 100-continue\r\n", br#"{"Name":"asked first"}"#.to_vec(), "201"),
        ("Content-Encoding: gzip\r\n", gzip(r#"{"Name":"packed"}"#), "201"),
        ("Content-Encoding: gzip\r\n", gzip(r#"{"Phone":"packed"}"#), "403"),
    ] {
        let headers = format!(
            "Authorization: Bearer {token}\r\n{more}Content-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        let answer = raw(&proxy, "POST /services/data/v62.0/sobjects/Account/", &headers, &body).await;
        let last = answer.rsplit("HTTP/1.1 ").next().unwrap();
        assert!(last.starts_with(expected), "{more}{answer}");
    }
}

#[tokio::test]
async fn heads_are_written_as_salesforce_writes_them() {
    let (_salesforce, proxy, client) = start().await;
    let headers = format!("Authorization: Bearer {}\r\n", client.token().unwrap());
    let answer = raw(&proxy, &format!("GET {QUERY}"), &headers, b"").await;
    // Airbyte's source looks headers up with their case.
    for name in ["\r\nContent-Type: ", "\r\nSforce-Limit-Info: ", "\r\nX-Forcefield-Decision: "] {
        assert!(answer.contains(name), "{name}: {answer}");
    }
    assert!(!answer.to_lowercase().contains("set-cookie"), "{answer}");
}

#[tokio::test]
async fn sessions_that_are_over_are_said_so_in_the_words_of_each_door() {
    let salesforce = salesforce().await;
    let proxy = before(&salesforce).identity("nightly", GRANTS).start().await.unwrap();
    let dead = format!("Authorization: Bearer {DEAD}\r\n");
    let bulk = format!("X-SFDC-Session: {DEAD}\r\nContent-Type: application/json\r\n");
    let bulk_xml = format!("X-SFDC-Session: {DEAD}\r\n");
    for (target, headers, expected, text) in [
        (QUERY, &dead, "401", "[{\"errorCode\":\"INVALID_SESSION_ID\""),
        ("/services/async/62.0/job/750000000000001", &bulk, "400", "\"exceptionCode\":\"InvalidSessionId\""),
        ("/services/async/62.0/job/750000000000001", &bulk_xml, "400", "<exceptionCode>InvalidSessionId<"),
        ("/services/oauth2/userinfo", &dead, "403", "Bad_OAuth_Token"),
    ] {
        let answer = raw(&proxy, &format!("GET {target}"), headers, b"").await;
        assert!(status(&answer) == expected && answer.contains(text), "{target}: {answer}");
    }
    assert!(data_requests(&salesforce).is_empty());
}
