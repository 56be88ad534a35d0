use std::collections::BTreeSet;

use super::*;
use crate::classify::classify;
use crate::explain;

const PAGE: &str = include_str!("../../../../docs/doors.md");
const CASES: [&str; 2] =
    [include_str!("../../../corpus/api-cases.tsv"), include_str!("../../../corpus/doors.tsv")];

/// Rewrites the page: `cargo test -p forcefield-policy write_the_page -- --ignored`.
#[test]
#[ignore = "writes docs/doors.md"]
fn write_the_page() {
    let (story, _) = PAGE.split_once("| door |").unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/doors.md");
    std::fs::write(path, format!("{story}{}", documentation())).unwrap();
}

#[test]
fn the_page_is_the_table() {
    let (_, table) = PAGE.split_once("| door |").unwrap();
    assert_eq!(format!("| door |{table}"), documentation(), "run the ignored test `write_the_page`");
}

#[test]
fn the_table_says_how_requests_are_decided() {
    let documented: BTreeSet<(&str, &str)> =
        entries().map(|entry| (entry.api.as_str(), entry.decided.as_str())).collect();
    let (mut shown, mut undocumented) = (BTreeSet::new(), BTreeSet::new());
    for table in CASES {
        explain::each(table, |schema, head, body, line| {
            let Ok(request) = classify(schema, head, body) else { return };
            let pair = (request.api.as_str(), Decided::of(&request).as_str());
            shown.insert(pair);
            if !documented.contains(&pair) {
                undocumented.insert((pair, line));
            }
        })
        .unwrap();
    }
    let missing: Vec<_> = documented.difference(&shown).collect();
    assert!(undocumented.is_empty(), "the table lacks what these lines show: {undocumented:?}");
    assert!(missing.is_empty(), "no request of the corpus shows {missing:?}");
}
