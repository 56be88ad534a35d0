//! Words by eight bytes at a time: names are most of a query, and this is most of the time that reading one takes.

/// How long the word is that a text starts with, and its first eight letters in lower case, packed into a number with
/// the first one lowest.
pub(super) fn word(text: &[u8]) -> (usize, u64) {
    let first = eight(text);
    let mut length = leading_word_bytes(first);
    let packed = (first | CASE) & u64::MAX.checked_shr(64 - 8 * length as u32).unwrap_or(0);
    let mut last = length;
    while last == 8 {
        last = leading_word_bytes(eight(text.get(length..).unwrap_or_default()));
        length += last;
    }
    (length, packed)
}

/// The first eight bytes of a text, zeros behind its end.
fn eight(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => text.iter().rev().fold(0, |packed, byte| packed << 8 | u64::from(*byte)),
    }
}

/// How many of eight bytes, from the lowest on, are letters, digits or `_`.
fn leading_word_bytes(eight: u64) -> usize {
    let low = eight & !HIGH;
    let word = within(low | CASE, b'a', b'z') | within(low, b'0', b'9') | within(low, b'_', b'_');
    let others = (!word | eight) & HIGH;
    (others.trailing_zeros() / 8) as usize
}

/// Sets the high bit of every byte that lies between two; of bytes whose own high bit is clear, so that none carries
/// over into the next.
fn within(bytes: u64, first: u8, last: u8) -> u64 {
    (bytes + ONES * u64::from(0x80 - first)) & !(bytes + ONES * u64::from(0x7f - last))
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x80 * ONES;
/// The bit by which a capital letter differs from a small one.
const CASE: u64 = 0x20 * ONES;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_ends_where_its_bytes_do() {
        for byte in 0..=u8::MAX {
            let alone = usize::from(byte.is_ascii_alphanumeric() || byte == b'_');
            for before in [0, 1, 6, 7, 8, 9, 16] {
                let text = [&vec![b'x'; before][..], &[byte, b' ']].concat();
                assert_eq!(word(&text).0, before + alone, "{byte} after {before}");
                assert_eq!(word(text.split_last().unwrap().1).0, before + alone, "{byte} after {before}");
            }
        }
        assert_eq!(word(b""), (0, 0));
    }

    #[test]
    fn the_first_letters_are_packed_in_lower_case() {
        let packed = |text: &[u8]| word(text).1.to_le_bytes();
        assert_eq!(packed(b"FROM x"), *b"from\0\0\0\0");
        assert_eq!(packed(b"Excludes('a')"), *b"excludes");
        assert_eq!(packed(b"IncludesMore"), *b"includes");
    }
}
