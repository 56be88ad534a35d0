//! How everything stands: what runs, what responders have put on it, and what they propose.

use std::sync::Arc;

use arc_swap::ArcSwap;
use forcefield_config::config::Role;
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;

use super::{order, role};
use crate::restraints::Restraints;
use crate::running::Running;
use crate::staff::Staff;
use crate::widenings::{Ask, Grant, Proposal, Widenings};
use crate::wire::{self, GrantStatus, IdentityStatus, ProposedGrant};

/// What is looked at to tell it.
#[derive(Clone)]
pub(crate) struct Standing {
    pub(crate) running: Arc<dyn Running>,
    pub(super) restraints: Arc<Restraints>,
    pub(super) widenings: Arc<Widenings>,
    pub(super) staff: Arc<ArcSwap<Staff>>,
}

// === impl Standing ===

impl Standing {
    /// How every integration stands, by name.
    pub(crate) fn identities(&self, now: Timestamp) -> Vec<IdentityStatus> {
        let confirmed = self.widenings.are_confirmed();
        let grants = if confirmed { self.widenings.grants(now) } else { Vec::new() };
        let mut all = self.running.identities();
        for status in &mut all {
            if let Ok(name) = IdentityName::try_from(status.identity.as_str()) {
                status.restraints = order::statuses(&self.restraints.on(&name, now));
                let on_it = grants.iter().filter(|grant| grant.identity == name);
                status.break_glass = on_it.map(granted).collect();
            }
        }
        all
    }

    /// The open proposals.
    pub(crate) fn proposals(&self, now: Timestamp) -> Vec<wire::Proposal> {
        self.widenings.proposals(now).iter().map(|proposal| self.proposed(proposal)).collect()
    }

    pub(super) fn proposed(&self, proposal: &Proposal) -> wire::Proposal {
        let proposer = self.staff.load().role(&proposal.by);
        let needs = if proposer == Some(Role::Admin) { Role::Responder } else { Role::Admin };
        let grant = match &proposal.ask {
            Ask::Restore => None,
            Ask::BreakGlass(text, lasting) => Some(ProposedGrant {
                allow: wire::Allow(text.allow.clone()),
                also: text.also.clone(),
                seconds: lasting.as_secs(),
            }),
        };
        wire::Proposal {
            id: proposal.id.to_string(),
            action: action(&proposal.ask).to_owned(),
            identity: proposal.identity.as_str().to_owned(),
            by: proposal.by.clone(),
            reason: proposal.reason.clone(),
            since: proposal.since,
            until: proposal.until,
            needs: role(needs).to_owned(),
            grant,
        }
    }
}

/// The word for what is asked for.
pub(super) fn action(ask: &Ask) -> &'static str {
    match ask {
        Ask::Restore => "restore",
        Ask::BreakGlass(..) => "break-glass",
    }
}

fn granted(grant: &Grant) -> GrantStatus {
    GrantStatus {
        id: grant.id.to_string(),
        allow: wire::Allow(grant.text.allow.clone()),
        also: grant.text.also.clone(),
        by: grant.by.clone(),
        approved_by: grant.approved_by.clone(),
        reason: grant.reason.clone(),
        since: grant.since,
        until: grant.until,
    }
}
