//! Record ids: 15 case-sensitive characters, or 18 with a checksum that restores their case.
//!
//! Source: `Understanding Record IDs` of the Salesforce object reference; the checksum's test vectors below were
//! read off published API examples.

use std::fmt;

/// A record id in its 15-character form, with the letter case that Salesforce compares.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordId([u8; 15]);

/// The first three characters of an id, which name the object it belongs to. Case-sensitive: `00k` is
/// `OpportunityLineItem`, `00K` is `OpportunityContactRole`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyPrefix([u8; 3]);

impl RecordId {
    /// Reads an id of 15 characters, or of 18 with the right checksum in any letter case.
    ///
    /// `None` for anything else: such text is not an id, whatever it looks like.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        match bytes.len() {
            15 => Some(Self(bytes.try_into().ok()?)),
            18 => restore_case(bytes),
            _ => None,
        }
    }

    /// The prefix that names the object.
    #[must_use]
    pub fn prefix(&self) -> KeyPrefix {
        let [a, b, c, ..] = self.0;
        KeyPrefix([a, b, c])
    }

    /// The 15-character form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for RecordId {
    /// The 18-character form, as Salesforce answers it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        for group in self.0.chunks(5) {
            let bits = group
                .iter()
                .rev()
                .fold(0_usize, |bits, byte| bits << 1 | usize::from(byte.is_ascii_uppercase()));
            let letter = CHECKSUM.get(bits).copied().unwrap_or(b'A');
            write!(f, "{}", char::from(letter))?;
        }
        Ok(())
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl KeyPrefix {
    /// A prefix of exactly three letters or digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 3] = text.as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_alphanumeric).then_some(Self(bytes))
    }

    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for KeyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Gives the 15 characters the case their checksum names.
///
/// `None` when a digit is marked as a capital, and when the letters have mixed case that contradicts the checksum:
/// only an id whose case was folded as a whole is repaired.
fn restore_case(bytes: &[u8]) -> Option<RecordId> {
    let (body, checksum) = bytes.split_at_checked(15)?;
    let mut id = [0_u8; 15];
    for ((target, source), letter) in id.chunks_mut(5).zip(body.chunks(5)).zip(checksum) {
        let bits = CHECKSUM.iter().position(|known| *known == letter.to_ascii_uppercase())?;
        for (place, (to, from)) in target.iter_mut().zip(source).enumerate() {
            let capital = bits >> place & 1 == 1;
            if capital && !from.is_ascii_alphabetic() {
                return None;
            }
            *to = if capital { from.to_ascii_uppercase() } else { from.to_ascii_lowercase() };
        }
    }
    let folded = !body.iter().any(u8::is_ascii_uppercase) || !body.iter().any(u8::is_ascii_lowercase);
    (folded || id == body).then_some(RecordId(id))
}

const CHECKSUM: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: [(&str, &str); 6] = [
        ("001D000000IRt53", "001D000000IRt53IAD"),
        ("750R0000000zlh9", "750R0000000zlh9IAA"),
        ("003D000000QV9n2", "003D000000QV9n2IAD"),
        ("00DRO0000008aXd", "00DRO0000008aXd2AI"),
        ("001R0000006hfeZ", "001R0000006hfeZIAQ"),
        ("00Q5f00000BBBBB", "00Q5f00000BBBBBEA5"),
    ];

    #[test]
    fn fifteen_characters_gain_their_checksum() {
        for (short, long) in VECTORS {
            assert_eq!(RecordId::parse(short).unwrap().to_string(), long);
        }
    }

    #[test]
    fn a_checksum_restores_folded_case() {
        for (short, long) in VECTORS {
            for spelling in [long.to_owned(), long.to_ascii_lowercase(), long.to_ascii_uppercase()] {
                assert_eq!(RecordId::parse(&spelling).unwrap().as_str(), short, "{spelling}");
            }
        }
    }

    #[test]
    fn a_wrong_checksum_is_no_id() {
        // `IAE` marks other letters as capitals than are; `9AD` has a character that no checksum has.
        assert!(RecordId::parse("001D000000IRt53IAE").is_none());
        assert!(RecordId::parse("001D000000IRt539AD").is_none());
        assert!(RecordId::parse("001D000000IRt5").is_none());
        assert!(RecordId::parse("001D000000IRt5/").is_none());
    }
}
