//! Cursors: where the next page of an answer is. They belong to the user, not to the client that opened them.

use crate::id::{self, Id};
use crate::soql::plan::{Plan, Rows};
use crate::touch::Touches;
use std::collections::HashMap;
use std::sync::Arc;

/// An answer with more pages.
#[derive(Debug, Clone)]
pub(crate) struct Cursor {
    pub(crate) plan: Arc<Plan>,
    pub(crate) rows: Rows,
    pub(crate) total: u64,
    /// What reading a further page touches.
    pub(crate) touches: Touches,
    pub(crate) user: Id,
    pub(crate) resource: &'static str,
}

/// All open cursors, by the part of the locator before the dash.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    open: HashMap<Id, Arc<Cursor>>,
    next: u64,
}

// === impl Cursors ===

impl Cursors {
    /// Keeps a cursor and returns the part of its locator before the dash.
    pub(crate) fn open(&mut self, cursor: Cursor) -> Id {
        self.next += 1;
        let locator = id::mint("0r8", self.next);
        self.open.insert(locator.clone(), Arc::new(cursor));
        locator
    }

    /// The cursor and the row of a locator such as `0r8...-2000`.
    pub(crate) fn find(&self, locator: &str, user: &str) -> Option<(Id, Arc<Cursor>, u64)> {
        let (name, row) = locator.split_once('-')?;
        let name = id::normalise(name)?;
        let cursor = self.open.get(&name).filter(|cursor| cursor.user == user)?;
        Some((name, cursor.clone(), row.parse().ok()?))
    }
}
