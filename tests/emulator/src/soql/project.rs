//! Rows to JSON, page by page: key order is SELECT order, parents are nested, children come with cursors of their own.

use super::eval::View;
use super::plan::{Column, Hop, Plan, Rows, Scalar};
use super::run::{self, Answer, whole};
use crate::cursor::{Cursor, Cursors};
use crate::id::Id;
use crate::schema::{Kind, Object};
use crate::store::Found;
use crate::touch::Touches;
use crate::value::Value;
use serde_json::{Map, Value as Json, json};
use std::collections::HashMap;
use std::sync::Arc;

/// Writes out the rows of queries.
pub(crate) struct Writer<'a> {
    pub(crate) view: View<'a>,
    pub(crate) cursors: &'a mut Cursors,
    /// Rows per page.
    pub(crate) batch: u64,
    /// What reading a further page touches.
    pub(crate) touches: &'a Touches,
    /// `query` or `queryAll`, for the next page's address.
    pub(crate) resource: &'static str,
}

// === impl Writer ===

impl Writer<'_> {
    /// The first page of an answer.
    pub(crate) fn first(&mut self, plan: &Arc<Plan>, answer: &Answer) -> Json {
        let rows = self.rows(plan, &answer.rows, 0);
        let rest = answer.rows.len() > self.batch;
        let locator = rest.then(|| {
            let cursor = Cursor {
                plan: plan.clone(),
                rows: answer.rows.clone(),
                total: answer.total,
                touches: self.touches.clone(),
                user: self.view.user.to_owned(),
                resource: self.resource,
            };
            format!("{}-{}", self.cursors.open(cursor), self.batch)
        });
        self.page(answer.total, rows, locator)
    }

    /// A further page, from a row on.
    pub(crate) fn next(&mut self, locator: &str, cursor: &Cursor, from: u64) -> Json {
        let rows = self.rows(&cursor.plan, &cursor.rows, from);
        let next = from + self.batch;
        let locator = (next < cursor.rows.len()).then(|| format!("{locator}-{next}"));
        self.page(cursor.total, rows, locator)
    }

    fn page(&self, total: u64, records: Vec<Json>, locator: Option<String>) -> Json {
        let mut page = Map::new();
        page.insert("totalSize".to_owned(), json!(total));
        page.insert("done".to_owned(), json!(locator.is_none()));
        if let Some(locator) = locator {
            let version = self.view.version;
            let url = format!("/services/data/v{version}.0/{}/{locator}", self.resource);
            page.insert("nextRecordsUrl".to_owned(), json!(url));
        }
        page.insert("records".to_owned(), Json::Array(records));
        Json::Object(page)
    }

    /// One page of rows, from a row on.
    pub(crate) fn rows(&mut self, plan: &Arc<Plan>, rows: &Rows, from: u64) -> Vec<Json> {
        let (skip, take) = (whole(from), whole(self.batch));
        let found: Vec<Found> = match rows {
            Rows::Ready(rows) => return rows.iter().skip(skip).take(take).cloned().collect(),
            Rows::Virtual { from: first, count } => {
                let Some(object) = self.view.schema.at(plan.object) else { return Vec::new() };
                let left = whole(count.saturating_sub(from)).min(take);
                self.view.store.scan_virtual(object, first + from).take(left).collect()
            }
            Rows::Ids(ids) => {
                let Some(object) = self.view.schema.at(plan.object) else { return Vec::new() };
                let ids = ids.iter().skip(skip).take(take);
                ids.filter_map(|id| self.view.store.get(object, id)).collect()
            }
        };
        self.records(plan, &found)
    }

    /// Records of a plan's columns.
    pub(crate) fn records(&mut self, plan: &Plan, found: &[Found]) -> Vec<Json> {
        let parents: Vec<&Id> = found.iter().map(|row| &row.id).collect();
        let mut children: Vec<ChildRows> = Vec::new();
        for column in &plan.columns {
            if let Column::Children { key, plan, .. } = column {
                children.push(self.child_rows(&parents, key, plan));
            }
        }
        found.iter().map(|row| self.record(&plan.columns, row, &mut children)).collect()
    }

    fn record(&mut self, columns: &[Column], row: &Found, children: &mut [ChildRows]) -> Json {
        let mut map = self.start(row);
        let mut sets = children.iter_mut();
        for column in columns {
            match column {
                Column::Value { hops, label, scalar } => {
                    let value = self.shown(scalar, row);
                    self.place(&mut map, row, hops, (label, value));
                }
                Column::Children { name, plan, .. } => {
                    let ids = sets.next().and_then(|set| set.by_parent.remove(&row.id)).unwrap_or_default();
                    let set = if ids.is_empty() { Json::Null } else { self.child_set(plan, ids) };
                    map.insert(name.clone(), set);
                }
                Column::TypeOf { hops, when, otherwise } => {
                    self.type_of(&mut map, row, (hops, when, otherwise))
                }
            }
        }
        Json::Object(map)
    }

    fn type_of(&mut self, map: &mut Map<String, Json>, row: &Found, (hops, when, otherwise): Choice<'_>) {
        let Some(last) = hops.last() else { return };
        let parent = self.view.follow(row, hops);
        let value = parent.map_or(Json::Null, |parent| {
            let chosen = when.iter().find(|(object, _)| *object == parent.object);
            self.record(chosen.map_or(otherwise, |(_, columns)| columns), &parent, &mut [])
        });
        map.insert(last.relationship.clone(), value);
    }

    fn start(&self, row: &Found) -> Map<String, Json> {
        let name = self.view.schema.at(row.object).map_or("", |object| object.name.as_str());
        let mut map = Map::new();
        let url = format!("/services/data/v{}.0/sobjects/{name}/{}", self.view.version, row.id);
        map.insert("attributes".to_owned(), json!({ "type": name, "url": url }));
        map
    }

    /// Puts a value under the parents that its hops lead through; a missing parent is null.
    fn place(&self, map: &mut Map<String, Json>, row: &Found, hops: &[Hop], (label, value): (&str, Json)) {
        let Some((hop, rest)) = hops.split_first() else {
            map.insert(label.to_owned(), value);
            return;
        };
        let Some(parent) = self.view.follow(row, std::slice::from_ref(hop)) else {
            map.insert(hop.relationship.clone(), Json::Null);
            return;
        };
        let nested = map.entry(hop.relationship.clone()).or_insert_with(|| Json::Object(self.start(&parent)));
        if let Json::Object(nested) = nested {
            self.place(nested, &parent, rest, (label, value));
        }
    }

    fn shown(&self, scalar: &Scalar, row: &Found) -> Json {
        if let Scalar::Field(reach) = scalar {
            let Some(owner) = self.view.follow(row, &reach.hops) else { return Json::Null };
            return self.field(&reach.field, reach.kind, &owner);
        }
        self.view.value(scalar, std::slice::from_ref(row)).json(scalar.kind())
    }

    /// A field as REST shows it: compounds as objects, bytes as the address where they are.
    fn field(&self, name: &str, kind: Kind, row: &Found) -> Json {
        let Some(object) = self.view.schema.at(row.object) else { return Json::Null };
        match kind {
            Kind::Address => self.address(object, name, row),
            Kind::Location => {
                let part = |part: &str| {
                    let field = format!("{}__{part}__s", name.trim_end_matches("__c"));
                    self.view.own_field(&field, row).json(Kind::Double("double"))
                };
                match part("latitude") {
                    Json::Null => Json::Null,
                    latitude => json!({ "latitude": latitude, "longitude": part("longitude") }),
                }
            }
            Kind::Blob if self.view.own_field(name, row).is_null() => Json::Null,
            Kind::Blob => {
                let version = self.view.version;
                json!(format!("/services/data/v{version}.0/sobjects/{}/{}/{name}", object.name, row.id))
            }
            _ => self.view.own_field(name, row).json(kind),
        }
    }

    fn address(&self, object: &Object, name: &str, row: &Found) -> Json {
        let prefix = name.strip_suffix("Address").unwrap_or(name);
        let mut map = Map::new();
        for part in
            ["City", "Country", "GeocodeAccuracy", "Latitude", "Longitude", "PostalCode", "State", "Street"]
        {
            let known = object.field(&format!("{prefix}{part}"));
            let value = known.map_or(Value::Null, |(_, field)| self.view.own_field(&field.name, row));
            let mut key = part.to_owned();
            key.get_mut(..1).map(str::make_ascii_lowercase).unwrap_or_default();
            map.insert(key, value.json(Kind::Double("double")));
        }
        if map.values().all(Json::is_null) { Json::Null } else { Json::Object(map) }
    }

    /// The children of all parents of a page, found in one pass.
    fn child_rows(&self, parents: &[&Id], key: &str, plan: &Plan) -> ChildRows {
        let mut by_parent: HashMap<Id, Vec<Id>> =
            parents.iter().map(|id| ((*id).clone(), Vec::new())).collect();
        let rows = run::ordered(self.view, plan).unwrap_or_default();
        let (offset, limit) = (whole(plan.offset), whole(plan.limit.unwrap_or(u64::MAX)));
        let mut seen: HashMap<Id, usize> = HashMap::new();
        for row in rows {
            let Some(parent) = super::eval::id_of(&self.view.own_field(key, &row)) else { continue };
            let Some(set) = by_parent.get_mut(&parent) else { continue };
            let place = seen.entry(parent).or_default();
            *place += 1;
            if *place > offset && set.len() < limit {
                set.push(row.id);
            }
        }
        ChildRows { by_parent }
    }

    fn child_set(&mut self, plan: &Arc<Plan>, ids: Vec<Id>) -> Json {
        let total = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        let answer = Answer { total, rows: Rows::Ids(Arc::new(ids)) };
        self.first(plan, &answer)
    }
}

/// The parts of a TYPEOF: the way to the parent, the columns for each object, the columns for all others.
type Choice<'a> = (&'a [Hop], &'a [(usize, Vec<Column>)], &'a [Column]);

struct ChildRows {
    by_parent: HashMap<Id, Vec<Id>>,
}
