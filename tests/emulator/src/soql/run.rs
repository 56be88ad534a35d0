//! A bound query over the rows of the org.

use super::eval::View;
use super::plan::{Column, Key, Plan, Rows, Scalar};
use crate::fault::{Fault, Outcome};
use crate::store::Found;
use crate::value::Value;
use serde_json::{Map, Value as Json, json};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

/// What a query found, not yet written out.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) total: u64,
    pub(crate) rows: Rows,
}

/// Runs a query.
pub(crate) fn execute(view: View<'_>, plan: &Plan) -> Outcome<Answer> {
    if let Some(answer) = execute_virtual(view, plan) {
        return Ok(answer);
    }
    if plan.count_only {
        let total = matching(view, plan)?.count();
        let total = u64::try_from(total).unwrap_or(u64::MAX).min(plan.limit.unwrap_or(u64::MAX));
        return Ok(Answer { total, rows: Rows::Ready(Arc::default()) });
    }
    if plan.aggregated {
        let rows = groups(view, plan)?;
        let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        return Ok(Answer { total, rows: Rows::Ready(Arc::new(rows)) });
    }
    let ids: Vec<_> = select(view, plan)?.into_iter().map(|found| found.id).collect();
    let total = u64::try_from(ids.len()).unwrap_or(u64::MAX);
    Ok(Answer { total, rows: Rows::Ids(Arc::new(ids)) })
}

/// Made-up rows are not even counted one by one when nothing has to be looked at.
fn execute_virtual(view: View<'_>, plan: &Plan) -> Option<Answer> {
    let object = view.schema.at(plan.object)?;
    let count = view.store.virtual_rows(object);
    let untouched = plan.filter.is_none() && plan.order.is_empty() && plan.group.is_empty();
    if count == 0 || !untouched || (plan.aggregated && !plan.count_only) {
        return None;
    }
    let count = count.saturating_sub(plan.offset).min(plan.limit.unwrap_or(u64::MAX));
    let rows = if plan.count_only {
        Rows::Ready(Arc::default())
    } else {
        Rows::Virtual { from: plan.offset, count }
    };
    Some(Answer { total: count, rows })
}

/// The values of the only column, as a semi-join needs them.
pub(crate) fn single_column(view: View<'_>, plan: &Plan) -> Outcome<Vec<Value>> {
    let [Column::Value { scalar, .. }] = plan.columns.as_slice() else {
        return Err(Fault::malformed_query("a semi join needs exactly one field"));
    };
    let rows = select(view, plan)?;
    Ok(rows.iter().map(|row| view.value(scalar, std::slice::from_ref(row))).collect())
}

/// The rows that match, in order, within offset and limit.
pub(crate) fn select(view: View<'_>, plan: &Plan) -> Outcome<Vec<Found>> {
    let rows = ordered(view, plan)?.into_iter();
    Ok(rows.skip(whole(plan.offset)).take(whole(plan.limit.unwrap_or(u64::MAX))).collect())
}

/// The rows that match, in order, all of them.
pub(crate) fn ordered(view: View<'_>, plan: &Plan) -> Outcome<Vec<Found>> {
    let rows: Vec<Vec<Found>> = matching(view, plan)?.map(|row| vec![row]).collect();
    Ok(sorted(view, &plan.order, rows).into_iter().flatten().collect())
}

fn matching<'a>(view: View<'a>, plan: &'a Plan) -> Outcome<impl Iterator<Item = Found> + 'a> {
    let object = view.schema.at(plan.object).ok_or_else(Fault::not_found)?;
    Ok(view.store.scan(object).filter(move |row| {
        (plan.all_rows || !row.row.deleted)
            && plan.filter.as_ref().is_none_or(|test| view.holds(test, std::slice::from_ref(row)))
    }))
}

fn groups(view: View<'_>, plan: &Plan) -> Outcome<Vec<Json>> {
    let mut places: HashMap<Vec<String>, usize> = HashMap::new();
    let mut groups: Vec<Vec<Found>> = Vec::new();
    if plan.group.is_empty() {
        groups.push(Vec::new());
        places.insert(Vec::new(), 0);
    }
    for row in matching(view, plan)? {
        let of = |scalar: &Scalar| super::eval::key(&view.value(scalar, std::slice::from_ref(&row)), false);
        let key: Vec<String> = plan.group.iter().map(of).collect();
        let place = *places.entry(key).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    groups.retain(|group| plan.having.as_ref().is_none_or(|test| view.holds(test, group)));
    let limit = whole(plan.limit.unwrap_or(2000).min(2000));
    let groups = sorted(view, &plan.order, groups).into_iter().skip(whole(plan.offset)).take(limit);
    Ok(groups.map(|group| group_row(view, plan, &group)).collect())
}

fn group_row(view: View<'_>, plan: &Plan, group: &[Found]) -> Json {
    let mut row = Map::new();
    row.insert("attributes".to_owned(), json!({ "type": "AggregateResult" }));
    for column in &plan.columns {
        if let Column::Value { label, scalar, .. } = column {
            row.insert(label.clone(), view.value(scalar, group).json(scalar.kind()));
        }
    }
    Json::Object(row)
}

fn sorted(view: View<'_>, order: &[Key], groups: Vec<Vec<Found>>) -> Vec<Vec<Found>> {
    if order.is_empty() {
        return groups;
    }
    let keyed = groups.into_iter().map(|group| {
        let keys: Vec<Value> = order.iter().map(|key| view.value(&key.scalar, &group)).collect();
        (keys, group)
    });
    let mut keyed: Vec<(Vec<Value>, Vec<Found>)> = keyed.collect();
    keyed.sort_by(|(a, _), (b, _)| {
        let pairs = order.iter().zip(a.iter().zip(b));
        pairs.map(|(key, (a, b))| by(key, a, b)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
    });
    keyed.into_iter().map(|(_, group)| group).collect()
}

fn by(key: &Key, a: &Value, b: &Value) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) if key.nulls_last => Ordering::Greater,
        (true, false) => Ordering::Less,
        (false, true) if key.nulls_last => Ordering::Less,
        (false, true) => Ordering::Greater,
        (false, false) if key.descending => b.order(a, false),
        (false, false) => a.order(b, false),
    }
}

pub(crate) fn whole(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
