//! What responders do: `status`, `streams`, `sessions`, `jobs`, `throttle`, `quarantine`, `kill`, `restore`, `break-glass`, `proposals`,
//! `approve`, `withdraw`, `lockdown`, `reload`, over the control API.

mod client;
mod held;
mod reach;
mod widen;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use forcefield_config::config::Role;
use forcefield_control::wire::{
    ActionAnswer, ActionRequest, IdentityStatus, Problem, RestraintStatus, Spent, Status, Streams,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::args::Output;
use crate::table::table;
use crate::terminal::{Exit, Terminal};
use client::{Client, Reply};
use reach::Reach;

/// A command for responders.
#[derive(Debug, Subcommand)]
pub enum Control {
    /// Tell how integrations stand: what they have open and spent, what was refused, what responders put on them.
    Status(One),
    /// Tell which exchanges are under way.
    Streams(All),
    /// Tell which sessions Forcefield gave out, without any secret; or revoke one.
    Sessions(Box<held::Sessions>),
    /// Tell which cursors and jobs integrations created.
    Jobs(One),
    /// Narrow an integration's limits.
    Throttle(Throttle),
    /// Refuse every request of an integration, and leave what it holds.
    Quarantine(Narrow),
    /// Quarantine an integration, cut what it has open, revoke its sessions and the org's token.
    Kill(Narrow),
    /// Lift everything that responders put on an integration, or propose that.
    Restore(Act),
    /// Grant an integration more for a while, or propose that; or end what was granted.
    BreakGlass(widen::BreakGlass),
    /// Tell what is proposed and waits for another person.
    Proposals(All),
    /// Have a proposal of somebody else done.
    Approve(widen::Settle),
    /// Put a proposal aside.
    Withdraw(widen::Settle),
    /// Quarantine every integration at once; each is let in again by `restore`.
    Lockdown(Lockdown),
    /// Take up the configuration's files.
    Reload(Reload),
}

/// The arguments of `status`.
#[derive(Debug, Args)]
pub struct One {
    /// The integration; all of them when it is left out.
    identity: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

/// The arguments of `streams`.
#[derive(Debug, Args)]
pub struct All {
    #[command(flatten)]
    reach: Reach,
}

/// The arguments of `throttle`.
#[derive(Debug, Args)]
pub struct Throttle {
    /// The most requests, as `1/s`, `60/m` or `1000/h`.
    #[arg(long, required_unless_present = "rows")]
    requests: Option<String>,
    /// The most rows, as `1000/hour` or `20000/day`.
    #[arg(long)]
    rows: Option<String>,
    #[command(flatten)]
    narrow: Narrow,
}

/// The arguments of what narrows.
#[derive(Debug, Args)]
pub struct Narrow {
    /// For how long, as `2h`; until it is restored when left out.
    #[arg(long = "for", value_name = "TIME")]
    lasting: Option<String>,
    #[command(flatten)]
    act: Act,
}

/// The arguments of what acts on one integration.
#[derive(Debug, Args)]
pub struct Act {
    /// The integration.
    identity: String,
    /// Why: for the record.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    reach: Reach,
}

/// The arguments of `lockdown`.
#[derive(Debug, Args)]
pub struct Lockdown {
    /// Why: for the record.
    #[arg(long)]
    reason: String,
    /// For how long, as `2h`; until each is restored when left out.
    #[arg(long = "for", value_name = "TIME")]
    lasting: Option<String>,
    #[command(flatten)]
    reach: Reach,
}

/// The arguments of `reload`.
#[derive(Debug, Args)]
pub struct Reload {
    /// Why: for the record.
    #[arg(long, default_value = "asked for on the command line")]
    reason: String,
    #[command(flatten)]
    reach: Reach,
}

pub(crate) fn run(command: &Control, terminal: &mut Terminal<'_>) -> Result<Exit> {
    match command {
        Control::Status(One { identity: None, reach }) => {
            let reply = client(reach, Role::Viewer, terminal)?.get("/v1/status")?;
            show(&reply, terminal, |status: &Status| identities(&status.identities))
        }
        Control::Status(One { identity: Some(identity), reach }) => {
            let path = format!("/v1/identities/{}", segment(identity)?);
            let reply = client(reach, Role::Viewer, terminal)?.get(&path)?;
            show(&reply, terminal, |status: &IdentityStatus| identities(std::slice::from_ref(status)))
        }
        Control::Streams(All { reach }) => {
            let reply = client(reach, Role::Viewer, terminal)?.get("/v1/streams")?;
            show(&reply, terminal, streams)
        }
        Control::Sessions(args) => held::sessions(args, terminal),
        Control::Jobs(args) => held::jobs(args, terminal),
        Control::Throttle(args) => {
            let (requests, rows) = (args.requests.clone(), args.rows.clone());
            act("throttle", &args.narrow, (requests, rows), terminal)
        }
        Control::Quarantine(args) => act("quarantine", args, (None, None), terminal),
        Control::Kill(args) => act("kill", args, (None, None), terminal),
        Control::Restore(args) => {
            let path = format!("/v1/identities/{}/restore", segment(&args.identity)?);
            widen::ask(&args.reach, (&path, &reason(&args.reason)), terminal)
        }
        Control::BreakGlass(args) => widen::break_glass(args, terminal),
        Control::Proposals(All { reach }) => {
            let reply = client(reach, Role::Viewer, terminal)?.get("/v1/proposals")?;
            show(&reply, terminal, widen::proposals)
        }
        Control::Approve(args) => widen::settle("approve", args, terminal),
        Control::Withdraw(args) => widen::settle("withdraw", args, terminal),
        Control::Lockdown(args) => {
            let request = ActionRequest { lasting: args.lasting.clone(), ..reason(&args.reason) };
            post(&args.reach, Role::Responder, ("/v1/lockdown", &request), terminal)
        }
        Control::Reload(args) => {
            post(&args.reach, Role::Admin, ("/v1/reload", &reason(&args.reason)), terminal)
        }
    }
}

fn act(
    action: &str,
    args: &Narrow,
    (requests, rows): (Option<String>, Option<String>),
    terminal: &mut Terminal<'_>,
) -> Result<Exit> {
    let path = format!("/v1/identities/{}/{action}", segment(&args.act.identity)?);
    let request = ActionRequest { lasting: args.lasting.clone(), requests, rows, ..reason(&args.act.reason) };
    post(&args.act.reach, Role::Responder, (&path, &request), terminal)
}

fn reason(reason: &str) -> ActionRequest {
    ActionRequest { reason: reason.to_owned(), ..ActionRequest::default() }
}

fn post(
    reach: &Reach,
    role: Role,
    (path, request): (&str, &ActionRequest),
    terminal: &mut Terminal<'_>,
) -> Result<Exit> {
    let reply = client(reach, role, terminal)?.post(path, request)?;
    acted_upon(&reply, terminal)
}

fn acted_upon(reply: &Reply, terminal: &mut Terminal<'_>) -> Result<Exit> {
    let mut whole = true;
    let exit = show(reply, terminal, |answer: &ActionAnswer| {
        whole = answer.undone.is_empty();
        acted(answer)
    })?;
    let in_part = terminal.output == Output::Json && reply.is_success() && !whole_of(reply)?;
    Ok(if whole && !in_part { exit } else { Exit::Refused })
}

fn whole_of(reply: &Reply) -> Result<bool> {
    let answer: ActionAnswer = serde_json::from_slice(&reply.body)?;
    Ok(answer.undone.is_empty())
}

fn client(reach: &Reach, role: Role, terminal: &mut Terminal<'_>) -> Result<Client> {
    let (client, acting) = reach.client(role, terminal.today)?;
    if let Some(name) = acting {
        terminal.say(format_args!("acting as {name}"))?;
    }
    Ok(client)
}

/// A name as a segment of a path. Names of integrations need no encoding; what does is none.
fn segment(name: &str) -> Result<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    anyhow::ensure!(
        !name.is_empty() && name.bytes().all(plain),
        "`{name}` is not the name of an integration"
    );
    Ok(name)
}

/// Shows an answer: as it came for programs, as a table for people.
fn show<T: DeserializeOwned + Serialize>(
    reply: &Reply,
    terminal: &mut Terminal<'_>,
    table: impl FnOnce(&T) -> String,
) -> Result<Exit> {
    if !reply.is_success() {
        let problem: Option<Problem> = serde_json::from_slice(&reply.body).ok();
        match (&problem, terminal.output) {
            (Some(problem), Output::Json) => terminal.json(problem)?,
            (Some(problem), Output::Text) => {
                terminal.say(format_args!("refused: {} (decision {})", problem.error, problem.decision))?;
            }
            (None, _) => anyhow::bail!("the control listener answered {}", reply.status),
        }
        return Ok(Exit::Refused);
    }
    let data: T = serde_json::from_slice(&reply.body).context("the answer is not of this version")?;
    match terminal.output {
        Output::Json => terminal.json(&data)?,
        Output::Text => write!(terminal.out, "{}", table(&data))?,
    }
    Ok(Exit::Done)
}

fn identities(all: &[IdentityStatus]) -> String {
    let mut rows = vec![
        ["INTEGRATION", "STATE", "OPEN", "EXCHANGES", "REFUSED", "ROWS", "BYTES", "CALLS", "LAST REFUSAL"]
            .map(str::to_owned),
    ];
    for status in all {
        let last = status.last_refusal.as_ref();
        rows.push([
            status.identity.clone(),
            state(&status.restraints, &status.mode),
            status.in_flight.to_string(),
            status.exchanges.to_string(),
            status.refused.to_string(),
            spent(&status.rows),
            spent(&status.bytes),
            spent(&status.calls),
            last.map_or_else(|| "-".to_owned(), |last| format!("{} {}", last.rule, last.at)),
        ]);
    }
    let mut text = table(&rows);
    for status in all {
        for restraint in &status.restraints {
            text.push_str(&format!("{}: {}\n", status.identity, standing(restraint)));
        }
        for grant in &status.break_glass {
            text.push_str(&format!("{}: {}\n", status.identity, widen::standing(grant)));
        }
    }
    text
}

fn state(restraints: &[RestraintStatus], mode: &str) -> String {
    let has = |action: &str| restraints.iter().any(|restraint| restraint.action == action);
    let state = ["kill", "quarantine", "throttle"].into_iter().find(|action| has(action));
    state
        .map_or(mode, |action| match action {
            "kill" => "KILLED",
            "quarantine" => "QUARANTINED",
            _ => "THROTTLED",
        })
        .to_owned()
}

fn spent(spent: &Spent) -> String {
    match &spent.budget {
        None => spent.day.to_string(),
        Some(budget) => {
            let of_window = if budget.window == "hour" { spent.hour } else { spent.day };
            format!("{of_window} of {}/{}", budget.amount, budget.window)
        }
    }
}

fn standing(restraint: &RestraintStatus) -> String {
    let limits = [&restraint.requests, &restraint.rows].into_iter().flatten();
    let limits: Vec<&str> = limits.map(String::as_str).collect();
    let limits = if limits.is_empty() { String::new() } else { format!(" to {}", limits.join(" and ")) };
    let until = restraint.until.map_or_else(|| "until restored".to_owned(), |until| format!("until {until}"));
    format!(
        "{}{limits} by {} since {}, {until}: {}",
        restraint.action, restraint.by, restraint.since, restraint.reason
    )
}

fn streams(all: &Streams) -> String {
    let mut rows = vec![
        ["DECISION", "INTEGRATION", "FROM", "SINCE", "DOOR", "OBJECTS", "ROWS", "BYTES"].map(str::to_owned),
    ];
    rows.extend(all.streams.iter().map(|stream| {
        [
            stream.decision.clone(),
            stream.identity.clone(),
            stream.source.clone(),
            stream.since.to_string(),
            stream.door.clone(),
            stream.objects.join(" "),
            stream.rows.to_string(),
            stream.bytes.to_string(),
        ]
    }));
    table(&rows)
}

fn acted(answer: &ActionAnswer) -> String {
    let whom = answer.identity.as_ref().map(|identity| format!(" {identity}")).unwrap_or_default();
    let mut text = format!("{}{whom} (decision {})\n", answer.action, answer.decision);
    for done in &answer.done {
        text.push_str(&format!("  done: {done}\n"));
    }
    for undone in &answer.undone {
        text.push_str(&format!("  NOT DONE: {undone}\n"));
    }
    for restraint in &answer.restraints {
        text.push_str(&format!("  in force: {}\n", standing(restraint)));
    }
    text
}
