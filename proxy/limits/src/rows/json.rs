//! Objects of JSON that are rows, by where they stand.

use crate::json::{Heed, Name};

/// Which objects are rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    /// Objects directly inside arrays named `records` or `searchRecords`, and records that stand alone in a part of
    /// an envelope: objects named `body` or `result`, or directly inside arrays named so, that carry `attributes`.
    Records,
    /// Objects directly inside the outermost array.
    TopArray,
    /// Objects named `node`.
    Nodes,
    /// Objects directly inside arrays named `rows`.
    ReportRows,
}

/// Counts the objects of one JSON text.
#[derive(Clone, Debug)]
pub(crate) struct Objects {
    counts: Counts,
    /// The innermost container that is open, and those around it.
    open: Level,
    around: Vec<Level>,
    /// How many containers are open past [`DEEPEST`].
    beyond: usize,
}

/// Where values stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// Outside all containers.
    Outermost,
    /// A container in which nothing is a row.
    Plain,
    /// An array whose objects are rows.
    Rows,
    /// An array whose objects are parts of an envelope.
    Parts,
    /// An object that is a part of an envelope, and a row if it carries `attributes`.
    Part,
}

/// What the names mean that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// An array of rows, or an object that is one.
    Rows,
    /// A part of an envelope, or an array of such: `body` or `result`.
    Part,
}

/// As deep as most answers nest.
const USUAL: usize = 16;
/// Salesforce nests a dozen levels. Past this every object counts as a row: too many, never too few.
const DEEPEST: usize = 512;

// === impl Objects ===

impl Objects {
    pub(crate) fn new(counts: Counts) -> Self {
        Self { counts, open: Level::Outermost, around: Vec::with_capacity(USUAL), beyond: 0 }
    }

    /// What it needs: names, where one shows that the open object is a row.
    #[inline]
    pub(crate) fn heed(&self) -> Heed {
        match self.open {
            Level::Part => Heed::Names,
            Level::Outermost | Level::Plain | Level::Rows | Level::Parts => Heed::Brackets,
        }
    }

    /// Opens an object, and says whether it is a row.
    #[inline]
    pub(crate) fn object(&mut self, name: Name<'_>) -> bool {
        let means = meaning(self.counts, name.text, name.escaped);
        let row = self.open == Level::Rows
            || self.around.len() >= DEEPEST
            || (self.counts == Counts::Nodes && means == Some(Meaning::Rows));
        let part = self.open == Level::Parts || means == Some(Meaning::Part);
        self.push(if part && !row { Level::Part } else { Level::Plain });
        row
    }

    /// Opens an array.
    #[inline]
    pub(crate) fn array(&mut self, name: Name<'_>) {
        self.push(match (self.counts, meaning(self.counts, name.text, name.escaped)) {
            (Counts::TopArray, _) if self.open == Level::Outermost => Level::Rows,
            (Counts::Records | Counts::ReportRows, Some(Meaning::Rows)) => Level::Rows,
            (Counts::Records, Some(Meaning::Part)) => Level::Parts,
            _ => Level::Plain,
        });
    }

    #[inline]
    fn push(&mut self, level: Level) {
        if self.around.len() < DEEPEST {
            self.around.push(std::mem::replace(&mut self.open, level));
        } else {
            self.beyond += 1;
        }
    }

    /// Closes either.
    #[inline]
    pub(crate) fn close(&mut self) {
        if self.beyond > 0 {
            self.beyond -= 1;
        } else {
            self.open = self.around.pop().unwrap_or(Level::Outermost);
        }
    }

    /// Takes a name, and says whether the open object shows to be a row by it: a part that was not counted yet, which
    /// has `attributes`.
    #[inline]
    pub(crate) fn name(&mut self, name: Name<'_>) -> bool {
        let shows = self.open == Level::Part && self.beyond == 0 && name.text == b"attributes";
        if shows {
            self.open = Level::Plain;
        }
        shows
    }
}

/// What a name means, if it is one that matters. One with an escape means rows: Salesforce writes no such names, so it
/// would be somebody's disguise.
#[inline]
fn meaning(counts: Counts, text: &[u8], escaped: bool) -> Option<Meaning> {
    match (counts, text) {
        (Counts::Records, b"records" | b"searchRecords") => Some(Meaning::Rows),
        (Counts::Records, b"body" | b"result") => Some(Meaning::Part),
        (Counts::Nodes, b"node") | (Counts::ReportRows, b"rows") => Some(Meaning::Rows),
        (Counts::TopArray, _) => None,
        (_, text) if escaped && text.len() <= DISGUISED => Some(Meaning::Rows),
        _ => None,
    }
}

/// The longest that an escaped `searchRecords` can be: six bytes a letter.
const DISGUISED: usize = 6 * "searchRecords".len();
