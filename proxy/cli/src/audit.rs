//! `audit verify` and `audit query`: the record as an auditor asks it, from its folder alone.

mod verify;

use std::collections::VecDeque;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use forcefield_audit::{Filter, Seen, Summary};
use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde_json::json;

use crate::args::Output;
use crate::table::table;
use crate::terminal::{Exit, Terminal};
use verify::{Keys, Verify};

/// What is asked of the record.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Tell whether every line is as it was written, in its place, and none is missing; where not, in which file and line.
    Verify(Verify),
    /// Print the public key by which signatures of the record are verified: to be given to auditors.
    PublicKey(Keys),
    /// Tell what integrations read, when, and from where. Verifies nothing.
    Query(Query),
}

/// The arguments of `audit query`.
#[derive(Debug, Args)]
#[command(after_help = "Times are UTC: `2026-03-31T11:00:00Z`, or `11:00` of --day.")]
pub struct Query {
    /// The folder of the record.
    dir: PathBuf,
    /// Of this integration, or responder.
    #[arg(long)]
    identity: Option<String>,
    /// Touching this object.
    #[arg(long)]
    object: Option<String>,
    /// Ended so: allowed, refused, cut, aborted or failed.
    #[arg(long, value_parser = ["allowed", "refused", "cut", "aborted", "failed"])]
    outcome: Option<String>,
    /// With this decision id.
    #[arg(long)]
    decision: Option<String>,
    /// From then on.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Until before then.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// The day of times without one; today when left out.
    #[arg(long, value_name = "DATE")]
    day: Option<Date>,
    /// How many of the newest exchanges are listed; the sums are of all.
    #[arg(long, default_value_t = 1000)]
    limit: usize,
}

pub(crate) fn run(audit: &Audit, terminal: &mut Terminal<'_>) -> Result<Exit> {
    match audit {
        Audit::Verify(args) => verify::run(args, terminal),
        Audit::PublicKey(keys) => verify::public_key(keys, terminal),
        Audit::Query(args) => query(args, terminal),
    }
}

fn query(args: &Query, terminal: &mut Terminal<'_>) -> Result<Exit> {
    let day = args.day.unwrap_or(terminal.today);
    let filter = Filter {
        identity: args.identity.clone(),
        from: args.from.as_deref().map(|text| moment(text, day)).transpose()?,
        until: args.until.as_deref().map(|text| moment(text, day)).transpose()?,
        object: args.object.clone(),
        outcome: args.outcome.clone(),
        decision: args.decision.clone(),
    };
    let (mut newest, mut cut) = (VecDeque::new(), false);
    let summary = forcefield_audit::query(&args.dir, &filter, |seen| {
        newest.push_back(seen);
        if newest.len() > args.limit {
            newest.pop_front();
            cut = true;
        }
    });
    let summary = summary.with_context(|| format!("cannot read {}", args.dir.display()))?;
    match terminal.output {
        Output::Json => terminal.json(&json!({ "summary": summary, "records": newest, "cut": cut }))?,
        Output::Text => write!(terminal.out, "{}{}", exchanges(&newest), sums(&summary))?,
    }
    if cut {
        terminal.say(format_args!("only the newest {} are listed; see --limit", args.limit))?;
    }
    Ok(Exit::Done)
}

/// A time as it is written: with its day, or of a day.
fn moment(text: &str, day: Date) -> Result<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    match text.parse::<Time>() {
        Ok(time) => Ok(TimeZone::UTC.to_timestamp(day.to_datetime(time))?),
        Err(_) => bail!("`{text}` is no time; write `2026-03-31T11:00:00Z`, or `11:00` of --day"),
    }
}

fn exchanges(all: &VecDeque<Seen>) -> String {
    let mut rows = vec![
        ["TIME", "DECISION", "WHO", "FROM", "DOOR", "OPERATION", "OBJECTS", "ROWS", "BYTES", "OUTCOME"]
            .map(str::to_owned),
    ];
    rows.extend(all.iter().map(|seen| {
        let objects: Vec<&str> = seen.objects.iter().map(|(name, _)| name.as_str()).collect();
        [
            seen.time.to_string(),
            seen.decision.clone(),
            seen.identity.clone(),
            seen.source.clone(),
            seen.door.clone(),
            seen.operation.clone(),
            objects.join(" "),
            seen.rows.to_string(),
            seen.bytes.to_string(),
            seen.outcome.clone(),
        ]
    }));
    table(&rows)
}

/// What all of them come to: objects with their fields, rows, bytes, from where.
fn sums(summary: &Summary) -> String {
    let outcomes: Vec<String> =
        summary.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let Summary { exchanges, rows, bytes, .. } = summary;
    let mut text = format!("\n{exchanges} exchanges ({}), {rows} rows, {bytes} bytes\n", outcomes.join(", "));
    let sources: Vec<&str> = summary.sources.iter().map(String::as_str).collect();
    text.push_str(&format!(
        "from {}\n",
        if sources.is_empty() { "nowhere".into() } else { sources.join(", ") }
    ));
    for (object, fields) in &summary.objects {
        let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
        text.push_str(&format!("{object}: {}\n", fields.join(", ")));
    }
    text
}
