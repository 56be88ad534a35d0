//! Answers that have one reading only.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Method, Response, StatusCode, Version};

/// Refuses an answer whose end is unclear, or that would turn the connection into something else.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check<B>(method: &Method, answer: &Response<B>) -> Result<(), &'static str> {
    let status = answer.status();
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err("it switches protocols");
    }
    let headers = answer.headers();
    let count = |name| headers.get_all(name).iter().count();
    let (lengths, codings) = (count(CONTENT_LENGTH), count(TRANSFER_ENCODING));
    let chunked = || {
        headers.get(TRANSFER_ENCODING).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked"))
    };
    let bodyless =
        *method == Method::HEAD || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    match (lengths, codings) {
        (0, 0) if bodyless => Ok(()),
        // Its body would end where the connection does, and so could be cut short unnoticed.
        (0, 0) => Err("its length is not told"),
        (1, 0) => Ok(()),
        (0, 1) if chunked() && answer.version() == Version::HTTP_11 => Ok(()),
        (0, _) => Err("its transfer coding is not `chunked`"),
        (_, 0) => Err("its length is told twice"),
        (_, _) => Err("its length is told by two headers"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(http::HeaderName, &str)]) -> Result<(), &'static str> {
        let mut answer = Response::new(());
        for (name, value) in headers {
            answer.headers_mut().append(name, value.parse().unwrap());
        }
        check(&Method::GET, &answer)
    }

    #[test]
    fn only_answers_with_one_length_pass() {
        assert!(read(&[(CONTENT_LENGTH, "3")]).is_ok());
        assert!(read(&[(TRANSFER_ENCODING, "Chunked")]).is_ok());
        assert!(read(&[]).is_err());
        assert!(read(&[(CONTENT_LENGTH, "3"), (CONTENT_LENGTH, "3")]).is_err());
        assert!(read(&[(CONTENT_LENGTH, "3"), (TRANSFER_ENCODING, "chunked")]).is_err());
        assert!(read(&[(TRANSFER_ENCODING, "gzip, chunked")]).is_err());
        assert!(read(&[(TRANSFER_ENCODING, "chunked"), (TRANSFER_ENCODING, "chunked")]).is_err());
    }

    #[test]
    fn answers_without_a_body_need_no_length() {
        assert!(check(&Method::HEAD, &Response::new(())).is_ok());
        for status in [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED] {
            let mut answer = Response::new(());
            *answer.status_mut() = status;
            assert!(check(&Method::GET, &answer).is_ok());
        }
    }

    #[test]
    fn a_switch_of_protocols_is_refused() {
        let mut answer = Response::new(());
        *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        assert!(check(&Method::GET, &answer).is_err());
    }
}
