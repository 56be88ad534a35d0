//! An order as it was read: every part checked before anything changes.

use std::time::Duration;

use forcefield_config::config::{Budget, Rate, Window};
use forcefield_config::quantity;
use jiff::Timestamp;

use crate::restraints::{Effect, Restraint};
use crate::routes::Action;
use crate::widenings::{Ask, GrantText};
use crate::wire::{ActionRequest, RestraintStatus};

/// What a responder ordered.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) what: What,
    pub(super) reason: String,
}

/// What is to happen.
#[derive(Debug)]
pub(super) enum What {
    /// Something narrower, until then.
    Restrain(Effect, Option<Timestamp>),
    /// No more break-glass.
    EndGrants,
    /// Something wider.
    Widen(Ask),
}

// === impl Order ===

impl Order {
    pub(super) fn read(action: Action, request: &ActionRequest, now: Timestamp) -> Result<Self, String> {
        let (of_throttle, of_grant) = (is_of_throttle(request), is_of_grant(request));
        let what = match action {
            Action::Restore => {
                return Ok(Self { what: What::Widen(Ask::Restore), reason: reason_only(request)? });
            }
            Action::EndBreakGlass => {
                return Ok(Self { what: What::EndGrants, reason: reason_only(request)? });
            }
            Action::Throttle if !of_throttle => {
                return Err("a throttle needs `requests` or `rows`, as `1/s` or `1000/hour`".to_owned());
            }
            Action::Quarantine | Action::Kill | Action::BreakGlass if of_throttle => {
                return Err("`requests` and `rows` are of a throttle".to_owned());
            }
            Action::Throttle | Action::Quarantine | Action::Kill if of_grant => {
                return Err("`allow` and `also` are of break-glass".to_owned());
            }
            Action::Throttle => What::Restrain(throttle(request)?, ending(request, now)?),
            Action::Quarantine => What::Restrain(Effect::Quarantine, ending(request, now)?),
            Action::Kill => What::Restrain(Effect::Kill, ending(request, now)?),
            Action::BreakGlass => What::Widen(grant(request)?),
        };
        Ok(Self { what, reason: reason(request)? })
    }
}

fn is_of_throttle(request: &ActionRequest) -> bool {
    request.requests.is_some() || request.rows.is_some()
}

fn is_of_grant(request: &ActionRequest) -> bool {
    request.allow.is_some() || !request.also.is_empty()
}

/// When what narrows ends by itself.
fn ending(request: &ActionRequest, now: Timestamp) -> Result<Option<Timestamp>, String> {
    let Some(lasting) = lasting(request)? else { return Ok(None) };
    now.checked_add(lasting).map(Some).map_err(|_| "`for`: it ends too late".to_owned())
}

fn lasting(request: &ActionRequest) -> Result<Option<Duration>, String> {
    let read = |text| quantity::lasting(text).map_err(|wrong| format!("`for`: {wrong}"));
    request.lasting.as_deref().map(read).transpose()
}

/// What break-glass is to grant. Whether its words mean anything is for the integration's org to say.
fn grant(request: &ActionRequest) -> Result<Ask, String> {
    let lasting = lasting(request)?.ok_or("`for`: say for how long, as `1h`; at most `24h`")?;
    if !(SHORTEST_GRANT..=LONGEST_GRANT).contains(&lasting) {
        return Err("`for`: a grant lasts from `1s` to `24h`".to_owned());
    }
    let allow = request.allow.clone().unwrap_or_default().0;
    if allow.trim().is_empty() && request.also.is_empty() {
        return Err("`allow` or `also`: say what to grant, as in an integration's file".to_owned());
    }
    let text = GrantText { allow, also: request.also.clone() };
    Ok(Ask::BreakGlass(text, Duration::from_secs(lasting.as_secs())))
}

/// The reason of an order that takes nothing else.
pub(super) fn reason_only(request: &ActionRequest) -> Result<String, String> {
    if request.lasting.is_some() || is_of_throttle(request) || is_of_grant(request) {
        return Err("this takes a `reason` and nothing else".to_owned());
    }
    reason(request)
}

fn reason(request: &ActionRequest) -> Result<String, String> {
    let reason = request.reason.trim();
    if !(SHORTEST_REASON..=LONGEST_REASON).contains(&reason.chars().count()) {
        return Err(format!("`reason`: say why, in {SHORTEST_REASON} to {LONGEST_REASON} characters"));
    }
    if reason.chars().any(char::is_control) {
        return Err("`reason`: one line, without control characters".to_owned());
    }
    Ok(reason.to_owned())
}

fn throttle(request: &ActionRequest) -> Result<Effect, String> {
    let rate = |text: &String| quantity::rate(text).map_err(|wrong| format!("`requests`: {wrong}"));
    let rows = |text: &String| quantity::rows(text).map_err(|wrong| format!("`rows`: {wrong}"));
    Ok(Effect::Throttle {
        requests: request.requests.as_ref().map(rate).transpose()?,
        rows: request.rows.as_ref().map(rows).transpose()?,
    })
}

/// Restraints as they are told.
pub(super) fn statuses(restraints: &[Restraint]) -> Vec<RestraintStatus> {
    restraints.iter().map(status).collect()
}

fn status(restraint: &Restraint) -> RestraintStatus {
    let (action, requests, rows) = match restraint.effect {
        Effect::Throttle { requests, rows } => ("throttle", requests.map(rate), rows.map(budget)),
        Effect::Quarantine => ("quarantine", None, None),
        Effect::Kill => ("kill", None, None),
    };
    RestraintStatus {
        action: action.to_owned(),
        requests,
        rows,
        by: restraint.by.clone(),
        reason: restraint.reason.clone(),
        since: restraint.since,
        until: restraint.until,
    }
}

/// One restraint in words.
pub(super) fn describe(restraint: &Restraint) -> String {
    let status = status(restraint);
    format!("the {} of {} ({})", status.action, status.by, status.reason)
}

fn rate(rate: Rate) -> String {
    let per = match rate.per.as_secs() {
        60 => "m",
        3600 => "h",
        _ => "s",
    };
    format!("{}/{per}", rate.requests)
}

fn budget(budget: Budget) -> String {
    let window = if budget.window == Window::Hour { "hour" } else { "day" };
    format!("{}/{window}", budget.amount)
}

const SHORTEST_REASON: usize = 3;
const LONGEST_REASON: usize = 500;
const SHORTEST_GRANT: Duration = Duration::from_secs(1);
const LONGEST_GRANT: Duration = Duration::from_secs(24 * 3600);
