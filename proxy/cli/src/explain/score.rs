//! How many rows of a table were understood as its further columns say, by door.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use forcefield_policy::explain::Explained;

use crate::terminal::Terminal;

/// Writes the score to standard error: right and all rows of each door, then the lines that are not right.
pub(super) fn write(table: &str, rows: &[Explained], terminal: &mut Terminal<'_>) -> Result<()> {
    let lines: Vec<&str> = table.lines().collect();
    let header = lines.iter().find(|line| !line.starts_with('#') && !line.trim().is_empty());
    let names: Vec<&str> = header.map(|line| line.split('\t').collect()).unwrap_or_default();
    let expected = Expected::of(&names)?;
    let mut doors: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in rows {
        let line = row.line.checked_sub(1).and_then(|line| lines.get(line)).copied().unwrap_or_default();
        let cells: Vec<&str> = line.split('\t').collect();
        let door = cells.get(expected.api).copied().unwrap_or_default();
        let (right, all) = doors.entry(door).or_default();
        *all += 1;
        if expected.is(&cells, row) { *right += 1 } else { wrong.push(row.line) }
    }
    for (door, (right, all)) in &doors {
        terminal.say(format_args!("{door:<20} {right:>4} of {all}"))?;
    }
    let (right, all) = (rows.len() - wrong.len(), rows.len());
    terminal.say(format_args!("{:<20} {right:>4} of {all}", "all"))?;
    if !wrong.is_empty() {
        terminal.say(format_args!("lines that differ: {wrong:?}"))?;
    }
    Ok(())
}

/// Where the expected columns are.
struct Expected {
    api: usize,
    operation: usize,
    objects: usize,
    fields: usize,
    export: usize,
}

impl Expected {
    fn of(names: &[&str]) -> Result<Self> {
        let find = |name: &str| {
            let found = names.iter().position(|known| *known == name);
            found.ok_or_else(|| anyhow!("the table has no column `{name}` to compare with"))
        };
        Ok(Self {
            api: find("api")?,
            operation: find("operation")?,
            objects: find("objects")?,
            fields: find("fields")?,
            export: find("is_bulk_export")?,
        })
    }

    fn is(&self, cells: &[&str], row: &Explained) -> bool {
        let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
        let denied = cell(self.operation) == "deny";
        cell(self.operation) == row.operation
            && (denied || cell(self.api) == row.api)
            && (denied || same(cell(self.objects), row.objects.as_deref()))
            && (denied || same(cell(self.fields), row.fields.as_deref()))
            && (denied || cell(self.export) == row.bulk_export.to_string())
    }
}

/// Whether a cell names the same set, in any letter case and order; `-` is none.
fn same(cell: &str, names: Option<&[String]>) -> bool {
    let expected: BTreeSet<String> = cell
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !name.is_empty() && name != "-")
        .collect();
    let found: BTreeSet<String> =
        names.unwrap_or_default().iter().map(|name| name.to_ascii_lowercase()).collect();
    expected == found
}
