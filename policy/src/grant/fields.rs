//! A set of fields of one object, as bits.

use crate::schema::{FieldId, Object};

/// Which fields of an object a grant covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSet {
    bits: Box<[u64]>,
    /// Whether it covers every field, also those that the schema does not know yet.
    every: bool,
}

impl FieldSet {
    /// Every field, known or not.
    #[must_use]
    pub fn every() -> Self {
        Self { bits: Box::default(), every: true }
    }

    /// Every known field but those in `except`. A part of a compound field in `except` takes out the whole, and the
    /// whole takes out its parts, because they show the same data.
    #[must_use]
    pub fn every_but(object: &Object, except: &[FieldId]) -> Self {
        let mut set = Self::none(object);
        let whole = |id: FieldId| object.field(id).compound();
        let excepted = |id: FieldId| {
            except.contains(&id)
                || whole(id).is_some_and(|whole| except.contains(&whole))
                || except.iter().any(|part| whole(*part) == Some(id))
        };
        for (id, _) in object.fields().filter(|(id, _)| !excepted(*id)) {
            set.insert(id);
        }
        set
    }

    /// The fields listed. To read a compound field is to read its parts, so `with_parts` adds those.
    #[must_use]
    pub fn listed(object: &Object, fields: &[FieldId], with_parts: bool) -> Self {
        let mut set = Self::none(object);
        for id in fields {
            set.insert(*id);
        }
        if with_parts {
            let part_of =
                |field: &crate::schema::Field| field.compound().is_some_and(|whole| fields.contains(&whole));
            for (id, _) in object.fields().filter(|(_, field)| part_of(field)) {
                set.insert(id);
            }
        }
        set
    }

    /// Whether it covers a field.
    #[must_use]
    pub fn contains(&self, field: FieldId) -> bool {
        let (word, bit) = (usize::from(field.0) / 64, field.0 % 64);
        self.every || self.bits.get(word).is_some_and(|bits| bits >> bit & 1 == 1)
    }

    /// Whether it covers every field, also unknown ones.
    #[must_use]
    pub fn covers_every(&self) -> bool {
        self.every
    }

    /// Covers what another set of the same object covers too.
    pub(super) fn add(&mut self, other: &Self) {
        self.every |= other.every;
        if self.bits.len() < other.bits.len() {
            let mut bits = other.bits.clone();
            bits.iter_mut().zip(&self.bits).for_each(|(to, from)| *to |= from);
            self.bits = bits;
        } else {
            self.bits.iter_mut().zip(&other.bits).for_each(|(to, from)| *to |= from);
        }
    }

    fn none(object: &Object) -> Self {
        Self { bits: vec![0; object.field_count().div_ceil(64)].into(), every: false }
    }

    fn insert(&mut self, field: FieldId) {
        if let Some(bits) = self.bits.get_mut(usize::from(field.0) / 64) {
            *bits |= 1 << (field.0 % 64);
        }
    }
}
