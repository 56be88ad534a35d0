//! Bytes of a block told apart all at once: one bit for each, that of the first the lowest.

/// How many bytes are looked at together.
pub(super) const BLOCK: usize = 64;

/// What a block of JSON has, taken byte by byte: strings are not known yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    pub(super) quotes: u64,
    /// Of objects and of arrays.
    pub(super) brackets: u64,
    pub(super) has_backslash: bool,
}

// Functions of their own, so that the compiler makes vector code of them whatever they are called in.
impl Marks {
    #[inline(never)]
    pub(super) fn of(block: &[u8; BLOCK]) -> Self {
        Self {
            quotes: mask(block, |byte| byte == b'"'),
            brackets: mask(block, |byte| matches!(byte, b'{' | b'}' | b'[' | b']')),
            has_backslash: block.iter().fold(false, |any, byte| any | (*byte == b'\\')),
        }
    }

    #[inline(never)]
    pub(super) fn colons(block: &[u8; BLOCK]) -> u64 {
        mask(block, |byte| byte == b':')
    }

    #[inline(never)]
    pub(super) fn commas(block: &[u8; BLOCK]) -> u64 {
        mask(block, |byte| byte == b',')
    }

    #[inline(never)]
    pub(super) fn backslashes(block: &[u8; BLOCK]) -> u64 {
        mask(block, |byte| byte == b'\\')
    }
}

/// Which bytes of a block are such.
///
/// Written so that the compiler makes vector code of it: one step for all bytes, without a branch. It marks the bytes of
/// the n-th eight with the n-th bit, so that all eights fit into one, of which the bits then change places.
#[inline]
fn mask(block: &[u8; BLOCK], is: impl Fn(u8) -> bool) -> u64 {
    let mut marked = [0_u8; BLOCK];
    for ((marked, byte), bit) in marked.iter_mut().zip(block).zip(BIT) {
        *marked = if is(*byte) { bit } else { 0 };
    }
    let sixteens = marked.as_chunks::<16>().0.iter().map(|sixteen| u128::from_le_bytes(*sixteen));
    let both = sixteens.fold(0, |all, sixteen| all | sixteen);
    transposed((both | both >> 64) as u64)
}

/// For each bit whether the bits up to it, itself included, are odd in number.
#[inline]
pub(super) fn parity(mut bits: u64) -> u64 {
    for distance in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << distance;
    }
    bits
}

/// The bits as eight rows of eight, turned into columns: single bits, pairs, then fours change places across the diagonal.
#[inline]
fn transposed(mut bits: u64) -> u64 {
    for (distance, places) in [(7, 0x00AA_00AA_00AA_00AA), (14, 0x0000_CCCC_0000_CCCC), (28, 0xF0F0_F0F0)] {
        let differ = (bits ^ bits >> distance) & places;
        bits ^= differ ^ differ << distance;
    }
    bits
}

/// The bit that marks each byte of a block.
const BIT: [u8; BLOCK] = {
    let (mut bits, mut at) = ([0; BLOCK], 0);
    while at < BLOCK {
        #[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            bits[at] = 1 << (at / 8);
        }
        at += 1;
    }
    bits
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_byte_has_its_bit(bytes in prop::collection::vec(0_u8..4, BLOCK)) {
            let block: [u8; BLOCK] = bytes.try_into().unwrap();
            let one_by_one = |is: &dyn Fn(usize) -> bool| (0..BLOCK).fold(0, |bits, at| bits | u64::from(is(at)) << at);
            let twos = mask(&block, |byte| byte == 2);
            prop_assert_eq!(twos, one_by_one(&|at| block[at] == 2));
            prop_assert_eq!(parity(twos), one_by_one(&|at| block[..=at].iter().filter(|byte| **byte == 2).count() % 2 == 1));
        }
    }
}
