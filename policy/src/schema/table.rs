//! A look-up from a name to its position, folding ASCII case without allocating.

/// Positions of a list of names, found by name. The names stay with their owner.
#[derive(Debug, Default)]
pub(super) struct NameTable {
    /// Open addressing with linear probing; a power of two long, at most half full. Zero is a free slot, otherwise
    /// one more than the position.
    slots: Box<[u32]>,
}

impl NameTable {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Indexes `names`. The first of two equal names wins.
    pub(super) fn build<'a>(names: impl ExactSizeIterator<Item = &'a str> + Clone) -> Self {
        let size = (names.len() * 2).next_power_of_two().max(2);
        let mut table = Self { slots: vec![0; size].into_boxed_slice() };
        let all: Vec<&str> = names.collect();
        for (position, name) in all.iter().enumerate() {
            if table.find(name, |at| all.get(at).copied().unwrap_or("")).is_none() {
                table.insert(name, position);
            }
        }
        table
    }

    /// The position of `name` among the names that `at` gives.
    pub(super) fn find<'a>(&self, name: &str, at: impl Fn(usize) -> &'a str) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = fold(name) & mask;
        loop {
            let position = self.slots.get(slot)?.checked_sub(1)? as usize;
            let known = at(position);
            // Most callers spell names as the org does.
            if known == name || known.eq_ignore_ascii_case(name) {
                return Some(position);
            }
            slot = (slot + 1) & mask;
        }
    }

    fn insert(&mut self, name: &str, position: usize) {
        let mask = self.slots.len() - 1;
        let mut slot = fold(name) & mask;
        while let Some(taken) = self.slots.get_mut(slot) {
            if *taken == 0 {
                *taken = u32::try_from(position + 1).unwrap_or(0);
                return;
            }
            slot = (slot + 1) & mask;
        }
    }
}

/// Hashes the lower-case form, eight bytes at a time. The names come from the org, not from callers, so a stronger hash
/// buys nothing. Some signs hash like others that differ in the case bit only; the comparison tells them apart.
fn fold(name: &str) -> usize {
    let bytes = name.as_bytes();
    let mut hash = bytes.len() as u64;
    let mut mix = |eight: u64| hash = (hash ^ (eight | CASE)).wrapping_mul(FACTOR).rotate_left(29);
    match (bytes.last_chunk::<8>(), bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        (Some(end), _, _) => {
            bytes.as_chunks::<8>().0.iter().for_each(|eight| mix(u64::from_le_bytes(*eight)));
            mix(u64::from_le_bytes(*end));
        }
        (None, Some(start), Some(end)) => {
            mix(u64::from(u32::from_le_bytes(*start)) << 32 | u64::from(u32::from_le_bytes(*end)));
        }
        _ => bytes.iter().for_each(|byte| mix(u64::from(*byte))),
    }
    (hash ^ hash >> 32) as usize
}

const CASE: u64 = 0x2020_2020_2020_2020;
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
