//! What is wrong with a configuration, and where.

use std::fmt;

/// One thing that is wrong, or odd, at one place. Never repeats a value that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, by the name that the caller gave it.
    pub file: String,
    /// The line, counted from one.
    pub line: usize,
    /// The column, counted from one, in characters.
    pub column: usize,
    /// Whether it keeps the configuration from being served.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What to write instead; empty when the message says it all.
    pub help: String,
}

/// Whether a problem keeps a configuration from being served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It does.
    Error,
    /// It does not.
    Warning,
}

/// Every problem of a configuration that cannot be served, in the order of the files and their lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

/// A place in a file, counted from one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Collects the problems of one file.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    file: &'a str,
    found: Vec<Problem>,
    /// Where a secret is read from Vault.
    vault: Vec<Place>,
}

// === impl Problem ===

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, severity, message, help } = self;
        let mark = match severity {
            Severity::Error => "",
            Severity::Warning => "warning: ",
        };
        write!(f, "{file}:{line}:{column}: {mark}{message}")?;
        if help.is_empty() { Ok(()) } else { write!(f, "; {help}") }
    }
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

// === impl Problems ===

impl fmt::Display for Problems {
    /// One line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, problem) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

// === impl Report ===

impl<'a> Report<'a> {
    pub(crate) fn new(file: &'a str) -> Self {
        Self { file, found: Vec::new(), vault: Vec::new() }
    }

    pub(crate) fn error(&mut self, at: Place, message: impl Into<String>, help: impl Into<String>) {
        self.add(at, Severity::Error, message.into(), help.into());
    }

    pub(crate) fn warning(&mut self, at: Place, message: impl Into<String>, help: impl Into<String>) {
        self.add(at, Severity::Warning, message.into(), help.into());
    }

    /// Notes that a secret of this place is in Vault.
    pub(crate) fn reads_vault(&mut self, at: Place) {
        self.vault.push(at);
    }

    /// Reports every secret that was noted to be in Vault: there is none to read it from.
    pub(crate) fn has_no_vault(&mut self) {
        for at in std::mem::take(&mut self.vault) {
            let help = "write `vault` in the main file: `vault: { address: .., approle: { .. } }`";
            self.error(at, "there is no Vault to read this secret from", help);
        }
    }

    /// What was found, in the order of the lines.
    pub(crate) fn into_problems(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| (problem.line, problem.column));
        self.found
    }

    fn add(&mut self, at: Place, severity: Severity, message: String, help: String) {
        let Place { line, column } = at;
        self.found.push(Problem { file: self.file.to_owned(), line, column, severity, message, help });
    }
}
