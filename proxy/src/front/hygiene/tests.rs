use http::Request;

use super::*;

fn check(uri: &str, headers: &[(&str, &str)]) -> (Result<Checked, BadHead>, HeaderMap) {
    let mut request = Request::builder().uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    (hygiene(&mut parts), parts.headers)
}

fn base(uri: &str, headers: &[(&str, &str)]) -> Result<String, BadHead> {
    check(uri, headers).0.map(|checked| checked.host.base())
}

#[test]
fn the_host_is_that_of_the_header_or_of_the_authority() {
    assert_eq!(base("/", &[("host", "Proxy.Test")]).unwrap(), "https://proxy.test");
    assert_eq!(base("https://proxy.test:8443/", &[]).unwrap(), "https://proxy.test:8443");
    assert_eq!(base("https://proxy.test/", &[("host", "PROXY.test:443")]).unwrap(), "https://proxy.test");
    assert_eq!(base("/", &[("host", "[::1]:8443")]).unwrap(), "https://[::1]:8443");
}

#[test]
fn two_hosts_are_none() {
    for (uri, headers) in [
        ("/", &[][..]),
        ("/", &[("host", "a"), ("host", "a")]),
        ("https://a/", &[("host", "b")]),
        ("https://a:8443/", &[("host", "a")]),
    ] {
        assert!(matches!(base(uri, headers), Err(BadHead::Host(_))), "{uri} {headers:?}");
    }
}

#[test]
fn a_host_is_a_name_and_a_port_and_nothing_else() {
    for text in [
        "", "a b", "a/b", "a:b", "a:1:2", "a:65536", "a:+1", "a@b", "[::1", "::1", "[a]", "a,b", "a\\b",
        "a:-1", "a:",
    ] {
        assert!(Host::parse(text).is_err(), "{text}");
    }
    for (text, reads) in
        [("A.B:443", "a.b"), ("a:8443", "a:8443"), ("[::1]", "[::1]"), ("10.0.0.1:80", "10.0.0.1:80")]
    {
        assert_eq!(Host::parse(text).unwrap().to_string(), reads, "{text}");
    }
}

#[test]
fn what_is_for_the_connection_is_taken_off_and_the_rest_stays() {
    let (checked, left) = check(
        "/",
        &[
            ("host", "a"),
            ("connection", "close, X-Hop ,, keep-alive"),
            ("connection", "x-other"),
            ("x-hop", "1"),
            ("x-other", "1"),
            ("keep-alive", "5"),
            ("te", "trailers"),
            ("content_type", "text/csv"),
            ("content-type", "application/json"),
            ("sforce-call-options", "client=x"),
        ],
    );
    assert!(checked.is_ok());
    let mut names: Vec<_> = left.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["content-type", "host", "sforce-call-options"]);
}

#[test]
fn a_nomination_cannot_change_what_a_request_means() {
    for name in ["host", "Content-Length", "content-type", "content-encoding", "Authorization", "cookie"] {
        let (checked, _) = check("/", &[("host", "a"), ("connection", name)]);
        assert!(matches!(checked, Err(BadHead::Malformed(_))), "{name}");
    }
    assert!(check("/", &[("host", "a"), ("connection", "a b")]).0.is_err());
}
