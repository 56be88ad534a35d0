//! A line of the record as it is written: a JSON object whose last member, `unmapped`, ends with the line's number in
//! its run and the hash of the chain after it.
//!
//! `{...,"unmapped":{...,"sequence":7,"chain":"<64 hexadecimal digits>"}}`. The hash covers the line up to and
//! without `,"chain":`, and the hash before it.

use std::fmt;

use crate::key::AuditKey;

/// A hash of the chain.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hash(pub(crate) [u8; 32]);

/// How far the chain of a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tip {
    /// The number of the last line; 0 before the first.
    pub(crate) sequence: u64,
    /// The hash after it.
    pub(crate) hash: Hash,
}

/// A line read back: what it was before it got its number, what its hash covers, and what it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed<'a> {
    pub(crate) event: &'a [u8],
    pub(crate) text: &'a [u8],
    pub(crate) tip: Tip,
}

/// The longest line read back. Longer ones are not ours.
pub(crate) const LONGEST: usize = 4 << 20;

const SEQUENCE: &[u8] = b",\"sequence\":";
const CHAIN: &[u8] = b",\"chain\":\"";
const END: &[u8] = b"\"}}";
const HEX: usize = 64;

/// How far the chain of a run is known to have come, from its head or a later run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) tip: Tip,
    /// The digest of the section at that line; not known by earlier versions.
    pub(crate) digest: Option<Hash>,
}

/// Appends a line to `out`: `event` with its number and hash, and a line feed. `event` is a JSON object whose last
/// member is an object that is not empty.
pub(crate) fn seal(key: &AuditKey, tip: &mut Tip, event: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(event.strip_suffix(b"}}").unwrap_or(event));
    tip.sequence += 1;
    out.extend_from_slice(SEQUENCE);
    out.extend_from_slice(itoa::Buffer::new().format(tip.sequence).as_bytes());
    tip.hash = key.after(&tip.hash, out.get(start..).unwrap_or_default());
    out.extend_from_slice(CHAIN);
    out.extend_from_slice(tip.hash.hex().as_flattened());
    out.extend_from_slice(END);
    out.push(b'\n');
}

/// Reads a line back, without its line feed. `None` when it is not of the form that [`seal`] writes.
pub(crate) fn unseal(line: &[u8]) -> Option<Sealed<'_>> {
    let rest = line.strip_suffix(END)?;
    let (rest, hash) = rest.split_at_checked(rest.len().checked_sub(HEX)?)?;
    let text = rest.strip_suffix(CHAIN)?;
    let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (before, digits) = text.split_at_checked(text.len() - digits)?;
    let event = before.strip_suffix(SEQUENCE)?;
    let sequence = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Sealed { event, text, tip: Tip { sequence, hash: Hash::parse(hash)? } })
}

// === impl Hash ===

impl Hash {
    pub(crate) fn parse(hex: &[u8]) -> Option<Self> {
        let mut hash = [0; 32];
        if hex.len() != HEX || hex.iter().any(u8::is_ascii_uppercase) {
            return None;
        }
        for (byte, digits) in hash.iter_mut().zip(hex.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        Some(Self(hash))
    }

    /// The hexadecimal digits, a pair for each byte.
    fn hex(&self) -> [[u8; 2]; 32] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or_default();
        self.0.map(|byte| [digit(byte >> 4), digit(byte & 15)])
    }
}

impl AsRef<[u8]> for Hash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(self.hex().as_flattened()).unwrap_or_default())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_back_as_they_were_sealed() {
        let key = AuditKey::new(&[7; 32]).unwrap();
        let mut tip = Tip { sequence: 0, hash: key.genesis("run") };
        let mut out = Vec::new();
        let before = tip.hash;
        seal(&key, &mut tip, br#"{"a":1,"unmapped":{"b":",\"sequence\":9"}}"#, &mut out);
        let line = out.strip_suffix(b"\n").unwrap();
        let sealed = unseal(line).unwrap();
        assert_eq!(sealed.tip, tip);
        assert_eq!(key.after(&before, sealed.text), tip.hash);
        assert!(serde_json::from_slice::<serde_json::Value>(line).is_ok());
        for cut in 1..line.len() {
            assert!(unseal(&line[..cut]).is_none());
        }
    }
}
