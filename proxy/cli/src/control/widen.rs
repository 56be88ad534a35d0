//! Commands for what widens: done at once by whoever may, else proposed and approved by somebody else.

use anyhow::{Result, ensure};
use clap::Args;
use forcefield_config::config::Role;
use forcefield_control::wire::{ActionRequest, Allow, GrantStatus, Proposal, Proposals};
use http::StatusCode;

use super::reach::Reach;
use super::{Act, acted_upon, client, post, reason, segment, show};
use crate::table::table;
use crate::terminal::{Exit, Terminal};

/// The arguments of `break-glass`.
#[derive(Debug, Args)]
pub struct BreakGlass {
    /// What to grant, as under `allow` in an integration's file: `Case: { read: [Subject] }`.
    #[arg(long, value_name = "YAML", required_unless_present_any = ["also", "end"])]
    allow: Option<String>,
    /// What to grant that is not about an object, as under `also`; may be repeated.
    #[arg(long, value_name = "DOOR")]
    also: Vec<String>,
    /// For how long, at most `24h`.
    #[arg(long = "for", value_name = "TIME", required_unless_present = "end")]
    lasting: Option<String>,
    /// End every break-glass grant on the integration.
    #[arg(long, conflicts_with_all = ["allow", "also", "lasting"])]
    end: bool,
    #[command(flatten)]
    act: Act,
}

/// The arguments of what settles a proposal.
#[derive(Debug, Args)]
pub struct Settle {
    /// The proposal's id.
    id: String,
    /// Why: for the record.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    reach: Reach,
}

pub(super) fn break_glass(args: &BreakGlass, terminal: &mut Terminal<'_>) -> Result<Exit> {
    let path = format!("/v1/identities/{}/break-glass", segment(&args.act.identity)?);
    if args.end {
        let request = reason(&args.act.reason);
        return post(&args.act.reach, Role::Responder, (&format!("{path}/end"), &request), terminal);
    }
    let request = ActionRequest {
        lasting: args.lasting.clone(),
        allow: args.allow.clone().map(Allow),
        also: args.also.clone(),
        ..reason(&args.act.reason)
    };
    ask(&args.act.reach, (&path, &request), terminal)
}

/// Asks for what widens: as an admin where one can be, who may perhaps alone, else as a responder, who proposes it.
pub(super) fn ask(
    reach: &Reach,
    (path, request): (&str, &ActionRequest),
    terminal: &mut Terminal<'_>,
) -> Result<Exit> {
    let client =
        client(reach, Role::Admin, terminal).or_else(|_| client(reach, Role::Responder, terminal))?;
    let reply = client.post(path, request)?;
    if reply.status != StatusCode::ACCEPTED {
        return acted_upon(&reply, terminal);
    }
    show(&reply, terminal, |proposal: &Proposal| {
        let told = proposals(&Proposals { proposals: vec![proposal.clone()] });
        let Proposal { id, needs, .. } = proposal;
        format!(
            "{told}NOT DONE YET: another person must run: forcefield approve {id} --reason ... (at least {needs})\n"
        )
    })?;
    Ok(Exit::Proposed)
}

pub(super) fn settle(how: &str, args: &Settle, terminal: &mut Terminal<'_>) -> Result<Exit> {
    let plain = args.id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    ensure!(!args.id.is_empty() && plain, "`{}` is not the id of a proposal", args.id);
    let path = format!("/v1/proposals/{}/{how}", args.id);
    post(&args.reach, Role::Responder, (&path, &reason(&args.reason)), terminal)
}

pub(super) fn proposals(all: &Proposals) -> String {
    let mut rows =
        vec![["PROPOSAL", "ACTION", "INTEGRATION", "BY", "UNTIL", "NEEDS", "REASON"].map(str::to_owned)];
    let mut grants = String::new();
    for proposal in &all.proposals {
        rows.push([
            proposal.id.clone(),
            proposal.action.clone(),
            proposal.identity.clone(),
            proposal.by.clone(),
            proposal.until.to_string(),
            proposal.needs.clone(),
            proposal.reason.clone(),
        ]);
        if let Some(grant) = &proposal.grant {
            let what = words(&grant.allow, &grant.also);
            grants.push_str(&format!("{}: for {} s: {what}\n", proposal.id, grant.seconds));
        }
    }
    table(&rows) + &grants
}

pub(super) fn standing(grant: &GrantStatus) -> String {
    let approved = grant.approved_by.as_ref().map(|by| format!(", approved by {by}")).unwrap_or_default();
    format!(
        "BREAK-GLASS {} by {}{approved} until {}: {} ({})",
        grant.id,
        grant.by,
        grant.until,
        words(&grant.allow, &grant.also),
        grant.reason
    )
}

/// What is granted, in one line.
fn words(allow: &Allow, also: &[String]) -> String {
    let allow = allow.0.split_whitespace().collect::<Vec<_>>().join(" ");
    let also = also.join(", ");
    [allow, also].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; also: ")
}
