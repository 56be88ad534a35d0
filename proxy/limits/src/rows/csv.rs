//! Lines of CSV after the header.
//!
//! A line break ends a row when the quotes before it pair up; inside a quoted field they do not, and doubled quotes
//! change nothing. So the delimiter need not be known. Blank lines are no rows, as for every CSV reader.

use memchr::memchr2;

/// Counts the lines of one CSV text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines {
    /// Whether the header has ended.
    header_passed: bool,
    /// Whether the line has a byte already, and so was counted.
    begun: bool,
    /// Whether the quotes so far are odd in number: inside a quoted field.
    quoted: bool,
}

impl Lines {
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> u64 {
        let mut rows = 0;
        let mut rest = chunk;
        while !rest.is_empty() {
            let end = memchr2(b'\n', b'\r', rest);
            let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
            if !piece.is_empty() && !self.begun {
                self.begun = true;
                rows += u64::from(self.header_passed);
            }
            self.quoted ^= quotes(piece) % 2 == 1;
            if end.is_some() && self.begun && !self.quoted {
                self.begun = false;
                self.header_passed = true;
            }
            rest = after.get(1..).unwrap_or_default();
        }
        rows
    }
}

/// How many quotes there are. Written so that the compiler makes vector code of it: sums of bytes that cannot
/// overflow.
fn quotes(piece: &[u8]) -> usize {
    piece
        .chunks(192)
        .map(|part| usize::from(part.iter().map(|byte| u8::from(*byte == b'"')).sum::<u8>()))
        .sum()
}
