//! Commands for what integrations hold: `sessions` and `jobs`.

use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use forcefield_config::config::Role;
use forcefield_control::wire::{Jobs, Sessions as Held};

use super::reach::Reach;
use super::{One, client, post, reason, segment, show};
use crate::table::table;
use crate::terminal::{Exit, Terminal};

/// The arguments of `sessions`.
#[derive(Debug, Args)]
pub struct Sessions {
    #[command(subcommand)]
    revoke: Option<SessionsCommand>,
    #[command(flatten)]
    one: One,
}

/// What is done with sessions.
#[derive(Debug, Subcommand)]
enum SessionsCommand {
    /// Revoke one, by the id that the list shows; with a refresh token, all of the same login.
    Revoke(Revoke),
}

/// The arguments of `sessions revoke`.
#[derive(Debug, Args)]
struct Revoke {
    /// The session's public id.
    id: String,
    /// Why: for the record.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn sessions(args: &Sessions, terminal: &mut Terminal<'_>) -> Result<Exit> {
    if let Some(SessionsCommand::Revoke(args)) = &args.revoke {
        let plain = args.id.bytes().all(|byte| byte.is_ascii_hexdigit());
        ensure!(!args.id.is_empty() && plain, "`{}` is not the id of a session", args.id);
        let path = format!("/v1/sessions/{}/revoke", args.id);
        return post(&args.reach, Role::Responder, (&path, &reason(&args.reason)), terminal);
    }
    let reply = client(&args.one.reach, Role::Viewer, terminal)?.get(&of(&args.one, "sessions")?)?;
    show(&reply, terminal, |held: &Held| {
        let mut rows =
            vec![["SESSION", "INTEGRATION", "KIND", "SINCE", "UNTIL", "BOUND TO"].map(str::to_owned)];
        rows.extend(held.sessions.iter().cloned().map(|session| {
            let (since, until) = (session.since.to_string(), session.until.to_string());
            [session.id, session.identity, session.kind, since, until, session.bound_to]
        }));
        table(&rows)
    })
}

pub(super) fn jobs(args: &One, terminal: &mut Terminal<'_>) -> Result<Exit> {
    let reply = client(&args.reach, Role::Viewer, terminal)?.get(&of(args, "jobs")?)?;
    show(&reply, terminal, |held: &Jobs| {
        let mut rows =
            vec![["KIND", "ID", "INTEGRATION", "OBJECTS", "SINCE", "KEPT UNTIL"].map(str::to_owned)];
        rows.extend(held.jobs.iter().cloned().map(|job| {
            let kept = job.kept_until.map_or_else(|| "-".to_owned(), |until| until.to_string());
            [job.kind, job.id, job.identity, job.objects.join(" "), job.since.to_string(), kept]
        }));
        let more = if held.cut { "older ones are left out\n" } else { "" };
        table(&rows) + more
    })
}

fn of(one: &One, what: &str) -> Result<String> {
    Ok(match &one.identity {
        None => format!("/v1/{what}"),
        Some(identity) => format!("/v1/identities/{}/{what}", segment(identity)?),
    })
}
