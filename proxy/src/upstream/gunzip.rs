//! Answers that come compressed although they were asked for plain.
//!
//! Rows are counted and addresses replaced in plain text only, so a compressed answer is unpacked here, piece by
//! piece. A small piece can unpack to a thousand times its size: it is fed in slices, and what comes out of one is
//! passed on before the next is taken.

use std::io::Write;

use bytes::{Buf, Bytes};
use flate2::write::MultiGzDecoder;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap};

/// Unpacks one body.
#[derive(Debug)]
pub(super) struct Gunzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    packed: Bytes,
    finished: bool,
}

/// Bytes that are not gzip, or end before it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotGzip;

// === impl Gunzip ===

impl Gunzip {
    /// What an answer's head says about its body: `None` when it is plain. An answer that will be unpacked loses the
    /// headers that are about its packed form.
    ///
    /// # Errors
    /// When it is packed in any other way, or in several.
    pub(super) fn of(headers: &mut HeaderMap) -> Result<Option<Self>, &'static str> {
        let mut codings = headers.get_all(CONTENT_ENCODING).iter();
        let coding = match (codings.next(), codings.next()) {
            (None, _) => return Ok(None),
            (Some(only), None) => only.as_bytes(),
            (Some(_), Some(_)) => return Err("it is encoded twice"),
        };
        let gunzip = match coding {
            b"identity" => None,
            b"gzip" | b"x-gzip" => Some(Self::new()),
            _ => return Err("it is encoded in a way that was not asked for"),
        };
        headers.remove(CONTENT_ENCODING);
        if gunzip.is_some() {
            headers.remove(CONTENT_LENGTH);
        }
        Ok(gunzip)
    }

    fn new() -> Self {
        Self { decoder: MultiGzDecoder::new(Vec::new()), packed: Bytes::new(), finished: false }
    }

    /// Takes a packed piece. The one before has to be used up.
    pub(super) fn feed(&mut self, packed: Bytes) {
        self.packed = packed;
    }

    /// The next plain piece; `None` when another packed one is needed.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, NotGzip> {
        while !self.packed.is_empty() {
            let length = self.packed.len().min(SLICE);
            let slice = self.packed.get(..length).unwrap_or_default();
            let taken = self.decoder.write(slice).map_err(|_| NotGzip)?;
            if taken == 0 {
                return Err(NotGzip);
            }
            self.packed.advance(taken);
            if let Some(plain) = self.plain() {
                return Ok(Some(plain));
            }
        }
        Ok(None)
    }

    /// The last plain piece, once the packed ones are at their end.
    pub(super) fn finish(&mut self) -> Result<Option<Bytes>, NotGzip> {
        if !std::mem::replace(&mut self.finished, true) {
            self.decoder.try_finish().map_err(|_| NotGzip)?;
        }
        Ok(self.plain())
    }

    fn plain(&mut self) -> Option<Bytes> {
        let plain = std::mem::take(self.decoder.get_mut());
        (!plain.is_empty()).then(|| plain.into())
    }
}

/// Packed bytes that are unpacked at one time: they hold a megabyte at most.
const SLICE: usize = 1024;

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn pack(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(packed: &[u8], piece: usize) -> Result<Vec<Bytes>, NotGzip> {
        let (mut gunzip, mut plain) = (Gunzip::new(), Vec::new());
        for piece in packed.chunks(piece) {
            gunzip.feed(Bytes::copy_from_slice(piece));
            while let Some(bytes) = gunzip.next()? {
                plain.push(bytes);
            }
        }
        plain.extend(gunzip.finish()?);
        Ok(plain)
    }

    proptest! {
        #[test]
        fn any_pieces_unpack_to_what_was_packed(
            plain in proptest::collection::vec(any::<u8>(), 0..5000), piece in 1_usize..600,
        ) {
            prop_assert_eq!(unpack(&pack(&plain), piece).unwrap().concat(), plain);
        }

        #[test]
        fn a_cut_or_changed_body_is_an_error(
            plain in proptest::collection::vec(any::<u8>(), 1..500), at in any::<proptest::sample::Index>(),
        ) {
            let packed = pack(&plain);
            let cut = &packed[..at.index(packed.len())];
            prop_assert!(cut.is_empty() || unpack(cut, 64).is_err());
        }
    }

    #[test]
    fn members_follow_each_other() {
        let packed = [pack(b"one "), pack(b"two")].concat();
        assert_eq!(unpack(&packed, 7).unwrap().concat(), b"one two");
        assert!(unpack(&[pack(b"one"), b"rest".to_vec()].concat(), 7).is_err());
        assert!(unpack(b"plain text", 7).is_err());
    }

    #[test]
    fn a_bomb_comes_out_in_pieces_of_bounded_size() {
        let packed = pack(&vec![0; 200 << 20]);
        let pieces = unpack(&packed, packed.len()).unwrap();
        assert!(pieces.iter().all(|piece| piece.len() <= 2 << 20));
        assert_eq!(pieces.iter().map(Bytes::len).sum::<usize>(), 200 << 20);
    }

    #[test]
    fn only_gzip_is_unpacked_and_other_codings_are_refused() {
        let read = |codings: &[&str]| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_LENGTH, 5.into());
            for coding in codings {
                headers.append(CONTENT_ENCODING, coding.parse().unwrap());
            }
            Gunzip::of(&mut headers).map(|gunzip| (gunzip.is_some(), headers.len()))
        };
        assert_eq!(read(&[]), Ok((false, 1)));
        assert_eq!(read(&["identity"]), Ok((false, 1)));
        assert_eq!(read(&["gzip"]), Ok((true, 0)));
        for codings in [&["br"][..], &["gzip, gzip"], &["gzip", "gzip"], &["deflate"], &[""]] {
            assert!(read(codings).is_err(), "{codings:?}");
        }
    }
}
