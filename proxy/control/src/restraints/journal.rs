//! What the journal of restraints holds: lines, each one put on or a lifting of all of an identity's.

use std::io;
use std::time::Duration;

use forcefield_config::config::{Budget, Rate, Window};
use forcefield_policy::names::IdentityName;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Change, Effect, Restraint};

/// One line. Times are milliseconds since 1970.
#[derive(Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Event {
    PutOn {
        identity: String,
        effect: Kind,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        requests: Option<(std::num::NonZeroU32, u64)>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        rows: Option<(std::num::NonZeroU64, Per)>,
        by: String,
        reason: String,
        since: i64,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<i64>,
    },
    Lifted {
        identity: String,
        by: String,
        at: i64,
    },
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Throttle,
    Quarantine,
    Kill,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Per {
    Hour,
    Day,
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
    pub(super) fn put_on(restraint: &Restraint) -> Self {
        let (effect, requests, rows) = match restraint.effect {
            Effect::Quarantine => (Kind::Quarantine, None, None),
            Effect::Kill => (Kind::Kill, None, None),
            Effect::Throttle { requests, rows } => (Kind::Throttle, requests, rows),
        };
        let per = |window| if window == Window::Hour { Per::Hour } else { Per::Day };
        Self::PutOn {
            identity: restraint.identity.as_str().to_owned(),
            effect,
            requests: requests.map(|rate| (rate.requests, rate.per.as_secs())),
            rows: rows.map(|rows| (rows.amount, per(rows.window))),
            by: restraint.by.clone(),
            reason: restraint.reason.clone(),
            since: restraint.since.as_millisecond(),
            until: restraint.until.map(Timestamp::as_millisecond),
        }
    }

    /// The event as one line.
    pub(super) fn line(&self) -> io::Result<String> {
        Ok(serde_json::to_string(self)?)
    }

    pub(super) fn lifted(identity: &IdentityName, by: &str, at: Timestamp) -> Self {
        let identity = identity.as_str().to_owned();
        Self::Lifted { identity, by: by.to_owned(), at: at.as_millisecond() }
    }

    pub(super) fn read(line: &[u8]) -> Option<Change> {
        let name = |identity: String| IdentityName::try_from(identity.as_str()).ok();
        let event = match serde_json::from_slice(line).ok()? {
            Self::Lifted { identity, .. } => return Some(Change::Lifted(name(identity)?)),
            event @ Self::PutOn { .. } => event,
        };
        let Self::PutOn { identity, effect, requests, rows, by, reason, since, until } = event else {
            return None;
        };
        let window = |per| if matches!(per, Per::Hour) { Window::Hour } else { Window::Day };
        let effect = match effect {
            Kind::Quarantine => Effect::Quarantine,
            Kind::Kill => Effect::Kill,
            Kind::Throttle => Effect::Throttle {
                requests: requests
                    .map(|(requests, per)| Rate { requests, per: Duration::from_secs(per.max(1)) }),
                rows: rows.map(|(amount, per)| Budget { amount, window: window(per) }),
            },
        };
        let until = match until {
            None => None,
            Some(until) => Some(Timestamp::from_millisecond(until).ok()?),
        };
        let since = Timestamp::from_millisecond(since).ok()?;
        Some(Change::PutOn(Restraint { identity: name(identity)?, effect, by, reason, since, until }))
    }
}
