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
            if at(position).eq_ignore_ascii_case(name) {
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

/// FNV-1a over the lower-case form. The names come from the org, not from callers, so a stronger hash buys nothing.
fn fold(name: &str) -> usize {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3);
    }
    (hash ^ hash >> 32) as usize
}
