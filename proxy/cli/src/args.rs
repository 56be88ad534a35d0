//! The arguments of the binary. A command joins this tree when it works.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::audit::Audit;
use crate::control::Control;

/// An egress proxy that enforces least privilege on Salesforce API traffic.
#[derive(Debug, Parser)]
#[command(
    name = "forcefield",
    version,
    after_help = "Exit codes: 0 done or allowed, 1 refused, with errors, or done in part, 2 not run, \
                  3 proposed: it waits for another person."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// In which form data is written.
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub output: Output,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Try it out: an emulated org, Forcefield before it, three sample integrations, live decisions.
    Dev(Dev),
    /// Serve a configuration.
    Serve(Serve),
    /// What responders do.
    #[command(flatten)]
    Control(Box<Control>),
    /// What needs no running proxy.
    #[command(flatten)]
    Tool(Tool),
}

/// A command that needs no running proxy: [`crate::execute`] runs it.
#[derive(Debug, Subcommand)]
pub enum Tool {
    /// Tell every problem of a configuration.
    Check(Check),
    /// Tell what a request means, and whether an integration may make it.
    Explain(Explain),
    /// Tell whether an integration holds a grant.
    CanI(CanI),
    /// Tell which integrations hold a grant.
    WhoCan(WhoCan),
    /// Verify or ask the record.
    #[command(subcommand)]
    Audit(Audit),
    /// Hash a client secret or password for a configuration.
    HashSecret(HashSecret),
    /// Print a shell's completions.
    Completions(Completions),
}

/// In which form data is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The arguments of `dev`.
#[derive(Debug, Args)]
pub struct Dev {
    /// Run the sample traffic, print a summary, and exit 0 only if every expectation held.
    #[arg(long)]
    pub once: bool,
    /// Replay a breach, straight at the org and through Forcefield, side by side; exit 0 only if Forcefield held.
    #[arg(long, value_enum, value_name = "NAME", conflicts_with = "once")]
    pub drill: Option<Drill>,
    /// The address to listen on.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
}

/// A breach to replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Drill {
    /// August 2025: list, describe, count, sample, export, and the job deleted.
    Drift,
    /// June 2026: another client, a burst of queries, and paging over millions of rows.
    Klue,
}

/// The arguments of `serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// The main file.
    #[arg(long, default_value = "forcefield.yaml", env = "FORCEFIELD_CONFIG")]
    pub config: PathBuf,
    /// Take over the listening sockets of the process that runs: send it SIGQUIT when this one waits for them.
    #[arg(long)]
    pub upgrade: bool,
}

/// The arguments of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The main file.
    #[arg(long, default_value = "forcefield.yaml", env = "FORCEFIELD_CONFIG")]
    pub config: PathBuf,
}

/// The arguments of `explain`.
#[derive(Debug, Args)]
#[command(after_help = "Names are looked up in the objects that every org has, and in those of --schema.")]
pub struct Explain {
    /// The method, such as GET.
    #[arg(required_unless_present = "batch")]
    pub method: Option<String>,
    /// Path and query string, encoded as they are sent.
    #[arg(required_unless_present = "batch")]
    pub path: Option<String>,
    /// The body: a file, or `-` for standard input.
    #[arg(long)]
    pub body: Option<PathBuf>,
    /// A header, as `Name: value`.
    #[arg(long = "header", short = 'H', value_name = "HEADER")]
    pub headers: Vec<String>,
    /// The main file: with --identity, tells whether the integration may make the request.
    #[arg(long, requires = "identity")]
    pub config: Option<PathBuf>,
    /// The integration.
    #[arg(long, requires = "config")]
    pub identity: Option<String>,
    /// Further objects and fields, in the text form of a cached schema.
    #[arg(long)]
    pub schema: Option<PathBuf>,
    /// A table of requests (columns method, path, content_type, body), explained row by row as JSON.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["method", "path", "body", "headers", "config", "schema"])]
    pub batch: Option<PathBuf>,
    /// Compare with the table's columns api, operation, objects, fields, is_bulk_export, and tell the score by door.
    #[arg(long, requires = "batch", conflicts_with = "method")]
    pub score: bool,
}

/// The arguments of `can-i`.
#[derive(Debug, Args)]
#[command(after_help = "Names are looked up in the objects that every org has, and in those of --schema.")]
pub struct CanI {
    /// The integration.
    pub identity: String,
    /// The verb: read, create, update, delete, undelete, merge, publish, subscribe or describe.
    pub verb: String,
    /// An object, or one of its fields: Contact, Contact.Email.
    pub access: String,
    /// The main file.
    #[arg(long, default_value = "forcefield.yaml", env = "FORCEFIELD_CONFIG")]
    pub config: PathBuf,
    /// Further objects and fields, in the text form of a cached schema.
    #[arg(long)]
    pub schema: Option<PathBuf>,
}

/// The arguments of `who-can`.
#[derive(Debug, Args)]
#[command(after_help = "Names are looked up in the objects that every org has, and in those of --schema.")]
pub struct WhoCan {
    /// The verb: read, create, update, delete, undelete, merge, publish, subscribe or describe.
    pub verb: String,
    /// An object, or one of its fields: Contact, Contact.Email.
    pub access: String,
    /// The main file.
    #[arg(long, default_value = "forcefield.yaml", env = "FORCEFIELD_CONFIG")]
    pub config: PathBuf,
    /// Further objects and fields, in the text form of a cached schema.
    #[arg(long)]
    pub schema: Option<PathBuf>,
}

/// The arguments of `hash-secret`.
#[derive(Debug, Args)]
pub struct HashSecret {
    /// Make a secret, and show it once on standard error.
    #[arg(long)]
    pub generate: bool,
}

/// The arguments of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    pub shell: Shell,
}
