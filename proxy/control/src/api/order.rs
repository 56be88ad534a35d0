//! An order as it was read: every part checked before anything changes.

use forcefield_config::config::{Budget, Rate, Window};
use forcefield_config::quantity;
use jiff::Timestamp;

use crate::restraints::{Effect, Restraint};
use crate::routes::Action;
use crate::wire::{ActionRequest, RestraintStatus};

/// What a responder ordered.
#[derive(Debug)]
pub(super) struct Order {
    /// The restraint to put on; `None` lifts all.
    pub(super) effect: Option<Effect>,
    pub(super) reason: String,
    pub(super) until: Option<Timestamp>,
}

// === impl Order ===

impl Order {
    pub(super) fn read(action: Action, request: &ActionRequest, now: Timestamp) -> Result<Self, String> {
        let reason = match action {
            Action::Restore => reason_only(request)?,
            Action::Throttle | Action::Quarantine | Action::Kill => reason(request)?,
        };
        let of_throttle = request.requests.is_some() || request.rows.is_some();
        let effect = match action {
            Action::Throttle if !of_throttle => {
                return Err("a throttle needs `requests` or `rows`, as `1/s` or `1000/hour`".to_owned());
            }
            Action::Throttle => Some(throttle(request)?),
            Action::Quarantine | Action::Kill if of_throttle => {
                return Err("`requests` and `rows` are of a throttle".to_owned());
            }
            Action::Quarantine => Some(Effect::Quarantine),
            Action::Kill => Some(Effect::Kill),
            Action::Restore => None,
        };
        let until = match &request.lasting {
            None => None,
            Some(text) => {
                let lasting = quantity::lasting(text).map_err(|wrong| format!("`for`: {wrong}"))?;
                let until = now.checked_add(lasting);
                Some(until.map_err(|_| "`for`: it ends too late".to_owned())?)
            }
        };
        Ok(Self { effect, reason, until })
    }
}

/// The reason of an order that takes nothing else.
pub(super) fn reason_only(request: &ActionRequest) -> Result<String, String> {
    if request.lasting.is_some() || request.requests.is_some() || request.rows.is_some() {
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
