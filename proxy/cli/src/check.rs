//! `check`: every problem of a configuration.

use std::path::Path;

use anyhow::Result;
use forcefield_config::{Problem, Problems, Severity};
use serde::Serialize;

use crate::args::{Check, Output};
use crate::read::{Read, ReadError, read_config};
use crate::terminal::{Exit, Terminal};

/// One problem, for programs.
#[derive(Serialize)]
struct Row<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    severity: &'static str,
    message: &'a str,
    help: &'a str,
}

/// All of them, for programs.
#[derive(Serialize)]
struct Report<'a> {
    valid: bool,
    identities: usize,
    problems: Vec<Row<'a>>,
}

pub(crate) fn run(args: &Check, terminal: &mut Terminal<'_>) -> Result<Exit> {
    let (read, problems) = match read_config(&args.config, terminal.today) {
        Ok(Read { config, warnings }) => (Some(config), warnings),
        Err(ReadError::Problems(Problems(problems))) => (None, problems),
        Err(ReadError::File { path, source }) => (None, vec![unreadable(&path, &source)]),
    };
    let identities = read.as_ref().map_or(0, |config| config.identities.len());
    match terminal.output {
        Output::Json => {
            let problems = problems.iter().map(row).collect();
            terminal.json(&Report { valid: read.is_some(), identities, problems })?;
        }
        Output::Text => {
            for problem in &problems {
                terminal.say(format_args!("{problem}"))?;
            }
            match &read {
                Some(config) => writeln!(
                    terminal.out,
                    "{}: valid, {} integrations, {} orgs",
                    args.config.display(),
                    identities,
                    config.orgs.len()
                )?,
                None => {
                    let errors =
                        problems.iter().filter(|problem| problem.severity == Severity::Error).count();
                    terminal.say(format_args!("{}: {errors} errors", args.config.display()))?;
                }
            }
        }
    }
    Ok(if read.is_some() { Exit::Done } else { Exit::Refused })
}

/// A file that cannot be read is a problem of the configuration like any other.
fn unreadable(path: &Path, error: &std::io::Error) -> Problem {
    Problem {
        file: path.display().to_string(),
        line: 1,
        column: 1,
        severity: Severity::Error,
        message: format!("cannot be read: {error}"),
        help: String::new(),
    }
}

fn row(problem: &Problem) -> Row<'_> {
    let Problem { file, line, column, severity, message, help } = problem;
    Row { file, line: *line, column: *column, severity: severity.as_str(), message, help }
}
