//! The rows of the org, and the rows that are made up as they are asked for.

use crate::id::{self, Id};
use crate::schema::{Object, Schema};
use crate::value::{Row, Value};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// All rows. Cloning shares them; the first change to an object's table copies that table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    tables: Vec<Arc<BTreeMap<Id, Arc<Row>>>>,
    /// Which rows of an object have a value in an external-id field, by the field's place and the value.
    keys: Vec<Arc<Keys>>,
    next: Vec<u64>,
    virtual_rows: u64,
}

type Keys = HashMap<(usize, String), Vec<Id>>;

/// A row with its id and the place of its object.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) object: usize,
    pub(crate) id: Id,
    pub(crate) row: Arc<Row>,
}

/// The object whose rows can be made up.
pub(crate) const VIRTUAL: &str = "Reading__c";

// === impl Store ===

impl Store {
    pub(crate) fn new(schema: &Schema) -> Self {
        let count = schema.objects().len();
        Self {
            tables: vec![Arc::default(); count],
            keys: vec![Arc::default(); count],
            next: vec![1; count],
            virtual_rows: 0,
        }
    }

    /// Sets how many rows of [`VIRTUAL`] are made up.
    pub(crate) fn set_virtual_rows(&mut self, rows: u64) {
        self.virtual_rows = rows;
    }

    /// How many rows of an object are made up rather than held.
    pub(crate) fn virtual_rows(&self, object: &Object) -> u64 {
        if object.name == VIRTUAL { self.virtual_rows } else { 0 }
    }

    /// Adds a row under the next free id.
    pub(crate) fn insert(&mut self, object: &Object, row: Row) -> Id {
        let next = self.next.get_mut(object.index).map_or(0, |next| {
            *next += 1;
            *next - 1
        });
        let id = id::mint(&object.id_prefix, next);
        self.put(object, id.clone(), row);
        id
    }

    /// Adds or replaces the row of an id.
    pub(crate) fn put(&mut self, object: &Object, id: Id, row: Row) {
        self.index(object, &id, Some(&row));
        if let Some(table) = self.tables.get_mut(object.index) {
            Arc::make_mut(table).insert(id, Arc::new(row));
        }
    }

    /// Forgets a row for good.
    pub(crate) fn purge(&mut self, object: &Object, id: &str) {
        self.index(object, id, None);
        if let Some(table) = self.tables.get_mut(object.index) {
            Arc::make_mut(table).remove(id);
        }
    }

    /// The rows with a value in an external-id field, whatever its case, deleted ones too.
    pub(crate) fn with_key(&self, object: &Object, place: usize, value: &str) -> Vec<Found> {
        let ids = self.keys.get(object.index).and_then(|keys| keys.get(&(place, value.to_lowercase())));
        ids.into_iter().flatten().filter_map(|id| self.get(object, id)).collect()
    }

    /// Moves a row from the keys it had to the keys it will have.
    fn index(&mut self, object: &Object, id: &str, row: Option<&Row>) {
        let old = self.tables.get(object.index).and_then(|table| table.get(id)).cloned();
        let fields = object.fields.iter().enumerate().filter(|(_, field)| field.external_id);
        for (place, _) in fields {
            let key = |row: &Row| {
                let value = row.get(place);
                (!value.is_null()).then(|| (place, value.display().to_lowercase()))
            };
            let (before, after) = (old.as_deref().and_then(key), row.and_then(key));
            let Some(keys) = self.keys.get_mut(object.index).filter(|_| before != after) else { continue };
            let keys = Arc::make_mut(keys);
            if let Some(ids) = before.and_then(|before| keys.get_mut(&before)) {
                ids.retain(|known| known != id);
            }
            if let Some(after) = after {
                keys.entry(after).or_default().push(id.to_owned());
            }
        }
    }

    /// The row of an id, deleted or not.
    pub(crate) fn get(&self, object: &Object, id: &str) -> Option<Found> {
        let held = self.tables.get(object.index).and_then(|table| table.get(id)).cloned();
        let row = held.or_else(|| {
            let number = id::number(id).filter(|_| id::prefix(id) == object.id_prefix)?;
            self.made_up(object, number.checked_sub(1)?)
        })?;
        Some(Found { object: object.index, id: id.to_owned(), row })
    }

    /// The row of an id whatever its object.
    pub(crate) fn find(&self, schema: &Schema, id: &str) -> Option<Found> {
        self.get(schema.of_id(id)?, id)
    }

    /// Every row of an object in the order of ids.
    pub(crate) fn scan<'a>(&'a self, object: &'a Object) -> Box<dyn Iterator<Item = Found> + 'a> {
        let index = object.index;
        let held = self.tables.get(index).into_iter().flat_map(|table| table.iter());
        let held = held.map(move |(id, row)| Found { object: index, id: id.clone(), row: row.clone() });
        Box::new(self.scan_virtual(object, 0).chain(held))
    }

    /// The made-up rows of an object from a place on.
    pub(crate) fn scan_virtual<'a>(
        &'a self,
        object: &'a Object,
        from: u64,
    ) -> impl Iterator<Item = Found> + use<'a> {
        (from..self.virtual_rows(object)).filter_map(move |place| {
            let row = self.made_up(object, place)?;
            Some(Found { object: object.index, id: id::mint(&object.id_prefix, place + 1), row })
        })
    }

    /// How many rows of an object are not deleted.
    pub(crate) fn count(&self, object: &Object) -> u64 {
        let held = self
            .tables
            .get(object.index)
            .map_or(0, |table| table.values().filter(|row| !row.deleted).count());
        self.virtual_rows(object) + u64::try_from(held).unwrap_or(u64::MAX)
    }

    fn made_up(&self, object: &Object, place: u64) -> Option<Arc<Row>> {
        if place >= self.virtual_rows(object) {
            return None;
        }
        let mut row = Row::default();
        let number = u32::try_from(place).map(f64::from).unwrap_or(f64::MAX);
        let stamp = Value::text("2024-01-01T00:00:00.000+0000");
        for (field, value) in [
            ("Name", Value::text(format!("Reading {place:08}"))),
            ("Value__c", Value::Num(number)),
            ("Note__c", Value::text("made up as it is read")),
            ("CreatedDate", stamp.clone()),
            ("LastModifiedDate", stamp.clone()),
            ("SystemModstamp", stamp),
        ] {
            if let Some((at, _)) = object.field(field) {
                row.set(at, value);
            }
        }
        Some(Arc::new(row))
    }
}
