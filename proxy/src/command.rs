//! The command line: what the data plane runs itself, and what `cli` runs.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use forcefield_cli::{Cli, Command};
use tracing_subscriber::EnvFilter;

use crate::app::App;

/// Runs the command line and gives its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            complain(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        Command::Serve(arguments) => {
            log("info");
            crate::process::keep_memory_private();
            // The one TLS provider, before anything builds a configuration of its own.
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            let read = forcefield_cli::read_config(&arguments.config, crate::app::today())?;
            for warning in read.warnings {
                tracing::warn!(%warning, "configuration");
            }
            App::wire(read.config, Some(arguments.config))?.serve(arguments.upgrade)?;
            Ok(ExitCode::SUCCESS)
        }
        #[cfg(feature = "dev")]
        Command::Dev(arguments) => {
            log("error");
            let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
            // Made first, so that it goes away last: what runs writes into it until the runtime is gone.
            let folder = tempfile::TempDir::with_prefix("forcefield-dev-");
            let folder = folder.context("making a temporary folder")?;
            let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
            let options = crate::dev::Options {
                listen: arguments.listen,
                once: arguments.once,
                drill: arguments.drill,
                output: cli.output,
            };
            runtime.block_on(crate::dev::run(options, folder.path()))
        }
        #[cfg(not(feature = "dev"))]
        Command::Dev(_) => anyhow::bail!("this build has no emulated org; build with the feature `dev`"),
        Command::Control(command) => Ok(forcefield_cli::execute_control(&command, cli.output)),
        Command::Tool(tool) => Ok(forcefield_cli::execute(&tool, cli.output)),
    }
}

/// Logs as JSON lines on standard error; `FORCEFIELD_LOG` says how much.
fn log(default: &str) {
    let filter = EnvFilter::try_from_env("FORCEFIELD_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt().json().with_env_filter(filter).with_writer(std::io::stderr);
    // Where the log cannot be written there is nowhere to say so: trying would end the thread that does.
    let log = log.log_internal_errors(false).finish();
    // Not `init`, which takes in what libraries log elsewhere where some other crate of the build wants that.
    let _ = tracing::subscriber::set_global_default(log);
}

#[expect(clippy::print_stderr, reason = "errors of a command go to standard error")]
fn complain(text: &str) {
    eprintln!("{text}");
}
