//! Bulk jobs, of both generations: one store, because they share ids and lists.

use crate::csv;
use crate::fault::{Fault, Outcome};
use crate::id::{self, Id};
use crate::soql::plan::Plan;
use crate::soql::run::Answer;
use crate::touch::Touches;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;

mod export;
mod load;
pub(crate) mod v1;
pub(crate) mod v2;

pub(crate) use export::zulu;

/// A bulk job as a test sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobSeen {
    /// 18 characters, `750...`.
    pub id: String,
    /// `V2Query`, `V2Ingest` or `Classic`.
    pub kind: &'static str,
    /// `query`, `queryAll`, `insert`, `update`, `upsert`, `delete`, `hardDelete`.
    pub operation: String,
    /// The object that the job declares or queries.
    pub object: String,
    /// As the org reports it: `Open`, `UploadComplete`, `InProgress`, `JobComplete`, `Closed`, `Aborted`, `Failed`.
    pub state: &'static str,
    /// The username of the user who created it.
    pub owner: String,
}

/// Every job that was not deleted.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    all: BTreeMap<Id, Job>,
    next: u64,
    /// How many times a new job is seen in progress.
    pub(crate) polls: u32,
    /// Query results are made up to this length.
    pub(crate) result_bytes: Option<u64>,
}

/// One job.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: Id,
    pub(crate) kind: Kind,
    pub(crate) spec: Spec,
    pub(crate) owner: Id,
    pub(crate) state: &'static str,
    pub(crate) created: String,
    pub(crate) version: u32,
    /// Polls left until it is complete.
    pub(crate) polls: u32,
    pub(crate) export: Option<Export>,
    pub(crate) upload: Option<Bytes>,
    pub(crate) loaded: Vec<Loaded>,
    pub(crate) batches: Vec<Batch>,
    /// The first generation's mapping of columns: field, column, constant.
    pub(crate) mapping: Vec<(String, String, String)>,
    pub(crate) chunked: bool,
}

/// Which door a job came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Query,
    Ingest,
    Classic,
}

/// What a job was created with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spec {
    pub(crate) operation: String,
    pub(crate) object: String,
    pub(crate) content_type: String,
    pub(crate) external_id: Option<String>,
    pub(crate) delimiter: String,
    pub(crate) line_ending: String,
    pub(crate) query: Option<String>,
    pub(crate) concurrency: String,
}

/// A query that was run for a job.
#[derive(Debug, Clone)]
pub(crate) struct Export {
    pub(crate) plan: Arc<Plan>,
    pub(crate) answer: Answer,
    /// What reading the result touches.
    pub(crate) touches: Touches,
}

/// What became of one uploaded record.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) id: Option<Id>,
    pub(crate) created: bool,
    pub(crate) error: Option<String>,
    /// The record as it was uploaded, column by column.
    pub(crate) record: Vec<(String, String)>,
}

/// A part of a first-generation job.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) id: Id,
    pub(crate) result_id: Id,
    pub(crate) request: Bytes,
    pub(crate) export: Option<Export>,
    pub(crate) loaded: Vec<Loaded>,
    pub(crate) polls: u32,
    pub(crate) failure: Option<String>,
    /// Split into the batches after it.
    pub(crate) split: bool,
}

// === impl Jobs ===

impl Jobs {
    /// Keeps a new job and returns its id.
    pub(crate) fn open(&mut self, kind: Kind, spec: Spec, owner: &str) -> &mut Job {
        self.next += 1;
        let id = id::mint("750", self.next);
        let job = Job {
            id: id.clone(),
            kind,
            spec,
            owner: owner.to_owned(),
            state: "Open",
            created: String::new(),
            version: 0,
            polls: self.polls,
            export: None,
            upload: None,
            loaded: Vec::new(),
            batches: Vec::new(),
            mapping: Vec::new(),
            chunked: false,
        };
        self.all.entry(id).or_insert(job)
    }

    /// The job of an id in any form.
    pub(crate) fn find(&mut self, text: &str) -> Outcome<&mut Job> {
        let id = id::normalise(text).ok_or_else(Fault::not_found)?;
        self.all.get_mut(&id).ok_or_else(Fault::not_found)
    }

    /// Forgets a job.
    pub(crate) fn delete(&mut self, id: &str) {
        self.all.remove(id);
    }

    /// A number for the id of a batch and its result.
    pub(crate) fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Job> {
        self.all.values()
    }

    /// Every job as a test sees it.
    pub(crate) fn seen(&self, name: impl Fn(&str) -> String) -> Vec<JobSeen> {
        let seen = |job: &Job| JobSeen {
            id: job.id.clone(),
            kind: job.kind.name(),
            operation: job.spec.operation.clone(),
            object: job.spec.object.clone(),
            state: job.state,
            owner: name(&job.owner),
        };
        self.all.values().map(seen).collect()
    }
}

// === impl Job ===

impl Job {
    /// Moves on by one look at it.
    pub(crate) fn poll(&mut self) {
        if !matches!(self.state, "UploadComplete" | "InProgress") {
            return;
        }
        self.state = if self.polls > 0 { "InProgress" } else { "JobComplete" };
        self.polls = self.polls.saturating_sub(1);
    }

    pub(crate) fn delimiter(&self) -> char {
        csv::delimiter(&self.spec.delimiter).unwrap_or(',')
    }
}

// === impl Kind ===

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Query => "V2Query",
            Self::Ingest => "V2Ingest",
            Self::Classic => "Classic",
        }
    }
}
