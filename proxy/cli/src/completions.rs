//! `completions`: what a shell needs to complete the arguments.

use anyhow::Result;
use clap::CommandFactory as _;

use crate::args::{Cli, Completions};
use crate::terminal::{Exit, Terminal};

pub(crate) fn run(args: &Completions, terminal: &mut Terminal<'_>) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "forcefield", &mut script);
    terminal.out.write_all(&script)?;
    Ok(Exit::Done)
}
