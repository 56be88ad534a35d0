//! The laws of SOQL: whatever the input, whatever the query.

use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::{prop_assert, prop_assert_eq};

use super::corpus::readable;
use super::random::{Random, condition, query, text};
use super::{fields, org, resolved_in};
use crate::soql::{Edits, Resolved, ResolvedCondition, parse, parse_condition, parse_order_by};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn no_input_panics(input in ".{0,200}") {
        let _ = parse(&input);
        let _ = parse_condition(&input);
        let _ = parse_order_by(&input);
        let _ = parse(&format!("SELECT Id FROM Account WHERE {input}"));
    }

    #[test]
    fn printing_and_parsing_give_the_same_query(seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let written = text(&query(&mut random), Some(&mut random));
        let parsed = parse(&written);
        prop_assert!(parsed.is_ok(), "{written}: {parsed:?}");
        let parsed = parsed.unwrap();
        let printed = parsed.to_string();
        let again = parse(&printed);
        prop_assert_eq!(again.as_ref(), Ok(&parsed), "{}", printed);
        prop_assert_eq!(again.unwrap().to_string(), printed);
    }

    #[test]
    fn letter_case_and_spaces_never_change_what_is_touched(seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let pieces = query(&mut random);
        let (plain, odd) = (text(&pieces, None), text(&pieces, Some(&mut random)));
        let (plain, odd) = (resolved_in(&plain, 60), resolved_in(&odd, 60));
        if is_too_wide(&plain) {
            prop_assert!(is_too_wide(&odd), "{:?}", odd);
            return Ok(());
        }
        prop_assert!(plain.is_ok(), "{:?}", plain);
        prop_assert!(odd.is_ok(), "{:?}", odd);
        let (plain, odd) = (plain.unwrap(), odd.unwrap());
        prop_assert_eq!(plain.accesses(), odd.accesses());
        prop_assert_eq!(plain.places(), odd.places());
    }

    #[test]
    fn a_narrowed_query_touches_what_it_did_and_what_was_joined(seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let asked = text(&query(&mut random), Some(&mut random));
        let asked = resolved_in(&asked, 60);
        if is_too_wide(&asked) {
            return Ok(());
        }
        let asked = asked.unwrap();
        let joined: Vec<(usize, ResolvedCondition)> = asked.places().iter().enumerate().map(|(number, place)| {
            let name = org().object(place.object).name();
            let written = text(&condition(&mut random, name), Some(&mut random));
            // A random condition may start with the object's own name, which grants may not.
            let joined = ResolvedCondition::new(&written, org(), place.object);
            (number, joined.unwrap_or_else(|_| ResolvedCondition::new("Id != NULL", org(), place.object).unwrap()))
        }).collect();
        let edits = Edits { conditions: joined.iter().map(|(number, condition)| (*number, condition)).collect(), ..Edits::default() };
        if let Ok(narrowed) = asked.narrowed(&edits) {
            let again = resolved_in(&narrowed, 60);
            if is_too_wide(&again) {
                return Ok(());
            }
            prop_assert!(again.is_ok(), "{narrowed}: {again:?}");
            let again = again.unwrap();
            let mut expected = fields(asked.accesses());
            expected.extend(joined.iter().flat_map(|(_, condition)| fields(condition.accesses())));
            for access in fields(asked.accesses()) {
                prop_assert!(fields(again.accesses()).contains(&access), "{narrowed}: without {access}");
            }
            for (_, condition) in &joined {
                for access in fields(condition.accesses()) {
                    prop_assert!(fields(again.accesses()).contains(&access), "{narrowed}: without {access}");
                }
            }
        }
    }

    #[test]
    fn records_hold_no_literal(seed in any::<u64>()) {
        let mut random = Random::new(seed);
        let parsed = parse(&text(&query(&mut random), Some(&mut random))).unwrap();
        let redacted = parsed.redacted();
        prop_assert!(!redacted.contains('\'') && !redacted.contains("USD5000") && !redacted.contains("2024-"), "{}", redacted);
    }
}

/// Whether a query goes through more parents than one query can: the generator does not count them.
fn is_too_wide(resolved: &Result<Resolved, String>) -> bool {
    resolved.as_ref().is_err_and(|problem| problem.contains("more than 55 parent relationships"))
}

/// What the fuzz target holds of any text, on many small changes of the corpus.
#[test]
fn changed_queries_hold_the_laws() {
    let mut random = Random::new(7);
    let corpus: Vec<String> = readable().map(|(query, _)| query).collect();
    let mut understood = 0;
    for _ in 0..40_000 {
        let mut bytes = random.pick(&corpus).into_bytes();
        for _ in 0..=random.below(3) {
            change(&mut bytes, &mut random, &corpus);
        }
        let changed = String::from_utf8_lossy(&bytes).into_owned();
        if let Ok(query) = parse(&changed) {
            understood += 1;
            let printed = query.to_string();
            assert_eq!(parse(&printed).as_ref(), Ok(&query), "{changed}");
            if let Ok(resolved) = resolved_in(&changed, 60) {
                let again = resolved_in(&printed, 60).unwrap();
                assert_eq!(again.accesses(), resolved.accesses(), "{changed}");
                assert!(!resolved.accesses().is_empty(), "{changed}");
            }
        }
    }
    assert!(understood > 1_000, "the changes are too coarse to test anything: {understood}");
}

/// Changes a text a little: drops, doubles or swaps bytes, or takes in a piece of another text.
pub(crate) fn change(bytes: &mut Vec<u8>, random: &mut Random, corpus: &[String]) {
    let at = random.below(bytes.len());
    match random.below(6) {
        0 => drop(bytes.drain(at..bytes.len().min(at + 1 + random.below(8)))),
        1 => bytes.insert(at, random.pick(b" \t\n'\"\\(),.:;$-+=<>!*{}[]@#_%0aZ\xc2\xa0\0")),
        2 => {
            let word = random.pick(&[
                "SELECT ",
                " FROM ",
                " WHERE ",
                " AND ",
                " OR ",
                " NOT ",
                " IN (",
                "()",
                " LIMIT 1",
                " FIELDS(ALL)",
                " NULL",
            ]);
            bytes.splice(at..at, word.bytes());
        }
        3 => {
            let other = random.pick(corpus).into_bytes();
            let from = random.below(other.len());
            let length = random.below(20).min(other.len() - from);
            bytes.splice(at..at, other[from..from + length].iter().copied());
        }
        4 => {
            let piece = bytes[at..bytes.len().min(at + random.below(12))].to_vec();
            bytes.splice(at..at, piece);
        }
        _ => {
            let other = random.below(bytes.len());
            bytes.swap(at, other);
        }
    }
    if bytes.is_empty() {
        bytes.push(b'S');
    }
}
