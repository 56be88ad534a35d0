//! Request bodies that arrive compressed.

use crate::fault::Fault;
use bytes::Bytes;
use flate2::read::{GzDecoder, ZlibDecoder};
use http::HeaderMap;
use std::io::Read;

/// The body as it was before `Content-Encoding`, however many encodings were stacked.
pub(super) fn unpack(headers: &HeaderMap, body: &Bytes) -> Result<Bytes, Fault> {
    let encodings: Vec<String> = headers
        .get_all("content-encoding")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|encoding| encoding.trim().to_ascii_lowercase())
        .collect();
    let mut body = body.clone();
    for encoding in encodings.iter().rev() {
        body = match encoding.as_str() {
            "gzip" | "x-gzip" => read(GzDecoder::new(&body[..]))?,
            "deflate" => read(ZlibDecoder::new(&body[..]))?,
            "identity" | "" => body,
            other => {
                let message = format!("Content-Encoding '{other}' is not supported");
                return Err(Fault::new(415, "UNSUPPORTED_MEDIA_TYPE", message));
            }
        };
    }
    Ok(body)
}

fn read(decoder: impl Read) -> Result<Bytes, Fault> {
    let mut unpacked = Vec::new();
    decoder
        .take(MAX_UNPACKED)
        .read_to_end(&mut unpacked)
        .map_err(|error| Fault::bad_json(format!("the body cannot be decompressed: {error}")))?;
    Ok(unpacked.into())
}

const MAX_UNPACKED: u64 = 200 * 1024 * 1024;
