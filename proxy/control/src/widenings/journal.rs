//! What the journal of widenings holds: lines, each a proposal, its end, a grant, or the end of an identity's grants or
//! of everything. Replicas tell one another the same lines.

use std::io;
use std::time::Duration;

use forcefield_policy::names::IdentityName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::{Ask, Change, Closed, Grant, GrantText, Proposal};

/// One line. Times are milliseconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Event {
    Proposed {
        id: String,
        identity: String,
        /// What `break-glass` would grant and for how many seconds; absent for a restore.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        grant: Option<(GrantText, u64)>,
        by: String,
        reason: String,
        since: i64,
        until: i64,
    },
    Approved {
        id: String,
        by: String,
        at: i64,
    },
    Withdrawn {
        id: String,
        by: String,
        at: i64,
    },
    Granted {
        id: String,
        identity: String,
        grant: GrantText,
        by: String,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        approved_by: Option<String>,
        reason: String,
        since: i64,
        until: i64,
    },
    Ended {
        identity: String,
        by: String,
        at: i64,
    },
    /// Everything before is void.
    Forgotten {},
}

/// Reads a line that another replica told.
pub(super) fn read(line: &str) -> io::Result<(Event, Change)> {
    let unreadable =
        || io::Error::new(io::ErrorKind::InvalidData, "another replica told what is no line of a journal");
    let event = serde_json::from_str(line).map_err(|_| unreadable())?;
    Ok((event, Event::read(line.as_bytes()).ok_or_else(unreadable)?))
}

// === impl Event ===

impl Event {
    pub(super) fn proposed(proposal: &Proposal) -> Self {
        Self::Proposed {
            id: proposal.id.to_string(),
            identity: proposal.identity.as_str().to_owned(),
            grant: match &proposal.ask {
                Ask::Restore => None,
                Ask::BreakGlass(text, lasting) => Some((text.clone(), lasting.as_secs())),
            },
            by: proposal.by.clone(),
            reason: proposal.reason.clone(),
            since: proposal.since.as_millisecond(),
            until: proposal.until.as_millisecond(),
        }
    }

    pub(super) fn closed(id: Ulid, closed: &Closed, at: Timestamp) -> Self {
        let (id, at) = (id.to_string(), at.as_millisecond());
        match closed {
            Closed::Approved(by) => Self::Approved { id, by: by.clone(), at },
            Closed::Withdrawn(by) => Self::Withdrawn { id, by: by.clone(), at },
        }
    }

    pub(super) fn granted(grant: &Grant) -> Self {
        Self::Granted {
            id: grant.id.to_string(),
            identity: grant.identity.as_str().to_owned(),
            grant: grant.text.clone(),
            by: grant.by.clone(),
            approved_by: grant.approved_by.clone(),
            reason: grant.reason.clone(),
            since: grant.since.as_millisecond(),
            until: grant.until.as_millisecond(),
        }
    }

    /// The event as one line.
    pub(super) fn line(&self) -> io::Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    pub(super) fn ended(identity: &IdentityName, by: &str, at: Timestamp) -> Self {
        let identity = identity.as_str().to_owned();
        Self::Ended { identity, by: by.to_owned(), at: at.as_millisecond() }
    }

    pub(super) fn read(line: &[u8]) -> Option<Change> {
        let name = |identity: String| IdentityName::try_from(identity.as_str()).ok();
        let ulid = |id: String| Ulid::from_string(&id).ok();
        let moment = |at| Timestamp::from_millisecond(at).ok();
        Some(match serde_json::from_slice(line).ok()? {
            Self::Proposed { id, identity, grant, by, reason, since, until } => Change::Proposed(Proposal {
                id: ulid(id)?,
                identity: name(identity)?,
                ask: match grant {
                    None => Ask::Restore,
                    Some((text, seconds)) => Ask::BreakGlass(text, Duration::from_secs(seconds)),
                },
                by,
                reason,
                since: moment(since)?,
                until: moment(until)?,
                closed: None,
            }),
            Self::Approved { id, by, .. } => Change::Closed(ulid(id)?, Closed::Approved(by)),
            Self::Withdrawn { id, by, .. } => Change::Closed(ulid(id)?, Closed::Withdrawn(by)),
            Self::Granted { id, identity, grant, by, approved_by, reason, since, until } => {
                Change::Granted(Grant {
                    id: ulid(id)?,
                    identity: name(identity)?,
                    text: grant,
                    by,
                    approved_by,
                    reason,
                    since: moment(since)?,
                    until: moment(until)?,
                })
            }
            Self::Ended { identity, .. } => Change::Ended(name(identity)?),
            Self::Forgotten {} => Change::Forgotten,
        })
    }
}
