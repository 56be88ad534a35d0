use std::collections::{BTreeMap, BTreeSet};

use super::*;

const CASES: &str = include_str!("../../corpus/api-cases.tsv");
const FURTHER_CASES: &str = include_str!("../../corpus/doors.tsv");

/// What a row of the corpus expects, in the columns behind the first four.
fn expected(row: &str) -> [&str; 5] {
    let cells: Vec<&str> = row.split('\t').collect();
    [cells[4], cells[5], cells[6], cells[7], cells[8]]
}

fn set(list: &str) -> BTreeSet<String> {
    list.split(',').filter(|name| *name != "-").map(str::to_ascii_lowercase).collect()
}

fn names(list: &Option<Vec<String>>) -> BTreeSet<String> {
    list.iter().flatten().map(|name| name.to_ascii_lowercase()).collect()
}

/// Doors whose rows are not all right yet, and how many are wrong. A door that got better must be taken off here.
const UNFINISHED: &[(&str, usize)] = &[];

#[test]
fn every_row_of_the_corpus_reads_as_it_says() {
    let (unfinished, wrong) = compared(CASES);
    assert_eq!(unfinished, UNFINISHED, "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_further_row_reads_as_it_says() {
    let (_, wrong) = compared(FURTHER_CASES);
    assert!(wrong.is_empty(), "{} rows are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Compares a table with what its rows say: how many rows of each door are wrong, and which.
fn compared(table: &'static str) -> (Vec<(&'static str, usize)>, Vec<String>) {
    let lines: Vec<&str> = table.lines().collect();
    let mut score: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for explained in batch(table).unwrap() {
        let line = lines[explained.line - 1];
        let [api, operation, objects, fields, export] = expected(line);
        let right = explained.api == api
            && explained.operation == operation
            && names(&explained.objects) == set(objects)
            && names(&explained.fields) == set(fields)
            && explained.bulk_export.to_string() == export;
        let (passed, all) = score.entry(api).or_default();
        *all += 1;
        *passed += usize::from(right);
        if !right {
            wrong.push(format!(
                "{}: {:.300}\n   expected {api} {operation} {objects} {fields} {export}\n   read     {explained:?}",
                explained.line, line
            ));
        }
    }
    for (api, (passed, all)) in &score {
        eprintln!("{api:<16} {passed}/{all}");
    }
    let unfinished = score.iter().filter(|(_, (passed, all))| passed < all);
    (unfinished.map(|(api, (passed, all))| (*api, all - passed)).collect(), wrong)
}
