//! What a command reads from and writes to: arguments of [`crate::run`], so that tests see what a person sees.

use std::fmt;
use std::io::{Read, Write};
use std::process::ExitCode;

use anyhow::Result;
use jiff::civil::Date;
use serde::Serialize;

use crate::args::Output;

/// Where a command reads and writes, how, and on which day.
pub struct Terminal<'a> {
    /// Standard input.
    pub input: &'a mut dyn Read,
    /// Whether a person is at standard input, who is asked for a secret without showing it.
    pub prompt: bool,
    /// Standard output: data.
    pub out: &'a mut dyn Write,
    /// Standard error: everything else.
    pub err: &'a mut dyn Write,
    /// In which form data is written.
    pub output: Output,
    /// Today, UTC.
    pub today: Date,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, allowed, without an error: 0.
    Done,
    /// Refused, or with an error: 1.
    Refused,
    /// Not run: 2.
    Failed,
    /// Proposed, and waits for another person: 3.
    Proposed,
}

// === impl Terminal ===

impl Terminal<'_> {
    /// Writes one value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut *self.out, value)?;
        Ok(writeln!(self.out)?)
    }

    /// Says something on standard error, where output is for people.
    pub(crate) fn say(&mut self, text: fmt::Arguments<'_>) -> Result<()> {
        Ok(writeln!(self.err, "{text}")?)
    }
}

impl fmt::Debug for Terminal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal")
            .field("output", &self.output)
            .field("today", &self.today)
            .finish_non_exhaustive()
    }
}

// === impl Exit ===

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Done => Self::SUCCESS,
            Exit::Refused => Self::from(1),
            Exit::Failed => Self::from(2),
            Exit::Proposed => Self::from(3),
        }
    }
}
