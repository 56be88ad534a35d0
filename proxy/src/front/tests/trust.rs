//! Client certificates, and what a reload means for those who showed one before it.

use super::*;

async fn hello(
    stream: &mut tokio_rustls::client::TlsStream<tokio::net::TcpStream>,
) -> std::io::Result<String> {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await?;
    let mut buffer = [0; 4096];
    let length = stream.read(&mut buffer).await?;
    Ok(String::from_utf8_lossy(&buffer[..length]).into_owned())
}

#[tokio::test]
async fn a_client_certificate_is_optional_and_must_be_of_the_bundle() {
    let served = serve(Timeouts::default()).await;
    let mine = served.authority.client("spiffe://corp.example/a");
    let other = Authority::new().client("spiffe://corp.example/a");
    let connect = async |issued: Option<&Issued>| {
        let connector = served.authority.connector(issued, b"http/1.1");
        hello(&mut connect(&connector, served.address, "proxy.test").await?).await
    };
    assert!(connect(Some(&mine)).await.unwrap().contains("certificate GET"));
    assert!(connect(None).await.unwrap().contains("anonymous GET"));
    assert!(connect(Some(&other)).await.map_or(true, |answer| answer.is_empty()));
}

#[tokio::test]
async fn a_removed_authority_ends_open_connections_and_old_sessions() {
    let served = serve(Timeouts::default()).await;
    let mine = served.authority.client("spiffe://corp.example/a");
    let connector = served.authority.connector(Some(&mine), b"http/1.1");
    let mut open = connect(&connector, served.address, "proxy.test").await.unwrap();
    assert!(hello(&mut open).await.unwrap().contains("certificate GET"));
    let mut resumed = connect(&connector, served.address, "proxy.test").await.unwrap();
    assert!(hello(&mut resumed).await.unwrap().contains("certificate GET"));
    assert_eq!(resumed.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Resumed));

    let server = served.authority.server(&["proxy.test"]);
    served.front.trust().replace(state(&server, Some(&Authority::new().pem), &[]));

    for stream in [&mut open, &mut resumed] {
        assert!(hello(stream).await.map_or(true, |answer| answer.is_empty()), "served after its trust ended");
    }
    let mut again = connect(&connector, served.address, "proxy.test").await.unwrap();
    let answer = hello(&mut again).await;
    assert_ne!(again.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Resumed));
    assert!(answer.map_or(true, |answer| !answer.contains("certificate GET")));
    assert!(served.seen().iter().filter(|line| line.contains("certificate GET")).count() == 2);
}

#[tokio::test]
async fn a_reload_with_the_same_authority_keeps_connections() {
    let served = serve(Timeouts::default()).await;
    let mine = served.authority.client("spiffe://corp.example/a");
    for protocol in [b"http/1.1".as_slice()] {
        let connector = served.authority.connector(Some(&mine), protocol);
        let mut open = connect(&connector, served.address, "proxy.test").await.unwrap();
        assert!(hello(&mut open).await.unwrap().contains("certificate GET"));
        let server = served.authority.server(&["proxy.test"]);
        served.front.trust().replace(state(&server, Some(&served.authority.pem), &[]));
        assert!(hello(&mut open).await.unwrap().contains("certificate GET"));
    }
}

#[tokio::test]
async fn streams_of_a_connection_whose_trust_ends_are_cut() {
    let served = serve(Timeouts::default()).await;
    let mine = served.authority.client("spiffe://corp.example/a");
    let connector = served.authority.connector(Some(&mine), b"h2");
    let stream = connect(&connector, served.address, "proxy.test").await.unwrap();
    let io = hyper_util::rt::TokioIo::new(stream);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(hyper_util::rt::TokioExecutor::new(), io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://proxy.test/endless").body(Full::new(Bytes::new())).unwrap();
    let mut body = sender.send_request(request).await.unwrap().into_body();
    assert!(body.frame().await.unwrap().is_ok());
    let server = served.authority.server(&["proxy.test"]);
    served.front.trust().replace(state(&server, None, &[]));
    let mut last = body.frame().await;
    while let Some(Ok(_)) = last {
        last = body.frame().await;
    }
    assert!(last.is_some_and(|frame| frame.is_err()));
}

#[tokio::test]
async fn material_that_cannot_be_served_is_refused_by_name() {
    let authority = Authority::new();
    let (one, two) = (authority.server(&["a.test"]), authority.server(&["b.test"]));
    let build = |certificate: &str, key: &str, client_ca: Option<&str>, names: &[String]| {
        let named = NamedMaterial { names, certificate: one.certificate.as_bytes(), key: one.key.as_bytes() };
        TlsState::build(&TlsMaterial {
            certificate: certificate.as_bytes(),
            key: key.as_bytes(),
            client_ca: client_ca.map(str::as_bytes),
            trust_domains: None,
            named: vec![named],
        })
        .map(drop)
        .map_err(|error| error.to_string())
    };
    let name = |name: &str| vec![name.to_owned()];
    let good = name("a.test");
    assert!(build(&one.certificate, &one.key, Some(&authority.pem), &good).is_ok());
    for (result, says) in [
        (build("", &one.key, None, &good), "the certificate of the listener"),
        (build(&one.certificate, "", None, &good), "the key of the listener is not"),
        (build(&one.certificate, &two.key, None, &good), "does not belong"),
        (build(&one.certificate, &one.key, Some(""), &good), "client CA"),
        (build(&one.certificate, &one.key, None, &name("*")), "`*` is not a host name"),
        (build(&one.certificate, &one.key, None, &name("*.*.test")), "not a host name"),
        (build(&one.certificate, &one.key, None, &["a.test".into(), "A.test".into()]), "two certificates"),
    ] {
        assert!(result.as_ref().is_err_and(|error| error.contains(says)), "{says}: {result:?}");
    }
}
