//! The files of the web console. They are the same for everybody and tell nothing: what a page shows comes of the API.

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{Method, StatusCode};

use crate::api::Answer;
use crate::content::Content;

/// One file.
struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// The answer to a request for a file of the console; `None` when it is for anything else.
pub(crate) fn answer(method: &Method, path: &str, host: Option<&str>) -> Option<Answer> {
    let file = FILES.iter().find(|file| file.path == path)?;
    let (status, kind, text) = match (*method == Method::GET, host) {
        (true, Some(_)) => (StatusCode::OK, file.kind, file.text),
        (true, None) => (StatusCode::MISDIRECTED_REQUEST, PLAIN, ELSEWHERE),
        (false, _) => (StatusCode::METHOD_NOT_ALLOWED, PLAIN, "not with this method\n"),
    };
    let mut answer = http::Response::new(Content::whole(Bytes::from_static(text.as_bytes())));
    *answer.status_mut() = status;
    harden(answer.headers_mut());
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE));
    Some(answer)
}

/// What every answer of the listener tells a browser: keep nothing, guess nothing, run nothing, show it to nobody.
pub(crate) fn harden(headers: &mut HeaderMap) {
    for (name, value) in HARDENING {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

const HARDENING: [(HeaderName, &str); 8] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// What the page may do: load its own files, ask its own listener, and nothing else. No text becomes markup.
const PAGE: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    img-src 'self' data:; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

const ELSEWHERE: &str = "The listener has another name: open the console by a name of its certificate.\n";
const PLAIN: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! file {
    ($path:literal, $kind:expr, $name:literal) => {
        File { path: $path, kind: $kind, text: include_str!(concat!("../console/", $name)) }
    };
}

static FILES: [File; 16] = [
    file!("/", HTML, "index.html"),
    file!("/console/style.css", CSS, "style.css"),
    file!("/console/icon.svg", SVG, "icon.svg"),
    file!("/console/main.js", SCRIPT, "main.js"),
    file!("/console/act.js", SCRIPT, "act.js"),
    file!("/console/approvals.js", SCRIPT, "approvals.js"),
    file!("/console/audit.js", SCRIPT, "audit.js"),
    file!("/console/chart.js", SCRIPT, "chart.js"),
    file!("/console/dom.js", SCRIPT, "dom.js"),
    file!("/console/format.js", SCRIPT, "format.js"),
    file!("/console/held.js", SCRIPT, "held.js"),
    file!("/console/identities.js", SCRIPT, "identities.js"),
    file!("/console/identity.js", SCRIPT, "identity.js"),
    file!("/console/live.js", SCRIPT, "live.js"),
    file!("/console/refusals.js", SCRIPT, "refusals.js"),
    file!("/console/session.js", SCRIPT, "session.js"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_given_under_the_listeners_own_name_only_and_with_every_guard() {
        let answer_of = |host| answer(&Method::GET, "/", host).unwrap();
        let page = answer_of(Some("localhost:9443"));
        assert_eq!(page.status(), StatusCode::OK);
        let policy = page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.headers()[CACHE_CONTROL], "no-store");
        assert_eq!(answer_of(None).status(), StatusCode::MISDIRECTED_REQUEST);
        assert!(answer(&Method::GET, "/console/no-such-file", Some("localhost")).is_none());
    }

    #[test]
    fn nothing_in_the_files_asks_for_what_the_policy_forbids() {
        for file in &FILES {
            let text = file.text;
            assert!(!text.contains("innerHTML") && !text.contains("insertAdjacentHTML"), "{}", file.path);
            assert!(!text.contains("style=") && !text.contains("eval("), "{}", file.path);
            let foreign = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!foreign.contains("http://") && !foreign.contains("https://"), "{}", file.path);
            assert!(text.lines().count() <= 600, "{}", file.path);
        }
    }
}
