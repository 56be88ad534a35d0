//! What SOSL means, rule by rule and file by file.

use super::{Resolved, parse, resolve};
use crate::names::ApiVersion;
use crate::soql::tests::corpus::{rows, set, unescaped};
use crate::soql::tests::{fields, objects, org};

const CORPUS: &str = include_str!("../../corpus/sosl.tsv");

fn resolved(text: &str) -> Result<Resolved, String> {
    let query = parse(text).map_err(|problem| problem.to_string())?;
    resolve(query, org(), ApiVersion::new(60)).map_err(|problem| problem.to_string())
}

#[test]
fn every_search_names_what_the_corpus_says() {
    for row in rows(CORPUS) {
        let search = unescaped(row[0]);
        let read =
            resolved(&search).map(|resolved| (objects(resolved.accesses()), fields(resolved.accesses())));
        if row[1] == "deny" {
            assert!(read.is_err(), "{search}: {read:?}");
        } else {
            assert_eq!(read, Ok((set(row[1]), set(row[2]))), "{search}");
        }
    }
}
