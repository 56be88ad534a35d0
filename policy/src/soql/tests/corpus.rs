//! The corpus: query by query, what is read.

use super::{fields, objects, resolved_in};

const CORPUS: &str = include_str!("../../../corpus/soql.tsv");

/// The rows of a corpus file, without comments and the header.
pub(crate) fn rows(corpus: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    corpus.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split('\t').collect())
}

/// A cell with its escapes undone.
pub(crate) fn unescaped(cell: &str) -> String {
    let mut text = String::new();
    let mut characters = cell.chars();
    while let Some(character) = characters.next() {
        match (character, character == '\\') {
            (_, false) => text.push(character),
            (_, true) => match characters.next() {
                Some('n') => text.push('\n'),
                Some('r') => text.push('\r'),
                Some('t') => text.push('\t'),
                Some('\\') => text.push('\\'),
                other => panic!("{cell}: escape {other:?}"),
            },
        }
    }
    text
}

/// A set as a corpus cell writes it.
pub(crate) fn set(cell: &str) -> Vec<String> {
    let mut set: Vec<String> =
        cell.split(',').filter(|name| *name != "-").map(|name| name.trim().to_owned()).collect();
    set.sort_unstable();
    set
}

/// Every query of the corpus that is read, with the version it is read in.
pub(crate) fn readable() -> impl Iterator<Item = (String, u16)> {
    rows(CORPUS).filter(|row| row[3] != "deny").map(|row| (unescaped(row[2]), row[0].parse().unwrap()))
}

#[test]
fn every_query_touches_what_the_corpus_says() {
    let mut wrong = Vec::new();
    for row in rows(CORPUS) {
        let [version, door, query, expected_objects, expected_fields, ..] = row.as_slice() else {
            panic!("a row of the corpus is short: {row:?}")
        };
        let query = unescaped(query);
        let read = resolved_in(&query, version.parse().unwrap());
        let read = read.and_then(|resolved| match resolved.bulk_problem().filter(|_| *door == "bulk") {
            Some(problem) => Err(problem.to_owned()),
            None => Ok((objects(resolved.accesses()), fields(resolved.accesses()))),
        });
        let expected = if *expected_objects == "deny" {
            read.is_err()
        } else {
            read.as_ref() == Ok(&(set(expected_objects), set(expected_fields)))
        };
        if !expected {
            wrong.push(format!("{query}\n  expected {expected_objects} {expected_fields}\n  got {read:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
