//! Asking the record: what did an identity read, when, and from where.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::folder::{self, Line, Lines};

/// Which exchanges are asked for; everything that is given must fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this identity.
    pub identity: Option<String>,
    /// At this moment or later.
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Touching this object, in any letter case.
    pub object: Option<String>,
    /// Ended so: `allowed`, `refused`, `cut`, `aborted`, `failed`.
    pub outcome: Option<String>,
    /// With this decision id.
    pub decision: Option<String>,
}

/// One exchange as the record has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// When it began.
    pub time: Timestamp,
    /// The decision's id.
    pub decision: String,
    /// Who called; `unknown` when nobody was recognised.
    pub identity: String,
    /// From which address.
    pub source: String,
    /// The client's own name for itself.
    pub user_agent: Option<String>,
    /// The door.
    pub door: String,
    /// What it did there, joined by `+`.
    pub operation: String,
    /// Objects, each with the fields that were named.
    pub objects: Vec<(String, Vec<String>)>,
    /// Rows that went out.
    pub rows: u64,
    /// Bytes that went out.
    pub bytes: u64,
    /// How it ended.
    pub outcome: String,
    /// Why it was refused or cut.
    pub reason: Option<String>,
    /// The status that the client got.
    pub status: String,
}

/// What several exchanges come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many there were.
    pub exchanges: u64,
    /// What signals found beside them.
    pub findings: u64,
    /// How many ended how.
    pub outcomes: BTreeMap<String, u64>,
    /// Rows that went out.
    pub rows: u64,
    /// Bytes that went out.
    pub bytes: u64,
    /// Objects read or written by exchanges that were not refused, with their fields.
    pub objects: BTreeMap<String, BTreeSet<String>>,
    /// Addresses that called.
    pub sources: BTreeSet<String>,
}

/// The lines of a folder's record that fit, run after run, each given to `each`.
///
/// Verifies nothing: [`crate::verify()`] does. Lines that cannot be read are passed over there and here alike.
///
/// # Errors
/// The folder cannot be read.
pub fn query(dir: &Path, filter: &Filter, each: impl FnMut(Seen)) -> io::Result<Summary> {
    Ok(query_some(dir, filter, u64::MAX, each)?.0)
}

/// The same of so many lines at most; gives also whether there were more. Files that were last written before
/// [`Filter::from`] are passed over.
///
/// # Errors
/// The folder cannot be read.
pub fn query_some(
    dir: &Path,
    filter: &Filter,
    most: u64,
    mut each: impl FnMut(Seen),
) -> io::Result<(Summary, bool)> {
    let (mut summary, mut left) = (Summary::default(), most);
    for (run, files) in folder::runs(dir)? {
        for number in files {
            let file = folder::file(dir, &run, number);
            if filter.from.is_some_and(|from| is_older(&file, from)) {
                continue;
            }
            let mut lines = Lines::open(&file)?;
            while let Some(line) = lines.next()? {
                if left == 0 {
                    return Ok((summary, true));
                }
                left -= 1;
                let Line::Whole(line) = line else { continue };
                let Some(seen) = seen(line).filter(|seen| filter.fits(seen)) else { continue };
                summary.add(&seen);
                each(seen);
            }
        }
    }
    Ok((summary, false))
}

/// Whether a file was last written well before a moment. A record is written when its exchange has ended, so a file
/// holds nothing that began after its last writing.
fn is_older(file: &Path, moment: Timestamp) -> bool {
    let written = std::fs::metadata(file).and_then(|metadata| metadata.modified());
    let written = written.ok().and_then(|written| Timestamp::try_from(written).ok());
    written.is_some_and(|written| moment.duration_since(written) > CLOCKS)
}

/// The parts of a line that are asked for; where they stand is told in `record::ocsf`.
#[derive(Deserialize)]
struct Event {
    class_uid: u32,
    time: i64,
    status_code: String,
    #[serde(default)]
    status_detail: Option<String>,
    metadata: Uid,
    actor: Actor,
    src_endpoint: Ip,
    api: Api,
    http_request: HttpRequest,
    #[serde(default)]
    resources: Vec<Resource>,
    unmapped: Ours,
}

#[derive(Deserialize)]
struct Uid {
    uid: String,
}

#[derive(Deserialize)]
struct Actor {
    user: Named,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Ip {
    ip: String,
}

#[derive(Deserialize)]
struct Api {
    operation: String,
    service: Named,
}

#[derive(Deserialize)]
struct HttpRequest {
    #[serde(default)]
    user_agent: Option<String>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    fields: Vec<String>,
}

#[derive(Deserialize)]
struct Ours {
    outcome: String,
    rows: u64,
    bytes: u64,
}

/// The parts of a line that tells what a signal found; where they stand is told in `finding`.
#[derive(Deserialize)]
struct Found {
    class_uid: u32,
    time: i64,
    message: String,
    metadata: Uid,
    finding_info: Title,
    resources: Vec<Resource>,
    unmapped: Fired,
}

#[derive(Deserialize)]
struct Title {
    title: String,
}

#[derive(Deserialize)]
struct Fired {
    rule: String,
    level: String,
}

/// What a signal found, in the form of an exchange: at the door [`SIGNAL`], its rule the operation, its level the
/// outcome.
fn found(line: &[u8]) -> Option<Seen> {
    let found: Found = serde_json::from_slice(line).ok()?;
    if found.class_uid != 2004 {
        return None;
    }
    Some(Seen {
        time: Timestamp::from_millisecond(found.time).ok()?,
        decision: found.metadata.uid,
        identity: found.resources.into_iter().next()?.name,
        source: String::new(),
        user_agent: None,
        door: SIGNAL.to_owned(),
        operation: found.unmapped.rule,
        objects: Vec::new(),
        rows: 0,
        bytes: 0,
        outcome: found.unmapped.level,
        reason: Some(format!("{}; {}", found.finding_info.title, found.message)),
        status: String::new(),
    })
}

/// What stands for the door of what a signal found.
const SIGNAL: &str = "signal";

/// The exchange that a line is about, or what a signal found; `None` for other lines.
fn seen(line: &[u8]) -> Option<Seen> {
    let Ok(event) = serde_json::from_slice::<Event>(line) else { return found(line) };
    if event.class_uid != 6003 {
        return None;
    }
    Some(Seen {
        time: Timestamp::from_millisecond(event.time).ok()?,
        decision: event.metadata.uid,
        identity: event.actor.user.name,
        source: event.src_endpoint.ip,
        user_agent: event.http_request.user_agent,
        door: event.api.service.name,
        operation: event.api.operation,
        objects: event.resources.into_iter().map(|resource| (resource.name, resource.data.fields)).collect(),
        rows: event.unmapped.rows,
        bytes: event.unmapped.bytes,
        outcome: event.unmapped.outcome,
        reason: event.status_detail,
        status: event.status_code,
    })
}

// === impl Filter and Summary ===

impl Filter {
    fn fits(&self, seen: &Seen) -> bool {
        let object = |wanted: &String| seen.objects.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        self.identity.as_ref().is_none_or(|wanted| *wanted == seen.identity)
            && self.from.is_none_or(|from| seen.time >= from)
            && self.until.is_none_or(|until| seen.time < until)
            && self.object.as_ref().is_none_or(object)
            && self.outcome.as_ref().is_none_or(|wanted| *wanted == seen.outcome)
            && self.decision.as_ref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(&seen.decision))
    }
}

impl Summary {
    fn add(&mut self, seen: &Seen) {
        if seen.door == SIGNAL {
            self.findings += 1;
            return;
        }
        self.exchanges += 1;
        *self.outcomes.entry(seen.outcome.clone()).or_default() += 1;
        self.rows = self.rows.saturating_add(seen.rows);
        self.bytes = self.bytes.saturating_add(seen.bytes);
        self.sources.insert(seen.source.clone());
        if seen.outcome != "refused" {
            for (object, fields) in &seen.objects {
                self.objects.entry(object.clone()).or_default().extend(fields.iter().cloned());
            }
        }
    }
}

/// By how much the clock of a file system may be behind.
const CLOCKS: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

#[cfg(test)]
mod tests;
