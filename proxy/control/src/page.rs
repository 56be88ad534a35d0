//! Requests of web pages: only the console's own page, in a session of its own, may call.
//!
//! A browser says where a request comes from (`Origin`, `Sec-Fetch-Site`), and no page can change what it says. A page
//! of another site can have a browser send its cookie or show its certificate, but not the right `Origin`; a program
//! that is no browser sends neither header, and shows a token or certificate.

use http::header::{HeaderName, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::api::Refused;
use crate::sessions::{Key, Session};

/// Whether a browser sent it for a page.
pub(crate) fn is_of_page(parts: &Parts) -> bool {
    parts.headers.contains_key(ORIGIN)
        || parts.headers.contains_key(&FETCH_SITE)
        || Key::shown(&parts.headers).is_some()
}

/// Holds that a page of this listener sent it: `host` is the name by which it was called, if that is its own.
pub(crate) fn own(parts: &Parts, host: Option<&str>) -> Result<(), Refused> {
    let forbidden = |text: &str| Err(Refused::new(StatusCode::FORBIDDEN, text));
    let Some(host) = host else {
        return forbidden("the listener has another name; open the console by a name of its certificate");
    };
    let acts = parts.method != Method::GET;
    let origin = match only(&parts.headers, &ORIGIN) {
        Ok(origin) => origin,
        Err(Repeated) => return forbidden("there are several `Origin`s"),
    };
    match origin {
        Some(origin) if origin.as_bytes() == format!("https://{host}").as_bytes() => {}
        Some(_) => return forbidden("pages of other sites may not call"),
        None if acts => return forbidden("what acts names its `Origin`"),
        None => {}
    }
    match only(&parts.headers, &FETCH_SITE).map(|site| site.map(HeaderValue::as_bytes)) {
        Ok(Some(b"same-origin")) => Ok(()),
        // The person typed the address.
        Ok(Some(b"none")) if !acts => Ok(()),
        _ => {
            forbidden("pages of other sites may not call; browsers that do not say whose page it is neither")
        }
    }
}

/// Holds that what acts carries the text that only the console's own page knows.
pub(crate) fn guarded(parts: &Parts, session: &Session) -> Result<(), Refused> {
    let shown = only(&parts.headers, &GUARD).ok().flatten();
    if parts.method == Method::GET || shown.is_some_and(|shown| session.is_guarded_by(shown.as_bytes())) {
        return Ok(());
    }
    Err(Refused::new(StatusCode::FORBIDDEN, "what acts carries `X-Forcefield-Guard`; load the page again"))
}

struct Repeated;

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Repeated> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (first, None) => Ok(first),
        (_, Some(_)) => Err(Repeated),
    }
}

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const GUARD: HeaderName = HeaderName::from_static("x-forcefield-guard");

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn request(method: &str, headers: &[(&str, &str)]) -> Parts {
        let request = Request::builder().method(method).uri("/v1/status");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn only_a_page_of_the_listener_is_its_own() {
        const ORIGIN: (&str, &str) = ("origin", "https://here:9443");
        const SAME: (&str, &str) = ("sec-fetch-site", "same-origin");
        let passes =
            |method: &str, headers: &[(&str, &str)]| own(&request(method, headers), Some("here:9443"));
        assert!(passes("POST", &[ORIGIN, SAME]).is_ok());
        assert!(passes("GET", &[SAME]).is_ok());
        assert!(passes("GET", &[("sec-fetch-site", "none")]).is_ok());
        for (method, headers) in [
            ("POST", &[SAME][..]),
            ("POST", &[ORIGIN]),
            ("POST", &[ORIGIN, ("sec-fetch-site", "none")]),
            ("POST", &[ORIGIN, ("sec-fetch-site", "same-site")]),
            ("POST", &[ORIGIN, ("sec-fetch-site", "cross-site")]),
            ("POST", &[("origin", "null"), SAME]),
            ("POST", &[("origin", "https://here"), SAME]),
            ("POST", &[("origin", "http://here:9443"), SAME]),
            ("POST", &[ORIGIN, ("origin", "https://evil.example"), SAME]),
            ("GET", &[("origin", "https://evil.example"), SAME]),
            ("GET", &[("sec-fetch-site", "cross-site")]),
            ("GET", &[]),
        ] {
            assert!(passes(method, headers).is_err(), "{method} {headers:?}");
        }
        assert!(own(&request("POST", &[ORIGIN, SAME]), None).is_err(), "by a name of somebody else");
    }
}
