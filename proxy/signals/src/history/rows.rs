//! How many rows an integration reads an hour.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::{DAY, HOUR, number, push};
use crate::firing::Evidence;

/// The rows of this clock hour, and the largest hour of each of the last days of activity.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Reading {
    /// The number of the hour.
    hour: i64,
    rows: u64,
    /// The largest answers of it.
    answers: Vec<(u64, Evidence)>,
    fired: bool,
    /// Whether the hour is no measure for later ones.
    stolen: bool,
    /// Day and rows, oldest first.
    largest: Vec<(i64, u64)>,
}

impl Reading {
    /// Counts rows that went out.
    pub(super) fn read(&mut self, (at, decision): (Timestamp, Ulid), rows: u64) {
        let hour = number(at, HOUR);
        // An answer that began before may end after: it counts where it ended.
        if hour > self.hour {
            self.next(hour);
        }
        self.rows = self.rows.saturating_add(rows);
        // The largest first; of those as large, the ones that came first.
        let place = self.answers.partition_point(|(larger, _)| *larger >= rows);
        if rows > 0 && place < ANSWERS {
            self.answers.truncate(ANSWERS - 1);
            self.answers.insert(place, (rows, Evidence::new(at, decision, format!("{rows} rows"))));
        }
    }

    /// The rows of this hour, and whether it was told of already.
    pub(super) fn this_hour(&self) -> (u64, bool) {
        (self.rows, self.fired)
    }

    /// The most rows of an hour before this one.
    pub(super) fn largest(&self) -> u64 {
        self.largest.iter().map(|(_, rows)| *rows).max().unwrap_or_default()
    }

    /// Notes that this hour was told of; gives its largest answers.
    pub(super) fn fired(&mut self, stolen: bool) -> Vec<Evidence> {
        (self.fired, self.stolen) = (true, stolen);
        self.answers.iter().map(|(_, answer)| answer.clone()).collect()
    }

    fn next(&mut self, hour: i64) {
        let day = self.hour.div_euclid(DAY / HOUR);
        if self.rows > 0 && !self.stolen {
            match self.largest.last_mut().filter(|(known, _)| *known == day) {
                Some((_, largest)) => *largest = self.rows.max(*largest),
                None => push(&mut self.largest, (day, self.rows), DAYS),
            }
        }
        (self.hour, self.rows, self.fired, self.stolen) = (hour, 0, false, false);
        self.answers.clear();
    }
}

/// Days of activity whose largest hour is kept.
const DAYS: usize = 28;
/// Answers that evidence names.
const ANSWERS: usize = 5;
