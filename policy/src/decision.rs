//! The decision: grants and a request in, a permit or a denial out.

mod asked;
mod check;
mod denial;
mod describe;
mod filter;
mod handles;
mod narrow;
pub(crate) mod side_door;

use std::sync::Arc;

use bytes::Bytes;

use asked::Asked;
pub use denial::{Denial, Reason};

use crate::grant::{Enforcement, Grants};
use crate::names::ApiVersion;
use crate::request::{
    Answer, Api, Body, Columns, Handle, JobOrigin, Method, Need, Operations, Origin, Reading, Request,
    Template, Verb, What,
};
use crate::schema::Schema;

/// Proof that [`decide`] allowed a request, and the request in the form in which it may be sent.
///
/// Nothing else can make one:
/// ```compile_fail,E0451
/// use forcefield_policy::decision::Permit;
/// fn forge(other: Permit) -> Permit {
///     Permit { narrowings: Vec::new(), ..other }
/// }
/// ```
#[must_use]
#[derive(Debug)]
pub struct Permit {
    api: Api,
    operations: Operations,
    version: Option<ApiVersion>,
    method: Method,
    target: String,
    headers: Vec<(Box<str>, Box<str>)>,
    body: PermitBody,
    answer: Answer,
    export: bool,
    asked: Asked,
    job: Option<JobOrigin>,
    written: Written,
    handles: Vec<Handle>,
    narrowings: Vec<Narrowing>,
    overlooked: Option<Denial>,
}

/// The body that may be sent.
#[derive(Debug)]
enum PermitBody {
    Empty,
    /// In parts, between which the org's session goes.
    Whole(Vec<Bytes>),
    Streamed,
}

/// One way in which a request was made narrower than it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Narrowing {
    /// A grant's condition was added, for this object.
    Condition(String),
    /// The number of rows was clamped, for this object, to this number.
    Rows(String, u64),
    /// The fields became those granted, for this object.
    Fields(String),
    /// A search matches names only.
    NameFields,
}

/// Decides one request. No clock, no counter, no I/O: equal inputs give equal answers.
///
/// `origins` says what the ledger holds for each of [`Request::handles`], in that order: `None` for a handle that is
/// not the caller's own.
///
/// # Errors
/// The first need that the grants do not cover.
pub fn decide(grants: &Grants, request: Request, origins: &[Option<Origin>]) -> Result<Permit, Denial> {
    let mut versions = request.version.iter().chain(&request.part_versions);
    if let Some(version) = versions.find(|version| !grants.versions().contains(**version)).copied() {
        return Err(Denial { part: None, reason: Reason::Version(version) });
    }
    let handles = request.handles().cloned().collect();
    let mut origins = origins.iter();
    let mut outcome = Outcome::default();
    for need in request.needs.iter() {
        let origin = match need.what {
            What::Handle(_) | What::Columns(_) => origins.next().and_then(Option::as_ref),
            _ => None,
        };
        let filling = fill(grants, need, origin, request.export, &mut outcome)?;
        outcome.fillings.push(filling);
    }
    outcome.written = Written::of(grants, &outcome.narrowings);
    Ok(permit(request, grants.schema(), handles, outcome))
}

/// What deciding the needs of a request gave so far.
#[derive(Default)]
struct Outcome {
    fillings: Vec<Option<String>>,
    narrowings: Vec<Narrowing>,
    written: Written,
    overlooked: Option<Denial>,
}

/// What was written into a request, by objects: what it gives out is held to it when it is used later.
#[derive(Debug, Default)]
struct Written {
    conditions: Vec<(String, String)>,
    fields: Vec<(String, Vec<String>)>,
}

/// Decides one need, and gives what goes into its hole.
fn fill(
    grants: &Grants,
    need: &Need,
    origin: Option<&Origin>,
    export: bool,
    outcome: &mut Outcome,
) -> Result<Option<String>, Denial> {
    let decided = check::exportable(grants, &need.what, export)
        .and_then(|()| narrow::need(grants, &need.what, origin, &mut outcome.narrowings));
    match decided {
        Ok(filling) => Ok(filling),
        Err(reason) => {
            let denial = Denial { part: need.part.as_deref().map(Into::into), reason };
            let strict = !denial.reason.can_be_observed() || side_door::is_one(grants.schema(), &need.what);
            if grants.enforcement() == Enforcement::Enforce || strict {
                return Err(denial);
            }
            outcome.overlooked.get_or_insert(denial);
            Ok(narrow::as_asked(&need.what))
        }
    }
}

fn permit(request: Request, schema: &Arc<Schema>, handles: Vec<Handle>, outcome: Outcome) -> Permit {
    let Outcome { fillings, narrowings, written: added, overlooked } = outcome;
    let written = |template: Template| template.fill(|need| fillings.get(need).and_then(Option::as_deref));
    let draft = request.draft;
    let target = written(draft.target).into_text();
    let body = match draft.body {
        Body::Empty => PermitBody::Empty,
        Body::Whole(template) => {
            PermitBody::Whole(written(template).parts.into_iter().map(Bytes::from).collect())
        }
        Body::Streamed => PermitBody::Streamed,
    };
    Permit {
        api: request.api,
        operations: request.operations,
        version: request.version,
        method: draft.method,
        target,
        headers: draft.headers,
        body,
        answer: request.answer,
        export: request.export,
        asked: Asked::new(request.needs, Arc::clone(schema)),
        job: request.job,
        written: added,
        handles,
        narrowings,
        overlooked,
    }
}

// === impl Written ===

impl Written {
    fn of(grants: &Grants, narrowings: &[Narrowing]) -> Self {
        let mut written = Self::default();
        for narrowing in narrowings {
            let (Narrowing::Condition(name) | Narrowing::Fields(name)) = narrowing else { continue };
            let Some((id, object)) = grants.schema().look_up(name) else { continue };
            let Some(grant) = grants.on(id) else { continue };
            let condition = grant.condition().map(|condition| (name.clone(), condition.text().to_owned()));
            written.conditions.extend(condition.filter(|known| !written.conditions.contains(known)));
            if let (Narrowing::Fields(_), Some(fields)) = (narrowing, grant.fields(Verb::Read)) {
                let granted = object.fields().filter(|(id, _)| fields.contains(*id));
                let granted = granted.map(|(_, field)| field.name().to_owned()).collect();
                written.fields.push((name.clone(), granted));
            }
        }
        written
    }
}

// === impl Permit ===

impl Permit {
    /// The door.
    #[must_use]
    pub fn api(&self) -> Api {
        self.api
    }

    /// What it does.
    #[must_use]
    pub fn operations(&self) -> &Operations {
        &self.operations
    }

    /// The API version, where the path names one.
    #[must_use]
    pub fn version(&self) -> Option<ApiVersion> {
        self.version
    }

    /// The method to send.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// Path and query string to send.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The headers to send, names in lower case: no credential, no framing, no `host`.
    #[must_use]
    pub fn headers(&self) -> &[(Box<str>, Box<str>)] {
        &self.headers
    }

    /// The body to send: `None` when it streams through, empty when there is none. `session` is the org's session;
    /// it is written only where the door carries it in its body (SOAP).
    #[must_use]
    pub fn body(&self, session: &str) -> Option<Bytes> {
        match &self.body {
            PermitBody::Empty => Some(Bytes::new()),
            PermitBody::Streamed => None,
            PermitBody::Whole(parts) => match parts.as_slice() {
                [whole] => Some(whole.clone()),
                parts => {
                    let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
                    Some(parts.join(session.as_bytes()).into())
                }
            },
        }
    }

    /// Whether the org's session belongs into the body, and so not into a header.
    #[must_use]
    pub fn session_in_body(&self) -> bool {
        matches!(&self.body, PermitBody::Whole(parts) if parts.len() > 1)
    }

    /// How the answer is to be read.
    #[must_use]
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// Whether it creates, pages or downloads an export.
    #[must_use]
    pub fn is_export(&self) -> bool {
        self.export
    }

    /// The objects and fields it touches. Worked out when it is first asked for.
    #[must_use]
    pub fn reading(&self) -> &Arc<Reading> {
        self.asked.reading()
    }

    /// The handles that it uses.
    #[must_use]
    pub fn handles(&self) -> &[Handle] {
        &self.handles
    }

    /// The columns that it uploads, with the jobs that they go to.
    pub fn uploads(&self) -> impl Iterator<Item = &Columns> {
        self.asked.uploads()
    }

    /// What the ledger has to keep when the answer gives out a handle.
    #[must_use]
    pub fn origin(&self) -> Origin {
        let conditions = self.written.conditions.clone();
        let mut origin = Origin { job: self.job.clone(), conditions, ..self.reading().origin() };
        for (object, fields) in &self.written.fields {
            for (_, list) in origin.reads.iter_mut().filter(|(known, _)| known == object) {
                list.retain(|field| field != "*");
                list.extend(fields.iter().cloned());
            }
        }
        origin
    }

    /// Its queries and searches with every literal redacted, for the record. Worked out when they are asked for.
    #[must_use]
    pub fn shapes(&self) -> Vec<String> {
        self.asked.shapes()
    }

    /// How it was made narrower than it was asked.
    #[must_use]
    pub fn narrowings(&self) -> &[Narrowing] {
        &self.narrowings
    }

    /// What would have been refused, had the identity's mode not been `observe` or `warn`.
    #[must_use]
    pub fn overlooked(&self) -> Option<&Denial> {
        self.overlooked.as_ref()
    }
}

#[cfg(test)]
mod tests;
