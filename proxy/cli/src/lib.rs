//! The subcommands of forcefield: the arguments of the binary, the commands that need no running proxy, and those of
//! responders, which call the control API of one.
//!
//! Data goes to standard output, everything else to standard error. Exit codes: 0 done, allowed, or without an error;
//! 1 refused, with one, or done in part; 2 not run (arguments, files, or a table that cannot be read); 3 proposed, and
//! waits for another person.

mod args;
mod audit;
mod check;
mod completions;
mod control;
mod explain;
mod grants;
mod hash_secret;
mod read;
mod table;
mod terminal;

use std::process::ExitCode;

use anyhow::Result;

pub use args::{
    CanI, Check, Cli, Command, Completions, Dev, Drill, Explain, HashSecret, Output, Serve, Tool, WhoCan,
};
pub use control::Control;
pub use read::{Read, ReadError, read_config, read_sources};
pub use terminal::{Exit, Terminal};

/// Runs a command on the process's own terminal, and tells what went wrong there.
#[must_use]
pub fn execute(tool: &Tool, output: Output) -> ExitCode {
    on_terminal(output, |terminal| run(tool, terminal))
}

/// Runs a command for responders on the process's own terminal.
#[must_use]
pub fn execute_control(command: &Control, output: Output) -> ExitCode {
    on_terminal(output, |terminal| control::run(command, terminal))
}

fn on_terminal(output: Output, run: impl FnOnce(&mut Terminal<'_>) -> Result<Exit>) -> ExitCode {
    let (mut input, mut out, mut err) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    let today = jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date();
    let prompt = std::io::IsTerminal::is_terminal(&input);
    let mut terminal = Terminal { input: &mut input, prompt, out: &mut out, err: &mut err, output, today };
    match run(&mut terminal) {
        Ok(exit) => exit.into(),
        Err(error) => {
            // Nobody is left to tell when standard error is gone.
            let _ = std::io::Write::write_fmt(terminal.err, format_args!("forcefield: {error:#}\n"));
            Exit::Failed.into()
        }
    }
}

/// Runs a command.
///
/// # Errors
/// What keeps it from running: a file that cannot be read, or a terminal that cannot be written.
pub fn run(tool: &Tool, terminal: &mut Terminal<'_>) -> Result<Exit> {
    match tool {
        Tool::Check(args) => check::run(args, terminal),
        Tool::Explain(args) => explain::run(args, terminal),
        Tool::CanI(args) => grants::can_i(args, terminal),
        Tool::WhoCan(args) => grants::who_can(args, terminal),
        Tool::Audit(args) => audit::run(args, terminal),
        Tool::HashSecret(args) => hash_secret::run(args, terminal),
        Tool::Completions(args) => completions::run(args, terminal),
    }
}
