//! Record ids: fifteen characters that mean something by case, eighteen that survive losing it.

/// A record id in its 18-character form, case restored.
pub(crate) type Id = String;

/// The 18-character form of a 15- or 18-character id, or nothing when it is not an id.
///
/// An 18-character id whose letters changed case is repaired by its checksum, as the org does.
pub(crate) fn normalise(text: &str) -> Option<Id> {
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    match text.len() {
        15 => Some(with_checksum(text)),
        18 => repaired(text),
        _ => None,
    }
}

/// The id number `n` of the objects whose ids start with `prefix`.
pub(crate) fn mint(prefix: &str, n: u64) -> Id {
    let mut digits = Vec::with_capacity(9);
    let mut rest = n;
    for _ in 0..9 {
        let digit = usize::try_from(rest % 62).unwrap_or_default();
        digits.push(BASE62.get(digit).copied().unwrap_or(b'0'));
        rest /= 62;
    }
    digits.reverse();
    let number: String = digits.into_iter().map(char::from).collect();
    with_checksum(&format!("{prefix}{POD}{number}"))
}

/// The number inside an id that [`mint`] made.
pub(crate) fn number(id: &str) -> Option<u64> {
    let body = id.get(3..15)?.strip_prefix(POD)?;
    body.bytes().try_fold(0_u64, |sum, byte| {
        let digit = BASE62.iter().position(|&known| known == byte)?;
        Some(sum * 62 + u64::try_from(digit).ok()?)
    })
}

/// The key prefix: the first three characters.
pub(crate) fn prefix(id: &str) -> &str {
    id.get(..3).unwrap_or_default()
}

fn with_checksum(fifteen: &str) -> Id {
    let mut id = String::with_capacity(18);
    id.push_str(fifteen);
    for group in fifteen.as_bytes().chunks(5) {
        let bits = group
            .iter()
            .enumerate()
            .filter(|(_, byte)| byte.is_ascii_uppercase())
            .fold(0_usize, |bits, (place, _)| bits | (1 << place));
        id.push(CHECKSUM.get(bits).copied().map_or('A', char::from));
    }
    id
}

fn repaired(eighteen: &str) -> Option<Id> {
    let (body, sums) = eighteen.split_at_checked(15)?;
    let mut restored = String::with_capacity(15);
    for (group, sum) in body.as_bytes().chunks(5).zip(sums.bytes()) {
        let bits = CHECKSUM.iter().position(|&known| known == sum.to_ascii_uppercase())?;
        for (place, byte) in group.iter().enumerate() {
            let upper = bits & (1 << place) != 0;
            if upper && !byte.is_ascii_alphabetic() {
                return None;
            }
            restored.push(char::from(if upper {
                byte.to_ascii_uppercase()
            } else {
                byte.to_ascii_lowercase()
            }));
        }
    }
    Some(with_checksum(&restored))
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKSUM: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
const POD: &str = "5g0";

#[cfg(test)]
mod tests {
    use super::{mint, normalise, number};

    #[test]
    fn the_checksum_matches_known_ids() {
        for known in [
            "001D000000IRt53IAD",
            "750R0000000zlh9IAA",
            "003D000000QV9n2IAD",
            "00DRO0000008aXd2AI",
            "001R0000006hfeZIAQ",
            "00Q5f00000BBBBBEA5",
        ] {
            assert_eq!(normalise(known.get(..15).unwrap()).as_deref(), Some(known));
            assert_eq!(normalise(&known.to_lowercase()).as_deref(), Some(known));
        }
    }

    #[test]
    fn what_is_not_an_id_has_no_normal_form() {
        for not in ["", "001", "001D000000IRt5!", "001D000000IRt53IA", "001D000000IRt53IA9"] {
            assert_eq!(normalise(not), None, "{not}");
        }
    }

    #[test]
    fn a_minted_id_knows_its_number() {
        for n in [0, 1, 61, 62, 13_900_000] {
            assert_eq!(number(&mint("a05", n)), Some(n));
        }
    }
}
