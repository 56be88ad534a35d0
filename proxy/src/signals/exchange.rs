//! What of an exchange is told to the rules.

use forcefield_audit::{Outcome, Record};
use forcefield_config::config::Signals as Rules;
use forcefield_policy::decision::{Denial, Permit, Reason};
use forcefield_policy::grant::Enforcement;
use forcefield_policy::request::{Cut, HandleKind, HandleUse, Named, Operation, Request, What as Need};
use forcefield_signals::{Asked, Fact, Look, Looks, What};

use super::Signals;
use crate::live::Member;

/// What the rules need of one exchange, besides its record.
pub(crate) struct Watched {
    rules: Rules,
    /// Whether the configuration says where the integration calls from.
    placed: bool,
    looks: Looks,
    /// The query job whose results it fetches.
    fetches: Option<Box<str>>,
}

/// The rules over a member. Where refusals are not carried out yet, nor are restraints: what its grants lack is being
/// found out. Nor are they while a break-glass grant lets it do what it never did.
pub(crate) fn rules_of(member: &Member) -> Rules {
    let is_tried_out = member.grants.enforcement() == Enforcement::Observe;
    let rules = member.identity.signals;
    if is_tried_out || !member.break_glass.is_empty() { rules.only_recording() } else { rules }
}

// === impl Watched ===

impl Watched {
    /// An exchange of a member.
    pub(crate) fn of(member: &Member) -> Self {
        let rules = rules_of(member);
        let placed = !member.identity.networks.is_empty();
        Self { rules, placed, looks: Looks::default(), fetches: None }
    }

    /// Notes how the request looks at the org.
    pub(crate) fn asked(&mut self, request: &Request) {
        self.looks = looks(request);
    }

    fn tell(&self, signals: &Signals, record: &Record, granted: bool, objects: &[String]) {
        let Some(identity) = &record.identity else { return };
        let mut looks = self.looks;
        // The objects that describe the others.
        if objects.iter().any(|object| object == "EntityDefinition") {
            looks.add(Look::List);
        }
        if objects.iter().any(|object| matches!(object.as_str(), "FieldDefinition" | "EntityParticle")) {
            looks.add(Look::Describe);
        }
        let asked = Asked {
            granted,
            client: record.user_agent.as_deref(),
            version: record.version,
            source: (!self.placed).then(|| record.source.ip()),
            looks,
            objects,
        };
        let fact = Fact { at: record.time, decision: record.decision, what: What::Asked(asked) };
        signals.observe(identity, &self.rules, &fact);
    }
}

// === impl Signals ===

impl Signals {
    /// Tells of a request that was decided and may pass.
    pub(crate) fn permitted(&self, watched: &mut Watched, record: &Record, permit: &Permit) {
        let fetches = |handle: &&forcefield_policy::request::Handle| {
            handle.kind == HandleKind::QueryJob && handle.use_ == HandleUse::Results
        };
        watched.fetches = permit.handles().iter().find(fetches).map(|handle| handle.id.clone());
        match permit.overlooked() {
            None => watched.tell(self, record, true, record.objects()),
            Some(denial) => watched.tell(self, record, false, object(denial).as_slice()),
        }
    }

    /// Tells of a request that the grants do not cover.
    pub(crate) fn denied(&self, watched: &mut Watched, record: &Record, denial: &Denial) {
        if !is_strange(&denial.reason) {
            watched.looks = Looks::default();
        }
        watched.tell(self, record, false, object(denial).as_slice());
    }

    /// Tells how an exchange ended.
    pub(crate) fn ended(&self, watched: &Watched, record: &Record) {
        let Some(identity) = &record.identity else { return };
        let at = record.time.checked_add(record.duration).unwrap_or(record.time);
        let tell =
            |what| self.observe(identity, &watched.rules, &Fact { at, decision: record.decision, what });
        if record.rows > 0 {
            tell(What::Answered { rows: record.rows, job: watched.fetches.as_deref() });
        }
        for job in record.jobs.iter().filter(|job| job.kind == HandleKind::QueryJob) {
            if record.outcome == Outcome::Allowed && matches!(job.action, "deferred" | "deleted") {
                tell(What::Deleted(&job.id));
            }
        }
    }
}

// === helpers ===

/// The ways in which a request looks at the org.
fn looks(request: &Request) -> Looks {
    let counts = |need: &forcefield_policy::request::Need| {
        let query = |query: &forcefield_policy::soql::Query| query.is_count_only() || query.is_aggregate();
        matches!(&need.what, Need::Query(resolved) if query(resolved.query()))
    };
    let mut looks = Looks::default();
    for operation in request.operations.iter() {
        match operation {
            Operation::Describe if request.answer.cut == Cut::Objects => looks.add(Look::List),
            Operation::Describe => looks.add(Look::Describe),
            Operation::Export => looks.add(Look::Export),
            Operation::Query if request.needs.iter().any(counts) => looks.add(Look::Count),
            Operation::Query | Operation::Read | Operation::Search if request.export => {
                looks.add(Look::Export);
            }
            Operation::Query | Operation::Read | Operation::Search => looks.add(Look::Sample),
            Operation::Meta
            | Operation::Create
            | Operation::Update
            | Operation::Upsert
            | Operation::Delete
            | Operation::Undelete
            | Operation::Merge
            | Operation::Convert
            | Operation::Job
            | Operation::Execute
            | Operation::Subscribe
            | Operation::Publish
            | Operation::Deploy
            | Operation::Auth
            | Operation::Admin => {}
        }
    }
    looks
}

/// Whether it was refused for an object that it has no business with, or for the list of them.
fn is_strange(reason: &Reason) -> bool {
    match reason {
        Reason::NoGrant(..) | Reason::Verb(..) | Reason::Export(_) | Reason::Named(Named::DescribeGlobal) => {
            true
        }
        Reason::Field(..)
        | Reason::EveryField(..)
        | Reason::Condition(..)
        | Reason::Rows(..)
        | Reason::Named(_)
        | Reason::Opaque(_)
        | Reason::Parameters(_)
        | Reason::Sends(_)
        | Reason::Never(_)
        | Reason::NotOwn(_)
        | Reason::Version(_)
        | Reason::Column(_)
        | Reason::Job(_) => false,
    }
}

/// The object that a request was refused for, if for one.
fn object(denial: &Denial) -> Option<String> {
    match &denial.reason {
        Reason::NoGrant(_, object, _)
        | Reason::Verb(_, object)
        | Reason::Field(_, object, _)
        | Reason::EveryField(_, object)
        | Reason::Condition(object, _)
        | Reason::Rows(object, _)
        | Reason::Export(object) => Some(object.clone()),
        Reason::Named(_)
        | Reason::Opaque(_)
        | Reason::Parameters(_)
        | Reason::Sends(_)
        | Reason::Never(_)
        | Reason::NotOwn(_)
        | Reason::Version(_)
        | Reason::Column(_)
        | Reason::Job(_) => None,
    }
}
