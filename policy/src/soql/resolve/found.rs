//! What resolution meets: accesses, each once, and the places where rows are read.

use super::{Place, PlaceKind};
use crate::request::{Access, Verb};
use crate::schema::{FieldId, ObjectId};
use crate::soql::ast::ScopeId;
use crate::soql::lexer::Span;

/// Everything met so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) accesses: Vec<Access>,
    pub(crate) places: Vec<Place>,
    /// One for each place.
    pub(crate) anchors: Vec<Anchor>,
    /// Whether a select list names an address or a location as a whole.
    pub(crate) selects_compound: bool,
    seen: Vec<Seen>,
}

/// Where in the text a place is, for conditions to be added to it.
#[derive(Debug)]
pub(crate) struct Anchor {
    /// The scope whose condition it belongs to.
    pub(crate) scope: ScopeId,
    /// The scope's alias.
    pub(crate) alias: Option<Span>,
    /// The relationship that leads here and the place it starts at; `None` for the scope's own object.
    pub(crate) from: Option<Step>,
    /// The number of relationships on the way from the scope's object.
    pub(crate) hops: u8,
    /// Fields that the select list names beside a `FIELDS()`.
    pub(crate) named: Vec<Span>,
}

/// One relationship on the way to a place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) place: usize,
    pub(crate) key: FieldId,
    pub(crate) relationship: Span,
    pub(crate) sort: StepSort,
}

/// Whether a relationship always leads where it seems to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepSort {
    Certain,
    /// One of several objects that it may point at.
    Polymorphic,
    /// The relationship is called like the object it starts at, so a path through it has two readings.
    Namesake,
}

/// The fields of one object that were met, the first 256 of them.
#[derive(Debug)]
struct Seen {
    object: ObjectId,
    fields: [u64; 4],
}

// === impl Findings ===

impl Findings {
    pub(crate) fn with_capacity() -> Self {
        Self {
            accesses: Vec::with_capacity(64),
            places: Vec::with_capacity(4),
            anchors: Vec::with_capacity(4),
            selects_compound: false,
            seen: Vec::with_capacity(4),
        }
    }

    /// Notes that a field is read.
    pub(crate) fn field(&mut self, object: ObjectId, field: FieldId) {
        let access = Access::field(Verb::Read, object, field);
        let (word, bit) = (usize::from(field.0) / 64, field.0 % 64);
        let seen = self.seen.iter_mut().find(|seen| seen.object == object);
        let known = match seen.and_then(|seen| seen.fields.get_mut(word)) {
            Some(bits) => {
                let known = *bits >> bit & 1 == 1;
                *bits |= 1 << bit;
                known
            }
            None => self.accesses.contains(&access),
        };
        if !known {
            self.accesses.push(access);
        }
    }

    /// Notes that rows of an object are read.
    pub(crate) fn object(&mut self, object: ObjectId) {
        if !self.seen.iter().any(|seen| seen.object == object) {
            self.seen.push(Seen { object, fields: [0; 4] });
            self.accesses.push(Access::object(Verb::Read, object));
        }
    }

    /// Notes that all fields of an object are read.
    pub(crate) fn every_field(&mut self, object: ObjectId) {
        let access = Access::every(Verb::Read, object);
        if !self.accesses.contains(&access) {
            self.accesses.push(access);
        }
    }

    /// Notes a place, and gives its number.
    pub(crate) fn place(&mut self, object: ObjectId, kind: PlaceKind, anchor: Anchor) -> usize {
        self.object(object);
        self.places.push(Place { object, kind, expands: None });
        self.anchors.push(anchor);
        self.places.len() - 1
    }

    /// The place that a relationship of another place leads to, if it was met before.
    pub(crate) fn parent(&self, from: usize, key: FieldId, object: ObjectId) -> Option<usize> {
        let leads = |anchor: &Anchor| anchor.from.is_some_and(|step| step.place == from && step.key == key);
        let mut both = self.anchors.iter().zip(&self.places);
        both.position(|(anchor, place)| leads(anchor) && place.object == object)
    }

    /// Whether a relationship of a place was met before.
    pub(crate) fn has_parent(&self, from: usize, key: FieldId) -> bool {
        let leads = |step: Step| step.place == from && step.key == key;
        self.anchors.iter().any(|anchor| anchor.from.is_some_and(leads))
    }
}
