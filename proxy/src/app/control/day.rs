//! One integration's day, as the record has it: rows over time, by object and by door.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use forcefield_audit::{Filter, Seen, query_some};
use forcefield_control::wire::{Day, Finding, Series};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Rows by name: one number for each [`MINUTES`] of the day.
#[derive(Default)]
struct Rows(BTreeMap<String, [u64; SLOTS]>);

/// Reads a day.
///
/// # Errors
/// The record cannot be read.
pub(super) fn read(folder: &Path, identity: &str, date: Date) -> io::Result<Day> {
    let midnight = |date: Date| TimeZone::UTC.to_timestamp(date.into()).map_err(io::Error::other);
    let from: Timestamp = midnight(date)?;
    let until: io::Result<Timestamp> = date.tomorrow().map_err(io::Error::other).and_then(midnight);
    let filter = Filter {
        identity: Some(identity.to_owned()),
        from: Some(from),
        until: Some(until?),
        ..Filter::default()
    };
    let (mut objects, mut doors, mut refused) = (Rows::default(), Rows::default(), [0; SLOTS]);
    let (mut exchanges, mut rows, mut bytes, mut findings) = (0, 0_u64, 0_u64, Vec::new());
    let (_, cut) = query_some(folder, &filter, MOST_LINES, |seen| {
        // A responder may have the name of an integration.
        if seen.door == CONTROL {
            return;
        }
        if seen.door == SIGNAL {
            if findings.len() < MOST_FINDINGS {
                let text = seen.reason.unwrap_or_default();
                findings.push(Finding { at: seen.time, rule: seen.operation, level: seen.outcome, text });
            }
            return;
        }
        let slot = seen.time.duration_since(from).as_secs() / (60 * i64::from(MINUTES));
        let Ok(slot) = usize::try_from(slot) else { return };
        exchanges += 1;
        rows = rows.saturating_add(seen.rows);
        bytes = bytes.saturating_add(seen.bytes);
        if seen.outcome == "refused"
            && let Some(refused) = refused.get_mut(slot)
        {
            *refused += 1;
        }
        objects.add(&named(&seen), slot, seen.rows);
        doors.add(&seen.door, slot, seen.rows);
    })?;
    Ok(Day {
        identity: identity.to_owned(),
        date: date.to_string(),
        minutes: MINUTES,
        exchanges,
        rows,
        bytes,
        refused: refused.to_vec(),
        objects: objects.series(),
        doors: doors.series(),
        findings,
        cut,
    })
}

/// The objects of an exchange in one name: the record does not say which of its rows are of which.
fn named(seen: &Seen) -> String {
    let names: Vec<&str> = seen.objects.iter().map(|(name, _)| name.as_str()).take(SEVERAL).collect();
    match (names.is_empty(), seen.objects.len() > SEVERAL) {
        (true, _) => "no object".to_owned(),
        (false, false) => names.join(" + "),
        (false, true) => format!("{} + ..", names.join(" + ")),
    }
}

// === impl Rows ===

impl Rows {
    fn add(&mut self, name: &str, slot: usize, rows: u64) {
        if rows == 0 {
            return;
        }
        let known = self.0.contains_key(name) || self.0.len() < MOST_NAMES;
        let of_name = self.0.entry(if known { name } else { OTHERS }.to_owned()).or_insert([0; SLOTS]);
        if let Some(sum) = of_name.get_mut(slot) {
            *sum = sum.saturating_add(rows);
        }
    }

    /// The most rows first.
    fn series(self) -> Vec<Series> {
        let series = |(name, rows): (String, [u64; SLOTS])| Series { name, rows: rows.to_vec() };
        let mut all: Vec<Series> = self.0.into_iter().map(series).collect();
        all.sort_by_key(|series| {
            std::cmp::Reverse(series.rows.iter().fold(0_u64, |sum, rows| sum.saturating_add(*rows)))
        });
        all
    }
}

/// How finely a day is told.
const MINUTES: u32 = 15;
const SLOTS: usize = 24 * 60 / MINUTES as usize;
/// Lines of the record that are read for one picture: some seconds of one core.
const MOST_LINES: u64 = 2_000_000;
/// Names that are told apart; what more there is goes into one.
const MOST_NAMES: usize = 64;
const OTHERS: &str = "others";
/// Objects that a name names.
const SEVERAL: usize = 3;
/// The door of what signals found, and how many of that are told.
const SIGNAL: &str = "signal";
const MOST_FINDINGS: usize = 100;
/// The door of records of the control plane itself.
const CONTROL: &str = "control";
