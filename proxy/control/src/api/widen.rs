//! What widens: done at once by whoever may alone, else proposed, and then approved by somebody else or put aside.
//!
//! `approvals: 1`: an admin alone. `approvals: 2`: two different people, at least one of them an admin. A responder may
//! propose in either case. A proposal of somebody who is no responder any more is worth nothing.

use forcefield_config::config::{Approvals, Role};
use forcefield_policy::names::IdentityName;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use ulid::Ulid;

use super::standing::action;
use super::{Api, Refused, Reply, order};
use crate::restraints::Restraint;
use crate::routes::{Entry, Route};
use crate::running::Call;
use crate::staff::Responder;
use crate::widenings::{Ask, Closed, Grant, Proposal};
use crate::wire::{ActionAnswer, ActionRequest};

/// Whose the widening is: its owner, who approved it, why, and the id of its proposal or call.
struct Backing {
    id: Ulid,
    by: String,
    approved_by: Option<String>,
    reason: String,
}

impl Api {
    /// Does what widens, or notes it as a proposal.
    pub(super) fn widen(
        &self,
        (target, ask): (IdentityName, Ask),
        reason: String,
        (who, now): (&Responder, Timestamp),
        mut answer: ActionAnswer,
    ) -> Result<Reply, Refused> {
        if !self.running.can_record() {
            return Err(Refused::unrecorded());
        }
        self.grantable(&target, &ask)?;
        // The id of the call is that of what it puts on or proposes.
        let id = answer.decision.parse().unwrap_or_else(|_| Ulid::new());
        if who.role == Role::Admin && self.staff.load().approvals() == Approvals::One {
            let backing = Backing { id, by: who.name.clone(), approved_by: None, reason };
            self.carry_out(&target, &ask, (backing, now), &mut answer)?;
            return Ok(self.acted(&target, now, answer));
        }
        if self.widenings.proposals(now).len() >= MOST_PROPOSALS {
            return Err(Refused::conflict("too many proposals are open; approve or withdraw some"));
        }
        let by = who.name.clone();
        let until = now.checked_add(PROPOSALS_LIVE).unwrap_or(Timestamp::MAX);
        let proposal = Proposal { id, identity: target, ask, by, reason, since: now, until, closed: None };
        let proposal = self.widenings.propose(proposal).map_err(|error| unwritten("proposed", &error))?;
        Ok(Reply::Proposed(Box::new(self.standing.proposed(&proposal))))
    }

    /// Approves or withdraws a proposal. A repetition changes nothing.
    pub(super) async fn settle(
        &self,
        entry: &Entry,
        id: &str,
        request: &ActionRequest,
        (who, call): (&Responder, &mut Call),
    ) -> Result<Reply, Refused> {
        order::reason_only(request).map_err(|wrong| Refused::bad(&wrong))?;
        let now = Timestamp::now();
        let proposal = Ulid::from_string(id).ok().and_then(|id| self.widenings.proposal(id));
        let unknown = "there is no such proposal; each ends by itself after an hour";
        let proposal = proposal.ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, unknown))?;
        call.target = Some(proposal.identity.as_str().to_owned());
        let mut answer = ActionAnswer {
            decision: call.decision.to_string(),
            action: entry.name.to_owned(),
            identity: Some(proposal.identity.as_str().to_owned()),
            changed: false,
            done: vec![format!("{}: {} of {}", proposal.id, action(&proposal.ask), proposal.by)],
            undone: Vec::new(),
            restraints: Vec::new(),
        };
        let approves = entry.route == Route::Approve;
        match &proposal.closed {
            Some(Closed::Approved(by)) if approves => answer.done.push(format!("{by} approved it already")),
            Some(Closed::Withdrawn(by)) if !approves => answer.done.push(format!("{by} withdrew it already")),
            Some(Closed::Approved(by) | Closed::Withdrawn(by)) => {
                return Err(Refused::conflict(&format!("{by} has settled it already")));
            }
            None if now >= proposal.until => {
                return Err(Refused::conflict("it has ended by itself; propose it anew"));
            }
            None if approves => self.approve(&proposal, (who, now), &mut answer)?,
            None => {
                let closed = Closed::Withdrawn(who.name.clone());
                self.claim(&proposal, &closed)?;
                let closed = self.widenings.close(proposal.id, closed, now);
                closed.map_err(|error| unwritten("withdrawn", &error))?;
                answer.changed = true;
                answer.done.push("it is put aside".to_owned());
            }
        }
        Ok(self.acted(&proposal.identity, now, answer))
    }

    fn approve(
        &self,
        proposal: &Proposal,
        (who, now): (&Responder, Timestamp),
        answer: &mut ActionAnswer,
    ) -> Result<(), Refused> {
        if !self.running.can_record() {
            return Err(Refused::unrecorded());
        }
        let forbidden = |text: &str| Err(Refused::new(StatusCode::FORBIDDEN, text));
        if proposal.by == who.name {
            return forbidden("nobody approves a proposal of their own; somebody else must");
        }
        let Some(proposer) = self.staff.load().role(&proposal.by).filter(|role| *role >= Role::Responder)
        else {
            return Err(Refused::conflict("whoever proposed it is no responder any more; propose it anew"));
        };
        if proposer.max(who.role) < Role::Admin {
            return forbidden("it takes an admin: one of the two people must be");
        }
        self.known(proposal.identity.as_str())?;
        self.grantable(&proposal.identity, &proposal.ask)?;
        let newer = |restraint: &Restraint| restraint.since >= proposal.since;
        if proposal.ask == Ask::Restore && self.restraints.on(&proposal.identity, now).iter().any(newer) {
            return Err(Refused::conflict(
                "something was put on since it was proposed; look, and propose it anew",
            ));
        }
        let closed = Closed::Approved(who.name.clone());
        self.claim(proposal, &closed)?;
        let backing = Backing {
            id: proposal.id,
            by: proposal.by.clone(),
            approved_by: Some(who.name.clone()),
            reason: proposal.reason.clone(),
        };
        self.carry_out(&proposal.identity, &proposal.ask, (backing, now), answer)?;
        // Last, so that what a crash leaves undone can be approved again: to do it twice changes nothing.
        if let Err(error) = self.widenings.close(proposal.id, closed, now) {
            answer.undone.push(format!("that it is approved cannot be written down: {error}"));
        }
        Ok(())
    }

    /// Of several people who settle a proposal at once, wherever they do it, the first one does.
    fn claim(&self, proposal: &Proposal, closed: &Closed) -> Result<(), Refused> {
        let first = self.widenings.claim(proposal.id, closed);
        match first.map_err(|error| unwritten("settled", &error))? {
            first if first == *closed => Ok(()),
            Closed::Approved(by) | Closed::Withdrawn(by) => {
                Err(Refused::conflict(&format!("{by} has settled it already")))
            }
        }
    }

    fn carry_out(
        &self,
        target: &IdentityName,
        ask: &Ask,
        (backing, now): (Backing, Timestamp),
        answer: &mut ActionAnswer,
    ) -> Result<(), Refused> {
        match ask {
            Ask::Restore => self.restore(target, (&backing, now), answer),
            Ask::BreakGlass(text, lasting) => {
                let Backing { id, by, approved_by, reason } = backing;
                let until = now.checked_add(*lasting).map_err(|_| Refused::bad("`for`: it ends too late"))?;
                let (identity, text) = (target.clone(), text.clone());
                let grant = Grant { id, identity, text, by, approved_by, reason, since: now, until };
                let changed = self.widenings.put_on(grant).map_err(|error| unwritten("granted", &error))?;
                self.running.grants_changed();
                answer.changed |= changed;
                let how = if changed { "from now on" } else { "already" };
                answer.done.push(format!("it is granted {how}, until {until}"));
                Ok(())
            }
        }
    }

    fn restore(
        &self,
        target: &IdentityName,
        (backing, now): (&Backing, Timestamp),
        answer: &mut ActionAnswer,
    ) -> Result<(), Refused> {
        let by = match &backing.approved_by {
            None => backing.by.clone(),
            Some(approver) => format!("{}, approved by {approver}", backing.by),
        };
        let lifted = self.restraints.lift(target, &by, now).map_err(|error| unwritten("lifted", &error))?;
        self.running.throttles_changed();
        answer.changed |= !lifted.is_empty();
        let one = |restraint: &Restraint| format!("lifted {}", order::describe(restraint));
        answer.done.extend(lifted.iter().map(one));
        if lifted.is_empty() {
            answer.done.push("there was nothing to lift".to_owned());
        }
        Ok(())
    }

    /// Ends every break-glass grant on an integration: that narrows, and waits for nobody.
    pub(super) fn end_grants(
        &self,
        target: &IdentityName,
        (who, now): (&Responder, Timestamp),
        answer: &mut ActionAnswer,
    ) {
        match self.widenings.end(target, &who.name, now) {
            Ok(0) if answer.action == "kill" => {}
            Ok(ended) => {
                answer.changed |= ended > 0;
                answer.done.push(format!("ended {ended} break-glass grants"));
            }
            Err(error) => {
                answer.changed = true;
                answer.done.push("ended the break-glass grants".to_owned());
                let undone = format!(
                    "that they ended cannot be written down, or told to other replicas: after a restart, or there, \
                     they may hold: {error}"
                );
                answer.undone.push(undone);
            }
        }
        self.running.grants_changed();
    }

    fn grantable(&self, target: &IdentityName, ask: &Ask) -> Result<(), Refused> {
        match ask {
            Ask::Restore => Ok(()),
            Ask::BreakGlass(text, _) => {
                self.running.grantable(target, text).map_err(|wrong| Refused::bad(&wrong))
            }
        }
    }

    fn acted(&self, target: &IdentityName, now: Timestamp, mut answer: ActionAnswer) -> Reply {
        answer.restraints = order::statuses(&self.restraints.on(target, now));
        Reply::Acted(Box::new(answer))
    }
}

fn unwritten(what: &str, error: &std::io::Error) -> Refused {
    let text = format!("nothing is {what}, for it cannot be written down: {error}");
    Refused::new(StatusCode::SERVICE_UNAVAILABLE, &text)
}

impl Refused {
    fn conflict(text: &str) -> Self {
        Self::new(StatusCode::CONFLICT, text)
    }
}

const PROPOSALS_LIVE: SignedDuration = SignedDuration::from_hours(1);
const MOST_PROPOSALS: usize = 100;

#[cfg(test)]
mod tests;
