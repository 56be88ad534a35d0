//! One request while it runs: who asks, in which version, and what it has touched so far.

use crate::bulk::Jobs;
use crate::cursor::Cursors;
use crate::fault::{Fault, Outcome};
use crate::id::Id;
use crate::schema::{Object, Schema};
use crate::session::Sessions;
use crate::soql::ast::Query;
use crate::soql::eval::View;
use crate::soql::plan::{Plan, Rows};
use crate::soql::project::Writer;
use crate::soql::{bind, parse, run};
use crate::store::Store;
use crate::touch::Touches;
use jiff::Timestamp;
use serde_json::Value as Json;
use std::sync::Arc;

/// Everything an org remembers.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) schema: Arc<Schema>,
    pub(crate) store: Store,
    pub(crate) cursors: Cursors,
    pub(crate) sessions: Sessions,
    pub(crate) jobs: Jobs,
    /// Ids of records looked at, latest last.
    pub(crate) recent: Vec<Id>,
    /// API calls counted today, and the allowance.
    pub(crate) api_used: u64,
    pub(crate) api_limit: u64,
}

/// What does not change while an org runs.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// 18 characters.
    pub(crate) org_id: String,
    /// Scheme, host and port, without a trailing slash.
    pub(crate) url: String,
}

/// One request while it runs.
pub(crate) struct Call<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) state: &'a mut State,
    pub(crate) touches: Touches,
    pub(crate) user: Id,
    /// The session that the request runs in.
    pub(crate) token: String,
    /// `60` of `v60.0`.
    pub(crate) version: u32,
    pub(crate) namespace: Option<String>,
    /// Rows per page.
    pub(crate) batch: u64,
    pub(crate) now: Timestamp,
}

// === impl Call ===

impl Call<'_> {
    /// What a query may look at.
    pub(crate) fn view(&self) -> View<'_> {
        View {
            schema: &self.state.schema,
            store: &self.state.store,
            now: self.now,
            user: &self.user,
            version: self.version,
            namespace: self.namespace.as_deref(),
        }
    }

    /// The schema, to be held while the call changes.
    pub(crate) fn schema(&self) -> Arc<Schema> {
        self.state.schema.clone()
    }

    /// The object a URL or a body names.
    pub(crate) fn object<'s>(&self, schema: &'s Schema, name: &str) -> Outcome<&'s Object> {
        let qualified = self.namespace.as_deref().map(|namespace| format!("{namespace}__{name}"));
        qualified
            .and_then(|name| schema.object(&name))
            .or_else(|| schema.object(name))
            .ok_or_else(Fault::not_found)
    }

    /// The form in which this moment is stored.
    pub(crate) fn stamp(&self) -> String {
        crate::soql::dates::stamp(self.now)
    }

    /// Binds a query, noting what it touches.
    pub(crate) fn bind(&mut self, query: &Query, all_rows: bool) -> Outcome<Arc<Plan>> {
        let mut touches = std::mem::take(&mut self.touches);
        let plan = bind::bind(self.view(), &mut touches, query, all_rows);
        self.touches = touches;
        plan.map(Arc::new)
    }

    /// Runs a query and writes its first page.
    pub(crate) fn query(&mut self, soql: &str, all_rows: bool) -> Outcome<Json> {
        let located = |fault: Fault| fault.located(soql);
        let plan = parse(soql).and_then(|query| self.bind(&query, all_rows)).map_err(located)?;
        let answer = run::execute(self.view(), &plan)?;
        if plan.marks {
            self.mark_viewed(&plan, &answer.rows);
        }
        let resource = if all_rows { "queryAll" } else { "query" };
        Ok(self.write(resource, |writer| writer.first(&plan, &answer)))
    }

    /// `FOR VIEW` and its like leave the moment on the records that were returned.
    fn mark_viewed(&mut self, plan: &Plan, rows: &Rows) {
        let (schema, stamp) = (self.schema(), self.stamp());
        let (Some(object), Rows::Ids(ids)) = (schema.at(plan.object), rows) else { return };
        for id in ids.iter().take(run::whole(self.batch)) {
            if let Some(found) = self.state.store.get(object, id) {
                let mut row = (*found.row).clone();
                crate::records::set(object, &mut row, "LastViewedDate", &stamp);
                self.state.store.put(object, found.id, row);
            }
        }
    }

    /// Writes the page that a locator names.
    pub(crate) fn more(&mut self, locator: &str) -> Outcome<Json> {
        let (name, cursor, row) = self
            .state
            .cursors
            .find(locator, &self.user)
            .ok_or_else(|| Fault::bad("INVALID_QUERY_LOCATOR", "invalid query locator"))?;
        // What the call that opened it wrote is not written again.
        self.touches.reads(&cursor.touches);
        Ok(self.write(cursor.resource, |writer| writer.next(&name, &cursor, row)))
    }

    /// Lends a writer of rows.
    pub(crate) fn write<T>(&mut self, resource: &'static str, job: impl FnOnce(&mut Writer<'_>) -> T) -> T {
        let touches = self.touches.clone();
        let view = View {
            schema: &self.state.schema,
            store: &self.state.store,
            now: self.now,
            user: &self.user,
            version: self.version,
            namespace: self.namespace.as_deref(),
        };
        let mut writer =
            Writer { view, cursors: &mut self.state.cursors, batch: self.batch, touches: &touches, resource };
        job(&mut writer)
    }
}
